package reports

import (
	"math"
	"slices"
	"time"

	"ready6/inventory"
)

// Forecast is when a target will be met if the trend of its history holds.
type Forecast struct {
	// State: "met", "forecast", "none" (the value does not rise, or gets there
	// only after a century), "not-enough-history", or "not-applicable".
	State    string  `json:"state"`
	Date     string  `json:"date,omitempty"`     // 2006-01-02
	Earliest string  `json:"earliest,omitempty"` // the interval that holds the day with a confidence of ForecastConfidence
	Latest   string  `json:"latest,omitempty"`   // empty: may never come
	Late     bool    `json:"late,omitempty"`     // Date is after the due day
	Slope    float64 `json:"points_a_month"`     // percentage points in 30 days; 0 unless a forecast was tried
	// Values and Days are what there is, NeedValues and NeedDays what a forecast
	// takes: that many measured days, over at least so many days.
	Values     int `json:"values"`
	Days       int `json:"days"`
	NeedValues int `json:"need_values"`
	NeedDays   int `json:"need_days"`
}

// ForecastConfidence is that of a forecast's interval, in percent.
const ForecastConfidence = 90

// What a forecast needs at least, and the most that it works with: the work
// grows with the square.
const (
	minPoints = 8 // days, or weeks, that have a value
	minSpan   = 28 * 24 * time.Hour
	maxPoints = 300
)

const aDay = 24 * time.Hour

// forecast draws a robust line through the history of a target (Theil-Sen, the
// median slope of all pairs of values: Sen 1968) so that a bad night does not bend
// it. The interval is that of Kendall's rank statistic on the slopes, widened
// for values that hang together from one to the next, as nights do.
func forecast(t Target, past []dated, at time.Time) Forecast {
	f := Forecast{NeedValues: minPoints, NeedDays: int(minSpan / aDay)}
	value, ok := t.Share.Percent()
	switch {
	case t.Gradual || t.Unit == "" || !ok:
		f.State = "not-applicable"
		return f
	case t.State == Met:
		f.State = "met"
		return f
	}
	points := daily(append(slices.Clip(past), dated{at, value}))
	f.Values, f.Days = len(points), int(at.Sub(points[0].at)/aDay)
	if len(points) < minPoints || at.Sub(points[0].at) < minSpan {
		f.State = "not-enough-history"
		return f
	}
	if weeks := weekly(points, at); len(weeks) >= minPoints {
		points = weeks
	}
	low, mid, high := slopes(thin(points))
	f.Slope = round2(30 * mid)
	f.Date = dayReached(value, t.Goal, mid, at)
	if f.Date == "" {
		f.State = "none"
		return f
	}
	f.State, f.Earliest, f.Latest = "forecast", dayReached(value, t.Goal, high, at), dayReached(value, t.Goal, low, at)
	f.Late = t.Due != "" && f.Date > t.Due
	return f
}

// series are the values that stand for what they are of: at least half of it
// was measured, on a night that could tell.
func series(past []Value) []dated {
	var out []dated
	for _, v := range past {
		if percent, ok := v.Share.Percent(); ok && !v.Blind && 2*v.Share.Measured() >= v.Share.Total() {
			out = append(out, dated{startOf(v.Day).Add(12 * time.Hour), percent})
		}
	}
	return out
}

// daily keeps the last value of each day in the province.
func daily(points []dated) []dated {
	var out []dated
	for _, p := range points {
		if n := len(out); n > 0 && dayOf(out[n-1].at) == dayOf(p.at) {
			out[n-1] = p
			continue
		}
		out = append(out, p)
	}
	return out
}

// weekly makes one point of each seven days, counted back from at: the median
// of their values, in their middle.
func weekly(points []dated, at time.Time) []dated {
	var out []dated
	for len(points) > 0 {
		week := int(at.Sub(points[0].at) / (7 * aDay))
		n := 1
		for n < len(points) && int(at.Sub(points[n].at)/(7*aDay)) == week {
			n++
		}
		values := make([]float64, n)
		for i, p := range points[:n] {
			values[i] = p.percent
		}
		slices.Sort(values)
		middle := points[0].at.Add(points[n-1].at.Sub(points[0].at) / 2)
		out = append(out, dated{middle, (values[(n-1)/2] + values[n/2]) / 2})
		points = points[n:]
	}
	return out
}

// slopes gives the median slope, in percentage points a day, and the bounds of
// its interval.
func slopes(points []dated) (low, mid, high float64) {
	all := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, a := range points {
		for _, b := range points[i+1:] {
			if days := b.at.Sub(a.at).Hours() / 24; days > 0 {
				all = append(all, (b.percent-a.percent)/days)
			}
		}
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	mid = (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	const z = 1.645 // of the normal distribution, for ForecastConfidence on both sides
	n := float64(len(points))
	spread := z * math.Sqrt(n*(n-1)*(2*n+5)/18*inertia(points, mid))
	half := float64(len(all)) / 2
	from, to := int(half-spread/2), int(math.Ceil(half+spread/2))
	return all[min(max(from-1, 0), len(all)-1)], mid, all[min(max(to, 0), len(all)-1)]
}

// inertia is by how much the variance of a rank statistic grows because what
// is left of the values beside their line follows itself: (1+r)/(1-r), where r is
// the correlation of each with the next, 0 to 0.9.
func inertia(points []dated, slope float64) float64 {
	rest := make([]float64, len(points))
	mean := 0.0
	for i, p := range points {
		rest[i] = p.percent - slope*p.at.Sub(points[0].at).Hours()/24
		mean += rest[i] / float64(len(points))
	}
	var own, next float64
	for i := range rest {
		own += (rest[i] - mean) * (rest[i] - mean)
		if i > 0 {
			next += (rest[i] - mean) * (rest[i-1] - mean)
		}
	}
	if own == 0 {
		return 1
	}
	r := min(max(next/own, 0), 0.9)
	return (1 + r) / (1 - r)
}

// dayReached is the day on which a line from value reaches goal, or empty if
// that takes more than a hundred years or never comes.
func dayReached(value, goal, slope float64, at time.Time) string {
	if slope <= 0 {
		return ""
	}
	days := math.Ceil((goal - value) / slope)
	if days > 36525 {
		return ""
	}
	return inventory.DayOf(at.AddDate(0, 0, int(days))).String()
}

// thin keeps at most maxPoints, evenly chosen, first and last among them.
func thin[T any](points []T) []T {
	if len(points) <= maxPoints {
		return notNil(points)
	}
	out := make([]T, maxPoints)
	for i := range out {
		out[i] = points[i*(len(points)-1)/(maxPoints-1)]
	}
	return out
}
