package resolve

import (
	"slices"

	"github.com/miekg/dns"
)

// maxIterations bounds the NSEC3 work done to see whether a referral's proof is
// whole (RFC 9276 3.2 lets validators stop far below); above it the question is
// simply asked.
const maxIterations = 150

// dsProof turns a referral into the parent's answer about the child's DS
// records, if it holds all of that: the DS set with a signature, or the signed
// proof that there is none (RFC 4035 3.1.4, RFC 5155 7.2.7). Whether it is
// true is for a validator to say. nil if it does not, so that the question must
// be asked.
func dsProof(zone, child string, m *dns.Msg) *dns.Msg {
	q := question{child, dns.TypeDS}
	out := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true, CheckingDisabled: true}}
	out.Question = []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}}
	out.Extra = plainOPT(m)
	out.Answer = ofType(m, zone, dns.TypeDS, child)
	if len(out.Answer) > 0 {
		return ifSigned(out, out.Answer)
	}
	out.Ns = append(ofType(m, zone, dns.TypeNSEC, ""), ofType(m, zone, dns.TypeNSEC3, "")...)
	if !denied(zone, child, out.Ns) {
		return nil
	}
	return ifSigned(out, out.Ns)
}

// ofType picks records of a type and their signatures from the authority
// section, of one owner or of any in the zone.
func ofType(m *dns.Msg, zone string, t uint16, owner string) []dns.RR {
	var out []dns.RR
	for _, rr := range m.Ns {
		h := rr.Header()
		sig, isSig := rr.(*dns.RRSIG)
		if h.Class != dns.ClassINET || (h.Rrtype != t && (!isSig || sig.TypeCovered != t)) {
			continue
		}
		if name := dns.CanonicalName(h.Name); name == owner || (owner == "" && within(name, zone)) {
			out = append(out, rr)
		}
	}
	return out
}

// ifSigned returns m if there are records, and each owner and type among them has
// a signature.
func ifSigned(m *dns.Msg, records []dns.RR) *dns.Msg {
	some := false
	for _, rr := range records {
		if _, ok := rr.(*dns.RRSIG); ok {
			continue
		}
		some = true
		signed := slices.ContainsFunc(records, func(s dns.RR) bool {
			sig, ok := s.(*dns.RRSIG)
			return ok && sig.TypeCovered == rr.Header().Rrtype && dns.CanonicalName(sig.Hdr.Name) == dns.CanonicalName(rr.Header().Name)
		})
		if !signed {
			return nil
		}
	}
	if !some {
		return nil
	}
	return m
}

// denied says whether records have the form of a proof that child is delegated
// without DS: an NSEC or NSEC3 of the child itself, or an opt-out range.
func denied(zone, child string, records []dns.RR) bool {
	var hashes []*dns.NSEC3
	for _, rr := range records {
		switch rr := rr.(type) {
		case *dns.NSEC:
			if dns.CanonicalName(rr.Hdr.Name) == child {
				return insecureCut(rr.TypeBitMap)
			}
		case *dns.NSEC3:
			if rr.Hash != dns.SHA1 || rr.Iterations > maxIterations || len(hashes) == 8 {
				return false
			}
			hashes = append(hashes, rr)
		}
	}
	for _, rr := range hashes {
		if rr.Match(child) {
			return insecureCut(rr.TypeBitMap)
		}
	}
	// RFC 5155 8.6: the closest encloser matches, the next closer name lies in
	// a range with the opt-out flag.
	for next := child; next != zone && next != "."; next = parentOf(next) {
		encloser := parentOf(next)
		if slices.ContainsFunc(hashes, func(rr *dns.NSEC3) bool { return rr.Match(encloser) }) {
			return slices.ContainsFunc(hashes, func(rr *dns.NSEC3) bool { return rr.Flags&1 == 1 && rr.Cover(next) })
		}
	}
	return false
}

// insecureCut says whether a type bitmap is that of a delegation without DS.
func insecureCut(types []uint16) bool {
	return slices.Contains(types, dns.TypeNS) && !slices.Contains(types, dns.TypeDS) && !slices.Contains(types, dns.TypeSOA)
}
