package reports

import (
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Scope says what a report is about: whose services, which targets, and the
// span of days.
type Scope struct {
	Inventory inventory.Inventory // all of it: agencies that are over and those to come as well
	Plan      inventory.Plan
	At        time.Time // the cut-off: agencies, exemptions and targets are those of its day in the province
	Period    Period
	// AsItWas leaves earlier runs under the agencies of their own days. Otherwise
	// what an agency was before a merger or a change of name is counted under
	// whoever carries it on at the cut-off: a service under the agency that lists
	// it then, else under the only successor of its own.
	AsItWas    bool
	Programmes []string // ids; empty: all
	Agencies   []string // ids, with all that stands below them; empty: all
}

// Earlier is the run that the period starts from.
type Earlier struct {
	Run       history.Run // evidence is not looked at
	Inventory inventory.Inventory
	Was       []history.Mark // its marks under the rules of its own day; nil: not kept, or the rules are the same
}

// Unknown lists the programmes and agencies of the scope that plan and inventory
// do not have.
func (s Scope) Unknown() (programmes, agencies []string) {
	for _, id := range s.Programmes {
		if !slices.ContainsFunc(s.Plan.Programmes, func(p inventory.Programme) bool { return p.ID == id }) {
			programmes = append(programmes, id)
		}
	}
	for _, id := range s.Agencies {
		if _, ok := s.Inventory.Agency(id); !ok {
			agencies = append(agencies, id)
		}
	}
	return programmes, agencies
}

// frame is a scope, made ready: the agencies of the cut-off, and who carries on
// what was there before.
type frame struct {
	Scope
	day    inventory.Date
	tree   inventory.Inventory // the agencies of the cut-off day, chosen ones only
	chosen map[string]bool     // nil: all
	kinds  map[string]inventory.Kind
	goals  []goal
	dir    directory

	full   inventory.Inventory // of the cut-off day
	listed map[verdict.ServiceKey]bool
	home   map[verdict.ServiceKey]string // a service without its agency: the only one that lists it, else empty
	heirs  map[string]string             // agencies that are over: the only successor, else empty
}

// goal is one target with its programme's first day.
type goal struct {
	inventory.Target
	from inventory.Date
}

func newFrame(s Scope) *frame {
	local := s.At.In(Zone)
	f := &frame{
		Scope: s, day: inventory.DayOf(local), kinds: map[string]inventory.Kind{}, dir: newDirectory(s.Inventory), full: s.Inventory.At(local),
		listed: map[verdict.ServiceKey]bool{}, home: map[verdict.ServiceKey]string{}, heirs: map[string]string{},
	}
	f.At = local
	if len(s.Programmes) > 0 {
		f.Plan.Programmes = slices.DeleteFunc(slices.Clone(s.Plan.Programmes), func(p inventory.Programme) bool { return !slices.Contains(s.Programmes, p.ID) })
	}
	for _, p := range f.Plan.Programmes {
		for _, t := range p.Targets {
			f.goals = append(f.goals, goal{t, p.Valid.From})
		}
	}
	for _, a := range s.Inventory.Agencies {
		f.kinds[a.ID] = a.Kind
	}
	for id, name := range newDirectory(f.full).agencies { // the names of that day
		f.dir.agencies[id] = name
	}
	f.places()
	f.choose()
	return f
}

// places notes who lists what on the cut-off day.
func (f *frame) places() {
	note := func(key verdict.ServiceKey) {
		f.listed[key] = true
		id := key.Agency
		key.Agency = ""
		if other, twice := f.home[key]; twice && other != id {
			id = "" // several list it: nobody's alone
		}
		f.home[key] = id
	}
	for _, a := range f.full.Agencies {
		for _, key := range keysOf(a) {
			note(key)
		}
	}
}

// keysOf are the keys of an agency's services and own blocks.
func keysOf(a inventory.Agency) []verdict.ServiceKey {
	keys := make([]verdict.ServiceKey, 0, len(a.Services)+len(a.Prefixes))
	for _, svc := range a.Services {
		keys = append(keys, verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port})
	}
	for _, p := range a.Prefixes {
		keys = append(keys, verdict.ServiceKey{Agency: a.ID, Kind: verdict.PrefixKind, Host: p.Prefix.String()})
	}
	return keys
}

// choose keeps the agencies asked for, and what stands below them.
func (f *frame) choose() {
	f.tree = f.full
	if len(f.Agencies) == 0 {
		return
	}
	parents := map[string]string{}
	for _, a := range f.full.Agencies {
		parents[a.ID] = a.Parent
	}
	f.chosen = map[string]bool{}
	for _, id := range f.Agencies {
		f.chosen[id] = true
		if heir := f.heir(id); heir != "" && !f.AsItWas {
			f.chosen[heir] = true
		}
	}
	for id := range parents {
		for up, steps := id, 0; up != "" && steps <= len(parents); up, steps = parents[up], steps+1 {
			if f.chosen[up] {
				f.chosen[id] = true
				break
			}
		}
	}
	f.tree.Agencies = slices.DeleteFunc(slices.Clone(f.full.Agencies), func(a inventory.Agency) bool { return !f.chosen[a.ID] })
}

func (f *frame) wants(id string) bool { return f.chosen == nil || f.chosen[id] }

// heir is the only agency that carries on one that is over on the cut-off day,
// empty for all others.
func (f *frame) heir(id string) string {
	heir, known := f.heirs[id]
	if !known {
		if next := f.Inventory.Successors(id, f.At); len(next) == 1 && next[0].ID != id {
			heir = next[0].ID
		}
		f.heirs[id] = heir
	}
	return heir
}

// carry says under which key a service or block of an earlier day is counted on
// the cut-off day.
func (f *frame) carry(key verdict.ServiceKey) verdict.ServiceKey {
	if f.listed[key] {
		return key
	}
	place := key
	place.Agency = ""
	if id := f.home[place]; id != "" {
		key.Agency = id
	} else if heir := f.heir(key.Agency); heir != "" {
		key.Agency = heir
	}
	return key
}

// carryAll gives records the keys under which they count now, those of agencies
// not asked for left out. A key that the run has already stays with its record.
func (f *frame) carryAll(records []verdict.Record) []verdict.Record {
	taken := make(map[verdict.ServiceKey]bool, len(records))
	for _, rec := range records {
		taken[rec.Key()] = true
	}
	out := make([]verdict.Record, 0, len(records))
	for _, rec := range records {
		if !f.AsItWas {
			if key := f.carry(rec.Key()); !taken[key] {
				taken[key] = true
				rec.Agency = key.Agency
			}
		}
		if f.wants(rec.Agency) {
			out = append(out, rec)
		}
	}
	return out
}

// predecessors lists, for each agency of the cut-off, those that are over and
// that it alone carries on, in the inventory's order.
func (f *frame) predecessors() map[string][]Party {
	out := map[string][]Party{}
	for _, a := range f.Inventory.Agencies {
		if !a.Valid.To.IsZero() && f.day.After(a.Valid.To.Time) {
			if heir := f.heir(a.ID); heir != "" {
				out[heir] = append(out[heir], f.party(a.ID))
			}
		}
	}
	return out
}

func (f *frame) party(id string) Party { return Party{Clean(id), f.name(id)} }

func (f *frame) name(id string) verdict.Text {
	if t, ok := f.dir.agencies[id]; ok {
		return t
	}
	if id == "" {
		return words["agency.none"]
	}
	return verdict.Text{EN: Clean(id), VI: Clean(id)}
}
