package probes_test

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// openWorld starts an embedded world with its inventory.
func openWorld(t *testing.T, name string) (*lab.Lab, inventory.Inventory) {
	t.Helper()
	w, err := lab.Open(name)
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
	return l, inv
}

// Without validation nothing is said for or against DANE.
func TestDANEWithoutAnchors(t *testing.T) {
	l, inv := openWorld(t, "mail-dane-old")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	env := environment(t, ctx, l, inv)
	env.DNSSEC = nil
	rec := env.Service(ctx, "lab", inventory.Service{Host: "tinh.gov.vn", Kind: "mail"})
	seen := &reasons{have: map[verdict.Reason]bool{}}
	seen.check(t, rec.Results)
	if !seen.have["mail.dane-unjudged"] || seen.have["mail.dane-mismatch"] {
		t.Error(dump(rec, nil))
	}
}

// However many domains name a mail host, and whatever is asked about its
// certificate, each of its addresses is connected to once.
func TestMailHostIsAskedOnce(t *testing.T) {
	d, _ := visit(t, "mail-shared")
	for _, a := range []string{"[2001:db8:8000::25]:25", "198.51.100.25:25"} {
		if n := d.asked[netip.MustParseAddrPort(a)]; n != 1 {
			t.Errorf("%d connections to %s, want 1", n, a)
		}
	}
}

// No mail transaction is begun, and no address outside the inventory's mail
// hosts is spoken to at port 25, whatever SPF and PTR records name.
func TestMailChecksDialNobodyElse(t *testing.T) {
	for _, world := range []string{"mail-spf-senders", "mail-spf-include-v4", "mail-ptr-other"} {
		d, _ := visit(t, world)
		for at := range d.asked {
			if at.Port() == 25 && !slices.Contains([]string{"2001:db8:8000::25", "198.51.100.25"}, at.Addr().String()) {
				t.Errorf("%s: %s was asked for", world, at)
			}
		}
	}
}
