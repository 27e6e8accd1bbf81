// Package nightly is the clock of the nightly scan: one long-running process
// that scans at a time of day, catches up a night that was missed, takes new
// settings on request and tells the service manager how it is. What a scan is,
// and what its settings are, is its caller's business.
package nightly

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Past is a run of the history, as far as the clock has to know it.
type Past struct {
	Started  time.Time
	Tries    int // how often it was begun or gone on with, at least 1
	Complete bool
}

// Loop is how to run. Scan is required; what else is nil is not used.
type Loop struct {
	Schedule Schedule
	AtOnce   bool // scan when Run begins, whatever the schedule says

	// Scan is one night's work. It must obey ctx. ran says whether it made a run:
	// where it could not even begin, it is tried again the same night.
	Scan func(ctx context.Context) (ran bool, err error)
	// Past lists the runs of the history, newest first.
	Past func(ctx context.Context) ([]Past, error)
	// Reload reads the settings anew. With an error the old ones stay in force.
	// It is called while a scan goes on, too, and must not change that one's.
	Reload func() (Schedule, error)
	Hangup <-chan os.Signal // asks for Reload

	Log zerolog.Logger
	Now func() time.Time // nil means time.Now

	next  time.Time     // when the next scan is due
	due   time.Time     // what the scan under way, or the last one, was due
	retry time.Duration // the next wait after a scan that could not begin
}

// ErrCut is what Run returns where its end cut a scan short. What was measured
// is kept.
var ErrCut = errors.New("the scan under way was ended early; what it measured is kept")

// How often the wall clock is looked at: timers stand still while a machine
// sleeps, and know nothing of a clock that is set.
const beat = time.Minute

// Waits between attempts at a scan that could not begin: another scan is
// writing, the disk is full.
const firstRetry, lastRetry = time.Minute, time.Hour

// Run scans night after night until ctx ends, and then returns nil, or ErrCut
// where a scan was under way.
func (l *Loop) Run(ctx context.Context) error {
	if l.Scan == nil {
		return errors.New("nightly: no scan given")
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	l.next = l.plan(ctx)
	if l.AtOnce {
		l.next = l.now()
	}
	notify("READY=1")
	l.tellNext()
	dog := watchdog()
	var under chan result // the scan under way, or nil
	for {
		if under == nil && l.arrived() {
			under = l.begin(ctx)
		}
		select {
		case <-ctx.Done():
			return l.end(under, dog)
		case <-l.Hangup:
			l.reload(under != nil)
		case r := <-under:
			if ctx.Err() != nil {
				return r.cut()
			}
			under = nil
			l.finished(r)
			l.tellNext()
		case <-time.After(l.pause(dog)):
			bark(dog)
		}
	}
}

type result struct {
	ran bool
	err error
}

// cut is what the end of Run made of a scan; nil where it was at its end anyway.
func (r result) cut() error {
	if r.err == nil {
		return nil
	}
	return errors.Join(ErrCut, r.err)
}

func (l *Loop) begin(ctx context.Context) chan result {
	l.Log.Info().Time("due", l.due).Msg("the nightly scan begins")
	Status("scanning")
	done := make(chan result, 1)
	go func() {
		ran, err := l.Scan(ctx)
		done <- result{ran, err}
	}()
	return done
}

// finished decides when to scan next.
func (l *Loop) finished(r result) {
	now := l.now()
	switch {
	case r.err == nil:
		l.Log.Info().Msg("the nightly scan has ended")
	case r.ran:
		l.Log.Error().Err(r.err).Msg("the nightly scan has ended, but not well")
	default:
		l.Log.Error().Err(r.err).Msg("the nightly scan could not begin")
	}
	l.next = l.following()
	if r.ran || r.err == nil {
		l.retry = 0
		return
	}
	l.retry = min(max(firstRetry, 2*l.retry), lastRetry)
	if again := now.Add(l.retry); again.Sub(l.due) <= l.Schedule.Late && again.Before(l.next) {
		l.next = again
		l.Log.Info().Time("next", again).Msg("it is tried again the same night")
		return
	}
	l.retry = 0
}

// following is the next due time, of a day that had no scan yet even where the
// clock was put back.
func (l *Loop) following() time.Time {
	after := l.now()
	if l.due.After(after) {
		after = l.due
	}
	return l.Schedule.Next(after)
}

// plan is when to scan first: at once where the last night was missed.
func (l *Loop) plan(ctx context.Context) time.Time {
	now := l.now()
	last := l.Schedule.Last(now)
	if l.Past != nil && now.Sub(last) <= l.Schedule.Late {
		past, err := l.Past(ctx)
		if err != nil {
			l.Log.Error().Err(err).Msg("the history cannot be read, so it is not known whether the last night was missed")
		}
		if missed(past, last) {
			l.Log.Warn().Time("due", last).Msg("the last night was missed: its scan is caught up now")
			return now
		}
	}
	return l.Schedule.Next(now)
}

// attempts is how often a night's scan is begun or gone on with that something
// ends early: restarts of the machine, not a scan that brings it down each time.
const attempts = 4

// missed reports whether the night that was due then lacks a complete run. A
// history without any run has missed nothing: its first night is to come.
func missed(past []Past, due time.Time) bool {
	tried := 0
	for _, p := range past {
		if p.Started.Before(due) {
			break
		}
		if p.Complete {
			return false
		}
		tried += p.Tries
	}
	return len(past) > 0 && tried < attempts
}

// arrived reports whether it is time to scan. A time that passed while the
// machine slept counts only as long as it is worth catching up.
func (l *Loop) arrived() bool {
	now := l.now()
	if now.Before(l.next) {
		return false
	}
	if late := now.Sub(l.next); late > l.Schedule.Late+2*beat {
		l.Log.Warn().Time("due", l.next).Stringer("late", late.Round(time.Second)).Msg("the scan's time has passed unseen, too long ago to catch it up")
		l.next = l.Schedule.Next(now)
		l.tellNext()
		return false
	}
	if l.retry == 0 {
		l.due = l.next
	}
	return true
}

// reload takes new settings, or keeps the old ones.
func (l *Loop) reload(scanning bool) {
	if l.Reload == nil {
		return
	}
	notify("RELOADING=1\n" + monotonic())
	s, err := l.Reload()
	if err != nil {
		l.Log.Error().Err(err).Msg("reload: the old settings stay in force")
	} else {
		l.Schedule = s
		l.Log.Info().Msg("reload: the new settings are in force")
		if scanning {
			l.Log.Info().Msg("the scan under way goes on with those it began with")
		} else if l.retry == 0 {
			l.next = l.following()
		}
	}
	notify("READY=1")
	if !scanning {
		l.tellNext()
	}
}

// end waits for the scan under way, which the end of its context ends.
func (l *Loop) end(under chan result, dog time.Duration) error {
	notify("STOPPING=1")
	if under == nil {
		l.Log.Info().Msg("told to end; no scan is under way")
		return nil
	}
	l.Log.Info().Msg("told to end; the scan under way is ended and what it measured is kept")
	Status("ending the scan under way")
	for {
		select {
		case r := <-under:
			return r.cut()
		case <-time.After(l.pause(dog)):
			bark(dog)
		}
	}
}

// pause is how long nothing needs to be looked at.
func (l *Loop) pause(dog time.Duration) time.Duration {
	p := beat
	if dog > 0 {
		p = min(p, dog)
	}
	if left := l.next.Sub(l.now()); left > 0 {
		p = min(p, left)
	}
	return p
}

func (l *Loop) tellNext() {
	left := l.next.Sub(l.now()).Round(time.Second)
	if left <= 0 {
		return
	}
	l.Log.Info().Time("next", l.next).Stringer("in", left).Msg("waiting for the next scan")
	Status("next scan at " + l.next.Format("2006-01-02 15:04:05 -07:00"))
}

// now is the wall clock, without the reading of the one that stands still in
// sleep.
func (l *Loop) now() time.Time { return l.Now().Round(0) }
