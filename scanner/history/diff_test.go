package history

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ready6/probes/verdict"
)

func results(check verdict.Check, pairs ...string) []verdict.Result {
	var rs []verdict.Result
	for i := 0; i+1 < len(pairs); i += 2 {
		rs = append(rs, verdict.Result{Check: check, Reason: verdict.Reason(pairs[i]), Subject: pairs[i+1]})
	}
	return rs
}

func runOf(status Status, recs ...verdict.Record) Run {
	return Run{Header: Header{Status: status}, Records: recs}
}

func TestDiffOfOneCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new []string
		want     Class // empty: no change
	}{
		{"nothing", []string{"reach.ok", "A"}, []string{"reach.ok", "A"}, ""},
		{"another address that works as well", []string{"reach.ok", "A"}, []string{"reach.ok", "B"}, ""},
		{"fail to pass", []string{"reach.silent", "A"}, []string{"reach.ok", "A"}, Improved},
		{"fail to warn", []string{"reach.silent", "A"}, []string{"reach.cert-both", "A"}, Improved},
		{"pass to warn", []string{"reach.ok", "A"}, []string{"reach.cert-both", "A"}, Regressed},
		{"pass to fail", []string{"reach.ok", "A"}, []string{"reach.refused", "A"}, Regressed},
		{"one of two addresses fails", []string{"reach.ok", "A", "reach.ok", "B"}, []string{"reach.ok", "A", "reach.reset", "B"}, Regressed},
		{"pass to unknown is not worse", []string{"reach.ok", "A"}, []string{"reach.unknown", "A"}, Lost},
		{"fail to unknown is not better", []string{"reach.silent", "A"}, []string{"reach.down", "A"}, Lost},
		{"one of two becomes unknown", []string{"reach.ok", "A", "reach.ok", "B"}, []string{"reach.ok", "A", "reach.unknown", "B"}, Lost},
		{"unknown to fail is not worse", []string{"reach.unknown", "A"}, []string{"reach.silent", "A"}, Found},
		{"unknown to pass is not better", []string{"scan.deadline", "A"}, []string{"reach.ok", "A"}, Found},
		{"unknown for another cause", []string{"reach.unknown", "A"}, []string{"scan.interrupted", "A"}, ""},
		{"a part of the unknown changed", []string{"reach.unknown", "A", "reach.ok", "B"}, []string{"reach.unknown", "A", "reach.cert-both", "B"}, Changed},
		{"one more fault", []string{"reach.silent", "A", "reach.ok", "B"}, []string{"reach.silent", "A", "reach.silent", "B"}, Regressed},
		{"one fault less", []string{"reach.silent", "A", "reach.silent", "B"}, []string{"reach.silent", "A", "reach.ok", "B"}, Improved},
		{"one fault less, but only because it is unknown", []string{"reach.silent", "A", "reach.silent", "B"}, []string{"reach.silent", "A", "reach.unknown", "B"}, Changed},
		{"one fault more, but it was unknown", []string{"reach.silent", "A", "reach.unknown", "B"}, []string{"reach.silent", "A", "reach.silent", "B"}, Changed},
		{"the fault moves", []string{"reach.silent", "A", "reach.ok", "B"}, []string{"reach.ok", "A", "reach.silent", "B"}, Changed},
		{"the fault is another", []string{"reach.silent", "A"}, []string{"reach.refused", "A"}, Changed},
		{"passes otherwise", []string{"reach.ok", "A"}, []string{"reach.small", "A"}, Changed},
		{"not applicable to fail", []string{"reach.none", "A"}, []string{"reach.silent", "A"}, Changed},
		{"pass to nothing said", []string{"reach.ok", "A"}, nil, Changed},
		{"a reason of another version", []string{"reach.ok", "A"}, []string{"reach.invented-later", "A"}, Lost},
	} {
		rec := func(pairs []string) verdict.Record {
			return verdict.Record{Agency: "a", Host: "www.a.vn", Kind: "web", Results: results(verdict.Reach, pairs...)}
		}
		got := Diff(runOf(Complete, rec(c.old)), runOf(Complete, rec(c.new)))
		switch {
		case c.want == "" && len(got) != 0:
			t.Errorf("%s: %+v, want none", c.name, got)
		case c.want != "" && (len(got) != 1 || got[0].Class != c.want || got[0].Check != verdict.Reach):
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}

func TestDiffOfRuns(t *testing.T) {
	gone := verdict.Record{Agency: "a", Host: "old.a.vn", Kind: "web", Results: results(verdict.Reach, "reach.silent", "A")}
	came := verdict.Record{Agency: "a", Host: "new.a.vn", Kind: "mail", Port: 25, Results: results(verdict.Reach, "reach.ok", "A", "reach.ok", "B")}
	both := verdict.Record{Agency: "b", Host: "b.vn", Kind: "dns", Results: append(
		results(verdict.DNSSEC, "scan.panic", "b.vn"), results(verdict.AAAA, "aaaa.nodata", "b.vn")...)}
	now := both
	now.Results = results(verdict.AAAA, "aaaa.present", "2001:db8::1")

	got := Diff(runOf(Complete, gone, both), runOf(Complete, now, came))
	none := []verdict.Reason{}
	want := []Change{
		{Agency: "a", Host: "new.a.vn", Kind: "mail", Port: 25, Class: Added, Is: verdict.Pass, Before: none, After: []verdict.Reason{"reach.ok"}},
		{Agency: "a", Host: "old.a.vn", Kind: "web", Class: Removed, Was: verdict.Fail, Before: []verdict.Reason{"reach.silent"}, After: none},
		{Agency: "b", Host: "b.vn", Kind: "dns", Check: verdict.AAAA, Class: Improved, Was: verdict.Fail, Is: verdict.Pass,
			Before: []verdict.Reason{"aaaa.nodata"}, After: []verdict.Reason{"aaaa.present"}},
		{Agency: "b", Host: "b.vn", Kind: "dns", Check: verdict.DNSSEC, Class: Found, Is: verdict.NotApplicable,
			Before: []verdict.Reason{"scan.panic"}, After: none},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}

	t.Run("a run that crashed has not removed anything", func(t *testing.T) {
		for _, c := range Diff(runOf(Complete, gone), runOf(Crashed)) {
			if c.Class != Lost || c.Is != verdict.Unknown {
				t.Errorf("%+v", c)
			}
		}
		for _, c := range Diff(runOf(Interrupted), runOf(Complete, came)) {
			if c.Class != Found || c.Was != verdict.Unknown {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("a check that was not asked for is no loss", func(t *testing.T) {
		narrow := runOf(Complete, now)
		narrow.Checks = []verdict.Check{verdict.AAAA}
		if got := Diff(runOf(Complete, both), narrow); len(got) != 1 || got[0].Check != verdict.AAAA {
			t.Errorf("%+v", got)
		}
	})
}

// Whatever the runs hold: nothing differs from itself; the reverse comparison
// has the opposite classes; what involves not knowing is never better or worse.
func TestDiffProperties(t *testing.T) {
	codes := []string{"reach.ok", "reach.small", "reach.silent", "reach.reset", "reach.cert-both", "reach.none", "reach.unknown", "reach.down"}
	records := rapid.Custom(func(t *rapid.T) []verdict.Record {
		var recs []verdict.Record
		for _, host := range []string{"a.vn", "b.vn", "c.vn"} {
			if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
				continue
			}
			var rs []verdict.Result
			for range rapid.IntRange(0, 3).Draw(t, "results") {
				rs = append(rs, verdict.Result{Check: verdict.Reach,
					Reason:  verdict.Reason(rapid.SampledFrom(codes).Draw(t, "reason")),
					Subject: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "subject")})
			}
			recs = append(recs, verdict.Record{Host: host, Kind: "web", Results: rs})
		}
		return recs
	})
	opposite := map[Class]Class{Added: Removed, Removed: Added, Improved: Regressed, Regressed: Improved, Changed: Changed, Lost: Found, Found: Lost}
	rapid.Check(t, func(t *rapid.T) {
		a, b := runOf(Complete, records.Draw(t, "a")...), runOf(Complete, records.Draw(t, "b")...)
		if d := Diff(a, a); d == nil || len(d) != 0 {
			t.Fatalf("differs from itself: %+v", d)
		}
		there, back := Diff(a, b), Diff(b, a)
		if len(there) != len(back) {
			t.Fatalf("%d changes there, %d back", len(there), len(back))
		}
		for i, c := range there {
			if r := back[i]; r.Class != opposite[c.Class] || r.Key() != c.Key() || r.Was != c.Is {
				t.Fatalf("there %+v\nback %+v", c, r)
			}
			known := c.Was != verdict.Unknown && c.Is != verdict.Unknown
			if (c.Class == Improved || c.Class == Regressed) && !known {
				t.Fatalf("not knowing taken for a change for the better or worse: %+v", c)
			}
		}
	})
}

func TestEveryClassIsNamed(t *testing.T) {
	for _, c := range []Class{Added, Removed, Improved, Regressed, Changed, Lost, Found} {
		if x := c.Text(); x.EN == "" || x.VI == "" {
			t.Errorf("class %s has no text", c)
		}
	}
}
