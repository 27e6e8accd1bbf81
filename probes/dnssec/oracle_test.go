package dnssec

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// explained are the cases where unbound says something else, each with the text
// that ours rests on.
var explained = map[string]string{
	"www.d.nsec.vn. CNAME": "RFC 6672 5.3.1: the unsigned CNAME is validated by its DNAME; unbound asks for DS below the DNAME instead",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaa.long.nsec.vn. A": "RFC 6672 2.2: the signed DNAME proves YXDOMAIN; unbound does not validate that code",
	"signature: foreign signer beside a good one":                                            "RFC 4035 5.3.3: any valid RRSIG is enough; unbound looks at the first one's signer only",
	"signature: insecure-looking signer beside a good one":                                   "RFC 4035 5.3.3, as above",
	"signature: revoked key":                                                                 "RFC 5011 2.1: a revoked key is used for nothing but its own revocation",
	"key: DS names a revoked key":                                                            "RFC 5011 2.1",
	"key: SHA-1 good, SHA-256 wrong":                                                         "RFC 4509 3: SHA-1 digests are ignored beside SHA-256; unbound does so only with harden-algo-downgrade",
	"signature: ANY answered with nothing":                                                   "RFC 4035 5.4: the NSEC shows types at the name, so NODATA to a question for all of them is disproved",
	"nsec: proof of another zone beside":                                                     "RFC 4035 5.4: the denial stands on the zone's own records; the Source has dropped others",
}

// serve answers from a world on loopback, over UDP and TCP, for programs that
// are told to forward to it.
func serve(t *testing.T, current func() Source) (port string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback: ", err)
	}
	_, port, _ = net.SplitHostPort(pc.LocalAddr().String())
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Skip("no loopback: ", err)
	}
	handler := dns.HandlerFunc(func(rw dns.ResponseWriter, q *dns.Msg) {
		m, err := current().Query(context.Background(), q.Question[0].Name, q.Question[0].Qtype)
		if err != nil {
			m = new(dns.Msg)
			m.Rcode = dns.RcodeServerFailure
		}
		rcode := m.Rcode
		out := m.Copy()
		out.SetReply(q)
		out.Rcode, out.RecursionAvailable, out.Answer, out.Ns = rcode, true, m.Answer, m.Ns
		out.SetEdns0(4096, true)
		if rw.LocalAddr().Network() == "udp" {
			out.Truncate(4096)
		}
		_ = rw.WriteMsg(out)
	})
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return port
}

// oracle asks unbound-host about what a source serves.
type oracle struct {
	bin, dir, port string
	src            atomic.Pointer[Source] // the server's goroutines read it
	anchors        []dns.RR
}

func (o *oracle) serves(src Source) { o.src.Store(&src) }

// newOracle skips the test where unbound-host is not installed.
func newOracle(t *testing.T) *oracle {
	t.Helper()
	bin, err := exec.LookPath("unbound-host")
	if err != nil {
		t.Skip("unbound-host is not installed")
	}
	o := &oracle{bin: bin, dir: t.TempDir()}
	o.port = serve(t, func() Source { return *o.src.Load() })
	return o
}

// ask returns unbound's verdict and its words.
func (o *oracle) ask(t *testing.T, name string, qtype uint16) (State, string) {
	t.Helper()
	var anchors strings.Builder
	for _, a := range o.anchors {
		fmt.Fprintln(&anchors, a)
	}
	conf := filepath.Join(o.dir, "conf")
	must(t, os.WriteFile(filepath.Join(o.dir, "anchors"), []byte(anchors.String()), 0o600))
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `server:
 module-config: "validator iterator"
 trust-anchor-file: %q
 val-override-date: %q
 val-sig-skew-min: 0
 val-sig-skew-max: 0
 do-not-query-localhost: no
 qname-minimisation: no
 local-zone: "." transparent
 edns-buffer-size: 4096
forward-zone:
 name: "."
 forward-addr: 127.0.0.1@%s
`, filepath.Join(o.dir, "anchors"), testNow.Format("20060102150405"), o.port), 0o600))
	out, _ := exec.Command(o.bin, "-C", conf, "-v", "-t", typeName(qtype), name).CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "(BOGUS"), strings.Contains(text, "SERVFAIL"):
		return Bogus, text
	case strings.Contains(text, "(secure)"):
		return Secure, text
	case strings.Contains(text, "(insecure)"):
		return Insecure, text
	}
	return Indeterminate, text
}

// agree compares our verdict with unbound's. What we call indeterminate (no
// answer, too much work) it calls SERVFAIL too.
func (o *oracle) agree(t *testing.T, title, name string, qtype uint16) {
	t.Helper()
	ours := New(*o.src.Load(), o.anchors, func() time.Time { return testNow }).Validate(context.Background(), name, qtype)
	theirs, text := o.ask(t, name, qtype)
	if ours.State != theirs && (ours.State != Indeterminate || theirs != Bogus) && explained[title] == "" {
		t.Errorf("%s (%s %s): ours %v, unbound %v\n%s\n%.600s", title, name, typeName(qtype), ours.State, theirs, reasonsText(ours), text)
	}
}

// TestAgreesWithUnbound puts our verdict beside that of unbound, where it is
// installed, on every case of this package.
func TestAgreesWithUnbound(t *testing.T) {
	o := newOracle(t)
	w := newWorld(t, province()...)
	o.serves(w)
	o.anchors = w.anchors
	for _, c := range goodCases {
		if c.qtype != dns.TypeRRSIG {
			o.agree(t, c.name+" "+typeName(c.qtype), c.name, c.qtype)
		}
	}
	for set, cases := range map[string][]brokenCase{"signature": signatureCases, "key": keyCases, "nsec": nsecCases, "nsec3": nsec3Cases, "alias": aliasCases} {
		for _, c := range cases {
			w = newWorld(t, withExtras()...)
			c.do(w)
			o.serves(w)
			o.anchors = w.anchors
			name, qtype := c.name, c.qtype
			if name == "" {
				name = www
			}
			if qtype == 0 {
				qtype = dns.TypeA
			}
			o.agree(t, set+": "+c.title, name, qtype)
		}
	}
	w = newWorld(t, withExtras()...)
	o.serves(w)
	for _, c := range anchorCases(w) {
		if o.anchors = c.anchors; len(c.anchors) > 0 && c.code != "dnssec.indeterminate.no-anchor" {
			o.agree(t, "anchor: "+c.title, c.name, c.qtype)
		}
	}
}

var oracleRuns = flag.Int("oracle", 0, "how many random changes to put before unbound too")

// altered plays back changed messages and asks the world for the rest.
type altered struct {
	tape tape
	rest Source
}

func (a altered) Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	if m := a.tape[key16(mustName(name), qtype)]; m != nil {
		return m.Copy(), nil
	}
	return a.rest.Query(ctx, name, qtype)
}

// TestAgreesWithUnboundOnRandomChanges takes good answers, changes something at
// random, and compares. With -oracle N.
func TestAgreesWithUnboundOnRandomChanges(t *testing.T) {
	if *oracleRuns == 0 {
		t.Skip("no -oracle N")
	}
	o := newOracle(t)
	w := newWorld(t, province()...)
	o.anchors = w.anchors
	all := tape{}
	for _, c := range goodCases {
		maps.Copy(all, recordAll(t, w, c.name, c.qtype))
	}
	others := slices.Sorted(maps.Keys(all))
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range *oracleRuns {
		c := goodCases[r.IntN(len(goodCases))]
		if c.qtype == dns.TypeRRSIG || c.qtype == dns.TypeANY || explained[c.name+" "+typeName(c.qtype)] != "" {
			continue
		}
		own := recordAll(t, w, c.name, c.qtype)
		keys := slices.Sorted(maps.Keys(own))
		key := keys[r.IntN(len(keys))]
		m := own[key].Copy()
		title := key + " of " + c.name + ": "
		section := &m.Answer
		if len(m.Answer) == 0 || len(m.Ns) > 0 && r.IntN(2) == 0 {
			section = &m.Ns
		}
		switch kind := r.IntN(5); {
		case kind == 0 && len(*section) > 0:
			gone := (*section)[r.IntN(len(*section))]
			title += "without " + gone.String()
			*section = slices.DeleteFunc(*section, func(rr dns.RR) bool { // no signature without its records
				return rr == gone || covers(rr, gone.Header().Rrtype) && rr.Header().Name == gone.Header().Name
			})
		case kind == 1:
			from := others[r.IntN(len(others))]
			title += "answered as " + from
			m = all[from].Copy()
		case kind == 2 && len(m.Answer) == 0: // beside records, unbound wants it to hold; we do not look
			from := others[r.IntN(len(others))]
			title += "authority of " + from
			m.Ns, m.Rcode = all[from].Copy().Ns, all[from].Rcode
		case kind == 3 && len(*section) > 0:
			i := r.IntN(len(*section))
			if changed := mutants((*section)[i]); len(changed) > 0 {
				title += "changed " + (*section)[i].String()
				changed = slices.DeleteFunc(changed, func(rr dns.RR) bool { return rr.Header().Class != dns.ClassINET })
				(*section)[i] = changed[r.IntN(len(changed))]
				title += " to " + (*section)[i].String()
			}
		default:
			m.Rcode = []int{dns.RcodeSuccess, dns.RcodeNameError}[r.IntN(2)]
			title += rcodeName(m.Rcode)
		}
		o.serves(altered{tape{key: m}, w})
		o.agree(t, title, c.name, c.qtype)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
