package main

import (
	"fmt"
	"testing"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func TestBaseline(t *testing.T) {
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	run := func(id int64, age time.Duration, count int, marked bool, kind string) history.Header {
		h := history.Header{ID: id, Started: now.Add(-age), Kind: kind, Sources: []history.SourceInfo{{Name: "routes: rib"}}}
		if count > 0 {
			h.Sources = append(h.Sources, history.SourceInfo{Name: "VRPs: a.json", Count: count})
		}
		if marked {
			h.Preflight = []verdict.Result{{Reason: shrunkReason}}
		}
		return h
	}
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		runs []history.Header
		want int64 // 0: none
	}{
		"no run":                 {nil, 0},
		"the last":               {[]history.Header{run(2, day, 9, false, "inventory"), run(1, 2*day, 9, false, "inventory")}, 2},
		"another kind":           {[]history.Header{run(2, day, 9, false, "names")}, 2},
		"the lab is not":         {[]history.Header{run(2, day, 9, false, "lab")}, 0},
		"without VRPs":           {[]history.Header{run(2, day, 0, false, "inventory"), run(1, 30*day, 9, false, "inventory")}, 1},
		"shrunk itself":          {[]history.Header{run(3, day, 5, true, "inventory"), run(2, 2*day, 5, true, "inventory"), run(1, 3*day, 9, false, "inventory")}, 1},
		"shrunk for over a week": {[]history.Header{run(9, day, 5, true, "inventory"), run(2, 8*day, 5, true, "inventory"), run(1, 9*day, 9, false, "inventory")}, 2},
	} {
		got, ok := baseline(tt.runs, "inventory", now)
		if ok != (tt.want > 0) || got.id != tt.want {
			t.Errorf("%s: run %d (%v), want %d", name, got.id, ok, tt.want)
		}
	}
}

func TestShrunk(t *testing.T) {
	of := func(total int, counts map[string]int) history.SourceInfo {
		return history.SourceInfo{Count: total, Counts: counts}
	}
	type tas = map[string]int
	for _, tt := range []struct {
		before, now history.SourceInfo
		want        string
	}{
		{of(100, tas{"ripe": 50, "apnic": 50}), of(90, tas{"ripe": 40, "apnic": 50}), "[] []"}, // just a fifth
		{of(100, tas{"ripe": 50, "apnic": 50}), of(139, tas{"ripe": 39, "apnic": 100}), "[ripe] [ripe: 50 → 39 (-22 %)]"},
		{of(100, tas{"ripe": 50, "apnic": 50}), of(50, tas{"ripe": 50}), "[apnic] [apnic: 50 → 0 (-100 %)]"},
		{of(100, tas{"ripe": 50, "apnic-as0": 50}), of(50, tas{"ripe": 50}), "[] []"}, // advisory
		{of(50, tas{"ripe": 50}), of(100, tas{"ripe": 50, "arin": 50}), "[] []"},
		{of(100, nil), of(80, nil), "[] []"},
		{of(100, nil), of(79, nil), "[] [all: 100 → 79 (-21 %)]"},
		{of(100, tas{"ripe": 100}), of(79, nil), "[] [all: 100 → 79 (-21 %)]"}, // from a file to RTR
	} {
		gone, said := shrunk(tt.before, tt.now)
		if got := fmt.Sprint(gone, said); got != tt.want || len(gone) != len(said) {
			t.Errorf("%+v → %+v: %s, want %s", tt.before, tt.now, got, tt.want)
		}
	}
}
