//go:build integration

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority makes a CA, whose file it notes, and returns what issues a
// certificate for a host. They share one key.
func (v *v6world) authority() (issue func(host string) (file string)) {
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			v.t.Fatal(err)
		}
		return k
	}
	write := func(name, kind string, der []byte) string {
		return v.write(name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	caKey, key, now := newKey(), newKey(), time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ready6 integration CA"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		v.t.Fatal(err)
	}
	v.files.ca = write("ca.pem", "CERTIFICATE", der)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		v.t.Fatal(err)
	}
	v.key = write("key.pem", "EC PRIVATE KEY", keyDER)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		v.t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	v.spki = base64.StdEncoding.EncodeToString(sum[:])
	serial := int64(1)
	return func(host string) string {
		serial++
		leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: ca.NotBefore,
			NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if host == "ocsp.tinh.gov.vn" {
			leaf.OCSPServer = []string{"http://ocsp.cdn.vn/"}
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
		if err != nil {
			v.t.Fatal(err)
		}
		return write("certs/"+host+".pem", "CERTIFICATE", der)
	}
}

// blackHole loses large packets from one host without a word, as a tunnel does
// behind a firewall that drops ICMPv6.
func (v *v6world) blackHole() {
	file := v.write("hole.nft", fmt.Sprintf("table inet hole {\n chain out {\n  type filter hook output priority 0;\n  ip6 saddr %s meta length > 1280 drop\n }\n}\n",
		v.addrs["mtu.tinh.gov.vn"][0]))
	v.mustIn(v.servers, "nft", "-f", file)
}

// resolver gives a client a resolver of its own on its loopback, which has no
// more than the client has.
func (v *v6world) resolver(ns, listen, v4, v6 string) {
	dir := filepath.Dir(v.write("unbound-"+ns+"/keep", ""))
	conf := v.render("v6only.unbound.conf.tmpl", "unbound-"+ns+"/unbound.conf",
		map[string]any{"Listen": listen, "V4": v4, "V6": v6, "Dir": dir, "Hints": v.files.hints})
	// ip netns exec shows what lies here as /etc (ip-netns(8))
	etc := filepath.Join("/etc/netns", ns)
	if err := os.MkdirAll(etc, 0o755); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { os.RemoveAll(etc) })
	if err := os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver "+listen+"\n"), 0o644); err != nil {
		v.t.Fatal(err)
	}
	v.start(ns, "unbound-"+ns, "unbound", "-d", "-c", conf)
	v.await("resolver in "+ns, func() error {
		if o := v.run(ns, 20*time.Second, "dig", "+short", "+time=3", "+tries=1", "link.tinh.gov.vn", "ANY"); strings.TrimSpace(o.stdout) == "" {
			return errors.New(o.String())
		}
		return nil
	})
}

// truth shows every site to a Chromium in each client, and says of which the
// client without IPv4 got all that the one with IPv4 got. It is read from what
// the server sent, to the last byte; nothing of ready6 takes part.
func (v *v6world) truth() map[string]bool {
	v.t.Helper()
	begun := time.Now()
	v.browse(v.six)
	v.browse(v.four)
	seen := v.await200()
	v.t.Logf("the clients were done after %v", time.Since(begun).Round(time.Second))
	whole := map[string]bool{}
	for _, s := range v6sites {
		want := seen[four4][s.name]
		for _, p := range s.parts {
			want = append(want, "https|"+s.fqdn()+"|"+p)
		}
		if len(want) == 0 {
			v.t.Errorf("%s: the client with IPv4 got nothing: there is nothing to compare with", s.name)
		}
		whole[s.name] = true
		for _, line := range want {
			got := slices.ContainsFunc(seen[six6][s.name], func(l string) bool { return l == line || s.at4 == "off" && strings.HasPrefix(l, line+"|200|OK|") })
			whole[s.name] = whole[s.name] && got
		}
		if !whole[s.name] {
			v.t.Logf("%s: the client with IPv4 got %q, the one without %q", s.name, want, seen[six6][s.name])
		}
	}
	return whole
}

// mailTruth is whether a sender without IPv4 finds the mail host of a domain and
// gets through its greeting and STARTTLS: dig and openssl, in that namespace.
func (v *v6world) mailTruth(m v6site) bool {
	v.t.Helper()
	ask := func(name, qtype string) string {
		o := v.run(v.six, 40*time.Second, "dig", "+short", "+time=10", "+tries=1", name, qtype)
		f := strings.Fields(o.stdout)
		if o.code != 0 || len(f) == 0 || strings.HasPrefix(f[0], ";") {
			return ""
		}
		return strings.TrimSuffix(f[len(f)-1], ".")
	}
	mx := ask(m.fqdn(), "MX")
	if mx == "" {
		return false
	}
	addr := ask(mx, "AAAA")
	return addr != "" && v.startTLS(v.six, mx, addr) == nil
}

// browse starts a Chromium that opens every site in a tab of its own, until the
// test ends or the clients are done.
func (v *v6world) browse(ns string) {
	profile := filepath.Dir(v.write("chromium-"+ns+"/keep", ""))
	args := []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + profile, "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-background-timer-throttling",
		"--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--disable-quic", "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
		"--renderer-process-limit=4", "--disable-popup-blocking", "--ignore-certificate-errors-spki-list=" + v.spki}
	page := "<!doctype html><script>\n" // headless mode takes one page; it opens the others
	for _, s := range v6sites {
		scheme := "https"
		if s.plain {
			scheme = "http"
		}
		page += "window.open('" + scheme + "://" + s.fqdn() + "/');\n"
	}
	args = append(args, "file://"+v.write("chromium-"+ns+"/start.html", page+"</script>"))
	v.start(ns, "chromium-"+ns, "chromium", args...)
}

// await200 waits until the server's log has been quiet for a while, and returns
// what each client got of each site: scheme, host, path, status, whether it was
// sent to its end, and its length.
func (v *v6world) await200() map[string]map[string][]string {
	v.t.Helper()
	path := filepath.Join(v.web, "access.log")
	size, since := int64(-1), time.Now()
	for end := time.Now().Add(longest); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		info, err := os.Stat(path)
		if err != nil {
			v.t.Fatal(err)
		}
		if info.Size() != size {
			size, since = info.Size(), time.Now()
		}
		if size > 0 && time.Since(since) > settle && time.Since(end.Add(-longest)) > 20*time.Second {
			break
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		v.t.Fatal(err)
	}
	out := map[string]map[string][]string{six6: {}, four4: {}}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 4) // client, scheme, host, path and the rest
		if len(f) < 4 || out[f[0]] == nil || strings.HasPrefix(f[3], "/favicon.ico") {
			continue
		}
		for _, s := range v6sites {
			if f[2] == s.fqdn() || strings.HasPrefix(f[3], "/"+s.name+"/") {
				out[f[0]][s.name] = append(out[f[0]][s.name], strings.Join(f[1:], "|"))
			}
		}
	}
	return out
}

// counted is one address and port of the server's with the connections that came
// to it.
type counted struct {
	addr string
	port int
	n    int
}

// count begins to count the connections that the scanner opens, where they arrive.
func (v *v6world) count() {
	file := v.write("count.nft", `table inet count {
 set six { type ipv6_addr . inet_service; flags dynamic; counter; size 65535; }
 set four { type ipv4_addr . inet_service; flags dynamic; counter; size 65535; }
 chain in {
  type filter hook input priority 0;
  ip6 saddr `+scanner6+` tcp flags & (syn|ack) == syn add @six { ip6 daddr . tcp dport }
  ip saddr `+scanner4+` tcp flags & (syn|ack) == syn add @four { ip daddr . tcp dport }
 }
}
`)
	v.mustIn(v.servers, "nft", "-f", file)
}

// connections reads the counters.
func (v *v6world) connections() (out []counted) {
	for _, set := range []string{"six", "four"} {
		var list struct {
			Nftables []struct {
				Set struct {
					Elem []struct {
						Elem struct {
							Val     struct{ Concat [2]any }
							Counter struct{ Packets int }
						}
					}
				}
			}
		}
		text := v.mustIn(v.servers, "nft", "-j", "list", "set", "inet", "count", set)
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			v.t.Fatalf("nft: %v: %s", err, text)
		}
		for _, x := range list.Nftables {
			for _, e := range x.Set.Elem {
				addr, _ := e.Elem.Val.Concat[0].(string)
				port, _ := e.Elem.Val.Concat[1].(float64)
				out = append(out, counted{addr, int(port), e.Elem.Counter.Packets})
			}
		}
	}
	return out
}

// budget holds the connections that one scan made against what is documented.
func (v *v6world) budget(t *testing.T, took time.Duration) {
	t.Helper()
	owner := map[string]string{}
	for host, a := range v.addrs {
		owner[a[0]], owner[a[1]] = host, host
	}
	most, total, mails := counted{}, 0, 0
	spread := map[int]int{}
	for _, c := range v.connections() {
		if c.port == 25 {
			mails++
			if c.n > mailConnections {
				t.Errorf("%s port 25: %d connections for %d domains, at most %d are documented", c.addr, c.n, len(v6mail), mailConnections)
			}
		}
		if c.port != 80 && c.port != 443 {
			continue
		}
		total += c.n
		spread[c.n]++
		if c.n > most.n {
			most = c
		}
		limit := webConnections
		switch host := owner[c.addr]; {
		case host == four || host == lib3 || host == four3:
			limit = perTarget * len(v6sites)
		case host == "mtu.tinh.gov.vn" || c.addr == v.dead:
			limit = webRetried
		}
		if c.n > limit {
			t.Errorf("%s port %d (%s): %d connections, at most %d are documented", c.addr, c.port, owner[c.addr], c.n, limit)
		}
	}
	t.Logf("connections counted at the server: %d for %d sites in %v; most to one address and port: %d at %s port %d (%s); how many had how many: %v",
		total, len(v6sites), took.Round(time.Second), most.n, most.addr, most.port, owner[most.addr], spread)
	if mails != 3 { // the addresses of two mail hosts
		t.Errorf("connections came to %d mail addresses, want 3", mails)
	}
	if total < 2*len(v6sites) {
		t.Errorf("only %d connections were counted: the counters count something else", total)
	}
}

// What README says of connections to one address and port: one for each thing
// asked of it, and three tries where there is silence.
const (
	webConnections  = 3
	webRetried      = 6
	mailConnections = 1
	perTarget       = 1
)
