package scanner

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ready6/probes/verdict"
)

// look builds a record from "check reason subject" lines; the evidence of each
// result names it.
func look(lines ...string) verdict.Record {
	rec := verdict.Record{Agency: "a", Host: "www.a.vn", Kind: "web"}
	for _, l := range lines {
		f := strings.Fields(l)
		r := verdict.Result{Check: verdict.Check(f[0]), Reason: verdict.Reason(f[1]), Subject: f[2],
			Args: map[string]string{"cause": "timeout", "host": "www.a.vn", "detail": "x"}}
		r.Evidence = []verdict.Evidence{{Asked: l}}
		rec.Results = append(rec.Results, r)
	}
	return rec
}

func lines(rec verdict.Record) (out []string) {
	for _, r := range rec.Results {
		out = append(out, fmt.Sprintf("%s %s %s", r.Check, r.Reason, r.Subject))
	}
	return out
}

// What two looks agree on stands; a failure that one look alone has seen is never
// published as one, and never lost either.
func TestMerge(t *testing.T) {
	const (
		down, up, dunno = "reach reach.refused [::1]:443", "reach reach.ok [::1]:443", "reach reach.unknown [::1]:443"
		none, there     = "aaaa aaaa.nodata www.a.vn", "aaaa aaaa.present ::1"
	)
	is := func(l ...string) []string { return l }
	for name, c := range map[string]struct {
		looks   []verdict.Record
		settled bool
		want    []string
	}{
		"one look is what it is":           {[]verdict.Record{look(down)}, false, is(down)},
		"confirmed":                        {[]verdict.Record{look(there, down), look(there, down)}, true, is(there, down)},
		"confirmed for another reason":     {[]verdict.Record{look("reach reach.status [::1]:443"), look(down)}, true, is(down)},
		"confirmed, a look could not tell": {[]verdict.Record{look(down), look(dunno), look(down)}, true, is(down)},
		"the other way about":              {[]verdict.Record{look(dunno), look(down), look(down)}, true, is(down)},
		"one against one":                  {[]verdict.Record{look(down), look(up)}, false, is("reach scan.flapping [::1]:443")},
		"two against one":                  {[]verdict.Record{look(down), look(up), look(down)}, true, is("reach scan.flapping [::1]:443")},
		"one against two":                  {[]verdict.Record{look(down), look(up), look(up)}, true, is(up, "reach scan.recovered [::1]:443")},
		"nobody else could tell":           {[]verdict.Record{look(down), look(dunno), look(dunno)}, false, is("reach scan.unconfirmed [::1]:443")},
		"a later look knows":               {[]verdict.Record{look(dunno), look(up)}, true, is(up)},
		"an earlier look knew":             {[]verdict.Record{look(up), look(dunno)}, true, is(up)},
		"still unknown":                    {[]verdict.Record{look(dunno), look(dunno)}, true, is(dunno)},
		"other checks keep what they have": {[]verdict.Record{look(there, down, "dnssec dnssec.secure www.a.vn"), look(there, up, "dnssec dnssec.secure www.a.vn")}, false,
			is(there, "reach scan.flapping [::1]:443", "dnssec dnssec.secure www.a.vn")},
		"what failed is not there any more": {[]verdict.Record{look(none), look(there)}, false, is(there, "aaaa scan.flapping www.a.vn")},
		"gone for good":                     {[]verdict.Record{look(none), look(there), look(there)}, true, is(there, "aaaa scan.recovered www.a.vn")},
		"gone because nothing was measured": {[]verdict.Record{look(down), look("reach reach.unknown www.a.vn"), look("reach reach.unknown www.a.vn")}, false, is("reach scan.unconfirmed [::1]:443")},
		"another address of the same host":  {[]verdict.Record{look(down), look("reach reach.refused [::2]:443")}, true, is("reach reach.refused [::2]:443")},
		"two points, one of them confirmed": {[]verdict.Record{look(down, "reach reach.refused [::2]:443"), look(down, "reach reach.ok [::2]:443")}, false,
			is(down, "reach scan.flapping [::2]:443")},
		"route origins are no matter of looks": {[]verdict.Record{look("rpki rpki.invalid.origin ::1"), look("rpki rpki.invalid.origin ::1")}, true, is("rpki rpki.invalid.origin ::1")},
	} {
		if got := lines(merge(c.looks)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := settled(c.looks); got != c.settled {
			t.Errorf("%s: settled %v, want %v", name, got, c.settled)
		}
	}
}

func TestFlappingKeepsBothSides(t *testing.T) {
	r := merge([]verdict.Record{look("reach reach.refused x"), look("reach reach.ok x")}).Results[0]
	if len(r.Evidence) != 2 || r.Evidence[0].Asked != "reach reach.refused x" || r.Evidence[1].Asked != "reach reach.ok x" {
		t.Errorf("evidence %+v", r.Evidence)
	}
	if r.Args["failed"] != "1" || r.Args["held"] != "1" || r.Args["looks"] != "2" {
		t.Errorf("args %v", r.Args)
	}
}

// Another look is worth while only where it could say something else.
func TestDoubtful(t *testing.T) {
	own := look("reach reach.unknown x")
	own.Results[0].Args["cause"] = string(verdict.NoFamily)
	for name, c := range map[string]struct {
		rec  verdict.Record
		want bool
	}{
		"fine":                     {look("reach reach.ok x", "dnssec dnssec.insecure.unsigned x"), false},
		"failed":                   {look("reach reach.ok x", "aaaa aaaa.nodata x"), true},
		"no answer in time":        {look("reach reach.unknown x"), true},
		"this vantage cannot":      {own, false},
		"an invalid route":         {look("rpki rpki.invalid.origin x"), false},
		"nothing was found at all": {look(), false},
	} {
		if got := doubtful(c.rec); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The sentences of second opinions hold the failure's own sentence, in both
// languages, and nothing is left open in them.
func TestSecondOpinionsRead(t *testing.T) {
	down, up, dunno := look("reach reach.refused [::1]:443"), look("reach reach.ok [::1]:443"), look("reach reach.unknown [::1]:443")
	for reason, looks := range map[verdict.Reason][]verdict.Record{
		"scan.flapping":    {down, up},
		"scan.recovered":   {down, up, up},
		"scan.unconfirmed": {down, dunno},
	} {
		results := merge(looks).Results
		r := results[len(results)-1]
		if want := map[bool]verdict.Outcome{true: verdict.Warn, false: verdict.Unknown}[reason == "scan.recovered"]; r.Reason != reason || r.Outcome() != want {
			t.Errorf("%s is %s", r.Reason, r.Outcome())
		}
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			if said := r.Title(l); !strings.HasSuffix(said, ": "+down.Results[0].Title(l)) || strings.ContainsAny(said, "{}…") || r.Advice(l) == "" {
				t.Errorf("%s in %s: %q, %q", reason, l, said, r.Advice(l))
			}
		}
	}
}

// Whatever the looks find: a record of them has every check that one of them has,
// a failure only where two looks found one, and something to say of every point
// that failed.
func TestMergeProperties(t *testing.T) {
	word := rapid.SampledFrom([]string{
		"reach reach.refused x", "reach reach.ok x", "reach reach.unknown x", "reach reach.refused y", "reach reach.ok y", "reach reach.status x",
		"aaaa aaaa.nodata x", "aaaa aaaa.present y", "aaaa aaaa.unknown x", "dnssec dnssec.secure x",
	})
	rapid.Check(t, func(t *rapid.T) {
		var looks []verdict.Record
		for _, l := range rapid.SliceOfN(rapid.SliceOfN(word, 1, 5), 2, 4).Draw(t, "looks") {
			looks = append(looks, look(l...))
		}
		before := fmt.Sprint(looks)
		rec := merge(looks)
		if fmt.Sprint(looks) != before {
			t.Fatal("the looks were changed")
		}
		fails := map[verdict.Check]int{}
		for _, l := range looks {
			here := map[verdict.Check]bool{}
			for _, r := range l.Results {
				here[r.Check] = here[r.Check] || fault(r)
			}
			for c, failed := range here {
				if failed {
					fails[c]++
				}
			}
		}
		have := map[verdict.Check]bool{}
		for _, r := range rec.Results {
			have[r.Check] = true
			if fault(r) && fails[r.Check] < enough {
				t.Errorf("%s fails, one look found that", r.Check)
			}
		}
		for _, l := range looks {
			for _, r := range l.Results {
				if !have[r.Check] {
					t.Errorf("check %s is lost", r.Check)
				}
			}
		}
		for c, n := range fails {
			if all := ofCheck(rec, c); n > 0 && !slices.ContainsFunc(all, func(r verdict.Result) bool { return fault(r) || strings.HasPrefix(string(r.Reason), "scan.") }) {
				t.Errorf("%s failed, and nothing says so: %q", c, lines(rec))
			}
		}
	})
}
