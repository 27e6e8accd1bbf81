package probes

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
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

// page is what one HTTP reply refers to, what a browser would load by itself, and
// what it shows.
type page struct {
	refs    []ref
	sheets  []*url.URL // its style sheets, first party or not
	refresh *url.URL   // where the page sends its reader by itself
	locals  []string   // hosts it names on its reader's own machine
	upgrade bool       // what it loads over http is loaded over https instead
	cut     bool       // not all of it was read
	swollen bool       // that is because it came compressed and grew without end
	more    bool       // it refers to more hosts than are listed
	opaque  string     // why it cannot be looked through: its encoding
	looks
}

// ref is one host a page needs, with what it needs it for.
type ref struct {
	host     string // A-label name, or an address literal
	port     uint16
	scheme   string
	path     string             // request target, "" for "/"; page references leave it out
	use      string             // what for: keys of the catalogue's uses, joined by commas
	optional bool               // a hint to the browser: the page comes without it
	by       string             // the host that refers to it
	from     []verdict.Evidence // and its reply
}

// loads lists, by element, the attribute a browser loads without being asked.
var loads = map[string]struct{ attr, use string }{
	"script": {"src", "script"}, "img": {"src", "image"}, "iframe": {"src", "frame"}, "frame": {"src", "frame"},
	"source": {"src", "media"}, "video": {"src", "media"}, "audio": {"src", "media"}, "track": {"src", "media"},
	"embed": {"src", "media"}, "object": {"data", "media"}, "input": {"src", "image"}, "image": {"href", "image"},
	"body": {"background", "image"}, "table": {"background", "image"}, "td": {"background", "image"},
}

// linkUses are the relations of <link> that are loaded, or prepared for.
var linkUses = map[string]string{
	"stylesheet": "stylesheet", "icon": "image", "preload": "script", "modulepreload": "script",
	"preconnect": "connection", "dns-prefetch": "name", "manifest": "manifest", "apple-touch-icon": "image",
}

// preloadUses is what the "as" of a preload stands for; a script if not listed.
var preloadUses = map[string]string{"style": "stylesheet", "image": "image", "font": "font", "video": "media", "audio": "media", "track": "media"}

// readPage lists what an HTML reply refers to, in its header as well; other
// content refers to nothing.
func readPage(base *url.URL, header http.Header, body []byte) *page {
	p := &page{}
	media, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
	p.media, p.size = media, len(body)
	p.policy(strings.Join(header.Values("Content-Security-Policy"), ";"))
	p.linkHeader(base, header.Values("Link"))
	p.refresh = refreshTarget(base, header.Get("Refresh"))
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
	inside := "" // the element whose raw text is next
	for {
		switch z.Next() {
		case html.ErrorToken:
			return p
		case html.TextToken:
			p.text(base, inside, z.Text())
		case html.EndTagToken:
			inside = ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if inside = t.Data; inside == "script" && strings.EqualFold(attribute(t, "type"), "importmap") {
				inside = "importmap"
			}
			base = p.element(base, t)
		}
	}
}

// text takes a piece of text for what the element around it makes of it.
func (p *page) text(base *url.URL, inside string, text []byte) {
	switch inside {
	case "style":
		p.css(base, string(text))
	case "importmap":
		p.importMap(base, text)
	case "title":
		p.titled(string(text))
	case "script", "noscript", "template", "textarea", "option", "iframe", "noembed", "noframes":
	default:
		p.shows(string(text))
	}
}

// importMap notes the modules that scripts may ask for by name.
func (p *page) importMap(base *url.URL, text []byte) {
	var m struct {
		Imports map[string]string
		Scopes  map[string]map[string]string
	}
	if json.Unmarshal(text, &m) != nil {
		return
	}
	for _, targets := range append([]map[string]string{m.Imports}, scopes(m.Scopes)...) {
		for _, target := range targets {
			p.hint(base, target, "script")
		}
	}
}

func scopes(m map[string]map[string]string) (out []map[string]string) {
	for _, targets := range m {
		out = append(out, targets)
	}
	return out
}

// policy notes what a Content-Security-Policy changes about what is loaded.
func (p *page) policy(text string) {
	for directive := range strings.SplitSeq(text, ";") {
		p.upgrade = p.upgrade || strings.EqualFold(strings.TrimSpace(directive), "upgrade-insecure-requests")
	}
}

var linkValue = regexp.MustCompile(`<([^>]*)>((?:\s*;\s*[\w-]+\*?(?:\s*=\s*(?:"[^"]*"|[^\s",;]*))?)*)`)
var linkParam = regexp.MustCompile(`;\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]*))`)

// linkHeader notes what a Link header has loaded ahead (RFC 8288 section 3).
func (p *page) linkHeader(base *url.URL, values []string) {
	for _, m := range linkValue.FindAllStringSubmatch(strings.Join(values, ", "), maxHosts) {
		param := map[string]string{}
		for _, q := range linkParam.FindAllStringSubmatch(m[2], 20) {
			if key := strings.ToLower(q[1]); param[key] == "" {
				param[key] = q[2] + q[3]
			}
		}
		p.link(base, param["rel"], strings.TrimSpace(m[1]), param["as"])
	}
}

// link notes what a link of some relations has loaded.
func (p *page) link(base *url.URL, rels, target, as string) {
	for rel := range strings.FieldsSeq(strings.ToLower(rels)) {
		use, ok := linkUses[rel]
		switch as := preloadUses[strings.ToLower(as)]; {
		case !ok:
			continue
		case rel == "dns-prefetch":
			p.hint(base, target, use)
		case rel == "preload" && as != "":
			p.add(base, target, as)
		default:
			p.add(base, target, use)
		}
		if use == "stylesheet" {
			p.sheet(base, target)
		}
		return
	}
}

// attribute is an element's attribute without the blanks around it.
func attribute(t html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// element notes what one element loads and returns the base for what follows.
func (p *page) element(base *url.URL, t html.Token) *url.URL {
	attr := func(key string) string { return attribute(t, key) }
	p.css(base, attr("style"))
	switch t.Data {
	case "base":
		if u, err := base.Parse(attr("href")); err == nil && u.Host != "" {
			return u
		}
	case "link":
		p.link(base, attr("rel"), attr("href"), attr("as"))
		p.srcset(base, attr("imagesrcset"))
	case "html":
		p.lang = strings.ToLower(attr("lang"))
	case "meta":
		if strings.EqualFold(attr("http-equiv"), "content-security-policy") {
			p.policy(attr("content"))
		}
		if strings.EqualFold(attr("http-equiv"), "refresh") && p.refresh == nil {
			p.refresh = refreshTarget(base, attr("content"))
		}
	}
	if l, ok := loads[t.Data]; ok {
		p.add(base, attr(l.attr), l.use)
	}
	p.srcset(base, attr("srcset"))
	p.add(base, attr("poster"), "image")
	return base
}

// srcset notes each candidate of an image.
func (p *page) srcset(base *url.URL, candidates string) {
	for candidate := range strings.SplitSeq(candidates, ",") {
		if f := strings.Fields(candidate); len(f) > 0 {
			p.add(base, f[0], "image")
		}
	}
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

// hint notes a host that the browser may get ready for, and need not.
func (p *page) hint(base *url.URL, target, use string) { p.note(base, target, use, true) }

// add notes a host that the page loads something from.
func (p *page) add(base *url.URL, target, use string) { p.note(base, target, use, false) }

// note notes the host of one reference, once, with all it is needed for.
func (p *page) note(base *url.URL, target, use string, optional bool) {
	u, err := base.Parse(target)
	if target == "" || err != nil {
		return
	}
	if p.upgrade && u.Scheme == "http" { // CSP upgrade-insecure-requests
		host := strings.TrimSuffix(u.Host, ":80")
		u = &url.URL{Scheme: "https", Host: host, Path: u.Path}
	}
	r, ok := refTo(u, use)
	r.optional = optional
	known := slices.IndexFunc(p.refs, r.same)
	switch {
	case !ok:
	case r.local():
		if len(p.locals) < maxLocals && !slices.Contains(p.locals, r.host) {
			p.locals = append(p.locals, r.host)
		}
	case known >= 0:
		old := &p.refs[known]
		old.optional = old.optional && optional
		if !slices.Contains(strings.Split(old.use, ","), use) {
			old.use += "," + use
		}
	case len(p.refs) == maxHosts, p.portsOf(r.host) == maxPorts:
		p.more = true
	default:
		p.refs = append(p.refs, r)
	}
}

// maxPorts bounds the ports of one host: no page makes a port scan of its reader.
const maxPorts = 8

func (p *page) portsOf(host string) (n int) {
	for _, r := range p.refs {
		if r.host == host {
			n++
		}
	}
	return n
}

// maxLocals bounds the hosts named that are on the reader's own machine.
const maxLocals = 5

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
