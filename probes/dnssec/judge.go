package dnssec

import (
	"github.com/miekg/dns"
)

// judge verifies an answer about n against the keys of its secure zone. Aliased
// tells that n is the target of an alias: the code of such an answer may be that
// of another name on the way, so the proof decides it.
func (r *run) judge(z *zone, msg *message, n name, qtype uint16, aliased bool) finding {
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
		if qtype == dns.TypeCNAME && f.rcode == dns.RcodeNameError {
			f.rcode = dns.RcodeSuccess // the code may be that of the alias's target
		}
		if f.rcode != dns.RcodeSuccess && f.state == Secure {
			f = f.weaken(Bogus, newReason(codeDenialInvalid, z.apex, n, qtype, "record", record(p.sets[0].rrs[0]),
				"why", contradiction(f.rcode)))
		}
	case p.alias != nil:
		r.alias(&f, p, n, qtype)
	default:
		r.absent(&f, n, qtype, aliased)
	}
	return f
}

// contradiction words an answer that holds what its code denies.
func contradiction(rcode int) string {
	return "the answer's code is " + rcodeName(rcode) + ", and yet it holds the records"
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
	if set.rrtype == dns.TypeDNAME {
		// What a wildcard DNAME makes of a name is not deterministic (RFC 6672 3.3,
		// RFC 4592 4.4): other validators refuse it, so its names do not resolve.
		*f = f.weaken(Bogus, newReason(codeWildcard, z.apex, set.owner, set.rrtype, "record", record(set.rrs[0]),
			"why", "a DNAME made from a wildcard cannot be validated (RFC 6672 3.3)"))
		return false
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

// insecureProof words what is proven, but only as insecure.
func insecureProof(p proof, z *zone, n name, qtype uint16) Reason {
	zone := z.apex
	if p.insecure == codeUnsigned {
		zone = p.cut
	}
	return newReason(p.insecure, zone, n, qtype, "record", record(p.rr), "parent", z.apex.String(), "limit", itoa(maxIterations))
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
	// 6672 5.3.1). Only the DNAME was followed, so a wrong one does no harm: unbound
	// and BIND do the same.
	if x, want := p.forged(n, dname); x != nil {
		f.remarks = append(f.remarks, newReason(codeDNAME, f.zone.apex, n, qtype, "record", record(x), "want", want.String()))
	}
}

// forged returns the CNAME beside a DNAME if it is not the one that the DNAME
// entails, which is to lead to want.
func (p picked) forged(n name, dname *dns.DNAME) (x *dns.CNAME, want name) {
	to, _ := parseName(dname.Target)
	want, _ = n.replaceSuffix(p.alias.owner, to)
	for _, rr := range p.synth.rrs {
		x, ok := rr.(*dns.CNAME)
		if !ok {
			continue
		}
		if t, ok := parseName(x.Target); !ok || t != want {
			return x, want
		}
	}
	return nil, want
}

// absent verifies that there is nothing.
func (r *run) absent(f *finding, n name, qtype uint16, aliased bool) {
	z := f.zone
	f.negative = true
	proof := r.deny(z, f.msg, n, qtype, true)
	f.expires = earlier(f.expires, proof.expires)
	switch {
	case proof.limit:
		*f = f.weaken(Indeterminate, proof.reason)
		return
	case proof.kind == unproven:
		*f = f.weaken(Bogus, proof.reason)
		return
	}
	if why := mismatch(proof, f.rcode); why != "" && !aliased {
		*f = f.weaken(Bogus, newReason(codeDenialInvalid, z.apex, n, qtype, "record", record(proof.rr), "why", why))
		return
	}
	if proof.insecure != "" {
		*f = f.weaken(Insecure, insecureProof(proof, z, n, qtype))
		return
	}
	f.rcode = dns.RcodeSuccess // empty names were answered with NXDOMAIN by servers of old
	if proof.kind == nameError {
		f.rcode = dns.RcodeNameError
	}
}

// mismatch says how an answer's code contradicts its proof, empty if it does not.
func mismatch(p proof, rcode int) string {
	switch {
	case p.insecure != "" && p.insecure != codeOptOut:
		return "" // nothing is proven about the name itself
	case p.kind == nameError && rcode != dns.RcodeNameError && p.insecure == "":
		return "it proves that the name does not exist, while the answer's code is " + rcodeName(rcode)
	case p.kind == noData && p.hashed && rcode == dns.RcodeNameError:
		// RFC 5155 8.4 asks for a closest encloser proof behind NXDOMAIN.
		return "it proves no more than that the type is absent, while the answer's code is NXDOMAIN"
	}
	return ""
}
