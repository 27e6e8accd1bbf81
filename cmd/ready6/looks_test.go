package main

import (
	"os"
	"path/filepath"
	"testing"

	"ready6/probes/verdict"
	"ready6/scanner"
)

var _ scanner.Book = (*spool)(nil)

// What is only streamed is kept in a file that goes with the scan, and in memory
// where there is no place for one.
func TestSpool(t *testing.T) {
	rec := verdict.Record{Agency: "a", Host: "www.a.vn", Kind: "web", Results: []verdict.Result{{Check: verdict.Reach, Reason: "reach.refused", Subject: "x"}}}
	for _, place := range []string{t.TempDir(), filepath.Join(t.TempDir(), "not", "there")} {
		t.Setenv("TMPDIR", place)
		s := &spool{}
		if looks, err := s.Looks(rec.Key()); err != nil || len(looks) != 0 {
			t.Errorf("%s: %v, %v", place, looks, err)
		}
		for n := 1; n <= 2; n++ {
			if err := s.Look(rec); err != nil {
				t.Fatal(err)
			}
			looks, err := s.Looks(rec.Key())
			if err != nil || len(looks) != n || looks[n-1].Results[0].Reason != "reach.refused" {
				t.Errorf("%s: %v, %v", place, looks, err)
			}
		}
		s.close()
		if left, _ := os.ReadDir(place); len(left) > 0 {
			t.Errorf("%s is left", left)
		}
	}
}

// What speaks against a run: canaries that are not as they should be, and what the
// vantage has no longer; not what it never had, nor what could not be found out,
// nor the age of data.
func TestCanaryFaults(t *testing.T) {
	r := func(reason verdict.Reason, subject string) verdict.Result {
		return verdict.Result{Check: verdict.Vantage, Reason: reason, Subject: subject}
	}
	k := &canaries{before: []verdict.Result{r("vantage.no-family", "IPv6"), r("vantage.family-ok", "IPv4")}}
	for _, c := range []struct {
		result verdict.Result
		want   bool
	}{
		{r("vantage.canary-good-fails", "c.vn"), true},
		{r("vantage.canary-bad-passes", "c.vn"), true},
		{r("vantage.canary-ok", "c.vn"), false},
		{r("vantage.canary-unknown", "c.vn"), false},
		{r("vantage.no-family", "IPv6"), false}, // it never had it
		{r("vantage.no-family", "IPv4"), true},
		{r("vantage.anchor-bad", "."), true},
		{r("vantage.data-stale", "VRPs"), false},
	} {
		if got := len(k.faults([]verdict.Result{c.result})) == 1; got != c.want {
			t.Errorf("%s %s: %v", c.result.Reason, c.result.Subject, got)
		}
	}
}
