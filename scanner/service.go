package scanner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"ready6/probes/verdict"
)

// one measures one service. The probe runs in a goroutine of its own, so that
// one which does not obey its context costs its own service and not the run. Late is a
// timer that nobody else uses meanwhile.
func (r *run) one(j job, late *time.Timer, slow func() bool) outcome {
	if r.ctx.Err() != nil {
		return r.skip(j)
	}
	r.started.Add(1)
	begin, clock := r.Now(), time.Now()
	ctx, cancel := r.hostContext()
	defer cancel()

	got := make(chan verdict.Record, 1) // buffered: a late record is dropped, its goroutine ends
	r.crew.Do(func() { r.guard(ctx, j, got) })
	if r.Waiting > 0 {
		late.Reset(slowAfter)
	}
	rec := r.await(ctx, j, got, late, slow)
	// The inventory's spelling is the key under which runs are compared.
	rec.Agency, rec.Host, rec.Kind, rec.Port = j.agency, j.svc.Host, j.svc.Kind, j.svc.Port
	if rec.At.IsZero() {
		rec.At = begin
	}
	if rec.Took == 0 {
		rec.Took = time.Since(clock)
	}
	if ctx.Err() == nil {
		return outcome{job: j, rec: rec}
	}
	o := r.complete(ctx, rec)
	o.job = j
	return o
}

// await waits for the record of a probe; each time that late is over, if it runs, it
// calls slow until that is true, less and less often, and it gives up a while after ctx
// has ended.
func (r *run) await(ctx context.Context, j job, got <-chan verdict.Record, late *time.Timer, slow func() bool) verdict.Record {
	var over <-chan time.Time
	end := ctx.Done()
	for after := slowAfter; ; {
		select {
		case rec := <-got:
			return rec
		case <-late.C:
			if !slow() {
				after = min(2*after, time.Second)
				late.Reset(after)
			}
		case <-end:
			end = nil
			grace := time.NewTimer(r.Grace)
			defer grace.Stop()
			over = grace.C
		case <-over:
			r.abandon(j)
			return verdict.Record{}
		}
	}
}

// slowAfter is from when on a service may count as Waiting: one whose servers are near
// is over by then.
const slowAfter = 10 * time.Millisecond

func (r *run) hostContext() (context.Context, context.CancelFunc) {
	if r.HostTimeout > 0 {
		return context.WithTimeoutCause(r.ctx, r.HostTimeout, errHost)
	}
	return context.WithCancel(r.ctx)
}

// guard calls the probe and sends exactly one record, whatever the probe does.
func (r *run) guard(ctx context.Context, j job, got chan<- verdict.Record) {
	var rec verdict.Record
	returned := false
	defer func() {
		if v := recover(); !returned { // a panic, or runtime.Goexit
			r.Log.Error().Str("agency", j.agency).Str("host", j.svc.Host).Str("service", j.svc.Kind).
				Str("panic", fmt.Sprint(v)).Str("stack", string(debug.Stack())).
				Msg("a probe crashed; the service is recorded as unknown")
			rec.Results = r.unknowns(j.svc.Host, j.svc.Kind, excuse{reason: "scan.panic", cause: verdict.Panicked})
		}
		got <- rec
	}()
	rec = r.Probe(ctx, j.agency, j.svc)
	returned = true
}

// abandon gives up on a probe that does not end when told to. As many as there
// are workers may go on like that; one more and the run stops, because what
// they hold is never freed.
func (r *run) abandon(j job) {
	r.Log.Error().Str("agency", j.agency).Str("host", j.svc.Host).Str("service", j.svc.Kind).Dur("grace", r.Grace).
		Msg("a probe does not end when told to; the service is recorded as unknown")
	if r.stuck.Add(1) > int64(r.Workers) {
		r.cancel(ErrStuck)
	}
}

// complete adds an unknown result for each check that the probe, whose context
// has ended, says nothing about.
func (r *run) complete(ctx context.Context, rec verdict.Record) outcome {
	has := make(map[verdict.Check]bool)
	cut := false
	for _, res := range rec.Results {
		has[res.Check] = true
		cut = cut || res.Outcome() == verdict.Unknown
	}
	for _, u := range r.unknowns(rec.Host, rec.Kind, r.excuse(ctx)) {
		if !has[u.Check] {
			rec.Results = append(rec.Results, u)
			cut = true
		}
	}
	return outcome{rec: rec, cut: cut, stopped: cut && r.ctx.Err() != nil}
}

// skip is the outcome of a service that was not started because the run is
// ending.
func (r *run) skip(j job) outcome {
	return outcome{job: j, cut: true, stopped: true, rec: verdict.Record{
		Agency: j.agency, Host: j.svc.Host, Kind: j.svc.Kind, Port: j.svc.Port, At: r.Now(),
		Results: r.unknowns(j.svc.Host, j.svc.Kind, r.excuse(r.ctx)),
	}}
}

// excuse says why something was not measured.
type excuse struct {
	reason verdict.Reason
	cause  verdict.Cause
	limit  time.Duration // for the deadlines
}

// excuse reads it off a context that has ended.
func (r *run) excuse(ctx context.Context) excuse {
	if errors.Is(context.Cause(ctx), errHost) {
		return excuse{"scan.host-deadline", verdict.Deadline, r.HostTimeout}
	}
	if !errors.Is(why(ctx), ErrDeadline) {
		return excuse{reason: "scan.interrupted", cause: verdict.Cancelled}
	}
	limit := r.RunTimeout
	if !errors.Is(context.Cause(ctx), ErrDeadline) { // the caller's own deadline came first
		limit = time.Since(r.start).Round(time.Second)
	}
	return excuse{"scan.deadline", verdict.Deadline, limit}
}

// unknowns is one unknown result for each check that was asked of this kind of
// service.
func (r *run) unknowns(host, kind string, e excuse) []verdict.Result {
	args := map[string]string{"cause": string(e.cause)}
	if e.limit > 0 {
		args["limit"] = e.limit.String()
	}
	now := r.Now()
	var results []verdict.Result
	for _, c := range r.Checks {
		if c == verdict.Mail && kind != "mail" || c == verdict.Reverse {
			continue
		}
		results = append(results, verdict.Result{
			Check: c, Reason: e.reason, Subject: host, Args: maps.Clone(args), At: now,
			Owner: verdict.Owner{Role: verdict.Operator},
		})
	}
	return results
}
