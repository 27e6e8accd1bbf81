package probes

import (
	"context"
	"net/netip"
	"sync"
)

// What is under way at the same time, in attempts of one connection each: at
// one address, and in all. Config lowers them where its dial.Func allows less,
// so that who waits for a connection has not begun.
const (
	perAddress = 2
	inAll      = 256
)

// gate lets so many attempts through at a time. Who waits here has not begun: a
// busy scanner must not look like a slow server.
type gate struct {
	each  int // places at one address
	all   chan struct{}
	mu    sync.Mutex
	addrs map[netip.Addr]*slot
}

// slot is the places at one address; users hold one or wait for one.
type slot struct {
	places chan struct{}
	users  int
}

// newGate returns a gate no wider than the limits given; 0 is no limit.
func newGate(each, all int) *gate {
	narrow := func(limit, given int) int {
		if given > 0 {
			return min(limit, given)
		}
		return limit
	}
	return &gate{each: narrow(perAddress, each), all: make(chan struct{}, narrow(inAll, all)), addrs: make(map[netip.Addr]*slot)}
}

// enter waits for a turn at a, as long as ctx lasts. The error is ctx's.
func (g *gate) enter(ctx context.Context, a netip.Addr) (leave func(), err error) {
	g.mu.Lock()
	s := g.addrs[a]
	if s == nil {
		s = &slot{places: make(chan struct{}, g.each)}
		g.addrs[a] = s
	}
	s.users++
	g.mu.Unlock()
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(g.addrs, a)
		}
	}
	for i, places := range []chan struct{}{s.places, g.all} {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if i == 1 {
				<-s.places
			}
			forget()
			return nil, ctx.Err()
		}
	}
	return func() {
		<-g.all
		<-s.places
		forget()
	}, nil
}
