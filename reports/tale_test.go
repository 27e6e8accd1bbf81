package reports

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// tale is the lab's story, made ready for reports.
type tale struct {
	runs        []history.Run
	inventories []inventory.Inventory
	was         [][]history.Mark // by the rules of the night, where these are not today's
}

func tell(t testing.TB) tale {
	t.Helper()
	nights, err := lab.Story(verdict.RulesVersion)
	if err != nil {
		t.Fatal(err)
	}
	var out tale
	for i, n := range nights {
		run := history.Run{Header: history.Header{ID: int64(i + 1), Started: n.Started, Finished: n.Started.Add(time.Minute), Status: history.Complete, Kind: "lab", Tool: "test", Rules: n.Rules, Vantage: "lab"}, Records: n.Records}
		var was []history.Mark
		if n.Rules != verdict.RulesVersion {
			for _, rec := range n.Records {
				if slices.Contains(n.Lower, rec.Key()) {
					rec.Results = append(slices.Clip(rec.Results), res("closure.literal", rec.Host))
				}
				was = append(was, MarkOf(rec))
			}
		}
		out.runs, out.inventories, out.was = append(out.runs, run), append(out.inventories, n.Inventory), append(out.was, was)
	}
	return out
}

// report covers a period of the story, as the command does.
func (s tale) report(t testing.TB, period string, change func(*Scope)) (Report, *Trend) {
	t.Helper()
	p, err := ParsePeriod(period, PeriodDay)
	if err != nil {
		t.Fatal(err)
	}
	last, start := -1, -1
	for i, run := range s.runs {
		if !run.Started.After(p.Ends()) {
			last = i
		}
		if run.Started.Before(p.Begins()) {
			start = i
		}
	}
	scope := Scope{Inventory: s.inventories[last], Plan: inventory.ProvincePlan(), At: p.Ends(), Period: p}
	if change != nil {
		change(&scope)
	}
	trend := scope.Trend()
	for i := range last {
		trend.Add(s.runs[i].Header, s.inventories[i], Marks(s.runs[i].Records), s.was[i])
	}
	return scope.Report(s.runs[last], &Earlier{Run: s.runs[start], Inventory: s.inventories[start], Was: s.was[start]}, trend), trend
}

// Every turn of the story is told by the report of its quarter, and nothing else.
func TestStory(t *testing.T) {
	r, _ := tell(t).report(t, "2026-Q2", nil)
	c := r.Changes
	if r.Day != "2026-06-14" || dayOf(c.Since.Started) != "2026-03-14" || dayOf(r.Run.Started) != "2026-06-14" {
		t.Errorf("from %s to %s, run of %s", dayOf(c.Since.Started), r.Day, dayOf(r.Run.Started))
	}

	// An agency converted, and a service broke.
	snv := agencyOf(t, r, "lamdong-snv")
	if snv.Tally.AtLevel != [TopLevel + 1]int{3: 3} || snv.State != OnTrack && snv.State != Met {
		t.Errorf("the agency that converted: %v, %s", snv.Tally.AtLevel, snv.State)
	}
	if c.Rose != 11 || c.Fell != 1 {
		t.Errorf("%d rose, %d fell", c.Rose, c.Fell)
	}
	broken := slices.IndexFunc(c.Services, func(x ServiceChange) bool { return x.Host == "stc.lamdong.gov.vn" })
	if broken < 0 || *c.Services[broken].Was != 3 || *c.Services[broken].Is != 1 {
		t.Errorf("what broke: %+v", c.Services)
	}

	// The list.
	var lists []string
	for _, x := range c.Lists {
		from := ""
		if x.From != nil {
			from = " from " + x.From.ID
		}
		lists = append(lists, x.Class+" "+x.Host+" "+x.Agency+from)
	}
	want := []string{
		"added khaibao.lamdong.gov.vn lamdong-stc", "exempted lagi.lamdong.gov.vn lamdong-lagi", "exemption-ended quyhoach.lamdong.gov.vn lamdong-sxd",
		"moved kienduc.daknong.gov.vn lamdong-quangkhe from lamdong-kienduc", "removed congbao.lamdong.gov.vn lamdong-vpubnd",
	}
	if !slices.Equal(lists, want) {
		t.Errorf("lists\n%s", strings.Join(lists, "\n"))
	}
	if p := agencyOf(t, r, "lamdong-quangkhe").Predecessors; len(p) != 1 || p[0].ID != "lamdong-kienduc" {
		t.Errorf("predecessors %v", p)
	}
	if slices.ContainsFunc(r.Agencies, func(a Agency) bool { return a.ID == "lamdong-kienduc" }) {
		t.Error("the commune that is no more stands in the list of today")
	}
	register := map[string]Exemption{}
	for _, x := range r.Exemptions {
		register[x.Host] = x
	}
	if x := register["quyhoach.lamdong.gov.vn"]; !x.Expired || !x.Ended || x.Approver == "" || x.Until != "2026-05-31" {
		t.Errorf("the exemption that ended: %+v", x)
	}
	if x := register["lagi.lamdong.gov.vn"]; x.Expired || x.Ended {
		t.Errorf("the exemption that began: %+v", x)
	}

	// What was not measured, or cannot be trusted.
	if len(c.Flapping) != 1 || c.Flapping[0].Host != "dulich.lamdong.gov.vn" || c.Flapping[0].Low != 1 || c.Flapping[0].High != 3 {
		t.Errorf("flapping %+v", c.Flapping)
	}
	if len(c.Unmeasured) != 1 || c.Unmeasured[0].Host != "phuquy.lamdong.gov.vn" || c.Unmeasured[0].Since != "2026-06-08" || c.Unmeasured[0].Nights != 6 {
		t.Errorf("unmeasured %+v", c.Unmeasured)
	}
	if want := []Pause{{"2026-04-20", "2026-04-26", 7}, {"2026-05-20", "2026-05-20", 1}}; !slices.Equal(c.Pauses, want) {
		t.Errorf("pauses %+v", c.Pauses)
	}
	if x := c.Rules; len(x) != 1 || x[0].Day != "2026-03-31" || !x[0].Known || x[0].Up != 2 || x[0].Down != 0 {
		t.Errorf("rules %+v", x)
	}
	e := targetOf(t, r, "ipv6-only-ready-2025").Effects
	if e == nil || e.Rules == nil || *e.Rules <= 0 || e.Rejudged != 2 || e.Changed <= 0 || e.Added != 2 || e.Removed != 2 {
		t.Errorf("effects %+v", e)
	}
	// The first page speaks of today's rules on both sides; what other rules made of the start is beside it.
	if e != nil && (nOf(e.Was) != "6/22" || nThen(targetOf(t, r, "ipv6-only-ready-2025")) != "7/22") {
		t.Errorf("n of then: %s by its rules, %s by today's", nOf(e.Was), nThen(targetOf(t, r, "ipv6-only-ready-2025")))
	}
	if !slices.ContainsFunc(r.Summary.Lines, func(x verdict.Text) bool { return strings.Contains(x.EN, "(50%), +18.2 points since 2026-03-14") }) {
		t.Error("the first page compares the value now with one by other rules")
	}
	// On track for 2030, but nothing is known of what was due in 2025.
	if a := agencyOf(t, r, "lamdong-phuquy"); a.State != NotMeasured {
		t.Errorf("an agency of which nothing could be measured for the targets of 2025 is %s", a.State)
	}
	// The night without IPv6 says nothing of levels, and is no fall in any picture.
	for _, v := range targetOf(t, r, "ipv6-only-2030").Past {
		if v.Blind != (v.Day == "2026-05-20") {
			t.Errorf("%s: blind %v", v.Day, v.Blind)
		}
	}
	for _, n := range (pager{r, verdict.VI}).stackNights() {
		if n.Blind && (n.Unknown != n.Counted || n.AtLevel != [TopLevel + 1]int{}) {
			t.Errorf("the picture shows levels of a night that could not tell: %+v", n)
		}
	}
	for _, x := range c.Services {
		if way := (pager{r, verdict.EN}).way(x); x.Host == "congbao.lamdong.gov.vn" && way != "removed from the list" || x.Host == "khaibao.lamdong.gov.vn" && way != "added to the list" {
			t.Errorf("%s: %s", x.Host, way)
		}
	}
	if f := targetOf(t, r, "ipv6-only-ready-2025").Forecast; f.State != "forecast" || !f.Late || f.Earliest > f.Date || f.Latest < f.Date {
		t.Errorf("forecast %+v", f)
	}
	if x := targetOf(t, r, "dnssec-2030"); x.State != Progress || x.Forecast.State != "not-applicable" {
		t.Errorf("a step-by-step target is judged: %s, %+v", x.State, x.Forecast)
	}
}

// In every period, under every view: what moved a percentage adds up, and what
// the trend makes of a night is what the report makes of it.
func TestStoryAddsUp(t *testing.T) {
	story := tell(t)
	for name, change := range map[string]func(*Scope){
		"carried": nil, "as it was": func(s *Scope) { s.AsItWas = true },
		"some agencies": func(s *Scope) { s.Agencies = []string{"lamdong-quangkhe", "lamdong-skhcn"} },
		"a programme":   func(s *Scope) { s.Programmes = []string{"ipv6-only-2026-2030"} },
	} {
		for _, period := range []string{"2026-04", "2026-05", "2026-06", "2026-Q2", "2026-03-02..2026-04-22", "2026-05-01..2026-05-20"} {
			r, trend := story.report(t, period, change)
			g := 0
			for _, p := range r.Programmes {
				for _, x := range p.Targets {
					if e := x.Effects; e != nil {
						sum := e.From + e.Tree + e.Listed + e.Measured + e.Changed - e.To
						if e.Rules != nil {
							sum += *e.Rules
						}
						if math.Abs(sum) > 0.05 {
							t.Errorf("%s %s %s: %+v is out by %v", name, period, x.ID, e, sum)
						}
						if now, _ := x.Share.Percent(); round2(now) != e.To {
							t.Errorf("%s %s %s: the steps end at %v, the value is %v", name, period, x.ID, e.To, now)
						}
					}
					values := trend.values[g]
					if last := values[len(values)-1]; x.Unit != "" && last.Share != x.Share && name != "as it was" {
						t.Errorf("%s %s %s: trend %+v, report %+v", name, period, x.ID, last.Share, x.Share)
					}
					for _, v := range values {
						if x.Start != nil && v.Run == x.Start.Run && (v.Share != x.Start.Share || v.Required != x.Start.Required) {
							t.Errorf("%s %s %s: the trend's start %+v, the report's %+v", name, period, x.ID, v, *x.Start)
						}
					}
					g++
				}
			}
			if len(r.Programmes) != 2 && name != "a programme" || len(r.Programmes) != 1 && name == "a programme" {
				t.Errorf("%s: %d programmes", name, len(r.Programmes))
			}
		}
	}
}

// As it was, the commune that was merged stands with what it last had, and adds
// nothing to the totals; carried, its past is its successor's.
func TestStoryAsItWas(t *testing.T) {
	story := tell(t)
	now, _ := story.report(t, "2026-Q2", nil)
	then, _ := story.report(t, "2026-Q2", func(s *Scope) { s.AsItWas = true })
	old := agencyOf(t, then, "lamdong-kienduc")
	if old.Until != "2026-04-30" || len(old.SucceededBy) != 1 || old.SucceededBy[0].ID != "lamdong-quangkhe" || old.Tally.Listed != 1 || !old.Former {
		t.Errorf("the old commune: %+v", old)
	}
	if now.Total.Listed != then.Total.Listed {
		t.Errorf("%d services today, %d as it was", now.Total.Listed, then.Total.Listed)
	}
	start := func(r Report, id string) int {
		for _, x := range agencyOf(t, r, id).Targets {
			if x.ID == "ipv6-only-2030" && x.Start != nil {
				return x.Start.Total()
			}
		}
		return 0
	}
	if start(now, "lamdong-quangkhe") != 2 || start(then, "lamdong-quangkhe") != 1 {
		t.Errorf("Quảng Khê began with %d services carried, %d as it was", start(now, "lamdong-quangkhe"), start(then, "lamdong-quangkhe"))
	}
	if e := targetOf(t, then, "dual-stack-2025").Effects; e.Tree == 0 {
		t.Errorf("the merger has no effect of its own: %+v", e)
	}
	if e := targetOf(t, now, "dual-stack-2025").Effects; e.Tree != 0 {
		t.Errorf("the merger moves a value that is carried: %+v", e)
	}
}

// The same history gives the same bytes, whatever order maps come in.
func TestStoryDeterministic(t *testing.T) {
	story := tell(t)
	var first string
	for range 3 {
		r, _ := story.report(t, "2026-Q2", nil)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first != "" && first != string(b) {
			t.Fatal("the same history gives another report")
		}
		first = string(b)
	}
}

// Only what is asked for is in the report: an agency with those below it.
func TestStoryOfSomeAgencies(t *testing.T) {
	r, _ := tell(t).report(t, "2026-Q2", func(s *Scope) { s.Agencies = []string{"lamdong-skhcn"} })
	var ids []string
	for _, a := range r.Agencies {
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"lamdong-skhcn", "lamdong-ttcds"}) {
		t.Errorf("agencies %v", ids)
	}
	for _, row := range r.Services {
		if !slices.Contains(ids, row.Judged.Agency) {
			t.Errorf("%s of %s is in it", row.Judged.Host, row.Judged.Agency)
		}
	}
	for _, x := range r.Changes.Services {
		if !slices.Contains(ids, x.Agency) {
			t.Errorf("a change of %s is in it", x.Agency)
		}
	}
	missing := Scope{Inventory: inventory.Province(), Plan: inventory.ProvincePlan(), Programmes: []string{"qd-1004", "x"}, Agencies: []string{"lamdong", "y"}}
	if p, a := missing.Unknown(); !slices.Equal(p, []string{"x"}) || !slices.Equal(a, []string{"y"}) {
		t.Errorf("unknown %v, %v", p, a)
	}
}

// A run that is not judged yet is counted as left out, and its day is no pause.
func TestStorySkipped(t *testing.T) {
	story := tell(t)
	p, err := ParsePeriod("2026-Q2", PeriodDay)
	if err != nil {
		t.Fatal(err)
	}
	last := 98
	scope := Scope{Inventory: story.inventories[last], Plan: inventory.ProvincePlan(), At: p.Ends(), Period: p}
	trend := scope.Trend()
	for i := range last {
		if i >= 20 && i < 30 {
			trend.Skip(story.runs[i].Header)
			continue
		}
		trend.Add(story.runs[i].Header, story.inventories[i], Marks(story.runs[i].Records), nil)
	}
	r := scope.Report(story.runs[last], &Earlier{Run: story.runs[13], Inventory: story.inventories[13]}, trend)
	if r.Skipped != 10 || len(r.Nights) != 89 || len(r.Changes.Pauses) != 2 {
		t.Errorf("%d skipped, %d nights, pauses %v", r.Skipped, len(r.Nights), r.Changes.Pauses)
	}
	if !slices.ContainsFunc(r.Summary.Lines, func(x verdict.Text) bool { return strings.Contains(x.EN, "left out of the trends: 10") }) {
		t.Error("the first page keeps silent about it")
	}
}
