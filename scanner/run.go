package scanner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// errHost is the cause of a context that ended with HostTimeout.
var errHost = errors.New("time allowed for one service is over")

// Run measures every service of inv and calls emit with each one's record, in
// the order they finish, from the goroutine that called Run. inv is read as
// needed and never held: memory grows with Workers, not with services.
//
// When ctx ends (or RunTimeout is over), no further service is started, the
// contexts of the running ones end, and what is left of inv is emitted as not
// measured. Run then returns a *Stopped. An error of emit ends the run the same
// way, except that nothing more is emitted; it is returned wrapped.
func (s Scan) Run(ctx context.Context, inv iter.Seq2[inventory.Agency, inventory.Service], emit func(verdict.Record) error) error {
	if s.Probe == nil {
		return errors.New("scanner: no probe given")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s.RunTimeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, s.RunTimeout, ErrDeadline)
		defer stop()
	}
	r := &run{
		Scan: s.withDefaults(), ctx: ctx, cancel: cancel, start: time.Now(),
		jobs: make(chan job), out: make(chan outcome), gone: make(chan struct{}),
	}
	r.launch(inv)
	return r.collect(emit)
}

func (s Scan) withDefaults() Scan {
	if s.Workers <= 0 {
		s.Workers = DefaultWorkers
	}
	if s.Grace <= 0 {
		s.Grace = DefaultGrace
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if len(s.Checks) == 0 {
		s.Checks = []verdict.Check{verdict.AAAA, verdict.Reach, verdict.Reach4, verdict.Web, verdict.DNSSEC, verdict.Posture, verdict.RPKI, verdict.Closure, verdict.Mail}
	}
	return s
}

// run is one call of Run.
type run struct {
	Scan
	ctx    context.Context
	cancel context.CancelCauseFunc
	start  time.Time

	jobs chan job
	out  chan outcome  // closed when the last worker has ended
	gone chan struct{} // closed when nobody reads out any more

	started atomic.Int64
	stuck   atomic.Int64

	progress Progress // of collect alone
	stopped  int      // services that the end of the run kept from being measured
}

type job struct {
	agency string
	svc    inventory.Service
}

// outcome is a finished job.
type outcome struct {
	rec     verdict.Record
	cut     bool // not (fully) measured
	stopped bool // and that because the run was ending
}

// launch starts the workers and the one goroutine that reads the inventory.
func (r *run) launch(inv iter.Seq2[inventory.Agency, inventory.Service]) {
	var wg sync.WaitGroup
	wg.Go(func() { r.feed(inv) })
	for range r.Workers {
		wg.Go(func() {
			for j := range r.jobs {
				if !r.send(r.one(j)) {
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(r.out)
	}()
}

// feed hands out the services; once the run is ending it records them as not
// measured instead.
func (r *run) feed(inv iter.Seq2[inventory.Agency, inventory.Service]) {
	defer close(r.jobs)
	for a, svc := range inv {
		j := job{a.ID, svc}
		if r.ctx.Err() == nil {
			select {
			case r.jobs <- j:
				continue
			case <-r.ctx.Done():
			}
		}
		if !r.send(r.skip(j)) {
			return
		}
	}
}

// send reports whether anybody still listens.
func (r *run) send(o outcome) bool {
	select {
	case r.out <- o:
		return true
	case <-r.gone:
		return false
	}
}

// collect emits what comes until the workers have ended.
func (r *run) collect(emit func(verdict.Record) error) error {
	var tick <-chan time.Time
	if r.Progress != nil {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		tick = t.C
		r.report()
	}
	for {
		select {
		case o, more := <-r.out:
			if !more {
				return r.result()
			}
			if err := emit(o.rec); err != nil {
				r.drain()
				return fmt.Errorf("scan ended, a result could not be recorded (%s): %w", o.rec.Host, err)
			}
			r.count(o)
			r.report()
		case <-tick:
			r.report()
		}
	}
}

// drain ends the run and waits for its goroutines, which Grace bounds.
func (r *run) drain() {
	r.cancel(nil)
	close(r.gone)
	for range r.out { //nolint:revive // waiting for the close
	}
}

func (r *run) count(o outcome) {
	p := &r.progress
	p.Done++
	if o.cut {
		p.Unmeasured++
	}
	if o.stopped {
		r.stopped++
	}
	worst := verdict.NotApplicable
	for _, res := range o.rec.Results {
		worst = verdict.Worst(worst, res.Outcome())
	}
	p.Worst[worst]++
}

func (r *run) report() {
	if r.Progress == nil {
		return
	}
	p := r.progress
	p.Total, p.Started = r.Total, int(r.started.Load())
	r.Progress(p)
}

// result is nil if the run's end kept no service from being measured.
func (r *run) result() error {
	if r.stopped == 0 {
		return nil
	}
	return &Stopped{Why: why(r.ctx), Measured: r.progress.Done - r.progress.Unmeasured, Unmeasured: r.progress.Unmeasured}
}

// why says what ended the run's context.
func why(ctx context.Context) error {
	cause := context.Cause(ctx)
	for _, e := range []error{ErrDeadline, ErrStuck} {
		if errors.Is(cause, e) {
			return e
		}
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return ErrDeadline
	}
	return ErrInterrupted
}
