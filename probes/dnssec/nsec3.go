package dnssec

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// digest is an NSEC3 hash. SHA-1 is the only algorithm there is (RFC 5155 11).
type digest [sha1.Size]byte

// params are what names are hashed with.
type params struct {
	iterations uint16
	salt       string // raw octets
}

// nsec3 is a verified NSEC3 record.
type nsec3 struct {
	params
	owner, next digest
	optOut      bool
	types       bits
	rr          *dns.NSEC3
}

// parseNSEC3 reads a record of the zone at apex. Records with an unknown hash
// algorithm or unknown flags are ignored (RFC 5155 8.1, 8.2).
func parseNSEC3(apex, owner name, rr *dns.NSEC3) (nsec3, bool) {
	if rr.Hash != dns.SHA1 || rr.Flags&^1 != 0 || owner.parent() != apex || owner == root {
		return nsec3{}, false
	}
	n := nsec3{optOut: rr.Flags&1 != 0, types: rr.TypeBitMap, rr: rr}
	salt, err := hex.DecodeString(strings.TrimPrefix(rr.Salt, "-"))
	if err != nil || !decodeDigest(&n.owner, owner.label(0)) || !decodeDigest(&n.next, rr.NextDomain) {
		return nsec3{}, false
	}
	n.params = params{rr.Iterations, string(salt)}
	return n, true
}

func decodeDigest(d *digest, text string) bool {
	raw, err := base32.HexEncoding.DecodeString(strings.ToUpper(text))
	return err == nil && len(raw) == len(d) && copy(d[:], raw) == len(d)
}

// hash computes a name's hash, false if the budget is used up (RFC 5155 5).
func (p params) hash(b *budget, n name) (digest, bool) {
	if !b.hash(int(p.iterations) + 1) {
		return digest{}, false
	}
	var buf [512]byte
	d := digest(sha1.Sum(append(append(buf[:0], n...), p.salt...)))
	for range p.iterations {
		d = sha1.Sum(append(append(buf[:0], d[:]...), p.salt...))
	}
	return d, true
}

// covers reports whether h falls strictly between owner and next in the circle
// of hashes; a record alone in its zone covers all but itself.
func (n *nsec3) covers(h digest) bool {
	after := bytes.Compare(n.owner[:], h[:]) < 0
	before := bytes.Compare(h[:], n.next[:]) < 0
	if bytes.Compare(n.owner[:], n.next[:]) < 0 {
		return after && before
	}
	return (after || before) && h != n.owner
}

// hashed is the records of a proof. They may have different parameters: each is
// compared with names hashed as it says.
type hashed struct {
	list []nsec3
	b    *budget
	memo *hashes
}

// hashes are the names hashed so far, by the parameters of the hash.
type hashes []hashesBy

type hashesBy struct {
	params
	names []hashedName
}

type hashedName struct {
	name
	digest
}

// of finds the names hashed with p, in the order they were.
func (h *hashes) of(p params) *[]hashedName {
	for i := range *h {
		if by := &(*h)[i]; by.params == p {
			return &by.names
		}
	}
	*h = append(*h, hashesBy{params: p})
	return &(*h)[len(*h)-1].names
}

// digest hashes a name by a record's parameters, false if the budget is used up.
func (s hashed) digest(p params, n name) (digest, bool) {
	known := s.memo.of(p)
	for _, h := range *known {
		if h.name == n {
			return h.digest, true
		}
	}
	d, ok := p.hash(s.b, n)
	if ok {
		*known = append(*known, hashedName{n, d})
	}
	return d, ok
}

// matching finds the record whose owner is n, nil if there is none.
func (s hashed) matching(n name) *nsec3 {
	return s.find(n, func(r *nsec3, h digest) bool { return r.owner == h })
}

// covering finds the record that shows that n does not exist.
func (s hashed) covering(n name) *nsec3 {
	return s.find(n, (*nsec3).covers)
}

func (s hashed) find(n name, by func(*nsec3, digest) bool) *nsec3 {
	for i := range s.list {
		if h, ok := s.digest(s.list[i].params, n); ok && by(&s.list[i], h) {
			return &s.list[i]
		}
	}
	return nil
}

// byParams sorts the records into parameter sets, the fewest iterations first.
func (e *evidence) byParams(b *budget) []hashed {
	var out []hashed
	memo := new(hashes)
	for _, n := range e.nsec3 {
		i := slices.IndexFunc(out, func(s hashed) bool { return s.list[0].params == n.params })
		if i < 0 {
			i = len(out)
			out = append(out, hashed{list: make([]nsec3, 0, len(e.nsec3)), b: b, memo: memo})
		}
		out[i].list = append(out[i].list, n)
	}
	slices.SortStableFunc(out, func(a, b hashed) int { return int(a.list[0].iterations) - int(b.list[0].iterations) })
	return out
}

// eachParams tries a proof with each parameter set, then with all the records
// together: each is a signed statement about the zone's names (a zone that changes
// its parameters has two whole chains). Beyond the iteration limit the signed
// records themselves make the name insecure (RFC 9276 3.2).
func (e *evidence) eachParams(b *budget, try func(hashed) proof) (p proof, any bool) {
	sets := e.byParams(b)
	for _, s := range sets {
		if s.list[0].iterations > maxIterations {
			return proof{kind: noData, insecure: codeIterations, rr: s.list[0].rr}, true
		}
		if p = try(s); b.spent { // what was not hashed is not known to be absent
			return proof{}, true
		}
		if p.kind != unproven {
			return p, true
		}
		any = true
	}
	if len(sets) > 1 {
		all := hashed{b: b, memo: sets[0].memo}
		for _, s := range sets {
			all.list = append(all.list, s.list...)
		}
		if joint := try(all); joint.kind != unproven && !b.spent {
			return joint, true
		}
	}
	return p, any
}

// denyNSEC3 is RFC 5155 8.4 to 8.7. False: there are no NSEC3 records.
func (e *evidence) denyNSEC3(b *budget, q name, qtype uint16) (proof, bool) {
	if !q.within(e.zone.apex) {
		return proof{}, false
	}
	return e.eachParams(b, func(s hashed) proof { return s.deny(e.zone.apex, q, qtype) })
}

func (s hashed) deny(apex, q name, qtype uint16) proof {
	if m := s.matching(q); m != nil {
		if qtype != dns.TypeDS && m.types.delegation() && !m.types.has(dns.TypeDS) {
			return proof{kind: noData, insecure: codeUnsigned, cut: q, rr: m.rr}
		}
		return m.proves(q, qtype)
	}
	ce, nc, p := s.closest(apex, q)
	if nc == nil {
		return p
	}
	// RFC 5155 9.2: what an opt-out record covers is never more than insecure.
	proven := func(kind proofKind) proof {
		p := proof{kind: kind, rr: nc.rr}
		if nc.optOut {
			p.insecure = codeOptOut
		}
		return p
	}
	w, ok := ce.wild()
	if !ok {
		return proven(nameError)
	}
	if m := s.matching(w); m != nil {
		p := m.proves(w, qtype)
		if p.kind == unproven {
			return p
		}
		return proven(noData)
	}
	if s.covering(w) != nil {
		return proven(nameError)
	}
	if nc.optOut { // an unsigned delegation, or an empty name above only such ones (RFC 5155 8.6, 7.2.8)
		return proven(noData)
	}
	return proof{why: "the wildcard " + w.String() + " is not denied", rr: nc.rr}
}

// closest is the closest encloser proof (RFC 5155 8.3): ce, an ancestor of q
// that exists, and the record covering the name one label longer. If there is no
// such record, the proof tells why.
func (s hashed) closest(apex, q name) (ce name, nc *nsec3, p proof) {
	for ce = q; ce != apex; {
		next := ce
		ce = ce.parent()
		m := s.matching(ce)
		if m == nil {
			continue
		}
		// "The validator MUST check that the NSEC3 RR that has the closest encloser as the original owner name is
		// from the proper zone. The DNAME type bit must not be set and the NS type bit may only be set if the SOA type bit is set."
		if m.types.delegation() && !m.types.has(dns.TypeDS) {
			return ce, nil, proof{kind: noData, insecure: codeUnsigned, cut: ce, rr: m.rr} // all below is unsigned
		}
		if m.types.delegation() || m.types.has(dns.TypeDNAME) {
			return ce, nil, proof{why: "the name lies below the zone cut or DNAME that it belongs to", rr: m.rr}
		}
		if nc = s.covering(next); nc == nil {
			return ce, nil, proof{why: "no record covers the next closer name", rr: m.rr}
		}
		return ce, nc, proof{}
	}
	return ce, nil, proof{why: "no record shows the closest encloser", rr: s.list[0].rr}
}

func (n *nsec3) proves(q name, qtype uint16) proof {
	ok, why := n.types.denies(q, qtype)
	if !ok {
		return proof{why: why, rr: n.rr}
	}
	return proof{kind: noData, delegation: n.types.delegation(), rr: n.rr}
}

// closerNSEC3 proves that nothing closer to q exists than ce (RFC 5155 8.8).
func (e *evidence) closerNSEC3(b *budget, q, ce name) (proof, bool) {
	return e.eachParams(b, func(s hashed) proof {
		nc := s.covering(q.child(ce))
		if nc == nil {
			return proof{why: "no record covers the next closer name"}
		}
		p := proof{kind: nameError, rr: nc.rr}
		if nc.optOut {
			p.insecure = codeOptOut
		}
		return p
	})
}
