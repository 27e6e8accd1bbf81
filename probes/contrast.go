package probes

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// contrast is how a reply over IPv6 differs from the one to the same request over
// IPv4, and still does when both are asked a second time: what changes from visit
// to visit by itself says nothing of the family.
type contrast struct {
	diffs    []difference
	other    string             // why it is another site, if it is
	unknown  string             // why they could not be compared
	evidence []verdict.Evidence // the second visits
}

// difference is one thing that differs; the words are for people.
type difference struct {
	what      verdict.Reason // of the catalogue's web.*-differs
	six, four string
}

// has reports whether a thing differs.
func (c contrast) has(what verdict.Reason) bool {
	return slices.ContainsFunc(c.diffs, func(d difference) bool { return d.what == what })
}

// contrast compares two finished web attempts, once a run. A difference at first
// sight costs one more visit in each family.
func (e *Env) contrast(ctx context.Context, six, four attempt) contrast {
	got, err := e.contrasts.get(ctx, e.base, six.endpoint, func(ctx context.Context) contrast {
		if why := uncomparable(six, four); why != "" {
			return contrast{unknown: why}
		}
		if len(differences(six, four)) == 0 {
			return contrast{}
		}
		again := []attempt{six, four}
		alongside(len(again), func(i int) {
			at := again[i].endpoint
			at.whole = true
			again[i] = e.persist(ctx, at)
		})
		return lasting(six, again[0], four, again[1])
	})
	if err != nil {
		return contrast{unknown: err.Error()}
	}
	return got
}

// uncomparable says why two replies say nothing about each other: a firewall's
// page stands for no content, and an error page over one family has its own verdict.
func uncomparable(six, four attempt) string {
	for _, a := range []attempt{six, four} {
		family := "IPv6"
		if a.addr.Is4() {
			family = "IPv4"
		}
		switch {
		case !a.ok():
			return family + ": " + describe(a)
		case a.walled() != "":
			return family + ": " + a.walled()
		case a.status >= 400 && min(six.status, four.status) < 400:
			return family + ": HTTP " + strconv.Itoa(a.status)
		}
	}
	return ""
}

// Bounds of what counts as different: sizes of less than double are alike, as are
// texts with nine of ten pieces in common.
const (
	sizeFactor = 2
	sizeSlack  = 2048 // bytes
	alikeText  = 0.9
	otherText  = 0.2 // less in common than that is another page
	halfText   = 0.5
	leastText  = 2 // pieces of text that say something
)

// differences compares two replies as they are.
func differences(six, four attempt) (out []difference) {
	note := func(what verdict.Reason, a, b string) {
		if a != b {
			out = append(out, difference{what, orNone(a), orNone(b)})
		}
	}
	note("web.status-differs", strconv.Itoa(six.status), strconv.Itoa(four.status))
	note("web.redirect-differs", goal(six), goal(four))
	if len(out) > 0 || six.page == nil || four.page == nil || six.page.opaque != "" || four.page.opaque != "" || goal(six) != "" {
		return out
	}
	a, b := six.page, four.page
	note("web.type-differs", a.media, b.media)
	note("web.title-differs", a.title, b.title)
	if a.cut || b.cut {
		return out
	}
	if small, large := min(a.size, b.size), max(a.size, b.size); large > sizeFactor*small+sizeSlack {
		note("web.size-differs", strconv.Itoa(a.size), strconv.Itoa(b.size))
	}
	if common, all := overlap(a.marks, b.marks); all-common >= leastText && share(common, all) < alikeText {
		out = append(out, difference{what: "web.text-differs"})
	}
	return out
}

// lasting keeps of the differences between two replies those that a second visit
// shows as well, while neither family differs from itself in the same thing.
func lasting(six, six2, four, four2 attempt) contrast {
	c := contrast{evidence: slices.Concat(six2.evidence(), four2.evidence())}
	if why := uncomparable(six2, four2); why != "" {
		c.unknown = why
		return c
	}
	moving := append(differences(six, six2), differences(four, four2)...)
	again := differences(six2, four2)
	same := func(list []difference, d difference) bool {
		return slices.ContainsFunc(list, func(o difference) bool { return o.what == d.what })
	}
	alike := 1.0
	for _, d := range differences(six, four) {
		switch {
		case !same(again, d):
		case d.what == "web.text-differs":
			if d, alike = textDifference(six, six2, four, four2); d.what != "" {
				c.diffs = append(c.diffs, d)
			}
		case !same(moving, d):
			c.diffs = append(c.diffs, d)
		}
	}
	c.other = otherSite(c, six, four, alike)
	return c
}

// textDifference is what both visits over one family show and no visit over the
// other, and how much of the text the families have in common, 0..1.
func textDifference(six, six2, four, four2 attempt) (difference, float64) {
	steady6, steady4 := meet(six.page.marks, six2.page.marks), meet(four.page.marks, four2.page.marks)
	only6 := without(steady6, four.page.marks, four2.page.marks)
	only4 := without(steady4, six.page.marks, six2.page.marks)
	common, all := overlap(steady6, steady4)
	alike := share(common, all)
	if len(only6)+len(only4) < leastText || alike >= alikeText {
		return difference{}, alike
	}
	return difference{"web.text-differs", orNone(show(six2.page, only6)), orNone(show(four2.page, only4))}, alike
}

// otherSite says why the address leads to another site, where that is beyond
// doubt: a web server's own first page, or another title over other text and, for
// a page that has a little in common, under another certificate.
func otherSite(c contrast, six, four attempt, alike float64) string {
	if six.status >= 400 {
		return "" // of error pages there are many on one site
	}
	named := six.cert.leaf != nil && four.cert.leaf != nil && !slices.Equal(sorted(six.cert.leaf.DNSNames), sorted(four.cert.leaf.DNSNames))
	for _, d := range c.diffs {
		switch d.what {
		case "web.redirect-differs":
			if u, err := url.Parse(d.six); err == nil && named && u.Host != "" && !sameSite(u.Hostname(), six.host) {
				return d.six + " ≠ " + d.four
			}
		case "web.title-differs":
			said := strconv.Quote(d.six) + " ≠ " + strconv.Quote(d.four)
			switch {
			case untouched(six.page.title) && !untouched(four.page.title):
				return said
			case six.page.lang != four.page.lang: // one site in two languages
			case alike < otherText, named && alike < halfText:
				return said
			}
		}
	}
	return ""
}

// untouched reports whether a title is that of a web server nobody has set up.
func untouched(title string) bool {
	title = strings.ToLower(title)
	return slices.ContainsFunc([]string{"welcome to nginx", "apache2 debian default", "apache2 ubuntu default", "test page for the ", "apache http server test page",
		"http server test page", "iis windows server", "welcome to openresty", "welcome to centos", "default web site page", "web server's default page",
		"domain default page", "index of /", "it works"}, func(s string) bool { return strings.HasPrefix(title, s) })
}

// challenged is the title of a page that a firewall shows before the real one.
func challenged(title string) bool {
	title = strings.ToLower(title)
	return slices.ContainsFunc([]string{"just a moment", "attention required! | cloudflare", "ddos-guard", "checking your browser", "access denied", "request rejected",
		"one moment, please"}, func(s string) bool { return strings.HasPrefix(title, s) })
}

// walled says how a firewall or a rate limit answers in the service's place;
// empty where it does not.
func (a attempt) walled() string {
	switch {
	case walled(a.status):
		return "HTTP " + strconv.Itoa(a.status)
	case a.page != nil && challenged(a.page.title):
		return strconv.Quote(a.page.title)
	}
	return ""
}

// goal is where a reply redirects to, without what is a session's own: query and
// path parameters.
func goal(a attempt) string {
	if a.status < 300 || a.status >= 400 || a.location == "" {
		return ""
	}
	u, err := a.url.Parse(a.location)
	if err != nil {
		return brief(a.location)
	}
	path, _, _ := strings.Cut(u.EscapedPath(), ";")
	if path == "" {
		path = "/"
	}
	return brief(u.Scheme + "://" + strings.ToLower(u.Host) + path)
}

// sameKey reports whether two certificates have one public key.
func sameKey(a, b certificate) bool {
	return a.leaf != nil && b.leaf != nil && bytes.Equal(a.leaf.RawSubjectPublicKeyInfo, b.leaf.RawSubjectPublicKeyInfo)
}

// show words up to three pieces of a page's text.
func show(p *page, marks []uint32) string {
	var out []string
	for _, piece := range p.pieces {
		if _, ok := slices.BinarySearch(marks, markOf(piece)); ok && len(out) < 3 {
			out = append(out, strconv.Quote(brief(shorten(piece, 60))))
		}
	}
	return strings.Join(out, ", ")
}

// meet is what two sorted lists have in common.
func meet(a, b []uint32) (out []uint32) {
	for _, m := range a {
		if _, ok := slices.BinarySearch(b, m); ok {
			out = append(out, m)
		}
	}
	return out
}

// without is what is in a sorted list and in none of the others.
func without(a []uint32, others ...[]uint32) (out []uint32) {
	for _, m := range a {
		if !slices.ContainsFunc(others, func(o []uint32) bool { _, ok := slices.BinarySearch(o, m); return ok }) {
			out = append(out, m)
		}
	}
	return out
}

// overlap counts what two sorted lists have in common, and in all.
func overlap(a, b []uint32) (common, all int) {
	common = len(meet(a, b))
	return common, len(a) + len(b) - common
}

// share is a part of a whole; of nothing it is all.
func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// redirects reports whether a status sends the client elsewhere (RFC 9110 15.4).
func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}
