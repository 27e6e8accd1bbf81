package probes

import (
	"context"
	"net"
	"strings"
	"testing"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// TestOptedOutService: nothing is dialled or asked, and each check that was asked
// for says why it is not known, in both languages, with the scan's operator as owner.
func TestOptedOutService(t *testing.T) {
	list, err := inventory.ReadOptOut(strings.NewReader("a.vn\n2001:db8::/32\n"), "list")
	if err != nil {
		t.Fatal(err)
	}
	e := New(t.Context(), Config{OptOut: list, Name: "here", Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("%s was dialled", address)
		return nil, net.ErrClosed
	}})
	for host, entry := range map[string]string{"www.a.vn": "a.vn", "2001:db8::1": "2001:db8::/32"} {
		rec := e.Service(t.Context(), "x", inventory.Service{Host: host, Kind: "web"})
		seen := map[verdict.Check]bool{}
		for _, r := range rec.Results {
			seen[r.Check] = true
			if r.Reason != "scan.opted-out" || r.Outcome() != verdict.Unknown || r.Owner != (verdict.Owner{Role: verdict.Operator, Name: "here"}) {
				t.Errorf("%+v", r)
			}
			for _, l := range []verdict.Lang{verdict.EN, verdict.VI} {
				if title := r.Title(l); !strings.Contains(title, host) || !strings.Contains(title, entry) || strings.ContainsAny(title, "{}…") {
					t.Error(title)
				}
			}
		}
		if !seen[verdict.AAAA] || !seen[verdict.DNSSEC] || !seen[verdict.Closure] || seen[verdict.Mail] || seen[verdict.Browser] {
			t.Errorf("%s: checks %v", host, seen)
		}
	}
}
