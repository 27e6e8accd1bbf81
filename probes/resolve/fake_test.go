package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// net6 is a tiny Internet of name servers: one handler an address.
type fakeNet struct {
	t     testing.TB
	mu    sync.Mutex
	at    map[netip.Addr]handler
	delay map[netip.Addr]time.Duration
	log   []string // "addr udp|tcp name TYPE", one a packet
	open  int      // connections
}

// handler answers a query; nil bytes are silence.
type handler func(q *dns.Msg, tcp bool) []byte

func newNet(t testing.TB) *fakeNet {
	return &fakeNet{t: t, at: map[netip.Addr]handler{}, delay: map[netip.Addr]time.Duration{}}
}

func (n *fakeNet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to := netip.MustParseAddrPort(address)
	tcp := strings.HasPrefix(network, "tcp")
	n.mu.Lock()
	h, there := n.at[to.Addr()]
	n.open++
	n.mu.Unlock()
	if !there {
		if !tcp {
			h = func(*dns.Msg, bool) []byte { return nil }
		} else {
			n.closed()
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	if h == nil {
		n.closed()
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	go n.serve(server, to.Addr(), tcp, h)
	return &fakeConn{Conn: client, closed: sync.OnceFunc(n.closed)}, nil
}

func (n *fakeNet) closed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open--
}

type fakeConn struct {
	net.Conn
	closed func()
}

func (c *fakeConn) Close() error { c.closed(); return c.Conn.Close() }

// serve answers the questions of one connection: of TCP in order, of UDP each when
// it is due.
func (n *fakeNet) serve(c net.Conn, at netip.Addr, tcp bool, h handler) {
	defer c.Close()
	var writing sync.Mutex
	for {
		b, err := readQuery(c, tcp)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if err := q.Unpack(b); err != nil {
			n.t.Errorf("a query that does not parse: %v", err)
			return
		}
		if q.RecursionDesired || !q.CheckingDisabled {
			n.t.Errorf("query with RD %v, CD %v", q.RecursionDesired, q.CheckingDisabled)
		}
		over := "udp"
		if tcp {
			over = "tcp"
		}
		n.mu.Lock()
		n.log = append(n.log, fmt.Sprintf("%s %s %s %s", at, over, q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]))
		wait := n.delay[at]
		n.mu.Unlock()
		answer := func() {
			time.Sleep(wait)
			out := h(q, tcp)
			if out == nil {
				return
			}
			if tcp {
				out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
			}
			writing.Lock()
			defer writing.Unlock()
			_, _ = c.Write(out)
		}
		if tcp {
			answer()
		} else {
			go answer()
		}
	}
}

func readQuery(c net.Conn, tcp bool) ([]byte, error) {
	buf := make([]byte, 4096)
	if !tcp {
		k, err := c.Read(buf)
		return buf[:k], err
	}
	if _, err := io.ReadFull(c, buf[:2]); err != nil {
		return nil, err
	}
	k := int(binary.BigEndian.Uint16(buf))
	_, err := io.ReadFull(c, buf[:k])
	return buf[:k], err
}

// packets counts packets sent that contain all the given parts.
func (n *fakeNet) packets(parts ...string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := 0
	for _, l := range n.log {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(l, p) }) {
			k++
		}
	}
	return k
}

// auth is an authoritative server of some zones, given as zone-file texts by
// apex. It answers as the RFCs say, glue and DS in referrals included.
type auth map[string][]dns.RR

func zones(t testing.TB, texts ...string) auth {
	a := auth{}
	for _, text := range texts {
		apex, body, _ := strings.Cut(strings.TrimSpace(text), "\n")
		apex = strings.TrimSpace(apex)
		zp := dns.NewZoneParser(strings.NewReader(body), apex, "")
		zp.SetDefaultTTL(3600)
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			a[apex] = append(a[apex], rr)
		}
		if err := zp.Err(); err != nil {
			t.Fatalf("zone %s: %v", apex, err)
		}
		soa, _ := dns.NewRR(apex + " 3600 IN SOA ns. host. 1 2 3 4 5")
		a[apex] = append(a[apex], soa)
	}
	return a
}

func (a auth) handle(q *dns.Msg, tcp bool) []byte { return pack1(a.answer(q, tcp)) }

func pack1(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func (a auth) answer(q *dns.Msg, tcp bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, true)
	}
	qq := question{strings.ToLower(q.Question[0].Name), q.Question[0].Qtype}
	apex := a.zoneOf(qq)
	if apex == "" {
		m.Rcode = dns.RcodeRefused
		return m
	}
	if cut := a.cut(apex, qq); cut != "" {
		m.Ns = append(a.find(apex, cut, dns.TypeNS), a.find(apex, cut, dns.TypeDS)...)
		m.Ns = append(m.Ns, a.find(apex, cut, dns.TypeNSEC)...)
		for _, rr := range a.find(apex, cut, dns.TypeNS) {
			for _, z := range a {
				m.Extra = append(m.Extra, pick(z, rr.(*dns.NS).Ns, dns.TypeA)...)
				m.Extra = append(m.Extra, pick(z, rr.(*dns.NS).Ns, dns.TypeAAAA)...)
			}
		}
		return m
	}
	m.Authoritative = true
	m.Answer = a.find(apex, qq.name, qq.qtype)
	if len(m.Answer) == 0 {
		m.Answer = a.find(apex, qq.name, dns.TypeCNAME)
	}
	if len(m.Answer) == 0 {
		m.Ns = pick(a[apex], apex, dns.TypeSOA)
		if !slices.ContainsFunc(a[apex], func(rr dns.RR) bool { return within(rr.Header().Name, qq.name) }) {
			m.Rcode = dns.RcodeNameError
		}
	}
	return m
}

func (a auth) zoneOf(q question) string {
	best := ""
	for apex := range a {
		if within(q.name, apex) && len(apex) > len(best) && (q.qtype != dns.TypeDS || q.name != apex || apex == ".") {
			best = apex
		}
	}
	return best
}

// cut returns the delegation between apex and the name.
func (a auth) cut(apex string, q question) string {
	for _, n := range descent(q.name) {
		if n != apex && within(n, apex) && len(a.find(apex, n, dns.TypeNS)) > 0 && (q.qtype != dns.TypeDS || n != q.name) {
			return n
		}
	}
	return ""
}

// find returns an RRset with its signatures.
func (a auth) find(apex, name string, t uint16) []dns.RR { return pick(a[apex], name, t) }

func pick(rrs []dns.RR, name string, t uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		sig, ok := rr.(*dns.RRSIG)
		if rr.Header().Name == name && (rr.Header().Rrtype == t || ok && sig.TypeCovered == t) {
			out = append(out, rr)
		}
	}
	return out
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// put puts a server at addresses.
func (n *fakeNet) put(h handler, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		n.at[addr(a)] = h
	}
}

// slow makes a server take its time.
func (n *fakeNet) slow(d time.Duration, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		n.delay[addr(a)] = d
	}
}

// resolver returns a Resolver on n with the root at 192.0.2.1 and 2001:db8::1.
func (n *fakeNet) resolver(change ...func(*Config)) *Resolver {
	c := Config{Dial: n.dial, Hints: []Server{{"a.root.", []netip.Addr{addr("192.0.2.1"), addr("2001:db8::1")}}}}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

func v6(c *Config) { c.Families = V6 }
func v4(c *Config) { c.Families = V4 }

// bubble runs f on a fake clock and checks that nothing is left behind.
func bubble(t *testing.T, f func(t *testing.T, n *fakeNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t)
		f(t, n)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n.open != 0 {
			t.Errorf("%d connections left open", n.open)
		}
	})
}

// want checks the answer's records of the type asked for.
func want(t *testing.T, r *Resolver, name string, qtype uint16, data ...string) *dns.Msg {
	t.Helper()
	m, err := r.Query(t.Context(), name, qtype)
	if err != nil {
		t.Errorf("%s %s: %v", name, dns.TypeToString[qtype], err)
		for _, e := range r.Evidence(name, qtype) {
			t.Logf("  %+v", e)
		}
		return nil
	}
	var got []string
	for _, rr := range m.Answer {
		if _, sig := rr.(*dns.RRSIG); !sig {
			_, text, _ := strings.Cut(rr.String(), dns.TypeToString[rr.Header().Rrtype]+"\t")
			got = append(got, text)
		}
	}
	if !slices.Equal(got, data) {
		t.Errorf("%s %s: got %q (%s), want %q", name, dns.TypeToString[qtype], got, dns.RcodeToString[m.Rcode], data)
	}
	return m
}

func failure(t *testing.T, r *Resolver, name string, qtype uint16) *Failure {
	t.Helper()
	m, err := r.Query(t.Context(), name, qtype)
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("%s: got %v, %v; want a Failure", name, m, err)
	}
	return f
}

const rootText = `.
vn. NS ns.vn.
ns.vn. A 192.0.2.2
ns.vn. AAAA 2001:db8::2
test. NS ns.test.
ns.test. A 192.0.2.3
ns.test. AAAA 2001:db8::3
`

// plainWorld has root, vn with x.vn delegated with glue, and test.
func plainWorld(t testing.TB, n *fakeNet) {
	n.put(zones(t, rootText).handle, "192.0.2.1", "2001:db8::1")
	n.put(zones(t, "vn.\n@ NS ns\nns A 192.0.2.2\nns AAAA 2001:db8::2\nx NS ns1.x\nx NS ns2.x\nns1.x A 192.0.2.11\nns1.x AAAA 2001:db8::11\nns2.x A 192.0.2.12\nns2.x AAAA 2001:db8::12\nglueless NS ns1.test.\nv4 NS ns.v4\nns.v4 A 192.0.2.14\n").handle, "192.0.2.2", "2001:db8::2")
	n.put(zones(t, "test.\n@ NS ns\nns A 192.0.2.3\nns AAAA 2001:db8::3\nns1 A 192.0.2.13\nns1 AAAA 2001:db8::13\n").handle, "192.0.2.3", "2001:db8::3")
	n.put(zones(t, xText).handle, "192.0.2.11", "2001:db8::11", "192.0.2.12", "2001:db8::12")
	n.put(zones(t, "glueless.vn.\n@ NS ns1.test.\nwww AAAA 2001:db8:80::2\n").handle, "192.0.2.13", "2001:db8::13")
	n.put(zones(t, "v4.vn.\n@ NS ns\nns A 192.0.2.14\nwww AAAA 2001:db8:80::3\n").handle, "192.0.2.14")
}

const xText = "x.vn.\n@ NS ns1\n@ NS ns2\nwww AAAA 2001:db8:80::1\nwww A 192.0.2.80\nalias CNAME www\nout CNAME www.glueless.vn.\n"
