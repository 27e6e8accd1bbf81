package reports

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

//go:embed html/report.html.tmpl
var pageText string

//go:embed html/report.css
var pageStyle string

// What one page shows at most; the CSV and JSON forms have everything.
const (
	maxPageServices = 300 // per agency
	maxPageCauses   = 100
	maxPageVictims  = 100 // per cause
	maxPageChanges  = 500
	maxNamed        = 12 // agencies in a sentence of the summary
)

// WriteHTML writes one page that needs nothing else: style and pictures are in
// it, there is no script, and its policy forbids loading anything.
func WriteHTML(w io.Writer, r Report, l verdict.Lang) error {
	p := pager{r, l}
	t, err := template.New("page").Funcs(template.FuncMap{
		"t": func(key string, args ...any) string { return fmt.Sprintf(word(l, key), args...) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if err := t.Execute(b, p.page()); err != nil {
		return err
	}
	return b.Flush()
}

// page is what the template is given: words and numbers, all of them formatted.
type page struct {
	Lang      verdict.Lang
	Style     template.CSS
	Facts     []fact
	Partial   string // a run that did not end well
	Trouble   []findingView
	Period    string
	Headline  string
	Named     []string // sentences that name those behind and at risk
	Standings []standingView
	Judged    bool // whether it is known that no other agency is behind
	Unjudged  string
	Summary   []string
	Trajectories,
	Heat []template.HTML
	Stack, Bars template.HTML
	MoreHeat    int
	Movements   []*gridView
	Sheets      []sheetView
	Bar         bar
	Levels      []levelView
	Outside     string
	Programmes  []programmeView
	Agencies    []agencyView
	Empty       []string
	Blockers    []causeView
	Gaps        []causeView
	Together    []string
	Owners      []string
	MoreBlocks  int
	MoreGaps    int
	Changes     *changesView
	Resources   []resourceView
	Hosting     []hostingView
	HostStates  []string
	Exemptions  []exemptionView
	Services    []agencyServices
	Chains      []pageChain
	MoreChains  int
	Closures    []pageChain
	MoreClosed  int
	Preflight   []findingView
}

type fact struct{ Name, Value string }

type levelView struct {
	Level            int
	Name, Long, Have string
}

type programmeView struct {
	Name, Source string
	Targets      []targetView
}

type targetView struct {
	Name, Clause, Source, Value, N, Wanted, Goal, Due, Forecast string
	Sign, State, Class                                          string
	Bar                                                         *goalBar
}

type agencyView struct {
	ID, Name, N        string
	Former             bool
	Bar                bar
	Levels             []string
	DNSSEC, Routes     string
	Sign, State, Class string
	Linked             bool
}

type findingView struct {
	Sign, Outcome, Class string
	Title, Advice, Ref   string
	Owner, Via, Code     string
	Evidence             []string
	MoreEvidence         int
	Again                string
	Leading              bool   // decides the level: shown without being asked for
	Blocking             string // "keeps it from level 3", empty if it does not
	Check                string
}

type causeView struct {
	findingView
	Rank            int
	Worth           string
	Held, Lifted, N int
	Victims         []victimView
	MoreVictims     int
}

type victimView struct{ Agency, Host, Service, Level string }

type changesView struct {
	Title string
	Count string
	Rows  []changeView
	More  int
	None  bool
}

type changeView struct {
	Agency, Host, Service, Level string
	Lines                        []string
}

type exemptionView struct {
	Agency, Host, Service, Reason, Approver, Until string
	Expired                                        bool
}

type agencyServices struct {
	ID, Name string
	Rows     []serviceRow
	More     int
}

type serviceRow struct {
	Host, Service, Level, LevelLong string
	Class                           string // of the level's badge
	Note                            string // exempt, not applicable, not in the run
	DNSSEC, Routes, Counts          string
	Addresses                       []string
	Findings                        []findingView
}

type pager struct {
	r Report
	l verdict.Lang
}

func (p pager) say(key string, args ...any) string { return fmt.Sprintf(word(p.l, key), args...) }

func (p pager) page() page {
	r := p.r
	out := page{
		Lang: p.l, Style: template.CSS(pageStyle), Facts: p.facts(), Trouble: p.findings(r.Run.Trouble), Preflight: p.findings(r.Run.Preflight),
		Bar: newBar(p.l, r.Total), Levels: p.levels(), Outside: p.say("table.outside", r.Total.Unknown, r.Total.Exempt, r.Total.NotApplicable),
		Blockers: p.causes(r.Blockers), Gaps: p.causes(r.Gaps),
		MoreBlocks: max(0, len(r.Blockers)-maxPageCauses), MoreGaps: max(0, len(r.Gaps)-maxPageCauses),
		Changes: p.changes(), Exemptions: p.exemptions(), Services: p.services(), Resources: p.resources(), Hosting: p.hosting(), HostStates: p.hostStates(),
	}
	p.progress(&out)
	out.Chains, out.MoreChains = p.chains()
	out.Together, out.Owners = p.joints(), p.loads()
	out.Closures, out.MoreClosed = p.closures()
	if r.Run.Status != history.Complete {
		out.Partial = p.say("run.status", p.say("status."+string(r.Run.Status)))
	}
	if r.Total.Open > 0 {
		out.Outside += " " + p.say("table.open", r.Total.Open)
	}
	for _, prog := range r.Programmes {
		out.Programmes = append(out.Programmes, p.programme(prog))
	}
	for _, a := range r.Agencies {
		if a.Tally.Listed == 0 {
			out.Empty = append(out.Empty, a.Name.In(p.l))
			continue
		}
		out.Agencies = append(out.Agencies, p.agency(a))
	}
	return out
}

// vantage names it, with the families that it had where these were tried.
func (p pager) vantage() string {
	if f := familiesOf(p.l, p.r.Run.Preflight); f != "" {
		return strings.TrimSpace(p.r.Run.Vantage + " (" + f + ")")
	}
	return p.r.Run.Vantage
}

func (p pager) facts() []fact {
	r := p.r.Run
	list := []fact{
		{p.say("fact.day"), dateText(p.l, p.r.Day)},
		{p.say("fact.run"), fmt.Sprintf("%d, %s – %s, %s", r.ID, moment(p.l, r.Started), moment(p.l, r.Finished), p.say("status."+string(r.Status)))},
		{p.say("col.vantage"), p.vantage()},
		{p.say("fact.tool"), r.Tool + "; " + p.say("run.rules", r.Rules, r.Judged)},
	}
	for _, s := range r.Sources {
		var parts []string
		if s.Count > 0 {
			parts = append(parts, p.say("fact.entries", s.Count))
		}
		if s.Hours == nil {
			parts = append(parts, p.say("fact.undated"))
		} else {
			parts = append(parts, moment(p.l, s.At), p.say("fact.age", decimal(p.l, *s.Hours)))
		}
		list = append(list, fact{p.say("fact.source") + " " + s.Name, strings.Join(parts, ", ")})
	}
	if len(r.Checks) > 0 {
		var parts []string
		for _, c := range r.Checks {
			parts = append(parts, p.say("check."+string(c)))
		}
		list = append(list, fact{p.say("fact.checks"), strings.Join(parts, ", ")})
	}
	return list
}

// summary is the page in a few sentences, for a reader who knows the plan and
// not the DNS.
func (p pager) summary() []string {
	t := p.r.Total
	if t.Listed == 0 {
		return []string{p.say("run.empty")}
	}
	list := []string{p.say("sum.counted", t.Listed, t.Counted, t.Measured)}
	for _, l := range []int{2, 3, 4} {
		list = append(list, p.say(fmt.Sprintf("sum.reached.%d", l), shareText(p.l, t.Reached[l], "service")))
	}
	for _, s := range []State{Behind, AtRisk} {
		var names []string
		for _, a := range p.r.Agencies {
			if a.State == s && a.Tally.Listed > 0 {
				names = append(names, a.Name.In(p.l))
			}
		}
		if n := len(names); n > 0 {
			more := ""
			if len(names) > maxNamed {
				names, more = names[:maxNamed], " …"
			}
			list = append(list, p.say("sum.agencies."+string(s), n, strings.Join(names, "; ")+more))
		}
	}
	if len(p.r.Blockers) > 0 && p.r.Blockers[0].Held > 0 {
		b := p.r.Blockers[0]
		list = append(list, p.say("sum.blocker", b.Title.In(p.l), worth(p.l, b), p.r.dir.owner(b.Owner, p.l)))
	}
	return list
}

func (p pager) levels() []levelView {
	var list []levelView
	t := p.r.Total
	for l := range TopLevel + 1 {
		list = append(list, levelView{l, LevelName(p.l, l), p.say(fmt.Sprintf("level.%d.long", l)), p.countOf(t.AtLevel[l], t.Measured)})
	}
	return list
}

// countOf is a number with its share, "3 of 9 (33.3%)".
func (p pager) countOf(n, of int) string {
	v, ok := percent(n, of)
	if !ok {
		return "–"
	}
	return p.say("n.share", n, of, percentText(p.l, v))
}

func (p pager) programme(prog Programme) programmeView {
	out := programmeView{Name: prog.Name.In(p.l), Source: prog.Source}
	for _, t := range prog.Targets {
		v := targetView{
			Name: t.Name.In(p.l), Clause: t.Clause, Source: t.Source, Wanted: "–", Goal: "–", Due: dateText(p.l, t.Due), Value: "–", N: p.say("unit."),
			Forecast: forecastText(p.l, t.Forecast), Sign: stateSigns[t.State], State: p.say("state." + string(t.State)), Class: string(t.State),
		}
		if t.Unit != "" {
			v.Value, v.N, _ = strings.Cut(shareText(p.l, t.Share, t.Unit), " (")
			v.N = strings.TrimSuffix(v.N, ")")
			v.Bar = newGoalBar(p.l, t)
		}
		switch {
		case t.Unit == "":
		case t.Gradual:
			v.Goal = p.say("target.gradual")
		default:
			v.Goal = percentText(p.l, t.Goal)
			v.Wanted = p.say("n.share", t.Wanted, t.Share.Total(), percentText(p.l, t.Required))
		}
		out.Targets = append(out.Targets, v)
	}
	return out
}

func (p pager) agency(a Agency) agencyView {
	t := a.Tally
	v := agencyView{
		ID: a.ID, Name: a.Name.In(p.l), N: fmt.Sprintf("%d/%d", t.Measured, t.Counted), Former: a.Former, Bar: newBar(p.l, t),
		DNSSEC: ratio(t.DNSSEC["secure"], t.Counted-t.DNSSEC["indeterminate"]), Routes: ratio(t.RPKI["valid"], t.Counted-t.RPKI["unknown"]),
		Sign: stateSigns[a.State], State: p.say("state." + string(a.State)), Class: string(a.State),
	}
	if len(a.Targets) == 0 {
		v.Sign, v.State, v.Class = "–", p.say("agency.notgt"), ""
	}
	for l := range TopLevel + 1 {
		v.Levels = append(v.Levels, whole(t.AtLevel[l], t.Measured))
	}
	return v
}
