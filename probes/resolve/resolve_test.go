package resolve

import (
	"net/netip"
	"sync"
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
		"truncated over TCP, too": reply(func(m *dns.Msg) { m.Truncated, m.Answer = true, nil }),
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
				synctest.Wait() // the tries that lost are counted, and what they say of their server
				before := n.packets("udp")
				want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
				if name == "silent" && n.packets("udp") > before {
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
				m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				if m == nil {
					return
				}
				switch opt := m.IsEdns0(); {
				case name != "silence" && opt != nil:
					t.Error("an OPT record from nowhere")
				case name == "silence" && (opt == nil || len(opt.Option) != 1 || opt.Option[0].Option() != dns.EDNS0EDE):
					t.Errorf("silence to EDNS is not told: %v", opt)
				}
			})
		})
	}
}

// Loss of two packets must not make a signed zone look like one of a server

// without EDNS.

// seen counts how often a cut was handed out.

// A delegation to many servers whose names lead nowhere must not multiply

// packets (NXNS).

// Glue that had no room in the referral is not missing.

// A dead server costs its own zones a bounded time, and others none.

// A server that is silent about one zone still answers for its others.

// With heavy loss nothing becomes unknown that can be known.

// TestSameQuestionOnce protects that a run asks no server the same thing twice, even
// while many ask at once: names of one zone and of several, the same name over and
// over, types that are there and that are not, DS from referrals, and who asks again
// after a bogus answer.
func TestSameQuestionOnce(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.slow(50*time.Millisecond, "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.11", "192.0.2.12")
		r := n.resolver()
		var wg sync.WaitGroup
		for range 20 {
			for _, name := range []string{"www.x.vn", "alias.x.vn", "none.x.vn", "www.glueless.vn", "www.v4.vn"} {
				for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeA, dns.TypeDS, dns.TypeDNSKEY} {
					wg.Go(func() {
						m, err := r.Query(t.Context(), name, qtype)
						if err != nil {
							t.Errorf("%s %s: %v", name, dns.TypeToString[qtype], err)
							return
						}
						for range 4 {
							if m, _ = r.Retry(t.Context(), name, qtype, m); m == nil {
								break
							}
						}
					})
				}
			}
		}
		wg.Wait()
		seen := map[string]int{}
		for _, l := range n.log {
			seen[l]++
		}
		for l, times := range seen {
			if times > 1 {
				t.Errorf("%d times: %s", times, l)
			}
		}
		if len(n.log) < 30 {
			t.Errorf("only %d questions: this shows nothing", len(n.log))
		}
	})
}
