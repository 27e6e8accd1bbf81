package probes

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// A page full of dead hosts must not use up the time of the service that it is
// a part of: they are asked side by side, a few at a time.
func TestDeadHostsOfAPageAreAskedSideBySide(t *testing.T) {
	const hosts = 3 * maxAhead
	var html strings.Builder
	for i := range hosts {
		fmt.Fprintf(&html, "<img src='https://[2001:db8:1::%x]/x.png'>", i+1)
	}
	synctest.Test(t, func(t *testing.T) {
		under, most := make(chan int, 1), 0
		under <- 0
		e := New(t.Context(), Config{Step: time.Second, Only: []verdict.Check{verdict.Closure}, Allow: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")},
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				n := <-under + 1
				most = max(most, n)
				under <- n
				<-ctx.Done()
				under <- <-under - 1
				return nil, ctx.Err()
			}})
		w := &walk{e: e, s: &subject{Service: inventory.Service{Host: "www.a.vn", Kind: "web"}}, hosts: map[string]link{}, origins: map[netip.Addr]bool{}, pages: map[string]bool{}}
		base := &url.URL{Scheme: "https", Host: "www.a.vn", Path: "/"}
		began := time.Now()
		w.content(t.Context(), attempt{status: 200, endpoint: endpoint{host: "www.a.vn", port: 443}, url: base, page: readPage(base, typed("text/html"), []byte(html.String()))}, nil)
		one := tries*time.Second + time.Second/2 + time.Second // with the pauses between tries
		if took := time.Since(began); took > hosts/maxAhead*one {
			t.Errorf("%d dead hosts took %v, one takes %v", hosts, took, one)
		}
		if most > maxAhead {
			t.Errorf("%d were asked at the same time, want %d at most", most, maxAhead)
		}
		if len(w.out) != hosts {
			t.Errorf("%d results about %d hosts", len(w.out), hosts)
		}
		for _, r := range w.out {
			if r.Reason != "closure.host-unknown" {
				t.Errorf("%s: %s, want unknown: silence without a comparison is no verdict", r.Subject, r.Reason)
			}
		}
	})
}

// An address written into a page is mended where it is written.
func TestLiteralIsMendedByWhoWroteIt(t *testing.T) {
	e := New(t.Context(), Config{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Inventory: inventory.Inventory{Agencies: []inventory.Agency{{ID: "so-a", Services: []inventory.Service{{Host: "www.a.vn", Kind: "web"}}}}}})
	w := &walk{e: e, s: &subject{Service: inventory.Service{Host: "www.a.vn", Kind: "web"}}}
	for by, want := range map[string]verdict.Owner{
		"www.a.vn": {Role: verdict.Agency, Name: "so-a"},
		"cdn.vn":   {Role: verdict.Hosting, Name: "cdn.vn"},
	} {
		r, _ := w.reachable(t.Context(), ref{host: "203.0.113.5", port: 443, use: "image", by: by})
		if r.Reason != "closure.literal" || r.Subject != "203.0.113.5" || r.Owner != want {
			t.Errorf("written by %s: %s about %s, owner %+v", by, r.Reason, r.Subject, r.Owner)
		}
	}
}
