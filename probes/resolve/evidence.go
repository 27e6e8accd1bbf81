package resolve

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// exchanges is a bounded log of one look-up.
type exchanges struct {
	mu     sync.Mutex
	list   []exchange
	closed bool
}

func (l *exchanges) add(x exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.list = tail(append(l.list, x))
	}
}

func (l *exchanges) all() []exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]exchange(nil), l.list...)
}

// close returns all, and keeps nothing that is added from now on.
func (l *exchanges) close() []exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.list
}

// tail keeps the last maxEvidence.
func tail(l []exchange) []exchange {
	if n := len(l) - maxEvidence; n > 0 {
		return append(l[:0:0], l[n:]...)
	}
	return l
}

func evidence(l []exchange) []verdict.Evidence {
	if len(l) == 0 {
		return nil
	}
	out := make([]verdict.Evidence, len(l))
	for i, x := range l {
		out[i] = x.evidence()
	}
	return out
}

// evidence words an exchange.
func (x exchange) evidence() verdict.Evidence {
	asked := x.to.String()
	if x.server != "" {
		asked = strings.TrimSuffix(x.server, ".") + " " + asked
	}
	return verdict.Evidence{At: x.at, Asked: asked, Over: network(x.to.Addr(), x.how.tcp), Query: x.q.String(), Answer: x.reply()}
}

// reply words what came back, as received, then what it was taken for.
func (x exchange) reply() string {
	var b strings.Builder
	b.Grow(96)
	if x.cause != "" {
		b.WriteString(x.cause.In(verdict.EN))
		if x.cause == verdict.Malformed || x.cause == verdict.OtherCause || x.cause == verdict.Forbidden || x.cause == verdict.OptedOut {
			fmt.Fprintf(&b, " (%v)", x.err)
		}
	} else {
		rcode, ok := dns.RcodeToString[int(x.rcode)]
		if !ok {
			rcode = fmt.Sprintf("RCODE%d", x.rcode)
		}
		b.WriteString(rcode)
		for _, flag := range []struct {
			set  bool
			name string
		}{{x.aa, " aa"}, {x.tc, " tc"}, {x.ra, " ra"}} {
			if flag.set {
				b.WriteString(flag.name)
			}
		}
		count(&b, x.counts[0], " in answer")
		count(&b, x.counts[1], " in authority")
		count(&b, x.size, " bytes")
	}
	if x.how.rd {
		b.WriteString(", recursion asked for")
	}
	if !x.how.edns {
		b.WriteString(", asked without EDNS")
	}
	if x.note != "" {
		b.WriteString("; ")
		b.WriteString(x.note)
	}
	return b.String()
}

func count(b *strings.Builder, n uint16, of string) {
	var digits [20]byte
	b.WriteString(", ")
	b.Write(strconv.AppendInt(digits[:0], int64(n), 10))
	b.WriteString(of)
}

// size estimates the memory an answer takes, in bytes: what unpacked records
// take is about six times what they took on the wire.
func (a *answer) size() int {
	n := 1024 + 256*len(a.exchanges)
	if a.msg != nil {
		for _, section := range [][]dns.RR{a.msg.Answer, a.msg.Ns} {
			for _, rr := range section {
				n += 200 + 3*dns.Len(rr)
			}
		}
	}
	return n
}
