package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
)

// A socket carries few questions and lives shortly, so that who would forge a
// reply has to guess its port as well as the id (RFC 5452 9.2), and has no time to
// find the port out.
const (
	socketQuestions = 32
	socketLife      = 2 * time.Second
)

// sockets are the UDP sockets open to servers. Questions to one server that are
// under way at the same time share them: opening one costs more than a question.
type sockets struct {
	dial dial.Func
	mu   sync.Mutex
	open map[netip.AddrPort]*socket // those that take further questions
}

// socket is a connected UDP socket with the questions that wait on it.
type socket struct {
	in   *sockets
	to   netip.AddrPort
	conn net.Conn
	jar  cookie // what its questions carry, without the server's part
	born time.Time
	dead chan struct{} // closed when nothing more comes

	// Under sockets.mu.
	err     error // why dead is closed
	asked   int
	waiting map[uint16]*waiter
	ended   bool // takes no further questions
}

// waiter is one question under way.
type waiter struct {
	id uint16
	in chan *datagram
}

type datagram struct {
	n int
	b [4096]byte
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// waiterRoom is how many datagrams with a question's id wait to be looked at; more
// than one is a forgery or a copy.
const waiterRoom = 4

// join returns a socket to a server and a place on it, with an id that no other
// question on it has. ctx is that of opening one.
func (s *sockets) join(ctx context.Context, to netip.AddrPort, jar func(net.Addr) cookie) (*socket, *waiter, error) {
	s.mu.Lock()
	if k := s.open[to]; k != nil {
		if w := k.seat(); w != nil {
			s.mu.Unlock()
			return k, w, nil
		}
	}
	s.mu.Unlock()
	c, err := s.dial(ctx, network(to.Addr(), false), to.String())
	if err != nil {
		return nil, nil, err
	}
	k := &socket{in: s, to: to, conn: c, jar: jar(c.LocalAddr()), born: time.Now(), dead: make(chan struct{}), waiting: make(map[uint16]*waiter)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.open[to]; old != nil {
		old.end()
	}
	s.open[to] = k
	w := k.seat()
	go k.read()
	return k, w, nil
}

// seat adds a question, nil if the socket takes no more; sockets.mu is held.
func (k *socket) seat() *waiter {
	if k.asked >= socketQuestions || time.Since(k.born) > socketLife {
		k.end()
	}
	if k.ended {
		return nil
	}
	k.asked++
	w := &waiter{in: make(chan *datagram, waiterRoom)}
	for {
		w.id = uint16(rand.Uint32()) // a cryptographic generator, seeded by the system
		if k.waiting[w.id] == nil {
			k.waiting[w.id] = w
			return w
		}
	}
}

// end takes the socket out of use, and closes it if nobody waits; sockets.mu is held.
func (k *socket) end() {
	k.ended = true
	if k.in.open[k.to] == k {
		delete(k.in.open, k.to)
	}
	if len(k.waiting) == 0 {
		_ = k.conn.Close() // a datagram socket has nothing left to lose
	}
}

// leave takes a question off; without any the socket is closed.
func (k *socket) leave(w *waiter) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	delete(k.waiting, w.id)
	if len(k.waiting) == 0 {
		k.end()
	}
}

// read hands datagrams to those whose id they have, until the socket is closed.
func (k *socket) read() {
	d := datagrams.Get().(*datagram)
	for {
		n, err := k.conn.Read(d.b[:])
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
		k.in.mu.Lock()
		w := k.waiting[binary.BigEndian.Uint16(d.b[:])]
		k.in.mu.Unlock()
		if w == nil {
			continue
		}
		select {
		case w.in <- d:
			d = datagrams.Get().(*datagram)
		default: // a flood of forgeries
		}
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

// ask sends a question and waits until its reply comes or ctx is over: whatever
// has another question or cookie may be forged, and the right one may still follow.
// Unsent says that the socket had failed before, for another question.
func (k *socket) ask(ctx context.Context, w *waiter, wire []byte, a asked) (r received, unsent bool, err error) {
	defer k.leave(w)
	if _, err := k.conn.Write(wire); err != nil {
		k.fail(err)
		return received{}, true, err
	}
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
		case <-ctx.Done():
			if foreign != nil && !errors.Is(ctx.Err(), context.Canceled) {
				return received{}, false, foreign
			}
			return received{}, false, ctx.Err()
		}
	}
	return received{}, false, foreign
}
