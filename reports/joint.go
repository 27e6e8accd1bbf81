package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// Joint is a set of blockers that lift services only if all of them are mended.
type Joint struct {
	Causes []int           `json:"causes"` // places in the list of blockers, from 1
	Owners []verdict.Owner `json:"owners"` // who has to act
	Lifted int             `json:"lifted"` // services that rise then, and by no one of them alone
}

// Load is what one owner has to mend, and what it is worth if he mends it all.
type Load struct {
	Owner  verdict.Owner `json:"owner"`
	Causes []int         `json:"causes"` // places in the list of blockers, from 1
	Held   int           `json:"held"`   // services that he keeps from the next level
	Lifted int           `json:"lifted"` // services that rise if all his causes are mended
}

// joint finds out what several repairs are worth together, once the blockers
// are in their order.
func (b *builder) joint(blockers []Cause) (sets []Joint, loads []Load) {
	place := map[string]int{}
	for i, c := range blockers {
		place[c.key()] = i + 1
	}
	bySet, byOwner := map[string]*Joint{}, map[verdict.Owner]*Load{}
	for i, row := range b.rows {
		if row.IsExempt || !row.Judged.Applicable || b.source[i] < 0 {
			continue
		}
		b.jointOf(row.Judged, b.records[b.source[i]].Results, place, blockers, bySet, byOwner)
	}
	sets, loads = []Joint{}, []Load{}
	for _, j := range bySet {
		sets = append(sets, *j)
	}
	for _, l := range byOwner {
		slices.Sort(l.Causes)
		loads = append(loads, *l)
	}
	slices.SortFunc(sets, func(x, y Joint) int {
		return cmp.Or(cmp.Compare(y.Lifted, x.Lifted), cmp.Compare(len(x.Causes), len(y.Causes)), slices.Compare(x.Causes, y.Causes))
	})
	slices.SortFunc(loads, func(x, y Load) int {
		return cmp.Or(cmp.Compare(y.Lifted, x.Lifted), cmp.Compare(y.Held, x.Held), slices.Compare(x.Causes, y.Causes))
	})
	return sets, loads
}

// key tells causes apart in their worded form, as keyOf does in the results.
func (c Cause) key() string {
	return fmt.Sprint(c.Code, "\n", c.Subject, "\n", c.Owner.Role, "\n", c.Owner.Name)
}

// jointOf adds one service to the sets and loads that it belongs to.
func (b *builder) jointOf(s Service, results []verdict.Result, place map[string]int, blockers []Cause, bySet map[string]*Joint, byOwner map[verdict.Owner]*Load) {
	now := bounds{s.Min, s.Max}
	var at []int                       // of the causes that hold it
	cause := make([]int, len(results)) // of each result, 0: none that holds it
	for i, r := range results {
		if r.Outcome() != verdict.Fail {
			continue
		}
		f := newFinding(r, now, len(s.AAAA) > 0)
		if !f.Blocking {
			continue
		}
		k := keyOf(r)
		cause[i] = place[Cause{Code: f.Code, Subject: Clean(k.subject), Owner: f.Owner}.key()]
		if cause[i] > 0 && !slices.Contains(at, cause[i]) {
			at = append(at, cause[i])
		}
	}
	rises := func(mended func(int) bool) bool {
		return ladder(results, func(i int) bool { return cause[i] > 0 && mended(cause[i]) }).Min > s.Min
	}
	for _, owner := range ownersOf(at, blockers) {
		l := byOwner[owner]
		if l == nil {
			l = &Load{Owner: owner}
			byOwner[owner] = l
		}
		l.Held++
		for _, c := range at {
			if blockers[c-1].Owner == owner && !slices.Contains(l.Causes, c) {
				l.Causes = append(l.Causes, c)
			}
		}
		if rises(func(c int) bool { return blockers[c-1].Owner == owner }) {
			l.Lifted++
		}
	}
	if len(at) < 2 || !rises(func(int) bool { return true }) ||
		slices.ContainsFunc(at, func(one int) bool { return rises(func(c int) bool { return c == one }) }) {
		return
	}
	slices.Sort(at)
	set := fmt.Sprint(at)
	if bySet[set] == nil {
		bySet[set] = &Joint{Causes: at, Owners: ownersOf(at, blockers)}
	}
	bySet[set].Lifted++
}

// ownersOf lists who has to mend some of the blockers, each once.
func ownersOf(at []int, blockers []Cause) (out []verdict.Owner) {
	for _, c := range at {
		if o := blockers[c-1].Owner; !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// maxJoint bounds the lines about several repairs in a page.
const maxJoint = 20

// joints words the sets of repairs that belong together.
func (p pager) joints() (out []string) {
	for _, j := range p.r.Together[:min(len(p.r.Together), maxJoint)] {
		var who []string
		for _, o := range j.Owners {
			who = append(who, p.r.dir.owner(o, p.l))
		}
		out = append(out, p.say("joint.line", j.Lifted, numbers(j.Causes), strings.Join(who, "; ")))
	}
	return out
}

// loads words what each owner has in his hands.
func (p pager) loads() (out []string) {
	for _, l := range p.r.Owners[:min(len(p.r.Owners), maxJoint)] {
		out = append(out, p.say("load.line", p.r.dir.owner(l.Owner, p.l), numbers(l.Causes), l.Held, l.Lifted))
	}
	return out
}

func numbers(list []int) string {
	var out []string
	for _, n := range list {
		out = append(out, "#"+fmt.Sprint(n))
	}
	return strings.Join(out, ", ")
}
