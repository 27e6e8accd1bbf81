package dnssec

import (
	"slices"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// proofKind is what the denial of an answer shows.
type proofKind uint8

const (
	unproven  proofKind = iota
	noData              // the name exists, or a wildcard stands for it, without the type
	nameError           // the name does not exist, and no wildcard stands for it
)

// proof is the outcome of judging a denial.
type proof struct {
	kind       proofKind
	delegation bool           // the record at the name shows an unsigned delegation
	hashed     bool           // by NSEC3
	insecure   verdict.Reason // proven only as insecure: opt-out, too many iterations, an unsigned delegation
	cut        name           // for an unsigned delegation: where
	rr         dns.RR         // the record that decides, nil if none
	why        string         // in English, why it proves nothing
	expires    time.Time
	reason     Reason // for unproven, and for limit
	limit      bool
}

// bits is an NSEC or NSEC3 type bit map.
type bits []uint16

func (b bits) has(t uint16) bool { return slices.Contains(b, t) }

// delegation reports the parent's side of a zone cut.
func (b bits) delegation() bool { return b.has(dns.TypeNS) && !b.has(dns.TypeSOA) }

// denies reports whether a record with these types, at the name asked for or at
// the wildcard standing for it, proves that there is no qtype, and why not.
func (b bits) denies(n name, qtype uint16) (ok bool, why string) {
	switch {
	// RFC 6840 4.1, RFC 5155 8.9: the parent's side of a cut says nothing of the child's data,
	// and the child's apex nothing of DS.
	case qtype == dns.TypeDS && n != root && b.has(dns.TypeSOA):
		return false, "it is from the child's side of the zone cut"
	case qtype != dns.TypeDS && b.delegation():
		return false, "it is from the parent's side of a zone cut"
	case qtype == dns.TypeANY && slices.ContainsFunc(b, func(t uint16) bool {
		return t != dns.TypeRRSIG && t != dns.TypeNSEC && t != dns.TypeNXNAME
	}):
		return false, "it lists record types"
	case b.has(qtype):
		return false, "it lists the type " + typeName(qtype)
	case b.has(dns.TypeCNAME): // RFC 6840 4.3
		return false, "it lists CNAME"
	}
	return true, ""
}

// evidence is the verified records of one zone's denial.
type evidence struct {
	zone  *zone
	nsec  []nsec
	nsec3 []nsec3
}

// gather verifies the NSEC and NSEC3 sets of a denial, and the SOA where it is
// part of the answer: every one must hold that the zone has signed or that
// nobody has. What other zones signed is left out.
func (r *run) gather(z *zone, msg *message, soa bool) (evidence, proof) {
	e, p := evidence{zone: z}, proof{}
	sets := msg.denials()
	if len(sets) > maxDenials {
		p.limit, p.reason = true, newReason(codeLimit, z.apex, z.apex, dns.TypeNSEC)
		return e, p
	}
	for _, set := range sets {
		if !set.owner.within(z.apex) || foreign(set, z.apex) || set.rrtype == dns.TypeSOA && !soa {
			continue
		}
		got := r.verify(z.apex, z.keys, set)
		if !got.ok {
			p.limit, p.reason = got.limit, got.reason
			return e, p
		}
		p.expires = earlier(p.expires, got.expires)
		owner := set.owner
		if ce, expanded := got.expanded(owner); expanded {
			// What was signed is the wildcard's own record: it speaks for the wildcard, not
			// for the name it was expanded to (RFC 4035 5.4).
			owner, _ = ce.wild()
		}
		if e.nsec3 == nil && set.rrtype == dns.TypeNSEC3 {
			e.nsec3 = make([]nsec3, 0, len(sets))
		}
		for _, rr := range set.rrs {
			e.add(owner, rr)
		}
	}
	return e, p
}

// foreign reports that a set comes from another zone than the one at apex: it has
// signatures, none of them by that zone, and one by a zone it can lie in.
func foreign(set *rrset, apex name) bool {
	other := false
	for _, sig := range set.sigs {
		s, ok := parseName(sig.SignerName)
		if ok && s == apex {
			return false
		}
		other = other || ok && set.owner.within(s)
	}
	return other
}

func (e *evidence) add(owner name, rr dns.RR) {
	switch x := rr.(type) {
	case *dns.NSEC:
		next, ok := parseName(x.NextDomain)
		if ok && next.within(e.zone.apex) {
			e.nsec = append(e.nsec, nsec{owner, next, x.TypeBitMap, x})
		}
	case *dns.NSEC3:
		if n, ok := parseNSEC3(e.zone.apex, owner, x); ok {
			e.nsec3 = append(e.nsec3, n)
		}
	}
}

// deny judges whether the answer proves that the secure zone z has no records
// of the type at q. The SOA has to hold too if the denial is itself the answer;
// to show what kind of cut there is, it plays no part.
func (r *run) deny(z *zone, msg *message, q name, qtype uint16, soa bool) proof {
	e, p := r.gather(z, msg, soa)
	if p.reason.Code != "" {
		return p
	}
	got := e.denyNSEC(q, qtype)
	if got.kind == unproven {
		if hashed, any := e.denyNSEC3(r.b, q, qtype); any {
			got = hashed
			got.hashed = true
		}
	}
	any := len(e.nsec)+len(e.nsec3) > 0
	if !any && slices.ContainsFunc(msg.denials(), func(s *rrset) bool { return foreign(s, z.apex) }) {
		got.why = "the records given are signed by another zone"
	}
	return r.conclude(got, p.expires, z, q, qtype, any, codeDenialInvalid)
}

// denyCloser judges whether the answer proves that nothing closer to q exists
// than ce, from whose wildcard the answer was made (RFC 4035 5.3.4, RFC 5155 8.8).
func (r *run) denyCloser(z *zone, msg *message, q, ce name, rrtype uint16) proof {
	e, p := r.gather(z, msg, false)
	if p.reason.Code != "" {
		return p
	}
	got := e.closerNSEC(q, ce)
	if got.kind == unproven {
		if hashed, any := e.closerNSEC3(r.b, q, ce); any {
			got = hashed
		}
	}
	return r.conclude(got, p.expires, z, q, rrtype, false, codeWildcard)
}

// conclude words what is unproven. Code is the reason when there are records
// that do not prove it.
func (r *run) conclude(p proof, expires time.Time, z *zone, q name, qtype uint16, any bool, code verdict.Reason) proof {
	p.expires = expires
	if p.kind != unproven {
		return p
	}
	if r.b.spent {
		p.limit, p.reason = true, newReason(codeLimit, z.apex, q, qtype)
		return p
	}
	if !any && code == codeDenialInvalid {
		code = codeDenialMissing
	}
	why := p.why
	if why == "" {
		why = "no NSEC or NSEC3 record in the answer covers it"
	}
	p.reason = newReason(code, z.apex, q, qtype, "record", record(p.rr), "why", why)
	return p
}
