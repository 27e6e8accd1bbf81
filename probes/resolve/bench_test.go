package resolve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// instant is a connection whose peer answers at once: the resolver's own cost
// is all that is measured, with the packing of the reply.
type instant struct {
	net.Conn
	reply func([]byte) []byte
	out   chan []byte
	once  *sync.Once
}

func newInstant(reply func([]byte) []byte) *instant {
	return &instant{reply: reply, out: make(chan []byte, 64), once: new(sync.Once)}
}

func (c *instant) Write(b []byte) (int, error) { c.out <- c.reply(b); return len(b), nil }
func (c *instant) Read(b []byte) (int, error) {
	m, open := <-c.out
	if !open {
		return 0, net.ErrClosed
	}
	return copy(b, m), nil
}
func (c *instant) Close() error                    { c.once.Do(func() { close(c.out) }); return nil }
func (c *instant) SetReadDeadline(time.Time) error { return nil } // open to the end

func (c *instant) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 99), Port: 4096} }

// BenchmarkCold asks one name in each of many zones under one parent: a
// referral and an answer each.
func BenchmarkCold(b *testing.B) {
	reply := func(wire []byte) []byte {
		q := new(dns.Msg)
		if err := q.Unpack(wire); err != nil {
			panic(err)
		}
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		switch {
		case strings.HasPrefix(name, "www."):
			zone := name[4:]
			m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeNS, Class: 1, Ttl: 1}, Ns: "ns." + zone}}
			m.Extra = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "ns." + zone, Rrtype: dns.TypeA, Class: 1, Ttl: 1}, A: net.IP{192, 0, 2, 1}}}
		}
		m.SetEdns0(1232, true)
		return pack1(m)
	}
	answer := func(wire []byte) []byte {
		q := new(dns.Msg)
		if err := q.Unpack(wire); err != nil {
			panic(err)
		}
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		m.Answer = []dns.RR{&dns.AAAA{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeAAAA, Class: 1, Ttl: 1}, AAAA: net.ParseIP("2001:db8::1")}}
		m.SetEdns0(1232, true)
		return pack1(m)
	}
	r := New(Config{Families: V4, Hints: []Server{{"a.", []netip.Addr{addr("192.0.2.53")}}}, Dial: func(_ context.Context, _, to string) (net.Conn, error) {
		if strings.HasPrefix(to, "192.0.2.53") {
			return newInstant(reply), nil
		}
		return newInstant(answer), nil
	}})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := r.Query(context.Background(), fmt.Sprintf("www.z%d.", i), dns.TypeAAAA); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkCached asks what is known.
func BenchmarkCached(b *testing.B) {
	n := newNet(b)
	n.put(zones(b, ".\nwww A 192.0.2.80\n").handle, "192.0.2.1")
	r := n.resolver(v4)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Query(context.Background(), "www.", dns.TypeA); err != nil {
			b.Fatal(err)
		}
	}
}
