package lab

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// TestWorlds starts every embedded world and checks that its wants speak the
// project's own words and that its inventory is one that the reader takes.
func TestWorlds(t *testing.T) {
	for _, name := range Worlds() {
		t.Run(name, func(t *testing.T) {
			l := start(t, name, Options{})
			if l.world.Title == "" {
				t.Error("no title")
			}
			if len(l.Wants()) == 0 {
				t.Error("nothing wanted")
			}
			for _, w := range slices.Concat(l.Wants(), l.WantsOwn()) {
				for _, r := range w.Reasons {
					code, _, _ := strings.Cut(r, "=") // what follows is its owner
					if verdict.Lookup(verdict.Reason(code)).Title.EN == code {
						t.Errorf("%s: reason %q is not in the catalogue", w.Host, r)
					}
				}
			}
			y, err := l.Inventory()
			if err != nil {
				t.Fatal(err)
			}
			inv, err := inventory.Read(bytes.NewReader(y), name)
			if err != nil {
				t.Fatalf("%v\n%s", err, y)
			}
			services := map[string]bool{}
			for _, s := range inv.At(l.Now()).All() {
				kind := s.Kind
				if kind == "tcp" || kind == "tls" {
					kind = fmt.Sprintf("%s:%d", kind, s.Port)
				}
				services[kind+" "+s.Host] = true
			}
			for _, a := range inv.Agencies {
				for _, p := range a.Prefixes {
					if slices.ContainsFunc(l.Wants(), func(w Want) bool { return w.Host == p.Prefix.String() }) {
						services["prefix "+p.Prefix.String()] = true
					}
				}
			}
			for _, w := range l.Wants() {
				if !services[w.Service+" "+w.Host] {
					t.Errorf("%s %s is wanted but not in today's inventory", w.Service, w.Host)
				}
			}
			if len(services) != len(l.Wants()) {
				t.Errorf("%d services, %d wants", len(services), len(l.Wants()))
			}
		})
	}
}

// TestDefault asks of the shipped province what it is there for.
func TestDefault(t *testing.T) {
	began := time.Now()
	l, err := Start(Default(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("starting took %v", took)
	}
	levels, dnssec, rpki := map[int]int{}, map[string]int{}, map[string]int{}
	for _, w := range l.Wants() {
		levels[w.Level]++
		dnssec[w.DNSSEC]++
		rpki[w.RPKI]++
	}
	for level := range 5 {
		if levels[level] == 0 {
			t.Errorf("no service of level %d", level)
		}
	}
	for _, s := range []string{"secure", "insecure", "bogus", "indeterminate"} {
		if dnssec[s] == 0 {
			t.Errorf("no service is %s", s)
		}
	}
	for _, s := range []string{"valid", "invalid", "not-found", "unrouted", "unknown"} {
		if rpki[s] == 0 {
			t.Errorf("no route is %s", s)
		}
	}
	shipped := map[string]bool{}
	for _, a := range inventory.Province().At(l.Now()).Agencies {
		shipped[a.ID] = false
	}
	for _, s := range l.world.services {
		shipped[s.agency] = true
	}
	for id, used := range shipped {
		if !used {
			t.Errorf("agency %s of the shipped province has no service", id)
		}
	}
}

// TestVersions lets two servers of one zone serve different versions of it.
func TestVersions(t *testing.T) {
	l := start(t, `one server is stale, one has lost the signatures
-- include --
base
-- zones --
tinh.gov.vn        ns1.dc.gov.vn ns2.dc.gov.vn
tinh.gov.vn@plain  ns2.dc.gov.vn  unsigned
-- zone tinh.gov.vn --
-- zone tinh.gov.vn@plain --
@  SOA  old hostmaster 1 2 3 4 5
`, Options{})
	good := mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeAAAA)
	bad := mustAsk(t, l, "udp", "[2001:db8:4:1::53]:53", "www.tinh.gov.vn.", dns.TypeAAAA)
	if len(good.Answer) != 2 || len(bad.Answer) != 1 {
		t.Errorf("signed server %v\nunsigned server %v", good.Answer, bad.Answer)
	}
	soa := mustAsk(t, l, "tcp", "[2001:db8:4:1::53]:53", "tinh.gov.vn.", dns.TypeSOA)
	if len(soa.Answer) != 1 || soa.Answer[0].(*dns.SOA).Serial != 1 {
		t.Errorf("stale SOA %v", soa.Answer)
	}
	if soa := mustAsk(t, l, "udp", dcServer, "tinh.gov.vn.", dns.TypeSOA).Answer[0].(*dns.SOA); soa.Serial == 1 {
		t.Error("the proper server is stale, too")
	}
}

func TestParseFaults(t *testing.T) {
	_, err := Parse([]byte(`all kinds of mistakes
-- hosts --
a.lab dns 2001:db8::1!sleepy
b.lab web
c.lab web 192.0.2.300
d.lab ftp 192.0.2.1
e.lab web 192.0.2.1!status:teapot
-- zones --
. a.lab alg=rot13
vn
-- edit --
. paint x A 1.2.3.4
-- vrps --
192.0.2.0/24 AS1 max=8
192.0.2.1/24 AS1
-- routes --
192.0.2.0/24 {AS1} AS2
-- want --
x web 9 secure valid
x web 1 safe valid
-- nonsense --
-- include --
no-such-world
`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`hosts:1: a dns host has no fault "sleepy"`, `hosts:3: "192.0.2.300" is neither`, "hosts:2: host b.lab. has no addresses", "hosts:4: kind", "hosts:5: fault",
		"zones:1: option alg", "zones:2: zone vn. has no servers", "edit:1: verb", "vrps:1: max", "vrps:2:", "routes:1:", "want:1: level", "want:2:",
		"nonsense: no such section", `include:1: no embedded world "no-such-world"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%v", want, err)
		}
	}
}

// TestFrozenClock checks that a world may bring its own time, for which
// everything is signed.
func TestFrozenClock(t *testing.T) {
	l := start(t, "long ago\n-- include --\nbase\n-- now --\n2025-06-15T02:00:00Z\n", Options{})
	if l.Now().Format(time.RFC3339) != "2025-06-15T02:00:00Z" {
		t.Errorf("the time is %v", l.Now())
	}
	m := mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeAAAA)
	if sig := m.Answer[1].(*dns.RRSIG); !sig.ValidityPeriod(l.Now()) {
		t.Errorf("signed for another time: %v", sig)
	}
	if r, _, err := get(l, "[2001:db8:8000::80]:443", "www.tinh.gov.vn", "/", 10*time.Second); err != nil || r.StatusCode != 200 {
		t.Errorf("certificate of another time: %v", err)
	}
}
