package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ready6/probes/verdict"
	"ready6/reports/draw"
)

// Pictures of a report are drawn here for every format: as SVG in pages, as PNG
// in documents. Lines differ in form and areas in hatching, not in colour alone;
// the colours are those that Okabe and Ito chose for eyes that miss some.
const (
	inkText  = "#1b1f24"
	inkSoft  = "#57606a"
	inkGrid  = "#d9dee3"
	inkValue = "#0072B2" // what was measured
	inkWant  = "#D55E00" // what the plan wants
)

var (
	levelFills = [TopLevel + 1]string{"#b8452b", "#e8b566", "#a9cde4", "#5b9ecf", "#1a4a86"}
	small      = draw.Type{Size: 11, Ink: inkSoft}
	plainType  = draw.Type{Size: 12, Ink: inkText}
	boldType   = draw.Type{Size: 12, Ink: inkText, Bold: true}
	headType   = draw.Type{Size: 14, Ink: inkText, Bold: true}
)

// plot is the field of a chart over time: days to the right, percent upwards.
type plot struct {
	*draw.Canvas
	l                        verdict.Lang
	left, top, width, height float64
	from, to                 time.Time
}

func newPlot(l verdict.Lang, title string, from, to time.Time) *plot {
	f := &plot{Canvas: &draw.Canvas{W: 720, H: 320, Lang: string(l), Title: title}, l: l, left: 48, width: 490, from: from, to: to}
	f.Rect(0, 0, f.W, f.H, 0, draw.Style{Fill: "#ffffff"})
	y := 22.0
	for _, line := range draw.Fold(title, f.W-24, 2, headType) {
		f.Text(12, y, line, headType)
		y += 19
	}
	f.top = y + 8
	f.height = f.H - f.top - 34
	return f
}

func (f *plot) x(t time.Time) float64 {
	return f.left + f.width*float64(t.Sub(f.from))/float64(max(f.to.Sub(f.from), 1))
}
func (f *plot) y(percent float64) float64 { return f.top + f.height*(1-percent/100) }

// axes draws the percent lines and the dates below.
func (f *plot) axes() {
	for p := 0; p <= 100; p += 25 {
		y := f.y(float64(p))
		f.Line(f.left, y, f.left+f.width, y, draw.Style{Stroke: inkGrid})
		right := small
		right.Anchor = draw.End
		f.Text(f.left-6, y+4, fmt.Sprintf("%d%%", p), right)
	}
	for _, t := range ticks(f.from, f.to) {
		x := f.x(t.at)
		f.Line(x, f.y(0), x, f.y(0)+5, draw.Style{Stroke: inkSoft})
		middle := small
		middle.Anchor = draw.Middle
		f.Text(min(max(x, f.left+14), f.left+f.width-8), f.y(0)+18, t.name, middle)
	}
}

type tick struct {
	at   time.Time
	name string
}

// ticks are the days that a time axis names: years, quarters, months or days,
// some eight of them at most.
func ticks(from, to time.Time) (out []tick) {
	days := to.Sub(from).Hours() / 24
	months := 1
	switch {
	case days > 1500:
		months = 12 * int(math.Ceil(days/365/8))
	case days > 700:
		months = 6
	case days > 250:
		months = 3
	case days < 45:
		step := max(1, int(math.Ceil(days/7)))
		for t := from; !t.After(to); t = t.AddDate(0, 0, step) {
			out = append(out, tick{t, t.Format("02/01")})
		}
		return out
	}
	first := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, from.Location())
	if months >= 3 {
		first = time.Date(from.Year(), time.January, 1, 0, 0, 0, 0, from.Location())
	}
	for t := first; !t.After(to); t = t.AddDate(0, months, 0) {
		if t.Before(from) {
			continue
		}
		name := t.Format("01/2006")
		if months >= 12 {
			name = t.Format("2006")
		}
		out = append(out, tick{t, name})
	}
	return out
}

// asDay reads a day of the report, the zero time if there is none.
func asDay(iso string) time.Time {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return time.Time{}
	}
	return t
}

// trajectory draws where a target stands against the line that the plan wants:
// what was measured, the milestones, the goal, and the forecast with its
// interval. It is nil for a target that cannot be measured.
func (p pager) trajectory(t Target) *draw.Canvas {
	now := asDay(p.r.Day)
	if t.Unit == "" || t.Share.Measured() == 0 {
		return nil
	}
	from, to := p.spanOfTarget(t, now)
	f := newPlot(p.l, t.Name.In(p.l), from, to)
	f.Desc = shareText(p.l, t.Share, t.Unit)
	if !t.Gradual {
		f.Desc += "; " + wantedText(p.l, t)
	}
	f.axes()
	x := f.x(now)
	f.Line(x, f.top-4, x, f.y(0), draw.Style{Stroke: inkSoft, Dash: []float64{2, 3}})
	labels := &sideLabels{f: f, at: f.left + f.width + 10}
	if !t.Gradual {
		f.wanted(t, labels)
	}
	f.forecast(t, now, labels)
	f.measured(t, now, labels)
	labels.write()
	end := small
	end.Anchor = draw.Middle
	f.Text(x, f.top-7, dateText(p.l, p.r.Day), end)
	return f.Canvas
}

// spanOfTarget is the time that a trajectory shows.
func (p pager) spanOfTarget(t Target, now time.Time) (from, to time.Time) {
	from, to = now.AddDate(0, -1, 0), now.AddDate(0, 1, 0)
	if len(t.Past) > 0 {
		from = asDay(t.Past[0].Day)
	}
	for _, m := range t.Milestones {
		if d := asDay(m.Day); !d.IsZero() && d.Before(from) && now.Sub(d) < 3*366*24*time.Hour {
			from = d
		}
	}
	if due := asDay(t.Due); due.After(to) && !t.Gradual {
		to = due
	}
	for _, iso := range []string{t.Forecast.Date, t.Forecast.Latest} {
		if d := asDay(iso); d.After(to) && d.Sub(from) < 2*to.Sub(from) {
			to = d
		}
	}
	return from, to.AddDate(0, 0, int(to.Sub(from).Hours()/24/40)+1)
}

// wanted draws the line through the milestones, and the goal.
func (f *plot) wanted(t Target, labels *sideLabels) {
	style := draw.Style{Stroke: inkWant, Width: 2.4, Dash: []float64{9, 5}}
	var d strings.Builder
	var last Milestone
	for _, m := range t.Milestones {
		at := asDay(m.Day)
		if at.IsZero() {
			continue
		}
		if m.Dated {
			if !at.Before(f.from) && !at.After(f.to) {
				f.Line(f.x(at), f.y(0)-5, f.x(at), f.y(0)+5, draw.Style{Stroke: inkWant, Width: 1.6})
			}
			continue
		}
		goal := m.Goal
		if at.Before(f.from) {
			last = m
			continue
		}
		if d.Len() == 0 {
			start := goal
			if was := asDay(last.Day); !was.IsZero() {
				start = last.Goal + (goal-last.Goal)*float64(f.from.Sub(was))/float64(at.Sub(was))
				at0 := f.from
				fmt.Fprintf(&d, "M%.1f %.1f", f.x(at0), f.y(start))
			}
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[d.Len() == 0], f.x(at), f.y(goal))
		f.Rect(f.x(at)-3.5, f.y(goal)-3.5, 7, 7, 0, draw.Style{Fill: "#ffffff", Stroke: inkWant, Width: 1.6})
		last = m
	}
	if last.Day != "" && asDay(last.Day).Before(f.to) { // the goal stays wanted
		x := max(f.x(asDay(last.Day)), f.left)
		if d.Len() == 0 {
			fmt.Fprintf(&d, "M%.1f %.1f", x, f.y(last.Goal))
		}
		fmt.Fprintf(&d, "L%.1f %.1f", f.left+f.width, f.y(last.Goal))
	}
	if d.Len() > 0 {
		f.Path(d.String(), style)
		labels.add(f.y(last.Goal), inkWant, fmt.Sprintf(word(f.l, "chart.wanted"), percentText(f.l, t.Required)), fmt.Sprintf(word(f.l, "chart.goal"), percentText(f.l, t.Goal), dateText(f.l, t.Due)))
	}
}

// maxGap is how long nothing may be measured before a line is broken.
const maxGap = 5 * 24 * time.Hour

// measured draws the earlier values and the one now; where nothing was measured
// the line is broken, and a bar shows what was not measured now.
func (f *plot) measured(t Target, now time.Time, labels *sideLabels) {
	var d strings.Builder
	was := time.Time{}
	join := func(at time.Time, s Share) {
		v, ok := s.Percent()
		if !ok || 2*s.Measured() < s.Total() || at.Before(f.from) { // nothing, or too little to say anything
			return
		}
		if d.Len() == 0 || at.Sub(was) > maxGap {
			fmt.Fprintf(&d, "M%.1f %.1fh.01", f.x(at), f.y(v))
		} else {
			fmt.Fprintf(&d, "L%.1f %.1f", f.x(at), f.y(v))
		}
		was = at
	}
	for _, v := range t.Past {
		if at := asDay(v.Day); at.Before(now) && !v.Blind {
			join(at, v.Share)
		}
	}
	join(now, t.Share)
	f.Path(d.String(), draw.Style{Stroke: inkValue, Width: 3, Round: true})
	value, _ := t.Share.Percent()
	if low, high := t.Share.Bounds(); high-low > 0.5 {
		f.Line(f.x(now), f.y(low), f.x(now), f.y(high), draw.Style{Stroke: inkValue, Width: 1.4})
		for _, v := range []float64{low, high} {
			f.Line(f.x(now)-4, f.y(v), f.x(now)+4, f.y(v), draw.Style{Stroke: inkValue, Width: 1.4})
		}
	}
	f.Circle(f.x(now), f.y(value), 5, draw.Style{Fill: inkValue, Stroke: "#ffffff", Width: 1.5})
	labels.add(f.y(value), inkValue, fmt.Sprintf(word(f.l, "chart.now"), percentText(f.l, value)),
		fmt.Sprintf(word(f.l, "chart.n"), t.Share.Met, t.Share.Measured(), word(f.l, "unit."+t.Unit)))
}

// forecast draws the way to the goal if the trend holds, and its interval.
func (f *plot) forecast(t Target, now time.Time, labels *sideLabels) {
	if t.Forecast.State != "forecast" {
		return
	}
	value, _ := t.Share.Percent()
	style := draw.Style{Stroke: inkValue, Width: 2, Dash: []float64{1.5, 4}}
	reach := func(iso string) (x, y float64) {
		at := asDay(iso)
		if at.IsZero() || !at.After(f.to) {
			return f.x(at), f.y(t.Goal)
		}
		part := float64(f.to.Sub(now)) / float64(at.Sub(now))
		return f.x(f.to), f.y(value + (t.Goal-value)*part)
	}
	x, y := reach(t.Forecast.Date)
	f.Line(f.x(now), f.y(value), x, y, style)
	early, late := asDay(t.Forecast.Earliest), f.to
	if d := asDay(t.Forecast.Latest); !d.IsZero() && d.Before(late) {
		late = d
	}
	if early.Before(f.to) {
		grey := draw.Style{Stroke: inkValue, Width: 1.4}
		f.Line(f.x(early), f.y(t.Goal)-9, f.x(late), f.y(t.Goal)-9, grey)
		f.Line(f.x(early), f.y(t.Goal)-12, f.x(early), f.y(t.Goal)-6, grey)
		if late.Before(f.to) {
			f.Line(f.x(late), f.y(t.Goal)-12, f.x(late), f.y(t.Goal)-6, grey)
		}
	}
	labels.add(y, inkValue, word(f.l, "chart.forecast"), dateText(f.l, t.Forecast.Date))
}

// sideLabels are words beside a chart, moved apart so that none covers another.
type sideLabels struct {
	f    *plot
	at   float64
	list []sideLabel
}

type sideLabel struct {
	y     float64
	ink   string
	lines []string
}

func (s *sideLabels) add(y float64, ink string, lines ...string) {
	s.list = append(s.list, sideLabel{y, ink, lines})
}

func (s *sideLabels) write() {
	slices.SortStableFunc(s.list, func(a, b sideLabel) int { return int(math.Round(a.y - b.y)) })
	const line = 14.0
	next := s.f.top
	need := 0.0
	for _, l := range s.list {
		need += float64(len(l.lines))*line + 5
	}
	for _, l := range s.list {
		h := float64(len(l.lines))*line + 5
		y := min(max(l.y-h/2, next), s.f.top+s.f.height-need+10)
		y = max(y, next)
		for i, text := range l.lines {
			t := draw.Type{Size: 12, Ink: l.ink, Bold: i == 0}
			s.f.Text(s.at, y+line*float64(i+1)-2, draw.Fit(text, s.f.W-s.at-6, t), t)
		}
		next = y + h
		need -= h
	}
}
