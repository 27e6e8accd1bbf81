package probes_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/miekg/dns"
)

// stage serves a scenario at some of its steps, over in-memory connections.
type stage struct {
	s    *scenario
	step [2]int // of the question, and of what follows it: scripts mean one or the other
	dumb bool   // a question without a scripted answer meets silence, not SERVFAIL
	bare bool   // answers have no OPT record but where the script says DO

	mu   sync.Mutex
	log  []string
	used map[*entry]bool // answers that are steps of their own, given
	wg   sync.WaitGroup
}

// dial is a dial.Func.
func (g *stage) dial(_ context.Context, network, address string) (net.Conn, error) {
	to := netip.MustParseAddrPort(address)
	if !g.known(to.Addr()) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	tcp := strings.HasPrefix(network, "tcp")
	g.wg.Go(func() { g.serve(server, to.Addr(), tcp) })
	return packetConn{client}, nil
}

// packetConn makes of a pipe what a connected UDP socket is.
type packetConn struct{ net.Conn }

func (c packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

func (c packetConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

func (g *stage) known(a netip.Addr) bool {
	if slices.ContainsFunc(g.s.steps, func(st scriptStep) bool { return st.kind == "REPLY" }) {
		return true // a step of its own answers for any address
	}
	return slices.ContainsFunc(g.s.ranges, func(s serving) bool { return len(s.addrs) == 0 || slices.Contains(s.addrs, a) })
}

func (g *stage) serve(c net.Conn, at netip.Addr, tcp bool) {
	defer c.Close()
	buf := make([]byte, 65537)
	for {
		b := buf
		if tcp {
			if _, err := io.ReadFull(c, buf[:2]); err != nil {
				return
			}
			b = buf[2 : 2+binary.BigEndian.Uint16(buf)]
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
		} else {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			b = buf[:n]
		}
		q := new(dns.Msg)
		if q.Unpack(b) != nil || len(q.Question) != 1 {
			return
		}
		out := g.answer(at, q, tcp)
		if out == nil {
			continue
		}
		if tcp {
			out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// answer finds the scripted answer: the first entry that matches, in the
// ranges of the step.
func (g *stage) answer(at netip.Addr, q *dns.Msg, tcp bool) []byte {
	note := at.String() + " " + q.Question[0].Name + " " + dns.Type(q.Question[0].Qtype).String()
	if tcp {
		note += " tcp"
	}
	e := g.find(at, q, tcp)
	if e == nil {
		note += " (not scripted)"
	}
	g.mu.Lock()
	g.log = append(g.log, note)
	g.mu.Unlock()
	switch {
	case e == nil && g.dumb:
		return nil
	case e == nil:
		m := new(dns.Msg)
		m.SetRcode(q, dns.RcodeServerFailure)
		return packed(m)
	case slices.Contains(e.adjust, "do_not_answer"):
		return nil
	case e.raw != nil:
		raw := slices.Clone(e.raw)
		if len(raw) >= 2 && slices.Contains(e.adjust, "copy_id") {
			binary.BigEndian.PutUint16(raw, q.Id)
		}
		return raw
	}
	m := *e.msg
	m.Id = q.Id // testbound compares no ids, and some entries forget to ask for it
	if slices.Contains(e.adjust, "copy_query") {
		m.Question = q.Question
	}
	if opt := q.IsEdns0(); opt != nil && (e.do || !g.bare) && m.IsEdns0() == nil {
		m.Extra = slices.Clone(m.Extra)
		m.SetEdns0(4096, opt.Do())
	}
	return packed(&m)
}

func packed(m *dns.Msg) []byte {
	out, err := m.Pack()
	if err != nil {
		panic(fmt.Sprintf("%v in\n%v", err, m))
	}
	return out
}

func (g *stage) find(at netip.Addr, q *dns.Msg, tcp bool) *entry {
	for _, s := range g.s.ranges {
		if !g.during(s) || len(s.addrs) > 0 && !slices.Contains(s.addrs, at) {
			continue
		}
		for _, e := range s.entries {
			if e.matches(q, tcp) {
				return e
			}
		}
	}
	return g.scripted(q, tcp)
}

// scripted finds the answer among those that are steps of their own: each once,
// in the order of the script, then the last again.
func (g *stage) scripted(q *dns.Msg, tcp bool) (last *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.used == nil {
		g.used = make(map[*entry]bool)
	}
	for _, s := range g.s.steps {
		if s.kind != "REPLY" || s.n < g.step[0] || !s.entry.matches(q, tcp) {
			continue
		}
		if last = s.entry; !g.used[last] {
			g.used[last] = true
			return last
		}
	}
	return last
}

func (g *stage) during(s serving) bool {
	return slices.ContainsFunc(g.step[:], func(n int) bool { return s.from <= n && n <= s.to })
}

// matches compares a question with the entry's own by the words after MATCH.
func (e *entry) matches(q *dns.Msg, tcp bool) bool {
	if len(e.msg.Question) == 0 {
		return len(e.match) == 0
	}
	own, asked := e.msg.Question[0], q.Question[0]
	name := dns.CanonicalName(asked.Name)
	opt := q.IsEdns0()
	for _, m := range e.match {
		ok := true
		switch m {
		case "qname":
			ok = name == dns.CanonicalName(own.Name)
		case "qtype":
			ok = asked.Qtype == own.Qtype
		case "question", "all":
			ok = name == dns.CanonicalName(own.Name) && asked.Qtype == own.Qtype
		case "subdomain":
			ok = dns.IsSubDomain(dns.CanonicalName(own.Name), name)
		case "opcode":
			ok = q.Opcode == e.msg.Opcode
		case "TCP":
			ok = tcp
		case "UDP":
			ok = !tcp
		case "DO":
			ok = opt != nil && opt.Do()
		case "noedns":
			ok = opt == nil
		}
		if !ok {
			return false
		}
	}
	return true
}
