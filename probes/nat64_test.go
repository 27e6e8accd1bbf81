package probes

import (
	"net/netip"
	"testing"
)

// The layouts are those of the table in RFC 6052 section 2.4.
func TestEmbedded(t *testing.T) {
	for _, tc := range []struct{ prefix, addr, want string }{
		{"2001:db8::/32", "2001:db8:c000:221::", "192.0.2.33"},
		{"2001:db8:100::/40", "2001:db8:1c0:2:21::", "192.0.2.33"},
		{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::", "192.0.2.33"},
		{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::", "192.0.2.33"},
		{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::", "192.0.2.33"},
		{"2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33", "192.0.2.33"},
		{"64:ff9b::/96", "64:ff9b::192.0.2.33", "192.0.2.33"},
		{"64:ff9b:1::/48", "64:ff9b:1:fffe::192.0.2.33", "192.0.2.33"},
		{"64:ff9b:1::/48", "64:ff9b:1:c000:2:2100::", "192.0.2.33"},
	} {
		p := netip.MustParsePrefix(tc.prefix)
		if got := embedded(p, netip.MustParseAddr(tc.addr)); got.String() != tc.want || !ValidNAT64(p) {
			t.Errorf("%s in %s: %s, want %s", tc.addr, p, got, tc.want)
		}
	}
	for _, p := range []string{"192.0.2.0/24", "2001:db8::/33", "::/0", "2001:db8::/128"} {
		if ValidNAT64(netip.MustParsePrefix(p)) {
			t.Errorf("%s passes for a NAT64 prefix", p)
		}
	}
}
