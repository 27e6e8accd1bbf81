package probes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// webResults says how a web service is over IPv6 beside IPv4: whether it is the
// same service, how it is spoken to, how long it takes. None of it is a fault by
// itself; what is one, the reach results say.
func webResults(ctx context.Context, e *Env, s *subject) (out []verdict.Result) {
	if s.Kind != "web" {
		return nil
	}
	for _, h := range s.hosts {
		if !e.vantage.V6 || len(h.v6.usable) == 0 {
			continue // the address and reach results say so
		}
		v := &pair{e: e, s: s, h: h, pages: map[string]bool{}}
		for _, port := range ports(s.Kind, s.Port) {
			v.port(ctx, port)
		}
		out = append(out, v.out...)
	}
	return out
}

// pair looks at one host over both families.
type pair struct {
	e     *Env
	s     *subject
	h     addresses
	pages map[string]bool // URLs compared
	out   []verdict.Result
}

// note adds a result about a host with what was seen of it.
func (v *pair) note(reason verdict.Reason, subject string, seen []attempt, pairs ...string) {
	r := result(reason, pairs...)
	r.Check, r.Subject = verdict.Web, subject
	for _, a := range seen {
		if !a.at.IsZero() {
			r.Evidence = append(r.Evidence, a.evidence()...)
		}
	}
	v.out = append(v.out, r)
}

// port compares what one port gives, and how.
func (v *pair) port(ctx context.Context, port uint16) {
	six, ok := v.answered(ctx, v.h.v6.usable, port)
	if !ok {
		return // the reach results say why
	}
	four, with4 := attempt{}, false
	if v.e.vantage.V4 {
		four, with4 = v.answered(ctx, v.h.v4.usable, port)
	}
	if six.cert.leaf != nil {
		v.hsts(six, four, with4)
		v.multiplexed(ctx, six, four, with4)
		v.quic(ctx, six, four, with4)
	}
	switch {
	case with4:
		v.compare(ctx, six, four)
		v.timing(ctx, six, four)
	case len(v.h.v4.usable) == 0 && v.h.v4.cause == "":
		if !v.pages["v6-only"] {
			v.pages["v6-only"] = true
			v.note("web.v6-only", v.h.host, nil)
		}
	case four.addr.IsValid(): // else the address or reach results say why
		v.note("web.uncompared", six.String(), []attempt{six, four}, "detail", "IPv4: "+describe(four))
	}
}

// answered is the first attempt of some addresses that came through, or else the
// last one.
func (v *pair) answered(ctx context.Context, addrs []netip.Addr, port uint16) (a attempt, ok bool) {
	for _, addr := range addrs {
		if a = v.e.attempt(ctx, endpoint{addr: addr, port: port, kind: "web", host: v.h.host}); a.ok() {
			return a, true
		}
	}
	return a, false
}

// compare follows both families side by side to the page, as long as they are
// sent the same way, and says what differs.
func (v *pair) compare(ctx context.Context, six, four attempt) {
	if six.cert.leaf != nil && four.cert.leaf != nil {
		v.keys(six, four)
	}
	for range maxHops {
		if v.pages[six.url.String()] {
			return // as with a port that redirects to the other one
		}
		v.pages[six.url.String()] = true
		c := v.e.contrast(ctx, six, four)
		switch {
		case six.status >= 400 && four.status < 400:
			return // the reach results say it
		case c.unknown != "":
			v.note("web.uncompared", six.authority(), []attempt{six, four}, "detail", c.unknown)
			return
		case c.other != "" && v.e.wants(verdict.Reach) && six.host == v.h.host:
			return // the reach results say it
		case len(c.diffs) > 0:
			for _, d := range c.diffs {
				v.note(d.what, six.authority(), []attempt{six, four}, "six", d.six, "four", d.four, "url", brief(six.url.String()))
				r := &v.out[len(v.out)-1]
				r.Evidence = append(r.Evidence, c.evidence...)
			}
			return
		case !redirects(six.status):
			v.note("web.same", six.authority(), []attempt{six, four}, "url", brief(six.url.String()))
			return
		}
		var ok bool
		if six, four, ok = v.next(ctx, six); !ok {
			return // the closure says why
		}
	}
}

// next follows a redirect that both families gave, in both.
func (v *pair) next(ctx context.Context, a attempt) (six, four attempt, ok bool) {
	u, err := a.url.Parse(a.location)
	if err != nil || len(u.String()) > maxTarget {
		return six, four, false
	}
	r, ok := refTo(u, "redirect")
	if !ok {
		return six, four, false
	}
	if r.path = u.RequestURI(); r.path == "/" {
		r.path = ""
	}
	first := func(list []netip.Addr) (got attempt) {
		for _, addr := range list {
			if got = v.e.attempt(ctx, r.at(addr)); got.ok() {
				break
			}
		}
		return got
	}
	h := v.e.addresses(ctx, r.host)
	if six = first(h.v6.usable); !six.ok() {
		return six, four, false
	}
	four = first(h.v4.usable)
	return six, four, four.ok()
}

// keys compares the certificates of both families.
func (v *pair) keys(six, four attempt) {
	if sameKey(six.cert, four.cert) || six.cert.err != nil || four.cert.err != nil {
		return // a fault has its own result
	}
	ends6, ends4 := six.cert.leaf.NotAfter, four.cert.leaf.NotAfter
	if ends6.Before(v.e.Now().Add(certSoon)) && ends6.Before(ends4.Add(-certBehind)) {
		v.note("web.cert-behind", six.String(), []attempt{six, four}, "six", ends6.UTC().Format(time.DateOnly), "four", ends4.UTC().Format(time.DateOnly))
		return
	}
	v.note("web.key-differs", six.String(), []attempt{six, four}, "other", four.String())
}

// A certificate that ends within certSoon, while the one over IPv4 lasts at least
// certBehind longer, has been forgotten at a renewal.
const (
	certSoon   = 14 * 24 * time.Hour
	certBehind = 7 * 24 * time.Hour
)

// hsts looks at the Strict-Transport-Security header (RFC 6797). A browser heeds
// it only where the certificate is good (section 8.1).
func (v *pair) hsts(six, four attempt, with4 bool) {
	if six.cert.err != nil || six.walled() != "" || six.status >= 400 {
		return
	}
	says4 := with4 && four.cert.err == nil && four.hsts != ""
	switch age, err := parseHSTS(six.hsts); {
	case six.hsts == "" && says4:
		v.note("web.hsts-differs", six.String(), []attempt{six, four}, "other", "IPv4", "detail", brief(four.hsts))
	case six.hsts == "":
		v.note("web.hsts-none", six.String(), []attempt{six})
	case err != nil:
		v.note("web.hsts-bad", six.String(), []attempt{six}, "detail", brief(six.hsts), "why", err.Error())
	case age == 0:
		v.note("web.hsts-off", six.String(), []attempt{six}, "detail", brief(six.hsts))
	default:
		v.note("web.hsts", six.String(), []attempt{six}, "days", strconv.FormatInt(int64(age/(24*time.Hour)), 10))
	}
}

// parseHSTS reads the header (RFC 6797 section 6.1): max-age is there, no directive
// twice. Ages beyond a hundred years are a hundred years.
func parseHSTS(header string) (age time.Duration, err error) {
	const most = 100 * 365 * 24 * time.Hour
	seen := map[string]bool{}
	for directive := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(directive, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "" {
			continue
		}
		if seen[name] {
			return 0, errors.New(brief(name) + " × 2")
		}
		seen[name] = true
		if name != "max-age" {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) || n > uint64(most/time.Second):
			age = most
		case err != nil:
			return 0, errors.New("max-age=" + brief(value))
		default:
			age = time.Duration(n) * time.Second
		}
	}
	if !seen["max-age"] {
		return 0, errors.New("max-age: –")
	}
	return age, nil
}

// A connection over IPv6 is slow where it takes slowFactor times as long as over
// IPv4 and slowBy longer, in the best of slowTries tries of each,
// of more where packets get lost: each lost one is a second.
const (
	slowFactor = 2
	slowBy     = 100 * time.Millisecond
	slowTries  = 3
)

// timing compares how long a TCP connection takes to open.
func (v *pair) timing(ctx context.Context, six, four attempt) {
	if v.pages["timed"] {
		return
	}
	v.pages["timed"] = true
	best6, best4, n := six.dialled, four.dialled, 1
	slower := func() bool { return best6 > slowFactor*best4 && best6 > best4+slowBy }
	for most := max(slowTries, v.e.patience(six.addr)); slower() && n < most; n++ {
		took6, ok6 := v.e.connectTime(ctx, six.endpoint)
		took4, ok4 := v.e.connectTime(ctx, four.endpoint)
		if !ok6 || !ok4 {
			return // one lost connection is no measure of speed
		}
		best6, best4 = min(best6, took6), min(best4, took4)
	}
	reason := verdict.Reason("web.timing")
	if slower() {
		reason = "web.slow6"
	}
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	v.note(reason, six.String(), []attempt{six, four}, "six", ms(best6), "four", ms(best4), "count", strconv.Itoa(n))
}

// connectTime opens a connection and closes it.
func (e *Env) connectTime(ctx context.Context, at endpoint) (time.Duration, bool) {
	leave, err := e.gate.enter(ctx, at.addr)
	if err != nil {
		return 0, false
	}
	defer leave()
	a := attempt{endpoint: at}
	c, err := e.connect(ctx, &a)
	if err != nil {
		return 0, false
	}
	_ = c.Close() // nothing was sent
	return a.dialled, true
}

// tried are those of some attempts that were made.
func tried(list ...attempt) []attempt {
	return slices.DeleteFunc(list, func(a attempt) bool { return a.at.IsZero() })
}
