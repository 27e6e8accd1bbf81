package probes_test

import (
	"slices"
	"strings"
	"testing"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// A server with an old copy does not make the name bogus, and is a finding of its
// own, which says who said what. Which server is asked first is chance, so it is
// tried until the old one was.
func TestDisagreement(t *testing.T) {
	w, err := lab.Open("dnssec-one-server-stale")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(w, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	svc := inventory.Service{Host: "www.tinh.gov.vn", Kind: "web", Visibility: "public"}
	for range 30 {
		env := environment(t, t.Context(), l, inventory.Inventory{})
		env.Only = []verdict.Check{verdict.DNSSEC}
		rec := env.Service(t.Context(), "a", svc)
		var found []verdict.Result
		for _, r := range rec.Results {
			switch r.Reason {
			case "dnssec.secure":
			case "dnssec.servers-disagree":
				found = append(found, r)
			default:
				t.Fatalf("%s: %v", r.Reason, r.Args)
			}
		}
		if len(found) == 0 {
			continue
		}
		r := found[0]
		asked := func(server string) func(verdict.Evidence) bool {
			return func(e verdict.Evidence) bool { return strings.HasPrefix(e.Asked, server+" ") }
		}
		if r.Outcome() != verdict.Warn || r.Owner.Role != verdict.DNSOperator || r.Owner.Name != "tinh.gov.vn" ||
			strings.Contains(r.Title(verdict.EN)+r.Title(verdict.VI), "{") {
			t.Errorf("%s %+v: %s", r.Outcome(), r.Owner, r.Title(verdict.EN))
		}
		if !slices.ContainsFunc(r.Evidence, asked("ns1.dc.gov.vn")) || !slices.ContainsFunc(r.Evidence, asked("ns2.dc.gov.vn")) {
			t.Errorf("the evidence does not name both servers: %+v", r.Evidence)
		}
		return
	}
	t.Error("the old server was never heard")
}
