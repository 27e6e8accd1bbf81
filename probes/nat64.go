package probes

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// The prefixes that stand for NAT64 everywhere: the well-known one (RFC 6052
// section 2.1) and the one for use inside networks (RFC 8215).
var (
	nat64Known = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
)

// nat64 reports whether an address only stands for an IPv4 address behind a
// NAT64: in one of the prefixes of everywhere, or in one of this network.
func (e *Env) nat64(a netip.Addr) (p netip.Prefix, v4 netip.Addr, ok bool) {
	for _, p := range slices.Concat([]netip.Prefix{nat64Known, nat64Local}, e.NAT64Prefixes) {
		if p.Contains(a) {
			return p, embedded(p, a), true
		}
	}
	return p, v4, false
}

// embedded takes the IPv4 address out of an address with a NAT64 prefix of 32,
// 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2): it follows the prefix, with
// bits 64 to 71 left out. The block for use inside networks is divided as each
// likes, mostly into prefixes of 96 bits.
func embedded(p netip.Prefix, a netip.Addr) netip.Addr {
	b := a.As16()
	at := p.Bits() / 8
	if p == nat64Local && [4]byte(b[12:]) != [4]byte{} {
		at = 12
	}
	var v4 [4]byte
	for i := range v4 {
		if at == 8 {
			at++
		}
		if at < len(b) {
			v4[i] = b[at]
		}
		at++
	}
	return netip.AddrFrom4(v4)
}

// ValidNAT64 reports whether a prefix has one of the lengths that NAT64 knows.
func ValidNAT64(p netip.Prefix) bool {
	return p.Addr().Is6() && slices.Contains([]int{32, 40, 48, 56, 64, 96}, p.Bits())
}

// nat64Only names the prefix of a host's addresses, if all that it publishes for
// IPv6 stands for IPv4 behind a NAT64.
func (e *Env) nat64Only(h addresses) string {
	for _, a := range h.v6.special {
		if p, v4, ok := e.nat64(a); ok && len(h.v6.usable) == 0 {
			return a.String() + ", " + p.String() + ", " + v4.String()
		}
	}
	return ""
}

// ownBehindNAT64 says what a client behind NAT64 meets at one of the service's
// own hosts that it does not reach over IPv6, by what the probes before found.
func (w *walk) ownBehindNAT64(ctx context.Context, h addresses) {
	works, fails, alive := false, len(h.v6.usable) == 0, false
	var ev []verdict.Evidence
	for _, r := range w.s.found {
		good := r.Outcome() == verdict.Pass || r.Outcome() == verdict.Warn
		switch {
		case r.Args["host"] != h.host:
		case r.Check == verdict.Reach4 && good && r.Reason != "reach.unused":
			works = true
			ev = append(ev, r.Evidence...)
		case r.Check == verdict.Reach && good:
			alive = true
		case r.Check == verdict.Reach && r.Outcome() == verdict.Fail:
			fails = true
		}
	}
	if alive || !fails || h.v6.cause != "" || len(h.v4.usable) == 0 {
		return
	}
	if !w.e.vantage.V4 {
		w.nat64("nat64.unknown", h.host, w.s.owner(), []string{h.host}, nil, "cause", string(verdict.NoFamily))
		return
	}
	if works {
		w.behindNAT64(ctx, h, w.s.owner(), []string{h.host}, ev)
	}
}

// depBehindNAT64 says the same of a further host, whose result is res.
func (w *walk) depBehindNAT64(ctx context.Context, h addresses, r ref, res verdict.Result, via []string) {
	switch res.Reason {
	case "closure.literal":
		w.nat64("nat64.literal", r.host, res.Owner, via, res.Evidence)
	case "closure.host-v4only", "closure.host-nat64", "closure.host-down6":
		a, known := w.over4(ctx, h, r)
		switch {
		case a.ok():
			w.behindNAT64(ctx, h, res.Owner, via, a.evidence())
		case !known:
			w.nat64("nat64.unknown", r.host, res.Owner, via, nil, "cause", string(verdict.NoFamily))
		}
	}
}

// behindNAT64 judges a host that works over IPv4 and not over IPv6. DNS64 makes
// up AAAA records only where there are none (RFC 6147 section 5.1), apart from
// IPv4-mapped ones, and what it makes up a validator refuses (section 3).
func (w *walk) behindNAT64(ctx context.Context, h addresses, owner verdict.Owner, via []string, ev []verdict.Evidence) {
	published := len(h.v6.usable) > 0 || slices.ContainsFunc(h.v6.special, func(a netip.Addr) bool { return !a.Is4In6() && !a.Is4() })
	reason := verdict.Reason("nat64.works")
	if published {
		reason = "nat64.shadowed"
	} else if w.e.DNSSEC != nil && w.e.vantage.DNSSEC && w.e.wants(verdict.DNSSEC) && w.e.anchored(h.host) &&
		w.e.validate(ctx, h.host, dns.TypeAAAA).State.String() == "secure" {
		reason = "nat64.signed"
	}
	w.nat64(reason, h.host, owner, via, slices.Concat(h.v6.evidence, ev))
}

// zoneBehindNAT64 says of a zone that needs IPv4 what its clients have of NAT64.
func (w *walk) zoneBehindNAT64(r verdict.Result, via []string) {
	switch r.Reason {
	case "closure.zone-v4only", "closure.zone-lame6", "closure.zone-no-glue", "closure.zone-glue-dead", "closure.zone-tcp-v4only":
		w.nat64("nat64.resolver", r.Subject, r.Owner, via, r.Evidence)
	}
}

func (w *walk) nat64(reason verdict.Reason, subject string, owner verdict.Owner, via []string, ev []verdict.Evidence, pairs ...string) {
	r := result(reason, pairs...)
	r.Check, r.Subject, r.Owner, r.Evidence = verdict.NAT64, subject, owner, ev
	w.add(r, via)
}

// isLiteral reports whether a host is written as an address. One of a NAT64 in a
// page is nobody's lack of IPv6, but odd: see special.
func isLiteral(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
