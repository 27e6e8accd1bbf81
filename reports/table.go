package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// topCauses is how many blockers the terminal shows.
const topCauses = 3

// WriteTable prints a report for a terminal: what the vantage could not do, one
// row per agency, the plan's targets, and the causes that hold back most
// services.
func WriteTable(w io.Writer, r Report, sc Screen) error {
	v := tableView{printer{w: w}, r, sc}
	v.title()
	if r.Total.Listed == 0 {
		v.put(v.wrap("", "", v.say("run.empty")))
		return v.err
	}
	if r.Skipped > 0 {
		v.put(v.wrap("! ", "  ", v.say("plain.skipped", r.Skipped)))
	}
	v.put("\n")
	v.agencies()
	v.targets()
	v.causes("blockers", r.Blockers)
	v.owners(r.Owners)
	if r.Total.Unknown > 0 || r.Total.Open > 0 {
		v.causes("gaps", r.Gaps)
	}
	v.resources()
	v.hosting()
	return v.err
}

// WriteFiles lists the files that a scan has left.
func WriteFiles(w io.Writer, paths []string, sc Screen) error {
	v := tableView{printer: printer{w: w}, Screen: sc}
	v.put("\n" + v.wrap("", "  ", v.say("run.files")))
	for _, p := range paths {
		v.put("  " + Clean(p) + "\n")
	}
	return v.err
}

type tableView struct {
	printer
	r Report
	Screen
}

func (v *tableView) title() {
	r := v.r.Run
	s := v.say("run.title", r.ID, moment(v.Lang, r.Started), r.Vantage)
	if f := familiesOf(v.Lang, r.Preflight); f != "" {
		s += " (" + f + ")"
	}
	v.put(v.wrap("", "  ", v.paint(bold, s)))
	if r.Status != history.Complete {
		v.put(v.wrap("! ", "  ", v.paint(red, v.say("run.status", word(v.Lang, "status."+string(r.Status))))))
	}
	if len(r.Trouble) == 0 {
		return
	}
	v.put(v.wrap("! ", "  ", v.paint(red, v.say("run.trouble"))))
	for _, f := range r.Trouble {
		v.put(v.wrap("  "+v.sign(f.Outcome)+" ", "    ", f.Title.In(v.Lang)))
		if a := f.Advice.In(v.Lang); a != "" {
			v.put(v.wrap("    ", "    ", v.say("svc.mend", a)))
		}
	}
}

// familiesOf says which address families the vantage had, from its findings.
func familiesOf(l verdict.Lang, preflight []Finding) string {
	results := make([]verdict.Result, len(preflight))
	for i, f := range preflight {
		results[i] = verdict.Result{Reason: f.Code, Subject: f.Subject}
	}
	return families(l, results)
}

func (v *tableView) agencies() {
	var empty []string
	for _, a := range v.r.Agencies {
		if a.Tally.Listed == 0 {
			empty = append(empty, a.Name.In(v.Lang))
		}
	}
	grid := v.fit(v.grid)
	if widest(grid) > v.width() {
		grid = v.stacked()
	}
	v.put(grid)
	v.legend()
	if len(empty) > 0 {
		v.put(v.wrap("", "  ", v.say("agency.empty", len(empty), strings.Join(empty, "; "))))
	}
}

// grid draws the table with names wrapped at a number of columns.
func (v *tableView) grid(name int) string {
	t := plainTable(v.width())
	configs := []table.ColumnConfig{{Number: 1, WidthMax: name, WidthMaxEnforcer: text.WrapSoft}}
	for i := 2; i <= 2+TopLevel+3; i++ {
		configs = append(configs, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	state := 17
	if v.width() >= roomy {
		state = 2 * state
	}
	configs = append(configs, table.ColumnConfig{Number: len(configs) + 1, WidthMax: state, WidthMaxEnforcer: text.WrapSoft})
	t.SetColumnConfigs(configs)
	t.AppendHeader(v.head())
	for _, a := range v.r.Agencies {
		if a.Tally.Listed == 0 {
			continue
		}
		t.AppendRow(v.row(v.label(a), a.Tally, v.state(a)))
	}
	t.AppendFooter(v.row(v.say("all"), v.r.Total, ""))
	return t.Render() + "\n"
}

// stacked is the table for a screen that is too narrow for one.
func (v *tableView) stacked() string {
	var b strings.Builder
	for _, a := range v.r.Agencies {
		if a.Tally.Listed > 0 {
			b.WriteString(v.paragraph(v.head(), v.row(v.label(a), a.Tally, v.state(a))))
		}
	}
	b.WriteString(v.paragraph(v.head(), v.row(v.say("all"), v.r.Total, "")))
	return b.String()
}

// paragraph is a row of a table as text: its first cell, then each of the others
// after its head.
func (sc Screen) paragraph(heads, row table.Row) string {
	var parts []string
	for i, cell := range row {
		if s := fmt.Sprint(cell); i > 0 && s != "" {
			parts = append(parts, fmt.Sprintf("%s: %s", heads[i], s))
		}
	}
	return sc.wrap("", "", sc.paint(bold, fmt.Sprint(row[0]))) + sc.wrap("  ", "  ", strings.Join(parts, "; "))
}

// label is an agency's name, with a word about those that are no more.
func (v *tableView) label(a Agency) string {
	if a.Former {
		return a.Name.In(v.Lang) + " (" + v.say("agency.former") + ")"
	}
	return a.Name.In(v.Lang)
}

// fit draws a table whose one wrapping column gets what the screen leaves over,
// but never less than twelve columns.
func (sc Screen) fit(draw func(int) string) string {
	const least = 12
	room := sc.width()
	s := draw(room)
	for room > least {
		over := widest(s) - sc.width()
		if over <= 0 {
			break
		}
		room = max(least, min(room-1, room-over))
		s = draw(room)
	}
	return s
}

// widest is the length of the longest line, in columns.
func widest(s string) int {
	n := 0
	for line := range strings.Lines(s) {
		n = max(n, columns(strings.TrimRight(line, "\n")))
	}
	return n
}

// roomy is the width in columns from which a table need not be tight.
const roomy = 100

// plainTable is a table without frames, with headers as they are written and
// narrower gaps on a narrow screen.
func plainTable(width int) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Box = table.StyleBoxDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	if width < roomy {
		style.Box.PaddingRight = " "
	}
	style.Box.MiddleHorizontal, style.Box.MiddleSeparator, style.Box.MiddleVertical = "─", "─", ""
	style.Format = table.FormatOptions{Header: text.FormatDefault, Footer: text.FormatDefault, Row: text.FormatDefault}
	style.Options = table.Options{SeparateHeader: true, SeparateFooter: true}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}

func (v *tableView) head() table.Row {
	head := table.Row{v.say("col.agency"), v.say("col.n")}
	for l := range TopLevel + 1 {
		head = append(head, v.say("col.level", l))
	}
	return append(head, v.say("col.dnssec"), v.say("col.routes"), v.say("col.target"))
}

func (v *tableView) row(name string, t Tally, state string) table.Row {
	row := table.Row{name, fmt.Sprintf("%d/%d", t.Measured, t.Counted)}
	for l := range TopLevel + 1 {
		row = append(row, whole(t.AtLevel[l], t.Measured))
	}
	known := t.Counted - t.DNSSEC["indeterminate"]
	routed := t.Counted - t.RPKI["unknown"]
	return append(row, ratio(t.DNSSEC["secure"], known), ratio(t.RPKI["valid"], routed), state)
}

// whole is a share as a whole percentage; its n stands in the same row. A share
// that is not 0 or all never reads as 0 or 100.
func whole(n, of int) string {
	p, ok := percent(n, of)
	switch {
	case !ok:
		return "–"
	case n > 0 && p < 1:
		return "<1%"
	case n < of && p > 99:
		return ">99%"
	}
	return strconv.Itoa(int(p+0.5)) + "%"
}

func ratio(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", n, of)
}

// stateSigns tell states apart without colour.
var stateSigns = map[State]string{Met: "✓", OnTrack: "↗", AtRisk: "!", Behind: "✗", Progress: "…", Unclear: "?", NotMeasured: "–"}

func (v *tableView) state(a Agency) string {
	if len(a.Targets) == 0 {
		return "– " + v.say("agency.notgt")
	}
	return v.stateWord(a.State)
}

func (sc Screen) stateWord(s State) string {
	label := stateSigns[s] + " " + word(sc.Lang, "state."+string(s))
	switch s {
	case Met, OnTrack:
		return sc.paint(green, label)
	case AtRisk, Unclear:
		return sc.paint(yellow, label)
	case Behind:
		return sc.paint(red, label)
	}
	return label
}

func (v *tableView) legend() {
	var levels []string
	for l := range TopLevel + 1 {
		levels = append(levels, v.say("col.level", l)+" "+LevelName(v.Lang, l))
	}
	t := v.r.Total
	v.put(v.wrap("", "", v.say("table.legend", strings.Join(levels, ", "))))
	v.put(v.wrap("", "", v.say("table.legend2")+" "+v.say("table.outside", t.Unknown, t.Exempt, t.NotApplicable)))
	if t.Open > 0 {
		v.put(v.wrap("", "", v.say("table.open", t.Open)))
	}
}

func (v *tableView) targets() {
	for _, p := range v.r.Programmes {
		v.put("\n" + v.wrap("", "  ", v.paint(bold, v.say("targets")+": "+p.Name.In(v.Lang))))
		for _, t := range p.Targets {
			v.put(v.wrap("  ", "    ", v.stateWord(t.State)+" · "+t.Name.In(v.Lang)+": "+targetLine(v.Lang, t)))
		}
	}
}

// targetLine is a target in one line: value with its n, what is wanted, due day
// and forecast.
func targetLine(l verdict.Lang, t Target) string {
	if t.Unit == "" {
		return word(l, "unit.")
	}
	parts := []string{shareText(l, t.Share, t.Unit)}
	if t.Gradual {
		parts = append(parts, word(l, "target.gradual"))
	} else {
		parts = append(parts,
			wantedText(l, t),
			fmt.Sprintf(word(l, "target.due"), percentText(l, t.Goal), dateText(l, t.Due)))
	}
	if f := forecastText(l, t.Forecast); t.Forecast.State != "met" && t.Forecast.State != "not-applicable" {
		parts = append(parts, strings.ToLower(word(l, "col.forecast"))+": "+f)
	}
	return strings.Join(parts, "; ")
}

// wantedText is what the milestones want on the day, in whole things.
func wantedText(l verdict.Lang, t Target) string {
	return fmt.Sprintf(word(l, "target.wanted"), percentText(l, t.Required), t.Wanted, t.Share.Total())
}

// shareText is a percentage with its n, and everything outside it.
func shareText(l verdict.Lang, s Share, unit string) string {
	v, ok := s.Percent()
	head := "–"
	if ok {
		head = percentText(l, v)
	}
	n := []string{fmt.Sprintf(word(l, "n.of"), s.Measured(), s.Total(), word(l, "unit."+unit))}
	for _, x := range []struct {
		key string
		n   int
	}{{"n.unknown", s.Unknown}, {"n.exempt", s.Exempt}, {"n.na", s.NotApplicable}, {"n.empty", s.Empty}} {
		if x.n > 0 {
			n = append(n, fmt.Sprintf(word(l, x.key), x.n))
		}
	}
	return head + " (" + strings.Join(n, ", ") + ")"
}

func (v *tableView) causes(key string, list []Cause) {
	v.put("\n" + v.wrap("", "  ", v.paint(bold, v.say(key))))
	if len(list) == 0 {
		v.put(v.wrap("  ", "  ", v.say("blockers.none")))
		return
	}
	for i, c := range list {
		if i == topCauses {
			v.put(v.wrap("  ", "  ", v.say("blockers.more", len(list)-i)))
			return
		}
		v.put(v.wrap(fmt.Sprintf("  %d. %s ", i+1, v.sign(c.Outcome)), "     ", c.Title.In(v.Lang)))
		v.put(v.wrap("     ", "       ", worth(v.Lang, c)))
		if c.Owner.Role != "" {
			v.put(v.wrap("     ", "       ", v.say("svc.owner", v.r.dir.owner(c.Owner, v.Lang))))
		}
	}
}

// owners says what each has in his hands, by the numbers of the causes above.
func (v *tableView) owners(list []Load) {
	if len(list) == 0 {
		return
	}
	v.put("\n" + v.wrap("", "  ", v.paint(bold, v.say("load.title"))))
	for i, o := range list {
		if i == topCauses {
			v.put(v.wrap("  ", "  ", v.say("load.more", len(list)-i)))
			return
		}
		v.put(v.wrap("  - ", "    ", v.say("load.line", v.r.dir.owner(o.Owner, v.Lang), numbers(o.Causes), o.Held, o.Lifted)))
	}
}

// worth says how many services a cause holds back and what mending it brings.
func worth(l verdict.Lang, c Cause) string {
	held := "cause.held"
	n := c.Held
	switch {
	case n == 0:
		held, n = "cause.affects", len(c.Victims)
	case c.Outcome == verdict.Unknown:
		held = "cause.open"
	}
	parts := []string{fmt.Sprintf(word(l, held), n), fmt.Sprintf(word(l, "cause.agencies"), c.Agencies)}
	var rises []string
	for _, x := range c.Lifts {
		rises = append(rises, fmt.Sprintf(word(l, "cause.rise"), x.Count, x.From, x.To))
	}
	switch {
	case len(rises) > 0:
		parts = append(parts, fmt.Sprintf(word(l, "cause.lift"), strings.Join(rises, ", ")))
	case c.Outcome == verdict.Fail && c.Held > 0:
		parts = append(parts, word(l, "cause.nolift"))
	}
	return strings.Join(parts, "; ")
}
