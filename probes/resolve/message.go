package resolve

import (
	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// kind is what a reply means to a resolver that asked the servers of a zone.
type kind uint8

const (
	useless   kind = iota // an error, or without authority: another server may do better
	authority             // the answer
	weak                  // answers the question, but without the AA bit
	referral              // the answer is with the servers of a child zone
	childSide             // a DS question answered by the child instead of the parent
)

// reading is a reply, read.
type reading struct {
	kind  kind
	child string        // of a referral: the zone referred to
	cause verdict.Cause // of a useless one
	empty bool          // of a useless one: see empty
	note  string        // for the evidence
}

// read decides what a reply of a server of zone means for question q
// (RFC 1034 5.3.3, RFC 2308 2, RFC 4035 3.1.4). The id and the question have
// been compared already.
func read(zone string, q question, m *dns.Msg) reading {
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
	default:
		return reading{cause: verdict.ServFail}
	}
	if m.RecursionAvailable && !m.Authoritative {
		return second(zone, q, m)
	}
	if answers(zone, q, m) {
		return byAA(m, "without authority")
	}
	soa, ns := section(zone, q, m)
	switch {
	case soa == above || (ns == above && !m.Authoritative):
		return reading{cause: verdict.Lame, note: "refers upwards or elsewhere"}
	case soa != "" && q.qtype == dns.TypeDS && q.name != "." && soa == q.name:
		return reading{kind: childSide, cause: verdict.Lame, note: "answers for the child, not for the parent"}
	case soa != "":
		return byAA(m, "negative, without authority")
	case m.Rcode == dns.RcodeSuccess && ns != "" && ns != above && ns != zone:
		return reading{kind: referral, child: ns, note: "referral to " + ns}
	case m.Authoritative:
		return reading{kind: authority, note: "negative, without SOA"}
	case denies(zone, m):
		return reading{kind: weak, cause: verdict.Lame, note: "a denial without SOA, without authority"}
	}
	return reading{cause: verdict.Lame, empty: empty(zone, m, ns), note: "neither answer nor referral, without authority"}
}

// empty says whether a reply without authority has nothing to say: no SOA, no
// referral elsewhere, no error (RFC 2308 2.2, NODATA of type 3).
func empty(zone string, m *dns.Msg, ns string) bool {
	return m.Rcode == dns.RcodeSuccess && (ns == "" || ns == zone)
}

// second reads what a recursive server gives at second hand. It counts if no
// server of the zone does better, as for any resolver.
func second(zone string, q question, m *dns.Msg) reading {
	const note = "a recursive server, without authority"
	soa, ns := section(zone, q, m)
	switch {
	case answers(zone, q, m), denies(zone, m), soa != "" && soa != above && q.qtype != dns.TypeDS:
		return reading{kind: weak, cause: verdict.Lame, note: note}
	case m.Rcode == dns.RcodeSuccess && soa == "" && ns != "" && ns != above && ns != zone:
		return reading{kind: weak, child: ns, cause: verdict.Lame, note: note + ", refers to " + ns}
	}
	return reading{cause: verdict.Lame, empty: soa == "" && empty(zone, m, ns), note: note}
}

func byAA(m *dns.Msg, otherwise string) reading {
	if m.Authoritative {
		return reading{kind: authority}
	}
	return reading{kind: weak, cause: verdict.Lame, note: otherwise}
}

// answers says whether the answer section has something for the question: the
// type asked for, or an alias on the way.
func answers(zone string, q question, m *dns.Msg) bool {
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			continue
		}
		owner := dns.CanonicalName(h.Name)
		switch {
		case !within(owner, zone):
		case owner == q.name && (h.Rrtype == q.qtype || h.Rrtype == dns.TypeCNAME || q.qtype == dns.TypeANY):
			return true
		case h.Rrtype == dns.TypeDNAME && owner != q.name && within(q.name, owner):
			return true
		}
	}
	return false
}

// denies says whether the authority section has the zone's own NSEC or NSEC3
// records: a negative answer, if one without authority.
func denies(zone string, m *dns.Msg) bool {
	for _, rr := range m.Ns {
		h := rr.Header()
		if (h.Rrtype == dns.TypeNSEC || h.Rrtype == dns.TypeNSEC3) && within(dns.CanonicalName(h.Name), zone) {
			return true
		}
	}
	return false
}

// above stands for an owner that is not inside the zone asked, or not on the
// way from it to the name asked for.
const above = "\x00"

// section returns the owners of the SOA and of the NS set in the authority
// section: empty if there is none, above if it is none of this zone's business.
func section(zone string, q question, m *dns.Msg) (soa, ns string) {
	for _, rr := range m.Ns {
		h := rr.Header()
		if h.Class != dns.ClassINET || (h.Rrtype != dns.TypeSOA && h.Rrtype != dns.TypeNS) {
			continue
		}
		owner := dns.CanonicalName(h.Name)
		if !within(owner, zone) || !within(q.name, owner) {
			owner = above
		}
		switch {
		case h.Rrtype == dns.TypeSOA && (soa == "" || soa == above):
			soa = owner
		case h.Rrtype == dns.TypeNS && (ns == "" || ns == above):
			ns = owner
		}
	}
	return soa, ns
}

// trim returns the message with only what a server of zone may say about q: the
// chain of aliases from q.name and its end, of those names that are in the zone,
// their signatures, and the zone's own records in the authority section. It
// shares the records with m.
func trim(zone string, q question, m *dns.Msg) *dns.Msg {
	out := &dns.Msg{MsgHdr: m.MsgHdr}
	out.Question = []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}}
	var alone [1]string
	names := chain(alone[:0], zone, q, m)
	room := make([]dns.RR, len(m.Answer)+len(m.Ns))
	out.Answer, out.Ns = room[:0:len(m.Answer)], room[len(m.Answer):][:0]
	for _, rr := range m.Answer {
		if inChain(rr, q, names) && within(dns.CanonicalName(rr.Header().Name), zone) {
			out.Answer = append(out.Answer, rr)
		}
	}
	// A signature in another section than what it covers (RFC 4035 3.1.1) still holds.
	for _, section := range [][]dns.RR{m.Ns, m.Extra} {
		for _, rr := range section {
			if _, ok := rr.(*dns.RRSIG); ok && len(out.Answer) > 0 && inChain(rr, q, names) && within(dns.CanonicalName(rr.Header().Name), zone) {
				out.Answer = append(out.Answer, rr)
			}
		}
	}
	for _, rr := range m.Ns {
		if inAuthority(rr) && within(dns.CanonicalName(rr.Header().Name), zone) {
			out.Ns = append(out.Ns, rr)
		}
	}
	out.Extra = plainOPT(m)
	return out
}

// plainOPT is the OPT record of a message without its options, which are between
// the server and us.
func plainOPT(m *dns.Msg) []dns.RR {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	return []dns.RR{&dns.OPT{Hdr: opt.Hdr}}
}

// unheard marks a message that came without EDNS, from a server that was silent to
// questions with it, with the extended error "network error" (RFC 8914 4.24).
func unheard(m *dns.Msg) *dns.Msg {
	m.SetEdns0(udpSize, false)
	opt := m.IsEdns0()
	opt.Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNetworkError, ExtraText: "silence to EDNS"}}
	return m
}

// chain adds to names q.name and the targets of the aliases after it, as far as they
// are in this message and in the zone.
func chain(names []string, zone string, q question, m *dns.Msg) []string {
	names = append(names, q.name)
	if q.qtype == dns.TypeCNAME || q.qtype == dns.TypeANY {
		return names
	}
	for range maxChain {
		next := ""
		for _, rr := range m.Answer {
			c, ok := rr.(*dns.CNAME)
			if ok && c.Hdr.Class == dns.ClassINET && dns.CanonicalName(c.Hdr.Name) == names[len(names)-1] {
				next = dns.CanonicalName(c.Target)
				break
			}
		}
		if next == "" || !within(next, zone) {
			break
		}
		names = append(names, next)
	}
	return names
}

// inChain says whether a record of the answer section belongs to the chain.
func inChain(rr dns.RR, q question, names []string) bool {
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return false
	}
	owner := dns.CanonicalName(h.Name)
	t := h.Rrtype
	if sig, ok := rr.(*dns.RRSIG); ok && q.qtype != dns.TypeRRSIG {
		t = sig.TypeCovered
	}
	for _, n := range names {
		if owner == n && (t == q.qtype || t == dns.TypeCNAME || t == dns.TypeDNAME || q.qtype == dns.TypeANY) {
			return true
		}
		if t == dns.TypeDNAME && within(n, owner) {
			return true
		}
	}
	return false
}

func inAuthority(rr dns.RR) bool {
	if rr.Header().Class != dns.ClassINET {
		return false
	}
	switch rr.Header().Rrtype {
	case dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeRRSIG:
		return true
	}
	return false
}
