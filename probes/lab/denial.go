package lab

import (
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// link is one record of the chain of denial: its owner and that owner's place
// in the order (canonical order for NSEC, the hash for NSEC3).
type link struct{ order, owner string }

// nsec3Chars is base32 with the "extended hex" alphabet, RFC 4648 section 7.
var nsec3Chars = base32.HexEncoding.WithPadding(base32.NoPadding)

// own returns the names that the zone is authoritative for, or delegates, in
// canonical order: all that a chain of denial speaks of, but the empty
// non-terminals.
func (z *zone) own() []string {
	var names []string
	for owner := range z.sets {
		if cut, below := z.cut(owner); !below || cut == owner {
			names = append(names, owner)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return names
}

// types lists the types at a node for a type bit map, without NSEC and RRSIG.
func (z *zone) types(owner string) []uint16 {
	var out []uint16
	for t := range z.sets[owner] {
		if !z.foreign(owner, t) {
			out = append(out, t)
		}
	}
	return out
}

func (z *zone) addNSEC() {
	names := z.own()
	for i, owner := range names {
		types := append(z.types(owner), dns.TypeNSEC, dns.TypeRRSIG)
		slices.Sort(types)
		h := z.header(owner, dns.TypeNSEC)
		h.Ttl = z.negativeTTL()
		z.add(&dns.NSEC{Hdr: h, NextDomain: names[(i+1)%len(names)], TypeBitMap: types})
		z.chain = append(z.chain, link{sortKey(owner), owner})
	}
}

// negativeTTL is the lesser of the SOA's TTL and its minimum (RFC 9077).
func (z *zone) negativeTTL() uint32 {
	soa := z.get(z.name, dns.TypeSOA).rrs[0].(*dns.SOA)
	return min(soa.Minttl, soa.Hdr.Ttl)
}

func (z *zone) addNSEC3() {
	z.add(&dns.NSEC3PARAM{Hdr: z.header(z.name, dns.TypeNSEC3PARAM), Hash: dns.SHA1, Iterations: z.spec.iter,
		SaltLength: uint8(len(z.spec.salt) / 2), Salt: z.spec.salt})
	hashed := map[string]string{} // hash -> name
	for _, owner := range z.own() {
		if z.optedOut(owner) {
			continue
		}
		hashed[z.hash(owner)] = owner
		for n := parentName(owner); owner != z.name && n != z.name && under(n, z.name); n = parentName(n) {
			hashed[z.hash(n)] = n
		}
	}
	order := slices.Sorted(maps.Keys(hashed))
	var flags uint8
	if z.spec.optOut {
		flags = 1
	}
	var records []dns.RR
	for i, hash := range order {
		name := hashed[hash]
		types := z.types(name)
		if len(types) > 0 && (z.get(name, dns.TypeNS) == nil || name == z.name || z.get(name, dns.TypeDS) != nil) {
			types = append(types, dns.TypeRRSIG) // an insecure delegation has nothing signed
		}
		slices.Sort(types)
		owner := strings.ToLower(hash) + "." + strings.TrimPrefix(z.name, ".")
		h := z.header(owner, dns.TypeNSEC3)
		h.Ttl = z.negativeTTL()
		records = append(records, &dns.NSEC3{Hdr: h, Hash: dns.SHA1, Flags: flags, Iterations: z.spec.iter,
			SaltLength: uint8(len(z.spec.salt) / 2), Salt: z.spec.salt, HashLength: 20,
			NextDomain: order[(i+1)%len(order)], TypeBitMap: types})
		z.chain = append(z.chain, link{hash, owner})
	}
	for _, rr := range records { // after all bit maps are made: NSEC3 owners are not names of the zone
		z.add(rr)
	}
}

// optedOut reports whether a name is left out of an opt-out chain: a
// delegation without DS (RFC 5155 section 7.1).
func (z *zone) optedOut(owner string) bool {
	return z.spec.optOut && owner != z.name && z.get(owner, dns.TypeNS) != nil && z.get(owner, dns.TypeDS) == nil
}

// hash is the NSEC3 hash of a name, in upper-case base32hex (RFC 5155 5).
func (z *zone) hash(name string) string {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(strings.ToLower(name), wire, 0, nil, false)
	if err != nil {
		return ""
	}
	salt, err := hex.DecodeString(z.spec.salt)
	if err != nil {
		return ""
	}
	sum := sha1.Sum(append(wire[:n:n], salt...))
	for range z.spec.iter {
		sum = sha1.Sum(append(sum[:], salt...))
	}
	return nsec3Chars.EncodeToString(sum[:])
}

// match returns the owner of the denial record that speaks of exactly this name.
func (z *zone) match(name string) (string, bool) {
	order := z.order(name)
	i, ok := slices.BinarySearchFunc(z.chain, order, func(l link, o string) int { return strings.Compare(l.order, o) })
	if !ok {
		return "", false
	}
	return z.chain[i].owner, true
}

// cover returns the owner of the denial record whose gap the name falls into.
func (z *zone) cover(name string) (string, bool) {
	if len(z.chain) == 0 {
		return "", false
	}
	order := z.order(name)
	i, exact := slices.BinarySearchFunc(z.chain, order, func(l link, o string) int { return strings.Compare(l.order, o) })
	if exact {
		return z.chain[i].owner, true
	}
	if i == 0 {
		i = len(z.chain)
	}
	return z.chain[i-1].owner, true
}

func (z *zone) order(name string) string {
	if z.spec.nsec3 {
		return z.hash(name)
	}
	return sortKey(name)
}

// encloser returns the closest ancestor of name that exists and, in a zone with
// NSEC3, that the chain has; and the next closer name below it.
func (z *zone) encloser(name string) (closest, next string) {
	closest, next = z.name, name
	path := toward(z.name, name)
	for i, n := range path {
		known := z.exists(n)
		if z.spec.nsec3 && known {
			_, known = z.match(n)
		}
		if known {
			closest = n
			continue
		}
		return closest, path[i]
	}
	return closest, next
}

// wildcard returns the source of synthesis for a name that does not exist.
func wildcard(encloser string) string {
	if encloser == "." {
		return "*."
	}
	return "*." + encloser
}

// proof collects the owners of denial records without repetition.
type proof struct {
	z      *zone
	owners []string
}

func (p *proof) match(name string) bool {
	o, ok := p.z.match(name)
	if ok {
		p.take(o)
	}
	return ok
}

func (p *proof) cover(name string) {
	if o, ok := p.z.cover(name); ok {
		p.take(o)
	}
}

func (p *proof) take(owner string) {
	if !slices.Contains(p.owners, owner) {
		p.owners = append(p.owners, owner)
	}
}

// noData proves that a name has no set of the type asked for: the record that
// matches it, or for a name left out of the chain the record covering it
// (an empty non-terminal in NSEC, an opted-out delegation in NSEC3).
func (z *zone) noData(name string) []string {
	p := proof{z: z}
	if p.match(name) {
		return p.owners
	}
	if z.spec.nsec3 {
		closest, next := z.encloser(name)
		p.match(closest)
		p.cover(next)
	} else {
		p.cover(name)
	}
	return p.owners
}

// noName proves NXDOMAIN (RFC 4035 3.1.3.2, RFC 5155 7.2.2).
func (z *zone) noName(name string) []string {
	p := proof{z: z}
	closest, next := z.encloser(name)
	if z.spec.nsec3 {
		p.match(closest)
	}
	p.cover(next)
	p.cover(wildcard(closest))
	return p.owners
}

// expanded proves that a wildcard was rightly used for name (RFC 5155 7.2.6).
func (z *zone) expanded(name string) []string {
	p := proof{z: z}
	_, next := z.encloser(name)
	p.cover(next)
	return p.owners
}

// wildcardNoData proves that the wildcard for name has no such type.
func (z *zone) wildcardNoData(name string) []string {
	p := proof{z: z}
	closest, next := z.encloser(name)
	if z.spec.nsec3 {
		p.match(closest)
	}
	p.cover(next)
	p.match(wildcard(closest))
	return p.owners
}
