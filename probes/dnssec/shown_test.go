package dnssec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// The chain of trust as data says the same as the verdict: each zone under its
// parent, each DS with what became of it, each signature with its window.
func TestChainOfTrust(t *testing.T) {
	w := newWorld(t, province()...)
	c := w.validator().Validate(t.Context(), "www.nsec.vn.", dns.TypeA).ChainOfTrust()
	if len(c.Zones) != 3 || c.Zones[2].Zone != "nsec.vn." || c.Zones[2].Parent != "vn." || c.Zones[1].Parent != "." || c.Zones[0].Parent != "" {
		t.Fatalf("zones: %+v", c.Zones)
	}
	for _, z := range c.Zones {
		if len(z.DS) != 1 || z.DS[0].Match != "match" || z.State != "secure" || z.Place != "" {
			t.Errorf("%s: %+v", z.Zone, z)
		}
		for _, s := range z.Signatures {
			if !s.Valid || s.Reason != "" || !s.Inception.Before(testNow) || !s.Expiration.After(testNow) {
				t.Errorf("%s: %+v", z.Zone, s)
			}
			if s.Type == "DS" && s.Signer != z.Parent || s.Type == "DNSKEY" && s.Signer != z.Zone {
				t.Errorf("%s: %s signed by %s", z.Zone, s.Type, s.Signer)
			}
		}
		if want := map[bool]int{true: 1, false: 2}[z.Parent == ""]; len(z.Signatures) != want {
			t.Errorf("%s: %d signatures, want %d", z.Zone, len(z.Signatures), want)
		}
	}
	if len(c.Hops) != 1 || c.Hops[0].Kind != "answer" || c.Hops[0].Zone != "nsec.vn." || len(c.Hops[0].Sets) != 1 || !c.Hops[0].Sets[0].Signatures[0].Valid {
		t.Errorf("steps: %+v", c.Hops)
	}
}

// Many signers let the zone's other key sign the DNSKEY set as well: that is no
// signature by a key that is not there.
func TestChainShowsOtherSigners(t *testing.T) {
	for _, broken := range []bool{false, true} {
		w := newWorld(t, province()...)
		z := w.z("nsec.vn.")
		w.at("nsec.vn.", dns.TypeDNSKEY, func(m *dns.Msg) {
			var keys []dns.RR
			for _, k := range z.keys {
				keys = append(keys, k)
			}
			m.Answer = append([]dns.RR{z.signWith(z.zsk, keys)}, m.Answer...)
		})
		if broken {
			w.at("nsec.vn.", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, func(s *dns.RRSIG) {
				if s.KeyTag == z.ksk.rr.KeyTag() {
					flip(s)
				}
			}))
		}
		c := w.validator().Validate(t.Context(), www, dns.TypeA).ChainOfTrust()
		seen := 0
		for _, s := range c.Zones[len(c.Zones)-1].Signatures {
			if s.Type == "DNSKEY" && s.Tag == z.zsk.rr.KeyTag() {
				seen++
				if s.Valid || s.Reason != "" {
					t.Errorf("broken %v: %+v", broken, s)
				}
			}
		}
		if seen != 1 || (c.State == "bogus") != broken {
			t.Errorf("broken %v: %s, %+v", broken, c.State, c.Zones)
		}
	}
}

// Aliases are steps of their own, denials bring their proof, and what is not
// vouched for is never called valid.
func TestChainOfTrustSteps(t *testing.T) {
	w := newWorld(t, province()...)
	for _, c := range []struct {
		name  string
		kinds string
		zones string // of the steps
	}{
		{"far.nsec.vn.", "alias answer", "nsec.vn. nsec3.vn."},
		{"out.nsec.vn.", "alias answer", "nsec.vn. plain.vn."},
		{"none.nsec3.vn.", "denial", "nsec3.vn."},
		{"www.plain.vn.", "answer", "plain.vn."},
		{"www.island.vn.", "answer", "island.vn."},
	} {
		got := w.validator().Validate(t.Context(), c.name, dns.TypeA).ChainOfTrust()
		var kinds, zones []string
		for _, h := range got.Hops {
			kinds, zones = append(kinds, h.Kind), append(zones, h.Zone)
			for _, set := range h.Sets {
				for _, s := range set.Signatures {
					if s.Valid != (h.State == "secure") {
						t.Errorf("%s: in a step that is %s a signature on %s is valid: %v", c.name, h.State, set.Type, s.Valid)
					}
				}
			}
			if h.Kind == "denial" && len(h.Sets) < 2 {
				t.Errorf("%s: the denial has %d sets", c.name, len(h.Sets))
			}
		}
		if strings.Join(kinds, " ") != c.kinds || strings.Join(zones, " ") != c.zones {
			t.Errorf("%s: %v in %v", c.name, kinds, zones)
		}
		text, err := json.Marshal(got)
		var again verdict.Chain
		if err != nil || json.Unmarshal(text, &again) != nil || len(again.Hops) != len(got.Hops) {
			t.Errorf("%s: the stored form does not come back: %v", c.name, err)
		}
		if len(text) > 8<<10 {
			t.Errorf("%s: %d bytes of chain are too many to store", c.name, len(text))
		}
	}
}

// What breaks is placed: at the DS set, between DS and keys, at the keys, or in
// the answer.
func TestChainOfTrustPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		ed    func(*tzone)
		place verdict.ChainPlace
		match string
		step  verdict.Reason
	}{
		"mismatch": {func(z *tzone) { z.ds[0].(*dns.DS).Digest = strings.Repeat("ab", 32) }, verdict.AtMatch, "mismatch", ""},
		"no key":   {func(z *tzone) { z.ds[0].(*dns.DS).KeyTag++ }, verdict.AtMatch, "no-key", ""},
		"expired":  {func(z *tzone) { z.from, z.to = testNow.AddDate(0, -2, 0), testNow.AddDate(0, -1, 0) }, verdict.AtKeys, "match", ""},
		"answer": {func(z *tzone) {
			z.resign = func(set []dns.RR, sig *dns.RRSIG, _ *tkey) {
				if set[0].Header().Rrtype == dns.TypeA {
					sig.Expiration = uint32(testNow.Add(-1).Unix())
				}
			}
		}, "", "match", codeExpired},
	} {
		w := newWorld(t, spec{apex: "."}, spec{apex: "vn."}, spec{apex: "a.vn.", text: "www A 192.0.2.1", ed: c.ed})
		got := w.validator().Validate(t.Context(), "www.a.vn.", dns.TypeA)
		chain := got.ChainOfTrust()
		z := chain.Zones[2]
		if got.State != Bogus || z.Place != c.place || z.DS[0].Match != c.match || chain.Hops[0].Reason != c.step {
			t.Errorf("%s: %v at %q, DS %s, step %s", name, got.State, z.Place, z.DS[0].Match, chain.Hops[0].Reason)
		}
	}
}
