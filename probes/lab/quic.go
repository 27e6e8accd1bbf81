package lab

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// serveH3 answers HTTP/3 on a socket, with the same pages as HTTP/1.1.
func (w *webServer) serveH3(ctx context.Context, c net.PacketConn) {
	base := &tls.Config{MinVersion: tls.VersionTLS13,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return w.site(h.ServerName).cert, nil }}
	s := &http3.Server{Handler: http.HandlerFunc(w.answer), TLSConfig: http3.ConfigureTLSConfig(base)}
	stop := context.AfterFunc(ctx, func() {
		s.Close()
		c.Close()
	})
	defer stop()
	s.Serve(unbuffered{c})
	s.Close()
	c.Close()
}

// unbuffered leaves a socket's buffers as they are.
type unbuffered struct{ net.PacketConn }

func (unbuffered) SetReadBuffer(int) error  { return nil }
func (unbuffered) SetWriteBuffer(int) error { return nil }

// socket is the server's end of in-memory UDP for a protocol that answers when it
// likes, not datagram by datagram.
type socket struct {
	local   net.Addr
	in      chan arrival
	rd      *deadline
	done    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	clients map[string]*packetConn
}

type arrival struct {
	data []byte
	from net.Addr
}

func newSocket(local net.Addr) *socket {
	return &socket{local: local, in: make(chan arrival, packetQueue), rd: newDeadline(), done: make(chan struct{}), clients: map[string]*packetConn{}}
}

// arrive takes a client's datagram; a full queue loses it.
func (s *socket) arrive(c *packetConn, data []byte) {
	s.mu.Lock()
	s.clients[c.local.String()] = c
	s.mu.Unlock()
	select {
	case s.in <- arrival{data, c.local}:
	default:
	}
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if s.rd.passed() {
			return 0, nil, &net.OpError{Op: "read", Net: "udp", Source: s.local, Err: os.ErrDeadlineExceeded}
		}
		select {
		case a := <-s.in:
			return copy(b, a.data), a.from, nil
		case <-s.done:
			return 0, nil, &net.OpError{Op: "read", Net: "udp", Source: s.local, Err: net.ErrClosed}
		case <-s.rd.wait():
		}
	}
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	c := s.clients[to.String()]
	s.mu.Unlock()
	if c != nil {
		c.deliver(packet{data: append([]byte(nil), b...)})
	}
	return len(b), nil
}

func (s *socket) Close() error {
	s.once.Do(func() { close(s.done) })
	s.rd.set(time.Time{})
	return nil
}

func (s *socket) LocalAddr() net.Addr                { return s.local }
func (s *socket) SetDeadline(t time.Time) error      { s.rd.set(t); return nil }
func (s *socket) SetReadDeadline(t time.Time) error  { s.rd.set(t); return nil }
func (s *socket) SetWriteDeadline(t time.Time) error { return nil }
