package probes

import (
	"context"
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
	young, old map[K]*memoEntry[V]
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
	own, _ := ctx.Value(heldKey{}).(*sync.Map)
	m.mu.Lock()
	e, found := m.find(own, key)
	if !found {
		e = &memoEntry[V]{done: make(chan struct{})}
		m.keep(key, e)
		m.crew.Do(func() {
			defer close(e.done)
			defer func() { e.panicked = recover() }()
			e.value = compute(base)
		})
	}
	m.mu.Unlock()
	if own != nil && m.most > 0 {
		own.Store(holdOf[K, V]{m, key}, e)
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

type holdOf[K comparable, V any] struct {
	of  *memo[K, V]
	key K
}

// holding returns a context for one service: what memos tell under it, they tell
// again under it.
func holding(ctx context.Context) context.Context {
	return context.WithValue(ctx, heldKey{}, new(sync.Map))
}

// find looks an entry up; one that was about to be forgotten, or that only this
// asker still has, is not any more.
func (m *memo[K, V]) find(own *sync.Map, key K) (*memoEntry[V], bool) {
	if e, ok := m.young[key]; ok {
		return e, true
	}
	e, ok := m.old[key]
	delete(m.old, key)
	if own != nil && !ok {
		var held any
		if held, ok = own.Load(holdOf[K, V]{m, key}); ok {
			e = held.(*memoEntry[V])
		}
	}
	if ok {
		m.keep(key, e)
	}
	return e, ok
}

// keep puts an entry in; when half of what may be there is young, the old go.
func (m *memo[K, V]) keep(key K, e *memoEntry[V]) {
	if m.young == nil || m.most > 0 && len(m.young) >= m.most/2 {
		m.old, m.young = m.young, make(map[K]*memoEntry[V])
	}
	m.young[key] = e
}
