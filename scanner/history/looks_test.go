package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ready6/probes/verdict"
)

func begin(t *testing.T, s *Store, h Header) *Writer {
	t.Helper()
	w, err := s.Begin(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Looks come back as they were, whether they are on disk yet or not; the final
// record takes their place, and the service stays one.
func TestLooks(t *testing.T) {
	s := open(t, temp(t))
	w := begin(t, s, Header{Started: night})
	first := record("a", "www.a.vn", result(verdict.Reach, "reach.refused", "x"))
	second := record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x"))
	other := record("a", "mx.a.vn", result(verdict.Reach, "reach.ok", "y"))
	must(t, w.Look(first), w.Put(other))
	check := func(want ...verdict.Record) {
		t.Helper()
		got, err := w.Looks(first.Key())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for key, want := range map[verdict.ServiceKey]bool{first.Key(): len(want) == 0, other.Key(): true, record("a", "new.vn").Key(): false} {
			if done, err := w.Settled(key); err != nil || done != want {
				t.Errorf("%v settled: %v, %v", key, done, err)
			}
		}
	}
	check(first)
	must(t, w.Look(second))
	check(first, second)
	run, err := s.Load(t.Context(), w.ID())
	if err != nil || len(run.Records) != 2 || run.Records[1].Results[0].Reason != "reach.refused" {
		t.Errorf("before the end: %d records, %v", len(run.Records), err)
	}
	final := record("a", "www.a.vn", result(verdict.Reach, "scan.flapping", "x"))
	must(t, w.Put(final))
	check()
	must(t, w.Finish(t.Context(), Complete))
	run, err = s.Load(t.Context(), w.ID())
	if err != nil || run.Services != 2 || len(run.Records) != 2 {
		t.Fatalf("%d services, %d records, %v", run.Services, len(run.Records), err)
	}
	if diff := cmp.Diff(final, run.Records[1]); diff != "" {
		t.Error(diff)
	}
	var left int
	if err := s.read.QueryRow("SELECT count(*) FROM look").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d looks are left, %v", left, err)
	}
}

// What ended early is gone on with: what was cut short is measured anew, what
// waits for another look still does, what is final stays.
func TestResume(t *testing.T) {
	ctx := t.Context()
	path := temp(t)
	s := open(t, path)
	h := fullHeader()
	w := begin(t, s, h)
	done, waits, short := record("a", "done.vn"), record("a", "waits.vn"), record("a", "short.vn")
	must(t, w.Put(done), w.Look(waits), w.Cut(short), w.Withhold(result(verdict.Vantage, "vantage.canary-good-fails", "c.vn")))
	must(t, w.Finish(ctx, Interrupted), s.Close())

	s = open(t, path)
	later := night.Add(time.Hour)
	last, err := s.Resumable(ctx, h, later)
	if err != nil || last.ID != w.ID() {
		t.Fatalf("%+v, %v", last, err)
	}
	w, err = s.Resume(ctx, last.ID, later, nil)
	if err != nil {
		t.Fatal(err)
	}
	for rec, want := range map[string]struct {
		settled bool
		looks   int
	}{"done.vn": {true, 0}, "waits.vn": {false, 1}, "short.vn": {false, 0}, "new.vn": {false, 0}} {
		key := record("a", rec).Key()
		settled, err := w.Settled(key)
		looks, err2 := w.Looks(key)
		if err := errors.Join(err, err2); err != nil || settled != want.settled || len(looks) != want.looks {
			t.Errorf("%s: settled %v, %d looks, %v", rec, settled, len(looks), err)
		}
	}
	// A look at what was cut short is its first.
	must(t, w.Look(short))
	if looks, err := w.Looks(short.Key()); err != nil || len(looks) != 1 {
		t.Errorf("%d looks, %v", len(looks), err)
	}
	must(t, w.Put(short), w.Put(waits), w.Put(record("a", "new.vn")), w.Finish(ctx, Complete))
	run, err := s.Load(ctx, w.ID())
	if err != nil || run.Services != 4 || len(run.Records) != 4 {
		t.Errorf("%d services, %d records, %v", run.Services, len(run.Records), err)
	}
	if run.Status != Withheld || len(run.Withheld) != 1 || len(run.Resumed) != 1 || !run.Resumed[0].Equal(later) || len(run.Preflight) != 1 || run.Planned != 3 {
		t.Errorf("header %+v", run.Header)
	}
	if took := run.Finished.Sub(run.Started); took < time.Hour || took > time.Hour+time.Minute {
		t.Errorf("it ended %v after it began", took)
	}
}

// Each reason not to go on is told as it is.
func TestNothingToResume(t *testing.T) {
	ctx := t.Context()
	s := open(t, temp(t))
	h := fullHeader()
	refused := func(h Header, now time.Time, said string) {
		t.Helper()
		_, err := s.Resumable(ctx, h, now)
		if !errors.Is(err, ErrNoResume) || !strings.Contains(err.Error(), said) {
			t.Errorf("%v; want %q in it", err, said)
		}
	}
	refused(h, night, "it has no run of this kind (inventory)")
	store(t, s, h, Interrupted)
	if _, err := s.Resumable(ctx, h, night.Add(ResumeWithin)); err != nil {
		t.Error(err)
	}
	refused(h, night.Add(ResumeWithin+time.Minute), "began 24h1m0s ago")
	for said, change := range map[string]func(*Header){
		"has changed: the inventory;":            func(h *Header) { h.Inventory = []byte("another") },
		"has changed: the plan;":                 func(h *Header) { h.Plan = nil },
		"has changed: the checks asked for;":     func(h *Header) { h.Checks = nil },
		"the rules (another version of ready6);": func(h *Header) { h.Rules++ },
		"has changed: the vantage;":              func(h *Header) { h.Vantage = "dn-dc2" },
		"the inventory, the vantage;":            func(h *Header) { h.Inventory, h.Vantage = nil, "x" },
	} {
		other := h
		change(&other)
		refused(other, night, said)
	}
	store(t, s, h, Complete)
	refused(h, night, "the last run (2) has measured everything")
	if _, err := s.Resume(ctx, 2, night, nil); err == nil {
		t.Error("a complete run was taken up again")
	}
	if _, err := s.Resume(ctx, 7, night, nil); !errors.Is(err, ErrNoRun) {
		t.Errorf("run 7: %v", err)
	}
	w := begin(t, s, h)
	if _, err := s.Resumable(ctx, h, night); !errors.Is(err, ErrBusy) {
		t.Errorf("while it runs: %v", err)
	}
	must(t, w.Finish(ctx, Complete))
}

// A withheld run is never compared with, nor the latest word on a service.
func TestWithheldIsNotPublished(t *testing.T) {
	ctx := t.Context()
	s := open(t, temp(t))
	rec := record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x"))
	good := store(t, s, Header{Started: night}, Complete, rec)
	w := begin(t, s, Header{Started: night})
	must(t, w.Put(rec), w.Withhold(), w.Withhold(result(verdict.Vantage, "vantage.no-family", "IPv6")),
		w.Withhold(result(verdict.Vantage, "vantage.canary-bad-passes", "c.vn")), w.Finish(ctx, Complete))
	h, err := s.Header(ctx, w.ID())
	if err != nil || h.Status != Withheld || len(h.Withheld) != 2 {
		t.Fatalf("%+v, %v", h, err)
	}
	next := store(t, s, Header{Started: night}, Complete)
	if prev, err := s.Previous(ctx, next); err != nil || prev.ID != good {
		t.Errorf("previous %d, %v", prev.ID, err)
	}
	if _, run, err := s.Latest(ctx, rec.Key()); err != nil || run != good {
		t.Errorf("latest is of run %d, %v", run, err)
	}
	if _, err := s.Prune(ctx, Keep{Last: 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Runs(ctx); err != nil || len(got) != 1 || got[0].ID != next {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whoever comes second is refused before there is a run, and told who is first.
func TestReserve(t *testing.T) {
	ctx := t.Context()
	path := temp(t)
	a, b := open(t, path), open(t, path)
	must(t, a.Reserve(ctx), a.Reserve(ctx))
	err := b.Reserve(ctx)
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "since ") || !strings.Contains(err.Error(), "process ") {
		t.Errorf("%v", err)
	}
	w := begin(t, a, Header{})
	if err := b.Reserve(ctx); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	must(t, w.Finish(ctx, Complete), b.Reserve(ctx))
	if _, err := a.Begin(ctx, Header{}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	must(t, b.Close())
	must(t, a.Reserve(ctx))
}

// A disk that fills up ends the run with one clear sentence; what was stored stays
// whole, and the run is gone on with when there is space again.
func TestDiskFullThenResumed(t *testing.T) {
	ctx := t.Context()
	path := temp(t)
	s := open(t, path)
	h := Header{Kind: "inventory", Started: night}
	w := begin(t, s, h)
	if _, err := s.write.Exec("PRAGMA max_page_count = 120"); err != nil {
		t.Fatal(err)
	}
	given := 0
	var err error
	for err == nil && given < 100_000 {
		rec := record("a", fmt.Sprintf("h%06d.vn", given), result(verdict.Reach, "reach.ok", strings.Repeat("x", 50)))
		if err = w.Put(rec); err == nil {
			given++
		}
		if given%20 == 0 {
			_, _ = w.Looks(record("a", fmt.Sprintf("h%06d.vn", given-1)).Key()) // writes the batch
		}
	}
	if err == nil || !strings.Contains(err.Error(), "the disk is full (what was stored before is safe)") || !strings.Contains(err.Error(), "ready6 scan --resume") {
		t.Fatalf("after %d records: %v", given, err)
	}
	if err := w.Finish(ctx, Interrupted); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("finish: %v", err)
	}
	must(t, s.Close())

	s = open(t, path) // with as much space as it wants
	h.Preflight = []verdict.Result{result(verdict.Vantage, "vantage.family-ok", "IPv6")}
	last, err := s.Resumable(ctx, h, night)
	if err != nil || last.Status != Crashed || last.Services == 0 || last.Services >= given {
		t.Fatalf("%+v, %v", last, err)
	}
	var ok string
	if err := s.read.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
	w, err = s.Resume(ctx, last.ID, night, h.Preflight)
	must(t, err)
	again := 0
	for i := range given {
		rec := record("a", fmt.Sprintf("h%06d.vn", i), result(verdict.Reach, "reach.ok", "x"))
		done, err := w.Settled(rec.Key())
		must(t, err)
		if !done {
			again++
			must(t, w.Put(rec))
		}
	}
	must(t, w.Finish(ctx, Complete))
	run, err := s.Load(ctx, last.ID)
	if len(run.Preflight) != 1 {
		t.Errorf("the vantage proved %v", run.Preflight)
	}
	if err != nil || run.Status != Complete || len(run.Records) != given || again != given-last.Services {
		t.Errorf("%s with %d of %d records, %d measured again, %v", run.Status, len(run.Records), given, again, err)
	}
}

// A history of the form before looks is brought up to date with what it holds.
func TestOlderForm(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	id := store(t, s, fullHeader(), Complete, record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x")))
	before, err := s.Load(ctx, id)
	must(t, err)
	for _, step := range []string{
		"DROP TABLE mark", "DROP TABLE look", "ALTER TABLE record DROP COLUMN open", "ALTER TABLE run DROP COLUMN withheld",
		"DELETE FROM goose_db_version WHERE version_id > 1",
	} {
		if _, err := s.write.Exec(step); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	must(t, s.Close())
	s = open(t, path)
	after, err := s.Load(ctx, id)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	store(t, s, fullHeader(), Complete)
}

// Looks of a run that was never finished go with it.
func TestPruneWithLooks(t *testing.T) {
	s := open(t, temp(t))
	w := begin(t, s, Header{Started: night})
	must(t, w.Look(record("a", "gone.vn")), w.Look(record("a", "gone.vn")), w.Finish(t.Context(), Interrupted))
	kept := store(t, s, Header{Started: night}, Complete, record("a", "www.a.vn"))
	if gone, err := s.Prune(t.Context(), Keep{Last: 1}); err != nil || len(gone) != 1 {
		t.Errorf("pruned %v, %v", gone, err)
	}
	for table, want := range map[string]int64{"look": 0, "record": 1, "service": 1, "run": 1} {
		var n int64
		if err := s.read.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != want {
			t.Errorf("%d rows in %s, %v", n, table, err)
		}
	}
	if _, err := s.Header(t.Context(), kept); err != nil {
		t.Error(err)
	}
}

// Worse is what a second look decides about: a check that got worse, and that
// both have.
func TestWorse(t *testing.T) {
	rec := func(list ...string) verdict.Record {
		var results []verdict.Result
		for i := 0; i < len(list); i += 2 {
			results = append(results, verdict.Result{Check: verdict.Check(list[i]), Reason: verdict.Reason(list[i+1]), Subject: "x"})
		}
		return record("a", "www.a.vn", results...)
	}
	for _, c := range []struct {
		was, is verdict.Record
		want    bool
	}{
		{rec("reach", "reach.ok"), rec("reach", "reach.ok"), false},
		{rec("dnssec", "dnssec.secure"), rec("dnssec", "dnssec.insecure.unsigned"), true},
		{rec("dnssec", "dnssec.insecure.unsigned"), rec("dnssec", "dnssec.secure"), false},
		{rec("reach", "reach.ok"), rec("reach", "reach.unknown"), false}, // known no more is not worse
		{rec("reach", "reach.ok"), rec("reach", "reach.ok", "dnssec", "dnssec.bogus.sig-expired"), false},
	} {
		if got := Worse(c.was, c.is); got != c.want {
			t.Errorf("%v → %v: %v", c.was.Results, c.is.Results, got)
		}
	}
}
