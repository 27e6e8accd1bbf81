package history

import (
	"cmp"
	"maps"
	"slices"

	"ready6/probes/verdict"
)

// Class says which way something changed between two runs.
type Class string

// The classes. Not knowing is neither better nor worse than anything: what
// passes from or to unknown is Lost or Found, never Regressed or Improved.
const (
	Added     Class = "added"     // the service is in the newer run only
	Removed   Class = "removed"   // the service is in the older run only
	Improved  Class = "improved"  // known before and after, and better
	Regressed Class = "regressed" // known before and after, and worse
	Changed   Class = "changed"   // different, but neither better nor worse
	Lost      Class = "unknown"   // was known, is unknown now
	Found     Class = "measured"  // was unknown, is known now
)

var classTexts = map[Class]verdict.Text{
	Added:     {EN: "added", VI: "thêm mới"},
	Removed:   {EN: "removed", VI: "đã bỏ"},
	Improved:  {EN: "improved", VI: "tốt lên"},
	Regressed: {EN: "got worse", VI: "xấu đi"},
	Changed:   {EN: "changed", VI: "thay đổi"},
	Lost:      {EN: "could not be measured this time", VI: "lần này chưa đo được"},
	Found:     {EN: "could be measured this time", VI: "lần này đã đo được"},
}

// Text names the class in both languages.
func (c Class) Text() verdict.Text { return classTexts[c] }

// Change is one difference between two runs: of a service as a whole (Check is
// empty), or of one check of it.
type Change struct {
	Agency string           `json:"agency"`
	Host   string           `json:"host"`
	Kind   string           `json:"service"`
	Port   uint16           `json:"port,omitempty"`
	Check  verdict.Check    `json:"check,omitempty"`
	Class  Class            `json:"class"`
	Was    verdict.Outcome  `json:"was"`    // worst outcome before; unknown where there was no service
	Is     verdict.Outcome  `json:"is"`     // worst outcome now; unknown where there is no service
	Before []verdict.Reason `json:"before"` // sorted, each once
	After  []verdict.Reason `json:"after"`
}

// Key names the service.
func (c Change) Key() verdict.ServiceKey {
	return verdict.ServiceKey{Agency: c.Agency, Kind: c.Kind, Host: c.Host, Port: c.Port}
}

// Diff lists what changed from old to new, by agency, host, kind, port and
// check. Outcomes of both are those of today's catalogue, so a change of rules
// alone is no change. A check that only one of the runs was asked for is left
// out. A service missing from a run that is not complete was not measured
// there, which is not the same as Added or Removed.
func Diff(old, new Run) []Change {
	was, is := byKey(old.Records), byKey(new.Records)
	changes := []Change{} // in JSON an empty list, not null
	for key, o := range was {
		if n, both := is[key]; both {
			changes = append(changes, compare(key, old.Header, new.Header, o, n)...)
			continue
		}
		c := ofService(key, Removed)
		if new.Status != Complete {
			c.Class = Lost
		}
		c.Was, c.Before = outcomeOf(o), reasonsOf(o)
		changes = append(changes, c)
	}
	for key, n := range is {
		if _, both := was[key]; both {
			continue
		}
		c := ofService(key, Added)
		if old.Status != Complete {
			c.Class = Found
		}
		c.Is, c.After = outcomeOf(n), reasonsOf(n)
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Agency, b.Agency), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Port, b.Port), cmp.Compare(a.Check, b.Check))
	})
	return changes
}

// Worse reports whether some check of a service got worse between two looks at
// it, one that both have.
func Worse(was, is verdict.Record) bool {
	for _, c := range compare(was.Key(), Header{}, Header{}, was.Results, is.Results) {
		if c.Class == Regressed && len(c.Before) > 0 && len(c.After) > 0 {
			return true
		}
	}
	return false
}

func byKey(recs []verdict.Record) map[verdict.ServiceKey][]verdict.Result {
	m := make(map[verdict.ServiceKey][]verdict.Result, len(recs))
	for _, r := range recs {
		m[r.Key()] = r.Results
	}
	return m
}

func ofService(k verdict.ServiceKey, c Class) Change {
	return Change{Agency: k.Agency, Host: k.Host, Kind: k.Kind, Port: k.Port, Class: c,
		Before: []verdict.Reason{}, After: []verdict.Reason{}}
}

// compare lists what changed in a service that both runs have.
func compare(key verdict.ServiceKey, oldRun, newRun Header, old, new []verdict.Result) []Change {
	was, is := byCheck(old), byCheck(new)
	checks := maps.Clone(is)
	maps.Copy(checks, was)
	var changes []Change
	for check := range checks {
		if !oldRun.Asked(check) || !newRun.Asked(check) {
			continue
		}
		class, changed := classify(sideOf(was[check]), sideOf(is[check]))
		if !changed {
			continue
		}
		c := ofService(key, class)
		c.Check = check
		c.Was, c.Is = outcomeOf(was[check]), outcomeOf(is[check])
		c.Before, c.After = reasonsOf(was[check]), reasonsOf(is[check])
		changes = append(changes, c)
	}
	return changes
}

func byCheck(results []verdict.Result) map[verdict.Check][]verdict.Result {
	m := make(map[verdict.Check][]verdict.Result)
	for _, r := range results {
		m[r.Check] = append(m[r.Check], r)
	}
	return m
}

func outcomeOf(results []verdict.Result) verdict.Outcome {
	worst := verdict.NotApplicable
	for _, r := range results {
		worst = verdict.Worst(worst, r.Outcome())
	}
	return worst
}

func reasonsOf(results []verdict.Result) []verdict.Reason {
	reasons := make([]verdict.Reason, 0, len(results))
	for _, r := range results {
		reasons = append(reasons, r.Reason)
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// finding is what is compared: of a fault also where it is. Where something
// works is left out, or a host whose addresses rotate would change every night.
type finding struct {
	reason  verdict.Reason
	subject string
}

type findings map[finding]bool

// within reports whether every finding of f is in g.
func (f findings) within(g findings) bool {
	for x := range f {
		if !g[x] {
			return false
		}
	}
	return true
}

func (f findings) equal(g findings) bool { return len(f) == len(g) && f.within(g) }

// side is one check of one service in one run.
type side struct {
	worst              verdict.Outcome
	good, faults, gaps findings // pass and not-applicable; warn and fail; unknown
}

func sideOf(results []verdict.Result) side {
	s := side{worst: outcomeOf(results), good: findings{}, faults: findings{}, gaps: findings{}}
	for _, r := range results {
		switch r.Outcome() {
		case verdict.Unknown:
			s.gaps[finding{r.Reason, r.Subject}] = true
		case verdict.Warn, verdict.Fail:
			s.faults[finding{r.Reason, r.Subject}] = true
		default:
			s.good[finding{reason: r.Reason}] = true
		}
	}
	return s
}

// classify compares one check of one service.
func classify(a, b side) (class Class, changed bool) {
	sameKnown := a.good.equal(b.good) && a.faults.equal(b.faults)
	switch {
	case a.worst == verdict.Unknown && b.worst == verdict.Unknown:
		return Changed, !sameKnown // why something is not known varies from night to night
	case b.worst == verdict.Unknown:
		return Lost, true
	case a.worst == verdict.Unknown:
		return Found, true
	case sameKnown && a.gaps.equal(b.gaps):
		return "", false
	case (a.worst == verdict.NotApplicable) != (b.worst == verdict.NotApplicable):
		return Changed, true
	case b.worst > a.worst: // pass < warn < fail
		return Regressed, true
	case b.worst < a.worst:
		return Improved, true
	// As bad as before: more or fewer faults, unless one of them was or became unknown.
	case !a.faults.equal(b.faults) && a.faults.within(b.faults) && a.gaps.within(b.gaps):
		return Regressed, true
	case !a.faults.equal(b.faults) && b.faults.within(a.faults) && b.gaps.within(a.gaps):
		return Improved, true
	}
	return Changed, true
}
