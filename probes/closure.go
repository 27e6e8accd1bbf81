package probes

import (
	"context"
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxHops bounds a chain of redirects, as browsers do (they allow about 20).
const maxHops = 10

// closureResults follows everything that a client and a resolver without IPv4
// would have to follow, and says of each link whether it holds.
func closureResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	w := &walk{e: e, s: s, zones: map[string]bool{}, hosts: map[string]bool{}}
	if !e.vantage.V6 {
		return []verdict.Result{{Reason: "closure.zone-unknown", Subject: s.Host, Args: map[string]string{"cause": string(verdict.NoFamily)}}}
	}
	for _, h := range s.hosts {
		if len(h.v6.usable) == 0 {
			w.add(verdict.Result{Reason: "closure.none", Subject: h.host}, nil)
			continue
		}
		w.host(ctx, h)
	}
	return w.out
}

// walk collects the closure of one service.
type walk struct {
	e     *Env
	s     *subject
	out   []verdict.Result
	zones map[string]bool // judged already
	hosts map[string]bool
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

// host follows what one of the service's own hosts needs.
func (w *walk) host(ctx context.Context, h addresses) {
	via := []string{h.host}
	if w.s.Kind == "mail" && h.host != w.s.Host {
		via = []string{w.s.Host, h.host}
		w.name(ctx, w.s.Host, []string{w.s.Host}, true)
	}
	if _, err := netip.ParseAddr(h.host); err != nil {
		w.name(ctx, h.host, via, true)
		for _, alias := range h.v6.aliases {
			via = append(via, alias)
			w.name(ctx, alias, via, true)
		}
	}
	if w.s.Kind == "web" {
		w.web(ctx, h)
	}
}

// name checks that a name resolves over IPv6 alone. What is not required only
// warns.
func (w *walk) name(ctx context.Context, name string, via []string, required bool) (ok bool) {
	n := w.e.resolves6(ctx, name)
	if n.cause != "" {
		w.add(w.e.zoneResult(resolve.Zone{Name: name}, "closure.zone-unknown", nil, "cause", string(n.cause)), via)
		return false
	}
	blocked := false
	for _, z := range n.zones {
		blocked = w.zone(ctx, z, via, required) || blocked
	}
	if n.failure == nil {
		return !blocked
	}
	if !blocked {
		blocked = w.elsewhere(ctx, n, via, required)
	}
	if !blocked {
		w.add(w.e.zoneResult(resolve.Zone{Name: n.failure.Zone}, "closure.zone-unknown", n.failure.Evidence,
			"cause", string(n.failure.Cause)), via)
	}
	return false
}

// zone notes what was found out about a zone, once a service, and reports
// whether it stands in the way.
func (w *walk) zone(ctx context.Context, z resolve.Zone, via []string, required bool) (blocks bool) {
	check := w.e.zone(ctx, z)
	seen := w.zones[z.Name]
	w.zones[z.Name] = true
	for _, r := range check.results {
		blocks = blocks || r.Outcome() == verdict.Fail
		if !seen && required {
			w.add(r, via)
		}
	}
	if !seen && required && w.e.wants(verdict.RPKI) && len(via) > 0 {
		for _, a := range check.addrs {
			w.origin(a, append(slices.Clone(via), zoneName(z.Name)))
		}
	}
	return blocks
}

// elsewhere names the zone that keeps a name from resolving although every zone
// of its own path has servers with IPv6: the servers' names live in it, or the
// parent does not give their addresses.
func (w *walk) elsewhere(ctx context.Context, n nameCheck, via []string, required bool) (blocked bool) {
	at := zoneName(n.failure.Zone)
	for _, z := range n.zones {
		if zoneName(z.Name) == at && n.failure.V4Only && n.failure.Gap != resolve.NoAnswer {
			r := w.e.zoneResult(z, "closure.zone-no-glue", n.failure.Evidence, "servers", serverNames(z))
			r.Owner = verdict.Owner{Role: verdict.Registrar, Name: at}
			if required {
				w.add(r, via)
			}
			return true
		}
	}
	z, err := w.e.DNS.Zone(ctx, n.failure.Zone)
	if err != nil {
		return false
	}
	return w.zone(ctx, z, append(slices.Clone(via), at), required)
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
	if key := "origin " + a.String(); !w.hosts[key] {
		w.hosts[key] = true
		for _, r := range w.e.originResults(a) {
			w.add(r, via)
		}
	}
}

// web follows redirects, then what the page loads, then what its certificate
// points to, all over IPv6.
func (w *walk) web(ctx context.Context, h addresses) {
	a, ok := w.front(ctx, h)
	if !ok {
		return // the reach results say why
	}
	via := []string{h.host}
	for range maxHops {
		w.certificate(ctx, a, via)
		next, redirected := redirect(a)
		if !redirected {
			w.content(ctx, a, via)
			return
		}
		r, usable := refTo(next, "redirect")
		if !usable {
			return
		}
		if r.host != a.host {
			via = append(via, r.host)
			if !w.dependency(ctx, r, via, true) {
				return
			}
		}
		if a, ok = w.hop(ctx, r, next); !ok {
			return
		}
	}
	w.add(verdict.Result{Reason: "closure.content-unknown", Subject: h.host, Args: map[string]string{"detail": "too many redirects"}}, via)
}

// front is the service's own answer over IPv6, TLS preferred.
func (w *walk) front(ctx context.Context, h addresses) (attempt, bool) {
	for _, port := range ports(w.s.Kind, w.s.Port) {
		for _, addr := range h.v6.usable {
			if a := w.e.attempt(ctx, endpoint{addr: addr, port: port, kind: "web", host: h.host}); a.ok() {
				return a, true
			}
		}
	}
	return attempt{}, false
}

// redirect is where a reply sends its reader.
func redirect(a attempt) (*url.URL, bool) {
	if a.status < 300 || a.status > 399 || a.location == "" || a.url == nil {
		return nil, false
	}
	u, err := a.url.Parse(a.location)
	return u, err == nil
}

// hop requests a redirect's target over IPv6.
func (w *walk) hop(ctx context.Context, r ref, u *url.URL) (attempt, bool) {
	for _, addr := range w.e.addresses(ctx, r.host).v6.usable {
		if a := w.e.attempt(ctx, endpoint{addr: addr, port: r.port, kind: "web", host: r.host, path: u.RequestURI()}); a.ok() {
			return a, true
		}
	}
	return attempt{}, false
}

// content follows what a page loads. A page that a firewall gives in the real
// one's place tells nothing.
func (w *walk) content(ctx context.Context, a attempt, via []string) {
	switch {
	case walled(a.status):
		w.add(verdict.Result{Reason: "closure.content-unknown", Subject: a.host, Args: map[string]string{"detail": "HTTP " + strconv.Itoa(a.status)}, Evidence: a.evidence()}, via)
		return
	case a.page == nil:
		return
	case a.page.cut:
		w.add(verdict.Result{Reason: "closure.content-unknown", Subject: a.host, Args: map[string]string{"detail": "the page is too large or too slow to be read whole"}, Evidence: a.evidence()}, via)
	}
	for _, r := range a.page.refs {
		if r.host == a.host {
			continue
		}
		_, literal := netip.ParseAddr(r.host)
		required := literal == nil || sameSite(r.host, w.s.Host) || sameSite(r.host, a.host)
		w.dependency(ctx, r, append(slices.Clone(via), r.host), required)
	}
}

// certificate follows the revocation sources of the certificate.
func (w *walk) certificate(ctx context.Context, a attempt, via []string) {
	if a.cert.leaf == nil {
		return
	}
	for _, r := range revocation(a.cert.leaf) {
		w.dependency(ctx, r, append(slices.Clone(via), r.host), true)
	}
}

// revocation lists the OCSP and CRL hosts of a certificate (RFC 5280 4.2.1.13, 4.2.2.1).
func revocation(c *x509.Certificate) []ref {
	var out []ref
	for _, s := range slices.Concat(c.OCSPServer, c.CRLDistributionPoints) {
		u, err := url.Parse(s)
		if err != nil || len(out) >= maxHosts {
			continue
		}
		if r, ok := refTo(u, "certificate status"); ok {
			out = append(out, r)
		}
	}
	return out
}

// dependency judges one further host, and its name, over IPv6.
func (w *walk) dependency(ctx context.Context, r ref, via []string, required bool) (ok bool) {
	key := r.scheme + "://" + r.host + ":" + strconv.Itoa(int(r.port))
	if w.hosts[key] || len(w.hosts) > 4*maxHosts {
		return true
	}
	w.hosts[key] = true
	verdictOf := w.reachable(ctx, r)
	resolved := true
	if _, err := netip.ParseAddr(r.host); err != nil {
		resolved = w.name(ctx, r.host, via, required)
	}
	verdictOf = w.soften(verdictOf, r, required, resolved)
	w.add(verdictOf, via)
	h := w.e.addresses(ctx, r.host)
	if w.e.wants(verdict.RPKI) {
		for _, a := range h.v6.usable {
			w.origin(a, via)
		}
	}
	if w.e.wants(verdict.DNSSEC) {
		w.secure(ctx, r.host, via)
	}
	return verdictOf.Outcome() == verdict.Pass
}

// soften makes a third party's fault a warning: the page would still come.
func (w *walk) soften(r verdict.Result, at ref, required, resolved bool) verdict.Result {
	if required {
		return r
	}
	o := r.Outcome()
	if o == verdict.Fail || (o == verdict.Pass && !resolved) {
		r.Reason = "closure.third-party"
	}
	if o == verdict.Unknown {
		r.Reason = "closure.third-party-unknown"
	}
	r.Owner = verdict.Owner{Role: verdict.Hosting, Name: at.host}
	return r
}

// reachable judges one host that the service needs, over IPv6.
func (w *walk) reachable(ctx context.Context, r ref) verdict.Result {
	h := w.e.addresses(ctx, r.host)
	out := func(reason verdict.Reason, pairs ...string) verdict.Result {
		x := result(reason, append(pairs, "use", r.use)...)
		x.Subject, x.Evidence = r.host, h.v6.evidence
		x.Owner = verdict.Owner{Role: verdict.Hosting, Name: r.host}
		if sameSite(r.host, w.s.Host) {
			x.Owner = w.s.owner()
		}
		return x
	}
	if a, err := netip.ParseAddr(r.host); err == nil && a.Unmap().Is4() {
		return out("closure.literal")
	}
	if len(h.v6.usable) == 0 {
		if h.v6.cause != "" {
			return out("closure.host-unknown", "cause", string(h.v6.cause))
		}
		return out("closure.host-v4only")
	}
	var last attempt
	for _, addr := range h.v6.usable {
		if last = w.e.attempt(ctx, endpoint{addr: addr, port: r.port, kind: "web", host: r.host}); !last.ok() {
			break
		}
	}
	x := out("closure.host-ok")
	switch {
	case last.ok():
	case ours(last.cause), last.cause == verdict.Timeout && !w.worksOver4(ctx, h, r):
		x = out("closure.host-unknown", "cause", string(last.cause))
	default:
		x = out("closure.host-down6", "detail", describe(last))
	}
	x.Evidence = last.evidence()
	return x
}

// worksOver4 reports whether the host answers over IPv4, so that its silence
// over IPv6 is a finding.
func (w *walk) worksOver4(ctx context.Context, h addresses, r ref) bool {
	if !w.e.vantage.V4 {
		return false
	}
	for _, a := range h.v4.usable {
		if w.e.attempt(ctx, endpoint{addr: a, port: r.port, kind: "web", host: r.host}).ok() {
			return true
		}
	}
	return false
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
