package probes

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// reverseZones are the names under ip6.arpa, without final dot, that a block's
// reverse delegations have: one for each block at the next nibble boundary
// (RFC 3596 2.5), at most eight.
func reverseZones(p netip.Prefix) []string {
	nibbles := (p.Bits() + 3) / 4
	a := p.Masked().Addr().As16()
	var out []string
	for i := range 1 << (4*nibbles - p.Bits()) {
		b := a
		if nibbles > 0 {
			at := (nibbles - 1) / 2
			if nibbles%2 == 1 {
				b[at] |= byte(i << 4)
			} else {
				b[at] |= byte(i)
			}
		}
		var labels []string
		for n := nibbles - 1; n >= 0; n-- {
			half := b[n/2] >> 4
			if n%2 == 1 {
				half = b[n/2] & 15
			}
			labels = append(labels, strconv.FormatUint(uint64(half), 16))
		}
		out = append(out, strings.Join(append(labels, "ip6.arpa"), "."))
	}
	return out
}

// reverseResults judges the reverse zones of one IPv6 block of an agency's own.
func (e *Env) reverseResults(ctx context.Context, p netip.Prefix, owner verdict.Owner) []verdict.Result {
	if !p.Addr().Is6() || !e.wants(verdict.Reverse) {
		return nil
	}
	zones := reverseZones(p)
	each := make([][]verdict.Result, len(zones))
	alongside(len(zones), func(i int) { each[i] = e.reverseZone(ctx, zones[i]) })
	out := slices.Concat(each...)
	for i := range out {
		r := &out[i]
		r.Check, r.Subject, r.At = verdict.Reverse, p.String(), e.Now()
		if r.Owner = owner; r.Outcome() == verdict.Unknown && ours(verdict.Cause(r.Args["cause"])) {
			r.Owner = verdict.Owner{Role: verdict.Operator, Name: e.Name}
		}
	}
	return out
}

// reverseZone judges one reverse zone.
func (e *Env) reverseZone(ctx context.Context, zone string) []verdict.Result {
	one := func(r verdict.Reason, ev []verdict.Evidence, pairs ...string) []verdict.Result {
		x := result(r, append(pairs, "zone", zone)...)
		x.Evidence = ev[:min(len(ev), maxMailEvidence)]
		return []verdict.Result{x}
	}
	path, err := e.DNS.Path(ctx, zone)
	if err != nil || len(path) == 0 {
		return one("reverse.unknown", evidenceOf(err), "cause", string(causeOf(err)))
	}
	z := path[len(path)-1]
	if zoneName(z.Name) != zone {
		return e.reverseAbove(ctx, zone, zoneName(z.Name), one)
	}
	out := e.reverseServers(ctx, z, one)
	if o := out[0].Outcome(); o == verdict.Pass || o == verdict.Warn || out[0].Reason == "reverse.v4only" || out[0].Reason == "reverse.lame6" {
		out = append(out, e.reverseSecure(ctx, zone, one)...)
	}
	return out
}

// reverseAbove judges a block without a zone of its own: the zone above may have
// the names itself, or delegate parts of the block.
func (e *Env) reverseAbove(ctx context.Context, zone, above string, one func(verdict.Reason, []verdict.Evidence, ...string) []verdict.Result) []verdict.Result {
	m, err := e.DNS.Query(ctx, zone, dns.TypeSOA)
	ev := e.DNS.Evidence(zone, dns.TypeSOA)
	switch {
	case err != nil:
		return one("reverse.unknown", evidenceOf(err), "cause", string(causeOf(err)))
	case m.Rcode == dns.RcodeNameError:
		return one("reverse.missing", ev, "parent", above)
	case m.Rcode == dns.RcodeSuccess:
		return one("reverse.inside", ev, "parent", above)
	}
	return one("reverse.unknown", ev, "cause", string(verdict.ServFail))
}

// reverseServers judges who serves a reverse zone over IPv6.
func (e *Env) reverseServers(ctx context.Context, z resolve.Zone, one func(verdict.Reason, []verdict.Evidence, ...string) []verdict.Result) []verdict.Result {
	if !e.vantage.V6 {
		return one("reverse.unknown", nil, "cause", string(verdict.NoFamily))
	}
	all := make([]serverCheck, min(len(z.NS), maxServers))
	alongside(len(all), func(i int) { all[i] = e.askServer(ctx, z, z.NS[i]) })
	t := tallyOf(all)
	servers, detail := strings.Join(t.names, ", "), strings.Join(t.wrong, "; ")
	switch {
	case len(t.good) > 1:
		return one("reverse.ok", t.evidence, "count", strconv.Itoa(len(t.good)))
	case len(t.good) == 1:
		return one("reverse.one", t.evidence, "server", t.good[0])
	case t.unknown != "":
		return one("reverse.unknown", t.evidence, "cause", string(t.unknown))
	}
	seen := e.answers4(ctx, z, false, z.NS...)
	switch {
	case !t.addressed && seen != nil:
		return one("reverse.v4only", append(t.evidence, *seen), "servers", servers)
	case seen != nil:
		return one("reverse.lame6", append(t.evidence, *seen), "detail", detail)
	case t.addressed && !t.silent && (!e.has4(ctx, z) || e.vantage.V4 && e.lame4(ctx, z)):
		return one("reverse.lame", t.evidence, "servers", servers, "detail", detail)
	case t.addressed && t.silent:
		return one("reverse.unknown", t.evidence, "cause", string(verdict.Timeout))
	}
	return one("reverse.unknown", t.evidence, "cause", string(verdict.Lame))
}

// lame4 reports whether every server address over IPv4 gives an answer, and none
// of them for the zone.
func (e *Env) lame4(ctx context.Context, z resolve.Zone) bool {
	asked := 0
	for _, ns := range z.NS[:min(len(z.NS), maxServers)] {
		h := e.lookup(ctx, plainName(ns.Name))
		if h.v4.cause != "" {
			return false
		}
		for _, a := range h.v4.usable {
			m, _, err := e.ask(ctx, a, false, z.Name)
			if err != nil || m.Rcode == dns.RcodeServerFailure || m.Authoritative && m.Rcode == dns.RcodeSuccess {
				return false
			}
			asked++
		}
	}
	return asked > 0
}

// reverseSecure judges whether a reverse zone is signed from the root.
func (e *Env) reverseSecure(ctx context.Context, zone string, one func(verdict.Reason, []verdict.Evidence, ...string) []verdict.Result) []verdict.Result {
	if !e.wants(verdict.DNSSEC) || e.DNSSEC == nil || !e.vantage.DNSSEC || !e.anchored(zone) {
		return nil
	}
	v := e.validate(ctx, zone, dns.TypeSOA)
	ev := e.DNS.Evidence(v.Name, v.Type)
	if len(v.Reasons) > 0 && v.Reasons[0].Record != "" {
		ev = append([]verdict.Evidence{{At: e.Now(), Asked: "zone " + zoneName(v.Reasons[0].Zone), Over: "dnssec", Query: zone + " SOA", Answer: brief(v.Reasons[0].Record)}}, ev...)
	}
	switch v.State {
	case dnssec.Secure:
		return one("reverse.secure", ev)
	case dnssec.Insecure:
		return one("reverse.unsigned", ev, saidOf(v)...)
	case dnssec.Bogus:
		return one("reverse.bogus", ev, saidOf(v)...)
	}
	cause := verdict.OtherCause
	if len(v.Reasons) > 0 && v.Reasons[0].Cause != "" {
		cause = v.Reasons[0].Cause
	}
	return one("reverse.unknown", ev, "cause", string(cause))
}
