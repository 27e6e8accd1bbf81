package probes_test

import (
	"testing"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// Where nobody looks at what passed, it is without evidence, but not beside what
// failed where that brings another look: looks that differ are told with what each saw.
func TestBrief(t *testing.T) {
	for _, c := range []struct {
		world      string
		once, kept bool
	}{{"base", false, false}, {"level-0-no-aaaa", false, true}, {"level-0-no-aaaa", true, false}} {
		t.Run(c.world, func(t *testing.T) {
			t.Parallel()
			w, err := lab.Open(c.world)
			if err != nil {
				t.Fatal(err)
			}
			l, inv := started(t, w, lab.Options{})
			defer l.Close()
			env := environment(t, t.Context(), l, inv)
			env.Only, env.Brief, env.Once = []verdict.Check{verdict.AAAA, verdict.DNSSEC}, true, c.once
			rec := env.Service(t.Context(), "a", inventory.Service{Host: "www.tinh.gov.vn", Kind: "web", Visibility: "public"})
			passed := 0
			for _, r := range rec.Results {
				if r.Check != verdict.DNSSEC || r.Outcome() != verdict.Pass {
					continue
				}
				passed++
				if (len(r.Evidence) > 1) != c.kept {
					t.Errorf("%s %s: evidence %+v", r.Reason, r.Subject, r.Evidence)
				}
			}
			if passed == 0 {
				t.Errorf("nothing passed: %s", dump(rec, nil))
			}
		})
	}
}
