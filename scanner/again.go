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
	if r.another(looks) {
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
	o.rec = merge(looks)
	r.count(o)
	return r.emit(o.rec, Settled)
}

// another reports whether a service is to be looked at again.
func (r *run) another(looks []verdict.Record) bool {
	switch {
	case len(looks) > r.Retests:
		return false
	case len(looks) > 1:
		return !settled(looks)
	}
	return doubtful(looks[0]) || r.Worse != nil && r.Worse(looks[0])
}

// maxDoublings bounds the wait of services that are looked at very often.
const maxDoublings = 10

func (r *run) schedule(j job) {
	j.due = time.Now().Add(r.RetestAfter << min(j.looks-1, maxDoublings))
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
