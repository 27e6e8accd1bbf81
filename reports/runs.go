package reports

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// WriteRuns prints a list of runs, in the order given.
func WriteRuns(w io.Writer, runs []history.Header, sc Screen) error {
	p := printer{w: w}
	if len(runs) == 0 {
		p.put(sc.wrap("", "", sc.say("history.none")))
		return p.err
	}
	p.put(sc.fit(func(room int) string { return sc.runsGrid(runs, room) }))
	for _, h := range runs {
		for _, why := range h.Withheld {
			p.put(sc.wrap("! ", "  ", sc.say("history.withheld", h.ID, Clean(why.Title(sc.Lang)), moment(sc.Lang, why.At))))
		}
	}
	return p.err
}

// runsGrid draws the list with the vantage's name wrapped at room columns.
func (sc Screen) runsGrid(runs []history.Header, room int) string {
	t := plainTable(sc.width())
	t.AppendHeader(table.Row{"#", sc.say("col.started"), sc.say("col.took"), sc.say("col.status"), sc.say("col.services"), sc.say("col.rules"), sc.say("col.vantage")})
	right := func(n int) table.ColumnConfig {
		return table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	t.SetColumnConfigs([]table.ColumnConfig{
		right(1), right(3), right(5), right(6), {Number: 4, WidthMax: 16, WidthMaxEnforcer: text.WrapSoft},
		{Number: 7, WidthMax: room, WidthMaxEnforcer: text.WrapSoft},
	})
	for _, h := range runs {
		services := fmt.Sprint(h.Services)
		if h.Planned > h.Services {
			services += fmt.Sprintf("/%d", h.Planned)
		}
		t.AppendRow(table.Row{h.ID, moment(sc.Lang, h.Started), took(sc.Lang, h), sc.statusWord(h.Status), services, h.Rules, Clean(h.Vantage)})
	}
	return t.Render() + "\n"
}

func took(l verdict.Lang, h history.Header) string {
	d := h.Finished.Sub(h.Started)
	switch {
	case h.Finished.IsZero() || d < 0:
		return "–"
	case d < time.Minute:
		return fmt.Sprintf(word(l, "svc.took"), decimal(l, d.Seconds()))
	}
	return span(l, d)
}

func (sc Screen) statusWord(s history.Status) string {
	label := word(sc.Lang, "status."+string(s))
	switch s {
	case history.Complete:
		return sc.paint(green, label)
	case history.Interrupted, history.Crashed, history.Withheld:
		return sc.paint(red, "! "+label)
	}
	return label
}

// WriteDiff prints what changed between two runs, service by service.
func WriteDiff(w io.Writer, before, after history.Header, diff []history.Change, sc Screen) error {
	p := printer{w: w}
	p.put(sc.wrap("", "  ", sc.paint(bold, sc.say("diff.title",
		before.ID, moment(sc.Lang, before.Started), word(sc.Lang, "status."+string(before.Status)),
		after.ID, moment(sc.Lang, after.Started), word(sc.Lang, "status."+string(after.Status))))))
	if before.Rules != after.Rules {
		p.put(sc.wrap("! ", "  ", sc.say("diff.rules", before.Rules, after.Rules, verdict.RulesVersion)))
	}
	for _, h := range []history.Header{before, after} {
		if h.Status != history.Complete {
			p.put(sc.wrap("! ", "  ", sc.say("diff.partial", h.ID, word(sc.Lang, "status."+string(h.Status)))))
		}
	}
	c := group(before, diff)
	if len(c.Services) == 0 {
		p.put(sc.wrap("", "", sc.say("diff.same")))
		return p.err
	}
	p.put(sc.wrap("", "  ", classCounts(sc.Lang, c)))
	for _, s := range c.Services {
		p.put("\n" + sc.wrap("", "  ", sc.paint(bold, strings.Join(nonEmpty(s.Host, serviceName(s.Service, s.Port), s.Agency), " · "))))
		for _, ch := range s.Checks {
			p.put(sc.wrap("  "+sc.classSign(ch.Class)+" ", "    ", changeText(sc.Lang, ch)))
		}
	}
	return p.err
}

// classes is the order in which kinds of change are counted.
var classes = []history.Class{
	history.Regressed, history.Improved, history.Changed, history.Lost, history.Found, history.Added, history.Removed,
}

func classCounts(l verdict.Lang, c *Changes) string {
	var parts []string
	for _, class := range classes {
		if n := c.Count[class]; n > 0 {
			parts = append(parts, fmt.Sprintf(word(l, "diff.count"), class.Text().In(l), n))
		}
	}
	return strings.Join(parts, "; ")
}

func (sc Screen) classSign(c history.Class) string {
	switch c {
	case history.Improved:
		return sc.paint(green, "▲")
	case history.Regressed:
		return sc.paint(red, "▼")
	case history.Lost:
		return sc.paint(yellow, "?")
	case history.Found:
		return "="
	case history.Added:
		return "+"
	case history.Removed:
		return "-"
	}
	return "~"
}

// changeText is one changed check: what it is, which way it went, and the
// reason codes before and after that are not the same in both.
func changeText(l verdict.Lang, ch CheckChange) string {
	if ch.Check == "" {
		return ch.Class.Text().In(l)
	}
	was, is := without(ch.Before, ch.After), without(ch.After, ch.Before)
	if len(was) == 0 && len(is) == 0 {
		was, is = ch.Before, ch.After
	}
	return word(l, "check."+string(ch.Check)) + ": " + ch.Class.Text().In(l) + ": " + codeList(l, was) + " → " + codeList(l, is)
}

func without(list, other []verdict.Reason) (out []verdict.Reason) {
	for _, r := range list {
		found := false
		for _, o := range other {
			found = found || o == r
		}
		if !found {
			out = append(out, r)
		}
	}
	return out
}

func codeList(l verdict.Lang, list []verdict.Reason) string {
	if len(list) == 0 {
		return word(l, "diff.nothing")
	}
	var parts []string
	for _, r := range list {
		parts = append(parts, Clean(string(r)))
	}
	return strings.Join(parts, ", ")
}

func serviceName(kind string, port uint16) string {
	if port == 0 {
		return kind
	}
	return fmt.Sprintf("%s %d", kind, port)
}

func nonEmpty(list ...string) (out []string) {
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
