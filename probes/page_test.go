package probes

import (
	"net/url"
	"slices"
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
		{"meta refresh", `<meta http-equiv="refresh" content="0; url=https://new.vn/">`, []string{"refresh https new.vn 443"}},
		{"port out of range", `<img src="https://x.vn:99999/">`, nil},
		{"comments do not count", `<!-- <img src="https://x.vn/"> -->`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, r := range readPage(base, "text/html; charset=utf-8", []byte(tc.html)).refs {
				got = append(got, r.use+" "+r.scheme+" "+r.host+" "+itoa(r.port))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

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
	base, _ := url.Parse("https://www.a.vn/")
	f.Fuzz(func(t *testing.T, s string) {
		p := readPage(base, "text/html", []byte(s))
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
