package reports

import (
	"fmt"
	"strings"

	"ready6/probes/verdict"
)

// bar is the picture of a tally: one segment for each level, and one for what
// was not measured. Widths are hundredths of the whole.
type bar struct {
	Label    string
	Segments []segment
}

type segment struct {
	X, Width, Middle float64
	Class            string
	Text, Title      string
}

const barWidth = 200.0

func newBar(l verdict.Lang, t Tally) bar {
	b := bar{}
	var words []string
	x := 0.0
	add := func(n int, class, short, name string) {
		v, ok := percent(n, t.Counted)
		if !ok || n == 0 {
			return
		}
		w := v * barWidth / 100
		s := segment{X: round2(x), Width: round2(w), Middle: round2(x + w/2), Class: class, Title: fmt.Sprintf("%s: %d", name, n)}
		if w >= 16 {
			s.Text = short
		}
		b.Segments = append(b.Segments, s)
		words = append(words, s.Title)
		x += w
	}
	for level := range TopLevel + 1 {
		add(t.AtLevel[level], fmt.Sprintf("l%d", level), fmt.Sprint(level), fmt.Sprintf(word(l, "col.level"), level)+" "+LevelName(l, level))
	}
	add(t.Unknown, "lx", "?", word(l, "level.unknown"))
	b.Label = strings.Join(words, ", ")
	return b
}

// goalBar is the picture of a target: the value and the mark of what is wanted.
type goalBar struct {
	Label           string
	Met, Rest, Want float64 // of barWidth
	HasWant         bool
}

func newGoalBar(l verdict.Lang, t Target) *goalBar {
	low, high := t.Share.Bounds()
	if t.Share.Total() == 0 {
		return nil
	}
	b := &goalBar{
		Met: round2(low * barWidth / 100), Rest: round2((high - low) * barWidth / 100),
		Want: round2(t.Required * barWidth / 100), HasWant: !t.Gradual,
		Label: shareText(l, t.Share, t.Unit),
	}
	if b.HasWant {
		b.Label += "; " + wantedText(l, t)
	}
	return b
}

func (p pager) findings(list []Finding) []findingView {
	var out []findingView
	for _, f := range list {
		out = append(out, p.finding(f))
	}
	return out
}

func (p pager) finding(f Finding) findingView {
	v := findingView{
		Sign: Screen{}.sign(f.Outcome), Outcome: p.say("outcome." + f.Outcome.String()), Class: f.Outcome.String(),
		Title: f.Title.In(p.l), Advice: f.Advice.In(p.l), Ref: f.Ref, Via: strings.Join(f.Via, " → "), Code: Clean(string(f.Code)),
		Check: p.say("check." + string(f.Check)),
	}
	if f.Owner.Role != "" {
		v.Owner = p.r.dir.owner(f.Owner, p.l)
	}
	v.Leading = f.Blocking || f.Outcome == verdict.NotApplicable
	if f.Blocking {
		v.Blocking = p.say("keeps", f.Level)
	}
	v.Evidence, v.MoreEvidence = p.evidence(f.Evidence)
	return v
}

func (p pager) evidence(list []verdict.Evidence) (out []string, more int) {
	for i, e := range list {
		if i == maxEvidence {
			return out, len(list) - i
		}
		out = append(out, observation(p.l, e))
	}
	return out, 0
}

func (p pager) causes(list []Cause) []causeView {
	var out []causeView
	for i, c := range list {
		if i == maxPageCauses {
			break
		}
		v := causeView{
			findingView: p.finding(Finding{Code: c.Code, Check: c.Check, Outcome: c.Outcome, Subject: c.Subject, Title: c.Title, Advice: c.Advice, Ref: c.Ref, Owner: c.Owner, Evidence: c.Evidence}),
			Rank:        i + 1, Worth: worth(p.l, c), Held: c.Held, Lifted: c.Lifted, N: len(c.Victims),
		}
		first := c.Victims[0]
		v.Again = again(Service{Host: first.Host, Kind: first.Service, Port: first.Port}, Finding{Check: c.Check, Code: c.Code, Subject: c.Asked})
		for j, x := range c.Victims {
			if j == maxPageVictims {
				v.MoreVictims = len(c.Victims) - j
				break
			}
			level := p.say("svc.level", x.From)
			if x.To > x.From {
				level = p.say("changes.level", fmt.Sprint(x.From), fmt.Sprint(x.To))
			}
			v.Victims = append(v.Victims, victimView{x.Name.In(p.l), x.Host, serviceName(x.Service, x.Port), level})
		}
		out = append(out, v)
	}
	return out
}

func (p pager) changes() *changesView {
	c := p.r.Changes
	if c == nil {
		return nil
	}
	v := &changesView{
		Title: p.say("changes", c.Since.ID, moment(p.l, c.Since.Started)), Count: classCounts(p.l, c), None: len(c.Services) == 0,
	}
	for i, s := range c.Services {
		if i == maxPageChanges {
			v.More = len(c.Services) - i
			break
		}
		row := changeView{Agency: s.Name.In(p.l), Host: s.Host, Service: serviceName(s.Service, s.Port), Level: p.moved(s)}
		for _, ch := range s.Checks {
			row.Lines = append(row.Lines, Screen{}.classSign(ch.Class)+" "+changeText(p.l, ch))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// moved says how a service's level changed.
func (p pager) moved(s ServiceChange) string {
	name := func(n *int) string {
		if n == nil {
			return "?"
		}
		return fmt.Sprint(*n)
	}
	if name(s.Was) == name(s.Is) {
		return name(s.Is)
	}
	return name(s.Was) + " → " + name(s.Is)
}

func (p pager) exemptions() []exemptionView {
	var out []exemptionView
	for _, e := range p.r.Exemptions {
		out = append(out, exemptionView{e.Name.In(p.l), e.Host, serviceName(e.Service, e.Port), e.Reason, e.Approver, dateText(p.l, e.Until), e.Expired})
	}
	return out
}

// services groups the rows by agency, in the report's order.
func (p pager) services() []agencyServices {
	index := map[string]int{}
	var out []agencyServices
	for _, row := range p.r.Services {
		id := Clean(row.Judged.Agency)
		i, ok := index[id]
		if !ok {
			i = len(out)
			index[id] = i
			out = append(out, agencyServices{ID: id, Name: row.Name.In(p.l)})
		}
		if len(out[i].Rows) == maxPageServices {
			out[i].More++
			continue
		}
		out[i].Rows = append(out[i].Rows, p.service(row))
	}
	return out
}

func (p pager) service(row Row) serviceRow {
	s := row.Judged
	v := serviceRow{
		Host: s.Host, Service: serviceName(s.Kind, s.Port), LevelLong: levelWord(p.l, row), Class: "lx", Level: "?",
		DNSSEC: stateWord(p.l, verdict.DNSSEC, s.DNSSEC), Routes: stateWord(p.l, verdict.RPKI, s.RPKI),
		Findings: p.findings(s.Findings), Addresses: append(append([]string{}, s.AAAA...), s.A...),
	}
	for i, f := range s.Findings {
		if f.Outcome == verdict.Fail || f.Outcome == verdict.Warn {
			v.Findings[i].Again = again(s, f)
		}
	}
	level, known := s.Level()
	switch {
	case !s.Applicable:
		v.Level, v.DNSSEC, v.Routes = "–", "–", "–"
	case known:
		v.Level, v.Class = fmt.Sprint(level), fmt.Sprintf("l%d", level)
		if s.Max > s.Min {
			v.Level += "+"
			v.LevelLong = p.say("svc.atleast") + " " + v.LevelLong
		}
	}
	switch {
	case row.IsExempt:
		v.Note = p.say("level.exempt")
	case row.Missing:
		v.Note = p.say("svc.missing")
	case row.Unlisted:
		v.Note = p.say("svc.unlisted")
	}
	c := s.Counts
	for _, x := range []struct {
		key string
		n   int
	}{{"count.pass", c.Pass}, {"count.warn", c.Warn}, {"count.fail", c.Fail}, {"count.unknown", c.Unknown}, {"count.not-applicable", c.NotApplicable}} {
		if x.n > 0 {
			v.Counts += ", " + p.say(x.key, x.n)
		}
	}
	v.Counts = strings.TrimPrefix(v.Counts, ", ")
	return v
}
