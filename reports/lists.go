package reports

import (
	"cmp"
	"slices"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func (f *frame) named(key verdict.ServiceKey) Named {
	return Named{Agency: Clean(key.Agency), Name: f.name(key.Agency), Host: Clean(key.Host), Service: Clean(key.Kind), Port: key.Port}
}

func (n Named) compare(o Named) int {
	return cmp.Or(cmp.Compare(n.Agency, o.Agency), cmp.Compare(n.Host, o.Host), cmp.Compare(n.Service, o.Service), cmp.Compare(n.Port, o.Port))
}

// lists tells which services came to the list, left it, changed hands, or began
// or ended to be exempt.
func (b *builder) lists(e *evolution) []ListChange {
	list := []ListChange{}
	for i := range e.items {
		x := &e.items[i]
		if !x.key.OfService() {
			continue
		}
		c := ListChange{Named: b.named(x.key)}
		switch {
		case !x.was.there:
			c.Class = "added"
		case !x.is.there:
			c.Class = "removed"
		case x.own != x.key.Agency:
			from := b.party(x.own)
			c.Class, c.From = "moved", &from
		case !x.was.exempt && x.is.exempt:
			c.Class = "exempted"
		case x.was.exempt && !x.is.exempt:
			c.Class = "exemption-ended"
		default:
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b ListChange) int { return cmp.Or(cmp.Compare(a.Class, b.Class), a.compare(b.Named)) })
	return list
}

// flapping lists the services that turned most.
func (t *Trend) flapping() []Flap {
	list := []Flap{}
	for i := range t.services {
		x := &t.services[i]
		if p := x.path; p.turns >= minTurns {
			list = append(list, Flap{Named: t.f.named(x.key), Turns: p.turns, Nights: p.nights, Low: p.low, High: p.high})
		}
	}
	slices.SortFunc(list, func(a, b Flap) int { return cmp.Or(cmp.Compare(b.Turns, a.Turns), a.compare(b.Named)) })
	return list
}

// unmeasured lists the services of the last run that are not known any more.
func (t *Trend) unmeasured() []Unmeasured {
	list := []Unmeasured{}
	for _, i := range t.last[:t.size] {
		x := &t.services[t.services[i].heir]
		if x.silent > 0 && x.lastSeen != "" {
			list = append(list, Unmeasured{Named: t.f.named(x.key), Since: x.lastSeen, Nights: x.silent, Level: x.level})
		}
	}
	slices.SortFunc(list, func(a, b Unmeasured) int { return cmp.Or(cmp.Compare(b.Nights, a.Nights), a.compare(b.Named)) })
	return slices.Compact(list)
}

// pauses finds the days of the period without a run that measured at least half,
// where the runs lie further apart than they usually do.
func (t *Trend) pauses(start time.Time) []Pause {
	days := []string{dayOf(start)}
	for _, n := range t.nights {
		if n.InPeriod && !n.Blind {
			days = append(days, n.Day)
		}
	}
	for _, day := range t.skipped {
		if day > days[0] {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	days = slices.Compact(days)
	list, usual := []Pause{}, usualGap(days)
	for i, day := range append(days[1:], nextDay(t.f.day.String(), 1)) {
		last := days[i]
		if gap := gapDays(last, day); gap > usual {
			p := Pause{From: nextDay(last, 1), To: nextDay(day, -1), Days: gap - 1}
			if p.From < t.f.Period.From { // the days before the period are not its own
				p.From = t.f.Period.From
				p.Days = gapDays(p.From, day)
			}
			if p.Days > 0 {
				list = append(list, p)
			}
		}
	}
	return list
}

// usualGap is the median distance of the runs, at least a day.
func usualGap(days []string) int {
	var gaps []int
	for i := 1; i < len(days); i++ {
		gaps = append(gaps, gapDays(days[i-1], days[i]))
	}
	if len(gaps) == 0 {
		return 1
	}
	slices.Sort(gaps)
	return max(1, gaps[len(gaps)/2])
}

func gapDays(from, to string) int { return int(startOf(to).Sub(startOf(from)) / aDay) }

func nextDay(day string, n int) string { return dayOf(startOf(day).AddDate(0, 0, n)) }

// rules lists the runs from which other rules held, the first compared with the
// period's start.
func (t *Trend) rules(start history.Header) []RuleChange {
	list := []RuleChange{}
	last := Night{Run: start.ID, Rules: start.Rules, Started: start.Started}
	for _, n := range t.nights {
		if !n.Started.After(start.Started) {
			continue
		}
		if n.Rules != last.Rules {
			c := t.judged[last.Run]
			c.Run, c.Day, c.From, c.To = n.Run, n.Day, last.Rules, n.Rules
			list = append(list, c)
		}
		last = n
	}
	return list
}
