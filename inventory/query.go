package inventory

import (
	"slices"
	"strings"
	"time"
)

// Agency returns the agency with the id. It looks through all; make an index
// for many look-ups.
func (inv Inventory) Agency(id string) (Agency, bool) {
	i := slices.IndexFunc(inv.Agencies, func(a Agency) bool { return a.ID == id })
	if i < 0 {
		return Agency{}, false
	}
	return inv.Agencies[i], true
}

// At returns the inventory as it was on the calendar day of t: the agencies and
// services valid that day, under their names and parents of that day. Where a
// parent was not valid, the agency stands under the parent's only successor that
// was, else under the next valid one above, else at the top. Expired exemptions
// stay: see ExemptOn. inv is not changed.
func (inv Inventory) At(t time.Time) Inventory {
	all := inv.index()
	out := Inventory{Canaries: inv.Canaries, Providers: inv.Providers}
	for _, a := range inv.Agencies {
		if !a.Valid.Holds(t) {
			continue
		}
		a = a.on(t)
		a.Parent = inv.parentOn(t, a, all)
		if slices.ContainsFunc(a.Services, func(s Service) bool { return !s.Valid.Holds(t) }) {
			a.Services = slices.DeleteFunc(slices.Clone(a.Services), func(s Service) bool { return !s.Valid.Holds(t) })
		}
		out.Agencies = append(out.Agencies, a)
	}
	out.cut()
	return out
}

// cut puts agencies at the top whose new parents stand below them: it may happen
// where one was merged into a body under its own branch.
func (inv Inventory) cut() {
	all := inv.index()
	for i, a := range inv.Agencies {
		up, steps := a.Parent, 0
		for up != "" && up != a.ID && steps <= len(inv.Agencies) {
			j, ok := all[up]
			if !ok {
				break
			}
			up, steps = inv.Agencies[j].Parent, steps+1
		}
		if up == a.ID {
			inv.Agencies[i].Parent = ""
		}
	}
}

// index gives the place of each id.
func (inv Inventory) index() map[string]int {
	m := make(map[string]int, len(inv.Agencies))
	for i, a := range inv.Agencies {
		m[a.ID] = i
	}
	return m
}

// on returns the agency with its name and parent of the day.
func (a Agency) on(t time.Time) Agency {
	day := DayOf(t)
	for _, f := range slices.Backward(a.Formerly) { // a gap in an earlier entry is filled by the one after it
		if f.Until.Before(day.Time) {
			break
		}
		if f.Name.VI != "" || f.Name.EN != "" {
			a.Name = f.Name
		}
		if f.Parent != "" {
			a.Parent = f.Parent
		}
	}
	return a
}

// parentOn finds the parent of a, which is as it was that day, among the
// agencies valid that day. Each agency is passed once, so a circle in unchecked
// data ends.
func (inv Inventory) parentOn(t time.Time, a Agency, all map[string]int) string {
	if i, ok := all[a.Parent]; ok && inv.Agencies[i].Valid.Holds(t) {
		return a.Parent // the usual case
	}
	passed := map[string]bool{a.ID: true}
	for id := a.Parent; id != "" && !passed[id]; {
		i, ok := all[id]
		if !ok {
			return ""
		}
		up := inv.Agencies[i]
		if up.Valid.Holds(t) {
			return id
		}
		passed[id] = true
		if next := inv.successors(id, t, all); len(next) == 1 && next[0].ID != a.ID {
			return next[0].ID
		}
		id = up.on(t).Parent
	}
	return ""
}

// Successors returns the agencies that carry on the agency id on the calendar
// day of t, in the inventory's order: itself if it was valid then, otherwise
// those that chains of successions lead to. There are none for an agency that
// had not begun.
func (inv Inventory) Successors(id string, t time.Time) []Agency {
	list := inv.successors(id, t, inv.index())
	for i := range list {
		list[i] = list[i].on(t)
	}
	return list
}

func (inv Inventory) successors(id string, t time.Time, all map[string]int) []Agency {
	var found []int
	passed := make(map[string]bool)
	left := []string{id}
	for len(left) > 0 {
		id, left = left[len(left)-1], left[:len(left)-1]
		i, ok := all[id]
		if !ok || passed[id] {
			continue
		}
		passed[id] = true
		a := inv.Agencies[i]
		switch {
		case a.Valid.Holds(t):
			found = append(found, i)
		case a.Valid.From.IsZero() || !DayOf(t).Before(a.Valid.From.Time): // over, not still to come
			left = append(left, a.SucceededBy...)
		}
	}
	slices.Sort(found)
	list := make([]Agency, len(found))
	for n, i := range found {
		list[n] = inv.Agencies[i]
	}
	return list
}

// Predecessors returns the agencies that name id as a direct successor, in the
// inventory's order.
func (inv Inventory) Predecessors(id string) []Agency {
	var list []Agency
	for _, a := range inv.Agencies {
		if slices.Contains(a.SucceededBy, id) {
			list = append(list, a)
		}
	}
	return list
}

// Find returns the agencies whose id or name, present or earlier, in either
// language, contains the query under Fold. Those that equal it come first, then
// those that begin with it, then the rest, each in the inventory's order. An
// empty query finds nothing.
func (inv Inventory) Find(query string) []Agency {
	want := Fold(query)
	if want == "" {
		return nil
	}
	var ranks [3][]Agency
	for _, a := range inv.Agencies {
		if rank, ok := a.matches(want); ok {
			ranks[rank] = append(ranks[rank], a)
		}
	}
	return slices.Concat(ranks[:]...)
}

// matches tells how well a folded query fits: 0 equal, 1 beginning, 2 inside.
func (a Agency) matches(want string) (rank int, ok bool) {
	called := []string{a.ID, a.Name.VI, a.Name.EN}
	for _, f := range a.Formerly {
		called = append(called, f.Name.VI, f.Name.EN)
	}
	rank = 3
	for _, c := range called {
		switch c = Fold(c); {
		case c == want:
			rank = 0
		case strings.HasPrefix(c, want):
			rank = min(rank, 1)
		case strings.Contains(c, want):
			rank = min(rank, 2)
		}
	}
	return rank, rank < 3
}
