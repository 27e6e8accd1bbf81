package reports

import (
	"slices"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Changes is what is different since an earlier run.
type Changes struct {
	Since    Since                 `json:"since"`
	Services []ServiceChange       `json:"services"`
	Count    map[history.Class]int `json:"count"` // services by class; one that rose in one check and fell in another is in both

	Rose       int          `json:"rose"`       // services proven to stand higher, flapping ones left out
	Fell       int          `json:"fell"`       // and lower
	Lists      []ListChange `json:"lists"`      // services that came, left, moved, became exempt or count again
	Flapping   []Flap       `json:"flapping"`   // services that went up and down, most often first
	Unmeasured []Unmeasured `json:"unmeasured"` // services not known now that were, longest first
	Pauses     []Pause      `json:"pauses"`     // days of the period without a usable run
	Rules      []RuleChange `json:"rules"`      // runs from which other rules held
}

// Named is a service by its names.
type Named struct {
	Agency  string       `json:"agency"`
	Name    verdict.Text `json:"agency_name"`
	Host    string       `json:"host"`
	Service string       `json:"service"`
	Port    uint16       `json:"port,omitempty"`
}

// ListChange is a service that entered or left what is counted, or changed hands.
type ListChange struct {
	Named
	// Class: "added", "removed", "moved" (From is whose it was), "exempted",
	// "exemption-ended" (counts again).
	Class string `json:"class"`
	From  *Party `json:"from,omitempty"`
}

// Flap is a service whose level went down and up again and again: each change
// was proven, so that a night that could not be measured is none.
type Flap struct {
	Named
	Turns  int `json:"turns"`  // times that it turned from rising to falling or back, minTurns or more
	Nights int `json:"nights"` // on which it was measured
	Low    int `json:"low"`    // the lowest and highest proven levels
	High   int `json:"high"`
}

// Unmeasured is a service of which something was proven earlier in the period
// and nothing is now.
type Unmeasured struct {
	Named
	Since  string `json:"since"`  // the day on which it was last measured, 2006-01-02
	Nights int    `json:"nights"` // runs since
	Level  int    `json:"level"`  // proven then
}

// Pause is a row of days without a run, or with blind ones only: see Night.
type Pause struct {
	From string `json:"from"` // first and last day, 2006-01-02
	To   string `json:"to"`
	Days int    `json:"days"`
}

// RuleChange is the first run under other rules. Services were counted in the
// runs before it that are kept as they were judged then.
type RuleChange struct {
	Run   int64  `json:"run"`
	Day   string `json:"day"`
	From  int    `json:"from"` // rules' version before
	To    int    `json:"to"`
	Known bool   `json:"known"` // what the earlier rules made of the last run before is kept, so that these are counted:
	Up    int    `json:"up"`    // services that today's rules put higher than those
	Down  int    `json:"down"`  // and lower
	Other int    `json:"other"` // known to one and not to the other
}

// Since names the earlier run.
type Since struct {
	ID      int64          `json:"id"`
	Started time.Time      `json:"started"`
	Status  history.Status `json:"status"`
	Rules   int            `json:"rules"`
}

// ServiceChange is one service that changed, with its level before and after.
type ServiceChange struct {
	Agency  string        `json:"agency"`
	Name    verdict.Text  `json:"agency_name"`
	Host    string        `json:"host"`
	Service string        `json:"service"`
	Port    uint16        `json:"port,omitempty"`
	Was     *int          `json:"level_was"` // null: not known, or no such service then
	Is      *int          `json:"level_is"`
	Checks  []CheckChange `json:"checks"`
	// Flapping marks a service of Changes.Flapping: neither better nor worse.
	Flapping bool `json:"flapping,omitempty"`

	key verdict.ServiceKey
}

// CheckChange is one check of a service that changed; Check is empty where the
// whole service came or went.
type CheckChange struct {
	Check  verdict.Check    `json:"check"`
	Class  history.Class    `json:"class"`
	Before []verdict.Reason `json:"before"`
	After  []verdict.Reason `json:"after"`
}

// minTurns is how often a service has to turn to be called flapping: one night
// that went wrong, or an improvement with a relapse, is less.
const minTurns = 3

// changes compares with an earlier run, levels included.
func (b *builder) changes(since Earlier, run history.Run, e *evolution, t *Trend) *Changes {
	prior := since.Run
	prior.Records = slices.Clone(prior.Records)
	for i, key := range b.startKeys(since) {
		prior.Records[i].Agency = key.Agency
	}
	prior.Records = slices.DeleteFunc(prior.Records, func(r verdict.Record) bool { return !b.wants(r.Agency) })
	run.Records = slices.Clone(run.Records)
	if b.AsItWas {
		for i, key := range b.startKeys(Earlier{Run: run}) {
			run.Records[i].Agency = key.Agency
		}
	}
	was, is := levels(prior.Records), levels(run.Records)
	c := group(prior.Header, history.Diff(prior, run))
	c.Lists, c.Flapping, c.Unmeasured = b.lists(e), t.flapping(), t.unmeasured()
	c.Pauses, c.Rules = t.pauses(prior.Started), t.rules(prior.Header)
	flaps := map[verdict.ServiceKey]bool{}
	for i := range t.services {
		if x := &t.services[i]; x.path.turns >= minTurns {
			flaps[x.key] = true
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		s.Name, s.Was, s.Is, s.Flapping = b.name(s.key.Agency), was[s.key], is[s.key], flaps[s.key]
	}
	for i := range e.items {
		x := &e.items[i]
		if !x.was.counts() || !x.is.counts() || !x.was.mark.applicable() || !x.is.mark.applicable() || flaps[x.key] {
			continue
		}
		switch {
		case x.is.mark.min() > x.was.mark.max():
			c.Rose++
		case x.is.mark.max() < x.was.mark.min():
			c.Fell++
		}
	}
	return c
}

// group puts the differences of two runs together by service.
func group(prior history.Header, diff []history.Change) *Changes {
	c := &Changes{
		Since:    Since{prior.ID, prior.Started.UTC(), prior.Status, prior.Rules},
		Services: []ServiceChange{}, Count: map[history.Class]int{},
		Lists: []ListChange{}, Flapping: []Flap{}, Unmeasured: []Unmeasured{}, Pauses: []Pause{}, Rules: []RuleChange{},
	}
	var seen map[history.Class]bool
	for _, ch := range diff {
		if resource(ch.Kind) && ch.Check == "" {
			continue // a block came or went, not a service
		}
		key := ch.Key()
		if n := len(c.Services); n == 0 || c.Services[n-1].key != key {
			seen = map[history.Class]bool{}
			c.Services = append(c.Services, ServiceChange{
				Agency: Clean(ch.Agency), Host: Clean(ch.Host), Service: Clean(ch.Kind), Port: ch.Port, Checks: []CheckChange{}, key: key,
			})
		}
		s := &c.Services[len(c.Services)-1]
		s.Checks = append(s.Checks, CheckChange{ch.Check, ch.Class, notNil(ch.Before), notNil(ch.After)})
		if !seen[ch.Class] {
			seen[ch.Class] = true
			c.Count[ch.Class]++
		}
	}
	return c
}

// levels gives the proven level of each service that has one.
func levels(records []verdict.Record) map[verdict.ServiceKey]*int {
	m := make(map[verdict.ServiceKey]*int, len(records))
	for _, rec := range records {
		if resource(rec.Kind) {
			continue
		}
		b := ladder(rec.Results, nil)
		s := Service{Min: b.Min, Max: b.Max, Applicable: applicable(rec.Results)}
		if level, known := s.Level(); known {
			m[rec.Key()] = &level
		}
	}
	return m
}

// resource reports whether a record is about a block or an AS number.
func resource(kind string) bool { return kind == verdict.PrefixKind || kind == verdict.ASNKind }
