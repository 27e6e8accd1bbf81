package resolve

import "sync"

// generations is a map of bounded size: when the young generation is full it
// becomes the old one, and the old one goes. What is looked up moves to the
// young, so what is in use stays. Sizes are the callers' estimate in bytes.
type generations[K comparable, V any] struct {
	mu         sync.Mutex
	limit      int // of the young generation
	size       int
	young, old map[K]sized[V]
}

type sized[V any] struct {
	v    V
	size int
}

// newGenerations makes a map that holds about limit bytes in its two generations.
func newGenerations[K comparable, V any](limit int) *generations[K, V] {
	return &generations[K, V]{limit: limit / 2, young: make(map[K]sized[V])}
}

func (g *generations[K, V]) get(k K) (V, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(k)
}

func (g *generations[K, V]) find(k K) (V, bool) {
	if e, ok := g.young[k]; ok {
		return e.v, true
	}
	e, ok := g.old[k]
	if ok {
		delete(g.old, k)
		g.add(k, e)
	}
	return e.v, ok
}

func (g *generations[K, V]) put(k K, v V, size int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e, ok := g.young[k]; ok {
		g.size -= e.size
	}
	delete(g.old, k)
	g.add(k, sized[V]{v, size})
}

// getOrPut returns what is there under k, or puts what mk makes.
func (g *generations[K, V]) getOrPut(k K, size int, mk func() V) (v V, found bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v, ok := g.find(k); ok {
		return v, true
	}
	v = mk()
	g.add(k, sized[V]{v, size})
	return v, false
}

func (g *generations[K, V]) add(k K, e sized[V]) {
	if g.size+e.size > g.limit && len(g.young) > 0 {
		g.old, g.young, g.size = g.young, make(map[K]sized[V]), 0
	}
	g.young[k] = e
	g.size += e.size
}

func (g *generations[K, V]) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.young) + len(g.old)
}
