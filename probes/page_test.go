package probes

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestReadPage(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/tin/bai.html")
	for _, tc := range []struct {
		name, html string
		want       []string
	}{
		{"script", `<script src="https://cdn.vn/x.js"></script>`, []string{"script https cdn.vn 443"}},
		{"relative means the page's own host", `<img src="/a.png">`, []string{"image https www.a.vn 443"}},
		{"scheme-relative", `<img src="//img.vn/a.png">`, []string{"image https img.vn 443"}},
		{"plain http and a port", `<img src="http://img.vn:8080/a.png">`, []string{"image http img.vn 8080"}},
		{"base changes what follows", `<img src="a"><base href="https://b.vn/"><img src="a">`, []string{"image https www.a.vn 443", "image https b.vn 443"}},
		{"srcset", `<img srcset="https://a1.vn/x 1x, https://a2.vn/y 2x">`, []string{"image https a1.vn 443", "image https a2.vn 443"}},
		{"stylesheet link", `<link rel="StyleSheet" href="https://css.vn/a.css">`, []string{"stylesheet https css.vn 443"}},
		{"canonical link is not loaded", `<link rel="canonical" href="https://x.vn/">`, nil},
		{"a link to click on is not loaded", `<a href="https://x.vn/">x</a>`, nil},
		{"style element", `<style>body{background:url('https://bg.vn/a.png')} @import "https://i.vn/b.css";</style>`, []string{"stylesheet https bg.vn 443", "stylesheet https i.vn 443"}},
		{"style attribute", `<p style="background:url(https://bg.vn/a.png)">`, []string{"stylesheet https bg.vn 443"}},
		{"IPv4 literal", `<img src="http://203.0.113.5/a.png">`, []string{"image http 203.0.113.5 80"}},
		{"IPv6 literal", `<img src="http://[2001:db8::5]/a.png">`, []string{"image http 2001:db8::5 80"}},
		{"data and javascript refer to nothing", `<img src="data:image/png;base64,AA"><script src="javascript:1"></script>`, nil},
		{"Vietnamese host name", `<img src="https://tỉnh.vn/a.png">`, []string{"image https xn--tnh-dlz.vn 443"}},
		{"one host is named once", `<img src="https://x.vn/1"><img src="https://x.vn/2">`, []string{"image https x.vn 443"}},
		{"a program on the reader's own machine", `<script src="https://127.0.0.1:13579/x.js"></script><script src="http://[::1]/x"></script><script src="http://localhost/x"></script>`, nil},
		{"port out of range", `<img src="https://x.vn:99999/">`, nil},
		{"what is no host name is never loaded", `<img src="https://a..vn/x">`, nil},
		{"a body's background", `<body background="https://bg.vn/a.png">`, []string{"image https bg.vn 443"}},
		{"sizes of a picture loaded ahead", `<link rel=preload as=image imagesrcset="https://a1.vn/x 1x, /y 2x">`, []string{"image https a1.vn 443", "image https www.a.vn 443"}},
		{"all that one host is needed for", `<script src="https://x.vn/1"></script><img src="https://x.vn/2"><script src="https://x.vn/3"></script>`, []string{"script,image https x.vn 443"}},
		{"import map", `<script type=importmap>{"imports":{"a":"https://m.vn/a.js"},"scopes":{"/x":{"b":"https://s.vn/b.js"}}}</script>`, []string{"script https m.vn 443", "script https s.vn 443"}},
		{"a broken import map is none", `<script type=importmap>{"imports":["https://m.vn/"]}</script>`, nil},
		{"upgraded from here on", `<img src="http://a1.vn:80/"><meta http-equiv="Content-Security-Policy" content="img-src *; upgrade-insecure-requests"><img src="http://a2.vn:80/"><img src="http://a3.vn:8080/">`,
			[]string{"image http a1.vn 80", "image https a2.vn 443", "image https a3.vn 8080"}},
		{"style in a comment, and a namespace", `<style>/* url(https://no.vn/) */ @namespace svg url(http://www.w3.org/2000/svg); a{b:url(https://yes.vn/)}</style>`, []string{"stylesheet https yes.vn 443"}},
		{"an import by url()", `<style>@import url( "https://i.vn/b.css" ) screen;</style>`, []string{"stylesheet https i.vn 443"}},
		{"comments do not count", `<!-- <img src="https://x.vn/"> -->`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, r := range readPage(base, typed("text/html; charset=utf-8"), []byte(tc.html)).refs {
				got = append(got, r.use+" "+r.scheme+" "+r.host+" "+itoa(r.port))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLinkHeader(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/")
	for value, want := range map[string]string{
		`<https://x.vn/a.js>; rel=preload; as=script`:                       "script x.vn",
		`<https://x.vn/a,b.css>;rel="preload";as="style"`:                   "stylesheet x.vn",
		`<//x.vn>; rel=preconnect; crossorigin, <https://y.vn/>; rel=next`:  "connection x.vn",
		`</a>; title="rel=preload, <https://no.vn>"; rel=icon`:              "image www.a.vn",
		`<https://x.vn/>; rel=dns-prefetch`:                                 "name x.vn optional",
		`<https://x.vn/f>; rel="preload nofollow"; as=font; rel=stylesheet`: "font x.vn",
		`https://x.vn/; rel=preload`:                                        "",
		`<https://x.vn/`:                                                    "",
	} {
		got := ""
		for _, r := range readPage(base, http.Header{"Link": {value}}, nil).refs {
			got += r.use + " " + r.host
			if r.optional {
				got += " optional"
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

// A hint becomes a need when something is loaded from the same host.
func TestHintThenNeed(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/")
	p := readPage(base, typed("text/html"), []byte(`<link rel=dns-prefetch href="//x.vn"><img src="//x.vn/a.png">`))
	if len(p.refs) != 1 || p.refs[0].optional || p.refs[0].use != "name,image" {
		t.Errorf("%+v", p.refs)
	}
}

func typed(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

func itoa(n uint16) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// A page is foreign bytes: whatever it says, the number of hosts is bounded and
// every host is a name or an address that can be looked up.
func FuzzReadPage(f *testing.F) {
	f.Add(`<img srcset=" , ,a 1x"><style>@import "";url()</style>`)
	f.Add(`<base href="https://[::1"><link rel=icon href=//x>`)
	f.Add(`<script type=importmap>{"imports":{"a":"//x"}}</script><title>x<style>@import url(x) /*`)
	base, _ := url.Parse("https://www.a.vn/")
	f.Fuzz(func(t *testing.T, s string) {
		p := readPage(base, http.Header{"Content-Type": {"text/html"}, "Link": {s}}, []byte(s))
		if len(p.title) > maxTitle || len(p.pieces) > maxPieces || len(p.sheets) > maxSheets+1 || len(p.locals) > maxLocals {
			t.Fatalf("too much is kept: %+v", p)
		}
		if len(p.refs) > maxHosts {
			t.Fatalf("%d hosts", len(p.refs))
		}
		for _, r := range p.refs {
			if r.host == "" || len(r.host) > 253 || r.port == 0 {
				t.Fatalf("unusable reference %+v", r)
			}
		}
	})
}

func TestRefresh(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/tin/")
	for _, tc := range []struct{ content, want string }{
		{"0; url=https://new.vn/Moi", "https://new.vn/Moi"},
		{"5;URL='/vi'", "https://www.a.vn/vi"},
		{"0, url=x#y", "https://www.a.vn/tin/x"},
		{"300", ""},
		{"0; https://new.vn/", ""},
		{"0; url=http://[::1", ""},
	} {
		got := ""
		if u := readPage(base, typed("text/html"), []byte(`<meta http-equiv="Refresh" content="`+tc.content+`">`)).refresh; u != nil {
			got = u.String()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.content, got, tc.want)
		}
	}
}

func TestRefreshHeader(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/")
	p := readPage(base, http.Header{"Refresh": {"0;url=/dau"}, "Content-Type": {"text/html"}}, []byte(`<meta http-equiv=refresh content="0; url=/sau">`))
	if p.refresh == nil || p.refresh.String() != "https://www.a.vn/dau" {
		t.Errorf("%v", p.refresh)
	}
}

// What cannot be looked through must say so: a page without known references is
// not a page without references.
func TestPageNotReadWhole(t *testing.T) {
	base, _ := url.Parse("https://www.a.vn/")
	if p := readPage(base, typed("text/html; charset=UTF-16LE"), []byte("x")); p.opaque == "" {
		t.Error("UTF-16 by its header is taken for text")
	}
	if p := readPage(base, typed("text/html"), []byte("\xff\xfe<\x00")); p.opaque == "" {
		t.Error("UTF-16 by its mark is taken for text")
	}
	var b strings.Builder
	for i := range maxHosts + 1 {
		fmt.Fprintf(&b, `<img src="https://h%d.vn/">`, i)
	}
	if p := readPage(base, typed("text/html"), []byte(b.String())); !p.more || len(p.refs) != maxHosts {
		t.Errorf("%d hosts, more=%t", len(p.refs), p.more)
	}
	style := "<style>" + strings.Repeat("a{background:url(/same.png)}", maxHosts+1) + "b{background:url(https://far.vn/x)}</style>"
	if p := readPage(base, typed("text/html"), []byte(style)); p.more || len(p.refs) != 2 {
		t.Errorf("many references to one host hide another: %v, more=%t", p.refs, p.more)
	}
}
