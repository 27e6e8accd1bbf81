package resolve

import (
	"testing"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// Servers that the delegation does not lead to are found where all others failed.
func TestFallBack(t *testing.T) {
	servfail := func(q *dns.Msg, _ bool) []byte {
		m := new(dns.Msg).SetReply(q)
		m.Rcode = dns.RcodeServerFailure
		return pack1(m)
	}
	for name, build := range map[string]func(n *fakeNet){
		"glue for those who ask": func(n *fakeNet) {
			a := zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.11\n")
			n.put(func(q *dns.Msg, tcp bool) []byte {
				m := a.answer(q, tcp)
				if q.Question[0].Name != "ns1.x.vn." {
					m.Extra = nil
				}
				return pack1(m)
			}, "192.0.2.2")
		},
		"glue in another delegation": func(n *fakeNet) {
			n.put(zones(t, "vn.\nx NS ns1.test.\n").handle, "192.0.2.2")
			n.put(zones(t, ".\nvn. NS ns.vn.\nns.vn. A 192.0.2.2\ntest. NS ns1.test.\nns1.test. A 192.0.2.11\n").handle, "192.0.2.1")
		},
		"the zone's own NS set": func(n *fakeNet) {
			n.put(zones(t, "vn.\nx NS old.x\nold.x A 192.0.2.14\n").handle, "192.0.2.2")
			own := zones(t, xText)
			n.put(func(q *dns.Msg, tcp bool) []byte {
				if q.Question[0].Qtype != dns.TypeNS {
					return servfail(q, tcp)
				}
				m := own.answer(q, tcp)
				m.Extra = append(m.Extra, rr("ns1.x.vn. A 192.0.2.11"))
				return pack1(m)
			}, "192.0.2.14")
		},
		"a server's name that is an alias": func(n *fakeNet) {
			n.put(zones(t, "vn.\nx NS odd.test.\n").handle, "192.0.2.2")
			n.put(zones(t, "test.\n@ NS ns\nodd CNAME ns1\nns1 A 192.0.2.11\n").handle, "192.0.2.3")
		},
		"glue that is an alias": func(n *fakeNet) {
			a := zones(t, "vn.\nx NS ns1.x\n")
			n.put(func(q *dns.Msg, tcp bool) []byte {
				m := a.answer(q, tcp)
				for at, text := range map[string]string{"ns1.x.vn.": "ns1.x.vn. CNAME ns9.x.vn.", "ns9.x.vn.": "ns9.x.vn. A 192.0.2.11"} {
					if q.Question[0].Name == at && q.Question[0].Qtype == dns.TypeA {
						m.Answer, m.Ns, m.Authoritative = []dns.RR{rr(text)}, nil, true
					}
				}
				return pack1(m)
			}, "192.0.2.2")
		},
		"referrals for NS questions only": func(n *fakeNet) {
			a := zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.11\n")
			n.put(func(q *dns.Msg, tcp bool) []byte {
				if q.Question[0].Name != "x.vn." || q.Question[0].Qtype != dns.TypeNS {
					return servfail(q, tcp)
				}
				return pack1(a.answer(q, tcp))
			}, "192.0.2.2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				build(n)
				want(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
			})
		})
	}
	// Where that does not help either, the failure is told as if it had not been tried.
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, "vn.\nx NS old.x\nold.x A 192.0.2.14\n").handle, "192.0.2.2")
		n.put(servfail, "192.0.2.14")
		f := failure(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA)
		if f.Cause != verdict.ServFail || f.Zone != "x.vn." || len(f.Servers) != 1 || len(n.log) > 12 {
			t.Errorf("%d packets, %+v", len(n.log), f)
		}
	})
}

// An empty answer without authority is no answer, but it is told: of the servers
// of a zone that say nothing else.
func TestDisclaimed(t *testing.T) {
	empty := func(change func(*dns.Msg)) handler {
		return func(q *dns.Msg, _ bool) []byte {
			m := new(dns.Msg).SetReply(q)
			change(m)
			return pack1(m)
		}
	}
	for name, c := range map[string]struct {
		h    handler
		want bool
	}{
		"nothing":                    {empty(func(*dns.Msg) {}), true},
		"the zone's own servers":     {empty(func(m *dns.Msg) { m.Ns = []dns.RR{rr("x.vn. NS ns1.x.vn.")} }), true},
		"from a recursive server":    {empty(func(m *dns.Msg) { m.RecursionAvailable = true }), true},
		"another type":               {empty(func(m *dns.Msg) { m.Answer = []dns.RR{rr("www.x.vn. TXT no")} }), true},
		"servers of a zone above":    {empty(func(m *dns.Msg) { m.Ns = []dns.RR{rr("vn. NS ns.vn.")} }), false},
		"a name error":               {empty(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }), false},
		"refused":                    {empty(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }), false},
		"truncated over TCP as well": {empty(func(m *dns.Msg) { m.Truncated = true }), false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				n.put(c.h, "192.0.2.11", "192.0.2.12")
				f := failure(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA)
				if m := f.Disclaimed(); (m != nil) != c.want || m != nil && (m.Authoritative || len(m.Answer) > 0) {
					t.Errorf("%v, disclaimed: %v", f, m)
				}
			})
		})
	}
}
