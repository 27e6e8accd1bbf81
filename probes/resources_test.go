package probes

import (
	"testing"

	"ready6/probes/verdict"
)

// A gap between the families is told at the block that lacks the ROA, and IPv4
// without any IPv6 once.
func TestFamilies(t *testing.T) {
	block := func(prefix, code string) verdict.Record {
		return verdict.Record{Host: prefix, Kind: verdict.PrefixKind, Results: []verdict.Result{{Check: verdict.RPKI, Reason: verdict.Reason("rpki.own." + code)}}}
	}
	for name, c := range map[string]struct {
		blocks []verdict.Record
		want   []verdict.Reason // the last of each block
	}{
		"gap":       {[]verdict.Record{block("192.0.2.0/24", "valid"), block("2001:db8::/48", "not-found")}, []verdict.Reason{"rpki.own.valid", "rpki.own.family-gap"}},
		"both lack": {[]verdict.Record{block("192.0.2.0/24", "not-found"), block("2001:db8::/48", "not-found")}, []verdict.Reason{"rpki.own.not-found", "rpki.own.not-found"}},
		"no IPv6":   {[]verdict.Record{block("192.0.2.0/24", "valid")}, []verdict.Reason{"rpki.own.no-ipv6"}},
		"IPv6 only": {[]verdict.Record{block("2001:db8::/48", "valid")}, []verdict.Reason{"rpki.own.valid"}},
	} {
		families(c.blocks, verdict.Owner{Role: verdict.Agency, Name: "a"})
		for i, want := range c.want {
			if last := c.blocks[i].Results[len(c.blocks[i].Results)-1].Reason; last != want {
				t.Errorf("%s: block %d ends with %s, want %s", name, i, last, want)
			}
		}
	}
}
