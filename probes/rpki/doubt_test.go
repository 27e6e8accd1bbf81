package rpki

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

func TestDoubt(t *testing.T) {
	const vrpText = "192.0.2.0/24 AS1 ta=ripe, 198.51.100.0/24 AS9 ta=apnic, 203.0.113.0/24 AS9 ta=ripe, 2001:db8::/32 AS1"
	s := snapshot(t, vrpText)
	if got, want := s.TAs(), map[string]int{"ripe": 2, "apnic": 1, "": 1}; !maps.Equal(got, want) {
		t.Errorf("TAs %v, want %v", got, want)
	}
	routes := table(t, "192.0.2.0/24 AS1 300, 198.51.100.0/24 AS1 300, 203.0.113.0/24 AS1 300, 192.88.99.0/24 AS1 300, 2001:db8::/32 AS2 300", night)
	for _, tt := range []struct{ ta, addr, want string }{
		{"ripe", "192.0.2.1", "valid"},        // one match is enough for good
		{"ripe", "192.88.99.1", "unknown"},    // not-found is what a missing VRP looks like
		{"ripe", "203.0.113.1", "unknown"},    // the VRP for it may be missing beside the one against it
		{"ripe", "198.51.100.1", "invalid"},   // another trust anchor's, which is whole
		{"apnic", "203.0.113.1", "invalid"},   //
		{"apnic", "198.51.100.1", "unknown"},  //
		{"", "198.51.100.1", "unknown"},       // any
		{"apnic", "2001:db8::1", "unknown"},   // whose it is is not told
		{"ripe", "198.18.0.1", "unrouted"},    // no VRP changes that
		{"ripe", "10.0.0.1", "unrouted"},      //
		{"nobody", "192.88.99.1", "unknown"},  // a trust anchor that is gone altogether
		{"nobody", "198.51.100.1", "invalid"}, //
	} {
		f := Judge(s.Doubt(tt.ta), routes, netip.MustParseAddr(tt.addr), night)
		if f.State().String() != tt.want || f.State() == Unknown && f.Code() != "rpki.unknown.vrps-shrunk" {
			t.Errorf("%q missing, %s: %s (%s), want %s", tt.ta, tt.addr, f.State(), f.Code(), tt.want)
		}
		checkResults(t, f, f.Results())
		if f := Judge(s, routes, netip.MustParseAddr(tt.addr), night); f.State() == Unknown {
			t.Errorf("%s: unknown without doubt", tt.addr)
		}
	}
}

func TestDoubtOfOwnBlocks(t *testing.T) {
	s := snapshot(t, "192.0.2.0/24 AS1 ta=ripe").Doubt("ripe")
	routes := table(t, "192.0.2.0/24 AS1 300, 198.51.100.0/24 AS1 300", night)
	for block, want := range map[string]verdict.Reason{"192.0.2.0/24": "rpki.own.valid", "198.51.100.0/24": "rpki.unknown.vrps-shrunk"} {
		h := Holding{Prefix: netip.MustParsePrefix(block), Origins: []ASN{1}, Own: []ASN{1}}
		out := Policy{}.Audit(s, routes, h, night)
		if len(out) == 0 || out[0].Reason != want {
			t.Errorf("%s: %+v, want %s", block, out, want)
		}
	}
}

// A dump in address order tells what is before its end, and nothing behind it.
func TestDamagedTable(t *testing.T) {
	ordered := &dumpWriter{t: t}
	ordered.peers(64496)
	for _, p := range []string{"192.0.0.0/16", "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/48"} {
		ordered.rib(p, false, path{0, 0, "64496 1"})
	}
	shuffled := &dumpWriter{t: t}
	shuffled.peers(64496)
	for _, p := range []string{"198.51.100.0/24", "192.0.2.0/24", "203.0.113.0/24", "203.0.114.0/24"} {
		shuffled.rib(p, false, path{0, 0, "64496 1"})
	}
	twice := append(bytes.Clone(ordered.Bytes()), ordered.Bytes()...)
	text := "1\t192.0.2.0/24\t300\n1\t198.51.100.0/24\t300\n1\t203.0.113.0/24\t300\n"
	for _, tt := range []struct {
		name  string
		dump  []byte
		known string
		not   string
	}{
		{"cut in IPv6", ordered.Bytes()[:ordered.Len()-5], "192.0.2.1 198.51.100.1 2001:db8::1", "2001:db8:1::1 2001:db8:2::1 2001:db8:ffff::1"},
		{"cut in IPv4", ordered.Bytes()[:offsetOf(ordered.Bytes(), 4)-5], "", "198.51.100.1 192.0.2.1 2001:db8::1"},
		{"damaged", garbled(ordered.Bytes(), 6), "192.0.2.1 198.51.100.1 2001:db8::1", "2001:db8:2::1"},
		{"in no order", shuffled.Bytes()[:shuffled.Len()-5], "", "198.51.100.1 192.0.2.1 203.0.113.1"},
		{"several tables", twice[:len(twice)-5], "", "192.0.2.1 198.51.100.1 2001:db8::1"},
		{"text cut in gzip", packed(t, []byte(text+strings.Repeat(text, 9)))[:40], "", "192.0.2.1"},
		{"text with a line of rubbish", []byte(text + "rubbish\n"), "", "192.0.2.1 203.0.113.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ReadRoutes(bytes.NewReader(tt.dump), "rib")
			if err == nil {
				t.Fatal("no error")
			}
			if r.Len() > 0 && !r.Damaged() {
				t.Error("not marked")
			}
			s := snapshot(t, "192.0.0.0/8-24 AS1, 198.51.100.0/24 AS1, 203.0.113.0/24 AS1, 2001:db8::/32-48 AS1")
			for _, a := range strings.Fields(tt.known) {
				if f := Judge(s, r, netip.MustParseAddr(a), night); f.State() != Valid {
					t.Errorf("%s: %s (%s), want valid", a, f.State(), f.Code())
				}
			}
			for _, a := range strings.Fields(tt.not) {
				f := Judge(s, r, netip.MustParseAddr(a), night)
				if f.State() != Unknown || r.Len() > 0 && f.Code() != "rpki.unknown.routes-damaged" {
					t.Errorf("%s: %s (%s), want unknown", a, f.State(), f.Code())
				}
				checkResults(t, f, f.Results())
				both := Judge(s, MergeRoutes(r, table(t, "192.0.2.0/24 AS1 300", night)), netip.MustParseAddr(a), night)
				if r.Len() > 0 && both.State() != Unknown {
					t.Errorf("%s: %s beside a whole table", a, both.State())
				}
			}
		})
	}
}

// offsetOf is where the n-th record of a dump begins.
func offsetOf(dump []byte, n int) int {
	off := 0
	for range n {
		off += 12 + int(binary.BigEndian.Uint32(dump[off+8:]))
	}
	return off
}

// garbled has an impossible prefix length in its n-th record.
func garbled(dump []byte, n int) []byte {
	out := bytes.Clone(dump)
	out[offsetOf(out, n)+12+4] = 200
	return out
}

func TestMergeRoutes(t *testing.T) {
	a := table(t, "192.0.2.0/24 AS1 30, 192.0.2.0/24 AS2 5", night)
	b := table(t, "192.0.2.0/24 AS1 12, 2001:db8::/32 AS3 9", night.Add(-time.Hour))
	r := MergeRoutes(a, b)
	const want = "192.0.2.0/24 AS1 42\n192.0.2.0/24 AS2 5\n2001:db8::/32 AS3 9\n"
	if got := dumpRoutes(r); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if src := r.Source(); src.Name != "ris, ris" || !src.At.Equal(night.Add(-time.Hour)) || src.Partial || r.Damaged() || r.maxPeers != 42 {
		t.Errorf("%+v, most seen by %d", src, r.maxPeers)
	}
	if MergeRoutes() != nil || MergeRoutes(a) != a {
		t.Error("none or one is not merged")
	}
}

// A file whose every VRP has ended has ended, though it names no date.
func TestAllExpired(t *testing.T) {
	const head = "ASN,IP Prefix,Max Length,Trust Anchor,Expires\n"
	ended := time.Unix(1795395600, 0).UTC()
	for text, want := range map[string]time.Time{
		head + "AS1,192.0.2.0/24,24,ripe,1795395600\nAS2,2001:db8::/32,32,ripe,1795300000\n":       ended,
		"ASN,IP Prefix,Max Length,Trust Anchor\nAS1,192.0.2.0/24,24,ripe\n":                        {},
		`{"roas":[{"asn":1,"prefix":"192.0.2.0/24","expires":1795395600}]}`:                        ended,
		`{"roas":[{"asn":1,"prefix":"192.0.2.0/24","expires":1},{"asn":1,"prefix":"10.0.0.0/8"}]}`: {},
	} {
		s, err := ReadVRPs(strings.NewReader(text), "x")
		if err != nil || !s.Source().Until.Equal(want) {
			t.Errorf("%s: until %v, %v; want %v", text, s.Source().Until, err, want)
		}
	}
}
