package dnssec

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// deepTrap makes of every label on the way to a name of nsec3.vn. a proof that no
// zone begins there, which holds and costs as much as a proof may; the name's own
// answer is unsigned, so that all of them are looked at.
func deepTrap(w *world, labels int) string {
	z := w.z("nsec3.vn.")
	name := strings.Repeat("a.", labels) + "nsec3.vn."
	var junk []dns.RR
	for i := range maxDenials - 1 {
		junk = append(junk, nsec3With(z, fmt.Sprintf("x%d.nsec3.vn.", i), false, maxIterations-1, strings.Repeat(fmt.Sprintf("%02x", i), 200))...)
	}
	for n := mustName(name); n != z.apex; n = n.parent() {
		w.at(n.String(), dns.TypeDS, func(m *dns.Msg) {
			set := nsec3With(z, n.String(), true, maxIterations, "ab")
			x := set[0].(*dns.NSEC3)
			x.TypeBitMap = nil // an empty name
			m.Rcode, m.Answer = dns.RcodeSuccess, nil
			below := n.labels() - z.apex.labels()
			afford := min(maxDenials-1, maxHashing/(maxIterations+1)/(below+1)-1) // one more would be too much for one zone
			m.Ns = append(append([]dns.RR(nil), junk[:2*afford]...), x, z.signWith(z.zsk, set[:1]))
		})
	}
	w.at(name, dns.TypeA, func(m *dns.Msg) {
		m.Rcode, m.Ns = dns.RcodeSuccess, nil
		m.Answer = []dns.RR{rr(name + " 60 A 192.0.2.1")}
	})
	return name
}

// deepKeyTrap is the same with signatures of the same tag that fail before one
// that holds, at every label.
func deepKeyTrap(w *world, labels int) string {
	z := w.z("nsec.vn.")
	for _, k := range sameTag(z.zsk.rr, 6) {
		w.moreKeys("nsec.vn.", k)
	}
	w.at("nsec.vn.", dns.TypeDNSKEY, func(m *dns.Msg) { slices.Reverse(m.Answer) }) // the one that holds comes last
	name := strings.Repeat("a.", labels) + "nsec.vn."
	for n := mustName(name); n != z.apex; n = n.parent() {
		w.at(n.String(), dns.TypeDS, func(m *dns.Msg) {
			x := &dns.NSEC{Hdr: dns.RR_Header{Name: n.String(), Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300}, NextDomain: z.apex.String(),
				TypeBitMap: []uint16{dns.TypeTXT, dns.TypeRRSIG, dns.TypeNSEC}}
			m.Rcode, m.Answer = dns.RcodeSuccess, nil
			m.Ns = []dns.RR{x, z.signWith(z.zsk, []dns.RR{x})}
		})
	}
	w.at(name, dns.TypeA, func(m *dns.Msg) {
		m.Rcode, m.Ns = dns.RcodeSuccess, nil
		m.Answer = []dns.RR{rr(name + " 60 A 192.0.2.1")}
	})
	return name
}

// TestDeepTraps: a hostile zone cannot make a name dearer by making it longer, and
// what its name has used up is not held against other zones.
func TestDeepTraps(t *testing.T) {
	for _, trap := range []struct {
		zone string
		name func(*world, int) string
	}{{"nsec3.vn.", deepTrap}, {"nsec.vn.", deepKeyTrap}} {
		w := newWorld(t, province()...)
		name := trap.name(w, 40)
		alias := "www.rsa256.vn."
		w.at(name, dns.TypeA, func(m *dns.Msg) { m.Answer = []dns.RR{rr(name + " 60 CNAME " + alias)} })
		v := w.validator()
		judge(t, v.Validate(context.Background(), name, dns.TypeA), Indeterminate, "dnssec.indeterminate.limit")
		judge(t, v.Validate(context.Background(), "a.a."+trap.zone, dns.TypeDS), Secure, "")
		judge(t, v.Validate(context.Background(), alias, dns.TypeA), Secure, "")
		judge(t, v.Validate(context.Background(), name, dns.TypeA), Indeterminate, "dnssec.indeterminate.limit")
	}
}

func BenchmarkNSEC3TrapDeep(b *testing.B) {
	w := newWorld(b, province()...)
	freshly(b, w, deepTrap(w, 40), dns.TypeA, Indeterminate)
}

func BenchmarkKeyTrapDeep(b *testing.B) {
	w := newWorld(b, province()...)
	freshly(b, w, deepKeyTrap(w, 40), dns.TypeA, Indeterminate)
}

// The chains and sizes that a hostile zone may spin, beside BenchmarkOrdinaryBogus.

func BenchmarkAliasChain(b *testing.B) {
	w := newWorld(b, province()...)
	for i := range 30 {
		w.z("nsec.vn.").put(rr(fmt.Sprintf("c%d.nsec.vn. 60 CNAME c%d.nsec.vn.", i, i+1)))
		w.z("nsec.vn.").nodes[mustName(fmt.Sprintf("c%d.nsec.vn.", i))] = true
	}
	freshly(b, w, "c0.nsec.vn.", dns.TypeA, Indeterminate)
}

func BenchmarkDelegationChain(b *testing.B) {
	specs := []spec{{apex: ".", oneKey: true}}
	apex := "."
	for range 60 {
		apex = "a." + strings.TrimPrefix(apex, ".")
		specs = append(specs, spec{apex: apex, text: "www A 192.0.2.1", oneKey: true})
	}
	freshly(b, newWorld(b, specs...), "www."+apex, dns.TypeA, Indeterminate)
}

// BenchmarkLargeAnswer is as much as a message holds: 64 KiB of one record set,
// whose signature does not hold.
func BenchmarkLargeAnswer(b *testing.B) {
	w := newWorld(b, province()...)
	for i := range 3_500 {
		w.z("nsec.vn.").put(rr(fmt.Sprintf("www.nsec.vn. 60 A 192.1.%d.%d", i/250, i%250)))
	}
	w.at(www, dns.TypeA, eachSig(dns.TypeA, flip))
	freshly(b, w, www, dns.TypeA, Bogus)
}

// BenchmarkLargeMixedAnswer is a message of many record sets, each with signatures
// that do not hold.
func BenchmarkLargeMixedAnswer(b *testing.B) {
	w := newWorld(b, province()...)
	for i := range 400 {
		w.z("nsec.vn.").put(rr(fmt.Sprintf(`www.nsec.vn. 60 TYPE%d \# 2 0000`, 1000+i)))
	}
	w.at(www, dns.TypeANY, trap(2))
	freshly(b, w, www, dns.TypeANY, Bogus)
}

// Where the parent is known and its DS records do not hold, nobody need be asked for
// the child's keys.
func TestKeysAreAskedForWhenNeeded(t *testing.T) {
	w := newWorld(t, province()...)
	v := w.validator()
	judge(t, v.Validate(context.Background(), "www.nsec3.vn.", dns.TypeA), Secure, "")
	w.at("nsec.vn.", dns.TypeDS, eachSig(dns.TypeDS, flip))
	judge(t, v.Validate(context.Background(), www, dns.TypeA), Bogus, "dnssec.bogus.sig-invalid")
	if n := w.asked["nsec.vn. DNSKEY"]; n != 0 {
		t.Errorf("asked %d times for the keys of a zone whose DS does not hold", n)
	}
}
