//go:build integration

package main_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// algorithmBits are the algorithms that the test can make keys for.
var algorithmBits = map[string]int{
	"RSASHA1": 2048, "RSASHA1-NSEC3-SHA1": 2048, "RSASHA256": 2048, "RSASHA512": 2048,
	"ECDSAP256SHA256": 256, "ECDSAP384SHA384": 384, "ED25519": 256,
}

// knotAlgorithms are their names in Knot's settings.
var knotAlgorithms = map[string]string{
	"RSASHA1": "rsasha1", "RSASHA1-NSEC3-SHA1": "rsasha1-nsec3-sha1", "RSASHA256": "rsasha256", "RSASHA512": "rsasha512",
	"ECDSAP256SHA256": "ecdsap256sha256", "ECDSAP384SHA384": "ecdsap384sha384", "ED25519": "ed25519", "ED448": "ed448",
}

// forge makes and signs the zones. Zones of one algorithm share their keys'
// material, except those that kzonesign signs, which makes its own.
type forge struct {
	w    *world
	now  time.Time
	mu   sync.Mutex
	pool map[string][]madeKey
}

// keys are a KSK and a ZSK for a zone.
func (f *forge) keys(apex, algorithm string) []madeKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	bits, ok := algorithmBits[algorithm]
	number := dns.StringToAlgorithm[algorithm]
	if !ok {
		bits, number = 256, dns.ECDSAP256SHA256
	}
	pool := f.pool[dns.AlgorithmToString[number]]
	for len(pool) < 2 {
		k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
			Flags: [...]uint16{257, 256}[len(pool)], Protocol: 3, Algorithm: number}
		private, err := k.Generate(bits)
		if err != nil {
			panic(err)
		}
		pool = append(pool, madeKey{k, private.(crypto.Signer)})
	}
	f.pool[dns.AlgorithmToString[number]] = pool
	var out []madeKey
	for _, k := range pool {
		own := dns.Copy(k.public).(*dns.DNSKEY)
		own.Hdr.Name = apex
		if !ok {
			own.Algorithm = algorithmNumber(algorithm)
		}
		out = append(out, madeKey{own, k.signer})
	}
	return out
}

// algorithmNumber reads a mnemonic or a number.
func algorithmNumber(s string) uint8 {
	if n, ok := dns.StringToAlgorithm[s]; ok {
		return n
	}
	var n uint8
	if _, err := fmt.Sscan(s, &n); err != nil {
		panic(err)
	}
	return n
}

// order is what a signer is asked for.
type order struct {
	apex, text string
	signer     string // "ours", "ldns", "bind" or "knot"
	algorithm  string
	nsec3      *chain3
	shift      time.Duration // of the validity period
}

// sign makes the zone; its DS for the parent is of SHA-256.
func (f *forge) sign(o order) (*madeZone, error) {
	from := f.now.Add(o.shift - 2*time.Hour).Truncate(time.Second)
	z := &madeZone{apex: o.apex, from: from, to: from.Add(30 * 24 * time.Hour), nsec3: o.nsec3}
	var err error
	if z.rrs, err = parseRecords(o.apex, o.text); err != nil {
		return nil, fmt.Errorf("%s: %w", o.apex, err)
	}
	dir := filepath.Join(f.w.dir, "made", o.apex)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if o.signer == "knot" {
		err = f.knot(z, o, dir)
	} else {
		z.keys = f.keys(o.apex, o.algorithm)
		switch o.signer {
		case "ours":
			z.signOurs()
		case "ldns", "bind":
			err = f.tool(z, o, dir)
		default:
			err = fmt.Errorf("no signer %q", o.signer)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s by %s: %w", o.apex, o.signer, err)
	}
	for _, rr := range z.find("", dns.TypeDNSKEY) {
		if k := rr.(*dns.DNSKEY); k.Flags&1 != 0 {
			z.ds = append(z.ds, k.ToDS(dns.SHA256))
		}
	}
	return z, nil
}

// tool signs with ldns-signzone or dnssec-signzone, with our keys.
func (f *forge) tool(z *madeZone, o order, dir string) error {
	var bases []string
	text := z.text()
	for _, k := range z.keys {
		base := filepath.Join(dir, fmt.Sprintf("K%s+%03d+%05d", o.apex, k.public.Algorithm, k.public.KeyTag()))
		bases = append(bases, base)
		text += k.public.String() + "\n"
		if err := os.WriteFile(base+".key", []byte(k.public.String()+"\n"), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(base+".private", []byte(k.public.PrivateKeyString(k.signer)), 0o600); err != nil {
			return err
		}
	}
	in, out := filepath.Join(dir, "zone"), filepath.Join(dir, "signed")
	if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
		return err
	}
	stamp := func(t time.Time) string { return t.UTC().Format("20060102150405") }
	var cmd []string
	if o.signer == "ldns" {
		cmd = []string{"ldns-signzone", "-o", o.apex, "-i", stamp(z.from), "-e", stamp(z.to), "-f", out}
		if o.nsec3 != nil {
			cmd = append(cmd, "-n", "-t", fmt.Sprint(o.nsec3.iterations))
			if o.nsec3.salt != "" {
				cmd = append(cmd, "-s", o.nsec3.salt)
			}
			if o.nsec3.optOut {
				cmd = append(cmd, "-p")
			}
		}
	} else {
		cmd = []string{"dnssec-signzone", "-q", "-P", "-o", o.apex, "-d", dir, "-s", stamp(z.from), "-e", stamp(z.to), "-f", out}
		if o.nsec3 != nil {
			salt := o.nsec3.salt
			if salt == "" {
				salt = "-"
			}
			cmd = append(cmd, "-3", salt, "-H", fmt.Sprint(o.nsec3.iterations))
			if o.nsec3.optOut {
				cmd = append(cmd, "-A")
			}
		}
	}
	cmd = append(append(cmd, in), bases...)
	return f.read(z, out, cmd)
}

// read runs a signer and reads what it made.
func (f *forge) read(z *madeZone, path string, cmd []string) error {
	o, err := execute(f.w, "", time.Minute, cmd...)
	if err != nil || o.code != 0 {
		return fmt.Errorf("%v: %v: %v", cmd, err, o)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	z.rrs, err = parseRecords(z.apex, string(text))
	return err
}

// knot signs with kzonesign, which makes its keys itself.
func (f *forge) knot(z *madeZone, o order, dir string) error {
	nsec3 := "nsec3: off"
	if n := o.nsec3; n != nil {
		nsec3 = fmt.Sprintf("nsec3: on\n    nsec3-iterations: %d\n    nsec3-salt-length: %d", n.iterations, len(n.salt)/2)
		if n.optOut {
			nsec3 += "\n    nsec3-opt-out: on"
		}
	}
	for name, text := range map[string]string{"zone": z.text(), "db/keep": "", "knot.conf": fmt.Sprintf(`server:
    rundir: %[1]q
database:
    storage: "%[1]s/db"
policy:
  - id: made
    algorithm: %[2]s
    rrsig-lifetime: 30d
    rrsig-refresh: 7d
    cds-cdnskey-publish: none
    %[3]s
zone:
  - domain: %[4]q
    storage: %[1]q
    file: zone
    semantic-checks: off
    dnssec-signing: on
    dnssec-policy: made
`, dir, knotAlgorithms[o.algorithm], nsec3, o.apex)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	out := filepath.Join(dir, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	cmd := []string{"kzonesign", "-c", filepath.Join(dir, "knot.conf"), "-o", out}
	if o.shift != 0 {
		cmd = append(cmd, "-t", fmt.Sprint(f.now.Add(o.shift).Unix()))
	}
	if err := f.read(z, filepath.Join(out, "zone"), append(cmd, o.apex)); err != nil {
		return err
	}
	return z.loadKeys(filepath.Join(dir, "db/keys/keys"))
}

// loadKeys finds the private keys of the zone's DNSKEYs among PEM files. One
// that Go does not know stays out.
func (z *madeZone) loadKeys(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		return err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return fmt.Errorf("%s is not PEM", path)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			continue
		}
		signer := parsed.(crypto.Signer)
		for _, rr := range z.find("", dns.TypeDNSKEY) {
			k := madeKey{rr.(*dns.DNSKEY), signer}
			probe := z.sign(k, z.find("", dns.TypeSOA), nil)
			if probe.Verify(k.public, z.find("", dns.TypeSOA)) == nil {
				z.keys = append(z.keys, k)
			}
		}
	}
	slices.SortFunc(z.keys, func(a, b madeKey) int { return int(b.public.Flags) - int(a.public.Flags) })
	if strings.Contains(fmt.Sprint(z.find("", dns.TypeDNSKEY)), " 16 ") {
		return nil // Ed448
	}
	if len(z.keys) < 2 {
		return fmt.Errorf("%d of its keys found", len(z.keys))
	}
	return nil
}
