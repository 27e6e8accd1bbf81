package probes

import (
	"context"
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// maxHops bounds a chain of redirects (browsers allow about 20), maxTarget the
// length of one target in bytes.
const (
	maxHops   = 10
	maxTarget = 4096
)

// web follows, from every port that answers over IPv6, the redirects, then what
// the page loads, and what the certificates point to.
func (w *walk) web(ctx context.Context, h addresses) {
	answered := false
	for _, port := range ports(w.s.Kind, w.s.Port) {
		for _, addr := range h.v6.usable {
			if a := w.e.attempt(ctx, endpoint{addr: addr, port: port, kind: "web", host: h.host}); a.ok() {
				answered = true
				w.chain(ctx, a, []string{h.host})
				break
			}
		}
	}
	if !answered && !w.e.wants(verdict.Reach) { // else the reach results say why
		w.note("closure.unknown", h.host, nil, nil, "cause", string(verdict.OtherCause))
	}
}

// chain follows one reply to the page at the end of its redirects.
func (w *walk) chain(ctx context.Context, a attempt, via []string) {
	mine := map[string]bool{}
	for range maxHops {
		mine[a.url.String()] = true
		w.certificate(ctx, a, via)
		next, use := w.onward(ctx, a, via)
		switch {
		case next == nil:
			return
		case mine[next.String()] && use == "redirect":
			w.note("closure.redirects", a.host, via, a.evidence(), "target", brief(next.String()))
			return
		case mine[next.String()], w.pages[next.String()]:
			return // a page that loads itself again, or one that is followed already
		}
		r, usable := refTo(next, use)
		if !usable || len(next.String()) > maxTarget {
			w.note("closure.redirect-target", a.host, via, a.evidence(), "target", brief(next.String()))
			return
		}
		if r.path = next.RequestURI(); r.path == "/" {
			r.path = ""
		}
		if w.own(r) && r.path == "" && w.e.wants(verdict.Reach) {
			if hop := w.first(ctx, r); hop.ok() {
				a = hop
				continue
			}
			return // the reach results say why
		}
		r.by, r.from = a.host, a.evidence()
		if r.host != via[len(via)-1] {
			via = append(slices.Clone(via), r.host)
		}
		hop, outcome := w.dependency(ctx, r, via, true)
		if outcome != verdict.Pass {
			return // it has a result that says why
		}
		if hop.url == nil { // judged before, on another path
			if hop = w.first(ctx, r); !hop.ok() {
				return
			}
		}
		a = hop
	}
	w.note("closure.redirects", a.host, via, a.evidence(), "target", brief(a.url.String()))
}

// own reports whether an endpoint is one that the reach results are about.
func (w *walk) own(r ref) bool {
	return r.host == w.s.Host && slices.Contains(ports(w.s.Kind, w.s.Port), r.port)
}

// first is the first reply of a host over IPv6.
func (w *walk) first(ctx context.Context, r ref) (a attempt) {
	for _, addr := range w.e.addresses(ctx, r.host).v6.usable {
		if a = w.e.attempt(ctx, r.at(addr)); a.ok() {
			break
		}
	}
	return a
}

// onward says where a reply sends its reader; where that is nowhere, it has
// followed what the page loads. A target that makes no sense is noted.
func (w *walk) onward(ctx context.Context, a attempt, via []string) (next *url.URL, use string) {
	switch a.status {
	case 301, 302, 303, 307, 308: // RFC 9110 section 15.4
		u, err := a.url.Parse(a.location)
		if err != nil || a.location == "" {
			w.note("closure.redirect-target", a.host, via, a.evidence(), "target", strconv.Quote(brief(a.location)))
			return nil, ""
		}
		u.Fragment, u.RawFragment = "", ""
		return u, "redirect"
	}
	w.pages[a.url.String()] = true
	w.content(ctx, a, via)
	if a.page != nil && a.status < 400 {
		return a.page.refresh, "refresh"
	}
	return nil, ""
}

// content follows what a page loads. A page that a firewall gives in the real
// one's place tells nothing, nor does an error page.
func (w *walk) content(ctx context.Context, a attempt, via []string) {
	switch {
	case a.walled() != "":
		w.note("closure.content-unknown", a.host, via, a.evidence(), "detail", a.walled())
		return
	case a.status >= 300:
		w.note("closure.content-error", a.host, via, a.evidence(), "detail", "HTTP "+strconv.Itoa(a.status))
		return
	case a.page == nil || a.page.opaque != "":
		detail := ""
		if a.page != nil {
			detail = a.page.opaque
		}
		w.note("closure.page-unreadable", a.host, via, a.evidence(), "detail", detail)
		return
	case a.page.swollen:
		w.note("closure.page-swollen", a.host, via, a.evidence(), "size", strconv.Itoa(maxPage))
	case a.page.cut:
		w.note("closure.page-cut", a.host, via, a.evidence(), "size", strconv.FormatInt(a.received, 10))
	}
	seen := *a.page
	seen.refs = slices.Clone(seen.refs)
	if missed := w.sheets(ctx, a, &seen); missed != "" {
		w.note("closure.styles-cut", a.host, via, a.evidence(), "detail", brief(missed))
	}
	if seen.more {
		w.note("closure.too-many", a.host, via, a.evidence())
	}
	for _, name := range seen.locals {
		w.note("closure.local", name, via, a.evidence(), "by", a.host)
	}
	elsewhere := slices.DeleteFunc(seen.refs, func(r ref) bool { return w.own(r) || r.host == a.host && r.port == a.port })
	w.ahead(ctx, elsewhere)
	for _, r := range elsewhere {
		r.by, r.from = a.host, a.evidence()
		_, literal := netip.ParseAddr(r.host)
		required := !r.optional && (literal == nil || sameSite(r.host, w.s.Host) || sameSite(r.host, a.host))
		w.dependency(ctx, r, append(slices.Clone(via), r.host), required)
	}
}

// maxAhead bounds the hosts of one page that are asked at a time.
const maxAhead = 8

// ahead asks the hosts of a page side by side. The answers are only remembered:
// one slow host after another would use up the time of the whole service.
func (w *walk) ahead(ctx context.Context, refs []ref) {
	turn := make(chan struct{}, maxAhead)
	alongside(min(len(refs), max(0, maxClosure-len(w.hosts))), func(i int) {
		turn <- struct{}{}
		defer func() { <-turn }()
		w.reachable(ctx, refs[i])
		if _, err := netip.ParseAddr(refs[i].host); err != nil {
			w.e.resolves6(ctx, refs[i].host)
		}
	})
}

// certificate follows the revocation sources of the certificate. A reply that
// came in the clear has none.
func (w *walk) certificate(ctx context.Context, a attempt, via []string) {
	if a.cert.leaf == nil {
		return
	}
	refs, more := revocation(a.cert.leaf)
	if more {
		w.note("closure.too-many", a.host, via, a.evidence())
	}
	for _, r := range refs {
		r.by, r.from = a.host, a.evidence()
		w.dependency(ctx, r, append(slices.Clone(via), r.host), true)
	}
}

// revocation lists the OCSP and CRL hosts of a certificate (RFC 5280 4.2.1.13,
// 4.2.2.1); more says that there are too many to list. Directories (ldap:) are
// left out: no browser asks them.
func revocation(c *x509.Certificate) (out []ref, more bool) {
	for _, s := range slices.Concat(c.OCSPServer, c.CRLDistributionPoints) {
		u, err := url.Parse(s)
		if err != nil {
			continue
		}
		r, ok := refTo(u, "status")
		switch {
		case !ok || slices.ContainsFunc(out, r.same):
		case len(out) == maxHosts:
			return out, true
		default:
			out = append(out, r)
		}
	}
	return out, false
}

// same reports whether two references lead to the same endpoint.
func (r ref) same(o ref) bool { return r.host == o.host && r.port == o.port }

// at is the endpoint of a reference at one of its host's addresses.
func (r ref) at(a netip.Addr) endpoint {
	return endpoint{addr: a, port: r.port, kind: "web", host: r.host, path: r.path}
}

// authority is an endpoint's host and port as in a URL.
func (p endpoint) authority() string {
	host := p.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(p.port))
}
