package dnssec

import (
	"github.com/miekg/dns"
)

// judge verifies an answer about n against the keys of its secure zone.
func (r *run) judge(z *zone, msg *message, n name, qtype uint16) finding {
	f := finding{state: Secure, zone: z, msg: msg, rcode: msg.msg.Rcode, expires: z.expires}
	p := pick(msg, n, qtype)
	switch {
	case p.rrsig != nil:
		// "An RRSIG RR itself MUST NOT be signed" (RFC 4035 2.2): they can only be shown.
		f.rrs = p.rrsig
		return f.weaken(Insecure, newReason(codeRRSIG, z.apex, n, qtype, "record", record(p.rrsig[0])))
	case len(p.sets) > 0:
		for _, set := range p.sets {
			r.admit(&f, set, n)
		}
		if p.also != nil {
			r.admit(&f, p.also, n)
		}
		if f.rcode != dns.RcodeSuccess && f.state != Bogus {
			f = f.weaken(Bogus, newReason(codeDenialInvalid, z.apex, n, qtype, "record", record(p.sets[0].rrs[0]),
				"why", "the answer's code is "+rcodeName(f.rcode)+", and yet it holds the records"))
		}
	case p.alias != nil:
		r.alias(&f, p, n, qtype)
	default:
		r.absent(&f, n, qtype)
	}
	return f
}

// weaken lowers the state; the first reason for the lowest state stays.
func (f finding) weaken(to State, reason Reason) finding {
	if s := weaker(f.state, to); s != f.state {
		f.state, f.reason = s, reason
	}
	return f
}

// admit verifies one set and adds its records, and where it was made from a
// wildcard, the proof that it had to be.
func (r *run) admit(f *finding, set *rrset, n name) bool {
	z := f.zone
	got := r.verify(z.apex, z.keys, set)
	if !got.ok {
		f.rrs = append(f.rrs, set.rrs...)
		if got.limit {
			*f = f.weaken(Indeterminate, got.reason)
		} else {
			*f = f.weaken(Bogus, got.reason)
		}
		return false
	}
	f.expires = earlier(f.expires, got.expires)
	f.rrs = append(f.rrs, r.aged(set, got)...)
	ce, wild := got.expanded(set.owner)
	if !wild {
		return true
	}
	proof := r.denyCloser(z, f.msg, set.owner, ce, set.rrtype)
	f.expires = earlier(f.expires, proof.expires)
	switch {
	case proof.limit:
		*f = f.weaken(Indeterminate, proof.reason)
	case proof.kind == unproven:
		*f = f.weaken(Bogus, proof.reason)
	case proof.insecure != "":
		*f = f.weaken(Insecure, insecureProof(proof, z, n, set.rrtype))
	default:
		return true
	}
	return false
}

func insecureProof(p proof, z *zone, n name, qtype uint16) Reason {
	return newReason(p.insecure, z.apex, n, qtype, "record", record(p.rr), "parent", z.apex.String(), "limit", itoa(maxIterations))
}

// aged returns the records with TTLs no longer than the signature allows: the
// original TTL, and the time until it expires (RFC 4035 5.3.3).
func (r *run) aged(set *rrset, got checked) []dns.RR {
	limit := min(got.sig.OrigTtl, got.sig.Hdr.Ttl, got.sig.Expiration-r.now32)
	out := set.rrs
	for i, rr := range set.rrs {
		if rr.Header().Ttl <= limit {
			continue
		}
		if &out[0] == &set.rrs[0] {
			out = append([]dns.RR(nil), set.rrs...)
		}
		out[i] = dns.Copy(rr)
		out[i].Header().Ttl = limit
	}
	return out
}

// alias verifies a CNAME or DNAME and follows it.
func (r *run) alias(f *finding, p picked, n name, qtype uint16) {
	r.admit(f, p.alias, n)
	if f.state == Bogus {
		return
	}
	f.rcode = dns.RcodeSuccess
	dname, isDNAME := p.alias.rrs[0].(*dns.DNAME)
	if !f.follow(n, p) {
		// The target is too long: nothing more to follow (RFC 6672 2.2).
		f.rcode, f.negative = dns.RcodeYXDomain, true
		return
	}
	if !isDNAME || p.synth == nil {
		return
	}
	// The synthesised CNAME is unsigned; it has to be what the DNAME entails (RFC
	// 6672 5.3.1). Only the DNAME was followed, so a wrong one does no harm.
	to, _ := parseName(dname.Target)
	want, _ := n.replaceSuffix(p.alias.owner, to)
	if x, ok := p.synth.rrs[0].(*dns.CNAME); ok {
		if t, ok := parseName(x.Target); !ok || t != want {
			f.remarks = append(f.remarks, newReason(codeDNAME, f.zone.apex, n, qtype, "record", record(x), "want", want.String()))
		}
	}
}

// absent verifies that there is nothing.
func (r *run) absent(f *finding, n name, qtype uint16) {
	z := f.zone
	f.negative = true
	proof := r.deny(z, f.msg, n, qtype)
	f.expires = earlier(f.expires, proof.expires)
	switch {
	case proof.limit:
		*f = f.weaken(Indeterminate, proof.reason)
	case proof.kind == unproven:
		reason := proof.reason
		if reason.Code == codeDenialMissing && len(f.msg.denials()) == 0 && len(f.msg.msg.Answer) == 0 {
			reason = newReason(codeDenialMissing, z.apex, n, qtype, "why", "the answer holds no NSEC or NSEC3 record")
		}
		*f = f.weaken(Bogus, reason)
	case proof.kind == nameError && f.rcode != dns.RcodeNameError && proof.insecure == "":
		// The records say that the name does not exist, the answer says that it does.
		*f = f.weaken(Bogus, newReason(codeDenialInvalid, z.apex, n, qtype, "record", record(proof.rr),
			"why", "it proves that the name does not exist, while the answer's code is "+rcodeName(f.rcode)))
	case proof.insecure != "":
		*f = f.weaken(Insecure, insecureProof(proof, z, n, qtype))
	case proof.kind == noData && proof.hashed && f.rcode == dns.RcodeNameError:
		// RFC 5155 8.4 asks for a closest encloser proof behind NXDOMAIN.
		*f = f.weaken(Bogus, newReason(codeDenialInvalid, z.apex, n, qtype, "record", record(proof.rr),
			"why", "it proves that the name exists, while the answer's code is NXDOMAIN"))
	case proof.kind == noData:
		f.rcode = dns.RcodeSuccess // empty names were answered with NXDOMAIN by servers of old
	}
}
