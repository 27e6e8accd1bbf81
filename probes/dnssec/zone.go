package dnssec

import (
	"slices"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// zone is what is known of the zone, or unsigned delegation, at apex. It never
// changes once made. Thousands are kept: what only some need takes no room here.
type zone struct {
	apex    name
	state   State
	parent  *zone
	keys    []*key    // of a secure zone
	link    *Link     // as results show it
	expires time.Time // first expiry on the chain down to here, zero if none
	until   time.Time // for an indeterminate zone: when to look again
	remarks []Reason  // that servers disagreed on the way
}

// recheck is how long a zone stays indeterminate before it is asked again.
const recheck = 30 * time.Second

func (z *zone) fresh(now time.Time) bool {
	if !z.until.IsZero() && !now.Before(z.until) {
		return false
	}
	return z.expires.IsZero() || !now.After(z.expires)
}

// reason is why the zone is not secure, empty if it is.
func (z *zone) reason() Reason {
	if z.link.Reason == nil {
		return Reason{}
	}
	return *z.link.Reason
}

// failed makes a zone that is not secure.
func (r *run) failed(apex name, parent *zone, state State, reason Reason) *zone {
	z := &zone{apex: apex, state: state, parent: parent,
		link: &Link{Zone: apex.String(), State: state, Reason: &reason}}
	if parent != nil {
		z.expires = parent.expires
	}
	if state == Indeterminate {
		z.until = r.now.Add(recheck)
	}
	return z
}

// at returns what stands at c: its zone if a zone begins there, else the zone
// around it, if that one is not secure or c is no delegation. Every zone is
// looked up once however many ask; waiting is always for a shorter name, so
// askers cannot wait for each other in a circle.
func (r *run) at(c name) *zone {
	for {
		r.v.mu.Lock()
		f := r.v.find(c)
		if f == nil {
			f = &flight{done: make(chan struct{})}
			r.v.keep(c, f)
			r.v.mu.Unlock()
			return r.lead(c, f)
		}
		done := f.done
		r.v.mu.Unlock()
		select {
		case <-done:
		case <-r.ctx.Done():
			return r.failed(c, nil, Indeterminate,
				newReason(codeUnreachable, c, c, dns.TypeDNSKEY, "cause", string(causeOf(r.ctx, r.ctx.Err()))))
		}
		if f.zone != nil && f.zone.fresh(r.now) {
			return f.zone
		}
		r.v.forget(c, f)
	}
}

// lead does the look-up that others wait for.
func (r *run) lead(c name, f *flight) *zone {
	keep := false
	defer func() {
		if !keep {
			r.v.forget(c, f)
		}
		r.v.land(f)
	}()
	if r.b.depth >= maxZones {
		return r.failed(c, nil, Indeterminate, newReason(codeLimit, c, c, dns.TypeDS))
	}
	own := *r
	own.b = &budget{depth: r.b.depth + 1, all: r.b.all}
	z := own.load(c)
	if z.apex == c && !r.v.Brief { // made just now
		own.show(z)
	}
	if (r.ctx.Err() != nil || r.b.all.exhausted()) && z.state == Indeterminate {
		return z // the interruption is ours, or the name's; whoever waits looks again
	}
	f.zone = z
	keep = z.apex == c || z.state != Secure
	return z
}

// establish walks from the anchor above n downwards, label by label, and
// returns the deepest zone at or above n, or the first that is not secure.
func (r *run) establish(n name) *zone {
	top, ok := r.v.anchorFor(n)
	if !ok {
		return r.failed(n, nil, Indeterminate, newReason(codeNoAnchor, n, n, dns.TypeDNSKEY))
	}
	z := r.at(top)
	for c := top; c != n && z.state == Secure; {
		c = n.child(c)
		if r.b.depth++; r.b.depth > maxZones {
			return r.failed(c, z, Indeterminate, newReason(codeLimit, c, n, dns.TypeDS))
		}
		z = r.at(c)
	}
	return z
}

// load looks up what stands at c: by its own anchor, or by DS at the parent.
func (r *run) load(c name) *zone {
	anchors, ok := r.v.anchors[c]
	if !ok {
		return r.byParent(c)
	}
	z := r.prime(c, anchors)
	if z.state == Bogus && len(z.link.Keys) == 0 && c != root {
		if above := r.without(c); above != nil {
			return above
		}
	}
	return z
}

// without returns the zone around c if that zone proves under a trust anchor of
// its own that c, which is an anchor's too, has no keys and is no delegation:
// one anchor that leads here is enough (RFC 6840 C.2). Otherwise nil.
func (r *run) without(c name) *zone {
	if _, ok := r.v.anchorFor(c.parent()); !ok {
		return nil
	}
	above := r.establish(c.parent())
	m, reason := r.query(c, dns.TypeDNSKEY)
	if above.state != Secure || reason != nil {
		return nil
	}
	p := r.deny(above, newMessage(m), c, dns.TypeDNSKEY, true)
	if p.kind == unproven || p.limit || p.insecure != "" || p.delegation {
		return nil
	}
	return above
}

// byParent looks up what stands at c by DS at the parent.
func (r *run) byParent(c name) *zone {
	if _, ok := r.v.anchorFor(c); !ok {
		return r.failed(c, nil, Indeterminate, newReason(codeNoAnchor, c, c, dns.TypeDNSKEY))
	}
	if r.v.plan != nil && r.v.plan.PlansDS(c.String()) {
		parent := r.establish(c.parent())
		if parent.state != Secure {
			return parent
		}
		return r.delegated(c, parent, *r.plannedCut(parent, c), nil)
	}
	m, reason := r.query(c, dns.TypeDS)
	if reason != nil {
		// A name without an answer to DS may still lie in a zone known not to be secure.
		if z := r.establish(c.parent()); z.state != Secure {
			return z
		}
		if z := r.shownInsecure(c); z != nil {
			return z
		}
		return r.failed(c, r.v.known(c), Indeterminate, *reason)
	}
	msg := newMessage(m)
	signers := r.signers(msg, c, dns.TypeDS)
	var keys <-chan reply
	if set := msg.set(c, dns.TypeDS); set != nil && len(supportedDS(set.rrs)) > 0 && !r.v.knows(signers) {
		fetch := r.fetch(c, dns.TypeDNSKEY)
		defer fetch.stop()
		keys = fetch.reply
	}
	parent := r.parentOf(c, signers)
	if parent.state != Secure {
		return parent
	}
	cut := r.judgeCut(parent, msg, c).doubted(m, c)
	var remarks []Reason
	for tries := 0; cut.unsettled() && tries < maxRetries; tries++ {
		if m = r.retry(c, dns.TypeDS, m); m == nil {
			break
		}
		again := r.judgeCut(parent, newMessage(m), c).doubted(m, c)
		switch {
		case !again.unsettled() && again.kind != cutLimit:
			if cut.kind == cutBogus {
				remarks = append(remarks, disagreement(cut.reason))
			}
			cut = again
		case again.kind == cutBogus && cut.kind == cutUnheard:
			cut = again
		}
	}
	if cut.kind == cutNone {
		return parent
	}
	z := r.delegated(c, parent, cut, keys)
	z.remarks = append(z.remarks, remarks...)
	return z
}

// shownInsecure makes of c the unsigned delegation that the answers at hand prove
// it to be, nil if they do not: the answer that led here through an alias may.
func (r *run) shownInsecure(c name) *zone {
	parent := r.establish(c.parent())
	if parent.state != Secure {
		return nil
	}
	for _, msg := range r.atHand {
		if len(msg.denials()) == 0 {
			continue
		}
		if cut := r.judgeCut(parent, msg, c); cut.kind == cutInsecure {
			return r.delegated(c, parent, cut, nil)
		}
	}
	return nil
}

// delegated makes what stands at the cut c.
func (r *run) delegated(c name, parent *zone, cut cut, keys <-chan reply) *zone {
	switch cut.kind {
	case cutInsecure:
		z := r.failed(c, parent, Insecure, cut.reason)
		z.expires = earlier(z.expires, cut.expires)
		return z
	case cutSigned:
		return r.keysByDS(c, parent, cut, keys)
	case cutLimit, cutUnheard:
		return r.failed(c, parent, Indeterminate, cut.reason)
	default:
		return r.failed(c, parent, Bogus, cut.reason)
	}
}

// parentOf finds the zone that the DS answer about c comes from: the signer it
// names, or else by walking down.
func (r *run) parentOf(c name, signers []name) *zone {
	for _, s := range signers {
		if z := r.at(s); z.apex == s || z.state != Secure {
			return z
		}
	}
	return r.establish(c.parent())
}

// signers lists the zones that signatures in an answer about n claim to come
// from, longest name first, as far as they can be right: n lies within them (for
// DS below them), and they lie at or below the anchor.
func (r *run) signers(msg *message, n name, qtype uint16) []name {
	above := n
	if qtype == dns.TypeDS && n != root {
		above = n.parent()
	}
	top, ok := r.v.anchorFor(above)
	if !ok {
		return nil
	}
	var out []name
	for _, set := range relevant(msg, n, qtype) {
		for _, sig := range set.sigs {
			s, ok := parseName(sig.SignerName)
			if ok && above.within(s) && s.within(top) && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b name) int { return len(b) - len(a) })
	return out[:min(len(out), maxSigners)]
}

// relevant lists the sets of an answer that say something about n and type: what
// is at n, the DNAME above it, or else the denial.
func relevant(msg *message, n name, qtype uint16) []*rrset {
	var out []*rrset
	for i := range msg.answer.list {
		set := &msg.answer.list[i]
		switch {
		case set.owner == n && len(set.rrs) > 0 && (set.rrtype == qtype || set.rrtype == dns.TypeCNAME || qtype == dns.TypeANY):
			out = append(out, set)
		case qtype == dns.TypeRRSIG && set.owner == n && len(set.sigs) > 0:
			out = append(out, set) // the signatures are what was asked for
		case set.rrtype == dns.TypeDNAME && n.below(set.owner) && len(set.rrs) > 0:
			out = append(out, set)
		}
	}
	if qtype == dns.TypeDS && len(out) == 0 {
		if set := msg.authority.find(n, dns.TypeDS); set != nil && len(set.rrs) > 0 {
			return []*rrset{set}
		}
	}
	if len(out) == 0 {
		return msg.denials()
	}
	return out
}

// retry asks for another server's answer, nil if there is none.
func (r *run) retry(n name, qtype uint16, bad *dns.Msg) *dns.Msg {
	again, ok := r.v.src.(Retrier)
	if !ok {
		return nil
	}
	m, err := again.Retry(r.ctx, n.String(), qtype, bad)
	if _, reason := r.usable(m, err, n, qtype); reason != nil {
		return nil
	}
	return m
}

// owned gives a reason another owner than its code's usual one.
func owned(reason Reason, role verdict.Role, zone name) Reason {
	reason.Owner = verdict.Owner{Role: role, Name: zone.String()}
	return reason
}
