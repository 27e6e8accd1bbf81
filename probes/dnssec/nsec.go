package dnssec

import (
	"github.com/miekg/dns"
)

// nsec is a verified NSEC record.
type nsec struct {
	owner, next name
	types       bits
	rr          *dns.NSEC
}

// covers reports whether q falls strictly between owner and next in the zone's
// order, the last record pointing back to the apex (RFC 4034 4.1.1).
func (n nsec) covers(apex, q name) bool {
	if n.owner == q {
		return false
	}
	if n.owner.compare(n.next) < 0 {
		return n.owner.compare(q) < 0 && q.compare(n.next) < 0
	}
	return n.next == apex && n.owner.compare(q) < 0
}

// blind reports that q lies below a zone cut or DNAME at the owner, so that the
// record cannot speak of q (RFC 6840 4.1).
func (n nsec) blind(q name) bool {
	return q.below(n.owner) && (n.types.delegation() || n.types.has(dns.TypeDNAME))
}

// covering finds the record that covers q. Why tells what is wrong with the one
// that would.
func (e *evidence) covering(q name) (found nsec, ok bool, why string) {
	for _, n := range e.nsec {
		if !n.covers(e.zone.apex, q) {
			continue
		}
		if n.blind(q) {
			found, why = n, "the name lies below the zone cut or DNAME at its owner"
			continue
		}
		return n, true, ""
	}
	return found, false, why
}

func (e *evidence) matching(q name) (nsec, bool) {
	for _, n := range e.nsec {
		if n.owner == q {
			return n, true
		}
	}
	return nsec{}, false
}

// encloser returns the longest existing ancestor of q that a covering record
// shows: what q has in common with one of its ends.
func (n nsec) encloser(q name) name {
	a, b := q.common(n.owner), q.common(n.next)
	if len(a) > len(b) {
		return a
	}
	return b
}

// unsigned reports a delegation without DS at the owner: whatever the answer
// says of names at or below it, it says without signatures.
func (n nsec) unsigned(q name, qtype uint16) bool {
	return n.types.delegation() && !n.types.has(dns.TypeDS) && q.within(n.owner) && (qtype != dns.TypeDS || q != n.owner)
}

// denyNSEC is RFC 4035 5.4 for NSEC.
func (e *evidence) denyNSEC(q name, qtype uint16) proof {
	if !q.within(e.zone.apex) {
		return proof{why: "the name is outside the zone"}
	}
	for _, n := range e.nsec {
		if n.unsigned(q, qtype) {
			return proof{kind: noData, insecure: codeUnsigned, cut: n.owner, rr: n.rr}
		}
	}
	if n, ok := e.matching(q); ok {
		return n.proves(q, qtype)
	}
	c, ok, why := e.covering(q)
	if !ok {
		return proof{why: why, rr: c.record()}
	}
	if c.next.below(q) { // q is an empty non-terminal
		return proof{kind: noData, rr: c.rr}
	}
	w, ok := c.encloser(q).wild()
	if !ok { // no room for a wildcard, so there is none
		return proof{kind: nameError, rr: c.rr}
	}
	if n, ok := e.matching(w); ok {
		p := n.proves(w, qtype)
		p.delegation = false
		return p
	}
	cw, ok, why := e.covering(w)
	switch {
	case !ok && why == "":
		return proof{why: "the wildcard " + w.String() + " is not denied", rr: c.rr}
	case !ok:
		return proof{why: why, rr: cw.record()}
	case cw.next.below(w): // the wildcard is an empty non-terminal (RFC 4592 2.2.3)
		return proof{kind: noData, rr: c.rr}
	}
	return proof{kind: nameError, rr: c.rr}
}

// proves judges the record at n itself, or at the wildcard for it.
func (n nsec) proves(q name, qtype uint16) proof {
	ok, why := n.types.denies(q, qtype)
	if !ok {
		return proof{why: why, rr: n.rr}
	}
	return proof{kind: noData, delegation: n.types.delegation(), rr: n.rr}
}

// closerNSEC proves that ce is the closest encloser of q.
func (e *evidence) closerNSEC(q, ce name) proof {
	c, ok, why := e.covering(q)
	switch {
	case !ok:
		return proof{why: why, rr: c.record()}
	case c.next.below(q):
		return proof{why: "it shows that the name exists", rr: c.rr}
	case c.encloser(q) != ce:
		return proof{why: "it shows a closer name than the wildcard's", rr: c.rr}
	}
	return proof{kind: nameError, rr: c.rr}
}

// record returns the record itself, nil for the zero value.
func (n nsec) record() dns.RR {
	if n.rr == nil {
		return nil
	}
	return n.rr
}
