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
