package reports

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func agencyOf(t *testing.T, r Report, id string) Agency {
	t.Helper()
	for _, a := range r.Agencies {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("no agency %s", id)
	return Agency{}
}

func targetOf(t *testing.T, r Report, id string) Target {
	t.Helper()
	for _, p := range r.Programmes {
		for _, x := range p.Targets {
			if x.ID == id {
				return x
			}
		}
	}
	t.Fatalf("no target %s", id)
	return Target{}
}

// Nobody leaves a denominator in silence.
func TestBuildCounts(t *testing.T) {
	r := testReport()
	sum := Tally{}
	for _, a := range r.Agencies {
		checkTally(t, a.ID, a.Tally)
		sum.Listed += a.Tally.Listed
		sum.Counted += a.Tally.Counted
		sum.Measured += a.Tally.Measured
	}
	checkTally(t, "total", r.Total)
	if sum.Listed != r.Total.Listed || sum.Counted != r.Total.Counted || sum.Measured != r.Total.Measured {
		t.Errorf("agencies add up to %+v, the total is %+v", sum, r.Total)
	}
	if r.Total.Listed != 13 || r.Total.Exempt != 1 || r.Total.NotApplicable != 1 || r.Total.Unknown != 2 || r.Total.Measured != 9 {
		t.Errorf("total %+v", r.Total)
	}
	if want := [TopLevel + 1]int{3, 2, 2, 1, 1}; r.Total.AtLevel != want {
		t.Errorf("levels %v, want %v", r.Total.AtLevel, want)
	}
	if len(r.Services) != r.Total.Listed {
		t.Errorf("%d rows for %d services", len(r.Services), r.Total.Listed)
	}
}

func checkTally(t *testing.T, who string, x Tally) {
	t.Helper()
	at := 0
	for _, n := range x.AtLevel {
		at += n
	}
	if x.Listed != x.Exempt+x.NotApplicable+x.Counted || x.Counted != x.Measured+x.Unknown || at != x.Measured {
		t.Errorf("%s does not add up: %+v", who, x)
	}
	for l := 1; l <= TopLevel; l++ {
		s := x.Reached[l]
		if s.Total() != x.Counted || s.Exempt != x.Exempt || s.NotApplicable != x.NotApplicable {
			t.Errorf("%s level %d: %+v of %+v", who, l, s, x)
		}
	}
}

func TestBuildTreeOfTheDay(t *testing.T) {
	r := testReport()
	for _, a := range r.Agencies {
		if a.ID == "huyen-cu" {
			t.Error("an agency that ended in 2025 is in the report of 2026")
		}
	}
	if a := agencyOf(t, r, "so-tc"); a.Tally.Listed != 0 || a.State != NotMeasured || len(a.Targets) != 0 {
		t.Errorf("an agency without services: %+v", a)
	}
	old := Build(history.Run{}, nil, province(), testPlan(), time.Date(2025, 6, 30, 16, 59, 0, 0, time.UTC))
	agencyOf(t, old, "huyen-cu")
	for _, a := range Build(history.Run{}, nil, province(), testPlan(), time.Date(2025, 6, 30, 17, 0, 0, 0, time.UTC)).Agencies {
		if a.ID == "huyen-cu" {
			t.Error("1 July in the province is still 30 June in the report")
		}
	}
}

// An exemption counts through its last day in the province, and not after.
func TestBuildExemptions(t *testing.T) {
	for _, tt := range []struct {
		at     time.Time
		exempt int
	}{
		{time.Date(2026, 11, 22, 16, 59, 59, 0, time.UTC), 2},
		{time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC), 1},
		{time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		r := Build(testRun(), nil, province(), testPlan(), tt.at)
		if r.Total.Exempt != tt.exempt || len(r.Exemptions) != 2 {
			t.Errorf("%s: %d exempt, %d in the register", tt.at, r.Total.Exempt, len(r.Exemptions))
		}
	}
}

func TestBuildMissingAndUnlisted(t *testing.T) {
	run := testRun()
	run.Records = append(run.Records, rec("la", "web", "la.example.vn", base("la.example.vn", hasA)...), rec("ubnd", "web", "moi.example.vn", base("moi.example.vn", noA)...))
	r := Build(run, nil, province(), testPlan(), night)
	if a := agencyOf(t, r, "la"); !a.Former || a.Tally.AtLevel[3] != 1 {
		t.Errorf("an agency of the run alone: %+v", a)
	}
	if a := agencyOf(t, r, "ubnd"); a.Tally.Listed != 3 {
		t.Errorf("a service of the run alone is lost: %+v", a.Tally)
	}
	missing := 0
	for _, row := range r.Services {
		if row.Missing {
			missing++
			if _, known := row.Judged.Level(); known || row.Judged.Host != "chuaquet.example.vn" {
				t.Errorf("a service without a record: %+v", row)
			}
		}
	}
	if missing != 1 {
		t.Errorf("%d services without a record, want 1", missing)
	}
}

func TestBuildTargets(t *testing.T) {
	r := testReport()
	for _, tt := range []struct {
		id    string
		share Share
		state State
	}{
		{"dual-stack-2025", Share{Met: 2, Missed: 2, Unknown: 1, Empty: 2}, Behind},
		{"only-2030", Share{Met: 1, Missed: 7, Unknown: 3, Exempt: 1, NotApplicable: 1}, OnTrack},
		{"dnssec-2030", Share{Met: 4, Missed: 4, Unknown: 3, Exempt: 1, NotApplicable: 1}, Progress},
		{"rpki-2030", Share{Met: 1, Missed: 1, Unknown: 1}, Progress},
		{"vnix", Share{}, NotMeasured},
		{"ready-2028", Share{Met: 2, Missed: 6, Unknown: 3, Exempt: 1, NotApplicable: 1}, OnTrack},
	} {
		x := targetOf(t, r, tt.id)
		if x.Share != tt.share || x.State != tt.state {
			t.Errorf("%s: %+v %s, want %+v %s", tt.id, x.Share, x.State, tt.share, tt.state)
		}
	}
	if a := agencyOf(t, r, "so-yt"); a.State != Behind {
		t.Errorf("an agency with a service at level 0 after the due day is %s", a.State)
	}
	if a := agencyOf(t, r, "xa-moi"); a.State != NotMeasured {
		t.Errorf("an agency with nothing measured is %s", a.State)
	}
}

func TestStateOf(t *testing.T) {
	due, before, after := date(2026, 12, 31), date(2026, 6, 30), date(2027, 1, 1)
	tt := inventory.Target{Metric: inventory.ServicesDualStack, Goal: 90, Due: due}
	gradual := tt
	gradual.Gradual = true
	unseen := tt
	unseen.Metric = inventory.NotMeasured
	for i, c := range []struct {
		t        inventory.Target
		s        Share
		required float64
		day      inventory.Date
		want     State
	}{
		{tt, Share{}, 50, before, NotMeasured},
		{tt, Share{Unknown: 9}, 50, before, NotMeasured},
		{unseen, Share{Met: 9}, 50, before, NotMeasured},
		{gradual, Share{Missed: 9}, 50, after, Progress},
		{tt, Share{Met: 90, Missed: 10}, 50, before, Met},
		{tt, Share{Met: 90, Missed: 9, Unknown: 1}, 50, after, Met},
		{tt, Share{Met: 89, Missed: 10, Unknown: 1}, 90, due, Unclear},
		{tt, Share{Met: 89, Missed: 11}, 90, after, Behind},
		{tt, Share{Met: 89, Missed: 10, Unknown: 1}, 90, after, Unclear},
		{tt, Share{Met: 50, Missed: 50}, 50, before, OnTrack},
		{tt, Share{Met: 49, Missed: 51}, 50, before, AtRisk},
		{tt, Share{Met: 40, Missed: 60}, 50, before, AtRisk},
		{tt, Share{Met: 39, Missed: 61}, 50, before, Behind},
		{tt, Share{Met: 30, Missed: 60, Unknown: 10}, 50, before, Unclear},
		{tt, Share{Met: 45, Missed: 45, Unknown: 10}, 50, before, Unclear},
		{tt, Share{Met: 50, Missed: 40, Unknown: 10}, 50, before, OnTrack},
		{tt, Share{Missed: 2}, 49, before, OnTrack}, // half a service is not asked of anybody
		{tt, Share{Missed: 2}, 50, before, AtRisk},
	} {
		if got := stateOf(c.t, c.s, c.required, c.day); got != c.want {
			t.Errorf("%d: %+v with %v wanted on %v: %s, want %s", i, c.s, c.required, c.day, got, c.want)
		}
	}
}

// Whatever the unmeasured turn out to be, a state that was given holds.
func TestStateHolds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	target := inventory.Target{Metric: inventory.ServicesDualStack, Goal: 80, Due: date(2026, 12, 31)}
	for range 20000 {
		s := Share{Met: rnd.IntN(12), Missed: 1 + rnd.IntN(12), Unknown: rnd.IntN(5)}
		required := float64(rnd.IntN(81))
		day := date(2026, time.Month(1+rnd.IntN(24)), 1)
		got := stateOf(target, s, required, day)
		for good := 0; good <= s.Unknown && got != Unclear; good++ {
			then := stateOf(target, Share{Met: s.Met + good, Missed: s.Missed + s.Unknown - good}, required, day)
			rose := got == OnTrack && then == Met
			if then != got && !rose {
				t.Fatalf("%+v on %v with %v wanted is %s, but %s if %d of the unknown are good", s, day, required, got, then, good)
			}
		}
	}
}

func TestRequiredAt(t *testing.T) {
	from := date(2025, 1, 1)
	x := inventory.Target{
		Goal: 100, Due: date(2025, 12, 31),
		Milestones: []inventory.Milestone{{Date: date(2025, 6, 30), Goal: 40}, {Date: date(2025, 9, 1)}},
	}
	for _, tt := range []struct {
		day  inventory.Date
		want float64
	}{
		{date(2024, 1, 1), 0}, {from, 0}, {date(2025, 4, 1), 20}, {date(2025, 6, 30), 40}, {date(2025, 9, 30), 70}, {date(2025, 12, 31), 100}, {date(2030, 1, 1), 100},
	} {
		if got := requiredAt(x, from, tt.day); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.day, got, tt.want)
		}
	}
	if got := requiredAt(x, inventory.Date{}, date(2025, 4, 1)); got != 0 {
		t.Errorf("without a first day, %v is wanted before the first milestone", got)
	}
	x.Gradual = true
	if got := requiredAt(x, from, date(2030, 1, 1)); got != 0 {
		t.Errorf("a gradual target demands %v", got)
	}
}

func TestCauses(t *testing.T) {
	r := testReport()
	first := r.Blockers[0]
	if first.Code != "closure.zone-v4only" || first.Held != 2 || first.Lifted != 2 || first.Agencies != 1 || len(first.Victims) != 2 {
		t.Errorf("first blocker %+v", first)
	}
	if !reflect.DeepEqual(first.Lifts, []Lift{{2, 3, 2}}) {
		t.Errorf("lifts %v", first.Lifts)
	}
	for _, c := range append(r.Blockers, r.Gaps...) {
		for _, v := range c.Victims {
			if v.Host == "cu.syt.example.vn" {
				t.Errorf("an exempt service is a victim of %s", c.Code)
			}
			if v.To < v.From {
				t.Errorf("mending %s lowers %s", c.Code, v.Host)
			}
		}
		if c.Outcome == verdict.Unknown && c.Lifted != 0 {
			t.Errorf("measuring %s lifts services", c.Code)
		}
	}
	for i := 1; i < len(r.Blockers); i++ {
		if a, b := r.Blockers[i-1], r.Blockers[i]; b.Lifted > a.Lifted || b.Lifted == a.Lifted && b.Held > a.Held {
			t.Error("blockers are out of order")
		}
	}
}

func TestChanges(t *testing.T) {
	c := testReport().Changes
	if c == nil || c.Since.ID != 11 {
		t.Fatalf("changes %+v", c)
	}
	levels := map[string]string{}
	for _, s := range c.Services {
		b, _ := json.Marshal([]any{s.Was, s.Is})
		levels[s.Host] = string(b)
	}
	want := map[string]string{"dichvucong.example.vn": "[0,3]", "syt.example.vn": "[3,1]", "xamoi.example.vn": "[null,null]"}
	if !reflect.DeepEqual(levels, want) {
		t.Errorf("changed levels %v, want %v", levels, want)
	}
	if c.Count[history.Regressed] != 1 || c.Count[history.Improved] != 1 || c.Count[history.Added] != 1 {
		t.Errorf("counts %v", c.Count)
	}
	if r := Build(testRun(), []history.Run{testRun()}, province(), testPlan(), night); len(r.Changes.Services) != 0 {
		t.Errorf("a run differs from itself: %+v", r.Changes.Services)
	}
}

func TestForecast(t *testing.T) {
	target := Target{ID: "x", Unit: "service", Goal: 100, Share: Share{Met: 50, Missed: 50}}
	line := func(n int, perDay float64, noise float64) []dated {
		rnd := rand.New(rand.NewPCG(5, 6))
		var list []dated
		for i := n; i >= 1; i-- {
			list = append(list, dated{night.AddDate(0, 0, -i), 50 - float64(i)*perDay + noise*(rnd.Float64()-0.5)})
		}
		return list
	}
	for _, tt := range []struct {
		name  string
		past  []dated
		state string
		date  string
	}{
		{"none", nil, "not-enough-history", ""},
		{"too few", line(5, 1, 0), "not-enough-history", ""},
		{"too short", line(20, 1, 0), "not-enough-history", ""},
		{"one point a day", line(40, 1, 0), "forecast", "2027-01-11"},
		{"flat", line(40, 0, 0), "none", ""},
		{"falling", line(40, -0.5, 0), "none", ""},
		{"two a century", line(40, 0.00001, 0), "none", ""},
	} {
		f := forecast(target, tt.past, night)
		if f.State != tt.state || f.Date != tt.date {
			t.Errorf("%s: %+v, want %s %s", tt.name, f, tt.state, tt.date)
		}
	}
	bent := line(60, 1, 0)
	for i := 10; i < 16; i++ {
		bent[i].percent = 0 // a week without a vantage must not bend the line
	}
	if f := forecast(target, bent, night); f.Date != "2027-01-11" {
		t.Errorf("a bad week moves the forecast to %+v", f)
	}
	noisy := forecast(target, line(60, 1, 8), night)
	if noisy.State != "forecast" || noisy.Earliest > noisy.Date || noisy.Latest < noisy.Date || noisy.Earliest == noisy.Latest {
		t.Errorf("interval %+v", noisy)
	}
	target.State = Met
	if f := forecast(target, nil, night); f.State != "met" {
		t.Errorf("a met target: %+v", f)
	}
	if got := len(thin(line(1000, 1, 0))); got != maxPoints {
		t.Errorf("thinned to %d", got)
	}
}

func TestBuildEmpty(t *testing.T) {
	r := Build(history.Run{}, nil, inventory.Inventory{}, inventory.Plan{}, night)
	var b strings.Builder
	if err := WriteTable(&b, r, Screen{Lang: verdict.EN}); err != nil || !strings.Contains(b.String(), "lists no services") {
		t.Errorf("an empty inventory: %q, %v", b.String(), err)
	}
}

func TestBuildDeterministic(t *testing.T) {
	want, err := json.Marshal(testReport())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		got, err := json.Marshal(testReport())
		if err != nil || string(got) != string(want) {
			t.Fatalf("the same input gives another report (%v)", err)
		}
	}
}

// One thing to mend is one cause: a zone whose names fail, a route, an address
// with two ports; but not two sites that share an address.
func TestCausesMerge(t *testing.T) {
	at := func(port, h string, reason verdict.Reason) verdict.Result {
		return res(reason, "[2001:db8:80::11]:"+port, "host", h)
	}
	inv := inventory.Inventory{Agencies: []inventory.Agency{{ID: "a", Services: []inventory.Service{web("x.vn"), web("y.vn")}}}}
	one := func(h string) verdict.Record {
		return rec("a", "web", h, res("aaaa.present", a2), at("443", h, "reach.refused"), at("80", h, "reach.refused"), at("443", h, "reach.cert"),
			res("dnssec.bogus.sig-expired", h+" AAAA", "zone", "vn."), res("dnssec.bogus.sig-expired", h+" A", "zone", "vn."),
			res("rpki.invalid.origin", a2, "prefix", "2001:db8::/32", "origin", "AS64666"), res("posture.sig-expired", "vn", "servers", "ns1.vn"))
	}
	r := Build(history.Run{Records: []verdict.Record{one("x.vn"), one("y.vn")}}, nil, inv, inventory.Plan{}, night)
	got := map[string]int{}
	for _, c := range r.Blockers {
		got[string(c.Code)+" "+c.Subject] = len(c.Victims)
	}
	want := map[string]int{
		"reach.refused 2001:db8:80::11": 2, "reach.cert x.vn 2001:db8:80::11": 1, "reach.cert y.vn 2001:db8:80::11": 1,
		"dnssec.bogus.sig-expired vn": 2, "rpki.invalid.origin 2001:db8::/32 AS64666": 2, "posture.sig-expired vn": 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("causes %v, want %v", got, want)
	}
}

// A run that was stopped, or had no IPv6, is one gap and not one for each host.
func TestGapsMerge(t *testing.T) {
	inv := inventory.Inventory{Agencies: []inventory.Agency{{ID: "a"}}}
	var run history.Run
	for i := range 30 {
		h := string(rune('a'+i)) + ".vn"
		inv.Agencies[0].Services = append(inv.Agencies[0].Services, web(h))
		stopped := verdict.Result{Check: verdict.Closure, Reason: "scan.interrupted", Subject: h}
		blind := res("reach.no-vantage", "[2001:db8::"+strconv.Itoa(i)+"]:443", "family", "IPv6")
		run.Records = append(run.Records, rec("a", "web", h, res("aaaa.present", a2), blind, stopped))
	}
	r := Build(run, nil, inv, inventory.Plan{}, night)
	if len(r.Gaps) != 2 || r.Gaps[0].Held != 30 || r.Gaps[0].Code != "reach.no-vantage" || len(r.Gaps[1].Victims) != 30 {
		t.Errorf("%d gaps, first %+v", len(r.Gaps), r.Gaps[0])
	}
}
