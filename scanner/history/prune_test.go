package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ready6/probes/verdict"
)

func TestKeep(t *testing.T) {
	hcm := time.FixedZone("ICT", 7*3600)
	day := func(n int, status Status, kind string) Header {
		return Header{ID: int64(n), Started: night.AddDate(0, 0, n-1).Add(17 * time.Hour), Status: status, Kind: kind}
	}
	// Newest first: 60 nights from 1 March 2026, every seventh interrupted.
	var nights []Header
	for n := 60; n >= 1; n-- {
		st := Complete
		if n%7 == 0 {
			st = Interrupted
		}
		nights = append(nights, day(n, st, "inventory"))
	}
	for _, c := range []struct {
		name string
		keep Keep
		runs []Header
		want []int64 // that stay, ascending
	}{
		{"last", Keep{Last: 2}, nights, []int64{59, 60}},
		{"last counts interrupted ones too", Keep{Last: 5}, nights, []int64{56, 57, 58, 59, 60}},
		{"since", Keep{Since: night.AddDate(0, 0, 56)}, nights, []int64{57, 58, 59, 60}},
		{"daily takes complete ones only", Keep{Daily: 5}, nights, []int64{55, 57, 58, 59, 60}},
		// Night 31 begins on 31 March, 19:00 UTC, which is 1 April in Việt Nam.
		{"monthly", Keep{Monthly: 9}, nights, []int64{31, 60}},
		{"monthly, by the local calendar", Keep{Monthly: 9, Zone: hcm}, nights, []int64{30, 60}},
		{"weekly ends on Sundays", Keep{Weekly: 3}, nights, []int64{50, 57, 60}},
		{"rules add up", Keep{Last: 1, Weekly: 2, Monthly: 2}, nights, []int64{31, 57, 60}},
		{"the newest complete one always stays", Keep{Last: 1},
			[]Header{day(3, Crashed, "x"), day(2, Interrupted, "x"), day(1, Complete, "x")}, []int64{1, 3}},
		{"kinds apart", Keep{Last: 1},
			[]Header{day(4, Complete, "lab"), day(3, Complete, "lab"), day(2, Complete, "inventory"), day(1, Complete, "inventory")}, []int64{2, 4}},
		{"never the one being written", Keep{Since: night.AddDate(1, 0, 0)}, []Header{day(2, Running, "x"), day(1, Complete, "x")}, []int64{1, 2}},
	} {
		gone := make(map[int64]bool)
		for _, id := range c.keep.remove(c.runs) {
			gone[id] = true
		}
		var stay []int64
		for i := len(c.runs) - 1; i >= 0; i-- {
			if id := c.runs[i].ID; !gone[id] {
				stay = append(stay, id)
			}
		}
		if d := cmp.Diff(c.want, stay); d != "" {
			t.Errorf("%s: (-want +stays)\n%s", c.name, d)
		}
	}
}

func TestPrune(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	many := func(name string) []verdict.Record {
		var recs []verdict.Record
		for i := range 2500 { // more than one step of sweep
			recs = append(recs, record("a", fmt.Sprintf("%s%d.vn", name, i), result(verdict.Reach, "reach.ok", "x")))
		}
		return recs
	}
	var ids []int64
	for n := range 4 {
		name := "www"
		if n == 0 {
			name = "former" // services that only the oldest run had
		}
		h := fullHeader()
		h.Started = night.AddDate(0, 0, n)
		h.Inventory = []byte(fmt.Sprint("inventory of night ", n))
		ids = append(ids, store(t, s, h, Complete, many(name)...))
	}
	if _, err := s.Prune(ctx, Keep{}); err == nil {
		t.Error("a Keep that names nothing was accepted")
	}
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	w, err := s.Begin(ctx, Header{Kind: "inventory"}) // a scan goes on meanwhile
	if err != nil {
		t.Fatal(err)
	}
	gone, err := s.Prune(ctx, Keep{Since: night.AddDate(0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ids[:2], gone); d != "" {
		t.Errorf("removed (-want +got)\n%s", d)
	}
	if err := s.hide(ctx, []int64{w.ID()}); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Header(ctx, w.ID()); err != nil || h.Status != Running {
		t.Errorf("the run being written: %s, %v", h.Status, err)
	}
	if err := w.Put(record("a", "www1.vn")); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(ctx, Complete); err != nil {
		t.Fatal(err)
	}
	for _, id := range gone {
		if _, err := s.Load(ctx, id); !errors.Is(err, ErrNoRun) {
			t.Errorf("run %d after its removal: %v", id, err)
		}
	}
	for _, id := range ids[2:] {
		if run, err := s.Load(ctx, id); err != nil || len(run.Records) != 2500 || len(run.Inventory) == 0 || len(run.Plan) == 0 {
			t.Errorf("run %d: %d records, %v", id, len(run.Records), err)
		}
	}
	for what, want := range map[string]int{
		"FROM record": 5001, "FROM service": 2500, "FROM text": 3, "FROM run": 3,
		"FROM pragma_foreign_key_check": 0, "FROM pragma_freelist_count WHERE freelist_count > 0": 0,
	} {
		var n int
		if err := s.read.QueryRow("SELECT count(*) " + what).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", what, n, err, want)
		}
	}
	if after := size(); after > before*2/3 {
		t.Errorf("the file was %d bytes and is %d: the space was not given back", before, after)
	}
}

// A prune that was killed between hiding and deleting shows no half run, and
// the next one finishes it.
func TestPruneGoesOn(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	first := store(t, s, Header{}, Complete, record("a", "www.a.vn"))
	second := store(t, s, Header{}, Complete, record("a", "www.a.vn"))
	if err := s.hide(ctx, []int64{first}); err != nil {
		t.Fatal(err)
	}
	if hs, err := s.Runs(ctx); err != nil || len(hs) != 1 || hs[0].ID != second {
		t.Errorf("visible: %+v, %v", hs, err)
	}
	if gone, err := s.Prune(ctx, Keep{Last: 9}); err != nil || len(gone) != 0 {
		t.Errorf("%v, %v", gone, err)
	}
	var n int
	if err := s.read.QueryRow("SELECT count(*) FROM record").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d records left, %v; want 1", n, err)
	}
}
