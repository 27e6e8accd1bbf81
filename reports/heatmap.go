package reports

import (
	"fmt"
	"slices"
	"strings"

	"ready6/probes/verdict"
	"ready6/reports/draw"
)

// checkCount is what one check found in the services of an agency that it
// concerns, of in number.
type checkCount struct{ of, fail, warn, unknown int }

// byCheck counts, for each agency, the services with a fault, a warning or a gap
// in each check. Exempt services and those not applicable are left out.
func byCheck(r Report) (checks []verdict.Check, counts map[string]map[verdict.Check]checkCount) {
	seen := map[verdict.Check]bool{}
	counts = map[string]map[verdict.Check]checkCount{}
	for _, row := range r.Services {
		if row.IsExempt || !row.Judged.Applicable {
			continue
		}
		id := Clean(row.Judged.Agency)
		if counts[id] == nil {
			counts[id] = map[verdict.Check]checkCount{}
		}
		for _, c := range heatChecks {
			if concerns(c, row.Judged) {
				t := counts[id][c]
				t.of++
				counts[id][c] = t
			}
		}
		worst := map[verdict.Check]verdict.Outcome{}
		for _, f := range row.Judged.Findings {
			worst[f.Check] = verdict.Worst(worstOr(worst, f.Check), f.Outcome)
		}
		for check, o := range worst {
			seen[check] = true
			t := counts[id][check]
			switch o {
			case verdict.Fail:
				t.fail++
			case verdict.Warn:
				t.warn++
			case verdict.Unknown:
				t.unknown++
			}
			counts[id][check] = t
		}
	}
	for _, c := range heatChecks {
		if asked := len(r.Run.Checks) == 0 || slices.Contains(r.Run.Checks, c); asked || seen[c] {
			checks = append(checks, c)
		}
	}
	return checks, counts
}

// concerns reports whether a check has anything to look at in a service: without
// an IPv6 address there is nothing to reach over IPv6.
func concerns(c verdict.Check, s Service) bool {
	switch c {
	case verdict.Reach, verdict.Closure:
		return len(s.AAAA) > 0
	case verdict.Web:
		return len(s.AAAA) > 0 && s.Kind == "web"
	case verdict.Mail:
		return s.Kind == "mail"
	}
	return true
}

func worstOr(worst map[verdict.Check]verdict.Outcome, c verdict.Check) verdict.Outcome {
	if o, ok := worst[c]; ok {
		return o
	}
	return verdict.NotApplicable
}

// heatChecks are the columns of the map, in the order in which a service is built up.
var heatChecks = []verdict.Check{
	verdict.AAAA, verdict.Reach, verdict.Web, verdict.Mail, verdict.Closure, verdict.DNSSEC, verdict.Posture, verdict.RPKI,
}

const (
	heatRows = 30 // agencies in one picture
	maxHeat  = 6  // pictures
)

// heatMaps draws agencies against checks, those with most faults first: in each
// field how many of the agency's services have a fault. There are as many
// pictures as it takes, up to maxHeat; more says how many agencies are left.
func (p pager) heatMaps() (out []*draw.Canvas, more int) {
	checks, counts := byCheck(p.r)
	var list []Agency
	for _, a := range p.r.Agencies {
		if a.Tally.Counted > 0 && a.Until == "" {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b Agency) int {
		if d := slices.Index(byWorse, b.State) - slices.Index(byWorse, a.State); d != 0 {
			return d
		}
		return faults(counts[b.ID]) - faults(counts[a.ID])
	})
	pages := (len(list) + heatRows - 1) / heatRows
	for i := range min(pages, maxHeat) {
		part := list[i*heatRows : min(len(list), (i+1)*heatRows)]
		title := word(p.l, "chart.heat")
		if pages > 1 {
			title += fmt.Sprintf(" (%d/%d)", i+1, pages)
		}
		out = append(out, p.heatMap(title, part, checks, counts))
	}
	return out, max(0, len(list)-maxHeat*heatRows)
}

func faults(m map[verdict.Check]checkCount) (n int) {
	for _, t := range m {
		n += t.fail
	}
	return n
}

func (p pager) heatMap(title string, list []Agency, checks []verdict.Check, counts map[string]map[verdict.Check]checkCount) *draw.Canvas {
	const left, row, top = 250.0, 26.0, 82.0
	width := (720 - left - 12) / float64(max(len(checks), 1))
	c := &draw.Canvas{W: 720, H: top + row*float64(len(list)) + 40, Lang: string(p.l), Title: title}
	c.Rect(0, 0, c.W, c.H, 0, draw.Style{Fill: "#ffffff"})
	c.Text(12, 22, title, headType)
	head := draw.Type{Size: 11, Ink: inkText, Bold: true, Anchor: draw.Middle}
	for j, check := range checks {
		x := left + width*(float64(j)+0.5)
		lines := draw.Fold(p.heatHead(check), width-4, 3, head)
		for k, line := range lines {
			c.Text(x, top-10-13*float64(len(lines)-1-k), line, head)
		}
	}
	var desc []string
	for i, a := range list {
		y := top + row*float64(i)
		c.Text(12, y+17, draw.Fit(a.Name.In(p.l), left-24, plainType), plainType)
		for j, check := range checks {
			t := counts[a.ID][check]
			heatField(c, left+width*float64(j), y, width, row, t)
			if t.fail > 0 {
				desc = append(desc, fmt.Sprintf("%s, %s: %d/%d", a.Name.In(p.l), p.heatHead(check), t.fail, t.of))
			}
		}
	}
	p.heatLegend(c, c.H-24)
	c.Desc = strings.Join(desc, "; ")
	return c
}

func (p pager) heatHead(c verdict.Check) string { return word(p.l, "heat."+string(c)) }

// heatFills go from no fault to faults in every service; black text is
// readable on the first three, white on the last.
var heatFills = [4]string{"#fde0c5", "#f7a65a", "#dd6a1f", "#8c2f00"}

// heatField draws one field: the number of faulty services of those that count,
// darker for more; a hatched one could not be measured; a dot is no fault.
func heatField(c *draw.Canvas, x, y, w, h float64, t checkCount) {
	middle := draw.Type{Size: 12, Ink: inkText, Anchor: draw.Middle}
	edge := draw.Style{Fill: "#ffffff", Stroke: "#ffffff", Width: 1.5}
	switch {
	case t.fail > 0:
		step := min(3, 4*t.fail/(t.of+1))
		edge.Fill = heatFills[step]
		if middle.Bold = true; step >= 2 {
			middle.Ink = "#ffffff"
		}
		c.Rect(x, y, w, h, 0, edge)
		text := fmt.Sprintf("%d/%d", t.fail, t.of)
		if t.unknown > 0 {
			text += fmt.Sprintf(" ?%d", t.unknown)
		}
		c.Text(x+w/2, y+h/2+4, text, middle)
	case t.unknown > 0:
		c.Rect(x, y, w, h, 0, edge)
		c.Hatch(x+1, y+1, w-2, h-2, 7, draw.Style{Stroke: "#b5bcc4", Width: 0.8})
		middle.Halo = "#ffffff"
		c.Text(x+w/2, y+h/2+4, fmt.Sprintf("?%d", t.unknown), middle)
	case t.warn > 0:
		edge.Fill = "#f4f6f8"
		c.Rect(x, y, w, h, 0, edge)
		c.Text(x+w/2, y+h/2+4, fmt.Sprintf("!%d", t.warn), middle)
	case t.of == 0:
		c.Text(x+w/2, y+h/2+4, "–", middle)
	default:
		edge.Fill = "#f4f6f8"
		c.Rect(x, y, w, h, 0, edge)
		c.Circle(x+w/2, y+h/2, 1.8, draw.Style{Fill: "#8b949e"})
	}
}

func (p pager) heatLegend(c *draw.Canvas, y float64) {
	x := 12.0
	for i, key := range []string{"heat.fail", "heat.unknown", "heat.warn", "heat.none", "heat.na"} {
		t := []checkCount{{of: 5, fail: 2}, {of: 2, unknown: 2}, {of: 2, warn: 2}, {of: 1}, {}}[i]
		heatField(c, x, y, 36, 18, t)
		c.Text(x+41, y+13, word(p.l, key), small)
		x += 41 + draw.Width(word(p.l, key), small) + 12
	}
}
