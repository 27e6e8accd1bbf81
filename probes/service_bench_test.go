package probes_test

import (
	"testing"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
)

// BenchmarkService is what examining a service costs beside its questions, which
// are all answered before: wording what was found, for addresses and DNSSEC alone.
func BenchmarkService(b *testing.B) {
	for _, world := range []string{"dnssec-wildcard", "dnssec-nsec3-nodata", "dnssec-sig-expired"} {
		b.Run(world, func(b *testing.B) {
			w, err := lab.Open(world)
			if err != nil {
				b.Fatal(err)
			}
			l, inv := started(b, w, lab.Options{})
			defer l.Close()
			env := environment(b, b.Context(), l, inv)
			env.Only = []verdict.Check{verdict.AAAA, verdict.DNSSEC}
			svc := inventory.Service{Host: "www.tinh.gov.vn", Kind: "web", Visibility: "public"}
			rec := env.Service(b.Context(), "a", svc)
			if len(rec.Results) < 2 {
				b.Fatalf("%+v", rec)
			}
			b.ReportAllocs()
			for b.Loop() {
				env.Service(b.Context(), "a", svc)
			}
		})
	}
}
