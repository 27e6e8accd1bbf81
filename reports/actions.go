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
	Cause    int            `json:"cause"` // place in Report.Blockers, from 1
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

// sheets makes one sheet for each owner of a fault, what is worth most first.
func (b *builder) sheets(r Report) []Sheet {
	worth := map[verdict.Owner]Load{}
	for _, l := range r.Owners {
		worth[l.Owner] = l
	}
	byOwner := map[verdict.Owner]*Sheet{}
	victims := map[verdict.Owner]map[Named]bool{}
	var owners []verdict.Owner
	for i, c := range r.Blockers {
		s := byOwner[c.Owner]
		if s == nil {
			s = &Sheet{Owner: c.Owner, Name: r.dir.ownerText(c.Owner), Outside: outside(c.Owner), Held: worth[c.Owner].Held, Lifted: worth[c.Owner].Lifted}
			byOwner[c.Owner], victims[c.Owner] = s, map[Named]bool{}
			owners = append(owners, c.Owner)
		}
		s.Actions = append(s.Actions, b.action(i+1, c))
		for _, v := range c.Victims {
			victims[c.Owner][Named{v.Agency, v.Name, v.Host, v.Service, v.Port}] = true
		}
	}
	list := []Sheet{}
	for _, o := range owners {
		s := byOwner[o]
		s.Services, s.Agencies = len(victims[o]), partiesOf(victims[o])
		for _, a := range s.Actions {
			s.Due = sooner(s.Due, a.Due)
		}
		list = append(list, *s)
	}
	slices.SortStableFunc(list, func(a, b Sheet) int { // else in the order of their first blockers
		return cmp.Or(cmp.Compare(b.Lifted, a.Lifted), cmp.Compare(b.Held, a.Held), cmp.Compare(b.Services, a.Services))
	})
	return list
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
	return slices.SortedFunc(maps.Values(seen), func(a, b Party) int { return cmp.Compare(a.ID, b.ID) })
}

// maxVerify bounds the commands of one action.
const maxVerify = 3

func (b *builder) action(n int, c Cause) Action {
	a := Action{
		Cause: n, Code: c.Code, Subject: c.Subject, Plain: plainly(c), What: c.Title, Do: c.Advice, Verify: []string{}, Services: len(c.Victims),
		Lifted: c.Lifted, Due: b.due(c),
	}
	for _, v := range c.Victims {
		command := again(Service{Host: v.Host, Kind: v.Service, Port: v.Port}, Finding{Check: c.Check, Code: c.Code, Subject: c.Asked})
		if len(a.Verify) < maxVerify && !slices.Contains(a.Verify, command) {
			a.Verify = append(a.Verify, command)
		}
	}
	return a
}

// due is when the plan wants a cause mended: the earliest day of a target that
// its victims miss and that asks for what it holds back.
func (b *builder) due(c Cause) Due {
	var out Due
	for _, g := range b.goals {
		if g.Due.IsZero() {
			continue
		}
		for _, v := range c.Victims {
			if !counts(g.Target, b.kinds[v.Agency]) || !asks(g.Metric, c.Check, v) {
				continue
			}
			day := g.Due.String()
			out = sooner(out, Due{Day: day, Target: Clean(g.ID), Gradual: g.Gradual, Overdue: !g.Gradual && day < b.day.String()})
			break
		}
	}
	return out
}

// asks reports whether a metric asks for what a fault of a check takes from a
// victim: a level above its own, or the state of its name.
func asks(m inventory.Metric, check verdict.Check, v Victim) bool {
	switch {
	case m == inventory.ServicesSecure:
		return check == verdict.DNSSEC
	case m == inventory.PrefixesROA:
		return false // own blocks are no service's
	}
	return v.Held && levelOf(m) > v.From
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
