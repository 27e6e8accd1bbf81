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

// What a forecast needs at least: values from this many reports, over this long.
const (
	minPoints = 8
	minSpan   = 28 * 24 * time.Hour
	maxPoints = 300 // thinned to this many; the work grows with the square
)

// forecast draws a robust line (Theil-Sen: the median slope of all pairs of
// values) through the history of a target, so that a bad night does not bend it.
func forecast(t Target, past []Point, at time.Time) Forecast {
	value, ok := t.Share.Percent()
	switch {
	case t.Gradual || t.Unit == "" || !ok:
		return Forecast{State: "not-applicable"}
	case t.State == Met:
		return Forecast{State: "met"}
	}
	points := thin(append(of(t.ID, past, at), Point{at, t.ID, value}))
	if len(points) < minPoints || at.Sub(points[0].At) < minSpan {
		return Forecast{State: "not-enough-history"}
	}
	var slopes []float64 // percentage points a day
	for i, a := range points {
		for _, b := range points[i+1:] {
			if days := b.At.Sub(a.At).Hours() / 24; days > 0 {
				slopes = append(slopes, (b.Percent-a.Percent)/days)
			}
		}
	}
	if len(slopes) == 0 {
		return Forecast{State: "not-enough-history"}
	}
	slices.Sort(slopes)
	reach := func(q float64) string {
		return dayReached(value, t.Goal, slopes[int(math.Round(q*float64(len(slopes)-1)))], at)
	}
	date := reach(0.5)
	if date == "" {
		return Forecast{State: "none"}
	}
	return Forecast{State: "forecast", Date: date, Earliest: reach(0.9), Latest: reach(0.1)}
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

// of returns the earlier values of one target, oldest first.
func of(id string, past []Point, before time.Time) []Point {
	var list []Point
	for _, p := range past {
		if p.Target == id && p.At.Before(before) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b Point) int { return a.At.Compare(b.At) })
	return list
}

// thin keeps at most maxPoints, evenly chosen, first and last among them.
func thin(points []Point) []Point {
	if len(points) <= maxPoints {
		return points
	}
	out := make([]Point, maxPoints)
	for i := range out {
		out[i] = points[i*(len(points)-1)/(maxPoints-1)]
	}
	return out
}
