package reports

import (
	"ready6/inventory"
	"ready6/probes/verdict"
)

// evolution is every service and own block, at the period's start beside now.
type evolution struct {
	b     *builder
	run   int64
	day   inventory.Date
	items []item
	sums  map[string]*sum // at the start, per agency: of the cut-off, or as it was
	old   bool            // the marks of the start's own rules are kept
}

// item is one service or block on both sides.
type item struct {
	key      verdict.ServiceKey // as it counts now
	was      place
	is       place
	own      string // the agency that had it at the start
	old      mark   // at the start, by the rules of that day
	rejudged bool   // old is there
}

// place is how an item stands on one side.
type place struct {
	there  bool // in the list
	exempt bool
	mark   mark
}

func (p place) counts() bool { return p.there && !p.exempt }

// outcome is what an item is worth for a metric on one side, NotApplicable where
// it is outside the denominator.
func (p place) outcome(m inventory.Metric) verdict.Outcome {
	if !p.counts() {
		return verdict.NotApplicable
	}
	return p.mark.outcome(m)
}

// evolution brings the start's records and this run's together by service.
func (b *builder) evolution(since Earlier) *evolution {
	e := &evolution{b: b, run: since.Run.ID, day: inventory.DayOf(since.Run.Started.In(Zone)), sums: map[string]*sum{}, old: since.Was != nil}
	at := map[verdict.ServiceKey]int{}
	item := e.itemOf(at)
	exempt := exemptOn(since)
	old := map[verdict.ServiceKey]mark{}
	for _, m := range since.Was {
		old[m.Key] = mark(m.Value)
	}
	carried := b.startKeys(since)
	for i, rec := range since.Run.Records {
		home := carried[i].Agency
		if b.AsItWas {
			home = rec.Agency
		}
		if rec.Kind == verdict.ASNKind || !b.wants(home) {
			continue
		}
		x := item(carried[i])
		x.was = place{there: true, exempt: exempt[rec.Key()], mark: mark(MarkOf(rec).Value)}
		x.own = rec.Agency
		x.old, x.rejudged = old[rec.Key()]
		e.count(home, rec.Key(), x.was)
	}
	e.missing(since, at, exempt)
	for i, row := range b.rows {
		item(b.keys[i]).is = place{there: true, exempt: row.IsExempt, mark: newMark(row.Judged)}
	}
	for _, a := range b.tree.Agencies {
		for _, p := range a.Prefixes {
			key := verdict.ServiceKey{Agency: a.ID, Kind: verdict.PrefixKind, Host: p.Prefix.String()}
			item(key).is = place{there: true, mark: blockMark(b.prefixes[a.ID+" "+p.Prefix.String()])}
		}
	}
	return e
}

// missing adds what the start's list had and its run has no record of: not known.
func (e *evolution) missing(since Earlier, at map[verdict.ServiceKey]int, exempt map[verdict.ServiceKey]bool) {
	b := e.b
	for a, svc := range since.Inventory.At(since.Run.Started.In(Zone)).All() {
		own := verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}
		key := b.carry(own)
		if _, measured := at[own]; measured {
			continue
		}
		if _, measured := at[key]; measured {
			continue
		}
		home := key.Agency
		if b.AsItWas {
			home = own.Agency
		}
		if !b.wants(home) {
			continue
		}
		x := e.itemOf(at)(key)
		x.own, x.was = own.Agency, place{there: true, exempt: exempt[own], mark: newMark(Service{Max: TopLevel, Applicable: true, DNSSEC: "indeterminate", RPKI: "unknown"})}
		e.count(home, key, x.was)
	}
}

// itemOf finds or makes the item of a key.
func (e *evolution) itemOf(at map[verdict.ServiceKey]int) func(verdict.ServiceKey) *item {
	return func(key verdict.ServiceKey) *item {
		i, ok := at[key]
		if !ok {
			i = len(e.items)
			at[key] = i
			e.items = append(e.items, item{key: key, own: key.Agency})
		}
		return &e.items[i]
	}
}

// startKeys says under which keys the start's records are compared: a key that
// the start has itself stays with its record.
func (b *builder) startKeys(since Earlier) []verdict.ServiceKey {
	taken := make(map[verdict.ServiceKey]bool, len(since.Run.Records))
	for _, rec := range since.Run.Records {
		taken[rec.Key()] = true
	}
	keys := make([]verdict.ServiceKey, len(since.Run.Records))
	for i, rec := range since.Run.Records {
		keys[i] = rec.Key()
		if key := b.carry(keys[i]); !taken[key] {
			taken[key] = true
			keys[i] = key
		}
	}
	return keys
}

// exemptOn are the services that were exempt when the start's run was made.
func exemptOn(since Earlier) map[verdict.ServiceKey]bool {
	out := map[verdict.ServiceKey]bool{}
	for a, svc := range since.Inventory.All() {
		if svc.ExemptOn(since.Run.Started.In(Zone)) {
			out[verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}] = true
		}
	}
	return out
}

func (e *evolution) count(agency string, key verdict.ServiceKey, p place) {
	s := e.sums[agency]
	if s == nil {
		s = &sum{}
		e.sums[agency] = s
	}
	if key.OfService() {
		s.add(p.mark, p.exempt)
	} else {
		s.blocks.add(p.mark.roa())
	}
}

// start is a target's value at the period's start, nil if nothing was measured.
func (e *evolution) start(g goal) *Value {
	v := Value{Run: e.run, Day: e.day.String(), Required: round2(requiredAt(g.Target, g.from, e.day))}
	for id, s := range e.sums {
		if counts(g.Target, e.b.kinds[id]) {
			v.Share.include(g.Metric, s)
		}
	}
	if unitOf(g.Metric) == "agency" && !e.b.AsItWas {
		for _, a := range e.b.tree.Agencies {
			if e.sums[a.ID] == nil && counts(g.Target, a.Kind) {
				v.Share.Empty++
			}
		}
	}
	if v.Share.Measured() == 0 {
		return nil
	}
	return &v
}

// startOf is what an agency had at the period's start.
func (e *evolution) startOf(agency string, m inventory.Metric) *Share {
	s := e.sums[agency]
	if s == nil {
		return nil
	}
	if share := s.share(m); share.Total() > 0 {
		return &share
	}
	return nil
}

// view is one way to look at an item: in which agency, and what it is worth.
type view func(*item) (agency string, out verdict.Outcome)

// effects takes a target's percentage from the start to now in steps, each of
// which changes one thing for all items at once; what a step adds is its effect.
// It is nil where a step has nothing measured.
func (e *evolution) effects(g goal) *Effects {
	m := g.Metric
	var (
		judged = func(x *item) (string, verdict.Outcome) { // as it was judged then
			p := x.was
			if x.rejudged {
				p.mark = x.old
			}
			return e.home(x), p.outcome(m)
		}
		then = func(x *item) (string, verdict.Outcome) { return e.home(x), x.was.outcome(m) }
		tree = func(x *item) (string, verdict.Outcome) { return x.key.Agency, x.was.outcome(m) }
		both = func(x *item) bool { return inside(x.was.outcome(m)) && inside(x.is.outcome(m)) }
		kept = func(x *item) (string, verdict.Outcome) { return x.key.Agency, only(both(x), x.was.outcome(m)) }
		know = func(x *item) bool {
			return both(x) && x.was.outcome(m) != verdict.Unknown && x.is.outcome(m) != verdict.Unknown
		}
		knew  = func(x *item) (string, verdict.Outcome) { return x.key.Agency, only(know(x), x.was.outcome(m)) }
		knows = func(x *item) (string, verdict.Outcome) { return x.key.Agency, only(know(x), x.is.outcome(m)) }
		keeps = func(x *item) (string, verdict.Outcome) { return x.key.Agency, only(both(x), x.is.outcome(m)) }
		now   = func(x *item) (string, verdict.Outcome) { return x.key.Agency, x.is.outcome(m) }
	)
	steps := []view{judged, then, tree, kept, knew, knows, keeps, now}
	var at [8]float64
	for i, look := range steps {
		percent, ok := e.share(g, look).Percent()
		if !ok {
			return nil
		}
		at[i] = percent
	}
	out := &Effects{
		From: round2(at[0]), Was: e.share(g, judged), To: round2(at[7]), Tree: round2(at[2] - at[1]), Listed: round2(at[3] - at[2] + at[7] - at[6]),
		Measured: round2(at[4] - at[3] + at[6] - at[5]), Changed: round2(at[5] - at[4]),
	}
	if e.old {
		rules := round2(at[1] - at[0])
		out.Rules = &rules
	}
	e.tell(g, out)
	return out
}

// home is whose an item was at the start: the agency of then, or the one that
// carries it on.
func (e *evolution) home(x *item) string {
	if e.b.AsItWas {
		return x.own
	}
	return x.key.Agency
}

func inside(o verdict.Outcome) bool { return o != verdict.NotApplicable }

func only(keep bool, o verdict.Outcome) verdict.Outcome {
	if keep {
		return o
	}
	return verdict.NotApplicable
}

// share is a target's value over all items as they are looked at.
func (e *evolution) share(g goal, look view) Share {
	var all Share
	byAgency := map[string]*Share{}
	for i := range e.items {
		id, o := look(&e.items[i])
		if !inside(o) || !counts(g.Target, e.b.kinds[id]) {
			continue
		}
		if unitOf(g.Metric) != "agency" {
			all.add(o)
			continue
		}
		s := byAgency[id]
		if s == nil {
			s = &Share{}
			byAgency[id] = s
		}
		s.add(o)
	}
	for _, s := range byAgency {
		all.addAgency(1, *s)
	}
	return all
}

// tell counts the items behind the effects.
func (e *evolution) tell(g goal, out *Effects) {
	for i := range e.items {
		x := &e.items[i]
		if !counts(g.Target, e.b.kinds[x.key.Agency]) {
			continue
		}
		a, b := x.was.outcome(g.Metric), x.is.outcome(g.Metric)
		switch {
		case !inside(a) && !inside(b):
		case !inside(a):
			out.Added++
		case !inside(b):
			out.Removed++
		case a == verdict.Unknown && b != verdict.Unknown:
			out.Found++
		case b == verdict.Unknown && a != verdict.Unknown:
			out.Lost++
		case a != verdict.Pass && b == verdict.Pass:
			out.Better++
		case a == verdict.Pass && b != verdict.Pass:
			out.Worse++
		}
		if x.rejudged && x.was.counts() && x.old.outcome(g.Metric) != x.was.mark.outcome(g.Metric) {
			out.Rejudged++
		}
	}
}
