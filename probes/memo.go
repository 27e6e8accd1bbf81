package probes

import (
	"context"
	"sync"
)

// memo answers each question once a run, however many services ask it at the
// same time: name servers, mail hosts and pages are shared by thousands.
type memo[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*memoEntry[V]
}

type memoEntry[V any] struct {
	done     chan struct{}
	value    V
	panicked any
}

// get returns the value of key, computing it under base, not under the first
// asker's context: one asker's deadline must not become the others' answer.
// A panic in compute is raised again in every asker. The error is ctx's.
func (m *memo[K, V]) get(ctx, base context.Context, key K, compute func(context.Context) V) (V, error) {
	m.mu.Lock()
	if m.entries == nil {
		m.entries = make(map[K]*memoEntry[V])
	}
	e, found := m.entries[key]
	if !found {
		e = &memoEntry[V]{done: make(chan struct{})}
		m.entries[key] = e
		go func() {
			defer close(e.done)
			defer func() { e.panicked = recover() }()
			e.value = compute(base)
		}()
	}
	m.mu.Unlock()
	select {
	case <-e.done:
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
	if e.panicked != nil {
		panic(e.panicked)
	}
	return e.value, nil
}
