package probes

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// serverCheck is what one name server of a zone does over IPv6.
type serverCheck struct {
	name     string
	ns       resolve.NameServer
	addrs    []netip.Addr  // its IPv6 addresses
	at       []netip.Addr  // those where it answers with authority
	noTCP    bool          // but at one of them not over TCP
	tcp      bool          // at one of them over TCP too, or that could not be tried
	unknown  verdict.Cause // why it could not be judged
	silent   bool          // what came back was silence or trouble, not an answer
	wrong    []string
	evidence []verdict.Evidence
	glue     glueCheck
}

func (s serverCheck) addressed() bool { return len(s.addrs) > 0 }
func (s serverCheck) good() bool      { return len(s.at) > 0 }

// glueCheck is how the IPv6 addresses that the parent gives for a server inside
// the zone stand to those that the zone itself gives.
type glueCheck struct {
	inside         bool // the server's name is inside the zone, so glue is needed
	given          []netip.Addr
	missing        []netip.Addr // the zone has them, the parent none at all
	other          []netip.Addr // the parent has them, the zone has not
	dead           bool         // none of what the parent gives answers with authority
	wrong          []string
	evidence       []verdict.Evidence
	undecided, own bool // not to be told; the glue is among the server's own addresses
}

// askServer asks one name server of a zone for its SOA, at each IPv6 address.
func (e *Env) askServer(ctx context.Context, z resolve.Zone, ns resolve.NameServer) serverCheck {
	s := serverCheck{name: plainName(ns.Name), ns: ns}
	if e.OptOut.Name(s.name) != "" {
		s.unknown = verdict.OptedOut
		return s
	}
	h := e.lookup(ctx, s.name)
	addrs := slices.Clone(h.v6.usable)
	if h.v6.cause != "" {
		for _, g := range ns.Glue {
			if g.Is6() && !slices.Contains(addrs, g) {
				addrs = append(addrs, g)
			}
		}
	}
	if len(addrs) == 0 {
		s.unknown, s.evidence = h.v6.cause, h.v6.evidence
		return s
	}
	s.addrs = addrs
	for _, a := range addrs[:min(len(addrs), maxServerAddrs)] {
		e.askSOA(ctx, z, a, &s)
	}
	if !s.good() && len(addrs) > maxServerAddrs {
		s.unknown = verdict.OverBudget
	}
	if h.v6.cause == "" && !h.v6.more {
		e.compareGlue(ctx, z, &s, h.v6)
	}
	return s
}

// askSOA asks one address for the zone's SOA, over UDP and, where that works,
// over TCP.
func (e *Env) askSOA(ctx context.Context, z resolve.Zone, a netip.Addr, s *serverCheck) {
	fault, cause := e.soaFault(ctx, z, a, false, s)
	if fault != "" {
		s.wrong = append(s.wrong, fault)
		s.silent = s.silent || cause != verdict.Lame
		if ours(cause) {
			s.unknown = cause
		}
		return
	}
	s.at = append(s.at, a)
	fault, cause = e.soaFault(ctx, z, a, true, s)
	s.noTCP = s.noTCP || fault != "" && !ours(cause)
	s.tcp = s.tcp || fault == "" || ours(cause)
}

// compareGlue compares the parent's word with the zone's own, and asks at the
// addresses that only the parent knows: that is where a resolver goes first.
// Servers outside the zone need no glue (RFC 9471 section 3), and a zone whose
// delegation was not seen has none that could be judged.
func (e *Env) compareGlue(ctx context.Context, z resolve.Zone, s *serverCheck, own family) {
	if z.Hidden || z.Parent == "" || !dns.IsSubDomain(z.Name, dns.CanonicalName(s.ns.Name)) {
		return
	}
	g := &s.glue
	g.inside = true
	for _, a := range s.ns.Glue {
		if a.Is6() {
			g.given = append(g.given, a)
			if g.own = g.own || slices.Contains(own.usable, a); !slices.Contains(own.usable, a) {
				g.other = append(g.other, a)
			}
		}
	}
	g.evidence = slices.Concat(e.DNS.Evidence(z.Name, dns.TypeNS), own.evidence)
	if len(g.given) == 0 {
		g.missing = own.usable
		return
	}
	g.dead = !g.own && len(g.other) > 0
	for _, a := range g.other[:min(len(g.other), maxServerAddrs)] {
		var at serverCheck
		fault, cause := e.soaFault(ctx, z, a, false, &at)
		g.evidence = append(g.evidence, at.evidence...)
		if fault == "" || ours(cause) {
			g.dead, g.undecided = false, g.undecided || fault != ""
			continue
		}
		g.wrong = append(g.wrong, fault)
	}
}

// deadGlue reports whether nothing of what the parent says of the servers'
// IPv6 addresses leads to the zone.
func deadGlue(all []serverCheck) bool {
	dead := false
	for _, s := range all {
		if s.addressed() && !s.glue.dead && (len(s.glue.given) > 0 || !s.glue.inside) {
			return false
		}
		dead = dead || s.glue.dead
	}
	return dead
}

// judgeServer words what one server does. It is told beside the zone's own
// result, which alone decides: a zone does with one server of many.
func (e *Env) judgeServer(ctx context.Context, z resolve.Zone, s serverCheck) []verdict.Result {
	word := func(r verdict.Reason, pairs ...string) verdict.Result {
		x := e.zoneResult(z, r, s.evidence, append(pairs, "zone", zoneName(z.Name))...)
		x.Subject = s.name
		return x
	}
	detail := strings.Join(s.wrong, "; ")
	var out []verdict.Result
	switch {
	case s.good() && len(s.wrong) > 0:
		out = append(out, word("closure.ns-part", "detail", detail, "addresses", listed(s.at)))
	case s.good() && !s.noTCP:
		out = append(out, word("closure.ns-ok", "addresses", listed(s.at)))
	case s.good():
	case s.unknown != "":
		out = append(out, word("closure.ns-unknown", "cause", string(s.unknown)))
	case !s.addressed():
		out = append(out, word("closure.ns-v4only"))
	default:
		seen := e.answers4(ctx, z, false, s.ns)
		has4 := e.has4(ctx, resolve.Zone{NS: []resolve.NameServer{s.ns}})
		switch {
		case seen == nil && s.silent:
			out = append(out, word("closure.ns-unknown", "cause", string(verdict.Timeout)))
		case seen == nil && has4:
			out = append(out, word("closure.ns-unknown", "cause", string(verdict.Lame)))
		default:
			r := word("closure.ns-down6", "detail", detail)
			if seen != nil {
				r.Evidence = append(slices.Clip(r.Evidence), *seen)
			}
			out = append(out, r)
		}
	}
	if s.noTCP {
		r := e.zoneResult(z, "closure.zone-no-tcp", s.evidence, "server", s.name)
		out = append(out, r)
	}
	return append(out, e.judgeGlue(z, s)...)
}

// judgeGlue words how glue and zone stand to each other. Who mends it is whoever
// keeps the delegation.
func (e *Env) judgeGlue(z resolve.Zone, s serverCheck) []verdict.Result {
	g := s.glue
	word := func(r verdict.Reason, pairs ...string) []verdict.Result {
		x := e.zoneResult(z, r, g.evidence, append(pairs, "zone", zoneName(z.Name))...)
		x.Subject, x.Owner = s.name, verdict.Owner{Role: verdict.Registrar, Name: zoneName(z.Name)}
		return []verdict.Result{x}
	}
	switch {
	case len(g.missing) > 0:
		return word("closure.glue-missing", "addresses", listed(g.missing))
	case g.dead && !g.undecided:
		return word("closure.glue-dead", "detail", strings.Join(g.wrong, "; "), "addresses", listed(s.addrs))
	case len(g.other) > 0:
		return word("closure.glue-differs", "glue", listed(g.other), "addresses", listed(s.addrs))
	}
	return nil
}

func listed(addrs []netip.Addr) string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return strings.Join(out, ", ")
}
