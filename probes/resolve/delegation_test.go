package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func TestGlue(t *testing.T) {
	for name, c := range map[string]struct {
		vn, extra string
		ok        bool
	}{
		"in bailiwick":       {"x NS ns1.x\nns1.x A 192.0.2.11\n", "", true},
		"sibling":            {"x NS ns1.y\nns1.y A 192.0.2.11\ny NS ns1.y\n", "", true},
		"none, inside":       {"x NS ns1.x\n", "", false},
		"poison for another": {"x NS ns1.test.\n", "ns1.test. A 192.0.2.66", true},
		"not of the NS set":  {"x NS ns1.x\n", "ns9.x.vn. A 192.0.2.66", false},
		"names below itself": {"x NS ns.sub.x\nns.sub.x A 192.0.2.11\n", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, "vn.\n"+c.vn)
				n.put(func(q *dns.Msg, tcp bool) []byte {
					m := a.answer(q, tcp)
					if c.extra != "" {
						m.Extra = append([]dns.RR{rr(c.extra)}, m.Extra...)
					}
					return pack1(m)
				}, "192.0.2.2")
				n.put(zones(t, "x.vn.\nwww AAAA 2001:db8:bad::66\n").handle, "192.0.2.66")
				n.put(zones(t, xText).handle, "192.0.2.13")
				r := n.resolver(v4)
				if c.ok {
					want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				} else if f := failure(t, r, "www.x.vn", dns.TypeAAAA); f.Zone != "x.vn." {
					t.Errorf("%+v", f)
				}
				if n.packets("192.0.2.66") > 0 {
					t.Error("the poisoned address was asked")
				}
			})
		})
	}
}

func TestLoops(t *testing.T) {
	for name, vn := range map[string]string{
		"two zones serve each other": "x NS ns.y\ny NS ns.x\n",
		"three":                      "x NS ns.y\ny NS ns.z\nz NS ns.x\n",
		"own name elsewhere":         "x NS ns.x.test.\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				n.put(zones(t, "vn.\n"+vn).handle, "192.0.2.2")
				n.put(zones(t, "test.\nx NS ns.x.vn.\n").handle, "192.0.2.3")
				r := n.resolver(v4)
				var wg sync.WaitGroup
				for _, z := range []string{"x.vn", "y.vn", "z.vn", "ns.x.vn", "ns.y.vn"} {
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
						defer cancel()
						if _, err := r.Query(ctx, "www."+z, dns.TypeA); errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%s: still waiting", z)
						}
					})
				}
				wg.Wait()
				if len(n.log) > 60 {
					t.Errorf("%d packets", len(n.log))
				}
				failure(t, r, "www.x.vn", dns.TypeAAAA)
			})
		})
	}
}

func TestReferralLimits(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		// Each zone delegates one label further down, for ever.
		n.put(func(q *dns.Msg, _ bool) []byte {
			m := new(dns.Msg).SetReply(q)
			name := q.Question[0].Name
			var own string
			for cut := range descentOf(name) {
				if !n.seen(cut) {
					own = cut
					break
				}
			}
			if own == "" {
				own = name
			}
			m.Ns = []dns.RR{rr(own + " NS ns." + own)}
			m.Extra = []dns.RR{rr("ns." + own + " A 192.0.2.1")}
			return pack1(m)
		}, "192.0.2.1")
		r := n.resolver(v4)
		f := failure(t, r, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m", dns.TypeA)
		if len(n.log) > 60 {
			t.Errorf("%d packets, %+v", len(n.log), f)
		}
	})
}

func descentOf(name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, d := range descent(name) {
			if !yield(d) {
				return
			}
		}
	}
}

func (n *fakeNet) seen(cut string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.delay == nil {
		n.delay = map[netip.Addr]time.Duration{}
	}
	for _, l := range n.log {
		if l == "cut "+cut {
			return true
		}
	}
	n.log = append(n.log, "cut "+cut)
	return false
}

func TestAmplification(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(func(q *dns.Msg, _ bool) []byte {
			m := new(dns.Msg).SetReply(q)
			for i := range 60 {
				m.Ns = append(m.Ns, rr(fmt.Sprintf("x.vn. NS a%d.b%d.test.", i, i)))
			}
			return pack1(m)
		}, "192.0.2.2")
		n.put(func(q *dns.Msg, _ bool) []byte { // each of those delegates to as many again
			m := new(dns.Msg).SetReply(q)
			name := q.Question[0].Name
			for i := range 60 {
				m.Ns = append(m.Ns, rr(fmt.Sprintf("%s NS c%d.d%s", parentOf(name), i, name)))
			}
			return pack1(m)
		}, "192.0.2.3")
		r := n.resolver(v4)
		f := failure(t, r, "www.x.vn", dns.TypeA)
		if len(n.log) > 101 {
			t.Errorf("%d packets for one question: %+v", len(n.log), f)
		}
	})
}

func TestBudget(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		r := n.resolver(v4, func(c *Config) { c.MaxQueries = 2 })
		if f := failure(t, r, "www.x.vn", dns.TypeA); f.Cause != verdict.OverBudget || len(n.log) != 2 {
			t.Errorf("%+v after %d packets", f, len(n.log))
		}
		// What the first question learnt is enough for the second.
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
	})
}

func TestV6OnlyFailures(t *testing.T) {
	const noAAAA = "x NS ns1.x\nx NS ns2.x\nns1.x A 192.0.2.11\nns2.x A 192.0.2.12\n"
	for name, c := range map[string]struct {
		vn, x   string
		witness bool
		dead    bool
		v4only  bool
		gap     Gap
		cause   verdict.Cause
		zone    string
		via     []string
	}{
		"a: no AAAA":                             {vn: noAAAA, x: "ns1 A 192.0.2.11\nns2 A 192.0.2.12\n", witness: true, v4only: true, gap: NoAddress, cause: verdict.NoFamily, zone: "x.vn."},
		"a: no witness, glue of A only":          {vn: noAAAA, x: "ns1 A 192.0.2.11\n", v4only: true, gap: NoGap, cause: verdict.NoFamily, zone: "x.vn."},
		"a: servers elsewhere without AAAA":      {vn: "x NS four.test.\n", v4only: true, gap: NoAddress, cause: verdict.NoFamily, zone: "x.vn."},
		"b: AAAA without glue":                   {vn: noAAAA, x: "ns1 A 192.0.2.11\nns1 AAAA 2001:db8::11\nns2 A 192.0.2.12\n", witness: true, v4only: true, gap: NoGlue, cause: verdict.NoFamily, zone: "x.vn."},
		"c: AAAA, nobody there":                  {vn: noAAAA + "ns1.x AAAA 2001:db8:dead::1\n", x: "", witness: true, gap: NoAnswer, cause: verdict.Timeout, zone: "x.vn."},
		"the servers' own zone is v4-only":       {vn: "x NS ns.v4\nv4 NS ns.v4\nns.v4 A 192.0.2.14\n", x: "", v4only: true, gap: NoGap, cause: verdict.NoFamily, zone: "v4.vn.", via: []string{"x.vn."}},
		"the servers' zone elsewhere is v4-only": {vn: "x NS ns.four.test.\n", witness: true, v4only: true, gap: NoAddress, cause: verdict.NoFamily, zone: "four.test.", via: []string{"x.vn."}},
		"the servers' zone elsewhere is dead":    {vn: "x NS ns.dead.test.\n", v4only: false, gap: NoAnswer, cause: verdict.Timeout, zone: "dead.test.", via: []string{"x.vn."}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				n.put(zones(t, "vn.\n"+c.vn).handle, "192.0.2.2", "2001:db8::2")
				n.put(zones(t, "x.vn.\nwww AAAA 2001:db8:80::1\n"+c.x).handle, "192.0.2.11", "192.0.2.12")
				n.put(zones(t, "test.\nfour A 192.0.2.15\nfour NS ns.four\nns.four A 192.0.2.15\ndead NS ns.dead\nns.dead AAAA 2001:db8:dead::2\n").handle, "192.0.2.3", "2001:db8::3")
				if name == "a: servers elsewhere without AAAA" {
					n.put(zones(t, "test.\nfour A 192.0.2.15\n").handle, "192.0.2.3", "2001:db8::3")
				}
				n.put(zones(t, "four.test.\nns A 192.0.2.15\n").handle, "192.0.2.15")
				r := n.resolver(v6, func(cfg *Config) {
					if c.witness {
						cfg.Witness = n.resolver()
					}
				})
				f := failure(t, r, "www.x.vn", dns.TypeAAAA)
				if f.V4Only != c.v4only || f.Gap != c.gap || f.Cause != c.cause || f.Zone != c.zone || fmt.Sprint(f.Via) != fmt.Sprint(c.via) || len(f.Evidence) == 0 {
					t.Errorf("got %v: %+v", f, *f)
				}
				if g := f.Servers[0].Gap; c.gap == NoGlue && (g != NoGlue || f.Servers[1].Gap != NoAddress) {
					t.Errorf("servers: %+v", f.Servers)
				}
				// The same name resolves where IPv4 may be used.
				if c.zone == "x.vn." && !c.dead && c.gap != NoAnswer {
					n.put(zones(t, "x.vn.\nwww AAAA 2001:db8:80::1\n"+c.x).handle, "192.0.2.15", "192.0.2.14")
				}
			})
		})
	}
}

func TestGlueWithoutRoom(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		vn := "vn.\n"
		for i := range 14 {
			long := fmt.Sprintf("a-rather-long-name-of-a-server-number-%02d-that-takes-room", i)
			vn += fmt.Sprintf("x NS %s.x\n%s.x A 192.0.2.11\n%s.x AAAA 2001:db8::11\n", long, long, long)
		}
		a := zones(t, vn)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			if !tcp { // as a careless server does: what fits, and no TC
				var fits []dns.RR
				for _, rr := range m.Extra {
					if rr.Header().Rrtype != dns.TypeAAAA {
						fits = append(fits, rr)
					}
				}
				m.Extra = fits
			}
			return pack1(m)
		}, "2001:db8::2")
		r := n.resolver(v6)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
	})
}
