package lab

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// streamBuffer bounds what one direction of a stream holds, as a socket buffer
// would: a writer waits while the reader does not read.
const streamBuffer = 256 << 10

// half is one direction of a stream. Every change wakes all waiters by closing
// the channel they hold.
type half struct {
	mu      sync.Mutex
	buf     []byte
	readErr error // what the reader gets once buf is empty; nil: wait
	sendErr error // what the writer gets at once
	changed chan struct{}
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

// update runs f under the lock and wakes everybody.
func (h *half) update(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) read(b []byte, d *deadline) (int, error) {
	for {
		if d.passed() {
			return 0, os.ErrDeadlineExceeded
		}
		h.mu.Lock()
		if len(h.buf) > 0 {
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			close(h.changed)
			h.changed = make(chan struct{})
			h.mu.Unlock()
			return n, nil
		}
		err, changed := h.readErr, h.changed
		h.mu.Unlock()
		if err != nil || len(b) == 0 {
			return 0, err
		}
		select {
		case <-changed:
		case <-d.wait():
		}
	}
}

func (h *half) write(b []byte, d *deadline) (int, error) {
	sent := 0
	for {
		if d.passed() {
			return sent, os.ErrDeadlineExceeded
		}
		h.mu.Lock()
		if h.sendErr != nil {
			defer h.mu.Unlock()
			return sent, h.sendErr
		}
		if n := min(len(b)-sent, streamBuffer-len(h.buf)); n > 0 {
			h.buf = append(h.buf, b[sent:sent+n]...)
			sent += n
			close(h.changed)
			h.changed = make(chan struct{})
		}
		changed := h.changed
		h.mu.Unlock()
		if sent == len(b) {
			return sent, nil
		}
		select {
		case <-changed:
		case <-d.wait():
		}
	}
}

// deadline is a point in time that wakes whoever waits for it; it can be moved.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{} // closed when the time has come
}

func newDeadline() *deadline { return &deadline{over: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // the old timer has fired or is about to
	}
	d.timer = nil
	select {
	case <-d.over:
		d.over = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { close(over) })
		return
	}
	close(over)
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) passed() bool {
	select {
	case <-d.wait():
		return true
	default:
		return false
	}
}

// stream is one end of an in-memory TCP connection. Unlike net.Pipe it buffers:
// TLS sends its close alert without waiting for the peer to read it.
type stream struct {
	in, out       *half
	local, remote net.Addr
	rd, wd        *deadline
}

// newStream returns both ends of a connection between two addresses.
func newStream(client, server net.Addr) (*stream, *stream) {
	up, down := newHalf(), newHalf()
	c := &stream{in: down, out: up, local: client, remote: server, rd: newDeadline(), wd: newDeadline()}
	s := &stream{in: up, out: down, local: server, remote: client, rd: newDeadline(), wd: newDeadline()}
	return c, s
}

// fail wraps an error as package net does; io.EOF stays bare.
func (s *stream) fail(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: s.local, Addr: s.remote, Err: err}
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.in.read(b, s.rd)
	return n, s.fail("read", err)
}

func (s *stream) Write(b []byte) (int, error) {
	n, err := s.out.write(b, s.wd)
	return n, s.fail("write", err)
}

// Close ends both directions: the peer reads what is buffered, then io.EOF, and
// may not write any more.
func (s *stream) Close() error {
	s.out.update(func() { s.out.readErr, s.out.sendErr = first(s.out.readErr, io.EOF), net.ErrClosed })
	s.in.update(func() {
		s.in.buf, s.in.readErr = nil, net.ErrClosed
		s.in.sendErr = first(s.in.sendErr, os.NewSyscallError("write", syscall.EPIPE))
	})
	s.rd.set(time.Time{})
	s.wd.set(time.Time{})
	return nil
}

// CloseWrite sends a FIN: the peer reads io.EOF, this end may still read.
func (s *stream) CloseWrite() error {
	s.out.update(func() { s.out.readErr, s.out.sendErr = first(s.out.readErr, io.EOF), net.ErrClosed })
	return nil
}

// abort sends a RST: what is buffered is lost and the peer gets ECONNRESET.
func (s *stream) abort() {
	s.out.update(func() {
		s.out.buf, s.out.readErr = nil, os.NewSyscallError("read", syscall.ECONNRESET)
		s.out.sendErr = net.ErrClosed
	})
	s.in.update(func() {
		s.in.buf, s.in.readErr = nil, net.ErrClosed
		s.in.sendErr = os.NewSyscallError("write", syscall.ECONNRESET)
	})
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s *stream) LocalAddr() net.Addr                { return s.local }
func (s *stream) RemoteAddr() net.Addr               { return s.remote }
func (s *stream) SetReadDeadline(t time.Time) error  { s.rd.set(t); return nil }
func (s *stream) SetWriteDeadline(t time.Time) error { s.wd.set(t); return nil }
func (s *stream) SetDeadline(t time.Time) error      { s.rd.set(t); s.wd.set(t); return nil }
