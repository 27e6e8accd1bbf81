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
	"ready6/probes/crew"
	"ready6/probes/verdict"
)

// errHost is the cause of a context that ended with HostTimeout.
var errHost = errors.New("time allowed for one service is over")

// Run measures every service of inv and calls emit with each one's record, once,
// in the order they are settled, from the goroutine that called Run. inv is read
// as needed and never held: memory grows with Workers and Waiting, and a little with the
// services that are to be looked at again.
//
// When ctx ends (or RunTimeout is over), no further service is started, the
// contexts of the running ones end, and what is left of inv is emitted as not
// measured (Cut), what waits for another look as it is (Open). Run then returns
// a *Stopped. An error of emit or of Book ends the run the same way, except that
// nothing more is emitted; it is returned wrapped.
func (s Scan) Run(ctx context.Context, inv iter.Seq2[inventory.Agency, inventory.Service], emit func(verdict.Record, End) error) error {
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
	r := &run{Scan: s.withDefaults(), ctx: ctx, cancel: cancel, start: time.Now(), emit: emit}
	err := r.pass(r.first(inv))
	for round := 1; err == nil && len(r.again) > 0 && ctx.Err() == nil; round++ {
		jobs := r.again
		r.again = nil
		err = r.pass(r.further(jobs, round))
	}
	if err == nil {
		err = r.leave()
	}
	if err != nil {
		return err
	}
	return r.result()
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
	if s.Book == nil {
		s.Book = Memory{}
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

	emit func(verdict.Record, End) error

	// Of one pass over services.
	jobs chan job
	out  chan outcome  // closed when the last worker has ended
	gone chan struct{} // closed when nobody reads out any more

	started atomic.Int64
	stuck   atomic.Int64
	waiting atomic.Int64              // services under way beside Workers
	crew    crew.Crew                 // of the probes
	due     atomic.Pointer[time.Time] // what wait waits for

	// Of collect alone.
	again    []job // to be looked at again, the first due first
	progress Progress
	stopped  int // services that the end of the run kept from being measured
	open     int // and from being looked at again
}

type job struct {
	agency string
	svc    inventory.Service
	looks  int       // looks there have been
	due    time.Time // not before
}

func (j job) key() verdict.ServiceKey {
	return verdict.ServiceKey{Agency: j.agency, Kind: j.svc.Kind, Host: j.svc.Host, Port: j.svc.Port}
}

// outcome is a finished job.
type outcome struct {
	job     job
	rec     verdict.Record
	cut     bool  // not (fully) measured
	stopped bool  // and that because the run was ending
	done    bool  // nothing had to be done: an earlier part of the run has it
	waits   bool  // an earlier part of the run has looked already
	err     error // of the Book
}

// pass measures services side by side and takes in what comes out.
func (r *run) pass(jobs iter.Seq[job]) error {
	r.jobs, r.out, r.gone = make(chan job), make(chan outcome), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.feed(jobs) })
	for range r.Workers {
		wg.Go(func() { r.work(&wg) })
	}
	go func() {
		wg.Wait()
		close(r.out)
	}()
	return r.collect()
}

// work measures one service after another. From one that takes long another
// goroutine takes over.
func (r *run) work(wg *sync.WaitGroup) {
	late := time.NewTimer(slowAfter)
	late.Stop() // until there is a service, and Waiting
	defer late.Stop()
	for j := range r.jobs {
		relieved := false
		o := r.one(j, late, func() bool {
			if r.Held != nil && r.Held() {
				return false
			}
			if relieved = r.waiting.Add(1) <= int64(r.Waiting); relieved {
				wg.Go(func() { r.work(wg) })
			} else {
				r.waiting.Add(-1)
			}
			return relieved
		})
		if relieved {
			r.waiting.Add(-1)
		}
		if !r.send(o) || relieved {
			return
		}
	}
}

// first is the services of the inventory; of a resumed run those that are left.
func (r *run) first(inv iter.Seq2[inventory.Agency, inventory.Service]) iter.Seq[job] {
	return func(yield func(job) bool) {
		for a, svc := range inv {
			j := job{agency: a.ID, svc: svc}
			if o, known := r.earlier(j); known {
				if !r.send(o) {
					return
				}
			} else if !yield(j) {
				return
			}
		}
	}
}

// earlier is what an earlier part of the run has of a service.
func (r *run) earlier(j job) (o outcome, known bool) {
	if !r.Resumed {
		return o, false
	}
	o.job = j
	if o.done, o.err = r.Book.Settled(j.key()); o.done || o.err != nil {
		return o, true
	}
	var looks []verdict.Record
	looks, o.err = r.Book.Looks(j.key())
	o.job.looks, o.waits = len(looks), len(looks) > 0
	return o, o.waits || o.err != nil
}

// further is a round of services that are to be looked at again, each when it is
// due; the first one brings a fresh probe.
func (r *run) further(jobs []job, round int) iter.Seq[job] {
	return func(yield func(job) bool) {
		for i, j := range jobs {
			r.wait(j.due)
			if i == 0 && r.Renew != nil && r.ctx.Err() == nil {
				r.Probe = r.Renew(r.ctx, round)
			}
			if !yield(j) {
				return
			}
		}
	}
}

func (r *run) wait(until time.Time) {
	r.due.Store(&until)
	defer r.due.Store(nil)
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.ctx.Done():
	case <-r.gone:
	}
}

// feed hands out the services; once the run is ending it records them as not
// measured instead.
func (r *run) feed(jobs iter.Seq[job]) {
	defer close(r.jobs)
	for j := range jobs {
		if r.ctx.Err() == nil {
			select {
			case r.jobs <- j:
				continue
			case <-r.ctx.Done():
			case <-r.gone:
				return
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

// collect takes in what comes until the workers have ended.
func (r *run) collect() error {
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
				return nil
			}
			if err := r.take(o); err != nil {
				r.drain()
				return fmt.Errorf("scan ended, a result could not be recorded (%s): %w", o.job.svc.Host, err)
			}
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
	p.Worst[worst(o.rec.Results)]++
}

func (r *run) report() {
	if r.Progress == nil {
		return
	}
	p := r.progress
	p.Total, p.Started = r.Total, int(r.started.Load())
	if due := r.due.Load(); due != nil {
		p.Due = *due
	}
	r.Progress(p)
}

// result is nil if the run's end kept no service from being measured, and
// measured again.
func (r *run) result() error {
	if r.stopped == 0 && r.open == 0 {
		return nil
	}
	return &Stopped{Why: why(r.ctx), Measured: r.progress.Done - r.progress.Unmeasured, Unmeasured: r.progress.Unmeasured, Open: r.open}
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
