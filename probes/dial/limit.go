package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Exhausted means that no connection could be opened within the limits before
// the caller's time was over: nothing was sent.
type Exhausted struct {
	Address string
	Err     error // the context's
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("no free connection to %s: %v", e.Address, e.Err)
}
func (e *Exhausted) Unwrap() error { return e.Err }

// Limits are the most connections that may be open at once, over all ports and
// transports. Zero or less is no limit.
type Limits struct {
	PerAddress int // to one remote address
	PerNetwork int // to one Network
	Total      int
	Meter      *Meter // of the time spent waiting; may be nil
}

// Limit returns a Func that keeps to the limits. A dial above one of them waits
// for its turn until its context is over; the error is then *Exhausted, or the
// context's own if it was cancelled. The wait is not counted as part of a Step.
// A slot is held until the connection is closed. A connection with a method Wanted
// tells by it whether anybody waits: who has no use for it just now had better close it.
func Limit(next Func, most Limits) Func {
	l := &limiter{most: most, slots: make(map[netip.Prefix]*slots)}
	if most.Total > 0 {
		l.total = make(chan struct{}, most.Total)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		release, err := l.acquire(ctx, address)
		if err != nil {
			return nil, err
		}
		c, err := next(ctx, network, address)
		if err != nil {
			release()
			return nil, err
		}
		lc := &limitedConn{Conn: c, of: l, release: sync.OnceFunc(release)}
		if pc, ok := c.(net.PacketConn); ok {
			return &limitedPacketConn{lc, pc}, nil
		}
		return lc, nil
	}
}

type limiter struct {
	most    Limits
	total   chan struct{} // nil: no limit
	waiting atomic.Int64  // dials that wait for a slot of any kind
	mu      sync.Mutex
	slots   map[netip.Prefix]*slots // of addresses and networks in use only, so it stays as small as the load
}

type slots struct {
	busy  chan struct{}
	users int // holding or waiting; at zero the entry goes
}

// acquire takes the address's slot first, then the network's, so that whoever
// queues for a busy address holds nothing that others could use.
func (l *limiter) acquire(ctx context.Context, address string) (release func(), err error) {
	var held []func()
	release = func() {
		for _, f := range held {
			f()
		}
	}
	if at, err := netip.ParseAddrPort(address); err == nil {
		a := at.Addr().Unmap().WithZone("")
		for _, s := range []struct {
			of   netip.Prefix
			most int
		}{{netip.PrefixFrom(a, a.BitLen()), l.most.PerAddress}, {Network(a), l.most.PerNetwork}} {
			if s.most <= 0 {
				continue
			}
			leave, err := l.enter(ctx, s.of, s.most, address)
			if err != nil {
				release()
				return nil, err
			}
			held = append(held, leave)
		}
	}
	if l.total != nil {
		if err := l.take(ctx, l.total, address); err != nil {
			release()
			return nil, err
		}
		held = append(held, func() { <-l.total })
	}
	return release, nil
}

func (l *limiter) take(ctx context.Context, busy chan struct{}, address string) error {
	select {
	case busy <- struct{}{}:
		return nil
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	defer hold(ctx)()
	defer l.most.Meter.Clock(Waiting)()
	select {
	case busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return &Exhausted{address, ctx.Err()}
	}
}

// enter takes a slot of an address or a network; leave gives it back.
func (l *limiter) enter(ctx context.Context, of netip.Prefix, most int, address string) (leave func(), err error) {
	l.mu.Lock()
	s := l.slots[of]
	if s == nil {
		s = &slots{busy: make(chan struct{}, most)}
		l.slots[of] = s
	}
	s.users++
	l.mu.Unlock()
	if err := l.take(ctx, s.busy, address); err != nil {
		l.leave(of, s)
		return nil, err
	}
	return func() {
		<-s.busy
		l.leave(of, s)
	}, nil
}

func (l *limiter) leave(of netip.Prefix, s *slots) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(l.slots, of)
	}
}

// limitedConn gives its slot back when closed, once.
type limitedConn struct {
	net.Conn
	of      *limiter
	release func()
}

// Wanted reports whether others wait for a slot, perhaps for this one.
func (c *limitedConn) Wanted() bool { return c.of.waiting.Load() > 0 }

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite ends the sending half where the connection has one (TCP).
func (c *limitedConn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// limitedPacketConn stays a net.PacketConn: DNS code tells UDP from TCP by it.
type limitedPacketConn struct {
	*limitedConn
	pc net.PacketConn
}

func (c *limitedPacketConn) ReadFrom(p []byte) (int, net.Addr, error) { return c.pc.ReadFrom(p) }
func (c *limitedPacketConn) WriteTo(p []byte, a net.Addr) (int, error) {
	return c.pc.WriteTo(p, a)
}
