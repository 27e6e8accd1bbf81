package reports

import (
	"html/template"
	"slices"
	"strings"

	"ready6/reports/draw"
)

// gridView is one of the report's tables in the page, all of it words.
type gridView struct {
	ID, Title string
	Heads     []headView
	Rows      [][]string
	More      int
}

type headView struct {
	Name string
	Num  bool
}

// gridView takes columns of a table; nil stands for all, an empty table for none.
func (p pager) gridView(id string, most int, cols ...string) *gridView {
	g := gridNamed(id)
	v := &gridView{ID: id, Title: g.title.In(p.l)}
	var at []int
	for _, name := range cols {
		i := slices.IndexFunc(g.cols, func(c col) bool { return c.id == name })
		at = append(at, i)
		v.Heads = append(v.Heads, headView{g.cols[i].head.In(p.l), g.cols[i].kind == countCell || g.cols[i].kind == percentCell})
	}
	for row := range g.rows(p) {
		if len(v.Rows) == most {
			v.More++
			continue
		}
		cells := make([]string, len(at))
		for n, i := range at {
			cells[n] = cellText(p.l, g.cols[i].kind, row[i])
		}
		v.Rows = append(v.Rows, cells)
	}
	if len(v.Rows) == 0 {
		return nil
	}
	return v
}

// standingView is one agency of the first section: why it is behind, and who
// must act.
type standingView struct {
	ID, Name, Sign, State, Class string
	Short, Why                   []string
}

func (p pager) standingViews() (out []standingView) {
	d := document{pager: p}
	for i, s := range d.standings() {
		a := p.r.Summary.Agencies[i]
		v := standingView{ID: a.Agency, Name: a.Name.In(p.l), Sign: stateSigns[a.State], State: p.say("state." + string(a.State)), Class: string(a.State)}
		for _, x := range s.Lists["short"] {
			v.Short = append(v.Short, x.Values["text"])
		}
		for _, x := range s.Lists["why"] {
			v.Why = append(v.Why, x.Values["text"])
		}
		out = append(out, v)
	}
	return out
}

// sheetView is what one owner has to do.
type sheetView struct {
	No            int
	Owner, Text   string
	Outside, Open bool
	Actions       []actionView
	More          int
}

type actionView struct {
	No               int
	Plain, Found, Do string
	Verify           []string
	Services, Lifted int
	Due              string
	Overdue          bool
	Code, Subject    string
}

// maxPageActions bounds the actions of one sheet in a page.
const maxPageActions = 100

func (p pager) sheetViews() (out []sheetView) {
	d := document{pager: p}
	for i, s := range p.r.Actions {
		if i == maxPageCauses {
			break
		}
		v := sheetView{No: i + 1, Owner: upperFirst(s.Name.In(p.l)), Text: d.sheetText(s), Outside: s.Outside, Open: i < 3}
		for j, a := range s.Actions {
			if j == maxPageActions {
				v.More = len(s.Actions) - j
				break
			}
			v.Actions = append(v.Actions, actionView{
				No: j + 1, Plain: upperFirst(a.Plain.In(p.l)), Found: a.What.In(p.l), Do: a.Do.In(p.l), Verify: a.Verify, Services: a.Services, Lifted: a.Lifted,
				Due: dueText(p.l, a.Due), Overdue: a.Due.Overdue, Code: Clean(string(a.Code)), Subject: a.Subject,
			})
		}
		out = append(out, v)
	}
	return out
}

// figure is a picture of the page. Its drawing escapes every text of its own.
func figure(c *draw.Canvas) template.HTML {
	if c == nil {
		return ""
	}
	return template.HTML(c.SVG())
}

// progress adds to a page what a history brings: the first section, the
// pictures, what changed, and the sheets.
func (p pager) progress(out *page) {
	lines := p.lines()
	out.Period, out.Headline, out.Summary = p.periodLine(), lines[0], lines[1:]
	out.Named = (&document{pager: p}).headline(false)[1:]
	out.Standings, out.Judged = p.standingViews(), len(p.r.Summary.States) > 0
	out.Unjudged = strings.TrimSpace((&document{pager: p}).unjudged())
	out.Stack, out.Bars = figure(p.ladderStack()), figure(p.blockerBars())
	heat, more := p.heatMaps()
	for _, c := range heat {
		out.Heat = append(out.Heat, figure(c))
	}
	out.MoreHeat = more
	for _, prog := range p.r.Programmes {
		for _, t := range prog.Targets {
			if c := p.trajectory(t); c != nil {
				out.Trajectories = append(out.Trajectories, figure(c))
			}
		}
	}
	service := []string{"host", "service", "agency_name"}
	for _, g := range []*gridView{
		p.gridView("effects", maxPageCauses, "target_name", "from_percent", "n_from", "to_percent", "n_now", "changed", "listed", "measured", "rules", "tree", "better", "worse", "added", "removed"),
		p.gridView("lists", maxPageChanges, joined(service, []string{"class", "from"})...),
		p.gridView("flapping", maxPageChanges, joined(service, []string{"turns", "nights", "low", "high"})...),
		p.gridView("unmeasured", maxPageChanges, joined(service, []string{"since", "nights", "level"})...),
		p.gridView("pauses", maxPageChanges, "from", "to", "days"),
		p.gridView("rules", maxPageChanges, "day", "from", "to", "up", "down", "other"),
	} {
		if g != nil {
			out.Movements = append(out.Movements, g)
		}
	}
	out.Sheets = p.sheetViews()
}
