package probes

import (
	"bytes"
	"mime"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/idna"
)

// maxHosts bounds the hosts one page may make us look at.
const maxHosts = 60

// page is what one HTTP reply refers to: what a browser would load by itself.
type page struct {
	refs []ref
	cut  bool // not all of it was read
	html bool
}

// ref is one host a page needs, with what it needs it for.
type ref struct {
	host   string // A-label name, or an address literal
	port   uint16
	scheme string
	use    string // script, stylesheet, image, frame, media, refresh
}

// loads lists, by element, the attribute a browser loads without being asked.
var loads = map[string]struct{ attr, use string }{
	"script": {"src", "script"}, "img": {"src", "image"}, "iframe": {"src", "frame"}, "frame": {"src", "frame"},
	"source": {"src", "media"}, "video": {"src", "media"}, "audio": {"src", "media"}, "track": {"src", "media"},
	"embed": {"src", "media"}, "object": {"data", "media"}, "input": {"src", "image"},
}

// linkUses are the relations of <link> that are loaded.
var linkUses = map[string]string{
	"stylesheet": "stylesheet", "icon": "image", "preload": "script", "modulepreload": "script",
	"preconnect": "connection", "manifest": "manifest", "apple-touch-icon": "image",
}

var cssURL = regexp.MustCompile(`(?i)url\(\s*['"]?([^'")\s]+)|@import\s+['"]([^'"]+)`)

// readPage lists what an HTML reply refers to; other content refers to nothing.
func readPage(base *url.URL, contentType string, body []byte) *page {
	p := &page{}
	media, _, _ := mime.ParseMediaType(contentType)
	if media != "text/html" && media != "application/xhtml+xml" && media != "" {
		return p
	}
	p.html = true
	z := html.NewTokenizer(bytes.NewReader(body))
	z.SetMaxBuf(maxPage)
	style := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return p
		case html.TextToken:
			if style {
				p.css(base, string(z.Text()))
			}
		case html.EndTagToken:
			style = false
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			style = t.Data == "style"
			base = p.element(base, t)
		}
	}
}

// element notes what one element loads and returns the base for what follows.
func (p *page) element(base *url.URL, t html.Token) *url.URL {
	attr := func(key string) string {
		for _, a := range t.Attr {
			if a.Key == key {
				return strings.TrimSpace(a.Val)
			}
		}
		return ""
	}
	p.css(base, attr("style"))
	switch t.Data {
	case "base":
		if u, err := base.Parse(attr("href")); err == nil && u.Host != "" {
			return u
		}
	case "link":
		for rel := range strings.FieldsSeq(strings.ToLower(attr("rel"))) {
			if use, ok := linkUses[rel]; ok {
				p.add(base, attr("href"), use)
				break
			}
		}
	case "meta":
		if _, target, found := strings.Cut(strings.ToLower(attr("content")), "url="); found && strings.EqualFold(attr("http-equiv"), "refresh") {
			p.add(base, strings.Trim(target, `'" `), "refresh")
		}
	}
	if l, ok := loads[t.Data]; ok {
		p.add(base, attr(l.attr), l.use)
	}
	for candidate := range strings.SplitSeq(attr("srcset"), ",") {
		if f := strings.Fields(candidate); len(f) > 0 {
			p.add(base, f[0], "image")
		}
	}
	p.add(base, attr("poster"), "image")
	return base
}

// css notes the url() and @import references of a piece of style.
func (p *page) css(base *url.URL, text string) {
	for _, m := range cssURL.FindAllStringSubmatch(text, maxHosts) {
		p.add(base, m[1]+m[2], "stylesheet")
	}
}

// add notes the host of one reference, if it is a new one.
func (p *page) add(base *url.URL, target, use string) {
	if target == "" || len(p.refs) >= maxHosts {
		return
	}
	u, err := base.Parse(target)
	if err != nil {
		return
	}
	r, ok := refTo(u, use)
	if !ok {
		return
	}
	for _, have := range p.refs {
		if have.host == r.host && have.port == r.port {
			return
		}
	}
	p.refs = append(p.refs, r)
}

// refTo is the endpoint behind an absolute http or https URL.
func refTo(u *url.URL, use string) (ref, bool) {
	r := ref{scheme: u.Scheme, use: use}
	switch u.Scheme {
	case "https":
		r.port = 443
	case "http":
		r.port = 80
	default:
		return r, false
	}
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return r, false
		}
		r.port = uint16(n)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		r.host = a.String()
		return r, true
	}
	name, err := idna.Lookup.ToASCII(host)
	if err != nil || name == "" || len(name) > 253 {
		return r, false
	}
	r.host = name
	return r, true
}
