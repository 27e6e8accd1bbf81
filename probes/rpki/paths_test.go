package rpki

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestPaths protects what is said of the ways to own blocks: who is on them, who
// is next to the origin, and that nothing is kept of others' announcements.
func TestPaths(t *testing.T) {
	d := &dumpWriter{t: t}
	d.peers(1, 2, 3, 4)
	// Superseded by the same router's next dump.
	d.rib("2001:db8::/48", false, path{peer: 0, path: "1,77,9"})
	d.rib("2001:db8:1::/48", false, path{peer: 0, path: "1,9"})
	d.peers(1, 2, 3, 4)
	d.rib("2001:db8::/48", false,
		path{peer: 0, path: "1,5,23899,9,9,9"}, // prepended at the origin
		path{peer: 1, path: "2,2,5,5,9"},       // and on the way
		path{peer: 2, path: "3 {6,7} 8,9"},     // a set in the middle
		path{peer: 2, path: "3 {6,7} 9"},       // or next to the origin
		path{peer: 3, path: "4 {9,10}"},        // no origin
	)
	d.rib("2001:db8:0:1::/64", true, path{peer: 0, id: 1, path: "1,9"}, path{peer: 0, id: 2, path: "(65001,65002) 1,9"})
	d.rib("2001:db9::/48", false, path{peer: 0, path: "1,9"})
	d.rib("192.0.2.0/24", false, path{peer: 1, path: "9"}, path{peer: 2, path: ""})
	own := []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.0/24")}
	r, err := ReadRoutes(bytes.NewReader(d.Bytes()), "t", own...)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]*Routes{"alone": r, "merged": MergeRoutes(r, r)} {
		twice := 1
		if name == "merged" {
			twice = 2
		}
		for _, c := range []struct {
			prefix  string
			entries int
			want    string
		}{
			{"2001:db8::/48", 4, "[{AS5 2 1} {AS3 2 0} {AS8 1 1} {AS23899 1 1} {AS1 1 0} {AS2 1 0}]"},
			{"2001:db8:0:1::/64", 2, "[{AS1 2 2}]"},
			{"192.0.2.0/24", 1, "[]"},
			{"2001:db8:1::/48", 0, "[]"},
			{"2001:db9::/48", 0, "[]"},
		} {
			entries, hops := table.Paths(netip.MustParsePrefix(c.prefix), From(9))
			for i := range hops {
				hops[i].Peers, hops[i].Upstream = hops[i].Peers/twice, hops[i].Upstream/twice
			}
			if got := fmt.Sprint(hops); entries != c.entries*twice || got != c.want {
				t.Errorf("%s, %s: %d entries, %s; want %d, %s", name, c.prefix, entries, got, c.entries*twice, c.want)
			}
		}
	}
	if plain, err := ReadRoutes(bytes.NewReader(d.Bytes()), "t"); err != nil || plain.paths != nil {
		t.Errorf("paths that nobody asked for: %v, %v", plain.paths, err)
	}
}

// A dump cannot make the paths of own blocks grow without bound.
func TestPathsBounded(t *testing.T) {
	d := &dumpWriter{t: t}
	d.peers(1)
	for i := range 40 {
		long := "1"
		for k := range 200 {
			long += fmt.Sprintf(",%d", 100_000+200*i+k)
		}
		d.rib("2001:db8::/48", false, path{peer: 0, path: long + ",9"})
	}
	d.rib("2001:db8:1::/48", false, path{peer: 0, path: strings.TrimSpace(strings.Repeat("8"+strings.Repeat(",8", 199)+" ", 50)) + " 9"})
	r, err := ReadRoutes(bytes.NewReader(d.Bytes()), "t", netip.MustParsePrefix("::/0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, hops := r.Paths(netip.MustParsePrefix("2001:db8::/48"), From(9)); len(hops) != maxPathHops {
		t.Errorf("%d hops, want %d", len(hops), maxPathHops)
	}
	if entries, hops := r.Paths(netip.MustParsePrefix("2001:db8:1::/48"), From(9)); entries != 1 || len(hops) != 0 {
		t.Errorf("of a path of 10,000: %d entries, %v", entries, hops)
	}
}
