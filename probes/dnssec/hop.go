package dnssec

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// finding is the judgement of one step along a chain of aliases.
type finding struct {
	state    State
	reason   Reason // unless secure
	remarks  []Reason
	zone     *zone // the zone that decides, nil without an anchor
	msg      *message
	rrs      []dns.RR
	next     name // where an alias leads, empty at the end
	negative bool
	stop     bool // nothing was received: no use in going on
	rcode    int
	expires  time.Time
}

func (f finding) zoneName() name {
	if f.zone == nil {
		return root
	}
	return f.zone.apex
}

func (f finding) orZone(z *zone) name {
	if z == nil {
		return f.zoneName()
	}
	return z.apex
}

// hop judges what is at n, one step. Prior is the step that led here; what its
// message already holds of n, signed by the same zone, is not asked again.
func (r *run) hop(n name, qtype uint16, prior finding) finding {
	if f, ok := r.carried(n, qtype, prior); ok {
		return f
	}
	r.b.seen = nil
	above := n
	if qtype == dns.TypeDS && n != root { // DS belongs to the parent
		above = n.parent()
	}
	top, anchored := r.v.anchorFor(above)
	if anchored && top == root {
		// Of another anchor's zone the servers are not known yet; the question finds them.
		defer r.ahead(top)()
	}
	m, reason := r.query(n, qtype)
	if m == nil && r.disclaimed != nil {
		if f, ok := r.empty(r.disclaimed, n, above, qtype, prior); ok {
			return f
		}
	}
	if m == nil {
		f := finding{state: Indeterminate, reason: *reason, stop: true, rcode: dns.RcodeServerFailure}
		f.zone = r.v.known(n)
		return f
	}
	msg := newMessage(m)
	if !anchored {
		f := read(msg, n, qtype)
		f.state, f.reason, f.stop = Indeterminate, newReason(codeNoAnchor, root, n, qtype), f.next == ""
		return f
	}
	if reason != nil {
		return finding{state: Indeterminate, reason: *reason, stop: true, rcode: m.Rcode, zone: r.v.known(n)}
	}
	r.atHand = []*message{msg}
	if prior.msg != nil {
		r.atHand = append(r.atHand, prior.msg)
	}
	z, signed := r.zoneOf(msg, n, above, qtype)
	if z.state == Indeterminate && len(signed) == 0 {
		if f, ok := r.signedElsewhere(m, n, above, qtype, prior.next != ""); ok {
			return f
		}
	}
	if z.state != Secure {
		return unverified(z, msg, n, qtype, signed)
	}
	aliased := prior.next != ""
	f := r.judge(z, msg, n, qtype, aliased)
	if f.state == Bogus && len(signed) > 0 {
		// The signatures name a zone that does not vouch for this. If the name lies in
		// another one below it, that one's part in it is the better explanation.
		if deep := r.establish(above); deep.state == Secure && deep != z {
			z = deep
			f = r.judge(z, msg, n, qtype, aliased)
		}
	}
	f = f.doubted(m, n, qtype)
	for tries := 0; f.unsettled() && tries < maxRetries; tries++ {
		if m = r.retry(n, qtype, m); m == nil {
			break
		}
		again := r.judge(z, newMessage(m), n, qtype, aliased).doubted(m, n, qtype)
		switch {
		case again.state == Secure || again.state == Insecure:
			if f.state == Bogus {
				again.remarks = append(again.remarks, disagreement(f.reason))
			}
			return again
		case again.state == Bogus && f.state != Bogus:
			f = again
		}
	}
	return f
}

// empty is an answer without any record, from servers that are not authoritative
// and had nothing better (RFC 2308 2.2, type 3). No validator can prove anything
// by it, and clients are told that there are no such records: so that is what
// counts where the zone is known not to be signed. Elsewhere it is no answer.
func (r *run) empty(m *dns.Msg, n, above name, qtype uint16, prior finding) (finding, bool) {
	msg := newMessage(m)
	r.atHand = []*message{msg}
	if prior.msg != nil {
		r.atHand = append(r.atHand, prior.msg)
	}
	z := r.establish(above)
	unanchored := z.reason().Code == codeNoAnchor
	if z.state != Insecure && !unanchored {
		return finding{}, false
	}
	f := unverified(z, msg, n, qtype, nil)
	if unanchored {
		f.zone, f.stop = nil, true
	}
	f.remarks = append(f.remarks, newReason(codeEmpty, z.apex, n, qtype))
	return f, true
}

// signedElsewhere looks for a server whose answer, unlike m, has signatures that
// hold, where it could not be told whether they are needed.
func (r *run) signedElsewhere(m *dns.Msg, n, above name, qtype uint16, aliased bool) (finding, bool) {
	for range maxRetries {
		if m = r.retry(n, qtype, m); m == nil {
			break
		}
		msg := newMessage(m)
		z, signed := r.zoneOf(msg, n, above, qtype)
		if len(signed) == 0 || z.state != Secure {
			continue
		}
		if f := r.judge(z, msg, n, qtype, aliased); f.state == Secure || f.state == Insecure {
			f.remarks = append(f.remarks, disagreement(newReason(codeNoSignature, z.apex, n, qtype)))
			return f, true
		}
	}
	return finding{}, false
}

// unverified is an answer from a zone that is not secure. Signed are the zones
// that its signatures name.
func unverified(z *zone, msg *message, n name, qtype uint16, signed []name) finding {
	f := read(msg, n, qtype)
	f.state, f.reason, f.zone = z.state, z.reason(), z
	if z.reason().Code == codeUnsigned && slices.Contains(signed, z.apex) {
		f.reason = newReason(codeIsland, z.apex, z.apex, dns.TypeDS, "record", z.reason().Record, "parent", z.reason().Args["parent"])
	}
	return f
}

// disagreement is the remark that one server's answer was bogus and another's not.
func disagreement(bad Reason) Reason {
	z, _ := parseName(bad.Zone)
	n, _ := parseName(bad.Name)
	return newReason(codeDisagree, z, n, dns.StringToType[bad.Args["type"]], "record", bad.Record, "why", bad.Detail)
}

// ahead starts looking up the zone of the anchor while the question itself is
// asked; the function returned waits for it.
func (r *run) ahead(top name) func() {
	r.v.mu.Lock()
	known := r.v.find(top) != nil
	r.v.mu.Unlock()
	if known {
		return func() {}
	}
	done := make(chan struct{})
	own := *r
	own.b = &budget{all: r.b.all}
	var defect any // raised again where a caller can see it
	go func() {
		defer close(done)
		defer func() { defect = recover() }()
		own.at(top)
	}()
	return func() {
		<-done
		if defect != nil {
			panic(defect)
		}
	}
}

// zoneOf finds the zone that an answer about n comes from: the signers it names,
// else by walking down. It also returns the signers named.
func (r *run) zoneOf(msg *message, n, above name, qtype uint16) (*zone, []name) {
	signers := r.signers(msg, n, qtype)
	for _, s := range signers {
		z := r.at(s)
		if z.apex == s || z.state == Insecure {
			return z, signers
		}
	}
	return r.establish(above), signers
}

// carried judges n from the message of the step before, if it has the records
// and they prove themselves.
func (r *run) carried(n name, qtype uint16, prior finding) (finding, bool) {
	if prior.msg == nil || prior.zone == nil || prior.state != Secure || !n.within(prior.zone.apex) || qtype == dns.TypeDS {
		return finding{}, false
	}
	p := pick(prior.msg, n, qtype)
	if len(p.sets) == 0 && p.alias == nil {
		return finding{}, false
	}
	for _, set := range p.all() {
		if len(set.sigs) == 0 || foreign(set, prior.zone.apex) {
			return finding{}, false
		}
	}
	if top, _ := r.v.anchorFor(n); !prior.zone.apex.within(top) {
		return finding{}, false // an anchor of its own stands between
	}
	f := r.judge(prior.zone, prior.msg, n, qtype, true)
	return f, f.state == Secure
}

// picked is what an answer holds about one name and type.
type picked struct {
	sets  []*rrset // the records asked for
	also  *rrset   // a CNAME beside them, which must hold too
	alias *rrset   // a CNAME or DNAME to follow instead
	synth *rrset   // the unsigned CNAME that a DNAME entails
	rrsig []dns.RR // the answer to a question for RRSIG
	final bool     // the alias is itself what was asked for
}

func (p picked) all() []*rrset {
	out := slices.Clone(p.sets)
	if p.also != nil {
		out = append(out, p.also)
	}
	if p.alias != nil {
		out = append(out, p.alias)
	}
	return out
}

// pick finds what the answer section says of n. Records of other owners are
// nothing that n leads to, and are passed over.
func pick(msg *message, n name, qtype uint16) picked {
	var p picked
	if qtype == dns.TypeRRSIG {
		for _, rr := range msg.msg.Answer {
			if owner, ok := parseName(rr.Header().Name); ok && owner == n && rr.Header().Rrtype == dns.TypeRRSIG {
				p.rrsig = append(p.rrsig, rr)
			}
		}
		if p.rrsig != nil {
			return p
		}
	}
	alias := aliasAt(msg, n)
	cname := msg.answer.find(n, dns.TypeCNAME)
	if cname != nil && len(cname.rrs) == 0 {
		cname = nil
	}
	switch {
	case qtype == dns.TypeANY:
		for i := range msg.answer.list {
			if set := &msg.answer.list[i]; set.owner == n && len(set.rrs) > 0 && set != cname {
				p.sets = append(p.sets, set)
			}
		}
		if cname != nil && cname == alias {
			p.sets = append(p.sets, cname)
		}
	case qtype == dns.TypeCNAME:
		if cname != nil && cname == alias {
			p.sets = []*rrset{cname}
		}
	case qtype == dns.TypeDS:
		if set := msg.set(n, qtype); set != nil {
			p.sets, p.also = []*rrset{set}, cname
		}
	default:
		if set := msg.answer.find(n, qtype); set != nil && len(set.rrs) > 0 {
			p.sets, p.also = []*rrset{set}, cname
		}
	}
	if len(p.sets) == 0 {
		p.alias = alias
		if alias != nil && alias != cname {
			p.synth = cname
			p.final = qtype == dns.TypeCNAME || qtype == dns.TypeANY
		}
	}
	return p
}

// read takes an answer as it is, where nothing can be verified.
func read(msg *message, n name, qtype uint16) finding {
	f := finding{rcode: msg.msg.Rcode, msg: msg}
	p := pick(msg, n, qtype)
	for _, set := range p.sets {
		f.rrs = append(f.rrs, set.rrs...)
	}
	f.rrs = append(f.rrs, p.rrsig...)
	if p.alias != nil {
		f.rrs = append(f.rrs, p.alias.rrs...)
		followed := f.follow(n, p)
		if dname, ok := p.alias.rrs[0].(*dns.DNAME); ok && followed && p.synth != nil {
			if x, want := p.forged(n, dname); x != nil { // unsigned as all of it; the DNAME counts (RFC 6672 3.2)
				f.remarks = append(f.remarks, newReason(codeDNAME, p.alias.owner, n, qtype, "record", record(x), "want", want.String()))
			}
		}
	}
	f.negative = len(f.rrs) == 0
	return f
}

// follow sets where an alias leads. It is false if a DNAME's target would be too
// long a name.
func (f *finding) follow(n name, p picked) bool {
	var target name
	var ok bool
	switch x := p.alias.rrs[0].(type) {
	case *dns.CNAME:
		target, ok = parseName(x.Target)
	case *dns.DNAME:
		to, valid := parseName(x.Target)
		if !valid {
			return false
		}
		if target, ok = n.replaceSuffix(p.alias.owner, to); ok {
			f.rrs = append(f.rrs, synthesised(p, n, target, x.Hdr.Ttl))
		}
	}
	if ok && !p.final {
		f.next = target
	}
	return ok
}

// synthesised returns the CNAME that a DNAME entails: the server's if it is
// right, for its spelling, else our own.
func synthesised(p picked, n, target name, ttl uint32) dns.RR {
	if p.synth != nil {
		if x, ok := p.synth.rrs[0].(*dns.CNAME); ok {
			if t, ok := parseName(x.Target); ok && t == target {
				return x
			}
		}
	}
	return &dns.CNAME{
		Hdr:    dns.RR_Header{Name: n.String(), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: ttl},
		Target: target.String(),
	}
}
