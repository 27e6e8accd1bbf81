package nightly

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Schedule says when the nights' scans are due: once each calendar day, at a
// time of day. It is arithmetic of the calendar alone; no scheduling library is
// used, because those known here count intervals or cron fields, and what
// matters (a day of 23, 25 or 0 hours, a missed night) would be ours to mend.
type Schedule struct {
	Hour, Minute int            // time of day, 0:00 to 23:59
	Zone         *time.Location // nil means UTC
	// Jitter delays each day's scan by a part of it, 12 hours at most; the same
	// part whenever it is asked for, so that a restart in between makes no
	// second scan of the night.
	Jitter time.Duration
	Seed   string        // tells this scanner's delays from others'
	Late   time.Duration // how long after its time a missed scan is worth catching up; 0: never
}

// ParseTime reads a time of day such as 02:00.
func ParseTime(s string) (hour, minute int, err error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is not a time of day such as 02:00", s)
	}
	return t.Hour(), t.Minute(), nil
}

// Next is the first due time after t.
func (s Schedule) Next(t time.Time) time.Time {
	for day := -1; ; day++ { // from yesterday: its jitter may reach into today
		if due, ok := s.due(t, day); ok && due.After(t) {
			return due
		}
	}
}

// Last is the last due time at t or before it.
func (s Schedule) Last(t time.Time) time.Time {
	for day := 1; ; day-- {
		if due, ok := s.due(t, day); ok && !due.After(t) {
			return due
		}
	}
}

// due is when the scan of a day is due, so many days from the one that the
// zone's calendar shows at t. It is false for a day that the zone left out.
func (s Schedule) due(t time.Time, days int) (time.Time, bool) {
	y, m, d := t.In(s.zone()).Date()
	at, ok := s.moment(time.Date(y, m, d+days, s.Hour, s.Minute, 0, 0, time.UTC))
	return at.Add(s.delay(at)), ok
}

// moment is when clocks in the zone first show what the wall says in UTC; where
// they are put forward over it, the moment of that.
func (s Schedule) moment(wall time.Time) (time.Time, bool) {
	before, after := s.offset(wall.Add(-24*time.Hour)), s.offset(wall.Add(24*time.Hour))
	first, second := wall.Add(-max(before, after)), wall.Add(-min(before, after))
	for _, t := range []time.Time{first, second} {
		if s.offset(t) == wall.Sub(t) {
			return t.In(s.zone()), true
		}
	}
	_, change := first.In(s.zone()).ZoneBounds()
	return change, change.Day() == wall.Day()
}

func (s Schedule) offset(t time.Time) time.Duration {
	_, seconds := t.In(s.zone()).Zone()
	return time.Duration(seconds) * time.Second
}

func (s Schedule) delay(at time.Time) time.Duration {
	if s.Jitter <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(s.Seed + " " + at.Format(time.DateOnly)))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(s.Jitter)).Truncate(time.Second)
}

func (s Schedule) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}
