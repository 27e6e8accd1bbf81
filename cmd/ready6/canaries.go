package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/verdict"
	"ready6/scanner"
)

// A vantage that has lost something is looked at this often before it is
// believed.
const canaryLooks = 3

// canaries see to it that the vantage is at the end of a run what it was at its
// beginning. A run during which it was not is kept, and withheld.
type canaries struct {
	j      *job
	before []verdict.Result // the preflight of the run
	pause  time.Duration    // between looks

	half chan struct{} // closed at half of the run
	once sync.Once

	mu   sync.Mutex
	lost []verdict.Result // what speaks against the run
	err  error            // that this could not be written down
}

// newCanaries begins with what an earlier part of the run lost.
func newCanaries(j *job, before []verdict.Result) *canaries {
	k := &canaries{j: j, before: before, pause: 10 * time.Second, half: make(chan struct{}), lost: j.last.Withheld}
	if j.set.lab != nil {
		k.pause = 100 * time.Millisecond
	}
	return k
}

// faults are the results that speak against the run: a canary that is not as it
// should be, and what the vantage has no longer. What it never had is known, and
// what rests on it is unknown.
func (k *canaries) faults(results []verdict.Result) (out []verdict.Result) {
	for _, r := range results {
		switch r.Reason {
		case "vantage.canary-good-fails", "vantage.canary-bad-passes":
		case "vantage.no-family", "vantage.anchor-bad":
			if slices.ContainsFunc(k.before, func(b verdict.Result) bool { return b.Reason == r.Reason && b.Subject == r.Subject }) {
				continue
			}
		default:
			continue
		}
		out = append(out, r)
	}
	return out
}

// prove looks at the vantage anew and returns the Env that did so last. What
// fails at every look is held against the run.
func (k *canaries) prove(ctx context.Context, config func() probes.Config) *probes.Env {
	for n := 1; ; n++ {
		env := probes.New(k.j.base, config())
		_, results := env.Preflight(ctx)
		lost := k.faults(results)
		if len(lost) == 0 || k.doubted() || ctx.Err() != nil { // what an end cut short says nothing
			return env
		}
		if n == canaryLooks {
			k.withhold(lost)
			return env
		}
		select {
		case <-time.After(k.pause << (n - 1)):
		case <-ctx.Done():
		}
	}
}

// check proves the vantage without measuring anything else.
func (k *canaries) check(ctx context.Context) {
	if k.doubted() {
		return
	}
	k.prove(ctx, func() probes.Config {
		c := k.j.set.fresh()
		c.Inventory = inventory.Inventory{Canaries: c.Inventory.Canaries}
		return c
	})
}

// watch checks now and then, and at half of the run, until it is told to stop.
func (k *canaries) watch(ctx context.Context, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		half := k.half
		for {
			select {
			case <-ctx.Done():
				return
			case <-half:
				half = nil
			case <-tick.C:
			}
			k.check(ctx)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// progress notices the half of the run.
func (k *canaries) progress(p scanner.Progress) {
	if seen := p.Done + p.Again; p.Total > 0 && 2*seen >= p.Total {
		k.once.Do(func() { close(k.half) })
	}
}

// withhold marks the run, by the first that finds it in doubt.
func (k *canaries) withhold(lost []verdict.Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lost) > 0 {
		return
	}
	k.lost = lost
	if k.j.writer != nil && k.err == nil {
		k.err = k.j.writer.Withhold(lost...)
	}
}

// doubted reports whether the run is withheld already: nothing more can be lost.
func (k *canaries) doubted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.lost) > 0
}

// verdict names what failed; empty: the run may be published.
func (k *canaries) verdict(l verdict.Lang) (said string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []string
	for _, r := range k.lost {
		list = append(list, r.Title(l))
	}
	return strings.Join(list, "; "), k.err
}
