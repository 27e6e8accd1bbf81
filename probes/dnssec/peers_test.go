package dnssec

import (
	"context"
	"encoding/base32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// What follows was learnt from other validators' test scenarios.

// nsec3With makes and signs an NSEC3 record with parameters of its own that
// matches or covers a name, alone in its span.
func nsec3With(z *tzone, n string, match bool, iter uint16, salt string) []dns.RR {
	hash := strings.ToUpper(dns.HashName(n, dns.SHA1, iter, salt))
	raw, err := base32.HexEncoding.DecodeString(hash)
	if err != nil {
		panic(err)
	}
	near := func(by byte) string {
		b := slices.Clone(raw)
		b[len(b)-1] += by // the last octet may wrap: then the span is wider, and still has the name in it
		return base32.HexEncoding.EncodeToString(b)
	}
	owner, next := near(255), near(1)
	if match {
		owner = hash
	}
	x := &dns.NSEC3{Hdr: dns.RR_Header{Name: strings.ToLower(owner) + "." + z.apex.String(), Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
		Hash: dns.SHA1, Iterations: iter, SaltLength: uint8(len(salt) / 2), Salt: salt, HashLength: 20, NextDomain: next}
	if match {
		x.TypeBitMap = []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeDNSKEY}
	}
	return []dns.RR{x, z.signWith(z.zsk, []dns.RR{x})}
}

// A zone that changes its parameters has two chains, and an answer may rest on
// both; each record speaks for names hashed as it says.
func TestDenialWithMixedParameters(t *testing.T) {
	const absent = "none.nsec3.vn."
	for leftOut := -1; leftOut < 3; leftOut++ {
		w := newWorld(t, province()...)
		z := w.z("nsec3.vn.")
		w.at(absent, dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeNameError
			z.soa(m)
			for i, proof := range [][]dns.RR{
				nsec3With(z, "nsec3.vn.", true, 8, ""),
				nsec3With(z, absent, false, 123, "aabb00"),
				nsec3With(z, "*.nsec3.vn.", false, 0, ""),
			} {
				if i != leftOut {
					m.Ns = append(m.Ns, proof...)
				}
			}
		})
		res := w.validator().Validate(context.Background(), absent, dns.TypeA)
		want := Bogus
		if leftOut < 0 {
			want = Secure
		}
		if res.State != want {
			t.Errorf("without proof %d: %v, want %v\n%s", leftOut, res.State, want, reasonsText(res))
		}
	}
}

var peerCases = []brokenCase{
	{"DNAME made from a wildcard", "www.some.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("www.some.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			z := w.z("nsec.vn.")
			sig := z.signWith(z.zsk, []dns.RR{rr("*.nsec.vn. 3600 DNAME nsec3.vn.")})
			sig.Hdr.Name = "some.nsec.vn."
			w.prove("nsec.vn.", 0, "some.nsec.vn.")(m)
			m.Answer = []dns.RR{rr("some.nsec.vn. 3600 DNAME nsec3.vn."), sig, rr("www.some.nsec.vn. 3600 CNAME www.nsec3.vn.")}
		})
	}},
}

func TestLearntFromPeers(t *testing.T) { runCases(t, peerCases) }

// An anchor for a name that the zone above proves to be no zone is out of date;
// without an anchor above, the denial proves nothing.
func TestAnchorOfNoZone(t *testing.T) {
	w := newWorld(t, province()...)
	stale := rr("none.nsec.vn. DS 1 13 2 " + strings.Repeat("AB", 32))
	for _, c := range []struct {
		anchors []dns.RR
		want    State
		code    string
	}{
		{append([]dns.RR{stale}, w.anchors...), Secure, ""},
		{[]dns.RR{stale}, Bogus, "dnssec.bogus.anchor-mismatch"},
	} {
		v := New(w, c.anchors, func() time.Time { return testNow })
		res := v.Validate(context.Background(), "www.none.nsec.vn.", dns.TypeA)
		judge(t, res, c.want, c.code)
		if res.Rcode != dns.RcodeNameError {
			t.Errorf("rcode %s", rcodeName(res.Rcode))
		}
	}
}

// An unsigned answer from a server that does not do DNSSEC, which has no answer
// about a cut at the name either: another server's counts.
func TestUnsignedAnswerIsTriedElsewhere(t *testing.T) {
	w := newWorld(t, province()...)
	lame := &world{zones: w.zones, asked: map[string]int{}, errs: map[string]error{"www.nsec.vn. DS": refusedBySource{verdict.ServFail}}}
	lame.at(www, dns.TypeA, stripSig(dns.TypeA))
	v := New(&twoServers{world: lame, good: w}, w.anchors, func() time.Time { return testNow })
	res := v.Validate(context.Background(), www, dns.TypeA)
	if res.State != Secure || !slices.ContainsFunc(res.Reasons, func(r Reason) bool { return r.Code == codeDisagree }) {
		t.Errorf("%v\n%s", res.State, reasonsText(res))
	}
	v = New(lame, w.anchors, func() time.Time { return testNow })
	judge(t, v.Validate(context.Background(), www, dns.TypeA), Indeterminate, "dnssec.indeterminate.unreachable")
}

// The answer that led here through an alias may itself show that the target is
// unsigned; the parent's servers then need not answer for DS again.
func TestAliasShowsUnsignedDelegation(t *testing.T) {
	w := newWorld(t, province()...)
	w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
		z := w.z("nsec.vn.")
		set := []dns.RR{rr("web.nsec.vn. 3600 CNAME www.plainn.nsec.vn.")}
		proof := new(dns.Msg)
		w.prove("nsec.vn.", 0, "plainn.nsec.vn.")(proof)
		m.Answer, m.Ns = append(set, z.signWith(z.zsk, set)), proof.Ns
	})
	w.errs["plainn.nsec.vn. DS"] = refusedBySource{verdict.ServFail}
	judge(t, w.validator().Validate(context.Background(), "web.nsec.vn.", dns.TypeA), Insecure, "dnssec.insecure.unsigned")
}

// An unsigned set of signatures is shown as what it is, of the zone that its
// own fields name.
func TestSignaturesAskedFor(t *testing.T) {
	w := newWorld(t, province()...)
	w.errs["www.nsec.vn. DS"] = refusedBySource{verdict.ServFail}
	w.at(www, dns.TypeRRSIG, func(m *dns.Msg) {
		z := w.z("nsec.vn.")
		m.Answer, m.Ns = []dns.RR{z.signWith(z.zsk, []dns.RR{rr(www + " 3600 A 192.0.2.1")})}, nil
	})
	judge(t, w.validator().Validate(context.Background(), www, dns.TypeRRSIG), Insecure, "dnssec.insecure.rrsig")
}

// Names may have any octets: spelled with escapes or not, they are one name.
func TestEscapedNames(t *testing.T) {
	specs := province()
	for i := range specs {
		if specs[i].apex == "nsec.vn." {
			specs[i].text += "\na\\.b A 192.0.2.7\n\\000x\\255 A 192.0.2.8\nsp\\032ace A 192.0.2.9\n"
		}
	}
	w := newWorld(t, specs...)
	v := w.validator()
	for name, want := range map[string]int{
		`a\.b.nsec.vn.`: dns.RcodeSuccess, `a\046b.nsec.vn.`: dns.RcodeSuccess, `A\.\098.nsec.vn.`: dns.RcodeSuccess,
		`\000X\255.nsec.vn.`: dns.RcodeSuccess, `sp\ ace.nsec.vn.`: dns.RcodeSuccess,
		`a.b.nsec.vn.`: dns.RcodeNameError, `\001x\255.nsec.vn.`: dns.RcodeNameError,
	} {
		res := v.Validate(context.Background(), name, dns.TypeA)
		if res.State != Secure || res.Rcode != want {
			t.Errorf("%s: %v, %s\n%s", name, res.State, rcodeName(res.Rcode), reasonsText(res))
		}
	}
}
