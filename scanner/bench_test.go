package scanner

import (
	"context"
	"runtime"
	"testing"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// BenchmarkRun is the scanner's own cost per service, with a probe that does
// nothing.
func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	rec := recordOf("reach.ok")
	err := Scan{Probe: func(context.Context, string, inventory.Service) verdict.Record { return rec }}.
		Run(context.Background(), services(b.N, nil), func(verdict.Record, End) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "services/s")
}

// Memory grows with workers, not with services.
func TestMemoryIsFlat(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const n = 200_000
	before, most, done := heap(), int64(0), 0
	err := Scan{Probe: func(context.Context, string, inventory.Service) verdict.Record { return recordOf("reach.ok") }}.
		Run(t.Context(), services(n, nil), func(verdict.Record, End) error {
			if done++; done%(n/10) == 0 {
				most = max(most, heap()-before)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if most > 8<<20 { // 200,000 records held would be some 100 MB
		t.Errorf("%d bytes more in use during the run", most)
	}
}
