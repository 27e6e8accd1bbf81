package dnssec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// answer is what an authoritative server of the zone says.
func (z *tzone) answer(q name, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(q.String(), qtype)
	m.Response, m.Authoritative = true, true
	for n := q; n != z.apex; {
		n = n.parent()
		if d := z.sets[setKey{n, dns.TypeDNAME}]; d != nil {
			z.add(&m.Answer, n, dns.TypeDNAME)
			target, ok := q.replaceSuffix(n, mustName(d[0].(*dns.DNAME).Target))
			if !ok {
				m.Rcode = dns.RcodeYXDomain
				return m
			}
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: q.String(), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 3600},
				Target: target.String()})
			return m
		}
	}
	if z.nodes[q] {
		z.node(m, q, q, qtype)
		return m
	}
	ce := q
	for !z.nodes[ce] {
		ce = ce.parent()
	}
	w, _ := ce.wild()
	if z.nodes[w] {
		z.node(m, q, w, qtype)
		z.proveNone(m, q, ce)
		return m
	}
	m.Rcode = dns.RcodeNameError
	z.soa(m)
	z.proveNone(m, q, ce)
	z.proveNone(m, w, ce)
	return m
}

// node answers from the existing node, under the name q.
func (z *tzone) node(m *dns.Msg, q, node name, qtype uint16) {
	before := len(m.Answer)
	if qtype == dns.TypeANY {
		for k := range z.sets {
			if k.owner == node {
				z.add(&m.Answer, node, k.rrtype)
			}
		}
	} else if z.sets[setKey{node, qtype}] != nil {
		z.add(&m.Answer, node, qtype)
	} else if z.sets[setKey{node, dns.TypeCNAME}] != nil {
		z.add(&m.Answer, node, dns.TypeCNAME)
	}
	for i, rr := range m.Answer {
		if node != q {
			m.Answer[i] = dns.Copy(rr)
			m.Answer[i].Header().Name = q.String()
		}
	}
	if len(m.Answer) == before {
		z.soa(m)
		z.proveData(m, node)
	}
}

func (z *tzone) soa(m *dns.Msg) { z.add(&m.Ns, z.apex, dns.TypeSOA) }

// add appends a set and its signatures.
func (z *tzone) add(section *[]dns.RR, owner name, t uint16) {
	set := z.sets[setKey{owner, t}]
	*section = append(*section, set...)
	delegated := t == dns.TypeNS && owner != z.apex
	if !z.unsigned && !delegated {
		*section = append(*section, z.sign(owner, t, set)...)
	}
}

// sign makes the signatures of a set, once.
func (z *tzone) sign(owner name, t uint16, set []dns.RR) []dns.RR {
	k := setKey{owner, t}
	if sigs := z.signed[k]; sigs != nil {
		return sigs
	}
	signer := z.zsk
	if t == dns.TypeDNSKEY {
		signer = z.ksk
	}
	z.signed[k] = []dns.RR{z.signWith(signer, set)}
	return z.signed[k]
}

func (z *tzone) signWith(k tkey, set []dns.RR) *dns.RRSIG {
	sig := &dns.RRSIG{Inception: uint32(z.from.Unix()), Expiration: uint32(z.to.Unix()),
		KeyTag: k.rr.KeyTag(), SignerName: z.apex.String(), Algorithm: k.rr.Algorithm}
	sig.Hdr.Ttl = set[0].Header().Ttl
	if z.resign != nil {
		z.resign(set, sig, &k)
	}
	if err := sig.Sign(k.priv, set); err != nil {
		panic(fmt.Sprintf("signing %v: %v", set[0], err))
	}
	return sig
}

// typesAt lists the types that a denial record at n shows.
func (z *tzone) typesAt(n name, with ...uint16) []uint16 {
	out := slices.Clone(with)
	for k := range z.sets {
		if k.owner == n && (!z.cuts[n] || k.rrtype == dns.TypeNS || k.rrtype == dns.TypeDS) {
			out = append(out, k.rrtype)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// chain lists the owners of the NSEC chain in canonical order.
func (z *tzone) chain() []name {
	var out []name
	for k := range z.sets {
		if !z.glue(k.owner) && !slices.Contains(out, k.owner) {
			out = append(out, k.owner)
		}
	}
	slices.SortFunc(out, name.compare)
	return out
}

// nsecAt returns the NSEC that matches n or, if none does, covers it.
func (z *tzone) nsecAt(n name) *dns.NSEC {
	chain := z.chain()
	i := len(chain) - 1
	for ; i > 0 && chain[i].compare(n) > 0; i-- {
	}
	return &dns.NSEC{Hdr: dns.RR_Header{Name: chain[i].String(), Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300},
		NextDomain: chain[(i+1)%len(chain)].String(), TypeBitMap: z.typesAt(chain[i], dns.TypeNSEC, dns.TypeRRSIG)}
}

func (z *tzone) hash(n name) string {
	return strings.ToLower(dns.HashName(n.String(), dns.SHA1, z.iter, z.salt))
}

// nsec3At is nsecAt for NSEC3; match reports which of the two it is.
func (z *tzone) nsec3At(n name) (rr *dns.NSEC3, match bool) {
	byHash := map[string]name{}
	var hashes []string
	for node := range z.nodes {
		if z.optOut && z.unsignedBelow(node) {
			continue
		}
		h := z.hash(node)
		byHash[h] = node
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	i, match := slices.BinarySearch(hashes, z.hash(n))
	if !match {
		i = (i + len(hashes) - 1) % len(hashes)
	}
	node := byHash[hashes[i]]
	types := z.typesAt(node)
	if len(types) > 0 && (!z.cuts[node] || slices.Contains(types, dns.TypeDS)) {
		types = append(types, dns.TypeRRSIG)
	}
	slices.Sort(types)
	rr = &dns.NSEC3{Hdr: dns.RR_Header{Name: hashes[i] + "." + strings.TrimPrefix(z.apex.String(), "."), Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
		Hash: dns.SHA1, Iterations: z.iter, SaltLength: uint8(len(z.salt) / 2), Salt: z.salt,
		HashLength: 20, NextDomain: strings.ToUpper(hashes[(i+1)%len(hashes)]), TypeBitMap: types}
	if z.optOut {
		rr.Flags = 1
	}
	return rr, match
}

// unsignedBelow reports a node that only unsigned delegations give a reason for.
func (z *tzone) unsignedBelow(node name) bool {
	found := false
	for k := range z.sets {
		if !k.owner.within(node) || z.glue(k.owner) {
			continue
		}
		if !z.cuts[k.owner] || z.sets[setKey{k.owner, dns.TypeDS}] != nil {
			return false
		}
		found = true
	}
	return found
}

// proveData adds the record matching node, or what stands for it.
func (z *tzone) proveData(m *dns.Msg, node name) {
	switch {
	case z.unsigned:
	case !z.nsec3:
		z.denial(m, z.nsecAt(node))
	default:
		rr, match := z.nsec3At(node)
		if match {
			z.denial(m, rr)
			return
		}
		// Opted out: the closest encloser that has a record, and what covers the next name.
		for ce := node; ; {
			next := ce
			ce = ce.parent()
			if rr, match := z.nsec3At(ce); match {
				z.denial(m, rr)
				cover, _ := z.nsec3At(next)
				z.denial(m, cover)
				return
			}
		}
	}
}

// proveNone adds what shows that q does not exist and ce is its closest encloser.
func (z *tzone) proveNone(m *dns.Msg, q, ce name) {
	switch {
	case z.unsigned:
	case !z.nsec3:
		z.denial(m, z.nsecAt(q))
	default:
		if rr, match := z.nsec3At(ce); match && len(m.Ns) > 0 {
			z.denial(m, rr)
		}
		rr, _ := z.nsec3At(q.child(ce))
		z.denial(m, rr)
	}
}

// denial appends a signed denial record unless it is there.
func (z *tzone) denial(m *dns.Msg, rr dns.RR) {
	for _, have := range m.Ns {
		if have.Header().Rrtype == rr.Header().Rrtype && have.Header().Name == rr.Header().Name {
			return
		}
	}
	m.Ns = append(m.Ns, rr)
	m.Ns = append(m.Ns, z.sign(mustName(rr.Header().Name), rr.Header().Rrtype, []dns.RR{rr})...)
}
