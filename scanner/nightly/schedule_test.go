package nightly

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Each day has one scan, at the time of day that clocks show, over every kind of
// day that zones have.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, zone   string
		hour, minute int
		after        string
		want         []string // in UTC
	}{
		{"Vietnam: every 24 hours", "Asia/Ho_Chi_Minh", 2, 0, "2026-11-27T18:00:00Z",
			[]string{"2026-11-27T19:00:00Z", "2026-11-28T19:00:00Z", "2026-11-29T19:00:00Z"}},
		{"the very moment is over", "Asia/Ho_Chi_Minh", 2, 0, "2026-11-27T19:00:00Z", []string{"2026-11-28T19:00:00Z"}},
		{"month and year turn", "Asia/Ho_Chi_Minh", 0, 0, "2026-12-31T16:59:59Z", []string{"2026-12-31T17:00:00Z", "2027-01-01T17:00:00Z"}},
		{"a leap day", "UTC", 2, 0, "2028-02-28T02:00:00Z", []string{"2028-02-29T02:00:00Z", "2028-03-01T02:00:00Z"}},
		{"clocks put forward over it: when they are", "Europe/Berlin", 2, 30, "2026-03-28T00:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"clocks put back over it: the first of the two", "Europe/Berlin", 2, 30, "2026-10-24T00:00:00Z",
			[]string{"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"between the two of a day that has both", "Europe/Berlin", 2, 30, "2026-10-25T00:45:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"a day of 23 hours, another time", "Europe/Berlin", 6, 0, "2026-03-28T05:00:00Z", []string{"2026-03-29T04:00:00Z"}},
		{"west of UTC, forward", "America/New_York", 2, 0, "2026-03-08T05:00:00Z", []string{"2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"}},
		{"half an hour of summer", "Australia/Lord_Howe", 2, 15, "2026-10-03T00:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"a change at midnight", "Asia/Beirut", 0, 30, "2026-03-27T23:00:00Z", []string{"2026-03-28T22:00:00Z", "2026-03-29T21:30:00Z"}},
		{"a day that the zone left out", "Pacific/Apia", 2, 0, "2011-12-28T13:00:00Z",
			[]string{"2011-12-29T12:00:00Z", "2011-12-30T12:00:00Z", "2011-12-31T12:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Schedule{Hour: c.hour, Minute: c.minute, Zone: zone(t, c.zone)}
			at, _ := time.Parse(time.RFC3339, c.after)
			for _, want := range c.want {
				last := at
				at = s.Next(at)
				if got := at.UTC().Format(time.RFC3339); got != want {
					t.Fatalf("after %s: %s, want %s", last.UTC().Format(time.RFC3339), got, want)
				}
				if back := s.Last(at); !back.Equal(at) {
					t.Errorf("Last(%s) is %s", at, back)
				}
				if back := s.Last(at.Add(-time.Second)); !back.Before(at) {
					t.Errorf("Last before %s is %s", at, back)
				}
			}
		})
	}
}

// Whatever zone, time and jitter: times rise, every calendar day has one scan
// unless the zone lacks the day, and Last is the inverse of Next.
func TestScheduleProperties(t *testing.T) {
	zones := []string{"Asia/Ho_Chi_Minh", "UTC", "Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut",
		"Pacific/Apia", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "Antarctica/Troll"}
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{
			Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute"),
			Zone: zone(t, rapid.SampledFrom(zones).Draw(t, "zone")), Seed: rapid.String().Draw(t, "seed"),
			Jitter: time.Duration(rapid.Int64Range(0, int64(12*time.Hour)).Draw(t, "jitter")),
		}
		at := time.Unix(rapid.Int64Range(946684800, 2208988800).Draw(t, "after"), 0) // 2000 to 2040
		for range 10 {
			next := s.Next(at)
			gap := next.Sub(at)
			if gap <= 0 || gap > 63*time.Hour { // a day left out, and the jitter of two days
				t.Fatalf("%s after %s", next, at)
			}
			if between := s.Next(at.Add(gap / 2)); !between.Equal(next) {
				t.Fatalf("from %s the next is %s, from half-way to it %s", at, next, between)
			}
			if last := s.Last(next); !last.Equal(next) {
				t.Fatalf("Last(%s) is %s", next, last)
			}
			if last := s.Last(next.Add(-1)); last.After(at) {
				t.Fatalf("%s is between %s and the next, %s", last, at, next)
			}
			at = next
		}
	})
}

// The delay is the same each time it is asked for, below its bound, another one
// every day and at every scanner: the province's scanners do not begin together.
func TestJitter(t *testing.T) {
	s := Schedule{Hour: 2, Zone: zone(t, "Asia/Ho_Chi_Minh"), Jitter: time.Hour, Seed: "a"}
	other := s
	other.Seed = "b"
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	delays, differ := map[time.Duration]bool{}, 0
	for range 100 {
		at = s.Next(at)
		wall := at.In(s.Zone)
		d := time.Duration(wall.Hour()-2)*time.Hour + time.Duration(wall.Minute())*time.Minute + time.Duration(wall.Second())*time.Second
		if d < 0 || d >= time.Hour {
			t.Fatalf("a delay of %s", d)
		}
		delays[d] = true
		if !other.Next(at.Add(-2 * time.Hour)).Equal(at) {
			differ++
		}
	}
	if len(delays) < 80 || differ < 95 {
		t.Errorf("%d different delays in 100 nights, %d nights unlike another scanner's", len(delays), differ)
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string][2]int{"02:00": {2, 0}, "23:59": {23, 59}, "2:05": {2, 5}, "00:00": {}} {
		if h, m, err := ParseTime(text); err != nil || h != want[0] || m != want[1] {
			t.Errorf("%q: %d:%d, %v", text, h, m, err)
		}
	}
	for _, text := range []string{"", "24:00", "02:60", "2", "02:00:00", "-1:00", "2am"} {
		if _, _, err := ParseTime(text); err == nil {
			t.Errorf("%q is taken for a time of day", text)
		}
	}
}
