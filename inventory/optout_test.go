package inventory

import (
	"net/netip"
	"strings"
	"testing"
)

// TestOptOut protects those who asked to be left alone: an entry covers what is
// below it, and nothing beside it.
func TestOptOut(t *testing.T) {
	o, err := ReadOptOut(strings.NewReader("\ufeff# asked by letter\nquiet.vn  # and all below\nTỉnh.vn\n192.0.2.0/25\n2001:db8:1::/48\n2001:db8:1:2::/64\n198.51.100.7\n\n"), "optout.txt")
	if err != nil {
		t.Fatal(err)
	}
	if o.Len() != 6 {
		t.Errorf("%d entries", o.Len())
	}
	for host, want := range map[string]string{
		"quiet.vn": "quiet.vn", "WWW.Quiet.VN.": "quiet.vn", "a.b.quiet.vn": "quiet.vn", "notquiet.vn": "", "vn": "", "vn.": "", "": "",
		"192.0.2.1": "192.0.2.0/25", "::ffff:192.0.2.1": "192.0.2.0/25", "192.0.2.200": "", "198.51.100.7": "198.51.100.7/32", "198.51.100.8": "",
		"2001:db8:1:2::9": "2001:db8:1:2::/64", "2001:db8:1:3::9": "2001:db8:1::/48", "2001:db8:2::": "",
	} {
		if got := o.Host(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	mapped, err := Host("tỉnh.vn")
	if err != nil || o.Name("www."+mapped) != mapped {
		t.Errorf("an international name: %q, %v", mapped, err)
	}
	var none *OptOut
	if none.Host("quiet.vn") != "" || none.Addr(netip.MustParseAddr("192.0.2.1")) != "" || none.Len() != 0 {
		t.Error("no list spares nobody")
	}
}

func TestOptOutFaults(t *testing.T) {
	_, err := ReadOptOut(strings.NewReader("good.vn\nhttps://bad.vn/\n10.0.0.0/33\n10.0.0.1/8\n::/0\nund_er.vn\n"+strings.Repeat("x", 5000)+"\n"), "o.txt")
	if err == nil {
		t.Fatal("faults passed")
	}
	for _, want := range []string{"o.txt:2: ", "o.txt:3: ", `o.txt:4: the entry "10.0.0.1/8" has bits set beyond its length; mend: write 10.0.0.0/8`, "o.txt:5: ", "o.txt:6: ", "o.txt:7: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "o.txt:1:") {
		t.Error(err)
	}
}

func FuzzOptOut(f *testing.F) {
	f.Add("a.vn\n10.0.0.0/8 # x\n2001:db8::/32", "www.a.vn")
	f.Fuzz(func(t *testing.T, list, host string) {
		o, err := ReadOptOut(strings.NewReader(list), "o")
		if err != nil {
			return
		}
		if got := o.Host(host); got != "" && o.Host(strings.TrimSuffix(got, "/32")) == "" && !strings.Contains(got, "/") {
			t.Errorf("%q falls under %q, which is not listed", host, got)
		}
	})
}
