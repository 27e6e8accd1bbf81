package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func TestQuery(t *testing.T) {
	for name, families := range map[string]Family{"v4": V4, "v6": V6, "both": Both} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				r := n.resolver(func(c *Config) { c.Families = families })
				m := want(t, r, "WWW.x.VN", dns.TypeAAAA, "2001:db8:80::1")
				if m != nil && (!m.Authoritative || m.Question[0].Name != "www.x.vn.") {
					t.Errorf("got %v", m)
				}
				want(t, r, "www.glueless.vn.", dns.TypeAAAA, "2001:db8:80::2")
				want(t, r, "x.vn", dns.TypeNS, "ns1.x.vn.", "ns2.x.vn.")
				want(t, r, ".", dns.TypeSOA, "ns. host. 1 2 3 4 5")
				if m := want(t, r, "www.x.vn", dns.TypeMX); m != nil && (m.Rcode != dns.RcodeSuccess || len(m.Ns) != 1) {
					t.Errorf("NODATA: %v", m)
				}
				if m := want(t, r, "none.x.vn", dns.TypeA); m != nil && m.Rcode != dns.RcodeNameError {
					t.Errorf("NXDOMAIN: %v", m)
				}
				for _, l := range n.log {
					a, _ := netip.ParseAddr(l[:len(l)-len(l[indexByte(l, ' '):])])
					if !families.has(a) {
						t.Errorf("asked %s", l)
					}
				}
			})
		})
	}
}

func indexByte(s string, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return len(s)
}

func TestAliasIsOneHop(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		a := zones(t, xText)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			if q.Question[0].Qtype != dns.TypeAAAA {
				return pack1(m)
			}
			switch q.Question[0].Name {
			case "alias.x.vn.": // the rest of the chain is in the zone
				m.Answer = append(m.Answer, a.find("x.vn.", "www.x.vn.", dns.TypeAAAA)...)
				m.Answer = append(m.Answer, rr("unrelated.x.vn. AAAA 2001:db8:bad::1"))
			case "out.x.vn.": // it isn't: the target's address is another's to give
				m.Answer = append(m.Answer, rr("www.glueless.vn. AAAA 2001:db8:bad::2"))
			}
			return pack1(m)
		}, "192.0.2.11", "2001:db8::11", "192.0.2.12", "2001:db8::12")
		r := n.resolver()
		want(t, r, "alias.x.vn", dns.TypeAAAA, "www.x.vn.", "2001:db8:80::1")
		want(t, r, "out.x.vn", dns.TypeAAAA, "www.glueless.vn.")
		want(t, r, "alias.x.vn", dns.TypeCNAME, "www.x.vn.")
	})
}

func rr(s string) dns.RR {
	r, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return r
}

// Every way one of two servers can be of no use; the other must be found.
func TestOtherServerHelps(t *testing.T) {
	good := func(t *testing.T) auth { return zones(t, xText) }
	reply := func(change func(m *dns.Msg)) func(*testing.T) handler {
		return func(t *testing.T) handler {
			a := good(t)
			return func(q *dns.Msg, tcp bool) []byte {
				m := a.answer(q, tcp)
				change(m)
				return pack1(m)
			}
		}
	}
	rcode := func(c int) func(m *dns.Msg) {
		return func(m *dns.Msg) { m.Rcode, m.Authoritative, m.Answer, m.Ns = c, false, nil, nil }
	}
	for name, bad := range map[string]func(*testing.T) handler{
		"silent":              func(t *testing.T) handler { return func(*dns.Msg, bool) []byte { return nil } },
		"refused by host":     func(t *testing.T) handler { return nil },
		"SERVFAIL":            reply(rcode(dns.RcodeServerFailure)),
		"REFUSED":             reply(rcode(dns.RcodeRefused)),
		"NOTAUTH":             reply(rcode(dns.RcodeNotAuth)),
		"empty without AA":    reply(rcode(dns.RcodeSuccess)),
		"NXDOMAIN without AA": reply(rcode(dns.RcodeNameError)),
		"recursive": reply(func(m *dns.Msg) {
			m.Authoritative, m.RecursionAvailable = false, true
			m.Answer = []dns.RR{rr("www.x.vn. AAAA 2001:db8:bad::1")}
		}),
		"non-AA answer": reply(func(m *dns.Msg) {
			m.Authoritative = false
			m.Answer = []dns.RR{rr("www.x.vn. AAAA 2001:db8:bad::1")}
		}),
		"upward referral":   reply(func(m *dns.Msg) { m.Authoritative, m.Answer, m.Ns = false, nil, []dns.RR{rr(". NS a.root.")} }),
		"referral to self":  reply(func(m *dns.Msg) { m.Authoritative, m.Answer, m.Ns = false, nil, []dns.RR{rr("x.vn. NS ns1.x.vn.")} }),
		"sideways":          reply(func(m *dns.Msg) { m.Authoritative, m.Answer, m.Ns = false, nil, []dns.RR{rr("y.vn. NS ns1.y.vn.")} }),
		"below, elsewhere":  reply(func(m *dns.Msg) { m.Authoritative, m.Answer, m.Ns = false, nil, []dns.RR{rr("ftp.x.vn. NS ns1.y.vn.")} }),
		"SOA of the parent": reply(func(m *dns.Msg) { m.Answer, m.Ns = nil, []dns.RR{rr("vn. SOA a. b. 1 2 3 4 5")} }),
		"garbage": func(t *testing.T) handler {
			return func(q *dns.Msg, tcp bool) []byte {
				return []byte{byte(q.Id >> 8), byte(q.Id), 0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 63, 1}
			}
		},
		"runt":           func(t *testing.T) handler { return func(*dns.Msg, bool) []byte { return []byte{1, 2, 3} } },
		"wrong id":       reply(func(m *dns.Msg) { m.Id++ }),
		"wrong question": reply(func(m *dns.Msg) { m.Question[0].Name = "other.x.vn." }),
		"wrong type":     reply(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeTXT }),
		"no question":    reply(func(m *dns.Msg) { m.Question = nil }),
		"query echoed":   func(t *testing.T) handler { return func(q *dns.Msg, tcp bool) []byte { return pack1(q) } },
		"cut short": func(t *testing.T) handler {
			a := good(t)
			return func(q *dns.Msg, tcp bool) []byte {
				m := a.answer(q, tcp)
				m.Extra = nil
				b := pack1(m)
				b[7]++ // one more answer than there is
				return b
			}
		},
		"truncated, no TCP": func(t *testing.T) handler {
			a := good(t)
			return func(q *dns.Msg, tcp bool) []byte {
				if tcp {
					return nil
				}
				m := a.answer(q, tcp)
				m.Truncated, m.Answer = true, nil
				return pack1(m)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, where := range [][2]string{{"192.0.2.11", "192.0.2.12"}, {"192.0.2.12", "192.0.2.11"}} {
				bubble(t, func(t *testing.T, n *fakeNet) {
					plainWorld(t, n)
					n.put(bad(t), where[0])
					n.put(good(t).handle, where[1])
					r := n.resolver(v4)
					began := time.Now()
					for range 3 { // random order: let the bad one be first sometimes
						want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
					}
					want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
					if d := time.Since(began); d > 6*time.Second {
						t.Errorf("took %v", d)
					}
				})
			}
		})
	}
}

// The same faults at every server: the failure says why.
func TestFailureCause(t *testing.T) {
	a := zones(t, xText)
	for name, c := range map[string]struct {
		h     handler
		cause verdict.Cause
		gap   Gap
	}{
		"silent":   {func(*dns.Msg, bool) []byte { return nil }, verdict.Timeout, NoAnswer},
		"refused":  {nil, verdict.Refused, NoAnswer},
		"servfail": {func(q *dns.Msg, _ bool) []byte { return pack1(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) }, verdict.ServFail, NoGap},
		"REFUSED":  {func(q *dns.Msg, _ bool) []byte { return pack1(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) }, verdict.ServFail, NoGap},
		"lame":     {func(q *dns.Msg, _ bool) []byte { return pack1(new(dns.Msg).SetReply(q)) }, verdict.Lame, NoGap},
		"garbage": {func(q *dns.Msg, _ bool) []byte {
			return []byte{byte(q.Id >> 8), byte(q.Id), 0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 63}
		}, verdict.Malformed, NoGap},
		"wrong question": {func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			m.Question[0].Name = "o."
			return pack1(m)
		}, verdict.Malformed, NoGap},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				n.put(c.h, "192.0.2.11", "192.0.2.12")
				r := n.resolver(v4)
				f := failure(t, r, "www.x.vn", dns.TypeAAAA)
				if f.Cause != c.cause || f.Zone != "x.vn." || f.Gap != c.gap || f.V4Only || len(f.Servers) != 2 || len(f.Evidence) == 0 {
					t.Errorf("got %+v", f)
				}
				if len(r.Evidence("www.x.vn", dns.TypeAAAA)) == 0 {
					t.Error("no evidence kept")
				}
				for _, ns := range []string{"ns1.x.vn 192.0.2.11:53", "ns2.x.vn 192.0.2.12:53"} {
					found := false
					for _, e := range f.Evidence {
						found = found || e.Asked == ns
					}
					if !found && c.h != nil {
						t.Errorf("%s was not asked: %+v", ns, f.Evidence)
					}
				}
			})
		})
	}
}

func TestWeakAnswerWhenNoneIsBetter(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		a := zones(t, xText)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			m.Authoritative = false
			return pack1(m)
		}, "192.0.2.11", "192.0.2.12")
		r := n.resolver(v4)
		if m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1"); m != nil && m.Authoritative {
			t.Error("AA was made up")
		}
		if n.packets("192.0.2.11") == 0 || n.packets("192.0.2.12") == 0 {
			t.Error("not every server was asked for a better one")
		}
	})
}

func TestTruncation(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		a := zones(t, xText)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := a.answer(q, tcp)
			if !tcp {
				m.Truncated = true
				b := pack1(m)
				return b[:len(b)-20] // in the middle of a record
			}
			return pack1(m)
		}, "192.0.2.11", "192.0.2.12")
		r := n.resolver(v4)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		if n.packets("tcp", "x.vn") != 1 {
			t.Errorf("%q", n.log)
		}
	})
}

func TestTCPOnlyServer(t *testing.T) {
	for name, udp := range map[string]func() []byte{"silent": func() []byte { return nil }, "garbage": func() []byte { return []byte{0} }} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, xText)
				n.put(func(q *dns.Msg, tcp bool) []byte {
					if !tcp {
						return udp()
					}
					return a.handle(q, tcp)
				}, "192.0.2.11", "192.0.2.12")
				r := n.resolver(v4)
				want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				before := n.packets("udp")
				want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
				if name == "silent" && n.packets("udp") > before+1 {
					t.Errorf("UDP again: %q", n.log)
				}
			})
		})
	}
}

func TestEDNSFallback(t *testing.T) {
	for name, reject := range map[string]func(q *dns.Msg) []byte{
		"FORMERR": func(q *dns.Msg) []byte { return pack1(new(dns.Msg).SetRcode(q, dns.RcodeFormatError)) },
		"FORMERR, header only": func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
			m.Question = nil
			return pack1(m)
		},
		"NOTIMP": func(q *dns.Msg) []byte { return pack1(new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)) },
		"BADVERS": func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetReply(q)
			m.SetEdns0(512, false)
			m.Rcode = dns.RcodeBadVers
			return pack1(m)
		},
		"silence": func(q *dns.Msg) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, xText)
				n.put(func(q *dns.Msg, tcp bool) []byte {
					if q.IsEdns0() != nil {
						return reject(q)
					}
					return a.handle(q, tcp)
				}, "192.0.2.11", "192.0.2.12")
				r := n.resolver(v4)
				if m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1"); m != nil && m.IsEdns0() != nil {
					t.Error("an OPT record from nowhere")
				}
			})
		})
	}
}

// Loss of two packets must not make a signed zone look like one of a server
// without EDNS.
func TestLossIsNotMissingEDNS(t *testing.T) {
	for lost := range 5 {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			a := zones(t, xText)
			var count atomic.Int32
			n.put(func(q *dns.Msg, tcp bool) []byte {
				if q.IsEdns0() == nil {
					t.Logf("lost %d: asked without EDNS", lost)
				}
				if int(count.Add(1)) <= lost {
					return nil
				}
				return a.handle(q, tcp)
			}, "192.0.2.14")
			n.put(zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.14\n").handle, "192.0.2.2")
			r := n.resolver(v4)
			if m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1"); m != nil && m.IsEdns0() == nil {
				t.Errorf("%d lost: the answer came without EDNS", lost)
			}
		})
	}
}

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

// seen counts how often a cut was handed out.
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

// A delegation to many servers whose names lead nowhere must not multiply
// packets (NXNS).
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

// Glue that had no room in the referral is not missing.
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

func TestNoFamilyHere(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		no6 := func(ctx context.Context, network, address string) (net.Conn, error) {
			if netip.MustParseAddrPort(address).Addr().Is6() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
			}
			return n.dial(ctx, network, address)
		}
		want(t, n.resolver(func(c *Config) { c.Dial = no6 }), "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		f := failure(t, n.resolver(v6, func(c *Config) { c.Dial = no6 }), "www.x.vn", dns.TypeAAAA)
		if f.Cause != verdict.NoFamily || f.V4Only || f.Gap != NoGap || f.Zone != "." {
			t.Errorf("a vantage without IPv6 blames %+v", f)
		}
	})
}

func TestCoalescing(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		for a := range n.at {
			n.delay[a] = 20 * time.Millisecond
		}
		r := n.resolver(v4)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1") })
			wg.Go(func() {
				if _, err := r.Query(t.Context(), fmt.Sprintf("h%d.x.vn", i), dns.TypeA); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		root, vn, x := n.packets("192.0.2.1 "), n.packets("192.0.2.2 "), n.packets("192.0.2.11 ")+n.packets("192.0.2.12 ")
		if root != 1 || vn != 1 || x != 101 {
			t.Errorf("%d, %d, %d packets to root, vn, x.vn; want 1, 1, 101", root, vn, x)
		}
	})
}

func TestNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		r := n.resolver(v4)
		for range 5 {
			want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
			want(t, r, "none.x.vn", dns.TypeMX)
		}
		if len(n.log) != 4 {
			t.Errorf("%d packets: %q", len(n.log), n.log)
		}
	})
}

func TestCancellation(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(func(*dns.Msg, bool) []byte { return nil }, "192.0.2.11", "192.0.2.12")
		r := n.resolver(v4)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		began := time.Now()
		_, err := r.Query(ctx, "www.x.vn", dns.TypeA)
		var f *Failure
		if !errors.As(err, &f) || f.Cause != verdict.Cancelled || !errors.Is(err, context.Canceled) || time.Since(began) > 301*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if n.open != 0 {
			t.Errorf("%d connections open right after", n.open)
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := r.Query(short, "www.x.vn", dns.TypeA); !errors.As(err, &f) || f.Cause != verdict.Deadline {
			t.Errorf("%v", err)
		}
		// One who leaves does not take the others' answer along.
		n.put(zones(t, xText).handle, "192.0.2.11", "192.0.2.12")
		n.slow(time.Second, "192.0.2.11", "192.0.2.12")
		early, leave := context.WithCancel(t.Context())
		go func() { _, _ = r.Query(early, "www.x.vn", dns.TypeAAAA) }()
		synctest.Wait()
		time.AfterFunc(100*time.Millisecond, leave)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
	})
}

// A dead server costs its own zones a bounded time, and others none.
func TestDeadServer(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		vn := "vn.\n"
		for i := range 50 {
			vn += fmt.Sprintf("z%d NS ns.z%d\nns.z%d A 192.0.2.99\n", i, i, i)
		}
		vn += "half NS a.half\nhalf NS b.half\na.half A 192.0.2.99\nb.half A 192.0.2.20\n"
		n.put(zones(t, vn).handle, "192.0.2.2")
		n.put(zones(t, "half.vn.\nwww A 192.0.2.80\n").handle, "192.0.2.20")
		r := n.resolver(v4)
		began := time.Now()
		if f := failure(t, r, "www.z0.vn", dns.TypeA); f.Cause != verdict.Timeout || f.Zone != "z0.vn." {
			t.Errorf("%+v", f)
		}
		failure(t, r, "www.z1.vn", dns.TypeA)
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("two names took %v", d)
		}
		sent := n.packets("192.0.2.99")
		began = time.Now()
		for i := range 48 {
			if f := failure(t, r, fmt.Sprintf("www.z%d.vn", i+2), dns.TypeA); f.Cause != verdict.Timeout {
				t.Errorf("%+v", f)
			}
		}
		if d, k := time.Since(began), n.packets("192.0.2.99")-sent; d > time.Second || k > 4 {
			t.Errorf("48 further names took %v, %d packets", d, k)
		}
		want(t, r, "www.half.vn", dns.TypeA, "192.0.2.80")
		// It comes back.
		back := zones(t, "z3.vn.\nwww A 192.0.2.81\n")
		n.put(back.handle, "192.0.2.99")
		time.Sleep(2 * time.Minute)
		want(t, r, "www.z3.vn", dns.TypeA, "192.0.2.81")
	})
}

// A server that is silent about one zone still answers for its others.
func TestSilentForOneZone(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, "vn.\na NS ns.a\nns.a A 192.0.2.20\nb NS ns.b\nns.b A 192.0.2.20\n").handle, "192.0.2.2")
		both := zones(t, "a.vn.\nwww A 192.0.2.80\n", "b.vn.\nwww A 192.0.2.81\nftp A 192.0.2.82\n")
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if within(q.Question[0].Name, "a.vn.") {
				return nil
			}
			return both.handle(q, tcp)
		}, "192.0.2.20")
		r := n.resolver(v4)
		want(t, r, "www.b.vn", dns.TypeA, "192.0.2.81")
		failure(t, r, "www.a.vn", dns.TypeA)
		failure(t, r, "ftp.a.vn", dns.TypeA)
		want(t, r, "ftp.b.vn", dns.TypeA, "192.0.2.82")
	})
}

// With heavy loss nothing becomes unknown that can be known.
func TestLoss(t *testing.T) {
	for seed := range 3 {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			for a, h := range n.at {
				n.delay[a] = 200 * time.Millisecond
				var count atomic.Int32
				count.Store(int32(seed))
				n.at[a] = func(q *dns.Msg, tcp bool) []byte {
					if count.Add(1)%4 == 0 && !tcp {
						return nil
					}
					return h(q, tcp)
				}
			}
			r := n.resolver()
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					if m, err := r.Query(t.Context(), fmt.Sprintf("h%d.x.vn", i), dns.TypeA); err != nil || m.Rcode != dns.RcodeNameError || m.IsEdns0() == nil {
						t.Error(m, err)
					}
				})
			}
			wg.Wait()
		})
	}
}
