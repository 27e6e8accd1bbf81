//go:build integration

package main_test

import "strings"

// v6site is one service of the world without IPv4, at NAME.tinh.gov.vn unless
// host says otherwise.
type v6site struct {
	name string
	host string
	page string // body of "/"; its own parts are under /NAME/
	// at6 and at4 replace what the server does in that family; "off": no such address.
	at6, at4 string
	dead6    bool     // a second AAAA at which nobody listens
	plain    bool     // no port 443
	no443v6  bool     // port 443 over IPv4 only
	style    string   // body of /NAME/style.css
	parts    []string // of the page, where there is no IPv4 to compare with
	mx       string   // the mail host: no web site but a mail domain
}

func (s v6site) kind() string {
	if s.mx != "" {
		return "mail"
	}
	return "web"
}

const (
	four  = "four.tinh.gov.vn" // of the same agency, has an A record alone
	four3 = "four.cdn.vn"      // somebody else's, likewise
	lib3  = "lib.cdn.vn"       // somebody else's, in both families
)

// news is a page with some text to it.
const news = `<h1>Tin tức</h1><p>Khai mạc kỳ họp</p><p>Lịch tiếp công dân</p><p>Thủ tục hành chính</p><p>Văn bản mới ban hành</p>`

// filler is text of about n bytes.
func filler(n int) string {
	const line = "<p>Cổng thông tin điện tử của một cơ quan trong thế giới thử nghiệm.</p>\n"
	return strings.Repeat(line, n/len(line)+1)
}

// v6sites differ in one thing each. Whether a client without IPv4 gets the whole
// page is not written here: Chromium finds out.
var v6sites = []v6site{
	{name: "good", page: `<link rel=stylesheet href=/good/style.css><script src=https://` + lib3 + `/good/lib.js></script><img src=/good/pic.png>` + filler(4000)},
	{name: "redirect", at6: "return 302 https://" + four + "/redirect/login;", at4: "return 302 https://" + four + "/redirect/login;"},
	{name: "script", page: `<script src=https://` + four + `/script/s.js></script>`},
	{name: "style", page: `<link rel=stylesheet href=https://` + four + `/style/s.css>`},
	{name: "image", page: `<img src=https://` + four + `/image/p.png>`},
	{name: "frame", page: `<iframe src=https://` + four + `/frame/f.html></iframe>`},
	{name: "font", page: `<style>@font-face{font-family:f;src:url(https://` + four + `/font/f.woff)}p{font-family:f}</style><p>chữ</p>`},
	{name: "import", page: `<style>@import url(https://` + four + `/import/i.css);</style>`},
	{name: "chain", page: `<link rel=stylesheet href=/chain/style.css>`, style: `@import "https://` + four + `/chain/i.css";`},
	{name: "srcset", page: `<img srcset="https://` + four + `/srcset/1.png 1x, https://` + four + `/srcset/2.png 2x">`},
	{name: "poster", page: `<video poster=https://` + four + `/poster/p.png width=320 height=200></video>`},
	{name: "third", page: `<script src=https://` + four3 + `/third/t.js></script>`},
	{name: "literal", plain: true, page: `<script src=http://198.51.100.4/literal/s.js></script>`},
	{name: "ocsp", page: `<img src=/ocsp/pic.png>`},
	{name: "ns", host: "www.four.vn", page: `<img src=/ns/pic.png>`},
	{name: "cname", page: `<img src=/cname/pic.png>`},
	{name: "dead", dead6: true, page: `<img src=/dead/pic.png>`},
	{name: "tls", no443v6: true, page: `<img src=/tls/pic.png>`},
	{name: "vhost", page: news + `<img src=/vhost/pic.png>`, at6: `return 200 "<!doctype html><html lang=vi><title>Sở khác</title>` +
		`<h1>Giới thiệu</h1><p>Cơ cấu tổ chức</p><p>Chức năng nhiệm vụ</p><p>Liên hệ công tác</p>";`},
	{name: "welcome", page: news + `<img src=/welcome/pic.png>`, at6: `return 200 "<!doctype html><html><title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>";`},
	{name: "status", page: `<img src=/status/pic.png>`, at6: "return 404;"},
	{name: "plain", plain: true, page: `<img src=/plain/pic.png>`},
	{name: "mtu", page: filler(300_000)},
	{name: "slow", page: filler(24_000), at6: "limit_rate 6k;"},
	{name: "refresh", page: `<meta http-equiv=refresh content="1;url=https://` + four + `/refresh/login">`},
	{name: "preconnect", page: `<link rel=preconnect href=https://` + four + `><img src=/preconnect/pic.png>`},
	{name: "large", page: filler(400_000) + `<img src=/large/pic.png>`},
	{name: "six", at4: "off", page: `<img src=/six/pic.png>`, parts: []string{"/", "/six/pic.png"}},
	{name: "built", page: `<script>var s=document.createElement('script');s.src='https://'+['four','tinh','gov','vn'].join('.')+'/built/s.js';document.head.append(s)</script>`},
	{name: "link", page: `<a href=https://` + four + `/link/>liên kết</a><img src=/link/pic.png>`},
	{name: "comment", page: `<!-- <script src=https://` + four + `/comment/s.js></script> --><img src=/comment/pic.png>`},
	{name: "noscript", page: `<noscript><img src=https://` + four + `/noscript/p.png></noscript><img src=/noscript/pic.png>`},
	{name: "lazy", page: `<img src=/lazy/pic.png><div style="height:60000px"></div><img loading=lazy width=9 height=9 src=https://` + four + `/lazy/far.png>`},
	{name: "third6", page: `<script src=https://` + lib3 + `/third6/lib.js></script><img src=/third6/pic.png>`},
}

// v6mail are mail domains: three share a mail host, the others need IPv4 in one place.
var v6mail = []v6site{
	{name: "mail", mx: "mx.tinh.gov.vn"},
	{name: "mail2", mx: "mx.tinh.gov.vn"},
	{name: "mail3", mx: "mx.tinh.gov.vn"},
	{name: "mail-mx4", mx: "mx4.tinh.gov.vn"},
	{name: "mail-ns4", host: "mail.four.vn", mx: "mx.tinh.gov.vn"},
}

// v6explained is where "a client without IPv4 gets the whole page" and level 3
// part, and why that is right.
var v6explained = map[string]struct {
	whole bool // as Chromium has it
	ready bool // level 3 or more
	why   string
}{
	"third":      {false, true, "a third party's content is named and warned of, and does not decide the level: the agency's own page comes"},
	"ocsp":       {true, false, "Chromium does not ask OCSP responders (it has CRLSets instead); clients that do need IPv4 for it"},
	"dead":       {true, false, "browsers pass over the address that refuses; level 2 demands that every published address works"},
	"preconnect": {true, false, "a connection made ahead is no request; the page says itself that it is going to need that host"},
	"lazy":       {true, false, "the image is loaded when the reader has scrolled down to it, and then needs IPv4"},
}
