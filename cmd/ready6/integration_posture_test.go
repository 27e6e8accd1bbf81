//go:build integration

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The servers of the zones that TestPosture asks about.
const (
	postureRoot  = "198.18.91.1" // NSD
	postureFirst = "198.18.91.2" // NSD
	postureOther = "198.18.91.3" // Knot
	postureThird = "198.18.91.4" // BIND
)

// postureZones are zones on three programs, healthy but for what the version at
// one of them lacks. see is what dig must see there, so that the fault is real.
var postureZones = []struct {
	apex  string
	other func(z *madeZone) // breaks the version that Knot has
	older uint32            // serials that Knot's version is behind
	shift time.Duration     // of that version's validity
	noDS  bool
	want  string // "CODE OWNER ..."; the note on a healthy zone included
	at    string // which servers the fault names
	ask   string // dig's question to Knot
	see   string // what its answer has; "!": has not
}{
	{apex: "ok.", want: "posture.ok dns-operator:ok", ask: "SOA", see: "RRSIG"},
	{apex: "behind.", older: 3, want: "posture.serial-behind dns-operator:behind", at: "ns2.behind", ask: "SOA", see: " 7 7200"},
	{apex: "stale.", older: 1, shift: -40 * 24 * time.Hour, want: "posture.sig-expired dns-operator:stale posture.serial-behind dns-operator:stale", at: "ns2.stale", ask: "SOA", see: "RRSIG"},
	{apex: "naked.", other: func(z *madeZone) { z.unsign("", dns.TypeSOA); z.unsign("", dns.TypeDNSKEY) }, want: "posture.sigs-missing dns-operator:naked", at: "ns2.naked", ask: "DNSKEY", see: "!RRSIG"},
	{apex: "damaged.", other: func(z *madeZone) { z.edit("", dns.TypeNS, spoilt) }, want: "posture.sig-invalid dns-operator:damaged", at: "ns2.damaged", ask: "NS", see: "RRSIG"},
	{apex: "plain.", other: stripped, want: "posture.server-unsigned dns-operator:plain", at: "ns2.plain", ask: "DNSKEY", see: "!DNSKEY 257"},
	{apex: "island.", noDS: true, want: "posture.island registrar:island", ask: "SOA", see: "RRSIG"},
}

// stripped is the zone as it was before it was signed.
func stripped(z *madeZone) {
	z.rrs = slices.DeleteFunc(z.rrs, func(rr dns.RR) bool {
		return slices.Contains([]uint16{dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC}, rr.Header().Rrtype)
	})
}

// TestPosture puts what ready6 says of zones on NSD, Knot and BIND beside what
// dig sees there.
func TestPosture(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsd", "knotd", "named", "dig", "ldns-verify-zone"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	removeStale(t)
	w := &world{t: t, dir: worldDir(t)}
	b := &bed{world: w, ns: "r6post-" + strconv.Itoa(os.Getpid())}
	w.addNamespaces(b.ns)
	w.build()
	b.raisePosture()
	for _, c := range postureZones {
		t.Run(c.apex, func(t *testing.T) {
			o, err := execute(w, b.ns, time.Minute, "dig", "+norec", "+dnssec", "+noall", "+answer", "@"+postureOther, c.apex, c.ask)
			text, absent := strings.CutPrefix(c.see, "!")
			if squeezed := strings.Join(strings.Fields(o.stdout), " "); err != nil || strings.Contains(squeezed, text) == absent {
				t.Fatalf("dig: want %q: %v %v", c.see, o, err)
			}
			b.postureOf(t, c.apex, c.want, c.at)
		})
	}
}

// raisePosture signs the zones and starts the servers.
func (b *bed) raisePosture() {
	b.t.Helper()
	b.forge = &forge{w: b.world, now: time.Now(), pool: map[string][]madeKey{}}
	root := ". SOA ns.root. hostmaster.root. 1 3600 900 604800 300\n. NS ns.root.\nns.root. A " + postureRoot + "\n"
	first, other := map[string]*madeZone{}, map[string]*madeZone{}
	for _, c := range postureZones {
		make := func(serial uint32, shift time.Duration) *madeZone {
			text := fmt.Sprintf("@ SOA ns1 hostmaster %d 7200 900 604800 300\n@ NS ns1\n@ NS ns2\n@ NS ns3\nns1 A %s\nns2 A %s\nns3 A %s\nwww A 198.18.91.80\n",
				serial, postureFirst, postureOther, postureThird)
			z, err := b.forge.sign(order{apex: c.apex, text: text, signer: "ldns", algorithm: "ECDSAP256SHA256", shift: shift})
			if err != nil {
				b.t.Fatal(err)
			}
			return z
		}
		first[c.apex], other[c.apex] = make(10, 0), make(10-c.older, c.shift)
		if c.other != nil {
			c.other(other[c.apex])
		}
		root += fmt.Sprintf("%[1]s NS ns1.%[1]s\n%[1]s NS ns2.%[1]s\n%[1]s NS ns3.%[1]s\nns1.%[1]s A %[2]s\nns2.%[1]s A %[3]s\nns3.%[1]s A %[4]s\n",
			c.apex, postureFirst, postureOther, postureThird)
		if !c.noDS {
			root += first[c.apex].ds[0].String() + "\n"
		}
	}
	if o := b.run("", time.Minute, "ldns-verify-zone", b.write("ok.check", first["ok."].text())); o.code != 0 {
		b.t.Fatalf("ldns-verify-zone does not find the healthy zone so: %v", o)
	}
	top, err := b.forge.sign(order{apex: ".", text: root, signer: "ours", algorithm: "ECDSAP256SHA256"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.files.hints = b.write("hints", ". 3600000 NS ns.root.\nns.root. 3600000 A "+postureRoot+"\n")
	b.files.anchor = b.write("anchors", top.ds[0].String()+"\n")
	for _, s := range []struct {
		program int // index in software
		name    string
		addr    string
		zones   map[string]*madeZone
	}{{0, "posture-root", postureRoot, map[string]*madeZone{".": top}}, {0, "posture-nsd", postureFirst, first},
		{2, "posture-knot", postureOther, other}, {1, "posture-bind", postureThird, first}} {
		b.serve(s.program, s.name, s.addr, s.zones)
		if lacking := b.ready(s.addr, s.zones); len(lacking) > 0 {
			b.t.Fatalf("%s does not serve %v", s.name, lacking)
		}
	}
}

// postureOf asks ready6 and compares every finding, its owner and its servers.
func (b *bed) postureOf(t *testing.T, apex, want, at string) {
	t.Helper()
	o, err := execute(b.world, b.ns, time.Minute, b.bin, "dnssec", "www."+apex, "A", "--posture", "--step-timeout", "1s",
		"--root-hints", b.files.hints, "--trust-anchor", b.files.anchor, "--allow", "198.18.0.0/15", "--format", "json")
	var got struct {
		Posture []struct {
			Code  string `json:"code"`
			Owner struct {
				Role string `json:"role"`
				Name string `json:"name"`
			} `json:"owner"`
			Args map[string]string `json:"args"`
		} `json:"posture"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(o.stdout), &got)
	}
	if err != nil {
		t.Fatalf("%v: %v", err, o)
	}
	var said []string
	for _, p := range got.Posture {
		said = append(said, p.Code, p.Owner.Role+":"+p.Owner.Name)
		if at != "" && p.Args["servers"] != at {
			t.Errorf("%s is of %q, want %q", p.Code, p.Args["servers"], at)
		}
	}
	if strings.Join(said, " ") != want {
		t.Errorf("got %q, want %q: %v", strings.Join(said, " "), want, o)
	}
}
