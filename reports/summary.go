package reports

import (
	"cmp"
	"fmt"
	"slices"

	"ready6/probes/verdict"
)

// Summary is the first page: how things stand, who is behind and why, and who
// has to act by when, in words that need no knowledge of DNS.
type Summary struct {
	Lines    []verdict.Text `json:"lines"`    // sentences, most important first
	States   map[State]int  `json:"states"`   // agencies with services by their state; every state has its entry
	Agencies []Standing     `json:"agencies"` // those behind, then those at risk, each with most services short first
	Acts     []Act          `json:"acts"`     // who has to act, what is worth most first
}

// Standing is one agency that is behind or at risk.
type Standing struct {
	Agency string       `json:"agency"`
	Name   verdict.Text `json:"agency_name"`
	State  State        `json:"state"`  // Behind or AtRisk
	Short  []Shortfall  `json:"short"`  // the targets it misses
	Why    []Why        `json:"why"`    // most services first, at most maxWhy
	More   int          `json:"more"`   // causes beyond these
	Levels []int        `json:"levels"` // its counted services by level, 0..TopLevel
}

// Shortfall is one target that an agency misses.
type Shortfall struct {
	Target string       `json:"target"`
	Name   verdict.Text `json:"target_name"`
	State  State        `json:"state"`
	Met    int          `json:"met"`
	Total  int          `json:"total"`
	Due    Due          `json:"due"`
}

// Why is one cause in plain words: what is wrong with how many of an agency's
// services, and who mends it.
type Why struct {
	Cause    int           `json:"cause"` // place in Report.Blockers, from 1, of the first cause that is this in plain words
	Plain    verdict.Text  `json:"plain"`
	Services int           `json:"services"` // of this agency
	Owner    verdict.Owner `json:"owner"`
	By       verdict.Text  `json:"owner_name"` // the owner in words
	Due      Due           `json:"due"`
}

// Act is what one owner is asked for in a sentence.
type Act struct {
	Sheet  int          `json:"sheet"` // place in Report.Actions, from 1
	By     verdict.Text `json:"owner_name"`
	Plain  verdict.Text `json:"plain"` // the thing worth most that he has to do
	More   int          `json:"more"`  // further kinds of things
	Held   int          `json:"held"`
	Lifted int          `json:"lifted"`
	Due    Due          `json:"due"`
}

// What the first page names at most; the lists in the report have everything.
const (
	maxWhy       = 3 // causes of one agency
	maxSummaries = 5 // owners in the sentences
)

// summary is made of the finished parts of a report.
func (b *builder) summary(r Report) Summary {
	s := Summary{Lines: []verdict.Text{}, States: map[State]int{}, Agencies: []Standing{}, Acts: []Act{}}
	for _, state := range byWorse {
		s.States[state] = 0
	}
	why := whyOf(r)
	for _, a := range r.Agencies {
		if a.Tally.Listed == 0 || a.Until != "" {
			continue
		}
		s.States[a.State]++
		if a.State == Behind || a.State == AtRisk {
			s.Agencies = append(s.Agencies, b.standing(a, r, why[a.ID]))
		}
	}
	slices.SortStableFunc(s.Agencies, func(x, y Standing) int {
		return cmp.Or(cmp.Compare(slices.Index(byWorse, y.State), slices.Index(byWorse, x.State)), cmp.Compare(y.missing(), x.missing()))
	})
	for i, sheet := range r.Actions {
		if sheet.Owner.Role == verdict.Operator || len(sheet.Actions) == 0 {
			continue
		}
		first := sheet.Actions[0]
		s.Acts = append(s.Acts, Act{
			Sheet: i + 1, By: sheet.Name, Plain: first.Plain, More: further(sheet), Held: sheet.Held, Lifted: sheet.Lifted, Due: sheet.Due,
		})
	}
	s.Lines = b.lines(r, s)
	return s
}

// further counts what a sheet has besides its first action, the same in plain
// words once.
func further(s Sheet) int {
	other := map[verdict.Text]bool{}
	for _, a := range s.Actions[1:] {
		other[a.Plain] = true
	}
	delete(other, s.Actions[0].Plain)
	return len(other)
}

// standing says which targets an agency misses, and why.
func (b *builder) standing(a Agency, r Report, why []Why) Standing {
	s := Standing{Agency: a.ID, Name: a.Name, State: a.State, Short: []Shortfall{}, Why: notNil(why), Levels: a.Tally.AtLevel[:]}
	for _, p := range r.Programmes {
		for _, t := range p.Targets {
			i := slices.IndexFunc(a.Targets, func(x AgencyTarget) bool { return x.ID == t.ID })
			if i < 0 || a.Targets[i].State != Behind && a.Targets[i].State != AtRisk {
				continue
			}
			own := a.Targets[i]
			s.Short = append(s.Short, Shortfall{
				Target: t.ID, Name: t.Name, State: own.State, Met: own.Share.Met, Total: own.Share.Total(),
				Due: Due{Day: t.Due, Target: t.ID, Overdue: t.Due != "" && t.Due < r.Day},
			})
		}
	}
	if len(s.Why) > maxWhy {
		s.Why, s.More = s.Why[:maxWhy], len(s.Why)-maxWhy
	}
	return s
}

// missing is how many services an agency lacks for its targets, the worst of them.
func (s Standing) missing() int {
	most := 0
	for _, x := range s.Short {
		most = max(most, x.Total-x.Met)
	}
	return most
}

// whyOf tells for each agency what holds how many of its services back: causes
// that are the same in plain words and for the same owner are one.
func whyOf(r Report) map[string][]Why {
	dues := map[int]Due{}
	for _, s := range r.Actions {
		for _, a := range s.Actions {
			if a.Cause > 0 {
				dues[a.Cause] = a.Due
			}
		}
	}
	type same struct {
		agency string
		plain  verdict.Text
		owner  verdict.Owner
	}
	held := map[same]map[Named]bool{}
	places := map[same]int{}
	out := map[string][]Why{}
	for i, c := range r.Blockers {
		for _, v := range c.Victims {
			if !v.Held {
				continue
			}
			k := same{v.Agency, plainly(c.Code, c.Title), c.Owner}
			if held[k] == nil {
				held[k], places[k] = map[Named]bool{}, len(out[v.Agency])
				out[v.Agency] = append(out[v.Agency], Why{Cause: i + 1, Plain: k.plain, Owner: c.Owner, By: r.dir.ownerText(c.Owner)})
			}
			held[k][Named{v.Agency, v.Name, v.Host, v.Service, v.Port}] = true
			w := &out[v.Agency][places[k]]
			w.Services, w.Due = len(held[k]), sooner(w.Due, dues[i+1])
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Why) int { return cmp.Or(cmp.Compare(b.Services, a.Services), cmp.Compare(a.Cause, b.Cause)) })
	}
	return out
}

// teller words sentences in both languages at once.
type teller struct{ lines []verdict.Text }

// say adds the sentence of a key, filled for each language.
func (t *teller) say(key string, fill func(l verdict.Lang) []any) {
	var out verdict.Text
	out.EN = fmt.Sprintf(word(verdict.EN, key), fill(verdict.EN)...)
	out.VI = fmt.Sprintf(word(verdict.VI, key), fill(verdict.VI)...)
	t.lines = append(t.lines, out)
}

// lines are the sentences of the first page.
func (b *builder) lines(r Report, s Summary) []verdict.Text {
	t := &teller{lines: []verdict.Text{}}
	n := 0
	for _, state := range byWorse {
		n += s.States[state]
	}
	t.say("plain.agencies", func(l verdict.Lang) []any {
		return []any{dateText(l, r.Day), n, s.States[Behind], s.States[AtRisk], s.States[OnTrack] + s.States[Met]}
	})
	if rest := n - s.States[Behind] - s.States[AtRisk] - s.States[OnTrack] - s.States[Met]; rest > 0 {
		t.say("plain.rest", func(verdict.Lang) []any { return []any{rest} })
	}
	if k := len(r.Nights); k > 0 && r.Nights[k-1].Blind {
		t.say("plain.blind", func(verdict.Lang) []any { return nil })
	}
	for _, p := range r.Programmes {
		for _, x := range p.Targets {
			t.target(x)
		}
	}
	if c := r.Changes; c != nil {
		t.changes(c)
	}
	for _, a := range s.Acts[:min(len(s.Acts), maxSummaries)] {
		if a.Held > 0 {
			t.act(a)
		}
	}
	if expired := slices.DeleteFunc(slices.Clone(r.Exemptions), func(x Exemption) bool { return !x.Ended }); len(expired) > 0 && r.Period.From != "" {
		t.say("plain.exempt", func(verdict.Lang) []any { return []any{len(expired)} })
	}
	if r.Total.Unknown > 0 {
		t.say("plain.unknown", func(verdict.Lang) []any { return []any{r.Total.Unknown, r.Total.Counted} })
	}
	if r.Skipped > 0 {
		t.say("plain.skipped", func(verdict.Lang) []any { return []any{r.Skipped} })
	}
	return t.lines
}

// target tells where one target stands. What cannot be seen from outside is
// left to those who have the figures.
func (t *teller) target(x Target) {
	percent, ok := x.Share.Percent()
	if !ok || x.Unit == "" {
		return
	}
	have := func(l verdict.Lang) []any {
		return []any{x.Name.In(l), x.Share.Met, x.Share.Measured(), word(l, "unit."+x.Unit), percentText(l, percent), t.since(l, x)}
	}
	switch {
	case x.Gradual:
		t.say("plain.gradual", have)
	case x.Due == "":
		t.say("plain.target", func(l verdict.Lang) []any {
			return append(have(l), percentText(l, x.Required), word(l, "state."+string(x.State)))
		})
	default:
		t.say("plain.target.due", func(l verdict.Lang) []any {
			return append(have(l), percentText(l, x.Goal), dateText(l, x.Due), percentText(l, x.Required), word(l, "state."+string(x.State)), outlook(l, x.Forecast))
		})
	}
}

// since tells how a value has moved within the period, both ends by today's
// rules: what other rules made of the first is among the effects.
func (t *teller) since(l verdict.Lang, x Target) string {
	if x.Start == nil || 2*x.Share.Measured() < x.Share.Total() || 2*x.Start.Share.Measured() < x.Start.Share.Total() {
		return "" // what too little is known of has not moved
	}
	was, knew := x.Start.Share.Percent()
	is, knows := x.Share.Percent()
	if !knew || !knows {
		return ""
	}
	return fmt.Sprintf(word(l, "plain.since"), pointsText(l, is-was), dateText(l, x.Start.Day))
}

// outlook adds the forecast to a target's sentence.
func outlook(l verdict.Lang, f Forecast) string {
	switch f.State {
	case "forecast":
		key := "plain.forecast"
		if f.Late {
			key = "plain.forecast.late"
		}
		return fmt.Sprintf(word(l, key), dateText(l, f.Date))
	case "none":
		return word(l, "plain.forecast.none")
	case "not-enough-history":
		return fmt.Sprintf(word(l, "plain.forecast.need"), f.Values, f.Days, f.NeedValues, f.NeedDays)
	}
	return ""
}

// changes tells what the period brought.
func (t *teller) changes(c *Changes) {
	count := map[string]int{}
	for _, x := range c.Lists {
		count[x.Class]++
	}
	t.say("plain.changes", func(l verdict.Lang) []any {
		return []any{moment(l, c.Since.Started), c.Rose, c.Fell, len(c.Flapping), count["added"], count["removed"], count["moved"]}
	})
	days := 0
	for _, p := range c.Pauses {
		days += p.Days
	}
	if days > 0 {
		t.say("plain.pauses", func(verdict.Lang) []any { return []any{days} })
	}
	for _, x := range c.Rules {
		t.say("plain.rules", func(l verdict.Lang) []any { return []any{dateText(l, x.Day), x.From, x.To} })
	}
}

// act tells what one owner is asked for.
func (t *teller) act(a Act) {
	t.say("plain.act", func(l verdict.Lang) []any {
		more := ""
		if a.More > 0 {
			more = fmt.Sprintf(word(l, "plain.more"), a.More)
		}
		return []any{a.By.In(l), a.Plain.In(l), more, a.Held, a.Lifted, dueText(l, a.Due)}
	})
}

// dueText words a day by which something is wanted.
func dueText(l verdict.Lang, d Due) string {
	switch {
	case d.Day == "":
		return word(l, "due.none")
	case d.Overdue:
		return fmt.Sprintf(word(l, "due.overdue"), dateText(l, d.Day))
	case d.Gradual:
		return fmt.Sprintf(word(l, "due.gradual"), dateText(l, d.Day))
	}
	return fmt.Sprintf(word(l, "due.by"), dateText(l, d.Day))
}

// pointsText writes a difference of percentages with its sign.
func pointsText(l verdict.Lang, v float64) string {
	sign := "+"
	if v < 0 {
		sign, v = "−", -v
	}
	if round2(v) < 0.05 {
		sign = "±"
	}
	return sign + decimal(l, v)
}
