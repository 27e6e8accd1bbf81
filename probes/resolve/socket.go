package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
)

// A socket carries few questions and lives shortly, so that who would forge a
// reply has to guess its port as well as the id (RFC 5452 9.2), and has no time to
// find the port out. Without a question it waits a moment for the next.
const (
	socketQuestions = 32
	socketLife      = 2 * time.Second
	socketIdle      = 100 * time.Millisecond
)

// door is the way to one server address over UDP. Questions that are under way at
// the same time share its socket: opening one costs more than a question.
type door struct {
	opening chan struct{} // full while a socket is opened: whoever waits finds a seat on it
	mu      sync.Mutex
	open    *socket // that takes further questions; nil if none
}

// socket is a connected UDP socket with the questions that wait on it.
type socket struct {
	in   *door
	conn net.Conn
	jar  cookie // what its questions carry, without the server's part
	born time.Time
	dead chan struct{} // closed when nothing more comes

	// Under door.mu.
	err     error // why dead is closed
	asked   int
	waiting map[uint16]*waiter
	ended   bool      // takes no further questions
	left    time.Time // when the last question was off
	untimed bool      // no read deadline is set till then
}

// waiter is one question under way. It is used again for others.
type waiter struct {
	id   uint16
	in   chan *datagram
	over *time.Timer
}

// free lets go of what came for it, once it is off its socket.
func (r *Resolver) free(w *waiter) {
	w.over.Stop()
	for {
		select {
		case d := <-w.in:
			datagrams.Put(d)
		default:
			r.waiters.Put(w)
			return
		}
	}
}

func (r *Resolver) waiter() *waiter {
	if w, ok := r.waiters.Get().(*waiter); ok {
		return w
	}
	w := &waiter{in: make(chan *datagram, waiterRoom), over: time.NewTimer(time.Hour)}
	w.over.Stop()
	return w
}

type datagram struct {
	n int
	b [4096]byte
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// waiterRoom is how many datagrams with a question's id wait to be looked at; more
// than one is a forgery or a copy.
const waiterRoom = 4

// seat returns a socket to a server and a place on it, with an id that no other
// question on it has. Opening one takes at most wait.
func (r *Resolver) seat(ctx context.Context, srv *server, wait time.Duration) (*socket, *waiter, error) {
	d := &srv.door
	w := r.waiter()
	if k := d.seat(w); k != nil {
		return k, w, nil
	}
	k, err := r.open(ctx, srv, w, wait)
	if err != nil {
		r.free(w)
		return nil, nil, err
	}
	return k, w, nil
}

// open opens a socket for a question, and for others that follow.
func (r *Resolver) open(ctx context.Context, srv *server, w *waiter, wait time.Duration) (*socket, error) {
	d := &srv.door
	select {
	case d.opening <- struct{}{}:
		defer func() { <-d.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k := d.seat(w); k != nil {
		return k, nil
	}
	try, cancel := dial.Step(ctx, wait)
	defer cancel()
	to := netip.AddrPortFrom(srv.addr, r.cfg.Port)
	c, err := r.cfg.Dial(try, network(srv.addr, false), to.String())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	k := &socket{in: d, conn: c, jar: r.cookieFor(c.LocalAddr(), srv.addr), born: now, left: now,
		dead: make(chan struct{}), waiting: make(map[uint16]*waiter)}
	_ = c.SetReadDeadline(now.Add(socketIdle))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = k
	k.take(w)
	go k.read()
	return k, nil
}

// seat finds a place on the open socket; nil if there is none.
func (d *door) seat(w *waiter) *socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.open
	if k == nil {
		return nil
	}
	if k.asked >= socketQuestions || time.Since(k.born) > socketLife {
		k.end()
		return nil
	}
	k.take(w)
	return k
}

// take adds a question; door.mu is held.
func (k *socket) take(w *waiter) {
	k.asked++
	for {
		w.id = uint16(rand.Uint32()) // a cryptographic generator, seeded by the system
		if k.waiting[w.id] == nil {
			k.waiting[w.id] = w
			return
		}
	}
}

// end takes the socket out of use, and closes it if nobody waits; door.mu is held.
func (k *socket) end() {
	k.ended = true
	if k.in.open == k {
		k.in.open = nil
	}
	if len(k.waiting) == 0 {
		_ = k.conn.Close() // a datagram socket has nothing left to lose
	}
}

// leave takes a question off. A socket that brought no reply does not wait for more,
// nor does one whose place others wait for.
func (k *socket) leave(w *waiter, replied bool) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	delete(k.waiting, w.id)
	if len(k.waiting) > 0 {
		return
	}
	k.left = time.Now()
	if k.ended || !replied || k.asked >= socketQuestions || k.wanted() {
		k.end()
		return
	}
	if k.untimed {
		k.untimed = false
		_ = k.conn.SetReadDeadline(k.left.Add(socketIdle))
	}
}

// wanted reports whether questions to other servers wait for a connection (see dial.Limit).
func (k *socket) wanted() bool {
	c, limited := k.conn.(interface{ Wanted() bool })
	return limited && c.Wanted()
}

// rest decides, when nothing came for a while, whether the socket stays open.
func (k *socket) rest() {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	idle := k.left.Add(socketIdle)
	switch {
	case len(k.waiting) > 0:
		k.untimed, idle = true, time.Time{}
	case !time.Now().Before(idle):
		k.end()
		return
	}
	_ = k.conn.SetReadDeadline(idle)
}

// read hands datagrams to those whose id they have, until the socket is closed.
func (k *socket) read() {
	d := datagrams.Get().(*datagram)
	for {
		n, err := k.conn.Read(d.b[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			k.rest()
			continue
		}
		if err != nil {
			datagrams.Put(d)
			k.fail(err)
			close(k.dead)
			return
		}
		d.n = n
		if n < 12 {
			continue
		}
		if k.hand(d) {
			d = datagrams.Get().(*datagram)
		}
	}
}

// hand gives a datagram to the question whose id it has; false if there is none, or
// a flood of forgeries.
func (k *socket) hand(d *datagram) bool {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	w := k.waiting[binary.BigEndian.Uint16(d.b[:])]
	if w == nil {
		return false
	}
	select {
	case w.in <- d:
		return true
	default:
		return false
	}
}

// fail ends the socket with what the network said of one of its questions: of
// which, nobody can tell.
func (k *socket) fail(err error) {
	k.in.mu.Lock()
	if k.err == nil {
		k.err = err
	}
	k.end()
	k.in.mu.Unlock()
	_ = k.conn.Close()
}

// received is a reply and its size in bytes.
type received struct {
	m *dns.Msg
	n int
}

// ask sends a question and waits until its reply comes, for as long as wait, or ctx
// is over: whatever has another question or cookie may be forged, and the right one
// may still follow. Unsent says that the socket had failed before, for another question.
func (k *socket) ask(ctx context.Context, w *waiter, wait time.Duration, wire []byte, a asked) (r received, unsent bool, err error) {
	defer func() { k.leave(w, err == nil) }()
	if _, err := k.conn.Write(wire); dial.HeldBack(err) {
		return received{}, false, err // others wait on this socket for what was sent
	} else if err != nil {
		k.fail(err)
		return received{}, true, err
	}
	w.over.Reset(wait)
	var foreign error
	for range maxBad {
		select {
		case d := <-w.in:
			m, err := parse(d.b[:d.n], a)
			n := d.n
			datagrams.Put(d)
			if !errors.Is(err, errForeign) {
				return received{m, n}, false, err
			}
			foreign = err
		case <-k.dead:
			return received{}, false, k.err
		case <-w.over.C:
			if foreign == nil {
				foreign = context.DeadlineExceeded
			}
			return received{}, false, foreign
		case <-ctx.Done():
			if foreign != nil && !errors.Is(ctx.Err(), context.Canceled) {
				return received{}, false, foreign
			}
			return received{}, false, ctx.Err()
		}
	}
	return received{}, false, foreign
}
