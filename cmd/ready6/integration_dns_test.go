//go:build integration

package main_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// signer is how a zone of the world is signed.
type signer struct {
	zone      string
	tool      string        // "ldns" or "bind"; empty: the zone stays unsigned
	algorithm string        // as the tool names it
	args      []string      // of the signer
	shift     time.Duration // from the true validity period
	foreignDS bool          // the parent gets the DS of another key
}

// zones is every zone, children first: a parent needs its children's DS.
var zones = []signer{
	{zone: "secure.gov.vn", tool: "ldns", algorithm: "ECDSAP256SHA256"},
	{zone: "nsec3.gov.vn", tool: "ldns", algorithm: "RSASHA256", args: []string{"-n", "-t", "0"}},
	{zone: "insecure.gov.vn"},
	{zone: "expired.gov.vn", tool: "ldns", algorithm: "ED25519", shift: -37 * 24 * time.Hour},
	{zone: "mismatch.gov.vn", tool: "ldns", algorithm: "ECDSAP384SHA384", foreignDS: true},
	{zone: "hosting.vn"},
	{zone: "gov.vn", tool: "bind", algorithm: "ECDSAP256SHA256"},
	{zone: "vn", tool: "bind", algorithm: "ECDSAP256SHA256", args: []string{"-3", "-", "-A", "-H", "0"}},
	{zone: ".", tool: "ldns", algorithm: "RSASHA256"},
}

// nameServers is one instance a line: the zones it serves, on which of its
// zones' NS addresses. A zone's parent is never on the same instance, so that
// every delegation has to be followed.
var nameServers = []struct {
	name  string
	zones []string
	addrs []string
}{
	{"root", []string{"."}, []string{"2001:db8:53::a", "198.18.0.10", "2001:db8:53::b", "198.18.0.11"}},
	{"vn", []string{"vn"}, []string{"2001:db8:53::1:a", "198.18.0.20", "2001:db8:53::1:b", "198.18.0.21"}},
	{"gov", []string{"gov.vn"}, []string{"2001:db8:53::2:1", "198.18.0.31", "2001:db8:53::2:2", "198.18.0.32"}},
	{"agencies", []string{"secure.gov.vn", "nsec3.gov.vn", "insecure.gov.vn", "expired.gov.vn", "mismatch.gov.vn"},
		[]string{"2001:db8:53::3:1", "198.18.0.41", "2001:db8:53::3:2", "198.18.0.42", "198.18.0.43", "198.18.0.44"}},
	{"hosting", []string{"hosting.vn"}, []string{"2001:db8:53::4:1", "198.18.0.51", "2001:db8:53::4:2", "198.18.0.52"}},
}

func (s signer) file() string {
	if s.zone == "." {
		return "root.zone"
	}
	return s.zone + ".zone"
}

func (s signer) parent() string {
	if _, up, ok := strings.Cut(s.zone, "."); ok && s.zone != "." {
		return up
	}
	return "."
}

// startDNS signs the zones, starts the name servers and writes hints and anchor.
func (w *world) startDNS() {
	w.t.Helper()
	ds := map[string]string{} // by parent
	signed := map[string]string{}
	for _, s := range zones {
		text := w.fixture("zones/"+s.file()) + ds[s.zone]
		path := w.write("zones/"+s.file(), text)
		w.addAddresses(text)
		if s.tool == "" {
			signed[s.zone] = path
			continue
		}
		key := w.sign(s, path)
		signed[s.zone] = path + ".signed"
		if s.foreignDS {
			key = w.ldnsKey(s, "-k")
		}
		record := w.mustIn("", "ldns-key2ds", "-n", "-2", key+".key")
		if s.zone == "." {
			w.files.anchor = w.write("anchor.ds", record)
			continue
		}
		ds[s.parent()] += record
	}
	w.files.hints = w.write("hints", `.	3600000	NS	a.root-servers.net.
a.root-servers.net.	3600000	AAAA	2001:db8:53::a
a.root-servers.net.	3600000	A	198.18.0.10
.	3600000	NS	b.root-servers.net.
b.root-servers.net.	3600000	AAAA	2001:db8:53::b
b.root-servers.net.	3600000	A	198.18.0.11
`)
	w.files.silentHints = w.write("hints.silent", `.	3600000	NS	a.root-servers.net.
a.root-servers.net.	3600000	AAAA	2001:db8:dead::a
a.root-servers.net.	3600000	A	198.18.13.10
`)
	for _, n := range nameServers {
		dir := filepath.Dir(w.write("nsd-"+n.name+"/keep", ""))
		served := map[string]string{}
		for _, z := range n.zones {
			served[z] = signed[z]
		}
		conf := w.render("nsd.conf.tmpl", "nsd-"+n.name+"/nsd.conf", map[string]any{"Addrs": n.addrs, "Dir": dir, "Zones": served, "RateLimit": w.rateLimit})
		w.start(w.servers, "nsd-"+n.name, "nsd", "-d", "-c", conf)
		for _, z := range n.zones {
			w.await("name server of "+z, func() error {
				o := w.run(w.servers, 10*time.Second, "dig", "+norec", "+noall", "+answer", "+time=1", "+tries=1", "@"+n.addrs[0], z, "SOA")
				if o.code != 0 || !strings.Contains(o.stdout, "SOA") {
					return errors.New(strings.TrimSpace(o.stdout + o.stderr))
				}
				return nil
			})
		}
	}
}

// sign makes a zone's keys and its signed file, and returns its key-signing
// key's base name.
func (w *world) sign(s signer, path string) string {
	w.t.Helper()
	now := time.Now().UTC()
	from, to := now.Add(s.shift-time.Hour).Format("20060102150405"), now.Add(s.shift+30*24*time.Hour).Format("20060102150405")
	if s.tool == "bind" {
		keys := filepath.Dir(w.write("keys-"+s.zone+"/keep", ""))
		ksk := strings.TrimSpace(w.must("dnssec-keygen", "-q", "-K", keys, "-a", s.algorithm, "-f", "KSK", s.zone))
		w.must("dnssec-keygen", "-q", "-K", keys, "-a", s.algorithm, s.zone)
		args := append([]string{"-S", "-K", keys, "-d", keys, "-o", s.zone, "-s", from, "-e", to, "-f", path + ".signed"}, s.args...)
		w.must("dnssec-signzone", append(args, path)...)
		return filepath.Join(keys, ksk)
	}
	ksk, zsk := w.ldnsKey(s, "-k"), w.ldnsKey(s)
	args := append([]string{"-o", s.zone, "-i", from, "-e", to, "-f", path + ".signed"}, s.args...)
	w.must("ldns-signzone", append(args, path, ksk, zsk)...)
	return ksk
}

// ldnsKey makes a key in the world's directory and returns its base name.
func (w *world) ldnsKey(s signer, flags ...string) string {
	w.t.Helper()
	args := append([]string{"-a", s.algorithm}, flags...)
	if strings.HasPrefix(s.algorithm, "RSA") {
		args = append(args, "-b", "2048")
	}
	return filepath.Join(w.dir, strings.TrimSpace(w.must("ldns-keygen", append(args, s.zone)...)))
}

// addresses are the A and AAAA records' addresses of a zone text, with owners.
func addresses(text string) (addrs []netip.Addr, owners []string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || (f[1] != "A" && f[1] != "AAAA") {
			continue
		}
		if a, err := netip.ParseAddr(f[2]); err == nil {
			addrs, owners = append(addrs, a), append(owners, f[0])
		}
	}
	return addrs, owners
}

// addAddresses gives the servers every address of a zone but the silent ones.
func (w *world) addAddresses(text string) {
	w.t.Helper()
	addrs, _ := addresses(text)
	for _, a := range addrs {
		if isSilent(a) {
			continue
		}
		bits := "/32"
		if a.Is6() {
			bits = "/128"
		}
		w.must("ip", "-n", w.servers, "addr", "replace", a.String()+bits, "dev", "lo")
	}
}

func isSilent(a netip.Addr) bool {
	return netip.MustParsePrefix(silent6).Contains(a) || netip.MustParsePrefix(silent4).Contains(a)
}

// resolverFiles are the peers' settings: a validating unbound for unbound-host
// and an iterator for delv, which validates itself.
func (w *world) startUnbound() (hostConf, delvAnchor string) {
	w.t.Helper()
	dir := filepath.Dir(w.write("unbound/keep", ""))
	hostConf = w.render("unbound.conf.tmpl", "unbound/host.conf",
		map[string]any{"Dir": dir, "Hints": w.files.hints, "Anchor": w.files.anchor})
	conf := w.render("unbound.conf.tmpl", "unbound/iterator.conf",
		map[string]any{"Dir": dir, "Hints": w.files.hints, "Anchor": ""})
	w.start(w.dual, "unbound", "unbound", "-d", "-c", conf)
	text, err := os.ReadFile(w.files.anchor)
	if err != nil {
		w.t.Fatal(err)
	}
	f := strings.Fields(string(text)) // . 300 IN DS tag algorithm type digest
	if len(f) < 8 || f[3] != "DS" {
		w.t.Fatalf("anchor is not a DS record: %q", text)
	}
	delvAnchor = w.write("anchor.bind", fmt.Sprintf("trust-anchors { . static-ds %s %s %s \"%s\"; };\n", f[4], f[5], f[6], strings.Join(f[7:], "")))
	w.await("unbound", func() error {
		o := w.run(w.dual, 20*time.Second, "dig", "+short", "+time=2", "+tries=1", "-p", "5300", "@127.0.0.1", "www.secure.gov.vn", "AAAA")
		if strings.TrimSpace(o.stdout) != "2001:db8:100::80" {
			return errors.New(o.String())
		}
		return nil
	})
	return hostConf, delvAnchor
}
