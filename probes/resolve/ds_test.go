package resolve

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

const (
	dsText  = "x DS 4711 13 2 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n"
	dsData  = "4711 13 2 0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20"
	cutText = "x NS ns1.x\nns1.x A 192.0.2.11\n"
)

func sigText(owner, covered string) string {
	return owner + " RRSIG " + covered + " 13 2 3600 20300101000000 20200101000000 1 vn. AAAA\n"
}

// The DS records of a referral answer the DS question without a packet, and
// only if they are all there.
func TestDSFromReferral(t *testing.T) {
	optOut := func(iterations int, ok bool) string {
		flags := "1"
		if !ok {
			flags = "0"
		}
		apex := strings.ToLower(dns.HashName("vn.", dns.SHA1, uint16(iterations), ""))
		// The range of apex is the whole circle, so it covers every other name.
		return apex + " NSEC3 1 " + flags + " " + itoa(iterations) + " - " + strings.ToUpper(apex) + " NS SOA DNSKEY\n" + sigText(apex, "NSEC3")
	}
	match := strings.ToLower(dns.HashName("x.vn.", dns.SHA1, 0, ""))
	for name, c := range map[string]struct {
		vn    string
		whole bool
		n     int // DS records
	}{
		"signed DS":               {dsText + sigText("x", "DS"), true, 1},
		"unsigned DS":             {dsText, false, 1},
		"signature of no DS":      {sigText("x", "DS"), false, 0},
		"signed NSEC":             {"x NSEC y.vn. NS RRSIG NSEC\n" + sigText("x", "NSEC"), true, 0},
		"unsigned NSEC":           {"x NSEC y.vn. NS\n", false, 0},
		"NSEC that says DS":       {"x NSEC y.vn. NS DS RRSIG NSEC\n" + sigText("x", "NSEC"), false, 0},
		"NSEC3 of the name":       {match + " NSEC3 1 0 0 - " + match + " NS\n" + sigText(match, "NSEC3"), true, 0},
		"NSEC3 of the name, DS":   {match + " NSEC3 1 0 0 - " + match + " NS DS\n" + sigText(match, "NSEC3"), false, 0},
		"NSEC3 opt-out":           {optOut(0, true), true, 0},
		"NSEC3 without opt-out":   {optOut(0, false), false, 0},
		"NSEC3 too many rounds":   {optOut(200, true), false, 0},
		"NSEC3 of something else": {"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 1 0 - 0p9mhaveqvm6t7vbl5lop2u3t2rp3ton NS\n", false, 0},
		"nothing":                 {"", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, "vn.\n"+cutText+c.vn)
				n.put(func(q *dns.Msg, tcp bool) []byte {
					m := a.answer(q, tcp)
					if !m.Authoritative { // all the proofs there are go into referrals
						for _, r := range a["vn."] {
							if s, ok := r.(*dns.RRSIG); r.Header().Rrtype == dns.TypeNSEC3 || ok && s.TypeCovered == dns.TypeNSEC3 {
								m.Ns = append(m.Ns, r)
							}
						}
					}
					return pack1(m)
				}, "192.0.2.2")
				r := n.resolver(v4)
				want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				before := len(n.log)
				var data []string
				if c.n > 0 {
					data = []string{dsData}
				}
				m := want(t, r, "x.vn", dns.TypeDS, data...)
				if m == nil {
					return
				}
				if sent := len(n.log) - before; (sent == 0) != c.whole {
					t.Errorf("%d packets sent: %q", sent, n.log)
				}
				if c.whole && c.n == 0 && len(m.Ns) < 2 {
					t.Errorf("no proof in %v", m)
				}
				if !m.Authoritative || m.Question[0].Qtype != dns.TypeDS || m.Question[0].Name != "x.vn." {
					t.Errorf("%v", m)
				}
				if len(r.Evidence("x.vn", dns.TypeDS)) == 0 {
					t.Error("no evidence")
				}
				if n.packets("192.0.2.11", "DS")+n.packets("192.0.2.12", "DS") > 0 {
					t.Error("the child was asked for its own DS")
				}
			})
		})
	}
}

func itoa(i int) string {
	if i == 0 {
		return "0"
	}
	return "200"
}

// The first question may be the DS question itself.
func TestDSFirst(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, "vn.\n"+cutText+dsText+sigText("x", "DS")).handle, "192.0.2.2")
		r := n.resolver(v4)
		want(t, r, "x.vn", dns.TypeDS, dsData)
		want(t, r, "www.x.vn", dns.TypeDS) // no cut there: the zone's own NODATA
		want(t, r, ".", dns.TypeDS)
		if n.packets("192.0.2.2", "www.x.vn. DS") != 1 || n.packets("192.0.2.1", " . DS") != 1 {
			t.Errorf("%q", n.log)
		}
	})
}

// Parent and child on the same server: the DS is the parent's answer.
func TestDSParentAndChildOnOneServer(t *testing.T) {
	both := []string{"vn.\n" + cutText + dsText + sigText("x", "DS"), "x.vn.\nwww AAAA 2001:db8:80::1\n"}
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, both...).handle, "192.0.2.2", "192.0.2.11")
		r := n.resolver(v4)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		want(t, r, "x.vn", dns.TypeDS, dsData)
	})
	childSays := func(q *dns.Msg) []byte { // a server that knows no better
		m := new(dns.Msg).SetReply(q)
		m.Authoritative, m.Ns = true, []dns.RR{rr("x.vn. SOA a. b. 1 2 3 4 5")}
		return pack1(m)
	}
	bubble(t, func(t *testing.T, n *fakeNet) { // one of two servers does so
		plainWorld(t, n)
		n.put(zones(t, "vn.\n@ NS a\n@ NS b\na A 192.0.2.2\nb A 192.0.2.22\n").handle, "192.0.2.1")
		n.put(zones(t, ".\nvn NS a.vn.\nvn NS b.vn.\na.vn. A 192.0.2.2\nb.vn. A 192.0.2.22\n").handle, "192.0.2.1")
		a := zones(t, both...)
		n.put(a.handle, "192.0.2.2")
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if q.Question[0].Qtype == dns.TypeDS {
				return childSays(q)
			}
			return a.handle(q, tcp)
		}, "192.0.2.22")
		for range 8 {
			want(t, n.resolver(v4), "x.vn", dns.TypeDS, dsData)
		}
	})
	bubble(t, func(t *testing.T, n *fakeNet) { // the only one does so
		plainWorld(t, n)
		a := zones(t, both...)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if q.Question[0].Qtype == dns.TypeDS {
				return childSays(q)
			}
			return a.handle(q, tcp)
		}, "192.0.2.2")
		if f := failure(t, n.resolver(v4), "x.vn", dns.TypeDS); f.Cause != verdict.Lame || f.Zone != "vn." {
			t.Errorf("%+v", f)
		}
	})
	bubble(t, func(t *testing.T, n *fakeNet) { // a zone between is elsewhere, hidden by the server of those around it
		plainWorld(t, n)
		around := zones(t, "vn.\ngov NS ns.gov\nns.gov A 192.0.2.30\n", "x.gov.vn.\nwww AAAA 2001:db8:80::9\n")
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if q.Question[0].Qtype == dns.TypeDS && q.Question[0].Name == "x.gov.vn." {
				m := new(dns.Msg).SetReply(q)
				m.Authoritative, m.Ns = true, []dns.RR{rr("x.gov.vn. SOA a. b. 1 2 3 4 5")}
				return pack1(m)
			}
			return around.handle(q, tcp)
		}, "192.0.2.2")
		n.put(zones(t, "gov.vn.\n"+cutText+dsText).handle, "192.0.2.30")
		r := n.resolver(v4)
		want(t, r, "www.x.gov.vn", dns.TypeAAAA, "2001:db8:80::9")
		want(t, r, "x.gov.vn", dns.TypeDS, dsData)
	})
}

// A server that knows nothing of DS answers with the referral.
func TestDSAnsweredByReferral(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := new(dns.Msg).SetReply(q)
			m.Ns, m.Extra = []dns.RR{rr("x.vn. NS ns1.x.vn.")}, []dns.RR{rr("ns1.x.vn. A 192.0.2.11")}
			return pack1(m)
		}, "192.0.2.2")
		want(t, n.resolver(v4), "x.vn", dns.TypeDS)
	})
}

// A server that has a zone and a zone far above it answers a DS question with the
// child's alias. The zone between is looked for.
func TestDSAnsweredByTheChildsAlias(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		root := zones(t, rootText)
		n.put(func(q *dns.Msg, tcp bool) []byte {
			m := root.answer(q, tcp)
			if q.Question[0].Name == "x.vn." && q.Question[0].Qtype == dns.TypeDS {
				m.Authoritative, m.Ns, m.Extra = true, nil, nil
				m.Answer = []dns.RR{rr("x.vn. CNAME elsewhere.test.")}
			}
			return pack1(m)
		}, "192.0.2.1")
		m, err := n.resolver(v4).Query(t.Context(), "x.vn", dns.TypeDS)
		if err != nil || len(m.Answer) != 0 || len(m.Ns) == 0 || m.Ns[0].Header().Name != "vn." {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// The proof that a referral brings counts where the DS question itself fails, be it
// before the referral or after, and is not asked for again.
func TestDSFromReferralDespiteAFailure(t *testing.T) {
	for name, after := range map[string]time.Duration{"failed before": time.Minute, "fails after": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, "vn.\n"+cutText+dsText+sigText("x", "DS"))
				n.put(func(q *dns.Msg, tcp bool) []byte {
					if q.Question[0].Qtype == dns.TypeDS {
						return nil
					}
					return a.handle(q, tcp)
				}, "192.0.2.2", "2001:db8::2")
				r := n.resolver(v4)
				go func() { _, _ = r.Query(t.Context(), "x.vn", dns.TypeDS) }()
				time.Sleep(after)
				want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				time.Sleep(time.Minute)
				before := n.packets()
				want(t, r, "x.vn", dns.TypeDS, dsData)
				if more := n.packets() - before; more > 0 {
					t.Errorf("asked again, with %d packets", more)
				}
			})
		})
	}
}
