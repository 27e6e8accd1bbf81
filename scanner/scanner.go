// Package scanner walks an inventory with bounded workers and hands one record
// per service to its caller. It knows neither the network nor the store.
//
// No service leaves the count in silence: one whose probe crashed, ran out of
// time or was never reached has a record all the same, whose results are
// unknown and say why.
//
// A failure, and a change for the worse, is not believed at first sight: the
// service is looked at again after all others, later and later, and what the
// looks agree on is its record (see opinion.go).
package scanner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// Scan is how to run. Probe is required, the zero value of everything else is
// usable.
type Scan struct {
	// Probe measures one service. It must obey ctx and should then return what
	// it has. It is called from many goroutines at once.
	Probe func(ctx context.Context, agency string, svc inventory.Service) verdict.Record
	// Checks are the checks that Probe was told to do: a service that could not
	// be measured gets an unknown result for each. Empty: all of them.
	Checks []verdict.Check

	Workers int // services measured at once; 0 means DefaultWorkers
	// Waiting is how many may be under way beside them: a service that is not over in a
	// few milliseconds waits for the network most of its time, that of silent servers
	// for seconds, and does not keep its worker from the next one. 0: it does.
	Waiting int
	// Held reports that more beside what is under way would wait as well, and not for
	// the network: for limits of our own, until HostTimeout is over, or for a processor.
	// Then a service keeps its worker, Waiting or not. May be nil.
	Held        func() bool
	HostTimeout time.Duration // for one service; 0: no limit
	RunTimeout  time.Duration // for the whole run; 0: no limit
	Grace       time.Duration // for a probe to return after its context has ended; 0 means DefaultGrace

	// Retests is how many further looks a service may get in the same run: one
	// that failed, could not be measured for a reason that may pass, or is Worse.
	// They come after all first looks, the n-th at the earliest RetestAfter ×
	// 2ⁿ⁻¹ after the look before it. 0: none, and what one look found is final.
	Retests     int
	RetestAfter time.Duration
	// Renew gives the probe for a round of further looks (1 and up), one that
	// remembers nothing of the earlier ones. nil: Probe again.
	Renew func(ctx context.Context, round int) func(context.Context, string, inventory.Service) verdict.Record
	// Worse reports whether a first look is worse than what was last published.
	Worse func(verdict.Record) bool
	// Book holds what is to be looked at again, and of a run that Resumed what its
	// earlier part has done. nil: this process's memory.
	Book    Book
	Resumed bool

	// Progress is called after every record, and every second while none comes,
	// always from the goroutine that called Run. May be nil.
	Progress func(Progress)
	Total    int              // number of services if known, for Progress
	Now      func() time.Time // nil means time.Now
	Log      zerolog.Logger   // a crash of a probe goes here, with its stack
}

// The defaults of Scan.
const (
	DefaultWorkers = 64
	DefaultGrace   = 5 * time.Second
)

// Progress is how far a run has come.
type Progress struct {
	Total   int // services in the inventory; 0 when not known
	Started int // given to a probe so far
	Done    int // records emitted: measured, cut short or skipped; and before, in a resumed run
	Again   int // services that wait for another look

	Due        time.Time // when the next look is due, while nothing can be done but wait; else zero
	Unmeasured int       // of Done: cut short or never started

	// Worst counts the records emitted by their worst outcome (verdict.Worst),
	// indexed by verdict.Outcome.
	Worst [verdict.Fail + 1]int
}

// End says how the measuring of a service came to its end.
type End uint8

// The ends.
const (
	Settled End = iota // the record is final
	Cut                // the run ended before the service was measured, or measured in full
	Open               // the run ended before the further looks that the service was to get
)

// Book keeps a run's looks at services that are to be looked at again.
type Book interface {
	// Look adds a look.
	Look(verdict.Record) error
	// Looks returns what was added, oldest first; nothing of a settled service.
	Looks(verdict.ServiceKey) ([]verdict.Record, error)
	// Settled reports whether the service was emitted as Settled in an earlier
	// part of the run.
	Settled(verdict.ServiceKey) (bool, error)
}

// Memory is the Book of a run that is kept nowhere.
type Memory map[verdict.ServiceKey][]verdict.Record

// Look adds a look.
func (m Memory) Look(rec verdict.Record) error {
	m[rec.Key()] = append(m[rec.Key()], rec)
	return nil
}

// Looks returns what was added.
func (m Memory) Looks(key verdict.ServiceKey) ([]verdict.Record, error) { return m[key], nil }

// Settled reports false: there was no earlier part.
func (m Memory) Settled(verdict.ServiceKey) (bool, error) { return false, nil }

// Why a run stopped before it had measured everything; see Stopped.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrDeadline    = errors.New("time allowed for the run is over")
	ErrStuck       = errors.New("too many probes do not end when told to")
)

// Stopped is the error of a run that could not measure every service. What
// there was has been emitted all the same.
type Stopped struct {
	Why        error // ErrInterrupted, ErrDeadline or ErrStuck
	Measured   int   // services whose probe ran to its end
	Unmeasured int   // services cut short or never started, as far as emitted
	Open       int   // services that failed, and were not looked at again as they should have been
}

func (e *Stopped) Error() string {
	return fmt.Sprintf("scan stopped: %v; %d services measured, %d not (fully) measured, %d not looked at again", e.Why, e.Measured, e.Unmeasured, e.Open)
}

// Unwrap returns Why.
func (e *Stopped) Unwrap() error { return e.Why }
