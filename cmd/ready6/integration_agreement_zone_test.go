//go:build integration

package main_test

import (
	"cmp"
	"crypto"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// madeZone is one zone of the agreement test, as it is served after its one
// thing was broken.
type madeZone struct {
	apex     string
	rrs      []dns.RR
	keys     []madeKey // those that sign the DNSKEY set first
	ds       []dns.RR  // what its parent publishes
	from, to time.Time // validity of its signatures
	nsec3    *chain3   // nil: NSEC
}

// madeKey is a key that the test itself can sign with.
type madeKey struct {
	public *dns.DNSKEY
	signer crypto.Signer
}

// chain3 is how a zone is hashed.
type chain3 struct {
	iterations uint16
	salt       string // hexadecimal
	optOut     bool
}

// abs is the full name of a name of the zone; empty is the apex.
func (z *madeZone) abs(name string) string {
	if name == "" {
		return z.apex
	}
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "." + z.apex
}

// parseRecords reads zone text.
func parseRecords(origin, text string) ([]dns.RR, error) {
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), origin, "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if n, ok := rr.(*dns.NSEC3); ok {
			n.NextDomain = strings.ToUpper(n.NextDomain) // as the library compares it
		}
		out = append(out, rr)
	}
	return out, p.Err()
}

func (z *madeZone) text() string {
	// the SOA comes first for those who insist on it
	soa := slices.IndexFunc(z.rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
	var b strings.Builder
	if soa >= 0 {
		fmt.Fprintln(&b, z.rrs[soa])
	}
	for i, rr := range z.rrs {
		if i != soa {
			fmt.Fprintln(&b, rr)
		}
	}
	return strings.ReplaceAll(b.String(), "\tCLASS1\t", "\tIN\t") // Knot knows the class by its name only
}

// is tells whether a record is of a set.
func (z *madeZone) is(rr dns.RR, name string, qtype uint16) bool {
	return rr.Header().Rrtype == qtype && strings.EqualFold(rr.Header().Name, z.abs(name))
}

// find returns the records of a set.
func (z *madeZone) find(name string, qtype uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range z.rrs {
		if z.is(rr, name, qtype) {
			out = append(out, rr)
		}
	}
	return out
}

// sigs returns the signatures over a set.
func (z *madeZone) sigs(name string, covered uint16) []*dns.RRSIG {
	var out []*dns.RRSIG
	for _, rr := range z.find(name, dns.TypeRRSIG) {
		if s := rr.(*dns.RRSIG); s.TypeCovered == covered {
			out = append(out, s)
		}
	}
	return out
}

// must stops a case whose breakage finds nothing to break.
func (z *madeZone) must(ok bool, what string) {
	if !ok {
		panic(fmt.Sprintf("%s: nothing to break: %s", z.apex, what))
	}
}

func (z *madeZone) remove(gone func(dns.RR) bool, what string) {
	before := len(z.rrs)
	z.rrs = slices.DeleteFunc(z.rrs, gone)
	z.must(len(z.rrs) < before, what)
}

// drop takes a set away and leaves its signatures.
func (z *madeZone) drop(name string, qtype uint16) {
	z.remove(func(rr dns.RR) bool { return z.is(rr, name, qtype) }, name)
}

// unsign takes the signatures over a set away.
func (z *madeZone) unsign(name string, covered uint16) {
	z.remove(func(rr dns.RR) bool {
		s, ok := rr.(*dns.RRSIG)
		return ok && s.TypeCovered == covered && strings.EqualFold(s.Hdr.Name, z.abs(name))
	}, name)
}

// edit changes the signatures over a set.
func (z *madeZone) edit(name string, covered uint16, f func(*dns.RRSIG)) {
	list := z.sigs(name, covered)
	z.must(len(list) > 0, name)
	for _, s := range list {
		f(s)
	}
}

// add puts records in, unsigned.
func (z *madeZone) add(text string) []dns.RR {
	rrs, err := parseRecords(z.apex, text)
	if err != nil || len(rrs) == 0 {
		panic(fmt.Sprintf("%s: %q: %v", z.apex, text, err))
	}
	z.rrs = append(z.rrs, rrs...)
	return rrs
}

// resign signs a set anew, by the key that signs the zone, in another form.
func (z *madeZone) resign(name string, qtype uint16, change func(*dns.RRSIG)) {
	z.rrs = slices.DeleteFunc(z.rrs, func(rr dns.RR) bool {
		s, ok := rr.(*dns.RRSIG)
		return ok && s.TypeCovered == qtype && strings.EqualFold(s.Hdr.Name, z.abs(name))
	})
	k := z.keys[len(z.keys)-1]
	if qtype == dns.TypeDNSKEY {
		k = z.keys[0]
	}
	set := z.find(name, qtype)
	z.must(len(set) > 0, name)
	z.rrs = append(z.rrs, z.sign(k, set, change))
}

// sign makes one signature. An algorithm that nobody implements is signed for
// by another, under its number.
func (z *madeZone) sign(k madeKey, set []dns.RR, change func(*dns.RRSIG)) *dns.RRSIG {
	h := set[0].Header()
	s := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
		Algorithm: k.public.Algorithm, KeyTag: k.public.KeyTag(), SignerName: z.apex,
		Inception: uint32(z.from.Unix()), Expiration: uint32(z.to.Unix())}
	if change != nil {
		change(s)
	}
	said := s.Algorithm
	if _, known := algorithmBits[dns.AlgorithmToString[said]]; !known {
		s.Algorithm = dns.ECDSAP256SHA256
	}
	if err := s.Sign(k.signer, set); err != nil {
		panic(fmt.Sprintf("%s: %v", z.apex, err))
	}
	s.Algorithm = said
	return s
}

// signOurs signs the zone with its keys.
func (z *madeZone) signOurs() {
	for _, k := range z.keys {
		z.rrs = append(z.rrs, k.public)
	}
	types := z.authoritative()
	if z.nsec3 == nil {
		z.chainNSEC(types)
	} else {
		z.chainNSEC3(types)
	}
	type id struct {
		name  string
		rtype uint16
	}
	sets := map[id][]dns.RR{}
	for _, rr := range z.rrs {
		k := id{dns.CanonicalName(rr.Header().Name), rr.Header().Rrtype}
		sets[k] = append(sets[k], rr)
	}
	for k, set := range sets {
		cut := types[k.name][dns.TypeNS] && k.name != z.apex
		switch known := types[k.name]; {
		case k.rtype == dns.TypeNSEC3:
		case known == nil, cut && k.rtype != dns.TypeDS && k.rtype != dns.TypeNSEC:
			continue
		}
		by := z.keys[len(z.keys)-1]
		if k.rtype == dns.TypeDNSKEY {
			by = z.keys[0]
		}
		z.rrs = append(z.rrs, z.sign(by, set, nil))
	}
}

// authoritative returns the types at every name that is not below a zone cut or
// a DNAME.
func (z *madeZone) authoritative() map[string]map[uint16]bool {
	types := map[string]map[uint16]bool{}
	for _, rr := range z.rrs {
		n := dns.CanonicalName(rr.Header().Name)
		if types[n] == nil {
			types[n] = map[uint16]bool{}
		}
		types[n][rr.Header().Rrtype] = true
	}
	for n := range types {
		for up := n; up != z.apex; {
			up = above(up)
			if types[up][dns.TypeDNAME] || types[up][dns.TypeNS] && up != z.apex {
				delete(types, n)
				break
			}
		}
	}
	return types
}

// above is the name one label up.
func above(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

func sortedTypes(set map[uint16]bool, more ...uint16) []uint16 {
	var out []uint16
	for t := range set {
		out = append(out, t)
	}
	out = append(out, more...)
	slices.Sort(out)
	return out
}

// chainNSEC adds the NSEC chain (RFC 4034 4).
func (z *madeZone) chainNSEC(types map[string]map[uint16]bool) {
	var names []string
	for n := range types {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
		slices.Reverse(x)
		slices.Reverse(y)
		return slices.Compare(x, y)
	})
	for i, n := range names {
		z.rrs = append(z.rrs, &dns.NSEC{Hdr: dns.RR_Header{Name: n, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300},
			NextDomain: names[(i+1)%len(names)], TypeBitMap: sortedTypes(types[n], dns.TypeRRSIG, dns.TypeNSEC)})
		types[n][dns.TypeNSEC] = true
	}
}

// chainNSEC3 adds the NSEC3 chain with empty non-terminals (RFC 5155 7.1).
func (z *madeZone) chainNSEC3(types map[string]map[uint16]bool) {
	p := z.nsec3
	types[z.apex][dns.TypeNSEC3PARAM] = true
	z.rrs = append(z.rrs, &dns.NSEC3PARAM{Hdr: dns.RR_Header{Name: z.apex, Rrtype: dns.TypeNSEC3PARAM, Class: dns.ClassINET},
		Hash: dns.SHA1, Iterations: p.iterations, SaltLength: uint8(len(p.salt) / 2), Salt: p.salt})
	type node struct {
		hash  string
		types []uint16
	}
	var list []node
	add := func(n string, set []uint16) {
		list = append(list, node{dns.HashName(n, dns.SHA1, p.iterations, p.salt), set})
	}
	seen := map[string]bool{}
	for n, set := range types {
		insecure := set[dns.TypeNS] && !set[dns.TypeDS] && n != z.apex
		if insecure && p.optOut {
			continue
		}
		if insecure {
			add(n, sortedTypes(set))
		} else {
			add(n, sortedTypes(set, dns.TypeRRSIG))
		}
		for up := n; up != z.apex; {
			up = above(up)
			if types[up] == nil && !seen[up] {
				seen[up] = true
				add(up, nil)
			}
		}
	}
	slices.SortFunc(list, func(a, b node) int { return cmp.Compare(a.hash, b.hash) })
	flags := uint8(0)
	if p.optOut {
		flags = 1
	}
	for i, n := range list {
		z.rrs = append(z.rrs, &dns.NSEC3{Hdr: dns.RR_Header{Name: strings.ToLower(n.hash) + "." + z.apex, Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
			Hash: dns.SHA1, Flags: flags, Iterations: p.iterations, SaltLength: uint8(len(p.salt) / 2), Salt: p.salt,
			HashLength: 20, NextDomain: list[(i+1)%len(list)].hash, TypeBitMap: n.types})
	}
}

// matching returns the NSEC3 of a name of the zone.
func (z *madeZone) matching(name string) *dns.NSEC3 {
	for _, rr := range z.rrs {
		if n, ok := rr.(*dns.NSEC3); ok && n.Match(z.abs(name)) {
			return n
		}
	}
	return nil
}

// covering returns the NSEC or NSEC3 whose span a name falls in.
func (z *madeZone) covering(name string) dns.RR {
	for _, rr := range z.rrs {
		switch n := rr.(type) {
		case *dns.NSEC3:
			if n.Cover(z.abs(name)) {
				return n
			}
		case *dns.NSEC:
			if z.nsecCovers(n, z.abs(name)) {
				return n
			}
		}
	}
	return nil
}

func (z *madeZone) nsecCovers(n *dns.NSEC, name string) bool {
	key := func(s string) []string {
		l := dns.SplitDomainName(dns.CanonicalName(s))
		slices.Reverse(l)
		return l
	}
	a, q, b := key(n.Hdr.Name), key(name), key(n.NextDomain)
	if slices.Compare(a, b) >= 0 { // the last one
		return slices.Compare(a, q) < 0
	}
	return slices.Compare(a, q) < 0 && slices.Compare(q, b) < 0
}

// hashStep is the hash just above or below h.
func hashStep(h string, step int) string {
	raw, err := base32.HexEncoding.DecodeString(strings.ToUpper(h))
	if err != nil {
		panic(err)
	}
	for i := len(raw) - 1; i >= 0; i-- {
		raw[i] += byte(step)
		if step > 0 && raw[i] != 0 || step < 0 && raw[i] != 255 {
			break
		}
	}
	return strings.ToUpper(base32.HexEncoding.EncodeToString(raw))
}

// flip changes one hexadecimal digit.
func flip(digest string) string {
	raw, err := hex.DecodeString(digest)
	if err != nil {
		panic(err)
	}
	raw[0] ^= 0xff
	return strings.ToUpper(hex.EncodeToString(raw))
}
