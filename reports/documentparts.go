package reports

import (
	"fmt"
	"strconv"
	"strings"

	"ready6/reports/docx"
	"ready6/reports/draw"
)

// compared says what the report is compared with, empty where there is nothing.
func (d *document) compared() string {
	c := d.r.Changes
	if c == nil {
		return ""
	}
	return d.say("doc.compared", moment(d.l, c.Since.Started), c.Rose, c.Fell)
}

func (d *document) effects() (out []docx.Scope) {
	for _, prog := range d.r.Programmes {
		for _, t := range prog.Targets {
			e := t.Effects
			if e == nil {
				continue
			}
			rules := "–"
			if e.Rules != nil {
				rules = pointsText(d.l, *e.Rules)
			}
			out = append(out, values("name", t.Name.In(d.l), "from", percentText(d.l, e.From)+"\n("+nOf(e.Was)+")", "to", percentText(d.l, e.To)+"\n("+nOf(t.Share)+")",
				"rules", rules, "tree", pointsText(d.l, e.Tree), "listed", pointsText(d.l, e.Listed), "measured", pointsText(d.l, e.Measured), "changed", pointsText(d.l, e.Changed)))
		}
	}
	return out
}

// wayward are the services whose level went one way.
func (d *document) wayward(way string) (out []docx.Scope) {
	if d.r.Changes == nil {
		return nil
	}
	for _, s := range d.r.Changes.Services {
		if d.way(s) != d.say(way) {
			continue
		}
		if len(out) == maxDocChanges {
			break
		}
		out = append(out, values("service", s.Host+" ("+serviceName(s.Service, s.Port)+")", "agency", s.Name.In(d.l), "was", strconv.Itoa(*s.Was), "is", strconv.Itoa(*s.Is)))
	}
	return out
}

func (p pager) pauses() (out []string) {
	for _, x := range p.changed().Pauses {
		if x.Days == 1 {
			out = append(out, p.say("pause.day", dateText(p.l, x.From)))
			continue
		}
		out = append(out, p.say("pause.line", dateText(p.l, x.From), dateText(p.l, x.To), x.Days))
	}
	return out
}

func (p pager) ruleChanges() (out []string) {
	for _, c := range p.changed().Rules {
		s := p.say("rule.line", dateText(p.l, c.Day), c.From, c.To)
		if c.Known {
			s += p.say("rule.count", c.Up, c.Down, c.Other)
		}
		out = append(out, s+".")
	}
	return out
}

// obstacles are what the numbers say of part III, in sentences.
func (d *document) obstacles() (out []string) {
	t := d.r.Total
	var held int
	for _, c := range d.r.Blockers {
		if c.Held > 0 {
			held++
		}
	}
	if held > 0 {
		out = append(out, d.say("obstacle.causes", held))
	}
	if t.Unknown > 0 {
		out = append(out, d.say("obstacle.unknown", t.Unknown, t.Counted))
	}
	expired := 0
	for _, e := range d.r.Exemptions {
		if e.Expired {
			expired++
		}
	}
	if expired > 0 {
		out = append(out, d.say("obstacle.expired", expired))
	}
	var empty int
	for _, a := range d.r.Agencies {
		if a.Tally.Listed == 0 && a.Until == "" {
			empty++
		}
	}
	if empty > 0 {
		out = append(out, d.say("obstacle.empty", empty))
	}
	return out
}

func (d *document) blockers() (out []docx.Scope) {
	for i, c := range d.r.Blockers {
		if c.Held == 0 && c.Lifted == 0 {
			continue
		}
		if len(out) == maxDocCauses {
			break
		}
		out = append(out, values("no", strconv.Itoa(i+1), "plain", d.plainOf(c), "title", c.Title.In(d.l), "owner", upperFirst(d.r.dir.owner(c.Owner, d.l)),
			"services", strconv.Itoa(len(c.Victims)), "held", strconv.Itoa(c.Held), "lifted", strconv.Itoa(c.Lifted)))
	}
	return out
}

// acts are who has to do what by when, in a sentence each.
func (d *document) acts() (out []docx.Scope) {
	for i, a := range d.r.Summary.Acts {
		plain := upperFirst(a.Plain.In(d.l))
		if a.More > 0 {
			plain += " " + d.say("act.more", a.More)
		}
		out = append(out, values("no", strconv.Itoa(i+1), "owner", upperFirst(a.By.In(d.l)), "plain", plain, "held", strconv.Itoa(a.Held), "lifted", strconv.Itoa(a.Lifted), "due", d.dueCell(a.Due)))
	}
	return out
}

// dueCell writes a day for a narrow column.
func (p pager) dueCell(d Due) string {
	switch {
	case d.Day == "":
		return "–"
	case d.Overdue:
		return dateText(p.l, d.Day) + "\n" + p.say("due.passed")
	}
	return dateText(p.l, d.Day)
}

// outside are the requests to those whom the province cannot order.
func (d *document) outside() (out []string) {
	for i, s := range d.r.Actions {
		if !s.Outside || i >= maxDocSheets {
			continue
		}
		out = append(out, d.say("outside.line", s.Name.In(d.l), len(s.Actions), s.Services, i+1))
	}
	return out
}

// sheets are the annex of action sheets, one for each owner.
func (d *document) sheets() (out []docx.Scope) {
	for i, s := range d.r.Actions {
		if i == maxDocSheets {
			break
		}
		item := values("no", strconv.Itoa(i+1), "owner", upperFirst(s.Name.In(d.l)), "text", d.sheetText(s))
		item.Lists = map[string][]docx.Scope{"actions": d.actions(s)}
		out = append(out, item)
	}
	return out
}

// sheetText says what all of a sheet is worth, and to whom.
func (d *document) sheetText(s Sheet) string {
	text := d.say("sheet.line", s.Services, s.Held, s.Lifted)
	var names []string
	for _, a := range s.Agencies {
		names = append(names, a.Name.In(d.l))
	}
	if n := len(names); n > maxNamed {
		names = append(names[:maxNamed], fmt.Sprintf("… (%d)", n))
	}
	if len(names) > 0 {
		text += " " + d.say("sheet.whose", strings.Join(names, "; "))
	}
	return text
}

func (d *document) actions(s Sheet) (out []docx.Scope) {
	for j, a := range s.Actions {
		if j == maxDocActions {
			out = append(out, values("no", "…", "plain", d.say("doc.more", len(s.Actions)-j), "found", "", "do", "", "services", "", "lifted", "", "due", ""))
			out[j].Lists = map[string][]docx.Scope{"verify": nil}
			break
		}
		x := values("no", strconv.Itoa(j+1), "plain", upperFirst(a.Plain.In(d.l)), "found", a.What.In(d.l), "do", a.Do.In(d.l), "services", strconv.Itoa(a.Services), "lifted", strconv.Itoa(a.Lifted), "due", d.dueCell(a.Due))
		var commands []docx.Scope
		for _, v := range a.Verify {
			commands = append(commands, values("command", v))
		}
		x.Lists = map[string][]docx.Scope{"verify": commands}
		out = append(out, x)
	}
	return out
}

// chainPictures draw what keeps services from IPv6 alone, and the chains of
// trust that do not hold, one for each break.
func (d *document) chainPictures() []docx.Scope {
	var list []*draw.Canvas
	seen := map[string]bool{}
	for _, row := range d.r.Services {
		if len(list) >= maxDocChains || row.IsExempt || !row.Judged.Applicable {
			continue
		}
		if heldByClosure(row.Judged) {
			if c := closureDrawing(row.Judged, d.r.dir, d.l); c != nil {
				list = append(list, c)
			}
		}
		for _, v := range row.Judged.Chains {
			if key := chainKey(v.Chain); v.Chain.State == "bogus" && !seen[key] {
				seen[key] = true
				list = append(list, chainPicture(v, d.l))
			}
		}
	}
	return d.pictures(list)
}
