//go:build unix

package reports

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// big is a province of any size: agencies with twenty services each, of which a
// few change from night to night.
type big struct {
	inv   inventory.Inventory
	run   history.Run
	marks []history.Mark // of the run's records
	rand  *rand.Rand
}

func newBig(services int) big {
	b := big{rand: rand.New(rand.NewPCG(1, 2))}
	b.run.Header = history.Header{Status: history.Complete, Kind: "inventory", Rules: verdict.RulesVersion, Planned: services}
	for i := range services {
		if i%20 == 0 {
			id := fmt.Sprintf("a%05d", i/20)
			b.inv.Agencies = append(b.inv.Agencies, inventory.Agency{ID: id, Name: text2("Cơ quan "+id, "Agency "+id), Kind: inventory.Commune})
		}
		a := &b.inv.Agencies[i/20]
		host := fmt.Sprintf("h%06d.example.vn", i)
		a.Services = append(a.Services, web(host))
		b.run.Records = append(b.run.Records, b.record(a.ID, host))
	}
	b.marks = Marks(b.run.Records)
	return b
}

// record is a service at level 0, 2 or 3 with what a scan usually has of it.
func (b *big) record(agency, host string) verdict.Record {
	results := []verdict.Result{owned(res("aaaa.nodata", host), verdict.Agency, agency), res("reach.none", host), res("closure.none", host), hasA, insecure, noROA}
	switch b.rand.IntN(3) {
	case 1:
		results = base(host, hasA, secure, valid, nsFault())
	case 2:
		results = base(host, hasA, secure, valid)
	}
	return rec(agency, "web", host, results...)
}

// night changes one service in a hundred.
func (b *big) night(i int) {
	b.run.ID, b.run.Started = int64(i+1), night.AddDate(0, 0, i-400)
	for range len(b.run.Records) / 100 {
		n := b.rand.IntN(len(b.run.Records))
		b.run.Records[n] = b.record(b.run.Records[n].Agency, b.run.Records[n].Host)
		b.marks[n] = MarkOf(b.run.Records[n])
	}
}

// processor is the time that this process has had of processors, in seconds: on
// a busy machine the only one that can be compared.
func processor() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkReport makes the report of a quarter out of a history: trend, judgement,
// actions, first page, and JSON. Seconds and memory are to grow with services and
// with runs, and no faster.
func BenchmarkReport(b *testing.B) {
	for _, size := range []struct{ services, runs int }{{25_000, 30}, {100_000, 30}, {25_000, 365}, {50_000, 365}, {100_000, 91}, {100_000, 182}, {100_000, 365}} {
		b.Run(fmt.Sprintf("agencies=%d/services=%d/runs=%d", size.services/20, size.services, size.runs), func(b *testing.B) {
			for b.Loop() {
				benchmarkReport(b, size.services, size.runs)
			}
		})
	}
}

func benchmarkReport(b *testing.B, services, runs int) {
	world := newBig(services)
	p, err := ParsePeriod("2026-Q2", PeriodDay)
	if err != nil {
		b.Fatal(err)
	}
	scope := Scope{Inventory: world.inv, Plan: inventory.ProvincePlan(), At: night, Period: p}
	var start history.Run
	trend := 0.0
	t := scope.Trend()
	for i := range runs - 1 {
		world.night(i)
		if i == runs/2 {
			start = world.run
			start.Records = append([]verdict.Record(nil), world.run.Records...)
		}
		began := processor()
		t.Add(world.run.Header, world.inv, world.marks, nil)
		trend += processor() - began
	}
	world.night(runs - 1)
	runtime.GC()
	began := processor()
	r := scope.Report(world.run, &Earlier{Run: start, Inventory: world.inv}, t)
	b.ReportMetric(processor()-began, "cpu-s/report")
	b.ReportMetric(trend, "cpu-s/trend")
	began = processor()
	if err := WriteJSON(io.Discard, r, verdict.VI); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(processor()-began, "cpu-s/json")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-live")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
	runtime.KeepAlive(r)
	runtime.KeepAlive(world)
}

// BenchmarkDocuments writes the documents of a large province: a workbook is
// streamed and grows with its rows, a Word report is bounded.
func BenchmarkDocuments(b *testing.B) {
	for _, services := range []int{10_000, 25_000, 100_000} {
		world := newBig(services)
		p, err := ParsePeriod("2026-Q2", PeriodDay)
		if err != nil {
			b.Fatal(err)
		}
		scope := Scope{Inventory: world.inv, Plan: inventory.ProvincePlan(), At: night, Period: p}
		r := scope.Report(world.run, nil, scope.Trend())
		for _, name := range []string{"xlsx", "docx", "html", "md"} {
			b.Run(fmt.Sprintf("%s/services=%d", name, services), func(b *testing.B) {
				runtime.GC()
				began := processor()
				for b.Loop() {
					if err := formatOf(name).Write(io.Discard, r, verdict.VI); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((processor()-began)/float64(b.N), "cpu-s/op")
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
				b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
			})
		}
	}
}
