package probes

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// What a receiver reads out of a record, or why it gives up (RFC 7208 4.6.1, 5, 6, 7).
func TestParseSPF(t *testing.T) {
	for text, want := range map[string]string{
		"v=spf1":                                  "",
		"v=spf1 -all":                             "-all",
		"V=SPF1 +A MX ~ALL":                       "+a 32/128;+mx 32/128;~all",
		"v=spf1  ip6:2001:db8::1/48  ?all":        "+ip6 2001:db8::/48;?all",
		"v=spf1 ip4:192.0.2.1 a:x.vn/24//64":      "+ip4 192.0.2.1/32;+a x.vn 24/64",
		"v=spf1 a//64 mx/20":                      "+a 32/64;+mx 20/128",
		"v=spf1 include:_spf.x.vn redirect=y.vn.": "+include _spf.x.vn;redirect y.vn.",
		"v=spf1 exists:%{ir}.%{v}._spf.%{d2}":     "+exists %{ir}.%{v}._spf.%{d2}",
		"v=spf1 a:%{d/}/24":                       "+a %{d/} 24/128",
		"v=spf1 a:%{d}.vn/24":                     "+a %{d}.vn 24/128",
		"v=spf1 moo=what -all":                    "moo what;-all",
		"v=spf1 ip6:::ffff:192.0.2.1":             "+ip6 ::ffff:192.0.2.1/128",
		"v=spf1 ip4:192.0.2.0/24/ -all":           "!",
		"v=spf1 ip4:2001:db8::1":                  "!",
		"v=spf1 ip6:192.0.2.1":                    "!",
		"v=spf1 ip6:fe80::1%eth0":                 "!",
		"v=spf1 ip4:192.0.2.0/33":                 "!",
		"v=spf1 ip4:192.0.2.0/08":                 "!",
		"v=spf1 ip4":                              "!",
		"v=spf1 a:localhost":                      "!",
		"v=spf1 a/":                               "!",
		"v=spf1 a:x.vn//129":                      "!",
		"v=spf1 include":                          "!",
		"v=spf1 include:":                         "!",
		"v=spf1 include:x.123":                    "!",
		"v=spf1 exists:%{z}.vn":                   "!",
		"v=spf1 exists:%{d0}.vn":                  "!",
		"v=spf1 exists:%d":                        "!",
		"v=spf1 ipv4:192.0.2.1":                   "!",
		"v=spf1 all:x.vn":                         "!",
		"v=spf1 redirect=a.vn redirect=b.vn":      "!",
		"v=spf1 tất-cả":                           "!",
		"v=spf10 -all":                            "!",
		"v=spf1 -":                                "!",
	} {
		terms, err := parseSPF(text)
		var got []string
		for _, m := range terms {
			s := strings.Trim(string(rune(m.qualifier)), "\x00") + m.name
			if m.domain != "" {
				s += " " + m.domain
			}
			if m.prefix.IsValid() {
				s += " " + m.prefix.String()
			}
			if m.name == "a" || m.name == "mx" {
				s += " " + netip.PrefixFrom(netip.IPv4Unspecified(), m.bits4).String()[len("0.0.0.0/"):] +
					"/" + netip.PrefixFrom(netip.IPv6Unspecified(), m.bits6).String()[len("::/"):]
			}
			got = append(got, s)
		}
		if (err != nil) != (want == "!") || err == nil && strings.Join(got, ";") != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

// A block inside one that is refused earlier does not pass, whatever is said later.
func TestPassingKeepsTheOrder(t *testing.T) {
	rule := func(p string, pass bool) spfRule { return spfRule{prefix: netip.MustParsePrefix(p), pass: pass} }
	got := passing([]spfRule{
		rule("2001:db8::/48", true), rule("2001:db8::/32", false), rule("2001:db8:1::/48", true), rule("2001:d00::/24", true), rule("2001:db8::/48", true),
	})
	var names []string
	for _, r := range got {
		names = append(names, r.prefix.String())
	}
	if want := []string{"2001:db8::/48", "2001:d00::/24"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// Whatever stands in a TXT record, reading it ends without a panic, an accepted
// term is one that the grammar has, and reading it alone gives the same.
func FuzzParseSPF(f *testing.F) {
	for _, s := range []string{"v=spf1 a mx ip6:2001:db8::/32 -all", "v=spf1 a:%{d/}/24//64 exists:%{ir}.x.vn", "v=spf1 redirect=%{d}.vn exp=x.vn"} {
		f.Add(s)
	}
	known := []string{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseSPF(text)
		if err != nil {
			if _, ok := err.(*spfError); !ok || len(terms) > 0 {
				t.Fatalf("%q: %v with %d terms", text, err, len(terms))
			}
			return
		}
		for _, m := range terms {
			if m.qualifier != 0 && !slices.Contains(known, m.name) {
				t.Fatalf("%q: mechanism %q", text, m.name)
			}
			if m.bits4 < 0 || m.bits4 > 32 || m.bits6 < 0 || m.bits6 > 128 || m.prefix.IsValid() && m.prefix != m.prefix.Masked() {
				t.Fatalf("%q: %+v", text, m)
			}
			if len(m.text) < 200 {
				if again, err := parseSPF("v=spf1 " + m.text); err != nil || len(again) != 1 || again[0] != m {
					t.Fatalf("%q: %+v read alone gives %+v, %v", text, m, again, err)
				}
			}
		}
	})
}
