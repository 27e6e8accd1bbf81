package reports

import (
	"cmp"
	"math"
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// State is how things stand against a target on a day.
type State string

// The states, from good to bad to not known. A gradual target has Progress and
// never a worse one.
const (
	Met         State = "met"
	OnTrack     State = "on-track"     // not there yet, but where the milestones want it
	AtRisk      State = "at-risk"      // short of the milestones by no more than RiskMargin, or by one
	Behind      State = "behind"       // short by more, or past its due day
	Progress    State = "progress"     // "từng bước": reported, never a breach
	Unclear     State = "unclear"      // what was not measured could tip it either way
	NotMeasured State = "not-measured" // nothing was measured, or it cannot be seen from outside
)

// RiskMargin is how many percentage points short of the milestones is still
// "at risk" and not "behind".
const RiskMargin = 10.0

// Programme is one plan with where its targets stand.
type Programme struct {
	ID      string       `json:"id"`
	Name    verdict.Text `json:"name"`
	Source  string       `json:"source"`
	Targets []Target     `json:"targets"`
}

// Target is one target with its value on the day.
type Target struct {
	ID       string           `json:"id"`
	Name     verdict.Text     `json:"name"`
	Clause   string           `json:"clause"`
	Source   string           `json:"source,omitempty"`
	Metric   inventory.Metric `json:"metric"`
	Unit     string           `json:"unit"`             // what Share counts: agency, service, prefix; empty if nothing
	Goal     float64          `json:"goal_percent"`     // 0..100
	Due      string           `json:"due,omitempty"`    // 2006-01-02
	Gradual  bool             `json:"gradual"`          // progress is reported, a shortfall is no breach
	Share    Share            `json:"share"`            //
	Required float64          `json:"required_percent"` // what the milestones want on this day, 0..100
	Wanted   int              `json:"required_count"`   // the same in whole things of Share's total, rounded down
	State    State            `json:"state"`
	Forecast Forecast         `json:"forecast"`

	Milestones []Milestone `json:"milestones"` // the line wanted, from the programme's first day to the due day
	Start      *Value      `json:"start"`      // at the period's start; null without an earlier run
	Past       []Value     `json:"past"`       // earlier values, oldest first, evenly thinned to maxPoints; Share is the value now
	Effects    *Effects    `json:"effects"`    // why the value is not what it was; null where either was not measured
}

// levelOf is the ladder level that a metric asks for, 0 for other metrics.
func levelOf(m inventory.Metric) int {
	switch m {
	case inventory.AgenciesDualStack, inventory.ServicesDualStack:
		return 2
	case inventory.AgenciesIPv6OnlyReady, inventory.ServicesIPv6OnlyReady:
		return 3
	case inventory.ServicesIPv6Only:
		return 4
	}
	return 0
}

func unitOf(m inventory.Metric) string {
	switch m {
	case inventory.AgenciesDualStack, inventory.AgenciesIPv6OnlyReady:
		return "agency"
	case inventory.ServicesDualStack, inventory.ServicesIPv6OnlyReady, inventory.ServicesIPv6Only, inventory.ServicesSecure:
		return "service"
	case inventory.PrefixesROA:
		return "prefix"
	}
	return ""
}

func (b *builder) programmes(plan inventory.Plan, agencies []Agency, past []Point) []Programme {
	list := make([]Programme, 0, len(plan.Programmes))
	for _, p := range plan.Programmes {
		out := Programme{ID: Clean(p.ID), Name: cleanText(p.Name), Source: Clean(p.Source), Targets: []Target{}}
		for _, t := range p.Targets {
			share := b.measure(t, agencies)
			required := requiredAt(t, p.Valid.From, b.day)
			target := Target{
				ID: Clean(t.ID), Name: cleanText(t.Name), Clause: Clean(t.Clause), Source: Clean(t.Source), Metric: t.Metric,
				Unit: unitOf(t.Metric), Goal: t.Goal, Due: t.Due.String(), Gradual: t.Gradual,
				Share: share, Required: round2(required), Wanted: wholes(required, share),
				State: stateOf(t, share, required, b.day), Milestones: []Milestone{}, Past: []Value{},
			}
			target.Forecast = forecast(target, past, b.at)
			out.Targets = append(out.Targets, target)
		}
		list = append(list, out)
	}
	return list
}

// counts reports whether a target's demand is on this agency.
func counts(t inventory.Target, a Agency) bool {
	return len(t.Kinds) == 0 || slices.Contains(t.Kinds, a.Kind)
}

// measure counts what a target asks for over all agencies it concerns.
func (b *builder) measure(t inventory.Target, agencies []Agency) Share {
	var s Share
	for _, a := range agencies {
		if !counts(t, a) {
			continue
		}
		own := b.measureOne(t, a)
		if unitOf(t.Metric) == "agency" {
			s.addAgency(a, own)
			continue
		}
		s.Met += own.Met
		s.Missed += own.Missed
		s.Unknown += own.Unknown
		s.Exempt += own.Exempt
		s.NotApplicable += own.NotApplicable
	}
	return s
}

// addAgency counts an agency as one: all of its counted services have reached
// the mark, one has not, or it is not known. One whose services are all exempt
// or not applicable, or that has none listed, is outside the denominator.
func (s *Share) addAgency(a Agency, own Share) {
	switch {
	case a.Tally.Listed == 0:
		s.Empty++
	case own.Missed > 0:
		s.Missed++
	case own.Unknown > 0:
		s.Unknown++
	case own.Met > 0:
		s.Met++
	case own.Exempt > 0:
		s.Exempt++
	default:
		s.NotApplicable++
	}
}

// measureOne counts what a target asks for in one agency: its services, or its
// own address blocks.
func (b *builder) measureOne(t inventory.Target, a Agency) Share {
	switch {
	case levelOf(t.Metric) > 0:
		return a.Tally.Reached[levelOf(t.Metric)]
	case t.Metric == inventory.ServicesSecure:
		d := a.Tally.DNSSEC
		return Share{
			Met: d["secure"], Missed: d["insecure"] + d["bogus"], Unknown: d["indeterminate"],
			Exempt: a.Tally.Exempt, NotApplicable: a.Tally.NotApplicable,
		}
	case t.Metric == inventory.PrefixesROA:
		return b.ownROAs[a.ID]
	}
	return Share{}
}

// judgeAgency says how one agency stands against each target that concerns it
// and can be measured in it, and which state is the worst.
func (b *builder) judgeAgency(a *Agency, plan inventory.Plan) {
	a.State = NotMeasured
	worst := -1
	for _, p := range plan.Programmes {
		for _, t := range p.Targets {
			if !counts(t, *a) || unitOf(t.Metric) == "" {
				continue
			}
			s := b.measureOne(t, *a)
			if s.Total() == 0 {
				continue
			}
			required := requiredAt(t, p.Valid.From, b.day)
			st := AgencyTarget{ID: Clean(t.ID), Share: s, Required: round2(required), State: stateOf(t, s, required, b.day), Forecast: Forecast{State: "not-enough-history", NeedValues: minPoints, NeedDays: int(minSpan.Hours() / 24)}}
			a.Targets = append(a.Targets, st)
			if w := slices.Index(byWorse, st.State); w > worst {
				worst, a.State = w, st.State
			}
		}
	}
}

// byWorse orders states for an agency's summary.
var byWorse = []State{NotMeasured, Progress, Met, OnTrack, Unclear, AtRisk, Behind}

// stateOf compares a share with what is wanted of it. What was not measured
// is taken neither way: a state is given only if it holds whatever the rest
// turns out to be. Milestones are counted in whole things, rounded down, so
// that an agency with two services is not called late for want of half a one.
func stateOf(t inventory.Target, s Share, required float64, day inventory.Date) State {
	if unitOf(t.Metric) == "" || s.Measured() == 0 {
		return NotMeasured
	}
	if t.Gradual {
		return Progress
	}
	low, high := s.Bounds()
	overdue := !t.Due.IsZero() && day.After(t.Due.Time)
	switch {
	case low >= t.Goal:
		return Met
	case overdue && high < t.Goal:
		return Behind
	case overdue:
		return Unclear
	}
	wanted := wholes(required, s)
	margin := max(1, wholes(RiskMargin, s))
	least, most := s.Met, s.Met+s.Unknown
	switch {
	case least >= wanted:
		return OnTrack
	case most < wanted-margin:
		return Behind
	case most < wanted && least >= wanted-margin:
		return AtRisk
	}
	return Unclear
}

// wholes is a percentage of everything that counts, in whole things, rounded
// down.
func wholes(percent float64, s Share) int {
	const rounding = 1e-9 // what floating point may lose
	return int(math.Floor(percent*float64(s.Total())/100 + rounding))
}

// requiredAt is the share that the milestones want on a day: a straight line
// from one to the next, beginning with 0 on the programme's first day and
// ending with the goal on the due day. A milestone without a share is passed over.
func requiredAt(t inventory.Target, from, day inventory.Date) float64 {
	if t.Gradual {
		return 0
	}
	var points []inventory.Milestone
	if !from.IsZero() {
		points = append(points, inventory.Milestone{Date: from})
	}
	for _, m := range t.Milestones {
		if m.Goal > 0 && !m.Date.IsZero() {
			points = append(points, m)
		}
	}
	if !t.Due.IsZero() {
		points = append(points, inventory.Milestone{Date: t.Due, Goal: t.Goal})
	}
	slices.SortStableFunc(points, func(a, b inventory.Milestone) int { return cmp.Compare(a.Date.Unix(), b.Date.Unix()) })
	was := inventory.Milestone{}
	for _, m := range points {
		switch {
		case day.After(m.Date.Time):
			was = m
			continue
		case day.Equal(m.Date.Time):
			return m.Goal
		case was.Date.IsZero():
			return 0
		}
		gone := float64(day.Sub(was.Date.Time)) / float64(m.Date.Sub(was.Date.Time))
		return was.Goal + gone*(m.Goal-was.Goal)
	}
	return was.Goal
}

// Point is the value of a target at one time.
type Point struct {
	At      time.Time
	Target  string  // Target.ID
	Percent float64 // 0..100
}
