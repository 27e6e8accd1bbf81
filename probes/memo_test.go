package probes

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A question that many services ask at the same time goes out once.
func TestMemoAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, int]
		var asked atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				got, err := m.get(context.Background(), context.Background(), "k", func(context.Context) int {
					asked.Add(1)
					time.Sleep(time.Second)
					return 7
				})
				if got != 7 || err != nil {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// What one service alone asks for is forgotten, what many ask for is not.
func TestMemoForgets(t *testing.T) {
	m := memo[int, int]{most: 100}
	asked := 0
	ask := func(key int) {
		got, err := m.get(context.Background(), context.Background(), key, func(context.Context) int { asked++; return key })
		if got != key || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	}
	for i := range 10_000 {
		ask(i)
		ask(-1)
	}
	if asked != 10_001 {
		t.Errorf("asked %d times, want once for each key", asked)
	}
	if n := len(m.young) + len(m.old); n > 100 {
		t.Errorf("%d entries are kept, more than 100", n)
	}
}

// A service that takes long is told the same all the while, however many others go
// by: what it met at first is not tried again at its end.
func TestMemoHoldsForAService(t *testing.T) {
	m := memo[int, int]{most: 100}
	asked := map[int]int{}
	ask := func(ctx context.Context, key int) {
		_, _ = m.get(ctx, context.Background(), key, func(context.Context) int { asked[key]++; return key })
	}
	slow := holding(context.Background())
	for i := range 10 {
		ask(slow, -1)
		for k := range 1000 {
			ask(holding(context.Background()), 1000*i+k)
		}
	}
	if asked[-1] != 1 {
		t.Errorf("asked %d times for one service", asked[-1])
	}
	if n := len(m.young) + len(m.old); n > 100 {
		t.Errorf("%d entries are kept, more than 100", n)
	}
}

// One asker's deadline is not the others' answer.
func TestMemoOutlivesItsAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, int]
		slow := func(ctx context.Context) int {
			select {
			case <-time.After(time.Minute):
				return 7
			case <-ctx.Done():
				return -1
			}
		}
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := m.get(short, context.Background(), "k", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient asker got %v", err)
		}
		if got, err := m.get(context.Background(), context.Background(), "k", slow); got != 7 || err != nil {
			t.Errorf("the patient asker got %d, %v", got, err)
		}
	})
}

// A defect reaches every asker as a panic, so that the scanner can record it;
// it must not end the process in a goroutine nobody watches.
func TestMemoHandsPanicsOn(t *testing.T) {
	var m memo[string, int]
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _ = m.get(context.Background(), context.Background(), "k", func(context.Context) int { panic("defect") })
		}()
	}
}
