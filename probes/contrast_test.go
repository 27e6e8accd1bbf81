package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

// leafFor is a certificate for some names.
func leafFor(t *testing.T, names ...string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// visit is a finished attempt that brought a page.
func visit(a attempt, html string) attempt {
	a.host, a.url = "www.a.vn", &url.URL{Scheme: "https", Host: "www.a.vn", Path: "/"}
	a.whole = true
	a.page = readPage(a.url, http.Header{"Content-Type": {"text/html"}}, []byte(html))
	a.settle()
	return a
}

func sent(a attempt, to string) attempt {
	a = visit(a, "")
	a.status, a.location = 302, to
	return a
}

const (
	news   = "<p>Khai mạc kỳ họp<p>Lịch tiếp công dân<p>Thủ tục hành chính<p>Văn bản mới"
	others = "<p>Tiêm chủng mở rộng<p>Khám chữa bệnh<p>Bảo hiểm y tế<p>Dược phẩm"
)

// TestLasting protects the rule that a difference between families is one only
// where two visits show it, and neither family differs from itself in it.
func TestLasting(t *testing.T) {
	page := func(title, body string) string { return "<title>" + title + "</title>" + body }
	for _, tc := range []struct {
		name                   string
		six, six2, four, four2 string
		want                   []verdict.Reason
		other                  bool
	}{
		{"the same", page("A", news), page("A", news), page("A", news), page("A", news), nil, false},
		{"a title of each visit", page("A1x", news), page("A2x", news), page("A3x", news), page("A4x", news), nil, false},
		{"a title that changes over IPv4 only", page("A", news), page("A", news), page("B", news), page("A", news), nil, false},
		{"a title that lasts", page("A", news), page("A", news), page("B", news), page("B", news), []verdict.Reason{"web.title-differs"}, false},
		{"another site", page("A", others), page("A", others), page("B", news), page("B", news), []verdict.Reason{"web.title-differs", "web.text-differs"}, true},
		{"another text under one title", page("A", others), page("A", others), page("A", news), page("A", news), []verdict.Reason{"web.text-differs"}, false},
		{"texts that alternate", page("A", others), page("A", news), page("A", news), page("A", others), nil, false},
		{"another site once", page("A", others), page("B", news), page("B", news), page("B", news), nil, false},
		{"a server's first page", page("Welcome to nginx!", "<p>x"), page("Welcome to nginx!", "<p>x"), page("B", "<p>x"), page("B", "<p>x"), []verdict.Reason{"web.title-differs"}, true},
		{"a server's first page over IPv4", page("B", "<p>x"), page("B", "<p>x"), page("Welcome to nginx!", "<p>x"), page("Welcome to nginx!", "<p>x"), []verdict.Reason{"web.title-differs"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			six, four := works(six, 443), works(four, 443)
			c := lasting(visit(six, tc.six), visit(six, tc.six2), visit(four, tc.four), visit(four, tc.four2))
			var got []verdict.Reason
			for _, d := range c.diffs {
				got = append(got, d.what)
				if d.six == "" || d.four == "" {
					t.Errorf("%s does not say what differs", d.what)
				}
			}
			if !slices.Equal(got, tc.want) || (c.other != "") != tc.other {
				t.Errorf("got %v, other site %q; want %v, %t", got, c.other, tc.want, tc.other)
			}
		})
	}
}

func TestOtherSiteByRedirect(t *testing.T) {
	a, b := certificate{leaf: leafFor(t, "www.a.vn")}, certificate{leaf: leafFor(t, "*.hosting.vn", "www.a.vn")}
	for _, tc := range []struct {
		name   string
		c6, c4 certificate
		to     string
		want   bool
	}{
		{"to a stranger, under another certificate", b, a, "https://hosting.vn/dung", true},
		{"to a stranger, under the same certificate", a, a, "https://hosting.vn/dung", false},
		{"within the site, under another certificate", b, a, "https://www2.a.vn/", false},
	} {
		x := with(sent(works(six, 443), tc.to), func(a *attempt) { a.cert = tc.c6 })
		y := with(sent(works(four, 443), "/vi"), func(a *attempt) { a.cert = tc.c4 })
		if c := lasting(x, x, y, y); (c.other != "") != tc.want || !c.has("web.redirect-differs") {
			t.Errorf("%s: %q, %v", tc.name, c.other, c.diffs)
		}
	}
}

// What a session puts into the target of a redirect is no other target.
func TestGoal(t *testing.T) {
	for to, want := range map[string]string{
		"/vi":                    "https://www.a.vn/vi",
		"/vi;jsessionid=1?x=2#y": "https://www.a.vn/vi",
		"https://WWW.b.vn":       "https://www.b.vn/",
		"":                       "",
		"http://[::1":            "http://[::1",
	} {
		if got := goal(sent(works(six, 443), to)); got != want {
			t.Errorf("%q: %q, want %q", to, got, want)
		}
	}
}

func TestUncomparable(t *testing.T) {
	fine := visit(works(six, 443), news)
	for name, a := range map[string]attempt{
		"error page":     with(visit(works(four, 443), news), func(a *attempt) { a.status = 404 }),
		"wall":           with(visit(works(four, 443), news), func(a *attempt) { a.status = 403 }),
		"challenge":      visit(works(four, 443), "<title>Just a moment...</title>"),
		"did not answer": closed(four, 443, verdict.Timeout),
	} {
		if why := uncomparable(fine, a); !strings.HasPrefix(why, "IPv4: ") {
			t.Errorf("%s: %q", name, why)
		}
		if why := uncomparable(a, fine); why == "" {
			t.Errorf("%s: compared", name)
		}
	}
	if why := uncomparable(fine, fine); why != "" {
		t.Error(why)
	}
}

func TestParseHSTS(t *testing.T) {
	const day = 24 * time.Hour
	for header, want := range map[string]time.Duration{
		"max-age=86400": day,
		` MAX-AGE = "86400" ; includeSubDomains;`: day,
		"includeSubDomains; max-age=0; preload":   0,
		"max-age=99999999999999999999999":         100 * 365 * day,
		"max-age=31536000; unknown=x; other":      365 * day,
		"":                                        -1,
		"includeSubDomains":                       -1,
		"max-age=":                                -1,
		"max-age=-1":                              -1,
		"max-age=1;max-age=1":                     -1,
		"max-age=1d":                              -1,
	} {
		got, err := parseHSTS(header)
		if (err != nil) != (want < 0) || (err == nil && got != want) {
			t.Errorf("%q: %v, %v; want %v", header, got, err, want)
		}
	}
}

// What changes from visit to visit leaves no mark.
func TestSteady(t *testing.T) {
	for a, b := range map[string]string{
		"Hôm nay 24/11/2026":                "Hôm nay 3/1/2027",
		"Lượt truy cập: 1.234.567":          "Lượt  truy\ncập: 8.901.234",
		"Phiên 3f9a8b7c6d5e4f3a2b1c0d9e8f7": "Phiên 00000000000000000000000000x",
		"12:30":                             "",
		"© 2026":                            "x",
	} {
		if steady(a) != steady(b) {
			t.Errorf("%q is %q, %q is %q", a, steady(a), b, steady(b))
		}
	}
	if steady("Tin tức") == steady("Thông báo") || len(steady(strings.Repeat("ồ ", 500))) > maxPiece {
		t.Error("texts run together, or are without bound")
	}
}

func FuzzHSTS(f *testing.F) {
	f.Add(`max-age="1"; x`)
	f.Fuzz(func(t *testing.T, s string) {
		if age, err := parseHSTS(s); err == nil && (age < 0 || age > 100*366*24*time.Hour) {
			t.Errorf("%q: %v", s, age)
		}
	})
}
