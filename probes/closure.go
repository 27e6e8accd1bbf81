package probes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"ready6/probes/dial"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxClosure bounds the hosts that one service's closure is followed to.
const maxClosure = 4 * maxHosts

// closureResults follows everything that a client and a resolver without IPv4
// would have to follow, and says of each link whether it holds. A link that
// could not be followed has a result too: level 3 is never given for want of
// having looked.
func closureResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	w := &walk{e: e, s: s, zones: map[string]bool{}, hosts: map[string]link{}, origins: map[netip.Addr]bool{}, pages: map[string]bool{}}
	if !e.vantage.V6 {
		return []verdict.Result{{Reason: "closure.unknown", Subject: s.Host, Args: map[string]string{"cause": string(verdict.NoFamily)},
			Owner: verdict.Owner{Role: verdict.Operator, Name: e.Name}}}
	}
	for _, h := range s.hosts {
		switch {
		case len(h.v6.usable) > 0:
			w.host(ctx, h)
			w.ownBehindNAT64(ctx, h)
		case h.v6.cause != "":
			r := result("closure.unknown", "cause", string(h.v6.cause))
			r.Subject, r.Evidence = h.host, h.v6.evidence
			w.add(r, nil)
		default:
			w.add(verdict.Result{Reason: "closure.none", Subject: h.host}, nil)
			w.ownBehindNAT64(ctx, h)
		}
	}
	return w.out
}

// walk collects the closure of one service.
type walk struct {
	e       *Env
	s       *subject
	out     []verdict.Result
	zones   map[string]bool // whose results are noted
	hosts   map[string]link // judged already
	origins map[netip.Addr]bool
	pages   map[string]bool // URLs whose content is followed
	full    bool            // said already that there are too many hosts
}

// link is what is known of a host that the service needs.
type link struct {
	required bool
	outcome  verdict.Outcome
}

// add notes a result reached by a path.
func (w *walk) add(r verdict.Result, via []string) {
	if r.Check == "" {
		r.Check = verdict.Closure
	}
	if r.At.IsZero() {
		r.At = w.e.Now()
	}
	r.Via = slices.Clone(via)
	w.out = append(w.out, r)
}

// note adds a closure result about a subject with its evidence.
func (w *walk) note(reason verdict.Reason, subject string, via []string, ev []verdict.Evidence, pairs ...string) {
	r := result(reason, pairs...)
	r.Subject, r.Evidence = subject, ev
	w.add(r, via)
}

// host follows what one of the service's own hosts needs.
func (w *walk) host(ctx context.Context, h addresses) {
	via := []string{h.host}
	if w.s.Kind == "mail" && h.host != w.s.Host {
		w.name(ctx, w.s.Host, []string{w.s.Host}, true)
		via = []string{w.s.Host, h.host}
	}
	if _, err := netip.ParseAddr(h.host); err == nil && h.host == w.s.Host {
		w.note("closure.no-name", h.host, nil, nil)
	} else {
		w.names(ctx, h, via, true)
	}
	if w.s.Kind == "web" {
		w.web(ctx, h)
	}
}

// names checks that a host's name and all its aliases resolve over IPv6 alone.
// It is Fail or Unknown if one of them stands in the way, else Pass.
func (w *walk) names(ctx context.Context, h addresses, via []string, required bool) verdict.Outcome {
	out := w.name(ctx, h.host, via, required)
	for _, alias := range h.v6.aliases {
		via = append(slices.Clone(via), alias)
		out = verdict.Worst(out, w.name(ctx, alias, via, required))
	}
	return out
}

// name checks that one name resolves over IPv6 alone. What is not required is
// judged, but not noted.
func (w *walk) name(ctx context.Context, name string, via []string, required bool) verdict.Outcome {
	n := w.e.resolves6(ctx, name)
	if n.cause != "" {
		if required {
			w.note("closure.unknown", name, via, n.evidence, "cause", string(n.cause))
		}
		return verdict.Unknown
	}
	out := verdict.Pass
	for _, z := range n.zones {
		out = verdict.Worst(out, w.zone(ctx, z, via, required))
	}
	if n.failure == nil || out == verdict.Fail {
		return out
	}
	if w.elsewhere(ctx, n, via, required) == verdict.Fail {
		return verdict.Fail
	}
	if required {
		at := name
		if n.failure.Zone != "" {
			at = n.failure.Zone
		}
		w.add(w.e.zoneResult(resolve.Zone{Name: at}, "closure.zone-unknown", n.failure.Evidence, "cause", string(causeOf(n.failure))), via)
	}
	return verdict.Unknown
}

// zone notes what was found out about a zone, once a service, and says whether
// it stands in the way.
func (w *walk) zone(ctx context.Context, z resolve.Zone, via []string, required bool) verdict.Outcome {
	check := w.e.zone(ctx, z)
	noted := w.zones[z.Name] || !required
	w.zones[z.Name] = w.zones[z.Name] || required
	out := verdict.Pass
	for _, r := range check.results {
		if o := r.Outcome(); (o == verdict.Fail || o == verdict.Unknown) && !r.Reason.Aside() {
			out = verdict.Worst(out, o)
		}
		switch {
		case noted:
		case r.Subject == zoneName(z.Name):
			w.add(r, via)
			w.zoneBehindNAT64(r, via)
		default: // a server's own
			w.add(r, append(slices.Clone(via), zoneName(z.Name)))
		}
	}
	if !noted && w.e.wants(verdict.RPKI) {
		for _, a := range check.addrs {
			w.origin(a, append(slices.Clone(via), zoneName(z.Name)))
		}
	}
	return out
}

// elsewhere names the zone that keeps a name from resolving although every zone
// of its own path has servers with IPv6: the servers' names live in it, or the
// parent does not give their addresses.
func (w *walk) elsewhere(ctx context.Context, n nameCheck, via []string, required bool) verdict.Outcome {
	if n.failure.Zone == "" {
		return verdict.Unknown
	}
	at := zoneName(n.failure.Zone)
	for _, z := range n.zones {
		if zoneName(z.Name) == at && n.failure.V4Only && n.failure.Gap == resolve.NoGlue {
			r := w.e.zoneResult(z, "closure.zone-no-glue", n.failure.Evidence, "servers", serverNames(z))
			r.Owner = verdict.Owner{Role: verdict.Registrar, Name: at}
			if required {
				w.add(r, via)
				w.zoneBehindNAT64(r, via)
			}
			return verdict.Fail
		}
		if zoneName(z.Name) == at && w.e.zone(ctx, z).deadGlue {
			r := w.e.zoneResult(z, "closure.zone-glue-dead", n.failure.Evidence, "servers", serverNames(z))
			r.Owner = verdict.Owner{Role: verdict.Registrar, Name: at}
			if required {
				w.add(r, via)
				w.zoneBehindNAT64(r, via)
			}
			return verdict.Fail
		}
	}
	z, err := w.e.DNS.Zone(ctx, n.failure.Zone)
	if err != nil {
		return verdict.Unknown
	}
	return w.zone(ctx, z, via, required)
}

func serverNames(z resolve.Zone) string {
	var names []string
	for _, ns := range z.NS {
		names = append(names, plainName(ns.Name))
	}
	return strings.Join(names, ", ")
}

// origin notes the route-origin state of an address the service depends on.
func (w *walk) origin(a netip.Addr, via []string) {
	if w.origins[a] {
		return
	}
	w.origins[a] = true
	for _, r := range w.e.originResults(a) {
		w.add(r, via)
	}
}

// dependency judges one further host, and its name, over IPv6. What is not
// required only warns.
func (w *walk) dependency(ctx context.Context, r ref, via []string, required bool) (attempt, verdict.Outcome) {
	key := r.scheme + "://" + endpoint{port: r.port, host: r.host}.authority() + r.path
	if seen, ok := w.hosts[key]; ok && (seen.required || !required) {
		return attempt{}, seen.outcome
	}
	if len(w.hosts) >= maxClosure {
		if !w.full {
			w.full = true
			w.note("closure.too-many", w.s.Host, nil, r.from)
		}
		return attempt{}, verdict.Unknown
	}
	res, a := w.reachable(ctx, r)
	h := w.e.addresses(ctx, r.host)
	resolved := verdict.Pass
	if _, err := netip.ParseAddr(r.host); err != nil {
		resolved = w.names(ctx, h, via, required)
	}
	if !r.optional {
		w.depBehindNAT64(ctx, h, r, res, via)
	}
	switch {
	case r.optional:
		res = hinted(res, resolved)
	case !required:
		res = soften(res, r, resolved)
	}
	w.add(res, via)
	if w.e.wants(verdict.RPKI) {
		for _, a := range h.v6.usable {
			w.origin(a, via)
		}
	}
	if w.e.wants(verdict.DNSSEC) {
		w.secure(ctx, r.host, via)
	}
	w.hosts[key] = link{required, res.Outcome()}
	return a, res.Outcome()
}

// soften makes a third party's fault a warning: the page would still come.
func soften(r verdict.Result, at ref, resolved verdict.Outcome) verdict.Result {
	switch o := verdict.Worst(r.Outcome(), resolved); {
	case o == verdict.Fail:
		r.Reason = "closure.third-party"
	case o == verdict.Unknown:
		r.Reason = "closure.third-party-unknown"
		if r.Args["cause"] == "" {
			r.Args["cause"] = string(verdict.OtherCause)
		}
	}
	r.Owner = verdict.Owner{Role: verdict.Hosting, Name: at.host}
	return r
}

// hinted makes the fault of a host that a browser only gets ready for a warning.
func hinted(r verdict.Result, resolved verdict.Outcome) verdict.Result {
	if o := verdict.Worst(r.Outcome(), resolved); o == verdict.Fail || o == verdict.Unknown {
		r.Reason = "closure.hint"
	}
	return r
}

// reachable judges one host that the service needs, over IPv6. One address that
// works is enough for a client to get there; the attempt returned is that one's.
func (w *walk) reachable(ctx context.Context, r ref) (verdict.Result, attempt) {
	h := w.e.addresses(ctx, r.host)
	out := func(reason verdict.Reason, ev []verdict.Evidence, pairs ...string) verdict.Result {
		x := result(reason, append(pairs, "use", r.use)...)
		x.Subject, x.Evidence = r.host, append(slices.Clip(ev), r.from...)
		x.Owner = verdict.Owner{Role: verdict.Hosting, Name: r.host}
		if sameSite(r.host, w.s.Host) {
			x.Owner = w.e.runs(r.host)
		}
		return x
	}
	if w.e.internal(r.host) {
		x := out("closure.host-internal", nil)
		x.Owner = verdict.Owner{Role: verdict.Operator, Name: w.e.Name}
		return x, attempt{}
	}
	if why := w.e.nat64Only(h); why != "" && !isLiteral(r.host) {
		return out("closure.host-nat64", h.v6.evidence, "why", why), attempt{}
	}
	if why := special(h); why != "" {
		reason := verdict.Reason("closure.special")
		if r.use == "redirect" || r.use == "refresh" {
			reason = "closure.redirect-special"
		}
		if _, err := netip.ParseAddr(r.host); err == nil {
			return w.written(out(reason, nil, "why", why), r), attempt{}
		}
		return out(reason, slices.Concat(h.v6.evidence, h.v4.evidence), "why", why), attempt{}
	}
	if a, err := netip.ParseAddr(r.host); err == nil && a.Unmap().Is4() {
		return w.written(out("closure.literal", nil), r), attempt{}
	}
	if len(h.v6.usable) == 0 {
		if h.v6.cause != "" {
			return out("closure.host-unknown", h.v6.evidence, "cause", string(h.v6.cause)), attempt{}
		}
		return out("closure.host-v4only", h.v6.evidence), attempt{}
	}
	var last attempt
	for _, addr := range h.v6.usable {
		if last = w.e.attempt(ctx, r.at(addr)); last.ok() {
			break
		}
	}
	works, known := w.over4(ctx, h, r)
	switch {
	case last.ok() && (last.cert.err == nil || !works.ok() || works.cert.err != nil):
		return out("closure.host-ok", last.evidence()), last
	case last.ok():
		return out("closure.host-down6", last.evidence(), "detail", brief(last.cert.err.Error())), attempt{}
	case works.ok() && !ours(last.cause), definite(last) && known && works.addr == netip.Addr{}:
		return out("closure.host-down6", last.evidence(), "detail", last.String()+": "+describe(last)), attempt{}
	}
	return out("closure.host-unknown", last.evidence(), "cause", string(last.cause)), attempt{}
}

// written makes whoever wrote an address into a page the owner of what is wrong
// with it: who has the address cannot mend it.
func (w *walk) written(x verdict.Result, r ref) verdict.Result {
	if x.Owner = (verdict.Owner{Role: verdict.Hosting, Name: r.by}); sameSite(r.by, w.s.Host) {
		x.Owner = w.e.runs(r.by)
	}
	return x
}

// special names the kind of address that a host has, if all of its addresses are
// of the kind where no public client gets, whatever its family: what a page wants
// there is no matter of IPv6, and is left alone.
func special(h addresses) (why string) {
	if len(h.v6.usable)+len(h.v4.usable) > 0 || h.v6.cause != "" || h.v4.cause != "" {
		return ""
	}
	for _, a := range slices.Concat(h.v6.special, h.v4.special) {
		name, _ := dial.Special(a)
		return a.String() + ", " + name
	}
	return ""
}

// definite reports whether a failed attempt shows by itself that the service is
// not there: silence and a router's word may pass, a refusal is an answer.
func definite(a attempt) bool {
	return !ours(a.cause) && a.cause != verdict.Timeout && a.cause != verdict.Unreachable && !a.busy
}

// over4 is the same attempt over IPv4: what fails in both families is no fault
// of IPv6. It is the zero attempt where there is nothing to try, and not known
// if that is not for sure.
func (w *walk) over4(ctx context.Context, h addresses, r ref) (a attempt, known bool) {
	if !w.e.vantage.V4 || h.v4.cause != "" {
		return a, false
	}
	for _, addr := range h.v4.usable {
		if a = w.e.attempt(ctx, r.at(addr)); a.ok() {
			break
		}
	}
	return a, true
}

// sameSite reports whether two hosts belong to one registrable domain, so that
// whoever runs the one answers for the other.
func sameSite(a, b string) bool {
	x, errX := publicsuffix.EffectiveTLDPlusOne(a)
	y, errY := publicsuffix.EffectiveTLDPlusOne(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x == y
}

// nameCheck is what resolving one name over IPv6 alone takes.
type nameCheck struct {
	zones    []resolve.Zone   // from the root to the name's own
	failure  *resolve.Failure // nil where it resolves
	cause    verdict.Cause    // set where it could not be tried
	evidence []verdict.Evidence
}

// resolves6 tries to resolve a name with no IPv4 at all, from the root down.
func (e *Env) resolves6(ctx context.Context, name string) nameCheck {
	got, err := e.names6.get(ctx, e.base, name, func(ctx context.Context) nameCheck {
		zones, err := e.DNS.Path(ctx, name)
		if err != nil {
			return nameCheck{cause: causeOf(err), evidence: evidenceOf(err)}
		}
		out := nameCheck{zones: zones}
		if _, err := e.DNS6.Query(ctx, name, dns.TypeAAAA); err != nil && !errors.As(err, &out.failure) {
			out.cause = dial.Classify(err)
		}
		return out
	})
	if err != nil {
		return nameCheck{cause: dial.Classify(err)}
	}
	return got
}
