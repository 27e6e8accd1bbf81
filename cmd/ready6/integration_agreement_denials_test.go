//go:build integration

package main_test

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// inParent breaks what the parent says about the child.
func inParent(change func(p *madeZone, child string)) func(p, z *madeZone) {
	return func(p, z *madeZone) { change(p, z.apex) }
}

// bits changes the types that a denial shows, and signs it again.
func bits(z *madeZone, rr dns.RR, change func([]uint16) []uint16) {
	z.must(rr != nil, "denial")
	switch n := rr.(type) {
	case *dns.NSEC:
		n.TypeBitMap = change(n.TypeBitMap)
	case *dns.NSEC3:
		n.TypeBitMap = change(n.TypeBitMap)
	}
	z.resign(rr.Header().Name, rr.Header().Rrtype, nil)
}

func with(types ...uint16) func([]uint16) []uint16 {
	return func(old []uint16) []uint16 {
		out := append(slices.Clone(old), types...)
		slices.Sort(out)
		return slices.Compact(out)
	}
}

func without(types ...uint16) func([]uint16) []uint16 {
	return func(old []uint16) []uint16 {
		return slices.DeleteFunc(slices.Clone(old), func(t uint16) bool { return slices.Contains(types, t) })
	}
}

// own is the NSEC or NSEC3 of a name itself.
func own(z *madeZone, name string) dns.RR {
	if list := z.find(name, dns.TypeNSEC); len(list) > 0 {
		return list[0]
	}
	if n := z.matching(name); n != nil {
		return n
	}
	panic(z.apex + ": no denial at " + name)
}

var cutZones = []agreeCase{
	{name: "cut-ds-unsigned", parent: inParent(func(p *madeZone, c string) { p.unsign(c, dns.TypeDS) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-ds-spoilt", parent: inParent(func(p *madeZone, c string) { p.edit(c, dns.TypeDS, spoilt) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-ds-changed", parent: inParent(func(p *madeZone, c string) { d := p.find(c, dns.TypeDS)[0].(*dns.DS); d.Digest = flip(d.Digest) }), ask: []string{"www A bogus"}},
	{name: "cut-ds-expired", parent: inParent(func(p *madeZone, c string) {
		p.resign(c, dns.TypeDS, func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-9*day), at(-day) })
	}), ask: []string{"www A bogus"}},
	{name: "cut-ds-spoilt-hashed", in: "n3", parent: inParent(func(p *madeZone, c string) { p.edit(c, dns.TypeDS, spoilt) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-spoilt", unsigned: true, parent: inParent(func(p *madeZone, c string) { spoil(p, own(p, c)) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-proof-spoilt-hashed", in: "n3", unsigned: true, parent: inParent(func(p *madeZone, c string) { spoil(p, own(p, c)) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-proof-spoilt-optout", in: "ob", unsigned: true, parent: inParent(func(p *madeZone, c string) { spoil(p, p.covering(c)) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-has-ds", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), with(dns.TypeDS)) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-proof-has-soa", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), with(dns.TypeSOA)) }), ask: []string{"www A bogus", "@ DS bogus"}},
	{name: "cut-proof-lacks-ns", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), without(dns.TypeNS)) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-has-ds-hashed", in: "n3", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), with(dns.TypeDS)) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-lacks-ns-hashed", in: "n3", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), without(dns.TypeNS)) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-has-cname", unsigned: true, parent: inParent(func(p *madeZone, c string) { bits(p, own(p, c), with(dns.TypeCNAME)) }), ask: []string{"www A bogus"}},
	{name: "cut-proof-expired", unsigned: true, parent: inParent(func(p *madeZone, c string) {
		p.resign(c, dns.TypeNSEC, func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-9*day), at(-day) })
	}), ask: []string{"www A bogus"}},
}

var nsecZones = []agreeCase{
	{name: "nsec-name-spoilt", breaks: func(z *madeZone) { spoil(z, z.covering("nothere")) }, ask: []string{"nothere A bogus", "www A secure"}},
	{name: "nsec-data-spoilt", breaks: func(z *madeZone) { spoil(z, own(z, "www")) }, ask: []string{"www AAAA bogus", "www A secure"}},
	{name: "nsec-name-unsigned", breaks: func(z *madeZone) { z.unsign(z.covering("nothere").Header().Name, dns.TypeNSEC) }, ask: []string{"nothere A bogus bind=indeterminate"}},
	{name: "nsec-wild-spoilt", breaks: func(z *madeZone) { spoil(z, z.covering("*")) }, ask: []string{"nothere A bogus"}},
	{name: "nsec-expired", breaks: func(z *madeZone) {
		z.resign("www", dns.TypeNSEC, func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-9*day), at(-day) })
	}, ask: []string{"www AAAA bogus"}},
	{name: "nsec-has-type", breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeAAAA)) }, ask: []string{"www AAAA bogus", "www MX secure"}},
	{name: "nsec-has-cname", breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeCNAME)) }, ask: []string{"www AAAA bogus"}},
	{name: "nsec-has-ns", breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeNS)) }, ask: []string{"www AAAA insecure"}},
	{name: "nsec-lacks-type", breaks: func(z *madeZone) { bits(z, own(z, "www"), without(dns.TypeA)) }, ask: []string{"www A secure", "www AAAA secure"}},
	{name: "nsec-too-short", breaks: func(z *madeZone) {
		n := z.covering("nothere").(*dns.NSEC)
		n.NextDomain = "\\000." + n.Hdr.Name
		z.resign(n.Hdr.Name, dns.TypeNSEC, nil)
	}, ask: []string{"nothere A bogus"}},
	{name: "nsec-changed", breaks: func(z *madeZone) {
		own(z, "www").(*dns.NSEC).TypeBitMap = []uint16{dns.TypeA, dns.TypeRRSIG, dns.TypeNSEC}
	}, ask: []string{"www AAAA bogus"}},
	{name: "nsec-next-case", breaks: func(z *madeZone) {
		n := own(z, "other").(*dns.NSEC)
		n.NextDomain = "WWW." + z.apex
	}, ask: []string{"other AAAA bogus"}},
	{name: "nsec-wild-data-spoilt", breaks: func(z *madeZone) { spoil(z, own(z, "*.wild")) }, ask: []string{"x.wild AAAA bogus"}},
	{name: "nsec-wild-has-type", breaks: func(z *madeZone) { bits(z, own(z, "*.wild"), with(dns.TypeAAAA)) }, ask: []string{"x.wild AAAA bogus"}},
	{name: "nsec-empty-spoilt", breaks: func(z *madeZone) { spoil(z, z.covering("ent")) }, ask: []string{"ent A bogus"}},
	{name: "nsec-dname-above", more: "d DNAME target\n", breaks: func(z *madeZone) {
		z.drop("d", dns.TypeDNAME)
		z.unsign("d", dns.TypeDNAME)
		z.add("d A 192.0.2.1\n")
	}, ask: []string{"x.d A bogus"}},
	{name: "nsec-last-open", breaks: func(z *madeZone) {
		n := z.covering("zzz").(*dns.NSEC)
		n.NextDomain = "zz0." + z.apex
		z.resign(n.Hdr.Name, dns.TypeNSEC, nil)
	}, ask: []string{"zzz A bogus"}},
	{name: "soa-spoilt", breaks: func(z *madeZone) { z.edit("", dns.TypeSOA, spoilt) }, ask: []string{"nothere A bogus", "www A secure"}},
}

var hashedChain = &chain3{salt: "ab"}

var nsec3Zones = []agreeCase{
	{name: "hash-data-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, own(z, "www")) }, ask: []string{"www AAAA bogus", "www A secure"}},
	{name: "hash-encloser-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, own(z, "")) }, ask: []string{"nothere A bogus"}},
	{name: "hash-next-closer-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, z.covering("nothere")) }, ask: []string{"nothere A bogus"}},
	{name: "hash-wild-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, z.covering("*")) }, ask: []string{"nothere A bogus"}},
	{name: "hash-has-type", nsec3: hashedChain, breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeAAAA)) }, ask: []string{"www AAAA bogus", "www MX secure"}},
	{name: "hash-has-cname", nsec3: hashedChain, breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeCNAME)) }, ask: []string{"www AAAA bogus"}},
	{name: "hash-has-ns", nsec3: hashedChain, breaks: func(z *madeZone) { bits(z, own(z, "www"), with(dns.TypeNS)) }, ask: []string{"www AAAA insecure"}},
	{name: "hash-encloser-ns", nsec3: hashedChain, more: "x.up A 192.0.2.1\nup A 192.0.2.2\n", breaks: func(z *madeZone) { bits(z, own(z, "up"), with(dns.TypeNS, dns.TypeDS)) }, ask: []string{"n.up A bogus"}},
	{name: "hash-encloser-dname", nsec3: hashedChain, more: "x.up A 192.0.2.1\nup A 192.0.2.2\n", breaks: func(z *madeZone) { bits(z, own(z, "up"), with(dns.TypeDNAME)) }, ask: []string{"n.up A bogus"}},
	{name: "hash-short-span", nsec3: hashedChain, breaks: func(z *madeZone) {
		n := z.covering("nothere").(*dns.NSEC3)
		n.NextDomain = hashStep(dns.SplitDomainName(n.Hdr.Name)[0], 1)
		z.resign(n.Hdr.Name, dns.TypeNSEC3, nil)
	}, ask: []string{"nothere A bogus"}},
	{name: "hash-wild-data-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, own(z, "*.wild")) }, ask: []string{"x.wild AAAA bogus"}},
	{name: "hash-empty-spoilt", nsec3: hashedChain, breaks: func(z *madeZone) { spoil(z, own(z, "ent")) }, ask: []string{"ent A bogus"}},
	{name: "hash-flag-unknown", nsec3: hashedChain, breaks: func(z *madeZone) {
		n := own(z, "www").(*dns.NSEC3)
		n.Flags = 2
		z.resign(n.Hdr.Name, dns.TypeNSEC3, nil)
	}, ask: []string{"www AAAA bogus"}},
	{name: "hash-optout-name", nsec3: hashedChain, breaks: func(z *madeZone) {
		n := z.covering("nothere").(*dns.NSEC3)
		n.Flags = 1
		z.resign(n.Hdr.Name, dns.TypeNSEC3, nil)
	}, ask: []string{"nothere A insecure"}},
	{name: "hash-optout-wild", nsec3: hashedChain, breaks: func(z *madeZone) {
		n := z.covering("x.wild").(*dns.NSEC3)
		n.Flags = 1
		z.resign(n.Hdr.Name, dns.TypeNSEC3, nil)
	}, ask: []string{"x.wild A insecure"}},
	{name: "hash-optout-data", nsec3: &chain3{optOut: true}, signers: "ours bind knot", ask: []string{"www AAAA secure", "nothere A insecure", "ent A secure"}},
	{name: "hash-optout-spoilt", nsec3: &chain3{optOut: true}, signers: "ours bind knot", breaks: func(z *madeZone) { spoil(z, z.covering("nothere")) }, ask: []string{"nothere A bogus"}},
	{name: "hash-case", nsec3: hashedChain, breaks: func(z *madeZone) {
		for _, rr := range z.rrs {
			if n, ok := rr.(*dns.NSEC3); ok {
				n.Hdr.Name = dns.CanonicalName(n.Hdr.Name)
			}
		}
	}, ask: []string{"www AAAA secure", "nothere A secure"}},
}

// iterationCases are zones by their number of additional iterations (RFC 9276 3.2).
func iterationCases() []agreeCase {
	var out []agreeCase
	for _, n := range []uint16{1, 10, 50, 51, 100, 150, 151, 500, 2500} {
		state, signers := "secure", ""
		if n > 150 {
			state, signers = "insecure", "ours ldns knot"
		}
		out = append(out, agreeCase{name: fmt.Sprintf("iterations-%d", n), nsec3: &chain3{iterations: n}, signers: signers,
			ask: []string{"www A secure", "www AAAA " + state, "nothere A " + state, "x.wild A " + state}})
	}
	for _, n := range []int{1, 8, 64} {
		out = append(out, agreeCase{name: fmt.Sprintf("salt-%d", n), nsec3: &chain3{salt: fmt.Sprintf("%0*x", 2*n, 0xa5)},
			ask: []string{"www A secure", "www AAAA secure", "nothere A secure", "x.wild A secure"}})
	}
	return out
}
