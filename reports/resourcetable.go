package reports

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ready6/probes/verdict"
)

// topResources is how many findings on own blocks the terminal shows.
const topResources = 5

// stateSign marks a route-origin state without colour.
func (s Screen) stateSign(state string) string {
	switch state {
	case "valid":
		return s.sign(verdict.Pass)
	case "invalid":
		return s.sign(verdict.Fail)
	case "not-found":
		return s.sign(verdict.Warn)
	case "unrouted":
		return s.sign(verdict.NotApplicable)
	}
	return s.sign(verdict.Unknown)
}

// resources prints the own blocks and AS numbers: states in one line each, then
// what presses most.
func (v *tableView) resources() {
	var left []Resource
	measured := false
	for _, r := range v.r.Resources {
		if r.Kind == verdict.PrefixKind {
			left = append(left, r)
			measured = measured || r.State != "unknown"
		}
	}
	if len(v.r.Resources) == 0 {
		return
	}
	v.put("\n" + v.wrap("", "  ", v.paint(bold, v.say("resources"))))
	if !measured {
		v.put(v.wrap("  ? ", "    ", v.say("resources.unknown", len(v.r.Resources))))
		return
	}
	for _, r := range left {
		line := fmt.Sprintf("%s: %s", r.Resource, word(v.Lang, "rpki."+r.State))
		v.put(v.wrap("  "+v.stateSign(r.State)+" ", "    ", line+" · "+r.Name.In(v.Lang)))
	}
	n, more := 0, 0
	for _, sev := range []verdict.Severity{verdict.Critical, verdict.High, verdict.Medium} {
		for _, r := range v.r.Resources {
			for _, f := range r.Findings {
				switch {
				case f.Severity != sev:
				case n == topResources:
					more++
				default:
					n++
					v.pressing(f)
				}
			}
		}
	}
	if more > 0 {
		v.put(v.wrap("  ", "  ", v.say("resources.more", more)))
	}
}

func (v *tableView) pressing(f ResourceFinding) {
	v.put(v.wrap("  "+v.sign(f.Outcome)+" ", "    ", word(v.Lang, "severity."+f.Severity.String())+": "+f.Title.In(v.Lang)))
	if a := f.Advice.In(v.Lang); a != "" {
		v.put(v.wrap("    ", "    ", v.say("svc.mend", a)))
	}
}

// hosting prints who announces the services' addresses, and one finding for each
// network that has something to mend.
func (v *tableView) hosting() {
	known := false
	for _, h := range v.r.Hosting {
		known = known || h.AS != ""
	}
	if !known { // without route data there is nothing to sum up; the gaps say so
		return
	}
	v.put("\n" + v.wrap("", "  ", v.paint(bold, v.say("hosting"))))
	grid := v.fit(v.hostGrid)
	if widest(grid) > v.width() {
		grid = ""
		for _, h := range v.r.Hosting {
			grid += v.paragraph(v.hostHead(), v.hostRow(h))
		}
	}
	v.put(grid)
	for _, h := range v.r.Hosting {
		for _, f := range h.Findings {
			v.put(v.wrap("  "+v.sign(f.Outcome)+" ", "    ", f.Title.In(v.Lang)))
			v.put(v.wrap("    ", "      ", v.say("svc.owner", v.r.dir.owner(f.Owner, v.Lang))))
		}
	}
}

func (v *tableView) hostGrid(name int) string {
	t := plainTable(v.width())
	configs := []table.ColumnConfig{{Number: 1, WidthMax: name, WidthMaxEnforcer: text.WrapSoft}}
	for i := range rpkiOrder {
		configs = append(configs, table.ColumnConfig{Number: i + 3, WidthMax: 9, WidthMaxEnforcer: text.WrapSoft, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(append(configs, table.ColumnConfig{Number: 2, Align: text.AlignRight, AlignHeader: text.AlignRight}))
	t.AppendHeader(v.hostHead())
	for _, h := range v.r.Hosting {
		t.AppendRow(v.hostRow(h))
	}
	return t.Render() + "\n"
}

func (v *tableView) hostHead() table.Row {
	head := table.Row{v.say("col.network"), v.say("col.n")}
	for _, s := range rpkiOrder {
		head = append(head, word(v.Lang, "rpki."+s))
	}
	return head
}

func (v *tableView) hostRow(h Hosting) table.Row {
	row := table.Row{hostName(v.Lang, h), h.Services}
	for _, s := range rpkiOrder {
		row = append(row, h.States[s])
	}
	return row
}

// hostName says whose network it is, and whether the addresses are one's own.
func hostName(l verdict.Lang, h Hosting) string {
	name := h.Name.In(l)
	if h.Own {
		name += " · " + word(l, "hosting.own")
	}
	return name
}
