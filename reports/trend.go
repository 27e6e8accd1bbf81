package reports

import (
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Trend adds up the runs of a history, one after the other, for what a report
// says about the past. It keeps a few numbers for each run, service and agency,
// whatever the runs hold.
type Trend struct {
	f        *frame
	nights   []Night
	skipped  []string  // days of runs that are not among the nights
	values   [][]Value // of each goal, one a night
	judged   map[int64]RuleChange
	stamp    int32
	ids      map[verdict.ServiceKey]int32
	services []tracked
	size     int     // marks of the last night
	last     []int32 // its services in its order, and further ones of longer nights
	lastKeys []verdict.ServiceKey
	bodies   map[string]int32 // agencies by id
	agencies []body
	sums     []sum // of the night that is being added, by agency
}

// tracked is one service or block over the nights.
type tracked struct {
	key      verdict.ServiceKey
	heir     int32 // the service that carries it on now: itself, as a rule
	agency   int32 // its own
	seen     int32 // the last stamp
	exempt   int32 // the last stamp on which it was exempt
	block    bool
	path     path
	lastSeen string // the day on which it was last measured
	silent   int    // nights since
	level    int    // proven then
}

// path is the way of one service up and down the ladder.
type path struct {
	lo, hi    int // what the nights since the last turn agree on
	dir       int // -1 fell last, 1 rose, 0 neither
	turns     int
	nights    int
	low, high int
}

// body is one agency over the nights.
type body struct {
	id      string
	kind    inventory.Kind
	present int32 // the last stamp on which it existed
	inTree  bool
	last    *sum // as it was: what it last stood at
	weekly  [][]dated
}

// dated is a value on a day.
type dated struct {
	at      time.Time
	percent float64
}

// Trend begins an empty trend for the scope's report.
func (s Scope) Trend() *Trend {
	t := &Trend{f: newFrame(s), judged: map[int64]RuleChange{}, ids: map[verdict.ServiceKey]int32{}, bodies: map[string]int32{}}
	t.values = make([][]Value, len(t.f.goals))
	for _, a := range t.f.tree.Agencies {
		t.agencies[t.body(a.ID)].inTree = true
	}
	return t
}

// Add adds a run: complete ones, oldest first, each with its marks by the rules
// of this build (see Marks) and the inventory that it was made with. was are its
// marks under the rules of its own day, where those are kept and different, else nil.
func (t *Trend) Add(h history.Header, inv inventory.Inventory, marks, was []history.Mark) {
	t.stamp++
	t.sums = append(t.sums[:0], make([]sum, len(t.agencies))...)
	t.index(marks)
	t.exempt(inv, h.Started)
	if t.f.AsItWas {
		for _, a := range inv.At(h.Started.In(Zone)).Agencies {
			if t.f.wants(a.ID) {
				t.agencies[t.body(a.ID)].present = t.stamp
			}
		}
	}
	night := Night{Run: h.ID, Started: h.Started.UTC(), Day: dayOf(h.Started), Rules: h.Rules}
	night.InPeriod = night.Day >= t.f.Period.From && night.Day <= t.f.day.String()
	var all sum
	for i, m := range marks {
		t.count(&all, t.last[i], mark(m.Value), night)
	}
	night.take(&all)
	t.nights = append(t.nights, night)
	t.value(night)
	if was != nil {
		t.judged[h.ID] = rejudged(marks, was)
	}
}

// Skip tells of a complete run that is not judged by the rules of this build, and
// cannot be added: its day was measured all the same.
func (t *Trend) Skip(h history.Header) { t.skipped = append(t.skipped, dayOf(h.Started)) }

// close puts the report's own count in place of the last night's, which knows
// nothing of services without a record, nor of the days up to the cut-off.
func (t *Trend) close(total *sum) { t.nights[len(t.nights)-1].take(total) }

func (n *Night) take(s *sum) {
	n.Exempt, n.NotApplicable, n.AtLevel = s.exempt, s.na, s.atLevel
	n.Counted, n.Measured, n.Unknown = s.measured+s.unknown, s.measured, s.unknown
	n.Blind = 2*s.reached[2].Measured() < n.Counted
}

// index gives every mark its service. Most nights have the services of the one
// before, in the same order, which spares looking them up.
func (t *Trend) index(marks []history.Mark) {
	t.size = len(marks)
	for i, m := range marks {
		if i < len(t.last) && t.lastKeys[i] == m.Key {
			continue
		}
		if i == len(t.last) {
			t.last, t.lastKeys = append(t.last, 0), append(t.lastKeys, m.Key)
		}
		t.last[i], t.lastKeys[i] = t.service(m.Key), m.Key
	}
	for i := range marks {
		t.services[t.last[i]].seen = t.stamp
	}
}

// service is the place of a key among the services.
func (t *Trend) service(key verdict.ServiceKey) int32 {
	i, ok := t.ids[key]
	if !ok {
		i = int32(len(t.services))
		t.ids[key] = i
		agency := t.body(key.Agency)
		t.services = append(t.services, tracked{key: key, heir: i, agency: agency, block: key.Kind == verdict.PrefixKind})
		if !t.f.AsItWas {
			if now := t.f.carry(key); now != key {
				heir := t.service(now)
				t.services[i].heir = heir
			}
		}
	}
	return i
}

func (t *Trend) body(id string) int32 {
	i, ok := t.bodies[id]
	if !ok {
		i = int32(len(t.agencies))
		t.bodies[id] = i
		t.agencies = append(t.agencies, body{id: id, kind: t.f.kinds[id], weekly: make([][]dated, len(t.f.goals))})
		t.sums = append(t.sums, sum{})
	}
	return i
}

// exempt stamps the services that were exempt when a run was made.
func (t *Trend) exempt(inv inventory.Inventory, at time.Time) {
	local := at.In(Zone)
	for _, a := range inv.Agencies {
		for _, svc := range a.Services {
			if svc.Exempt == nil || !svc.ExemptOn(local) {
				continue
			}
			if i, ok := t.ids[verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}]; ok {
				t.services[i].exempt = t.stamp
			}
		}
	}
}

// count takes one record of a night into the sums and its service's path.
func (t *Trend) count(all *sum, i int32, m mark, night Night) {
	own := &t.services[i]
	now := own
	if heir := &t.services[own.heir]; heir.seen != t.stamp {
		now = heir
	}
	agency := &t.agencies[now.agency]
	if !t.f.wants(agency.id) {
		return
	}
	switch {
	case own.block:
		t.sums[now.agency].blocks.add(m.roa())
		return
	case own.key.Kind == verdict.ASNKind:
		return
	}
	exempt := own.exempt == t.stamp
	t.sums[now.agency].add(m, exempt)
	all.add(m, exempt)
	if night.InPeriod {
		now.follow(m, night.Day)
	}
}

// follow notes what a night proves of a service's level.
func (s *tracked) follow(m mark, day string) {
	level, known := m.level()
	if !known {
		s.silent++
		return
	}
	s.lastSeen, s.silent, s.level = day, 0, level
	p, lo, hi := &s.path, m.min(), m.max()
	if p.nights++; p.nights == 1 {
		p.lo, p.hi, p.low, p.high = lo, hi, level, level
		return
	}
	p.low, p.high = min(p.low, level), max(p.high, level)
	dir := 0
	switch {
	case lo > p.hi:
		dir = 1
	case hi < p.lo:
		dir = -1
	default: // no change is proven
		p.lo, p.hi = max(p.lo, lo), min(p.hi, hi)
		return
	}
	if p.dir != 0 && p.dir != dir {
		p.turns++
	}
	p.dir, p.lo, p.hi = dir, lo, hi
}

// value makes the goals' values of the night out of the agencies' sums.
func (t *Trend) value(night Night) {
	day, _ := time.Parse(time.DateOnly, night.Day)
	for g, goal := range t.f.goals {
		v := Value{Run: night.Run, Day: night.Day, Blind: night.Blind && levelOf(goal.Metric) > 0, Required: round2(requiredAt(goal.Target, goal.from, inventory.Date{Time: day}))}
		for i := range t.agencies {
			a, own := &t.agencies[i], &t.sums[i]
			if !counts(goal.Target, a.kind) || own.listed == 0 && own.blocks == (Share{}) && !t.present(a) {
				continue
			}
			v.Share.include(goal.Metric, own)
			if a.inTree && !night.Blind && !goal.Gradual {
				a.note(g, night.Started, own.share(goal.Metric))
			}
		}
		t.values[g] = append(t.values[g], v)
	}
	if t.f.AsItWas {
		for i := range t.agencies {
			if a := &t.agencies[i]; !a.inTree && t.present(a) {
				own := t.sums[i]
				a.last = &own
			}
		}
	}
}

// present reports whether an agency counts, though nothing of it was measured.
func (t *Trend) present(a *body) bool {
	if t.f.AsItWas {
		return a.present == t.stamp
	}
	return a.inTree
}

// note keeps the last value of each week.
func (a *body) note(goal int, at time.Time, s Share) {
	percent, ok := s.Percent()
	if !ok || 2*s.Measured() < s.Total() {
		return
	}
	list := a.weekly[goal]
	if n := len(list); n > 0 && week(list[n-1].at) == week(at) {
		list[n-1] = dated{at, percent}
		return
	}
	a.weekly[goal] = append(list, dated{at, percent})
}

// week numbers the weeks since 1970.
func week(t time.Time) int64 { return t.Unix() / (7 * 24 * 3600) }

// rejudged counts what today's rules make otherwise of a run.
func rejudged(marks, was []history.Mark) RuleChange {
	then := make(map[verdict.ServiceKey]mark, len(was))
	for _, m := range was {
		then[m.Key] = mark(m.Value)
	}
	c := RuleChange{Known: true}
	for _, m := range marks {
		if !m.Key.OfService() {
			continue
		}
		old, kept := then[m.Key]
		if !kept {
			continue
		}
		a, knewA := old.level()
		b, knowB := mark(m.Value).level()
		switch {
		case knewA != knowB:
			c.Other++
		case knewA && b > a:
			c.Up++
		case knewA && b < a:
			c.Down++
		}
	}
	return c
}

// before gives the earlier values of a goal; the last one is this run's own.
func (t *Trend) before(g int) []Value { return t.values[g][:len(t.values[g])-1] }

// weekly are an agency's values of a goal, one a week, without this run's.
func (t *Trend) weekly(agency string, g int) []dated {
	i, ok := t.bodies[agency]
	if !ok {
		return nil
	}
	list := t.agencies[i].weekly[g]
	if n := len(list); n > 0 && list[n-1].at.Equal(t.nights[len(t.nights)-1].Started) {
		list = list[:n-1]
	}
	return list
}

// ended lists the agencies that ended within the period, with what they last
// stood at.
func (t *Trend) ended() []Agency {
	var list []Agency
	for _, a := range t.f.Inventory.Agencies {
		until := a.Valid.To.String()
		i, ok := t.bodies[a.ID]
		if !ok || until == "" || until < t.f.Period.From || until >= t.f.day.String() || t.agencies[i].last == nil {
			continue
		}
		out := Agency{
			ID: a.ID, Name: t.f.name(a.ID), Kind: a.Kind, Parent: a.Parent, Former: true, Until: until,
			Tally: t.agencies[i].last.tally(), Targets: []AgencyTarget{}, State: NotMeasured,
		}
		for _, next := range t.f.Inventory.Successors(a.ID, t.f.At) {
			out.SucceededBy = append(out.SucceededBy, t.f.party(next.ID))
		}
		list = append(list, out)
	}
	return list
}
