package dial

import (
	"context"
	"sync"
	"time"
)

// Step returns a context for one step against one target, such as opening a
// connection, that ends d after the step began. Time spent waiting for a
// connection within a Limit is not part of it: the clock stands still there and
// starts anew when the wait is over, so a busy scanner does not look like a slow
// target. It ends with ctx in any case. As with context.WithTimeout the error is
// context.DeadlineExceeded, and cancel must be called.
func Step(ctx context.Context, d time.Duration) (step context.Context, cancel context.CancelFunc) {
	inner, end := context.WithCancelCause(ctx)
	s := &stepContext{Context: inner, length: d}
	s.timer = time.AfterFunc(d, func() { end(context.DeadlineExceeded) })
	return s, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.timer.Stop()
		end(context.Canceled)
	}
}

// stepContext is a context with a clock that can be held. Deadline is its
// parent's: its own end is not known before the wait is over.
type stepContext struct {
	context.Context
	length time.Duration

	mu    sync.Mutex
	timer *time.Timer
}

// Err tells the step's own end from a cancellation.
func (s *stepContext) Err() error {
	err := s.Context.Err()
	if err != nil && context.Cause(s.Context) == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}

type stepKey struct{}

func (s *stepContext) Value(key any) any {
	if _, ok := key.(stepKey); ok {
		return s
	}
	return s.Context.Value(key)
}

// hold stops the clocks of the steps that ctx belongs to, and returns what starts
// them anew; it does nothing to a step that is over.
func hold(ctx context.Context) (resume func()) {
	s, ok := ctx.Value(stepKey{}).(*stepContext)
	if !ok {
		return func() {}
	}
	outer := hold(s.Context)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.timer.Stop() {
		return outer
	}
	return func() {
		outer()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.Context.Err() == nil {
			s.timer.Reset(s.length)
		}
	}
}
