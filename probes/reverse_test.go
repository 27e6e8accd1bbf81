package probes

import (
	"net/netip"
	"slices"
	"testing"
)

// Reverse zones lie at nibble boundaries; a block between two has several.
func TestReverseZones(t *testing.T) {
	for block, want := range map[string][]string{
		"2001:db8::/32":    {"8.b.d.0.1.0.0.2.ip6.arpa"},
		"2001:db8::/31":    {"8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa"},
		"2001:db8:4::/46":  {"4.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "6.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
		"2001:db8:10::/44": {"1.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
		"2001:db8:30::/43": {"2.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "3.0.0.8.b.d.0.1.0.0.2.ip6.arpa"}, // bits after the length do not count
		"2000::/3":         {"2.ip6.arpa", "3.ip6.arpa"},
		"::/0":             {"ip6.arpa"},
	} {
		if got := reverseZones(netip.MustParsePrefix(block)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", block, got, want)
		}
	}
	for bits := range 129 {
		zones := reverseZones(netip.PrefixFrom(netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1234:5678"), bits))
		if n := 1 << ((4 - bits%4) % 4); len(zones) != n {
			t.Errorf("/%d: %d zones, want %d", bits, len(zones), n)
		}
	}
}
