package scanner

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"ready6/inventory"
	"ready6/probes/verdict"
)

func stopped(t *testing.T, err, why error) *Stopped {
	t.Helper()
	var s *Stopped
	if !errors.As(err, &s) || !errors.Is(err, why) {
		t.Fatalf("error %v, want a *Stopped because %v", err, why)
	}
	return s
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var c collector
		start := time.Now()
		time.AfterFunc(2500*time.Millisecond, cancel) // two rounds done, the third under way
		err := Scan{Workers: 10, Probe: good(time.Second), Checks: []verdict.Check{verdict.AAAA, verdict.DNSSEC}}.
			Run(ctx, services(100, nil), c.emit)
		s := stopped(t, err, ErrInterrupted)
		if s.Measured != 20 || s.Unmeasured != 80 || !strings.Contains(err.Error(), "20 services measured, 80 not") {
			t.Errorf("%v", err)
		}
		c.once(t, 100)
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("took %v, no running probe needed grace", took)
		}
		if got := c.reasons(); got["reach.ok"] != 20 || got["scan.interrupted"] != 2*80 {
			t.Errorf("%v", got)
		}
		for _, r := range c.recs[20:] {
			if r.Results[0].Outcome() != verdict.Unknown || r.Results[1].State() != "indeterminate" ||
				r.Results[0].Args["cause"] != string(verdict.Cancelled) {
				t.Fatalf("%+v", r.Results)
			}
		}
	})
}

func TestInterruptAfterTheLastIsNoInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var c collector
	err := Scan{Workers: 2, Probe: good(0)}.Run(ctx, services(5, nil), func(r verdict.Record, end End) error {
		if len(c.recs) == 4 {
			cancel()
		}
		return c.emit(r, end)
	})
	if err != nil || len(c.recs) != 5 {
		t.Errorf("%v with %d records: everything was measured", err, len(c.recs))
	}
}

func TestRunDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		start := time.Now()
		err := Scan{Workers: 4, RunTimeout: time.Minute, Probe: good(time.Hour), Checks: []verdict.Check{verdict.RPKI}}.
			Run(t.Context(), services(5000, nil), c.emit)
		if s := stopped(t, err, ErrDeadline); s.Measured != 0 || s.Unmeasured != 5000 {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("everything unreachable took %v, the deadline was a minute", took)
		}
		c.once(t, 5000)
		r := c.recs[4999].Results[0]
		if r.Reason != "scan.deadline" || r.State() != "unknown" || !strings.Contains(r.Title(verdict.EN), "1m0s") {
			t.Errorf("%+v: %s", r, r.Title(verdict.EN))
		}
	})
}

// A deadline of the caller's own is named as one, too.
func TestCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		var c collector
		err := Scan{Workers: 4, Probe: good(time.Hour)}.Run(ctx, services(9, nil), c.emit)
		stopped(t, err, ErrDeadline)
		if r := c.recs[8].Results[0]; r.Reason != "scan.deadline" || r.Args["limit"] != "1m30s" {
			t.Errorf("%+v", r)
		}
	})
}

func TestHostTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		err := Scan{Workers: 2, HostTimeout: 3 * time.Second, Checks: []verdict.Check{verdict.Reach, verdict.DNSSEC},
			Probe: func(ctx context.Context, _ string, svc inventory.Service) verdict.Record {
				switch svc.Host {
				case "h0.vn": // finds one thing, then waits for a silent server
					<-ctx.Done()
					return recordOf("reach.silent")
				case "h1.vn": // ready at the last moment: nothing is missing
					<-ctx.Done()
					return recordOf("reach.ok", "dnssec.secure")
				}
				return recordOf("reach.ok") // says nothing of DNSSEC, in good time: its own affair
			}}.Run(t.Context(), services(3, nil), c.emit)
		if err != nil {
			t.Fatalf("%v: one slow host is no reason to call the run stopped", err)
		}
		c.once(t, 3)
		for _, r := range c.recs {
			var got []string
			for _, x := range r.Results {
				got = append(got, string(x.Check)+":"+string(x.Reason))
			}
			want := map[string][]string{
				"h0.vn": {"reach:reach.silent", "dnssec:scan.host-deadline"},
				"h1.vn": {"reach:reach.ok", "dnssec:dnssec.secure"},
				"h2.vn": {"reach:reach.ok"},
			}[r.Host]
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", r.Host, got, want)
			}
		}
	})
}

func TestProbeThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var c collector
		var log bytes.Buffer
		start := time.Now()
		err := Scan{Workers: 2, HostTimeout: time.Second, Grace: 4 * time.Second, Log: zerolog.New(zerolog.SyncWriter(&log)),
			Probe: func(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
				if svc.Host == "h0.vn" || svc.Host == "h3.vn" {
					<-release
					return recordOf("reach.ok") // too late: must not be seen
				}
				return good(0)(ctx, agency, svc)
			}}.Run(t.Context(), services(6, nil), c.emit)
		if err != nil {
			t.Fatal(err)
		}
		c.once(t, 6)
		if got := c.reasons(); got["reach.ok"] != 4 || got["scan.host-deadline"] != 2*8 {
			t.Errorf("%v", got)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want the limit and the grace once for both", took)
		}
		if n := strings.Count(log.String(), "does not end"); n != 2 {
			t.Errorf("%d log lines:\n%s", n, log.String())
		}
	})
}

func TestTooManyThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var began atomic.Int64
		var c collector
		err := Scan{Workers: 3, HostTimeout: time.Second, Grace: time.Second,
			Probe: func(context.Context, string, inventory.Service) verdict.Record {
				began.Add(1)
				<-release
				return verdict.Record{}
			}}.Run(t.Context(), services(1000, nil), c.emit)
		stopped(t, err, ErrStuck)
		c.once(t, 1000)
		if began.Load() > 3*3 {
			t.Errorf("%d probes were left hanging with 3 workers", began.Load())
		}
	})
}

func TestEmitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		emitted := 0
		err := Scan{Workers: 5, Probe: good(time.Second)}.Run(t.Context(), services(1_000_000, nil), func(verdict.Record, End) error {
			if emitted++; emitted == 3 {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || emitted != 3 {
			t.Errorf("%v after %d records", err, emitted)
		}
		synctest.Wait()
	})
}

// Whatever ends a run and whenever: each service has exactly one record, and
// the counts add up.
func TestNoServiceIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(rt, "services")
		workers := rapid.IntRange(1, 9).Draw(rt, "workers")
		host := time.Duration(rapid.IntRange(0, 5).Draw(rt, "host timeout, 0.6 s")) * 600 * time.Millisecond
		whole := time.Duration(rapid.IntRange(0, 9).Draw(rt, "run timeout, s")) * time.Second
		cancelAt := time.Duration(rapid.IntRange(0, 9000).Draw(rt, "cancel at, ms")) * time.Millisecond
		slow := rapid.SliceOfN(rapid.IntRange(0, 3000), 10, 10).Draw(rt, "probe times, ms")
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(cancelAt, cancel).Stop()
			defer cancel()
			var c collector
			var last Progress
			err := Scan{Workers: workers, HostTimeout: host, RunTimeout: whole, Grace: time.Second, Progress: func(p Progress) { last = p },
				Probe: func(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
					d := slow[int(svc.Host[1])%len(slow)]
					switch d % 7 {
					case 5:
						panic("as drawn")
					case 6: // deaf to its context
						time.Sleep(time.Duration(d) * time.Millisecond)
						return recordOf("reach.ok")
					}
					return good(time.Duration(d)*time.Millisecond)(ctx, agency, svc)
				}}.Run(ctx, services(n, nil), c.emit)
			c.once(t, n)
			if last.Done != n {
				t.Errorf("progress says %d of %d", last.Done, n)
			}
			var s *Stopped
			if errors.As(err, &s) {
				if s.Measured+s.Unmeasured != n || s.Unmeasured == 0 {
					t.Errorf("%v of %d", err, n)
				}
			} else if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute) // let the deaf ones end
		})
	})
}
