// Package scanner walks an inventory with bounded workers and hands one record
// per service to its caller. It knows neither the network nor the store.
//
// No service leaves the count in silence: one whose probe crashed, ran out of
// time or was never reached has a record all the same, whose results are
// unknown and say why.
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

	Workers     int           // services measured at once; 0 means DefaultWorkers
	HostTimeout time.Duration // for one service; 0: no limit
	RunTimeout  time.Duration // for the whole run; 0: no limit
	Grace       time.Duration // for a probe to return after its context has ended; 0 means DefaultGrace

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
	Total      int // services in the inventory; 0 when not known
	Started    int // given to a probe so far
	Done       int // records emitted: measured, cut short or skipped
	Unmeasured int // of Done: cut short or never started

	// Worst counts the records emitted by their worst outcome (verdict.Worst),
	// indexed by verdict.Outcome.
	Worst [verdict.Fail + 1]int
}

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
}

func (e *Stopped) Error() string {
	return fmt.Sprintf("scan stopped: %v; %d services measured, %d not (fully) measured", e.Why, e.Measured, e.Unmeasured)
}

// Unwrap returns Why.
func (e *Stopped) Unwrap() error { return e.Why }
