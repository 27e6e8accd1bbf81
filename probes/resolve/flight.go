package resolve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// flight is one look-up under way. Everybody with the same question waits for
// the same flight; it goes on as long as anybody waits.
type flight struct {
	q      question
	depth  int           // look-ups it is inside of
	budget *atomic.Int32 // packets left, shared with the look-ups inside it
	own    atomic.Int32  // what budget is where no other look-up is outside it
	cancel context.CancelFunc
	done   chan struct{}
	ans    *answer // after done

	log       exchanges
	minimised int  // questions asked with a part of the name; only its own goroutine uses this
	fallen    bool // it is looking for servers beyond the delegation; only its own goroutine uses this

	// Under Resolver.mu.
	waiters int
	waits   map[*flight]int // flights that this one waits for
	gated   *gate           // the gate it waits at
}

// gate lets one flight be the first to ask a zone about what lies below it, so
// that many names under one unknown delegation cost one referral.
type gate struct {
	owner *flight
	open  chan struct{}
}

var (
	errLoop  = errors.New("the look-up depends on itself")
	errDepth = errors.New("name servers of name servers of name servers: too deep")
)

// query answers from the cache, joins an equal look-up, or starts one. parent
// is the flight that needs the answer, nil for a caller from outside.
func (r *Resolver) query(ctx context.Context, parent *flight, q question) (*answer, error) {
	for try := 0; ; try++ {
		f, a, err := r.board(parent, q)
		if err != nil {
			return nil, err
		}
		if a == nil {
			if a, err = r.await(ctx, parent, f); err != nil {
				return nil, err
			}
		}
		if a.failure == nil {
			return a, nil
		}
		// Somebody else's budget or loop is not ours: ask ourselves, once.
		if a.failure.passing && f != nil && f.budget != budgetOf(parent) && try == 0 && ctx.Err() == nil {
			continue
		}
		return nil, a.failure
	}
}

func budgetOf(f *flight) *atomic.Int32 {
	if f == nil {
		return nil
	}
	return f.budget
}

// board returns a remembered answer, or the flight to wait for.
func (r *Resolver) board(parent *flight, q question) (*flight, *answer, error) {
	if a, ok := r.answers.get(q); ok && (a.failure == nil || time.Now().Before(a.until)) {
		return nil, a, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.flights[q]
	if f != nil {
		if parent != nil && f.leadsTo(parent, false) {
			return nil, nil, &Failure{Cause: verdict.OtherCause, Err: errLoop, passing: true}
		}
		if parent != nil && f.leadsTo(parent, true) {
			r.openGates() // the loop is of our own making
		}
	} else {
		// A flight that ended since the first look has left its answer.
		if a := r.answered(q); a != nil {
			return nil, a, nil
		}
		if parent != nil && parent.depth >= maxDepth {
			return nil, nil, &Failure{Cause: verdict.OverBudget, Err: errDepth, passing: true}
		}
		f = r.launch(parent, q)
	}
	f.waiters++
	if parent != nil {
		parent.wait(f)
	}
	return f, nil, nil
}

// answered returns what is remembered of a question if that is no failure, else nil.
func (r *Resolver) answered(q question) *answer {
	if a, ok := r.answers.get(q); ok && a.failure == nil {
		return a
	}
	return nil
}

// launch starts a flight; r.mu is held. It does not inherit the caller's
// context, which others who join do not share: it ends with its last waiter.
func (r *Resolver) launch(parent *flight, q question) *flight {
	f := &flight{q: q, done: make(chan struct{})}
	if parent != nil {
		f.depth, f.budget = parent.depth+1, parent.budget
	} else {
		f.budget = &f.own
		f.budget.Store(int32(min(r.cfg.MaxQueries, 1<<30)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	r.flights[q] = f
	r.crew.Do(func() {
		defer cancel()
		r.fly(ctx, f)
	})
	return f
}

// fly resolves, remembers and lands.
func (r *Resolver) fly(ctx context.Context, f *flight) {
	a := r.resolveSafely(ctx, f)
	own := f.log.close()
	if a.failure != nil {
		a.failure = a.failure.seal(own)
		a.exchanges = a.failure.exchanges
		a.until = time.Now().Add(failureLife) // not Config.Now, which may stand still
	} else if len(a.exchanges) == 0 {
		a.exchanges = own
	} else {
		a.exchanges = tail(slices.Concat(a.exchanges, own)) // others have the former
	}
	f.ans = a
	if ctx.Err() == nil && (a.failure == nil || !a.failure.passing && r.answered(f.q) == nil) {
		r.answers.put(f.q, a, a.size())
	}
	r.mu.Lock()
	if r.flights[f.q] == f {
		delete(r.flights, f.q)
	}
	r.mu.Unlock()
	close(f.done)
}

// resolveSafely turns a defect that a foreign message brought to light into a
// failure of its question: nobody above this goroutine could.
func (r *Resolver) resolveSafely(ctx context.Context, f *flight) (a *answer) {
	defer func() {
		if p := recover(); p != nil {
			a = &answer{failure: &Failure{Cause: verdict.Panicked, Err: defect(p)}}
		}
	}()
	return r.resolve(ctx, f)
}

// defect words a panic, with the place where it happened.
func defect(p any) error { return fmt.Errorf("defect: %v\n%s", p, debug.Stack()) }

// await waits for a flight as long as ctx lasts.
func (r *Resolver) await(ctx context.Context, parent, f *flight) (a *answer, err error) {
	select {
	case <-f.done:
		a = f.ans
	case <-ctx.Done():
		err = &Failure{Cause: dial.Classify(ctx.Err()), Err: ctx.Err(), passing: true,
			Evidence: evidence(f.log.all())}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if parent != nil {
		parent.unwait(f)
	}
	if f.waiters--; f.waiters == 0 && err != nil {
		f.cancel()
		if r.flights[f.q] == f {
			delete(r.flights, f.q) // whoever comes now starts afresh
		}
	}
	return a, err
}

// wait and unwait keep the edges of the graph of who waits for whom; Resolver.mu is held.
func (f *flight) wait(on *flight) {
	if f.waits == nil {
		f.waits = make(map[*flight]int)
	}
	f.waits[on]++
}

func (f *flight) unwait(on *flight) {
	if f.waits[on]--; f.waits[on] <= 0 {
		delete(f.waits, on)
	}
}

// leadsTo says whether f waits, over any number of others, for target: then
// target must not wait for f. Waiting at gates counts where gates is set.
// Resolver.mu is held.
func (f *flight) leadsTo(target *flight, gates bool) bool {
	seen := make(map[*flight]bool)
	var walk func(*flight) bool
	walk = func(x *flight) bool {
		if x == target {
			return true
		}
		if seen[x] {
			return false
		}
		seen[x] = true
		if gates && x.gated != nil && walk(x.gated.owner) {
			return true
		}
		for next := range x.waits {
			if walk(next) {
				return true
			}
		}
		return false
	}
	return walk(f)
}

// openGates lets everybody through; Resolver.mu is held.
func (r *Resolver) openGates() {
	for next, g := range r.gates {
		delete(r.gates, next)
		close(g.open)
	}
}

// gate waits until no other flight is asking z for what lies under the label
// below z on the way to q, and returns what to call when the question is over.
// waited says that somebody else has asked meanwhile, so the zone may be known.
func (r *Resolver) gate(ctx context.Context, f *flight, z *zone, q question) (release func(), waited bool) {
	next, labels := below(q.name, z.name)
	if labels == 0 || (labels == 1 && !z.delegates.Load()) {
		return func() {}, false // most likely an answer of the zone itself
	}
	r.mu.Lock()
	g := r.gates[next]
	if g == nil {
		g = &gate{f, make(chan struct{})}
		r.gates[next] = g
		r.mu.Unlock()
		return func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.gates[next] == g {
				delete(r.gates, next)
				close(g.open)
			}
		}, false
	}
	if g.owner.leadsTo(f, true) {
		r.mu.Unlock()
		return func() {}, false
	}
	f.gated = g
	r.mu.Unlock()
	select {
	case <-g.open:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.gated = nil
	return func() {}, true
}
