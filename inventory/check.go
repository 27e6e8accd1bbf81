package inventory

import (
	"slices"
	"strconv"
	"strings"
)

// place says where the parts of an agency stand in the input.
type place struct {
	spot
	parent                                   spot
	successors, formerly, services, prefixes []spot
}

// check reports what is wrong between the parts of an inventory whose single
// values are good: ids, references, circles, doubles. places runs parallel to
// inv.Agencies.
func check(inv Inventory, places []place, r *report) {
	index := make(map[string]int, len(inv.Agencies))
	for i, a := range inv.Agencies {
		if a.ID == "" {
			continue
		}
		if first, twice := index[a.ID]; twice {
			r.add(places[i].spot, "give each agency its own id; after a rename or a new parent keep one entry and use formerly",
				"the id %s is already taken%s", quote(a.ID), places[first].line1())
			continue
		}
		index[a.ID] = i
	}
	for i, a := range inv.Agencies {
		checkAgency(a, places[i], index, r)
	}
	circles(inv, places, index, r, "is its own ancestor", "mend one of the parents", func(a Agency) []string {
		up := []string{a.Parent}
		for _, f := range a.Formerly {
			up = append(up, f.Parent)
		}
		return up
	})
	circles(inv, places, index, r, "is its own successor", "take one out of succeeded-by", func(a Agency) []string { return a.SucceededBy })
	doubles(inv, places, r)
}

// checkAgency checks one agency's references and dates.
func checkAgency(a Agency, p place, index map[string]int, r *report) {
	what := called("agency", a.ID)
	known := func(at spot, role, id string) {
		if _, ok := index[id]; !ok && id != "" {
			r.add(at, r.unknownID(id, index), "the %s %s of %s does not exist", role, quote(id), what)
		}
	}
	known(p.parent, "parent", a.Parent)
	for i, id := range a.SucceededBy {
		known(p.successors[i], "successor", id)
		if slices.Contains(a.SucceededBy[:i], id) && id != "" {
			r.add(p.successors[i], "keep one of them", "%s names the successor %s twice", what, quote(id))
		}
	}
	if len(a.SucceededBy) > 0 && a.Valid.To.IsZero() {
		r.add(p.spot, "add its last day as valid: {to: …}", "%s has successors but no end", what)
	}
	for i, f := range a.Formerly {
		known(p.formerly[i], "earlier parent", f.Parent)
		switch {
		case f.Until.IsZero():
		case i > 0 && !f.Until.After(a.Formerly[i-1].Until.Time):
			r.add(p.formerly[i], "put the earliest first", "formerly of %s is not in the order of days", what)
		case !a.Valid.From.IsZero() && f.Until.Before(a.Valid.From.Time), !a.Valid.To.IsZero() && !f.Until.Before(a.Valid.To.Time):
			r.add(p.formerly[i], "mend until or valid", "%s was not yet or no more there on %s, when an earlier name or parent ends", what, f.Until)
		}
	}
}

// unknownID is the mend for a reference to nothing. Beyond some faults or ids a
// hint is not worth the search.
func (r *report) unknownID(id string, index map[string]int) string {
	if len(index) <= 10_000 && len(r.list) < 20 {
		ids := make([]string, 0, len(index))
		for known := range index {
			ids = append(ids, known)
		}
		slices.Sort(ids)
		if n, ok := nearest(id, ids); ok {
			return "did you mean " + strconv.Quote(n) + "?"
		}
	}
	return "add an agency with that id, or write the id of one that is there"
}

// circles reports each circle among the edges once. Parents of different times
// are taken together: two agencies that changed places are taken for a circle,
// which does not happen between offices.
func circles(inv Inventory, places []place, index map[string]int, r *report, text, mend string, edges func(Agency) []string) {
	const (
		fresh = iota
		open
		done
	)
	state := make([]byte, len(inv.Agencies))
	type step struct {
		agency int
		left   []string
	}
	for start := range inv.Agencies {
		if state[start] != fresh {
			continue
		}
		state[start] = open
		path := []step{{start, edges(inv.Agencies[start])}}
		for len(path) > 0 {
			top := &path[len(path)-1]
			if len(top.left) == 0 {
				state[top.agency] = done
				path = path[:len(path)-1]
				continue
			}
			next, ok := index[top.left[0]]
			top.left = top.left[1:]
			if !ok || state[next] == done {
				continue
			}
			if state[next] == fresh {
				state[next] = open
				path = append(path, step{next, edges(inv.Agencies[next])})
				continue
			}
			from := slices.IndexFunc(path, func(s step) bool { return s.agency == next })
			var names []string
			for _, s := range path[from:] {
				names = append(names, inv.Agencies[s.agency].ID)
			}
			if len(names) > 8 {
				names = append(append(slices.Clone(names[:4]), "…"), names[len(names)-3:]...)
			}
			r.add(places[next].spot, mend, "agency %s %s: %s → %s", quote(inv.Agencies[next].ID), text,
				strings.Join(names, " → "), inv.Agencies[next].ID)
		}
	}
}

// claim says that something is an agency's in a span.
type claim struct {
	key, what, agency string
	span              Span
	at                spot
}

// doubles reports services and prefixes that are listed twice for the same day:
// they would be counted twice.
func doubles(inv Inventory, places []place, r *report) {
	var claims []claim
	for i, a := range inv.Agencies {
		for j, s := range a.Services {
			if s.Host == "" || s.Kind == "" {
				continue
			}
			what := "service " + quote(s.Host) + " (" + s.Kind
			if s.Port != 0 {
				what += " " + strconv.Itoa(int(s.Port))
			}
			claims = append(claims, claim{"s " + s.Host + " " + s.Kind + " " + strconv.Itoa(int(effective(s))),
				what + ")", a.ID, common(a.Valid, s.Valid), places[i].services[j]})
		}
		for j, p := range a.Prefixes {
			if p.Prefix.IsValid() {
				claims = append(claims, claim{"p " + p.Prefix.String(), "prefix " + p.Prefix.String(), a.ID, a.Valid, places[i].prefixes[j]})
			}
		}
	}
	claims = slices.DeleteFunc(claims, func(c claim) bool { // no day at all
		return !c.span.To.IsZero() && c.span.From.After(c.span.To.Time)
	})
	slices.SortStableFunc(claims, func(a, b claim) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return a.span.From.Compare(b.span.From.Time)
	})
	var reach claim // of the claims with this key, the one whose days end last
	for _, c := range claims {
		if reach.key != c.key {
			reach = c
			continue
		}
		if reach.span.To.IsZero() || !c.span.From.After(reach.span.To.Time) {
			first, second := reach, c
			if second.at.line < first.at.line {
				first, second = second, first
			}
			under := ""
			if first.agency != second.agency {
				under = " under " + called("agency", first.agency)
			}
			r.add(second.at, "keep one of them, or give each its days with valid", "%s of %s is already listed%s%s",
				second.what, called("agency", second.agency), under, first.at.line1())
		}
		if later(c.span.To, reach.span.To) {
			reach = c
		}
	}
}

// line1 names the line for the middle of a sentence; nothing if there is none.
func (s spot) line1() string {
	if s.line == 0 {
		return ""
	}
	return " in line " + strconv.Itoa(s.line)
}

// later reports whether the last day a is after the last day b; a zero one is
// never reached.
func later(a, b Date) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b.Time))
}

// common is the part of the days that lies in both spans.
func common(a, b Span) Span {
	if b.From.After(a.From.Time) {
		a.From = b.From
	}
	if later(a.To, b.To) {
		a.To = b.To
	}
	return a
}

// effective is the port by which services are told apart: naming the kind's own
// port changes nothing, except for web, whose own are two.
func effective(s Service) uint16 {
	switch {
	case s.Port == 0 && s.Kind == "mail":
		return 25
	case s.Port == 0 && s.Kind == "dns":
		return 53
	}
	return s.Port
}
