package resolve

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzReply: whatever a server sends, what is kept of it is the zone's own, and
// a referral leads strictly downwards on the way to the name.
func FuzzReply(f *testing.F) {
	const id = 7
	q := question{"www.x.vn.", dns.TypeAAAA}
	for _, m := range []*dns.Msg{
		{Answer: []dns.RR{rr("www.x.vn. AAAA 2001:db8::1"), rr("www.y.vn. AAAA 2001:db8::1")}},
		{Answer: []dns.RR{rr("www.x.vn. CNAME a.x.vn."), rr("a.x.vn. CNAME www.x.vn.")}},
		{Answer: []dns.RR{rr("x.vn. DNAME y.vn."), rr("www.x.vn. CNAME www.y.vn.")}},
		{Ns: []dns.RR{rr("x.vn. NS ns.x.vn."), rr("x.vn. NSEC y.vn. NS")}, Extra: []dns.RR{rr("ns.x.vn. A 192.0.2.1"), rr("ns.test. A 192.0.2.1")}},
		{Ns: []dns.RR{rr(". NS ns.x.vn.")}},
		{Ns: []dns.RR{rr("vn. SOA a. b. 1 2 3 4 5")}},
	} {
		m.Id, m.Response = id, true
		m.Question = []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}}
		m.SetEdns0(1232, true)
		f.Add(pack1(m), uint8(0))
		f.Add(pack1(m), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, kindOf uint8) {
		zone, q := "vn.", q
		if kindOf%2 == 1 {
			zone, q.qtype = "x.vn.", dns.TypeDS
		}
		m, err := parse(b, asked{id: id, q: q})
		if err != nil {
			if !errors.Is(err, errForeign) && !errors.Is(err, errMalformed) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		rd := read(zone, q, m)
		if rd.kind == referral {
			if rd.child == zone || !within(rd.child, zone) || !within(q.name, rd.child) {
				t.Errorf("a referral from %s to %s for %s", zone, rd.child, q)
			}
			for _, s := range nameServers(zone, rd.child, m) {
				if len(s.glue) > 0 && !within(s.name, zone) {
					t.Errorf("glue for %s from %s", s.name, zone)
				}
			}
			if p := dsProof(zone, rd.child, m); p != nil && len(p.Answer)+len(p.Ns) == 0 {
				t.Error("an empty proof")
			}
		}
		kept := trim(zone, q, m)
		for _, r := range append(kept.Answer, kept.Ns...) {
			if owner := dns.CanonicalName(r.Header().Name); !within(owner, zone) || r.Header().Class != dns.ClassINET {
				t.Errorf("kept %v of a server of %s", r, zone)
			}
		}
		if len(kept.Answer) > len(m.Answer) || len(kept.Ns) > len(m.Ns) {
			t.Error("records multiplied")
		}
		_ = (&answer{msg: kept}).size()
	})
}

// FuzzUnpack: a reply is read as the library reads it, or neither can read it.
func FuzzUnpack(f *testing.F) {
	for _, m := range []*dns.Msg{
		{Answer: []dns.RR{rr("www.x.vn. AAAA 2001:db8::1"), rr("www.x.vn. AAAA 2001:db8::2"), rr("WWW.x.vn. A 192.0.2.1")}},
		{Ns: []dns.RR{rr("x.vn. NS ns.x.vn."), rr("x.vn. NS ns.y.vn."), rr("x.vn. DS 1 13 2 aa")}, Extra: []dns.RR{rr("ns.x.vn. A 192.0.2.1")}},
		{Ns: []dns.RR{rr(`a\\.b.x.vn. TXT "a"`), rr("abc.vn. NSEC3 1 0 0 - 0123456789abcdefghijklmnopqrstuv A")}},
	} {
		m.Response = true
		m.Question = []dns.Question{{Name: "www.x.vn.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}}
		m.SetEdns0(1232, true)
		for _, m.Compress = range []bool{false, true} {
			f.Add(pack1(m))
			f.Add(pack1(m)[:50])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := new(dns.Msg)
		wrong := want.Unpack(b)
		q := question{"www.x.vn.", dns.TypeAAAA}
		if len(want.Question) == 1 {
			q.name = dns.CanonicalName(want.Question[0].Name)
		}
		got, err := unpack(b, q)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%v %v, but the library: %v %v", got.MsgHdr, err, want.MsgHdr, wrong)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("read\n%v\nbut the library reads\n%v", got, want)
		}
	})
}

func FuzzReadHints(f *testing.F) {
	f.Add(namedRoot)
	f.Add(". NS a.\na. A 192.0.2.1\n")
	f.Add("\tA 192.0.2.1\n. 3600 IN NS \\000.\n")
	f.Fuzz(func(t *testing.T, text string) {
		servers, err := ReadHints(strings.NewReader(text))
		if (err == nil) != (len(servers) > 0) {
			t.Fatalf("%v, %v", servers, err)
		}
		for _, s := range servers {
			if n, ok := normal(s.Name); !ok || n != s.Name || len(s.Addrs) == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("www.x.vn", "vn")
	f.Add(`a\.b\\.c\000`, "c")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, okX := normal(a)
		y, okY := normal(b)
		if !okX || !okY {
			return
		}
		if again, ok := normal(x); !ok || again != x {
			t.Fatalf("normal(%q) = %q, then %q", a, x, again)
		}
		if got, want := within(x, y), dns.IsSubDomain(y, x); got != want {
			t.Errorf("within(%q, %q) = %v", x, y, got)
		}
	})
}

// FuzzCookie: whatever comes back, only a reply with our part of the cookie is
// taken where the server has given us one, what is kept of it is of a legal
// length, and every way of asking again ends.
func FuzzCookie(f *testing.F) {
	a := asked{id: 7, q: question{"www.x.vn.", dns.TypeAAAA}, cookie: cookie{client: "12345678", server: "abcdefgh"}, udp: true}
	for _, c := range []string{"", "3132333435363738", "31323334353637386162636465666768", "00", strings.Repeat("0", 80)} {
		for _, rcode := range []int{dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeBadCookie, dns.RcodeBadVers} {
			m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: a.id, Response: true, Rcode: rcode}}
			m.Question = []dns.Question{{Name: a.q.name, Qtype: a.q.qtype, Qclass: dns.ClassINET}}
			m.SetEdns0(1232, true)
			if c != "" {
				(*jar)(nil).give(m, c)
			}
			f.Add(pack1(m), true)
			f.Add(pack1(m), false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		srv := new(server)
		a := a
		a.udp = udp
		m, err := parse(b, a)
		if err == nil {
			got, there := cookieIn(m)
			if there && (!legalCookie(got) || got[:8] != a.cookie.client) || udp && !there {
				t.Fatalf("taken with the cookie %x", got)
			}
		}
		srv.noteCookie(a.cookie, m, err)
		if kept := srv.cookieOf(a.cookie.client); kept != "" && (len(kept) < 8 || len(kept) > 32) {
			t.Errorf("a server's cookie of %d bytes is kept", len(kept))
		}
		for _, tcp := range []bool{false, true} {
			asks := 0
			used, _, _ := insist(how{edns: true, cookie: true}, tcp, func(how) (*dns.Msg, error) {
				if asks++; asks > 8 {
					t.Fatal("asked without end")
				}
				return m, err
			})
			if used.tcp && !tcp {
				t.Error("TCP was not open to it")
			}
		}
	})
}
