package reports

import (
	"fmt"
	"slices"
	"strings"

	"ready6/reports/draw"
)

// maxColumns bounds the nights that a stack shows.
const maxColumns = 400

// ladderStack draws how many services stood at each level, night by night. It is
// nil without two nights to compare.
func (p pager) ladderStack() *draw.Canvas {
	nights := p.stackNights()
	if len(nights) < 2 {
		return nil
	}
	from, to := asDay(nights[0].Day), asDay(nights[len(nights)-1].Day)
	if !to.After(from) {
		return nil
	}
	f := newPlot(p.l, word(p.l, "chart.stack"), from, to)
	day := f.width / (to.Sub(from).Hours()/24 + 1) // the last night has its own
	f.width -= day
	f.axes()
	last := nights[len(nights)-1]
	f.Desc = p.stackWords(last)
	f.columns(nights, day)
	labels := &sideLabels{f: f, at: f.left + f.width + day + 10}
	f.eachPart(last, func(part int, low, high float64, count int) {
		ink := inkText
		labels.add((f.y(low)+f.y(high))/2, ink, fmt.Sprintf(word(p.l, "chart.level"), p.partName(part), count))
	})
	labels.write()
	return f.Canvas
}

// stackNights are the nights that a stack shows: all, or of many only some, the
// last among them. Of an earlier night that could not tell, none of the levels
// is shown as measured.
func (p pager) stackNights() []Night {
	list := slices.Clone(p.r.Nights)
	for i := range list[:max(0, len(list)-1)] {
		if n := &list[i]; n.Blind {
			n.AtLevel, n.Unknown = [TopLevel + 1]int{}, n.Counted
		}
	}
	if len(list) <= maxColumns {
		return list
	}
	out := make([]Night, maxColumns)
	for i := range out {
		out[i] = list[i*(len(list)-1)/(maxColumns-1)]
	}
	return out
}

// eachPart goes through a night's parts from below: the highest level first,
// then the others, then what was not measured (part -1). low and high are
// percent of what counts.
func (f *plot) eachPart(n Night, each func(part int, low, high float64, count int)) {
	if n.Counted == 0 {
		return
	}
	low := 0.0
	add := func(part, count int) {
		if count == 0 {
			return
		}
		high := low + 100*float64(count)/float64(n.Counted)
		each(part, low, high, count)
		low = high
	}
	for level := TopLevel; level >= 0; level-- {
		add(level, n.AtLevel[level])
	}
	add(-1, n.Unknown)
}

// columns draws the nights, each up to the next one; nights that are alike are
// one column, and days without a night are left empty.
func (f *plot) columns(nights []Night, day float64) {
	for i := 0; i < len(nights); {
		n, first := nights[i], nights[i]
		end := f.x(asDay(n.Day)) + day
		for i++; i < len(nights); i++ {
			next := f.x(asDay(nights[i].Day))
			if asDay(nights[i].Day).Sub(asDay(n.Day)) > maxGap {
				break
			}
			if end = next; nights[i].AtLevel != first.AtLevel || nights[i].Unknown != first.Unknown {
				break
			}
			n = nights[i]
			end = next + day
		}
		x := f.x(asDay(first.Day))
		f.eachPart(first, func(part int, low, high float64, count int) {
			levelBox(f.Canvas, part, x, f.y(high), end-x, f.y(low)-f.y(high))
		})
	}
}

// levelBox draws a part of a stack in the colour and hatching of its level.
func levelBox(c *draw.Canvas, part int, x, y, w, h float64) {
	switch part {
	case -1:
		c.Rect(x, y, w, h, 0, draw.Style{Fill: "#ffffff", Stroke: "#8b949e", Width: 0.6})
		c.Hatch(x, y, w, h, 7, draw.Style{Stroke: "#8b949e", Width: 0.8})
		return
	case 0:
		c.Rect(x, y, w, h, 0, draw.Style{Fill: levelFills[0]})
		c.Hatch(x, y, w, h, 5, draw.Style{Stroke: "#ffffff", Width: 0.9})
	case 1:
		c.Rect(x, y, w, h, 0, draw.Style{Fill: levelFills[1]})
		c.Hatch(x, y, w, h, -6, draw.Style{Stroke: "#6b4a10", Width: 0.7})
	default:
		c.Rect(x, y, w, h, 0, draw.Style{Fill: levelFills[part]})
	}
	c.Line(x, y, x+w, y, draw.Style{Stroke: "#ffffff", Width: 1.2})
}

func (p pager) partName(part int) string {
	if part < 0 {
		return word(p.l, "level.unknown")
	}
	return fmt.Sprintf(word(p.l, "col.level"), part) + " " + LevelName(p.l, part)
}

func (p pager) stackWords(n Night) string {
	var parts []string
	for level := range TopLevel + 1 {
		parts = append(parts, fmt.Sprintf("%s: %d", p.partName(level), n.AtLevel[level]))
	}
	return dateText(p.l, n.Day) + " · " + strings.Join(append(parts, fmt.Sprintf("%s: %d", p.partName(-1), n.Unknown)), ", ")
}

// blockerBars draws the causes that lift most services: a full bar for those
// that rise when the cause alone is mended, a hatched one for those it holds
// back beside others. It is nil where nothing holds a service back.
func (p pager) blockerBars() *draw.Canvas {
	var list []Cause
	for _, c := range p.r.Blockers {
		if c.Held > 0 || c.Lifted > 0 {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	list = list[:min(len(list), maxBlockerBars)]
	const row, left, width = 50.0, 330.0, 330.0
	c := &draw.Canvas{W: 720, H: 78 + row*float64(len(list)), Lang: string(p.l), Title: word(p.l, "chart.blockers")}
	c.Rect(0, 0, c.W, c.H, 0, draw.Style{Fill: "#ffffff"})
	c.Text(12, 22, c.Title, headType)
	most := 1
	for _, b := range list {
		most = max(most, b.Held, b.Lifted)
	}
	full := draw.Style{Fill: inkValue}
	c.Rect(12, 34, 14, 12, 0, full)
	c.Text(31, 44, word(p.l, "chart.lifted"), small)
	x := 31 + draw.Width(word(p.l, "chart.lifted"), small) + 18
	c.Rect(x, 34, 14, 12, 0, draw.Style{Fill: "#ffffff", Stroke: inkValue})
	c.Hatch(x, 34, 14, 12, 4, draw.Style{Stroke: inkValue})
	c.Text(x+19, 44, word(p.l, "chart.held"), small)
	var desc []string
	for i, b := range list {
		y := 62 + row*float64(i)
		title := p.plainOf(b)
		for j, line := range draw.Fold(fmt.Sprintf("%d. %s", i+1, title), left-24, 2, plainType) {
			c.Text(12, y+12+14*float64(j), line, plainType)
		}
		owner := p.r.dir.owner(b.Owner, p.l)
		c.Text(12, y+41, draw.Fit("→ "+owner, left-24, small), small)
		lifted, held := width*float64(b.Lifted)/float64(most), width*float64(b.Held)/float64(most)
		if b.Lifted > 0 {
			c.Rect(left, y+4, lifted, 22, 0, full)
		}
		if held > lifted {
			c.Rect(left+lifted, y+4, held-lifted, 22, 0, draw.Style{Fill: "#ffffff", Stroke: inkValue})
			c.Hatch(left+lifted, y+4, held-lifted, 22, 5, draw.Style{Stroke: inkValue})
		}
		count := fmt.Sprintf("%d", b.Lifted)
		if b.Held > b.Lifted {
			count = fmt.Sprintf("%d / %d", b.Lifted, b.Held)
		}
		c.Text(left+max(lifted, held)+7, y+20, count, boldType)
		desc = append(desc, fmt.Sprintf("%s: %s", title, count))
	}
	c.Desc = strings.Join(desc, "; ")
	return c
}

// maxBlockerBars bounds the causes of a picture.
const maxBlockerBars = 10

// plainOf words a blocker for somebody who knows no DNS: what is wrong, and with
// what.
func (p pager) plainOf(c Cause) string {
	return upperFirst(plainly(c.Code, c.Title).In(p.l)) + ": " + c.Subject
}
