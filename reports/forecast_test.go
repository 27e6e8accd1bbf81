package reports

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The interval holds the true day about as often as it says: for values that
// jump about on their own, and for values that hang together from night to
// night, which would fool an interval made for the former.
func TestForecastInterval(t *testing.T) {
	const trials, slope = 300, 0.2
	for _, tt := range []struct {
		name  string
		carry float64 // how much of a night's deviation stays for the next
		least int     // percent of intervals that hold the slope
	}{{"independent", 0, 82}, {"sluggish", 0.8, 70}} {
		rnd := rand.New(rand.NewPCG(7, 8))
		held := 0
		for range trials {
			var points []dated
			off := 0.0
			for i := range 180 {
				off = tt.carry*off + rnd.NormFloat64()
				points = append(points, dated{night.AddDate(0, 0, i-179), 40 + slope*float64(i) + off})
			}
			low, mid, high := slopes(weekly(points, night))
			if low > mid || mid > high {
				t.Fatalf("%s: %v %v %v", tt.name, low, mid, high)
			}
			if low <= slope && slope <= high {
				held++
			}
		}
		if got := 100 * held / trials; got < tt.least {
			t.Errorf("%s: %d%% of the intervals hold the slope", tt.name, got)
		}
	}
}

// A third of the nights may be anything: the line stays where the others are.
func TestForecastRobust(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	var points []dated
	for i := range 60 {
		v := 20 + 0.5*float64(i)
		if i%4 == 1 {
			v = 100 * rnd.Float64()
		}
		points = append(points, dated{night.AddDate(0, 0, i-59), v})
	}
	if _, mid, _ := slopes(points); math.Abs(mid-0.5) > 0.02 {
		t.Errorf("slope %v, want 0.5", mid)
	}
}

// Weeks are medians counted back from the last value, whatever days are missing.
func TestWeekly(t *testing.T) {
	at := func(daysAgo int, v float64) dated { return dated{night.AddDate(0, 0, -daysAgo), v} }
	got := weekly([]dated{at(15, 1), at(13, 10), at(9, 30), at(8, 20), at(3, 7), at(1, 9), at(0, 5)}, night)
	if len(got) != 3 || got[0].percent != 1 || got[1].percent != 20 || got[2].percent != 7 {
		t.Errorf("weeks %v", got)
	}
	if weekly(nil, night) != nil {
		t.Error("nothing has weeks")
	}
}

// Several runs a day count once, and a forecast says what it lacks.
func TestForecastNeeds(t *testing.T) {
	target := Target{Unit: "service", Goal: 100, Share: Share{Met: 50, Missed: 50}, Due: "2026-12-31"}
	var past []dated
	for i := 40; i > 0; i-- {
		past = append(past, dated{night.Add(-time.Duration(i) * time.Hour), float64(i)})
	}
	f := forecast(target, past, night)
	if f.State != "not-enough-history" || f.Values != 3 || f.Days != 1 || f.NeedValues != minPoints || f.NeedDays != 28 {
		t.Errorf("%+v", f)
	}
	if n := len(past); n != 40 {
		t.Errorf("the history has %d values now", n)
	}
	past = nil
	for i := 40; i > 0; i-- {
		past = append(past, dated{night.AddDate(0, 0, -i), 50 - float64(i)/4})
	}
	f = forecast(target, past, night)
	if f.State != "forecast" || !f.Late || f.Slope != 7.5 {
		t.Errorf("%+v", f)
	}
}
