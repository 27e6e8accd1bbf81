package reports

import (
	"cmp"
	"maps"
	"slices"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// Sheet is all that one owner has to do, what lifts most services first.
type Sheet struct {
	Owner    verdict.Owner `json:"owner"`
	Name     verdict.Text  `json:"name"`     // the owner in words: role and name
	Outside  bool          `json:"outside"`  // no agency of the list and not the province's data centre: is written to
	Actions  []Action      `json:"actions"`  //
	Services int           `json:"services"` // different services concerned
	Held     int           `json:"held"`     // of them, kept from their next level
	Lifted   int           `json:"lifted"`   // of them, rise if all of it is mended
	Agencies []Party       `json:"agencies"` // whose services these are
	Due      Due           `json:"due"`      // the earliest of its actions
}

// Action is one thing to mend, with how to see that it is mended.
type Action struct {
	Cause    int            `json:"cause"` // place in Report.Blockers, from 1; 0: no fault
	Step     int            `json:"step"`  // place in Report.Steps, from 1; 0: none; both 0: an own block of the owner's
	Code     verdict.Reason `json:"code"`
	Subject  string         `json:"subject"`
	Plain    verdict.Text   `json:"plain"`    // what is wrong, for somebody who knows no DNS
	What     verdict.Text   `json:"what"`     // what was found, in the catalogue's words
	Do       verdict.Text   `json:"do"`       // what to change
	Verify   []string       `json:"verify"`   // commands that show whether it is mended
	Services int            `json:"services"` // concerned
	Lifted   int            `json:"lifted"`   // rise if this alone is mended
	Due      Due            `json:"due"`
}

// Due is when the plan wants something mended.
type Due struct {
	Day     string `json:"day"`     // 2006-01-02; empty: the plan sets no day
	Target  string `json:"target"`  // Target.ID that sets it
	Overdue bool   `json:"overdue"` // Day is before the report's
	// Gradual marks a day set by targets that are reached step by step only: a
	// day to work towards, not one that can be missed.
	Gradual bool `json:"gradual"`
}

// sheets makes one sheet for each owner: of faults, of steps still to be taken,
// of own blocks without a ROA. What is worth most comes first.
func (b *builder) sheets(r Report) []Sheet {
	d := &desk{dir: r.dir, sheets: map[verdict.Owner]*Sheet{}, victims: map[verdict.Owner]map[Named]bool{}}
	for _, l := range r.Owners {
		s := d.sheet(l.Owner)
		s.Held, s.Lifted = l.Held, l.Lifted
	}
	for i, c := range r.Blockers {
		a := b.action(c)
		a.Cause, a.Due = i+1, b.due(c)
		d.add(c.Owner, a, c.Victims)
	}
	for i, c := range r.Steps {
		a := b.action(c)
		a.Step, a.Due = i+1, b.gradual(c.Check)
		d.add(c.Owner, a, c.Victims)
	}
	for _, x := range r.Resources {
		for _, f := range x.Findings {
			if f.State == "not-found" {
				d.add(f.Owner, Action{
					Code: f.Code, Subject: f.Subject, Plain: plainly(f.Code, f.Title), What: f.Title, Do: f.Advice,
					Verify: []string{"ready6 rpki roa-request " + shellWord(x.Resource)}, Due: b.gradual(verdict.RPKI),
				}, nil)
			}
		}
	}
	return d.finish()
}

// desk sorts actions by owner.
type desk struct {
	dir     directory
	sheets  map[verdict.Owner]*Sheet
	victims map[verdict.Owner]map[Named]bool
	owners  []verdict.Owner // in the order in which they came
}

func (d *desk) sheet(o verdict.Owner) *Sheet {
	if d.sheets[o] == nil {
		d.sheets[o], d.victims[o] = &Sheet{Owner: o, Name: d.dir.ownerText(o), Outside: outside(o)}, map[Named]bool{}
		d.owners = append(d.owners, o)
	}
	return d.sheets[o]
}

func (d *desk) add(o verdict.Owner, a Action, victims []Victim) {
	s := d.sheet(o)
	s.Actions = append(s.Actions, a)
	s.Due = sooner(s.Due, a.Due)
	for _, v := range victims {
		d.victims[o][Named{v.Agency, v.Name, v.Host, v.Service, v.Port}] = true
	}
}

func (d *desk) finish() []Sheet {
	list := []Sheet{}
	for _, o := range d.owners {
		s := d.sheets[o]
		s.Services, s.Agencies = len(d.victims[o]), partiesOf(d.victims[o])
		list = append(list, *s)
	}
	slices.SortStableFunc(list, func(a, b Sheet) int {
		return cmp.Or(cmp.Compare(b.Lifted, a.Lifted), cmp.Compare(b.Held, a.Held), cmp.Compare(b.faults(), a.faults()), cmp.Compare(b.Services, a.Services))
	})
	return list
}

// faults counts the actions that mend a fault.
func (s Sheet) faults() (n int) {
	for _, a := range s.Actions {
		n += min(a.Cause, 1)
	}
	return n
}

// outside reports whether an owner is nobody whom the province can tell.
func outside(o verdict.Owner) bool {
	switch o.Role {
	case verdict.Registrar, verdict.DNSOperator, verdict.Hosting, verdict.ISP, verdict.VNNIC:
		return true
	}
	return false
}

func partiesOf(victims map[Named]bool) []Party {
	seen := map[string]Party{}
	for v := range victims {
		seen[v.Agency] = Party{v.Agency, v.Name}
	}
	return notNil(slices.SortedFunc(maps.Values(seen), func(a, b Party) int { return cmp.Compare(a.ID, b.ID) }))
}

// maxVerify bounds the commands of one action.
const maxVerify = 3

func (b *builder) action(c Cause) Action {
	a := Action{
		Code: c.Code, Subject: c.Subject, Plain: plainly(c.Code, c.Title), What: c.Title, Do: c.Advice, Verify: []string{}, Services: len(c.Victims), Lifted: c.Lifted,
	}
	for _, v := range c.Victims {
		command := again(Service{Host: v.Host, Kind: v.Service, Port: v.Port}, Finding{Check: c.Check, Code: c.Code, Subject: c.Asked})
		if len(a.Verify) < maxVerify && !slices.Contains(a.Verify, command) {
			a.Verify = append(a.Verify, command)
		}
	}
	return a
}

// due is when the plan wants a fault mended: the earliest day of a target with a
// share that asks for a level which the fault holds back from its victims. A
// fault beside the ladder, such as a broken signature, has no day: what is broken
// does not wait for a plan.
func (b *builder) due(c Cause) Due {
	var out Due
	for _, g := range b.goals {
		if g.Due.IsZero() || g.Gradual {
			continue
		}
		asked := slices.ContainsFunc(c.Victims, func(v Victim) bool {
			return v.Held && levelOf(g.Metric) > v.From && counts(g.Target, b.kinds[v.Agency])
		})
		if day := g.Due.String(); asked {
			out = sooner(out, Due{Day: day, Target: Clean(g.ID), Overdue: day < b.day.String()})
		}
	}
	return out
}

// gradual is the day towards which a plan orders names to be signed or routes to
// be covered, step by step or not.
func (b *builder) gradual(check verdict.Check) Due {
	metric := inventory.ServicesSecure
	if check == verdict.RPKI {
		metric = inventory.PrefixesROA
	}
	var out Due
	for _, g := range b.goals {
		if day := g.Due.String(); g.Metric == metric && day != "" {
			out = sooner(out, Due{Day: day, Target: Clean(g.ID), Gradual: g.Gradual, Overdue: !g.Gradual && day < b.day.String()})
		}
	}
	return out
}

// sooner picks the day to go by: one that can be missed before one that cannot,
// else the earlier one.
func sooner(a, b Due) Due {
	switch {
	case b.Day == "":
		return a
	case a.Day == "":
		return b
	case a.Gradual != b.Gradual:
		if a.Gradual {
			return b
		}
		return a
	case b.Day < a.Day:
		return b
	}
	return a
}
