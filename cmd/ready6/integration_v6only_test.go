//go:build integration

package main_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// v6world is a test bed of its own: the same servers, seen by a scanner that has
// both families, and by two clients that have one each.
type v6world struct {
	*world
	six, four string               // namespaces of the clients
	web       string               // nginx's folder
	key       string               // of every certificate, so that Chromium can be told to take it
	addrs     map[string][2]string // host → IPv6 and IPv4 address, either may be empty
	spki      string
	mxCert    string
	dead      string // the address at which nobody listens
}

// The clients' and the scanner's own addresses.
const (
	six6, four4     = "2001:db8:fffd::2", "198.18.251.2"
	scanner6        = "2001:db8:fffe::2"
	scanner4        = "198.18.254.2"
	settle, longest = 8 * time.Second, 100 * time.Second
)

// TestV6Only takes IPv4 away for true: a Chromium in a namespace without any, a
// resolver there that has none either, and the same pages. Level 3 has to mean
// that this client gets the whole page.
func TestV6Only(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "nginx", "postfix", "unbound", "chromium", "nft", "dig", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	v := newV6World(t)
	v.build()
	v.noIPv4()
	whole := v.truth()
	for _, m := range v6mail {
		whole[m.name] = v.mailTruth(m)
	}
	v.count() // from here on, the scanner is alone
	var inv strings.Builder
	inv.WriteString("agencies:\n  - id: tinh\n    name: {vi: Tỉnh thử nghiệm, en: Test Province}\n    kind: province\n    services:\n")
	for _, s := range append(slices.Clone(v6sites), v6mail...) {
		fmt.Fprintf(&inv, "      - {host: %s, kind: %s}\n", s.fqdn(), s.kind())
	}
	list := v.write("inventory.yaml", inv.String())
	args := []string{"scan", "--inventory", list, "--root-hints", v.files.hints, "--ca", v.files.ca, "--only", "aaaa,reach,closure", "--format", "jsonl",
		"--retests", "0", // what one look costs is counted
		"--allow", "2001:db8::/32", "--allow", "198.18.0.0/15", "--allow", "198.51.100.0/24"}
	reading := v.run(v.dual, 5*time.Minute, v.bin, args...)
	v.budget(t, reading.took)
	args[slices.Index(args, "aaaa,reach,closure")] = "aaaa,reach,closure,browser"
	asked := v.run(v.dual, 8*time.Minute, v.bin, append(args, "--browser")...)
	t.Logf("by reading in %v, with --browser in %v; on stderr: %s", reading.took.Round(time.Second), asked.took.Round(time.Second), asked.stderr)
	v.compare(t, whole, services(t, reading.stdout), services(t, asked.stdout))
}

// compare puts what Chromium got beside the levels.
func (v *v6world) compare(t *testing.T, whole map[string]bool, reading, asked map[string]service) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-12s %-16s %-8s %-9s %s\n", "site", "client got", "level", "--browser", "first finding, or why they part")
	agree := 0
	for _, s := range append(slices.Clone(v6sites), v6mail...) {
		a, ok := asked[s.fqdn()]
		r := reading[s.fqdn()]
		if !ok {
			t.Errorf("%s is not in the output", s.fqdn())
			continue
		}
		got, ready := "a part", a.level() >= 3
		if whole[s.name] {
			got = "the whole page"
		}
		why, explained := v6explained[s.name]
		note := ""
		if len(a.Found) > 0 {
			note = a.Found[0].Code + " " + a.Found[0].Subject
		}
		switch {
		case explained && (why.whole != whole[s.name] || why.ready != ready):
			t.Errorf("%s: the client got %s, level %d: the explanation is of something else; findings %q", s.name, got, a.level(), a.codes())
		case explained && whole[s.name] == ready:
			t.Errorf("%s needs no explanation", s.name)
		case explained:
			note = "explained: " + why.why
		case whole[s.name] != ready:
			t.Errorf("%s: the client got %s, yet level %d (%d without --browser); findings %q", s.name, got, a.level(), r.level(), a.codes())
			note = "DIFFERS: " + note
		default:
			agree++
		}
		fmt.Fprintf(&table, "%-12s %-16s %-8s %-9s %s\n", s.name, got, levelWord(r), levelWord(a), note)
	}
	t.Logf("%d sites: %d agree, %d explained\n%s", len(v6sites)+len(v6mail), agree, len(v6explained), table.String())
	if agree < 20 {
		t.Errorf("only %d sites agree; 20 are wanted", agree)
	}
	if r, a := reading["built.tinh.gov.vn"], asked["built.tinh.gov.vn"]; r.level() < 3 || a.level() >= 3 || !a.has("browser.differs") {
		t.Errorf("what a script asks for is the browser's to find: level %d by reading, %d with it, %q", r.level(), a.level(), a.codes())
	}
}

func levelWord(s service) string {
	if s.level() == unknownLevel {
		return "?"
	}
	return strconv.Itoa(s.level())
}

func (s v6site) fqdn() string {
	if s.host != "" {
		return s.host
	}
	return s.name + ".tinh.gov.vn"
}

// newV6World makes namespaces and starts the servers.
func newV6World(t *testing.T) *v6world {
	id := strconv.Itoa(os.Getpid())
	v := &v6world{world: &world{t: t, dir: worldDir(t), servers: "r6v6srv-" + id, dual: "r6v6dual-" + id}, six: "r6v6six-" + id, four: "r6v6four-" + id,
		addrs: map[string][2]string{}, dead: "2001:db8:80::dead"}
	removeStale(t)
	v.addNamespaces(v.servers, v.dual, v.six, v.four)
	v.link(v.dual, "dual", "198.18.254.1/30", scanner4+"/30", "2001:db8:fffe::1/64", scanner6+"/64")
	v.link6(v.six, "six", "2001:db8:fffd::1/64", six6+"/64")
	v.mustIn(v.four, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
	v.link(v.four, "four", "198.18.251.1/30", four4+"/30", "", "")
	v.place()
	v.startDNS()
	v.startWeb()
	v.startMail("mx.tinh.gov.vn", []string{v.addrs["mx.tinh.gov.vn"][0], v.addrs["mx.tinh.gov.vn"][1]}, v.mxCert, v.key)
	v.blackHole()
	v.resolver(v.six, "::1", "no", "yes")
	v.resolver(v.four, "127.0.0.1", "yes", "no")
	return v
}

// link6 joins a client to the servers over IPv6, and takes IPv4 from it down to
// the loopback's address.
func (v *v6world) link6(client, dev, srv6, own6 string) {
	v.must("ip", "-n", v.servers, "link", "add", dev, "type", "veth", "peer", "name", "up0", "netns", client)
	v.must("ip", "-n", v.servers, "-6", "addr", "add", srv6, "dev", dev, "nodad")
	v.must("ip", "-n", client, "-6", "addr", "add", own6, "dev", "up0", "nodad")
	v.must("ip", "-n", v.servers, "link", "set", dev, "up")
	v.must("ip", "-n", client, "link", "set", "up0", "up")
	gateway, _, _ := strings.Cut(srv6, "/")
	v.must("ip", "-n", client, "-6", "route", "add", "default", "via", gateway)
	v.must("ip", "-n", client, "-4", "addr", "flush", "dev", "lo")
}

// noIPv4 proves that the client has none: no address, no route, no way.
func (v *v6world) noIPv4() {
	v.t.Helper()
	for _, args := range [][]string{{"-4", "addr", "show"}, {"-4", "route", "show", "table", "all"}} {
		if out := v.must("ip", append([]string{"-n", v.six}, args...)...); strings.TrimSpace(out) != "" {
			v.t.Errorf("the client without IPv4 has some: ip %s: %s", strings.Join(args, " "), out)
		}
	}
	for _, addr := range []string{"198.51.100.4", "127.0.0.1"} {
		if o := v.run(v.six, 20*time.Second, "curl", "-sS", "--max-time", "5", "http://"+addr+"/"); o.code == 0 {
			v.t.Errorf("the client without IPv4 reaches %s: %v", addr, o)
		}
	}
	for ns, family := range map[string]string{v.six: "AAAA", v.four: "A"} {
		if out := v.mustIn(ns, "dig", "+short", "+time=5", "good.tinh.gov.vn", family); strings.TrimSpace(out) == "" {
			v.t.Errorf("%s: the resolver gives no %s of good.tinh.gov.vn", ns, family)
		}
	}
	if o := v.run(v.six, 40*time.Second, "dig", "+time=10", "www.four.vn", "AAAA"); !strings.Contains(o.stdout, "SERVFAIL") {
		v.t.Errorf("a resolver without IPv4 gets through to a zone with IPv4 servers alone: %v", o)
	}
}

// place gives every host its addresses.
func (v *v6world) place() {
	n := 0
	give := func(host string, six, four bool) {
		n++
		var a [2]string
		if six {
			a[0] = fmt.Sprintf("2001:db8:80::%x", 0x100+n)
		}
		if four {
			a[1] = fmt.Sprintf("198.51.100.%d", 10+n)
		}
		v.addrs[host] = a
	}
	for _, s := range v6sites {
		give(s.fqdn(), true, s.at4 != "off")
	}
	give(four3, false, true)
	give("ocsp.cdn.vn", false, true)
	give(lib3, true, true)
	give("mx.tinh.gov.vn", true, true)
	give("mx4.tinh.gov.vn", false, true)
	v.addrs[four] = [2]string{"", "198.51.100.4"}
	for _, a := range v.addrs {
		for _, addr := range a {
			v.address(addr)
		}
	}
	v.address(v.dead)
}

func (v *v6world) address(addr string) {
	switch {
	case addr == "":
	case strings.Contains(addr, ":"):
		v.must("ip", "-n", v.servers, "-6", "addr", "replace", addr+"/128", "dev", "lo")
	default:
		v.must("ip", "-n", v.servers, "addr", "replace", addr+"/32", "dev", "lo")
	}
}

// zoneOf lists the records of the hosts below an apex.
func (v *v6world) zoneOf(apex string) string {
	var b strings.Builder
	for host, a := range v.addrs {
		label, ok := strings.CutSuffix(host, "."+apex)
		if !ok {
			continue
		}
		if host == "cname.tinh.gov.vn" {
			fmt.Fprintf(&b, "%s CNAME cname.four.vn.\n", label)
			continue
		}
		if a[0] != "" {
			fmt.Fprintf(&b, "%s AAAA %s\n", label, a[0])
		}
		if a[1] != "" {
			fmt.Fprintf(&b, "%s A %s\n", label, a[1])
		}
		if host == "dead.tinh.gov.vn" {
			fmt.Fprintf(&b, "%s AAAA %s\n", label, v.dead)
		}
	}
	for _, m := range v6mail {
		if label, ok := strings.CutSuffix(m.fqdn(), "."+apex); ok {
			fmt.Fprintf(&b, "%s MX 10 %s.\n", label, m.mx)
		}
	}
	if apex == "four.vn" {
		a := v.addrs["cname.tinh.gov.vn"]
		fmt.Fprintf(&b, "cname AAAA %s\ncname A %s\n", a[0], a[1])
	}
	return b.String()
}

// startDNS serves a root, vn, two zones in both families and one over IPv4 alone.
func (v *v6world) startDNS() {
	head := func(apex, ns string) string {
		return "$ORIGIN " + apex + "\n$TTL 300\n@ SOA " + ns + " hostmaster. 1 1800 900 604800 300\n"
	}
	pair := func(apex, ns string, n int) string { // two servers, in both families
		return fmt.Sprintf("%s NS a.%s\n%s NS b.%s\na.%s AAAA 2001:db8:53::%d:a\na.%s A 198.18.0.%d\nb.%s AAAA 2001:db8:53::%d:b\nb.%s A 198.18.0.%d\n",
			apex, ns, apex, ns, ns, n, ns, 10*n, ns, n, ns, 10*n+1)
	}
	only4 := "four.vn. NS ns1.four.vn.\nfour.vn. NS ns2.four.vn.\nns1.four.vn. A 198.18.0.50\nns2.four.vn. A 198.18.0.51\n"
	texts := map[string]string{
		".":           head(".", "a.root-servers.net.") + pair(".", "root-servers.net.", 1) + pair("vn.", "dns-servers.vn.", 2),
		"vn":          head("vn.", "a.dns-servers.vn.") + pair("vn.", "dns-servers.vn.", 2) + pair("tinh.gov.vn.", "ns.tinh.gov.vn.", 3) + pair("cdn.vn.", "ns.cdn.vn.", 3) + only4,
		"tinh.gov.vn": head("tinh.gov.vn.", "a.ns") + pair("tinh.gov.vn.", "ns.tinh.gov.vn.", 3) + v.zoneOf("tinh.gov.vn"),
		"cdn.vn":      head("cdn.vn.", "a.ns") + pair("cdn.vn.", "ns.cdn.vn.", 3) + v.zoneOf("cdn.vn"),
		"four.vn":     head("four.vn.", "ns1") + only4 + v.zoneOf("four.vn"),
	}
	v.files.hints = v.write("hints", ". 3600000 NS a.root-servers.net.\na.root-servers.net. 3600000 AAAA 2001:db8:53::1:a\na.root-servers.net. 3600000 A 198.18.0.10\n"+
		". 3600000 NS b.root-servers.net.\nb.root-servers.net. 3600000 AAAA 2001:db8:53::1:b\nb.root-servers.net. 3600000 A 198.18.0.11\n")
	both := func(n int) []string {
		return []string{fmt.Sprintf("2001:db8:53::%d:a", n), fmt.Sprintf("2001:db8:53::%d:b", n), fmt.Sprintf("198.18.0.%d", 10*n), fmt.Sprintf("198.18.0.%d", 10*n+1)}
	}
	for _, s := range []struct {
		name  string
		zones []string
		addrs []string
	}{{"root", []string{"."}, both(1)}, {"vn", []string{"vn"}, both(2)}, {"leaf", []string{"tinh.gov.vn", "cdn.vn"}, both(3)},
		{"four", []string{"four.vn"}, []string{"198.18.0.50", "198.18.0.51"}}} {
		served := map[string]string{}
		for _, z := range s.zones {
			served[z] = v.write("zones/"+strings.Trim("root."+z, ".")+".zone", texts[z])
		}
		for _, a := range s.addrs {
			v.address(a)
		}
		dir := filepath.Dir(v.write("nsd-"+s.name+"/keep", ""))
		conf := v.render("nsd.conf.tmpl", "nsd-"+s.name+"/nsd.conf", map[string]any{"Addrs": s.addrs, "Dir": dir, "Zones": served, "RateLimit": 0})
		v.start(v.servers, "nsd-"+s.name, "nsd", "-d", "-c", conf)
		for _, z := range s.zones {
			v.await("name server of "+z, func() error {
				o := v.run(v.servers, 10*time.Second, "dig", "+norec", "+noall", "+answer", "+time=1", "+tries=1", "@"+s.addrs[0], z, "SOA")
				if o.code != 0 || !strings.Contains(o.stdout, "SOA") {
					return errors.New(strings.TrimSpace(o.stdout + o.stderr))
				}
				return nil
			})
		}
	}
}

// nginxServer is one server block.
type nginxServer struct {
	Listen                       []string
	Host, Cert, Key, Root, Extra string
}

// startWeb serves all sites, each family of each by a block of its own.
func (v *v6world) startWeb() {
	v.web = filepath.Dir(v.write("web/keep", ""))
	issue := v.authority()
	v.mxCert = issue("mx.tinh.gov.vn")
	var list []nginxServer
	add := func(host, addr string, tls bool, extra string) {
		root := filepath.Join(v.web, host)
		if addr == "" || extra == "off" {
			return
		}
		if strings.Contains(addr, ":") {
			addr = "[" + addr + "]"
		}
		s := nginxServer{Host: host, Cert: issue(host), Key: v.key, Root: root, Extra: extra, Listen: []string{addr + ":80"}}
		if tls {
			s.Listen = append(s.Listen, addr+":443 ssl")
		}
		list = append(list, s)
	}
	for _, s := range v6sites {
		a := v.addrs[s.fqdn()]
		add(s.fqdn(), a[0], !s.plain && !s.no443v6, s.at6)
		add(s.fqdn(), a[1], !s.plain, s.at4)
		v.write("web/"+s.fqdn()+"/index.html", "<!doctype html><html lang=vi><meta charset=utf-8><title>"+s.name+"</title>\n"+s.page)
		v.part(s.fqdn(), s.name, s.style)
		for _, h := range []string{four, four3, lib3} {
			v.part(h, s.name, "")
		}
	}
	for _, h := range []string{four, four3, lib3} {
		v.write("web/"+h+"/index.html", "<!doctype html><title>x</title>")
		add(h, v.addrs[h][0], true, "")
		add(h, v.addrs[h][1], true, "")
	}
	conf := v.render("v6only.nginx.conf.tmpl", "web/nginx.conf", map[string]any{"Dir": v.web, "Servers": list})
	v.start(v.servers, "nginx", "nginx", "-e", "stderr", "-c", conf)
	v.await("nginx", func() error {
		if o := v.run(v.dual, 10*time.Second, "curl", "-sS", "--max-time", "3", "http://["+v.addrs["good.tinh.gov.vn"][0]+"]/"); o.code != 0 {
			return errors.New(o.String())
		}
		return nil
	})
}

// part writes what pages may load from a host on account of one site.
func (v *v6world) part(host, site, style string) {
	dot, _ := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	for name, text := range map[string]string{"style.css": "body{margin:0}" + style, "s.css": "p{margin:0}", "i.css": "p{margin:0}", "s.js": "1", "t.js": "1", "lib.js": "1",
		"f.html": "<p>khung</p>", "f.woff": "wOFF", "login": "<p>đăng nhập</p>", "pic.png": string(dot), "p.png": string(dot), "1.png": string(dot), "2.png": string(dot), "far.png": string(dot)} {
		if name == "style.css" && style != "" {
			text = style
		}
		v.write("web/"+host+"/"+site+"/"+name, text)
	}
}
