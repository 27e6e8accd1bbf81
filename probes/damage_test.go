package probes_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
)

// path is what lies between us and the servers.
type path struct {
	to func(query []byte, at netip.AddrPort, tcp bool) bool           // false: lost on the way
	no func(at netip.AddrPort, tcp bool) error                        // what a dial ends in
	on func(reply []byte, at netip.AddrPort, tcp bool) (out [][]byte) // what becomes of a reply: none, lost
}

func (p path) dial(next dial.Func) dial.Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		at, tcp := netip.MustParseAddrPort(address), strings.HasPrefix(network, "tcp")
		if p.no != nil {
			if err := p.no(at, tcp); err != nil {
				return nil, &net.OpError{Op: "dial", Net: network, Err: err}
			}
		}
		c, err := next(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &pathConn{Conn: c, p: p, at: at, tcp: tcp}, nil
	}
}

type pathConn struct {
	net.Conn
	p    path
	at   netip.AddrPort
	tcp  bool
	held [][]byte // datagrams, or what is left of the stream
}

func (c *pathConn) Write(b []byte) (int, error) {
	query := b
	if c.tcp && len(b) > 2 {
		query = b[2:]
	}
	if c.p.to != nil && !c.p.to(query, c.at, c.tcp) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *pathConn) Read(b []byte) (int, error) {
	for len(c.held) == 0 {
		if err := c.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.held[0])
	if c.held[0] = c.held[0][n:]; !c.tcp || len(c.held[0]) == 0 {
		c.held = c.held[1:]
	}
	return n, nil
}

// fetch takes the next message from the server and lets the path have its way.
func (c *pathConn) fetch() error {
	buf := make([]byte, 65536)
	if !c.tcp {
		n, err := c.Conn.Read(buf)
		if err != nil {
			return err
		}
		c.held = c.change(buf[:n])
		return nil
	}
	if _, err := io.ReadFull(c.Conn, buf[:2]); err != nil {
		return err
	}
	m := buf[:binary.BigEndian.Uint16(buf)]
	if _, err := io.ReadFull(c.Conn, m); err != nil {
		return err
	}
	got := c.change(m)
	if len(got) == 0 {
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	for _, m := range got {
		c.held = append(c.held, append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	}
	return nil
}

func (c *pathConn) change(m []byte) [][]byte {
	if c.p.on == nil {
		return [][]byte{m}
	}
	return c.p.on(m, c.at, c.tcp)
}

// asks and replies of a world that paths and forgers are let loose on.
var pathQuestions = []struct {
	world, name string
	qtype       uint16
}{
	{"base", "www.tinh.gov.vn", dns.TypeAAAA}, {"base", "www.tinh.gov.vn", dns.TypeTXT}, {"base", "none.tinh.gov.vn", dns.TypeA},
	{"base", "tinh.gov.vn", dns.TypeDNSKEY}, {"base", "tinh.gov.vn", dns.TypeDS}, {"base", "none.gov.vn", dns.TypeDS},
	{"dnssec-wildcard", "www.tinh.gov.vn", dns.TypeAAAA}, {"dnssec-wildcard-nodata", "www.tinh.gov.vn", dns.TypeAAAA},
	{"dnssec-cname-secure", "www.tinh.gov.vn", dns.TypeAAAA}, {"dnssec-cname-insecure", "www.tinh.gov.vn", dns.TypeAAAA},
	{"dnssec-dname", "www.tinh.gov.vn", dns.TypeAAAA}, {"dnssec-nsec3-nodata", "www.tinh.gov.vn", dns.TypeAAAA},
	{"dnssec-insecure-nsec3", "www.tinh.gov.vn", dns.TypeAAAA}, {"dnssec-insecure-nsec", "www.tinh.gov.vn", dns.TypeAAAA},
	{"dnssec-insecure-optout", "www.tinh.gov.vn", dns.TypeAAAA}, {"dnssec-same-server", "www.tinh.gov.vn", dns.TypeAAAA},
	{"posture-large", "www.tinh.gov.vn", dns.TypeAAAA},
}

func lost([]byte, netip.AddrPort, bool) [][]byte { return nil }

func isEDNS(m []byte) bool {
	d := new(dns.Msg)
	return d.Unpack(m) == nil && d.IsEdns0() != nil
}

// edited unpacks a reply, changes it and packs it again.
func edited(m []byte, f func(*dns.Msg)) [][]byte {
	d := new(dns.Msg)
	if d.Unpack(m) != nil {
		return [][]byte{m}
	}
	f(d)
	b, err := d.Pack()
	if err != nil {
		return [][]byte{m}
	}
	return [][]byte{b}
}

func emptied(rcode int) func([]byte, netip.AddrPort, bool) [][]byte {
	return func(m []byte, _ netip.AddrPort, _ bool) [][]byte {
		return edited(m, func(d *dns.Msg) { d.Rcode, d.Answer, d.Ns, d.Extra = rcode, nil, nil, nil })
	}
}

func noTCP(_ netip.AddrPort, tcp bool) error {
	if tcp {
		return syscall.ECONNREFUSED
	}
	return nil
}

func one(m []byte) [][]byte { return [][]byte{m} }

// damages are what happens to packets, and to servers' willingness, without any
// record being changed.
func damages() map[string]path {
	out := map[string]path{
		"everything lost": {on: lost},
		"large datagrams lost": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if !tcp && len(m) > 512 {
				return nil
			}
			return one(m)
		}},
		"large lost, no TCP": {no: noTCP, on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if len(m) > 512 {
				return nil
			}
			return one(m)
		}},
		"larger lost, no TCP": {no: noTCP, on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if len(m) > 900 {
				return nil
			}
			return one(m)
		}},
		"EDNS lost":         {to: func(q []byte, _ netip.AddrPort, _ bool) bool { return !isEDNS(q) }},
		"EDNS lost, no TCP": {no: noTCP, to: func(q []byte, _ netip.AddrPort, _ bool) bool { return !isEDNS(q) }},
		"UDP lost": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if !tcp {
				return nil
			}
			return one(m)
		}},
		"TCP reset": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if tcp {
				return nil
			}
			return one(m)
		}},
		"truncated, no TCP": {no: noTCP, on: func(m []byte, _ netip.AddrPort, _ bool) [][]byte {
			return edited(m, func(d *dns.Msg) { d.Truncated = true; d.Answer, d.Ns = nil, nil })
		}},
		"truncated, TCP reset": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if tcp {
				return nil
			}
			return edited(m, func(d *dns.Msg) { d.Truncated = true; d.Answer, d.Ns, d.Extra = nil, nil, nil })
		}},
		"truncated on TCP too": {on: func(m []byte, _ netip.AddrPort, _ bool) [][]byte {
			return edited(m, func(d *dns.Msg) { d.Truncated = true; d.Answer = d.Answer[:len(d.Answer)/2]; d.Ns = nil })
		}},
		"half of each datagram": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte { return one(m[:len(m)/2]) }},
		"the header only":       {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte { return one(m[:12]) }},
		"half, with its counts": {no: noTCP, on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte { return one(m[:len(m)*3/4]) }},
		"another id first": {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
			if tcp {
				return one(m)
			}
			b := bytes.Clone(m)
			b[0] ^= 1
			return [][]byte{b, m}
		}},
		"another id only":     {on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte { b := bytes.Clone(m); b[0] ^= 1; return one(b) }},
		"SERVFAIL":            {on: emptied(dns.RcodeServerFailure)},
		"REFUSED":             {on: emptied(dns.RcodeRefused)},
		"NOTIMP":              {on: emptied(dns.RcodeNotImplemented)},
		"FORMERR":             {on: emptied(dns.RcodeFormatError)},
		"NOTAUTH":             {on: emptied(dns.RcodeNotAuth)},
		"refused by the host": {no: func(netip.AddrPort, bool) error { return syscall.ECONNREFUSED }},
		"IPv4 gone, large IPv6 lost": {no: func(at netip.AddrPort, _ bool) error {
			if at.Addr().Is4() {
				return syscall.ENETUNREACH
			}
			return nil
		},
			on: func(m []byte, _ netip.AddrPort, tcp bool) [][]byte {
				if len(m) > 600 {
					return nil
				}
				return one(m)
			}},
	}
	for _, kind := range []string{"DNSKEY", "DS", "AAAA"} {
		out[kind+" lost"] = path{to: func(q []byte, _ netip.AddrPort, _ bool) bool {
			d := new(dns.Msg)
			return d.Unpack(q) != nil || dns.TypeToString[d.Question[0].Qtype] != kind
		}}
		out[kind+" only with EDNS lost"] = path{to: func(q []byte, _ netip.AddrPort, _ bool) bool {
			d := new(dns.Msg)
			return d.Unpack(q) != nil || dns.TypeToString[d.Question[0].Qtype] != kind || d.IsEdns0() == nil
		}}
	}
	for i := range uint64(12) { // at random, more and more of it; to refuse EDNS is a server's own word, no damage
		rng := rand.New(rand.NewPCG(7, i))
		var mu sync.Mutex
		kinds := []func([]byte, netip.AddrPort, bool) [][]byte{
			lost, lost, out["half of each datagram"].on, emptied(dns.RcodeServerFailure), emptied(dns.RcodeRefused),
			out["truncated, TCP reset"].on, out["another id only"].on, out["truncated on TCP too"].on,
		}
		out[fmt.Sprintf("at random %d", i)] = path{on: func(m []byte, at netip.AddrPort, tcp bool) [][]byte {
			mu.Lock()
			defer mu.Unlock()
			if rng.IntN(14) > int(i)+1 {
				return one(m)
			}
			return kinds[rng.IntN(len(kinds))](m, at, tcp)
		}}
	}
	return out
}

// TestDamageIsNoVerdict: whatever happens to packets on the way, and however
// unwilling servers are, the state is the true one or it is not known.
func TestDamageIsNoVerdict(t *testing.T) {
	places := make(chan struct{}, 24) // most of the time is waiting
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, q := range pathQuestions {
		w, err := lab.Open(q.world)
		if err != nil {
			t.Fatal(err)
		}
		l, err := lab.Start(w, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		good := validatorOver(t, l, l.Dial).Validate(t.Context(), q.name, q.qtype)
		if good.State != dnssec.Secure && good.State != dnssec.Insecure {
			t.Fatalf("%s: %s %s is %s to begin with: %v", q.world, q.name, dns.Type(q.qtype), good.State, good.Reasons)
		}
		for what, p := range damages() {
			wait.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				got := validatorOver(t, l, p.dial(l.Dial)).Validate(t.Context(), q.name, q.qtype)
				if got.State != good.State && got.State != dnssec.Indeterminate {
					t.Errorf("%s, %s, %s: it is %s, not %s: %s %s", q.world, q.name, what, got.State, good.State, got.Reasons[0].Code, got.Reasons[0].Detail)
				}
				if got.State == dnssec.Secure && said(got) != said(good) {
					t.Errorf("%s, %s, %s: secure, and it says %s", q.world, q.name, what, said(got))
				}
			})
		}
	}
}

func said(r dnssec.Result) string {
	var lines []string
	for _, rr := range r.Answer {
		rr = dns.Copy(rr)
		rr.Header().Ttl = 0
		lines = append(lines, strings.ToLower(rr.String()))
	}
	slices.Sort(lines)
	return fmt.Sprint(r.Rcode, r.Negative, slices.Compact(lines))
}

func validatorOver(t *testing.T, l *lab.Lab, out dial.Func) *dnssec.Validator {
	t.Helper()
	return labValidator(t, l, out, func(c *resolve.Config) { c.Timeout = 20 * time.Millisecond })
}
