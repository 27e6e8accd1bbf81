package dnssec

import (
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// cutKind is what the parent's answer about DS shows.
type cutKind uint8

const (
	cutBogus    cutKind = iota // nothing: the answer does not prove itself
	cutNone                    // no zone begins here
	cutInsecure                // a delegation without DS, proven
	cutSigned                  // a delegation with DS
	cutLimit                   // too much work
	cutUnheard                 // nothing, and what it lacks may be lost
)

type cut struct {
	kind    cutKind
	ds      []dns.RR
	expires time.Time
	reason  Reason
}

// judgeCut judges the answer of the secure zone p to the question for c's DS.
func (r *run) judgeCut(p *zone, msg *message, c name) cut {
	if set := msg.set(c, dns.TypeDS); set != nil {
		if rcode := msg.msg.Rcode; rcode != dns.RcodeSuccess {
			return cut{reason: newReason(codeDenialInvalid, p.apex, c, dns.TypeDS, "record", record(set.rrs[0]),
				"why", contradiction(rcode))}
		}
		return r.judgeDS(p, set, c)
	}
	if set := aliasAt(msg, c); set != nil {
		// An alias is no delegation: CNAME and NS do not share a name (RFC 1034 3.6.2),
		// and nothing exists below a DNAME (RFC 6672 2.4).
		if got := r.verify(p.apex, p.keys, set); !got.ok {
			return got.asCut()
		}
		return cut{kind: cutNone}
	}
	proof := r.deny(p, msg, c, dns.TypeDS, false)
	switch {
	case proof.limit:
		return cut{kind: cutLimit, reason: proof.reason}
	case proof.kind == unproven && proof.reason.Code == codeDenialMissing:
		return cut{reason: owned(newReason(codeDSUnproven, p.apex, c, dns.TypeDS), verdict.DNSOperator, p.apex)}
	case proof.kind == unproven:
		return cut{reason: proof.reason}
	case proof.insecure != "":
		reason := insecureProof(proof, p, c, dns.TypeDS)
		if proof.insecure == codeOptOut {
			reason = owned(reason, verdict.DNSOperator, c) // of the name's own zone, if it is one
		}
		return cut{kind: cutInsecure, expires: proof.expires, reason: reason}
	case proof.delegation:
		reason := newReason(codeUnsigned, c, c, dns.TypeDS, "record", record(proof.rr), "parent", p.apex.String())
		return cut{kind: cutInsecure, expires: proof.expires, reason: reason}
	}
	return cut{kind: cutNone}
}

func (r *run) judgeDS(p *zone, set *rrset, c name) cut {
	got := r.verify(p.apex, p.keys, set)
	if !got.ok {
		return got.asCut()
	}
	if _, wild := got.expanded(c); wild {
		return cut{reason: r.word(fault{code: codeSigLabels, sig: got.sig}, p.apex, set)}
	}
	if len(set.rrs) > maxDS {
		return cut{kind: cutLimit, reason: newReason(codeLimit, c, c, dns.TypeDS)}
	}
	return cut{kind: cutSigned, ds: set.rrs, expires: got.expires}
}

func (c checked) asCut() cut {
	if c.limit {
		return cut{kind: cutLimit, reason: c.reason}
	}
	return cut{reason: c.reason}
}

// aliasAt returns the signed CNAME at n or the DNAME above it, nil if neither.
func aliasAt(msg *message, n name) *rrset {
	cname := msg.answer.find(n, dns.TypeCNAME)
	if cname != nil && len(cname.rrs) == 0 {
		cname = nil
	}
	if cname != nil && len(cname.sigs) > 0 {
		return cname
	}
	for i := range msg.answer.list {
		if set := &msg.answer.list[i]; set.rrtype == dns.TypeDNAME && len(set.rrs) > 0 && n.below(set.owner) {
			return set
		}
	}
	return cname
}
