package probes

import (
	"context"
	"slices"
	"sync"

	"ready6/probes/crew"
)

// memo answers each question once a run, however many services ask it at the
// same time: name servers, mail hosts and pages are shared by thousands.
//
// With most set it forgets what has not been asked for since about that many others
// were: what belongs to one service alone, so that a run's memory does not grow
// with its services. What a service under way has been told, it is told again.
type memo[K comparable, V any] struct {
	most       int // 0: no limit
	crew       crew.Crew
	mu         sync.Mutex
	young, old map[K]*memoEntry[K, V]
}

type memoEntry[K comparable, V any] struct {
	of       *memo[K, V]
	key      K
	done     chan struct{}
	value    V
	panicked any
}

// get returns the value of key, computing it under base, not under the first
// asker's context: one asker's deadline must not become the others' answer.
// A panic in compute is raised again in every asker. The error is ctx's.
func (m *memo[K, V]) get(ctx, base context.Context, key K, compute func(context.Context) V) (V, error) {
	own, _ := ctx.Value(heldKey{}).(*held)
	if m.most == 0 {
		own = nil
	}
	m.mu.Lock()
	e, found := m.find(own, key)
	if !found {
		e = &memoEntry[K, V]{of: m, key: key, done: make(chan struct{})}
		m.keep(key, e)
		m.crew.Do(func() {
			defer close(e.done)
			defer func() { e.panicked = recover() }()
			e.value = compute(base)
		})
	}
	m.mu.Unlock()
	if own != nil {
		own.hold(e)
	}
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

// heldKey finds in a context what is held for its service.
type heldKey struct{}

// held are the entries that one service has been told: some hundreds at most.
type held struct {
	mu      sync.Mutex
	entries []any // *memoEntry
}

// holding returns a context for one service: what memos tell under it, they tell
// again under it.
func holding(ctx context.Context) context.Context {
	return context.WithValue(ctx, heldKey{}, new(held))
}

func (h *held) hold(entry any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.entries, entry) {
		h.entries = append(h.entries, entry)
	}
}

// find looks an entry up; one that was about to be forgotten, or that only this
// asker still has, is not any more.
func (m *memo[K, V]) find(own *held, key K) (*memoEntry[K, V], bool) {
	if e, ok := m.young[key]; ok {
		return e, true
	}
	e, ok := m.old[key]
	delete(m.old, key)
	if own != nil && !ok {
		e, ok = m.heldBy(own, key)
	}
	if ok {
		m.keep(key, e)
	}
	return e, ok
}

// heldBy looks an entry up among those that a service has been told.
func (m *memo[K, V]) heldBy(own *held, key K) (*memoEntry[K, V], bool) {
	own.mu.Lock()
	defer own.mu.Unlock()
	for _, h := range own.entries {
		if e, ok := h.(*memoEntry[K, V]); ok && e.of == m && e.key == key {
			return e, true
		}
	}
	return nil, false
}

// keep puts an entry in; when half of what may be there is young, the old go.
func (m *memo[K, V]) keep(key K, e *memoEntry[K, V]) {
	if m.young == nil || m.most > 0 && len(m.young) >= m.most/2 {
		m.old, m.young = m.young, make(map[K]*memoEntry[K, V])
	}
	m.young[key] = e
}
