package reports

import (
	"cmp"
	"math"
	"slices"

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

// programmes measures every target over the agencies it concerns. e is nil
// without an earlier run.
func (b *builder) programmes(agencies []Agency, t *Trend, e *evolution) []Programme {
	list := make([]Programme, 0, len(b.Plan.Programmes))
	g := 0
	for _, p := range b.Plan.Programmes {
		out := Programme{ID: Clean(p.ID), Name: cleanText(p.Name), Source: Clean(p.Source), Targets: []Target{}}
		for range p.Targets {
			out.Targets = append(out.Targets, b.target(b.goals[g], agencies, t.before(g), e))
			g++
		}
		list = append(list, out)
	}
	return list
}

// target measures one target; past are its earlier values.
func (b *builder) target(g goal, agencies []Agency, past []Value, e *evolution) Target {
	share := b.measure(g.Target, agencies)
	required := requiredAt(g.Target, g.from, b.day)
	out := Target{
		ID: Clean(g.ID), Name: cleanText(g.Name), Clause: Clean(g.Clause), Source: Clean(g.Source), Metric: g.Metric,
		Unit: unitOf(g.Metric), Goal: g.Goal, Due: g.Due.String(), Gradual: g.Gradual,
		Share: share, Required: round2(required), Wanted: wholes(required, share),
		State: stateOf(g.Target, share, required, b.day), Milestones: milestones(g), Past: thin(past),
	}
	if e != nil && out.Unit != "" {
		out.Start = e.start(g)
		out.Effects = e.effects(g)
	}
	out.Forecast = forecast(out, series(past), b.at)
	return out
}

// milestones is the line that requiredAt follows, with the days that have no
// share of their own.
func milestones(g goal) []Milestone {
	out := []Milestone{}
	if g.Gradual || unitOf(g.Metric) == "" {
		for _, m := range g.Milestones {
			out = append(out, Milestone{Day: m.Date.String(), Name: cleanText(m.Name), Dated: true})
		}
		return out
	}
	if !g.from.IsZero() {
		out = append(out, Milestone{Day: g.from.String()})
	}
	due := false
	for _, m := range g.Target.Milestones {
		out = append(out, Milestone{Day: m.Date.String(), Goal: m.Goal, Name: cleanText(m.Name), Dated: m.Goal == 0})
		due = due || m.Date == g.Due && m.Goal > 0
	}
	if !due && !g.Due.IsZero() {
		out = append(out, Milestone{Day: g.Due.String(), Goal: g.Goal})
	}
	slices.SortStableFunc(out, func(a, b Milestone) int { return cmp.Compare(a.Day, b.Day) })
	return out
}

// counts reports whether a target's demand is on this kind of agency.
func counts(t inventory.Target, kind inventory.Kind) bool {
	return len(t.Kinds) == 0 || slices.Contains(t.Kinds, kind)
}

// measure counts what a target asks for over all agencies it concerns.
func (b *builder) measure(t inventory.Target, agencies []Agency) Share {
	var s Share
	for _, a := range agencies {
		if counts(t, a.Kind) {
			s.include(t.Metric, b.sum(a.ID))
		}
	}
	return s
}

// judgeAgency says how one agency stands against each target that concerns it
// and can be measured in it, and which state is the worst.
func (b *builder) judgeAgency(a *Agency, t *Trend, e *evolution) {
	a.State = NotMeasured
	worst := -1
	for i, g := range b.goals {
		s := b.sum(a.ID).share(g.Metric)
		if !counts(g.Target, a.Kind) || unitOf(g.Metric) == "" || s.Total() == 0 {
			continue
		}
		required := requiredAt(g.Target, g.from, b.day)
		st := AgencyTarget{ID: Clean(g.ID), Share: s, Required: round2(required), State: stateOf(g.Target, s, required, b.day)}
		if e != nil {
			st.Start = e.startOf(a.ID, g.Metric)
		}
		st.Forecast = forecast(Target{Unit: unitOf(g.Metric), Goal: g.Goal, Due: g.Due.String(), Gradual: g.Gradual, Share: s, State: st.State}, t.weekly(a.ID, i), b.at)
		a.Targets = append(a.Targets, st)
		if g.Gradual && st.State == NotMeasured {
			continue // it asks for no share, so that nothing hangs on it
		}
		if w := slices.Index(byWorse, st.State); w > worst {
			worst, a.State = w, st.State
		}
	}
}

// byWorse orders states for an agency's summary: one that is on track for one
// target, while another could not be measured, is not called on track.
var byWorse = []State{Progress, Met, OnTrack, NotMeasured, Unclear, AtRisk, Behind}

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
