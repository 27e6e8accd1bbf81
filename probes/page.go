package probes

import (
	"bytes"
	"mime"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/html"
	"golang.org/x/net/idna"

	"ready6/probes/verdict"
)

// maxHosts bounds the hosts one page may make us look at.
const maxHosts = 60

// page is what one HTTP reply refers to: what a browser would load by itself.
type page struct {
	refs    []ref
	refresh *url.URL // where the page sends its reader by itself
	cut     bool     // not all of it was read
	more    bool     // it refers to more hosts than are listed
	opaque  string   // why it cannot be looked through: its encoding
}

// ref is one host a page needs, with what it needs it for.
type ref struct {
	host   string // A-label name, or an address literal
	port   uint16
	scheme string
	path   string             // request target, "" for "/"; page references leave it out
	use    string             // what for: a key of the catalogue's uses
	by     string             // the host that refers to it
	from   []verdict.Evidence // and its reply
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
	media, params, _ := mime.ParseMediaType(contentType)
	if media != "text/html" && media != "application/xhtml+xml" && media != "" {
		return p
	}
	if set := strings.ToLower(params["charset"]); strings.HasPrefix(set, "utf-16") || strings.HasPrefix(set, "utf-32") {
		p.opaque = "charset " + set
		return p
	}
	if bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) {
		p.opaque = "charset utf-16"
		return p
	}
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
		if strings.EqualFold(attr("http-equiv"), "refresh") && p.refresh == nil {
			p.refresh = refreshTarget(base, attr("content"))
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

var refreshURL = regexp.MustCompile(`(?i)^[\d.\s]*[;,\s]\s*url\s*=\s*['"]?([^'"]*)`)

// refreshTarget is where a refresh sends the reader; nil where it only loads
// the same page again.
func refreshTarget(base *url.URL, content string) *url.URL {
	m := refreshURL.FindStringSubmatch(content)
	if m == nil {
		return nil
	}
	u, err := base.Parse(strings.TrimSpace(m[1]))
	if err != nil {
		return nil
	}
	u.Fragment, u.RawFragment = "", ""
	return u
}

// maxStyle bounds the references looked at in one piece of style.
const maxStyle = 10_000

// css notes the url() and @import references of a piece of style.
func (p *page) css(base *url.URL, text string) {
	found := cssURL.FindAllStringSubmatch(text, maxStyle)
	p.more = p.more || len(found) == maxStyle
	for _, m := range found {
		p.add(base, m[1]+m[2], "stylesheet")
	}
}

// add notes the host of one reference, if it is a new one.
func (p *page) add(base *url.URL, target, use string) {
	if target == "" {
		return
	}
	u, err := base.Parse(target)
	if err != nil {
		return
	}
	r, ok := refTo(u, use)
	switch {
	case !ok || r.local() || slices.ContainsFunc(p.refs, r.same):
	case len(p.refs) == maxHosts:
		p.more = true
	default:
		p.refs = append(p.refs, r)
	}
}

// local reports whether a reference stays inside the reader's own machine, as
// with signing programs that pages speak to: no network is needed for it.
func (r ref) local() bool {
	a, err := netip.ParseAddr(r.host)
	return err == nil && a.Unmap().IsLoopback() || r.host == "localhost" || strings.HasSuffix(r.host, ".localhost")
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
	if _, valid := dns.IsDomainName(name); err != nil || name == "" || !valid {
		return r, false
	}
	r.host = name
	return r, true
}
