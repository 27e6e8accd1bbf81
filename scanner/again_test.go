package scanner

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// script is a probe that answers by host, a reason for each look at it; the last
// one goes on.
type script struct {
	mu   sync.Mutex
	say  map[string][]verdict.Reason
	when map[string][]time.Duration // since begin
	from time.Time
}

func newScript(say map[string][]verdict.Reason) *script {
	return &script{say: say, when: map[string][]time.Duration{}, from: time.Now()}
}

func (s *script) probe(_ context.Context, _ string, svc inventory.Service) verdict.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.when[svc.Host])
	s.when[svc.Host] = append(s.when[svc.Host], time.Since(s.from))
	say := s.say[svc.Host]
	if len(say) == 0 {
		return recordOf("reach.ok")
	}
	rec := recordOf(say[min(n, len(say)-1)])
	rec.Results[0].Args = map[string]string{"cause": string(verdict.Timeout)}
	return rec
}

// Services that failed are looked at again after all others, spaced out and
// doubling, with fresh eyes; no longer than it could change anything.
func TestSecondLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(map[string][]verdict.Reason{
			"h1.vn": {"reach.refused"},                              // confirmed by the second look
			"h2.vn": {"reach.refused", "reach.ok"},                  // recovered
			"h3.vn": {"reach.refused", "reach.ok", "reach.refused"}, // flapping
			"h4.vn": {"reach.unknown", "reach.ok"},
		})
		var c collector
		var rounds []int
		waits := false
		scan := Scan{Probe: s.probe, Workers: 2, Retests: 2, RetestAfter: time.Minute,
			Renew: func(_ context.Context, round int) func(context.Context, string, inventory.Service) verdict.Record {
				rounds = append(rounds, round)
				return s.probe
			}, Progress: func(p Progress) { waits = waits || p.Again == 2 && time.Until(p.Due) == 90*time.Second }}
		if err := scan.Run(t.Context(), services(9, nil), c.emit); err != nil {
			t.Fatal(err)
		}
		c.once(t, 9)
		if !waits {
			t.Error("nothing says when the next look is due")
		}
		for host, want := range map[string][]time.Duration{
			"h0.vn": {0}, "h1.vn": {0, time.Minute}, "h2.vn": {0, time.Minute, 3 * time.Minute},
			"h3.vn": {0, time.Minute, 3 * time.Minute}, "h4.vn": {0, time.Minute},
		} {
			if got := s.when[host]; len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
				t.Errorf("%s was looked at after %v, want %v", host, got, want)
			}
		}
		if len(rounds) != 2 || rounds[0] != 1 || rounds[1] != 2 {
			t.Errorf("renewed for rounds %v", rounds)
		}
		want := map[verdict.Reason]int{"reach.ok": 5 + 1 + 1, "reach.refused": 1, "scan.recovered": 1, "scan.flapping": 1}
		for r, n := range want {
			if got := c.reasons()[r]; got != n {
				t.Errorf("%s: %d, want %d", r, got, n)
			}
		}
		for i, rec := range c.recs[:5] {
			if rec.Host >= "h1.vn" && rec.Host <= "h4.vn" {
				t.Errorf("record %d is of %s, which waits for another look", i, rec.Host)
			}
		}
	})
}

// A change for the worse that is no failure is looked at once more, and the later
// look counts.
func TestWorseIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(map[string][]verdict.Reason{"h0.vn": {"reach4.fault", "reach.ok"}})
		var c collector
		err := Scan{Probe: s.probe, Retests: 2, RetestAfter: time.Minute,
			Worse: func(rec verdict.Record) bool { return rec.Host == "h0.vn" }}.Run(t.Context(), services(3, nil), c.emit)
		if err != nil {
			t.Fatal(err)
		}
		c.once(t, 3)
		if n := len(s.when["h0.vn"]); n != 2 {
			t.Errorf("%d looks, want 2", n)
		}
		if n := len(s.when["h1.vn"]); n != 1 {
			t.Errorf("%d looks at what is not worse", n)
		}
	})
}

func TestNoRetests(t *testing.T) {
	s := newScript(map[string][]verdict.Reason{"h0.vn": {"reach.refused"}})
	var c collector
	if err := (Scan{Probe: s.probe}).Run(t.Context(), services(2, nil), c.emit); err != nil {
		t.Fatal(err)
	}
	if len(s.when["h0.vn"]) != 1 || c.reasons()["reach.refused"] != 1 {
		t.Errorf("%v, %v", s.when, c.reasons())
	}
}

// A run that ends while services wait for another look says of each what it has,
// and that it is not confirmed.
func TestEndBeforeSecondLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // in the wait for the third look
		defer cancel()
		s := newScript(map[string][]verdict.Reason{"h0.vn": {"reach.refused", "reach.ok"}, "h1.vn": {"reach.refused"}})
		var c collector
		err := Scan{Probe: s.probe, Retests: 2, RetestAfter: time.Minute}.Run(ctx, services(4, nil), c.emit)
		var end *Stopped
		if !errors.As(err, &end) || end.Open != 1 || end.Unmeasured != 0 || end.Measured != 4 {
			t.Errorf("%+v", err)
		}
		c.once(t, 4)
		for i, rec := range c.recs {
			if want := map[bool]End{true: Open, false: Settled}[rec.Host == "h0.vn"]; c.ends[i] != want {
				t.Errorf("%s ended as %v", rec.Host, c.ends[i])
			}
		}
		if c.reasons()["scan.flapping"] != 1 || c.reasons()["reach.refused"] != 1 {
			t.Errorf("%v", c.reasons())
		}
	})
}

// A run that ends in the midst of a further look keeps what the earlier found.
func TestEndInSecondLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		looks := 0
		probe := func(ctx context.Context, _ string, _ inventory.Service) verdict.Record {
			if looks++; looks > 1 {
				<-ctx.Done()
				return recordOf()
			}
			return recordOf("reach.refused")
		}
		var c collector
		err := Scan{Probe: probe, Workers: 1, Retests: 2, RetestAfter: time.Minute}.Run(ctx, services(1, nil), c.emit)
		var end *Stopped
		if !errors.As(err, &end) || end.Open != 1 {
			t.Errorf("%v", err)
		}
		if len(c.recs) != 1 || c.ends[0] != Open || c.reasons()["reach.refused"] != 1 || c.reasons()["scan.deadline"] != 0 {
			t.Errorf("%v, %v", c.ends, c.reasons())
		}
	})
}

// book is a Book that a run can be resumed from.
type book struct {
	Memory
	done map[verdict.ServiceKey]bool
	err  error
}

func (b book) Settled(k verdict.ServiceKey) (bool, error) { return b.done[k], b.err }

// A resumed run measures what is left, looks again at what was to be looked at
// again, and leaves alone what it has.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := func(host string) verdict.ServiceKey {
			return verdict.ServiceKey{Agency: "a", Kind: "web", Host: host}
		}
		s := newScript(map[string][]verdict.Reason{"h1.vn": {"reach.ok"}})
		b := book{Memory{}, map[verdict.ServiceKey]bool{key("h0.vn"): true, key("h3.vn"): true}, nil}
		first := recordOf("reach.refused")
		first.Agency, first.Host, first.Kind = "a", "h1.vn", "web"
		if err := b.Look(first); err != nil {
			t.Fatal(err)
		}
		var c collector
		var last Progress
		scan := Scan{Probe: s.probe, Retests: 2, RetestAfter: time.Minute, Book: b, Resumed: true, Total: 5, Progress: func(p Progress) { last = p }}
		if err := scan.Run(t.Context(), services(5, nil), c.emit); err != nil {
			t.Fatal(err)
		}
		if len(s.when["h0.vn"])+len(s.when["h3.vn"]) > 0 || len(s.when["h1.vn"]) != 2 || len(s.when["h2.vn"]) != 1 {
			t.Errorf("looked at %v", s.when)
		}
		if len(c.recs) != 3 || c.reasons()["scan.recovered"] != 1 || last.Done != 5 || last.Again != 0 {
			t.Errorf("%d records, %v, %+v", len(c.recs), c.reasons(), last)
		}
		b.err = errors.New("disk gone")
		if err := (Scan{Probe: s.probe, Book: b, Resumed: true}).Run(t.Context(), services(5, nil), c.emit); !errors.Is(err, b.err) {
			t.Errorf("%v", err)
		}
	})
}
