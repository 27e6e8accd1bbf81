package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
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

// Limit returns a Func that keeps at most perAddr connections open to one
// remote address, over all ports and transports, and at most total in all.
// Zero or less means no limit. A dial above a limit waits for its turn until
// its context is over; the error is then *Exhausted, or the context's own if
// it was cancelled. The wait is not counted as part of a Step. A slot is held
// until the connection is closed.
func Limit(next Func, perAddr, total int) Func {
	l := &limiter{perAddr: perAddr, addrs: make(map[string]*slots)}
	if total > 0 {
		l.total = make(chan struct{}, total)
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
		lc := &limitedConn{Conn: c, release: sync.OnceFunc(release)}
		if pc, ok := c.(net.PacketConn); ok {
			return &limitedPacketConn{lc, pc}, nil
		}
		return lc, nil
	}
}

type limiter struct {
	perAddr int
	total   chan struct{} // nil: no limit
	mu      sync.Mutex
	addrs   map[string]*slots // only addresses in use, so it stays as small as the load
}

type slots struct {
	busy  chan struct{}
	users int // holding or waiting; at zero the entry goes
}

// acquire takes the address's slot first, so that whoever queues for a busy
// address holds nothing that others could use.
func (l *limiter) acquire(ctx context.Context, address string) (release func(), err error) {
	leave := func() {}
	if l.perAddr > 0 {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		s := l.enter(host)
		if err := take(ctx, s.busy, address); err != nil {
			l.leave(host, s)
			return nil, err
		}
		leave = func() {
			<-s.busy
			l.leave(host, s)
		}
	}
	if l.total == nil {
		return leave, nil
	}
	if err := take(ctx, l.total, address); err != nil {
		leave()
		return nil, err
	}
	return func() {
		<-l.total
		leave()
	}, nil
}

func take(ctx context.Context, busy chan struct{}, address string) error {
	select {
	case busy <- struct{}{}:
		return nil
	default:
	}
	defer hold(ctx)()
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

func (l *limiter) enter(host string) *slots {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.addrs[host]
	if s == nil {
		s = &slots{busy: make(chan struct{}, l.perAddr)}
		l.addrs[host] = s
	}
	s.users++
	return s
}

func (l *limiter) leave(host string, s *slots) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(l.addrs, host)
	}
}

// limitedConn gives its slot back when closed, once.
type limitedConn struct {
	net.Conn
	release func()
}

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
