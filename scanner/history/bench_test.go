package history

import (
	"context"
	"fmt"
	"os"
	"testing"

	"ready6/probes/verdict"
)

// typical is a web service's record: some twenty results with evidence.
func typical(i int) verdict.Record {
	rec := record(fmt.Sprint("agency-", i%100), fmt.Sprintf("host%06d.gov.vn", i))
	for _, reason := range []verdict.Reason{"aaaa.present", "a.present", "reach.ok", "reach.small", "dnssec.secure",
		"dnssec.bogus.sig-expired", "rpki.valid", "rpki.not-found", "closure.zone-ok", "closure.host-ok"} {
		for range 2 {
			rec.Results = append(rec.Results, result(verdict.Reach, reason, rec.Host))
		}
	}
	return rec
}

func fill(b *testing.B, s *Store, services int) int64 {
	b.Helper()
	w, err := s.Begin(context.Background(), Header{Kind: "inventory"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range services {
		if err := w.Put(typical(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(context.Background(), Complete); err != nil {
		b.Fatal(err)
	}
	return w.ID()
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), b.TempDir()+"/history.db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkPut writes nights of 2,000 typical services, of 20 results each.
func BenchmarkPut(b *testing.B) {
	const services = 2000
	s := openBench(b)
	nights := 0
	for b.Loop() {
		fill(b, s, services)
		nights++
	}
	b.ReportMetric(float64(services*nights)/b.Elapsed().Seconds(), "rows/s")
	if info, err := os.Stat(s.Path()); err == nil {
		b.ReportMetric(float64(info.Size())/float64(services*nights), "B/row")
	}
}

// BenchmarkRead reads one run of 2,000 services out of ten.
func BenchmarkRead(b *testing.B) {
	const services = 2000
	s := openBench(b)
	id := int64(0)
	for range 10 {
		id = fill(b, s, services)
	}
	for _, c := range []struct {
		name string
		read func(context.Context, int64) (n int)
	}{
		{"records", func(ctx context.Context, id int64) (n int) {
			for range s.Records(ctx, id) {
				n++
			}
			return n
		}},
		{"outlines", func(ctx context.Context, id int64) (n int) {
			for range s.Outlines(ctx, id) {
				n++
			}
			return n
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			rounds := 0
			for b.Loop() {
				if n := c.read(context.Background(), id); n != services {
					b.Fatalf("%d records", n)
				}
				rounds++
			}
			b.ReportMetric(float64(services*rounds)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkDiff compares two nights of 10,000 services.
func BenchmarkDiff(b *testing.B) {
	var old, new Run
	old.Status, new.Status = Complete, Complete
	for i := range 10_000 {
		r := typical(i)
		old.Records = append(old.Records, r)
		if i%100 == 0 {
			r.Results = r.Results[:len(r.Results)-1]
		}
		new.Records = append(new.Records, r)
	}
	for b.Loop() {
		Diff(old, new)
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "services/s")
}

// BenchmarkMarks keeps and reads the marks of nights of 20,000 services.
func BenchmarkMarks(b *testing.B) {
	const services = 20_000
	s := openBench(b)
	var marks []Mark
	w, err := s.Begin(context.Background(), Header{Kind: "inventory"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range services {
		rec := record(fmt.Sprint("agency-", i%1000), fmt.Sprintf("host%06d.gov.vn", i))
		marks = append(marks, Mark{rec.Key(), uint32(i * 7919 % 4096)})
		if err := w.Put(rec); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(context.Background(), Complete); err != nil {
		b.Fatal(err)
	}
	b.Run("keep", func(b *testing.B) {
		for b.Loop() {
			if err := s.KeepMarks(context.Background(), w.ID(), 3, marks); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(services*float64(b.N)/b.Elapsed().Seconds(), "marks/s")
	})
	b.Run("read", func(b *testing.B) {
		ids := make([]int64, 50) // the same night fifty times: the list of services is read once
		for i := range ids {
			ids[i] = w.ID()
		}
		for b.Loop() {
			for m, err := range s.Marks(context.Background(), 3, ids) {
				if err != nil || len(m.Marks) != services {
					b.Fatal(len(m.Marks), err)
				}
			}
		}
		b.ReportMetric(float64(services*len(ids)*b.N)/b.Elapsed().Seconds(), "marks/s")
	})
}
