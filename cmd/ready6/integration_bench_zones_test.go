//go:build integration

package main_test

import (
	"bufio"
	"crypto"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// agencyZone is one zone of the benchmark's world: www.aNNN.gov.vn in a zone of
// its own, and what a scan has to say about it.
type agencyZone struct {
	apex  string
	kind  string // what it is: see kinds
	state string // the DNSSEC state of its AAAA question
	aaaa  bool   // it has one
	quiet bool   // one of its servers, at least, is silent
	mute  bool   // none of its servers answers for it
	site  bool   // it has a host of its own, for web and mail
}

// kinds are what a thousand zones are, in thousandths. The first fits whatever is left.
var kinds = []struct {
	name   string
	share  int
	state  string
	breaks func(z *madeZone, aaaa bool)
}{
	{"secure", 660, "secure", nil},
	{"insecure", 210, "insecure", nil},
	{"unknown algorithm", 10, "insecure", nil},
	{"expired", 15, "bogus", nil},
	{"not yet valid", 14, "bogus", nil},
	{"spoilt answer", 15, "bogus", func(z *madeZone, aaaa bool) { z.eachProof(aaaa, func(rr dns.RR) { spoil(z, rr) }) }},
	{"unsigned answer", 14, "bogus", func(z *madeZone, aaaa bool) {
		z.eachProof(aaaa, func(rr dns.RR) { z.unsign(rr.Header().Name, rr.Header().Rrtype) })
	}},
	{"DS of another digest", 14, "bogus", func(z *madeZone, _ bool) { wrongDigest(z) }},
	{"DS of another key", 14, "bogus", func(z *madeZone, _ bool) { z.ds[0].(*dns.DS).KeyTag++ }},
	{"unsigned keys", 14, "bogus", func(z *madeZone, _ bool) { z.unsign("", dns.TypeDNSKEY) }},
	{"lame", 10, "indeterminate", nil},
	{"silent", 10, "indeterminate", nil},
}

// eachProof calls f for a record of each set that the answer to www AAAA rests on.
func (z *madeZone) eachProof(aaaa bool, f func(dns.RR)) {
	switch {
	case aaaa:
		f(z.find("www", dns.TypeAAAA)[0])
	case z.nsec3 != nil:
		f(z.matching("www"))
	default:
		f(z.find("www", dns.TypeNSEC)[0])
	}
}

// planZones says what each of n zones is. Half of each kind have no AAAA, and half
// of those that are signed use NSEC3; one in a hundred of the secure ones has, of
// two servers, one that is lame or silent.
func planZones(n int) []agencyZone {
	var out []agencyZone
	for i := range n {
		at, kind := i*617%1000, 0 // 617 is prime to 1000: each thousand zones has each share, mixed
		for at >= kinds[kind].share {
			at -= kinds[kind].share
			kind++
		}
		k := kinds[kind]
		z := agencyZone{apex: fmt.Sprintf("a%06d.gov.vn.", i), kind: k.name, state: k.state, aaaa: (at+i/1000)%2 == 0}
		switch {
		case kind == 0 && at < 5:
			z.kind = "half lame"
		case kind == 0 && at < 10:
			z.kind, z.quiet = "half dead", true
		case k.name == "lame":
			z.mute = true
		case k.name == "silent":
			z.mute, z.quiet = true, true
		}
		out = append(out, z)
	}
	return out
}

// The addresses of the world's servers, as numbers of benchAddr.
const (
	rootServer, vnServer, govServer = 1, 3, 5 // and the one after each
	firstAgency, agencies           = 11, 8
	lameServer                      = 31
	firstSilent                     = 0xd00 // and above: where packets vanish
)

// benchAddr returns the addresses of a server of the benchmark's world. Those of
// silent servers are in silent4 and silent6.
func benchAddr(n int) (v4, v6 string) {
	return fmt.Sprintf("198.18.%d.%d", n>>8, n&255), fmt.Sprintf("2001:db8:%s::%x", map[bool]string{true: "dead", false: "53"}[n >= firstSilent], n)
}

// servers are the numbers of the two servers of the i-th zone. Of the silent
// ones every other shares its two, the rest have servers of their own.
func (z agencyZone) servers(i int) [2]int {
	a, b := firstAgency+i%agencies, firstAgency+(i+1+i/agencies%(agencies-1))%agencies
	switch z.kind {
	case "half lame":
		a = lameServer
	case "half dead":
		a = firstSilent + 2 + i/1000%4
	case "lame":
		a, b = lameServer, lameServer+1
	case "silent":
		a, b = firstSilent, firstSilent+1
		if own := 10 + 2*(i/200); i%2 == 1 && own < 200 {
			a, b = firstSilent+own, firstSilent+own+1
		}
	}
	return [2]int{a, b}
}

// make signs the zone and breaks what its kind says; ds is what the parent gets.
func (z agencyZone) make(i int, now time.Time) *madeZone {
	text := strings.Builder{}
	fmt.Fprintf(&text, "@ SOA ns hostmaster 1 3600 900 604800 300\n")
	for _, s := range z.servers(i) {
		fmt.Fprintf(&text, "@ NS ns%d.gov.vn.\n", s)
	}
	if z.site {
		v4, v6 := siteAddr(i)
		fmt.Fprintf(&text, "www A %[1]s\nwww AAAA %[2]s\n@ MX 10 mx\n@ TXT \"v=spf1 mx -all\"\nmx A %[1]s\nmx AAAA %[2]s\n", v4, v6)
	} else {
		fmt.Fprintf(&text, "www A 192.0.2.%d\n", 1+i%250)
	}
	if z.aaaa && !z.site {
		fmt.Fprintf(&text, "www AAAA %s\n", z.address(i))
	}
	made := &madeZone{apex: z.apex}
	made.add(text.String())
	from := now.Add(-2 * time.Hour)
	algorithm := "ECDSAP256SHA256"
	switch z.kind {
	case "insecure", "lame":
		return made
	case "expired":
		from = now.Add(-60 * day)
	case "not yet valid":
		from = now.Add(30 * day)
	case "unknown algorithm":
		algorithm = "250"
	}
	made.from, made.to = from, from.Add(30*day)
	if i/8%2 == 1 {
		made.nsec3 = &chain3{}
	}
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: z.apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	var private crypto.PrivateKey
	for private == nil || key.KeyTag() == 0 { // which the library takes for "not set"
		var err error
		if private, err = key.Generate(256); err != nil {
			panic(err)
		}
	}
	key.Algorithm = algorithmNumber(algorithm)
	made.keys = []madeKey{{key, private.(crypto.Signer)}}
	made.signOurs()
	made.ds = []dns.RR{key.ToDS(dns.SHA256)}
	for _, k := range kinds {
		if k.name == z.kind && k.breaks != nil {
			k.breaks(made, z.aaaa)
		}
	}
	return made
}

func (z agencyZone) address(i int) string {
	a := netip.MustParseAddr("2001:db8:80::").As16()
	binary.BigEndian.PutUint32(a[12:], uint32(i+1))
	return netip.AddrFrom16(a).String()
}

// makeAgencies makes all the zones, writes those that are served into dir, and
// returns their files and the parent's text about them.
func makeAgencies(dir string, plan []agencyZone) (files map[string]string, delegations string, err error) {
	parents := make([]string, len(plan))
	paths := make([]string, len(plan))
	now := time.Now()
	var wg sync.WaitGroup
	work := make(chan int)
	faults := make(chan error, len(plan))
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := range work {
				z := plan[i]
				made := z.make(i, now)
				var b strings.Builder
				for _, s := range z.servers(i) {
					fmt.Fprintf(&b, "%s NS ns%d.gov.vn.\n", z.apex, s)
				}
				for _, ds := range made.ds {
					fmt.Fprintln(&b, ds)
				}
				parents[i] = b.String()
				if z.mute {
					continue
				}
				paths[i] = filepath.Join(dir, z.apex+"zone")
				if err := os.WriteFile(paths[i], []byte(made.text()), 0o644); err != nil {
					faults <- err
				}
			}
		})
	}
	for i := range plan {
		work <- i
	}
	close(work)
	wg.Wait()
	files = map[string]string{}
	for i, p := range paths {
		if p != "" {
			files[plan[i].apex] = p
		}
	}
	select {
	case err = <-faults:
	default:
	}
	return files, strings.Join(parents, ""), err
}

// raiseBench makes the zones, serves them, and writes what a scan is given.
func (b *bed) raiseBench(plan []agencyZone) {
	b.t.Helper()
	b.forge = &forge{w: b.world, now: time.Now(), pool: map[string][]madeKey{}}
	dir := filepath.Dir(b.write("agencies/keep", ""))
	files, gov, err := makeAgencies(dir, plan)
	if err != nil {
		b.t.Fatal(err)
	}
	hosts := map[int]bool{}
	for i, z := range plan {
		for _, s := range z.servers(i) {
			hosts[s] = true
		}
	}
	var ds []dns.RR
	apex := func(name string, server int, below string) *madeZone {
		var text strings.Builder
		fmt.Fprintf(&text, "@ SOA ns hostmaster 1 3600 900 604800 300\n%s", below)
		own := hosts
		if name != "gov.vn." {
			own = map[int]bool{}
		}
		for s := server; s < server+2; s++ {
			fmt.Fprintf(&text, "@ NS ns%d.%s\n", s, strings.TrimPrefix(name, "."))
			own[s] = true
		}
		for _, s := range slices.Sorted(maps.Keys(own)) {
			v4, v6 := benchAddr(s)
			fmt.Fprintf(&text, "ns%[1]d A %[2]s\nns%[1]d AAAA %[3]s\n", s, v4, v6)
		}
		for _, rr := range ds {
			fmt.Fprintln(&text, rr)
		}
		o := order{apex: name, text: text.String(), signer: "ours", algorithm: "ECDSAP256SHA256"}
		if name == "gov.vn." {
			o.nsec3 = &chain3{optOut: true}
		}
		z, err := b.forge.sign(o)
		if err != nil {
			b.t.Fatal(err)
		}
		ds = z.ds
		return z
	}
	glue := func(child string, server int) string {
		var text strings.Builder
		for s := server; s < server+2; s++ {
			v4, v6 := benchAddr(s)
			fmt.Fprintf(&text, "%[1]s NS ns%[2]d.%[1]s\nns%[2]d.%[1]s A %[3]s\nns%[2]d.%[1]s AAAA %[4]s\n", child, s, v4, v6)
		}
		return text.String()
	}
	z := apex("gov.vn.", govServer, gov)
	b.benchServer("gov", govServer, 2, map[string]string{"gov.vn.": b.zoneFile(z)})
	z = apex("vn.", vnServer, glue("gov.vn.", govServer))
	b.benchServer("vn", vnServer, 2, map[string]string{"vn.": b.zoneFile(z)})
	z = apex(".", rootServer, glue("vn.", vnServer))
	b.benchServer("root", rootServer, 2, map[string]string{".": b.zoneFile(z)})
	b.benchServer("lame", lameServer, 2, map[string]string{})
	b.benchServer("agencies", firstAgency, agencies, files)
	b.anchors = ds
	b.files.anchor = b.write("anchor", fmt.Sprintln(ds[0]))
	var hints strings.Builder
	for s := rootServer; s < rootServer+2; s++ {
		v4, v6 := benchAddr(s)
		fmt.Fprintf(&hints, ". 3600000 NS ns%[1]d.\nns%[1]d. 3600000 A %[2]s\nns%[1]d. 3600000 AAAA %[3]s\n", s, v4, v6)
	}
	b.files.hints = b.write("hints", hints.String())
}

func (b *bed) zoneFile(z *madeZone) string {
	b.t.Helper()
	path := filepath.Join(b.dir, "top-"+strings.ReplaceAll(z.apex, ".", "_"))
	f, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	w.WriteString(z.text())
	if err := cmpErr(w.Flush(), f.Close()); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// benchServer starts one NSD on consecutive addresses.
func (b *bed) benchServer(name string, first, count int, files map[string]string) {
	b.t.Helper()
	var addrs []string
	for s := first; s < first+count; s++ {
		v4, v6 := benchAddr(s)
		b.must("ip", "-n", b.ns, "addr", "add", v4+"/32", "dev", "lo")
		b.must("ip", "-n", b.ns, "-6", "addr", "add", v6+"/128", "dev", "lo", "nodad")
		addrs = append(addrs, v4, v6)
	}
	dir := filepath.Dir(b.write("nsd-"+name+"/conf", nsdConf(filepath.Join(b.dir, "nsd-"+name), strings.Join(addrs, "\n  ip-address: "), files)))
	server := []string{"nsd", "-d", "-c", dir + "/conf"}
	if *benchBatch {
		server = append([]string{"chrt", "-b", "0"}, server...)
	}
	b.start(b.ns, "nsd-"+name, server[0], server[1:]...)
	zone := "nothing."
	for apex := range files {
		zone = apex
		break
	}
	b.await("nsd-"+name, func() error {
		o := b.run(b.ns, 10*time.Second, "dig", "+norec", "+time=1", "+tries=1", "@"+addrs[0], zone, "SOA")
		if want := map[bool]string{true: "status: NOERROR", false: "status: REFUSED"}[len(files) > 0]; !strings.Contains(o.stdout, want) {
			return fmt.Errorf("%s", strings.TrimSpace(o.stdout+o.stderr))
		}
		return nil
	})
}
