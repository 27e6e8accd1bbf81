package scanner

import (
	"fmt"
	"time"

	"ready6/probes/verdict"
)

// take decides what becomes of a service.
func (r *run) take(o outcome) error {
	switch {
	case o.err != nil:
		return o.err
	case o.done:
		r.progress.Done++
		return nil
	case o.waits:
		r.progress.Again++
		r.schedule(o.job)
		return nil
	case o.stopped && o.job.looks > 0: // what the earlier looks found is more than what this one did not
		r.again = append(r.again, o.job)
		return nil
	case o.stopped:
		r.count(o)
		return r.emit(o.rec, Cut)
	}
	looks := []verdict.Record{o.rec}
	if o.job.looks > 0 {
		earlier, err := r.Book.Looks(o.job.key())
		if err != nil {
			return err
		}
		looks = append(earlier, o.rec)
	}
	rec, open := Opinion(looks)
	if len(looks) == 1 && !open && r.Retests > 0 && r.Worse != nil {
		open = r.Worse(rec)
	}
	if open && len(looks) <= r.Retests {
		if len(looks) == 1 {
			r.progress.Again++
		}
		o.job.looks = len(looks)
		r.schedule(o.job)
		return r.Book.Look(o.rec)
	}
	if len(looks) > 1 {
		r.progress.Again--
	}
	o.rec = rec
	r.count(o)
	return r.emit(rec, Settled)
}

// Pause is the wait after the n-th look (1 and up): doubled each time, up to about
// a thousandfold.
func Pause(after time.Duration, n int) time.Duration { return after << min(n-1, 10) }

func (r *run) schedule(j job) {
	j.due = time.Now().Add(Pause(r.RetestAfter, j.looks))
	r.again = append(r.again, j)
}

// leave emits what the end of the run has kept from being looked at again.
func (r *run) leave() error {
	for _, j := range r.again {
		looks, err := r.Book.Looks(j.key())
		if err != nil {
			return fmt.Errorf("scan ended, a result could not be read back (%s): %w", j.svc.Host, err)
		}
		r.open++
		rec := merge(looks)
		r.count(outcome{rec: rec})
		if err := r.emit(rec, Open); err != nil {
			return fmt.Errorf("scan ended, a result could not be recorded (%s): %w", j.svc.Host, err)
		}
	}
	return nil
}
