package scanner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ready6/inventory"
	"ready6/probes/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// services yields n services and counts how many were taken.
func services(n int, taken *atomic.Int64) iter.Seq2[inventory.Agency, inventory.Service] {
	return func(yield func(inventory.Agency, inventory.Service) bool) {
		for i := range n {
			if taken != nil {
				taken.Add(1)
			}
			if !yield(inventory.Agency{ID: "a"}, inventory.Service{Host: fmt.Sprintf("h%d.vn", i), Kind: "web"}) {
				return
			}
		}
	}
}

// good is a probe that takes d and finds everything well.
func good(d time.Duration) func(context.Context, string, inventory.Service) verdict.Record {
	return func(ctx context.Context, _ string, svc inventory.Service) verdict.Record {
		select {
		case <-time.After(d):
			return recordOf("reach.ok")
		case <-ctx.Done():
			return recordOf() // it had nothing yet
		}
	}
}

func recordOf(reasons ...verdict.Reason) verdict.Record {
	var rec verdict.Record
	for _, r := range reasons {
		check, _, _ := strings.Cut(string(r), ".")
		rec.Results = append(rec.Results, verdict.Result{Check: verdict.Check(check), Reason: r})
	}
	return rec
}

// collector keeps what is emitted, without a lock: the race detector sees a
// second goroutine.
type collector struct {
	recs []verdict.Record
	ends []End
}

func (c *collector) emit(r verdict.Record, end End) error {
	c.recs, c.ends = append(c.recs, r), append(c.ends, end)
	return nil
}

// reasons counts the results' reasons.
func (c *collector) reasons() map[verdict.Reason]int {
	m := make(map[verdict.Reason]int)
	for _, rec := range c.recs {
		for _, r := range rec.Results {
			m[r.Reason]++
		}
	}
	return m
}

// once fails unless each of n services has exactly one record.
func (c *collector) once(t interface{ Errorf(string, ...any) }, n int) {
	seen := make(map[verdict.ServiceKey]bool)
	for _, r := range c.recs {
		if seen[r.Key()] {
			t.Errorf("%v twice", r.Key())
		}
		seen[r.Key()] = true
		if r.Host == "" || r.Agency != "a" || r.Kind != "web" || r.At.IsZero() || len(r.Results) == 0 {
			t.Errorf("incomplete: %+v", r)
		}
	}
	if len(seen) != n {
		t.Errorf("%d services have a record, want %d", len(seen), n)
	}
}

func TestBoundedAndStreamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, workers = 1000, 7
		var running, most, taken atomic.Int64
		var c collector
		ahead := int64(0)
		start := time.Now()
		err := Scan{Workers: workers, Checks: []verdict.Check{verdict.Reach},
			Probe: func(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				return good(time.Second)(ctx, agency, svc)
			},
		}.Run(t.Context(), services(n, &taken), func(r verdict.Record, end End) error {
			ahead = max(ahead, taken.Load()-int64(len(c.recs)))
			return c.emit(r, end)
		})
		if err != nil {
			t.Fatal(err)
		}
		c.once(t, n)
		if most.Load() != workers {
			t.Errorf("%d probes at once, want %d", most.Load(), workers)
		}
		if ahead > 3*workers {
			t.Errorf("the inventory was read %d services ahead of the records", ahead)
		}
		if took := time.Since(start); took != (n+workers-1)/workers*time.Second {
			t.Errorf("took %v", took)
		}
		for _, r := range c.recs {
			if r.Took != time.Second || len(r.Results) != 1 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestPanic(t *testing.T) {
	var c collector
	var log bytes.Buffer
	err := Scan{Workers: 1, Log: zerolog.New(&log), Checks: []verdict.Check{verdict.AAAA, verdict.Closure},
		Probe: func(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
			switch svc.Host {
			case "h0.vn":
				var none []int
				_ = none[len(svc.Host)] // a runtime error, as real defects are
			case "h1.vn":
				runtime.Goexit()
			}
			return recordOf("reach.ok")
		}}.Run(t.Context(), services(4, nil), c.emit)
	if err != nil {
		t.Fatalf("%v: a defect costs one service, not the run", err)
	}
	c.once(t, 4)
	if got := c.reasons(); got["scan.panic"] != 2*2 || got["reach.ok"] != 2 {
		t.Errorf("%v", got)
	}
	var line struct{ Level, Host, Panic, Stack string }
	if err := json.NewDecoder(&log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "error" || line.Host != "h0.vn" || !strings.Contains(line.Panic, "index out of range") || !strings.Contains(line.Stack, "TestPanic.func1") {
		t.Errorf("log line %+v", line)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []Progress
		err := Scan{Workers: 2, HostTimeout: 4 * time.Second, Total: 3, Progress: func(p Progress) { seen = append(seen, p) },
			Probe: func(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
				switch svc.Host {
				case "h0.vn":
					return recordOf("reach.ok", "aaaa.present", "reach.silent")
				case "h1.vn":
					return recordOf("reach.ok", "reach.cert-both")
				}
				<-ctx.Done()
				return verdict.Record{}
			}}.Run(t.Context(), services(3, nil), func(verdict.Record, End) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if first := seen[0]; first.Done != 0 || first.Total != 3 {
			t.Errorf("first %+v", first)
		}
		if len(seen) < 1+3+3 {
			t.Errorf("%d reports, want one every idle second as well", len(seen))
		}
		want := Progress{Total: 3, Started: 3, Done: 3, Unmeasured: 1}
		want.Worst[verdict.Fail], want.Worst[verdict.Warn], want.Worst[verdict.Unknown] = 1, 1, 1
		if last := seen[len(seen)-1]; last != want {
			t.Errorf("last %+v, want %+v", last, want)
		}
	})
}

func TestRecordHasTheInventorysKey(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	inv := func(yield func(inventory.Agency, inventory.Service) bool) {
		yield(inventory.Agency{ID: "sở-x"}, inventory.Service{Host: "db.x.vn", Kind: "tcp", Port: 5432})
	}
	var c collector
	err := Scan{Now: func() time.Time { return at }, Probe: func(_ context.Context, agency string, svc inventory.Service) verdict.Record {
		return verdict.Record{Agency: agency, Host: svc.Host + ".", Took: time.Minute}
	}}.Run(t.Context(), inv, c.emit)
	if err != nil {
		t.Fatal(err)
	}
	want := verdict.ServiceKey{Agency: "sở-x", Kind: "tcp", Host: "db.x.vn", Port: 5432}
	if r := c.recs[0]; r.Key() != want || !r.At.Equal(at) || r.Took != time.Minute {
		t.Errorf("%+v", r)
	}
}

// The sentences of scan.* have every argument they name, in both languages.
func TestReasonsRead(t *testing.T) {
	r := &run{Scan: Scan{RunTimeout: time.Hour}.withDefaults()}
	n := 0
	for _, e := range verdict.Catalogue() {
		if !strings.HasPrefix(string(e.Reason), "scan.") || e.Reason == "scan.opted-out" || strings.Contains(e.Title.EN, "{fault}") { // those: TestSecondOpinionsRead, and of probes
			continue
		}
		n++
		res := r.unknowns("www.a.vn", "web", excuse{e.Reason, verdict.Cancelled, time.Hour})[0]
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			text := res.Title(l)
			if !strings.HasPrefix(text, "www.a.vn: ") || strings.ContainsAny(text, "{}…") || res.Advice(l) == "" || res.Outcome() != verdict.Unknown {
				t.Errorf("%s in %s: %q, %q", e.Reason, l, text, res.Advice(l))
			}
		}
		if e.Title.VI == e.Title.EN {
			t.Errorf("%s is in one language", e.Reason)
		}
	}
	if n != 4 {
		t.Errorf("%d scan reasons in the catalogue, 4 are used", n)
	}
}

func TestNothingToDo(t *testing.T) {
	if err := (Scan{Probe: good(0)}).Run(t.Context(), services(0, nil), nil); err != nil {
		t.Errorf("empty inventory: %v", err)
	}
	if err := (Scan{}).Run(t.Context(), services(1, nil), nil); err == nil {
		t.Error("no probe and no error")
	}
}

// A service that waits for silent servers does not keep its worker, up to Waiting
// of them; each is measured once all the same.
func TestWaitingHoldsNoWorker(t *testing.T) {
	for waiting, want := range map[int]time.Duration{
		0:  90 * time.Second, // 10 services, 9 s each, one after the other
		2:  36 * time.Second, // three at once
		20: 9 * time.Second,  // all at once
	} {
		synctest.Test(t, func(t *testing.T) {
			var c collector
			var taken atomic.Int64
			begun := time.Now()
			err := Scan{Probe: good(9 * time.Second), Workers: 1, Waiting: waiting}.Run(t.Context(), services(10, &taken), c.emit)
			took := time.Since(begun).Round(time.Second)
			if err != nil || len(c.recs) != 10 || c.reasons()["reach.ok"] != 10 || taken.Load() != 10 {
				t.Errorf("%d waiting: %d records, %v, %v", waiting, len(c.recs), c.reasons(), err)
			}
			if took != want {
				t.Errorf("%d waiting: took %v, want %v", waiting, took, want)
			}
		})
	}
}

// Services that our own limits hold up keep their workers, until they are held no more.
func TestHeldServicesKeepTheirWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		var taken atomic.Int64
		begun := time.Now()
		held := func() bool { return time.Since(begun) < 16*time.Second }
		err := Scan{Probe: good(9 * time.Second), Workers: 1, Waiting: 20, Held: held}.Run(t.Context(), services(10, &taken), c.emit)
		took := time.Since(begun).Round(time.Second)
		// Begun at 0 and, one after the other, at 9; then all others, at 16 or soon after.
		if want := 25 * time.Second; err != nil || len(c.recs) != 10 || took != want {
			t.Errorf("%d records after %v, want %v: %v", len(c.recs), took, want, err)
		}
	})
}
