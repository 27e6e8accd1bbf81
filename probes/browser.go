package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ready6/probes/browser"
	"ready6/probes/dial"
	"ready6/probes/verdict"
)

const (
	browsers     = 2                // Chromiums at a time: each takes a processor and some 300 MB
	browserLimit = 30 * time.Second // for one page, once Chromium runs
)

// browserResults is the opinion of a Chromium that has IPv6 alone, where one was
// asked for. It stands beside what this scanner reads out of the page itself and
// decides no level. Where it saw the page need IPv4 and the reading did not, one
// of the two is wrong, and the closure is not known.
func browserResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	if e.Browser == "" || s.Kind != "web" {
		return nil
	}
	h := s.hosts[0]
	if len(h.v6.usable) == 0 && h.v6.cause == "" {
		return []verdict.Result{{Reason: "browser.none", Subject: s.Host}}
	}
	o := &opinion{e: e, s: s, at: e.Now()}
	if !e.vantage.V6 {
		o.unavailable(string(verdict.NoFamily), "no IPv6 here")
		return o.out
	}
	path, err := browser.Find(e.Browser)
	if err != nil {
		o.unavailable(string(verdict.OtherCause), err.Error())
		return o.out
	}
	select {
	case e.browsers <- struct{}{}:
		defer func() { <-e.browsers }()
	case <-ctx.Done():
		o.unavailable(string(dial.Classify(ctx.Err())), "no turn at a browser in time")
		return o.out
	}
	o.page, err = browser.Load(ctx, browser.Config{
		Path: path, Dial: e.Dial, Lookup: e.lookup6, Step: e.Step, Limit: browserLimit, PerAddr: e.browserConnections(),
		OwnCAs: e.OwnCAs, UserAgent: e.UserAgent,
	}, e.pageURL(ctx, s, h))
	switch {
	case ctx.Err() != nil:
		o.unavailable(string(dial.Classify(ctx.Err())), "ended before the page was done")
	case err != nil:
		o.unavailable(string(verdict.OtherCause), err.Error())
	default:
		o.judge(ctx)
	}
	return o.out
}

// browserConnections is how many connections the browser may have open to one
// address: what the limit leaves beside the attempts under way.
func (e *Env) browserConnections() int {
	if e.PerAddress <= 0 {
		return 0
	}
	return max(1, e.PerAddress-perAddress)
}

// pageURL is where a reader would begin: HTTPS wherever the service has it.
func (e *Env) pageURL(ctx context.Context, s *subject, h addresses) string {
	scheme, port := "http", uint16(80)
	if s.Port != 0 {
		port = s.Port
	}
	secure := port
	if s.Port == 0 {
		secure = 443
	}
	if port != 80 && port != 8080 || s.Port == 0 {
		for _, a := range slices.Concat(h.v6.usable, h.v4.usable) {
			if a.Is4() && !e.vantage.V4 {
				continue
			}
			if at := e.attempt(ctx, endpoint{addr: a, port: secure, kind: "web", host: h.host}); at.url != nil && at.url.Scheme == "https" || at.cert.leaf != nil {
				scheme, port = "https", secure
				break
			}
		}
	}
	return scheme + "://" + hostPort(h.host, port, scheme) + "/"
}

// lookup6 is how a client without IPv4 finds a host.
func (e *Env) lookup6(ctx context.Context, host string) ([]netip.Addr, *browser.Fault) {
	h := e.addresses(ctx, host)
	if len(h.v6.usable) == 0 {
		f := &browser.Fault{Cause: h.v6.cause, Evidence: h.v6.evidence}
		switch {
		case f.Cause != "":
		case len(h.v6.special) > 0:
			f.Cause = verdict.Forbidden
		case h.v4.present():
			f.NeedsIPv4 = true
		default:
			f.Cause, f.Detail = verdict.OtherCause, "no such host"
		}
		return nil, f
	}
	for _, name := range append([]string{host}, h.v6.aliases...) {
		n := e.resolves6(ctx, name)
		switch {
		case n.cause != "":
			return nil, &browser.Fault{Cause: n.cause, Evidence: n.evidence}
		case n.failure != nil:
			f := &browser.Fault{NeedsIPv4: n.failure.V4Only, Detail: n.failure.Error(), Evidence: n.failure.Evidence}
			if !f.NeedsIPv4 {
				f.Cause = causeOf(n.failure)
			}
			return nil, f
		}
	}
	return h.v6.usable, nil
}

// opinion words what became of one page.
type opinion struct {
	e       *Env
	s       *subject
	page    browser.Page
	failure string // why there is none
	at      time.Time
	out     []verdict.Result
}

// failure is one host that requests of the page failed at.
type failure struct {
	ref
	count    int
	main     bool // one of them was for the page itself
	words    string
	fault    *browser.Fault // nil: the connection was there, what came over it was no good
	required bool
}

func (o *opinion) add(reason verdict.Reason, subject string, owner verdict.Owner, ev []verdict.Evidence, pairs ...string) {
	r := result(reason, pairs...)
	r.Check = verdict.Browser
	if reason == "browser.differs" {
		r.Check = verdict.Closure
	}
	r.Subject, r.Owner, r.At, r.Took = subject, owner, o.at, o.page.Took
	r.Evidence = append([]verdict.Evidence{o.evidence()}, ev...)
	o.out = append(o.out, r)
}

func (o *opinion) unavailable(cause, detail string) {
	o.failure = detail
	o.add("browser.unavailable", o.s.Host, verdict.Owner{Role: verdict.Operator, Name: o.e.Name}, nil, "cause", cause)
}

// evidence is the load as an observation.
func (o *opinion) evidence() verdict.Evidence {
	p := o.page
	if o.failure != "" {
		return verdict.Evidence{At: o.at, Asked: o.s.Host, Over: "browser", Answer: brief(o.failure)}
	}
	said := []string{fmt.Sprintf("%d requests to %d hosts, last page HTTP %d", len(p.Requests), len(p.Hosts), p.Status)}
	for i, f := range o.failures() {
		if i == 5 {
			said = append(said, "…")
			break
		}
		said = append(said, fmt.Sprintf("%d failed at %s: %s", f.count, f.authority(), f.words))
	}
	if p.Cut != "" {
		said = append(said, "ended: "+brief(p.Cut))
	}
	return verdict.Evidence{At: o.at, Asked: o.s.Host, Over: "browser", Query: "GET " + brief(p.URL),
		Answer: fmt.Sprintf("%s: %s (%d ms)", brief(p.Product), strings.Join(said, "; "), p.Took.Milliseconds())}
}

func (f failure) authority() string { return endpoint{host: f.host, port: f.port}.authority() }

// failures groups the failed requests by host. What a page asks of the reader's
// own machine needs no network.
func (o *opinion) failures() (out []failure) {
	for _, r := range o.page.Requests {
		x := ref{host: r.Host, port: r.Port, scheme: strings.ToLower(r.URL[:strings.IndexByte(r.URL+":", ':')]), use: useOf(r.Type), by: o.s.Host}
		if r.Failed == "" || x.local() {
			continue
		}
		i := slices.IndexFunc(out, func(f failure) bool { return f.same(x) })
		if i < 0 {
			i, out = len(out), append(out, failure{ref: x, words: r.Failed, fault: o.fault(x)})
		}
		f := &out[i]
		f.count++
		f.main = f.main || r.Main
		_, err := netip.ParseAddr(x.host)
		f.required = f.required || r.Main || err == nil || sameSite(x.host, o.s.Host) || sameSite(x.host, o.shown())
	}
	return out
}

// shown is the host of the page that was loaded in the end.
func (o *opinion) shown() string {
	for _, r := range slices.Backward(o.page.Requests) {
		if r.Main && r.Failed == "" {
			return r.Host
		}
	}
	return o.s.Host
}

// fault is why there was no connection to a host.
func (o *opinion) fault(r ref) *browser.Fault {
	for _, h := range o.page.Hosts {
		if h.Name == r.host && h.Port == r.port {
			return h.Fault
		}
	}
	return nil
}

// useOf words what a request is for, as a key of the catalogue's uses.
func useOf(kind string) string {
	switch kind {
	case "Document":
		return "frame"
	case "Stylesheet", "Script", "Image", "Media", "Manifest":
		return strings.ToLower(kind)
	case "Font":
		return "stylesheet"
	}
	return "connection"
}

// judge says what came of the page, and where that differs from the closure.
func (o *opinion) judge(ctx context.Context) {
	failed := append(o.failures(), o.certificates(ctx)...)
	main := false
	for _, f := range failed {
		main = main || f.main
		o.failed(f)
		o.compare(ctx, f)
	}
	open := 0
	for _, r := range o.page.Requests {
		if r.Open {
			open++
		}
	}
	switch {
	case main:
	case o.page.Cut != "" || open > 0:
		why := o.page.Cut
		if why == "" {
			why = "not finished: " + strconv.Itoa(open)
		}
		o.add("browser.unfinished", o.s.Host, verdict.Owner{Role: verdict.Operator, Name: o.e.Name}, nil, "detail", why)
	case o.page.Status == 0 || o.page.Status >= 400:
		o.add("browser.main-failed", o.s.Host, o.s.owner(), nil, "host", o.shown(), "detail", "HTTP "+strconv.Itoa(o.page.Status))
	case len(failed) == 0:
		o.add("browser.complete", o.s.Host, o.s.owner(), nil,
			"requests", strconv.Itoa(len(o.page.Requests)), "hosts", strconv.Itoa(max(1, len(o.page.Hosts))))
	}
}

// failed words one host that requests failed at.
func (o *opinion) failed(f failure) {
	owner := verdict.Owner{Role: verdict.Hosting, Name: f.host}
	if sameSite(f.host, o.s.Host) {
		owner = o.e.runs(f.host)
	}
	var ev []verdict.Evidence
	cause, detail := verdict.OtherCause, f.words
	if f.fault != nil {
		ev, cause = f.fault.Evidence, f.fault.Cause
		if f.fault.Detail != "" {
			detail = brief(f.fault.Detail)
		}
	}
	count := strconv.Itoa(f.count)
	switch {
	case f.main && f.fault != nil && f.fault.NeedsIPv4:
		o.add("browser.main-needs-ipv4", o.s.Host, owner, ev, "host", f.host)
	case f.main && !f.passing():
		o.add("browser.main-failed", o.s.Host, owner, ev, "host", f.host, "detail", detail)
	case f.fault != nil && f.fault.NeedsIPv4:
		o.add("browser.needs-ipv4", f.host, owner, ev, "host", o.s.Host, "count", count, "use", f.use)
	case f.passing():
		if ours(cause) {
			owner = verdict.Owner{Role: verdict.Operator, Name: o.e.Name}
		}
		o.add("browser.requests-unknown", f.host, owner, ev, "host", o.s.Host, "count", count, "cause", string(cause))
	default:
		o.add("browser.requests-failed", f.host, owner, ev, "host", o.s.Host, "count", count, "detail", detail)
	}
}

// passing reports whether a failure says nothing for sure: silence and trouble on
// the way may be of the moment, and what this scanner did not do is its own.
func (f failure) passing() bool {
	if f.fault == nil || f.fault.NeedsIPv4 {
		return false
	}
	return f.fault.Cause != verdict.Refused && f.fault.Cause != verdict.OtherCause
}

// compare says where Chromium needed IPv4 for something that the page cannot do
// without, and the closure knows nothing of it.
func (o *opinion) compare(ctx context.Context, f failure) {
	if !f.required || !o.e.wants(verdict.Closure) || o.known(f) || !o.onlyOver4(ctx, f) {
		return
	}
	owner := verdict.Owner{Role: verdict.Hosting, Name: f.host}
	if sameSite(f.host, o.s.Host) {
		owner = o.e.runs(f.host)
	}
	var ev []verdict.Evidence
	if f.fault != nil {
		ev = f.fault.Evidence
	}
	o.add("browser.differs", f.host, owner, ev, "host", o.s.Host, "use", f.use)
}

// known reports whether the results so far speak of a host as not fine.
func (o *opinion) known(f failure) bool {
	return slices.ContainsFunc(o.s.found, func(r verdict.Result) bool {
		if out := r.Outcome(); out != verdict.Fail && out != verdict.Unknown && out != verdict.Warn {
			return false
		}
		switch r.Check {
		case verdict.Closure:
			return r.Subject == f.host || (f.host != o.s.Host && slices.Contains(r.Via, f.host)) || (f.host == o.s.Host && r.Outcome() != verdict.Warn)
		case verdict.Reach, verdict.AAAA:
			return f.host == o.s.Host && r.Outcome() != verdict.Warn
		}
		return false
	})
}

// onlyOver4 reports whether a host can be had over IPv4, and not over IPv6: what
// fails in both families is no fault of IPv6.
func (o *opinion) onlyOver4(ctx context.Context, f failure) bool {
	switch {
	case f.fault != nil && f.fault.NeedsIPv4:
		return true
	case f.fault != nil && ours(f.fault.Cause):
		return false
	}
	w := &walk{e: o.e, s: o.s}
	works, known := w.over4(ctx, o.e.addresses(ctx, f.host), f.ref)
	return known && works.ok() && works.cert.err == nil
}

// certificates judges those of the page's hosts where Chromium does not know the
// authorities that the operator trusts, and was told not to mind.
func (o *opinion) certificates(ctx context.Context) (out []failure) {
	if !o.e.OwnCAs {
		return nil
	}
	for _, r := range o.page.Requests {
		if r.Failed != "" || r.Status == 0 || !strings.HasPrefix(r.URL, "https:") {
			continue
		}
		x := ref{host: r.Host, port: r.Port, scheme: "https", use: useOf(r.Type), by: o.s.Host}
		i := slices.IndexFunc(out, func(f failure) bool { return f.same(x) })
		if i >= 0 {
			out[i].count++
			out[i].main = out[i].main || r.Main
			continue
		}
		a := (&walk{e: o.e, s: o.s}).first(ctx, x)
		if a.cert.leaf == nil || a.cert.err == nil {
			continue
		}
		out = append(out, failure{ref: x, count: 1, main: r.Main, words: brief(a.cert.err.Error()), required: r.Main || sameSite(x.host, o.s.Host)})
	}
	return out
}
