package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func minimal(c *Config) { c.Minimise = true }

// No server sees more of the name than it needs, and no question is wasted on a
// label that is the last one anyway.
func TestMinimise(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		r := n.resolver(v4, minimal, func(c *Config) { c.Dial = n.dial })
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		got := strings.Join(n.log, "; ")
		if !strings.HasPrefix(got, "192.0.2.1 udp vn. A; 192.0.2.2 udp x.vn. A; 192.0.2.1") || !strings.HasSuffix(got, " udp www.x.vn. AAAA") || len(n.log) != 3 {
			t.Error(got)
		}
		if _, err := r.Query(t.Context(), "x.vn", dns.TypeDS); err != nil || n.packets("x.vn. DS") != 1 || len(n.log) != 4 {
			t.Errorf("%v %q", err, n.log)
		}
	})
}

// Whatever unusual a server does when asked for a part of the name, the whole
// name is asked after that.
func TestMinimiseFallsBack(t *testing.T) {
	rcode := func(code int) handler {
		return func(q *dns.Msg, _ bool) []byte {
			m := new(dns.Msg).SetRcode(q, code)
			m.Authoritative = code == dns.RcodeNameError
			if m.Authoritative {
				m.Ns = []dns.RR{rr("x.vn. SOA a. b. 1 2 3 4 5")}
			}
			return pack1(m)
		}
	}
	alias := func(q *dns.Msg, _ bool) []byte {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		m.Answer = []dns.RR{rr("ent.x.vn. CNAME elsewhere.test.")}
		return pack1(m)
	}
	for name, odd := range map[string]handler{
		"NXDOMAIN on an empty non-terminal": rcode(dns.RcodeNameError),
		"REFUSED":                           rcode(dns.RcodeRefused),
		"SERVFAIL":                          rcode(dns.RcodeServerFailure),
		"FORMERR":                           rcode(dns.RcodeFormatError),
		"NOTIMP":                            rcode(dns.RcodeNotImplemented),
		"lame":                              rcode(dns.RcodeSuccess),
		"silence":                           func(*dns.Msg, bool) []byte { return nil },
		"alias":                             alias,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, "x.vn.\nwww.ent AAAA 2001:db8:80::1\n")
				n.put(func(q *dns.Msg, tcp bool) []byte {
					if q.Question[0].Name == "ent.x.vn." {
						return odd(q, tcp)
					}
					return a.handle(q, tcp)
				}, "192.0.2.11", "192.0.2.12")
				want(t, n.resolver(v4, minimal), "www.ent.x.vn", dns.TypeAAAA, "2001:db8:80::1")
			})
		})
	}
}

// RFC 9156 2.3: however many labels, at most ten questions are minimised.
func TestMinimiseCount(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		name := strings.TrimSuffix(strings.Repeat("a.", 60), ".")
		n.put(zones(t, fmt.Sprintf(".\n%s. AAAA 2001:db8::1\n", name)).handle, "192.0.2.1")
		r := n.resolver(v4, minimal)
		want(t, r, name, dns.TypeAAAA, "2001:db8::1")
		if part := n.packets(". A"); len(n.log) > maxMinimiseCount+1 || part < minimiseOneLab {
			t.Errorf("%d packets: %q", len(n.log), n.log)
		}
		for i, labels := range []int{1, 2, 3, 4} {
			if got := dns.CountLabel(strings.Fields(n.log[i])[2]); got != labels {
				t.Errorf("question %d has %d labels", i, got)
			}
		}
	})
}

// A server that fails at what lies below its delegations is asked for them alone.
func TestPartsAsLastResort(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		a := zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.11\n")
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if dns.CountLabel(q.Question[0].Name) > 2 {
				return pack1(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			}
			return a.handle(q, tcp)
		}, "192.0.2.2")
		want(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		// Where the name is not below a delegation it stays a failure, at little cost.
		n.put(func(q *dns.Msg, _ bool) []byte { return pack1(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) }, "192.0.2.2")
		before := len(n.log)
		if f := failure(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA); f.Zone != "vn." || len(n.log)-before > 5 {
			t.Errorf("%+v after %q", f, n.log[before:])
		}
	})
}
