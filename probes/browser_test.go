package probes_test

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/browser"
	"ready6/probes/dial"
	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/reports"
)

// TestBrowserInWorlds protects what a browser's opinion is worth: it says what
// it saw, leaves the level alone where the closure knows the same, and keeps
// level 3 from being claimed where it does not.
func TestBrowserInWorlds(t *testing.T) {
	if _, err := browser.Find("auto"); err != nil {
		t.Skip("SKIPPED: ", err)
	}
	for _, c := range []struct {
		world, reasons string
		level          int
	}{
		{"base", "browser.complete", 3},
		{"browser-part-refused", "browser.differs browser.requests-failed browser.requests-unknown", -1},
		{"browser-script-built", "browser.differs browser.needs-ipv4", -1},
		{"level-0-no-aaaa", "browser.none", 0},
		{"level-1-cert-expired", "browser.main-failed", 1},
		{"level-1-refused", "browser.main-failed", 1},
		{"level-2-cname-zone-v4-only", "browser.main-needs-ipv4", 2},
		{"level-2-literal", "browser.complete", 2}, // an image in the clear on a secure page is not asked for
		{"level-2-ocsp-v4-only", "browser.complete", 2},
		{"level-2-redirect-v4-only", "browser.main-needs-ipv4", 2},
		{"level-2-subresource-v4-only", "browser.needs-ipv4", 2},
	} {
		t.Run(c.world, func(t *testing.T) {
			t.Parallel()
			rec := browse(t, c.world, "auto", nil)
			var got []string
			for _, r := range rec.Results {
				if strings.HasPrefix(string(r.Reason), "browser.") {
					got = append(got, string(r.Reason))
					if r.Owner.Role == "" || r.Subject == "" || len(r.Evidence) == 0 && r.Reason != "browser.none" {
						t.Errorf("%+v: no owner, subject or evidence", r)
					}
					for _, text := range []string{r.Title(verdict.EN), r.Title(verdict.VI), r.Advice(verdict.EN), r.Advice(verdict.VI)} {
						if strings.Contains(text, "…") {
							t.Errorf("%s: a gap in %q", r.Reason, text)
						}
					}
				}
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != c.reasons {
				t.Errorf("%s, want %s\n%s", s, c.reasons, dump(rec, nil))
			}
			if l := level(reports.Judge(rec)); l != c.level {
				t.Errorf("level %d, want %d", l, c.level)
			}
		})
	}
}

// A browser that is not there is a gap in knowledge and changes nothing else.
func TestBrowserUnavailable(t *testing.T) {
	rec := browse(t, "base", "/nowhere/chromium", nil)
	i := slices.IndexFunc(rec.Results, func(r verdict.Result) bool { return r.Reason == "browser.unavailable" })
	if i < 0 || rec.Results[i].Outcome() != verdict.Unknown || rec.Results[i].Owner.Role != verdict.Operator || len(rec.Results[i].Evidence) == 0 {
		t.Errorf("no browser, and not said so:\n%s", dump(rec, nil))
	}
	if l := level(reports.Judge(rec)); l != 3 {
		t.Errorf("level %d without a browser, want 3", l)
	}
}

// TestBrowserStaysInside protects everybody else: whatever a page points its
// reader at, the guard lets nothing through that it would not let a probe.
func TestBrowserStaysInside(t *testing.T) {
	if _, err := browser.Find("auto"); err != nil {
		t.Skip("SKIPPED: ", err)
	}
	for _, world := range []string{"web-special-literal", "web-special-name", "web-redirect-metadata", "web-redirect-loopback", "web-local"} {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			d := &door{asked: map[netip.AddrPort]int{}, dials: map[netip.AddrPort]int{}}
			rec := browse(t, world, "auto", d.through)
			if !slices.ContainsFunc(rec.Results, func(r verdict.Result) bool {
				return strings.HasPrefix(string(r.Reason), "browser.") && r.Reason != "browser.unavailable"
			}) {
				t.Errorf("no browser was asked:\n%s", dump(rec, nil))
			}
			for at := range d.dials {
				if !allowed(at.Addr()) {
					t.Errorf("%s was let through", at)
				}
			}
			if len(d.dials) == 0 {
				t.Error("nothing was dialled: the door is not where it should be")
			}
		})
	}
}

// browse examines www.tinh.gov.vn of a world with a browser; through, if not nil,
// makes the way out.
func browse(t *testing.T, world, path string, through func(*lab.Lab) dial.Func) verdict.Record {
	t.Helper()
	w, err := lab.Open(world)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(w, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(bytes.NewReader(raw), "lab")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c := environment(t, ctx, l, inv).Config
	if through != nil {
		c.Dial = through(l)
	}
	c.Browser, c.OwnCAs, c.PerAddress, c.Connections = path, true, 4, 256
	env := probes.New(ctx, c)
	_, _ = env.Preflight(ctx)
	for a, svc := range inv.All() {
		if svc.Host == "www.tinh.gov.vn" && svc.Kind == "web" {
			return env.Service(ctx, a.ID, svc)
		}
	}
	t.Fatal("the world has no www.tinh.gov.vn")
	return verdict.Record{}
}
