package lab

import (
	"net"
	"os"
	"sync"
	"time"
)

// packetQueue bounds the datagrams waiting to be read; more are lost, as UDP may.
const packetQueue = 64

// packetConn is the client's end of in-memory UDP, "connected" to one server.
// It implements net.PacketConn because miekg/dns prefixes messages with their
// length on everything that does not.
type packetConn struct {
	local, remote *net.UDPAddr
	rd            *deadline
	in            chan packet
	done          chan struct{}
	once          sync.Once
	send          func(c *packetConn, b []byte) // to the server; must not keep b
}

// packet is a datagram, or the error an ICMP message leaves on the socket.
type packet struct {
	data []byte
	err  error
}

func newPacketConn(local, remote *net.UDPAddr, send func(*packetConn, []byte)) *packetConn {
	return &packetConn{local: local, remote: remote, rd: newDeadline(), send: send,
		in: make(chan packet, packetQueue), done: make(chan struct{})}
}

// deliver hands a packet to the client; a full queue or a closed conn loses it.
func (c *packetConn) deliver(p packet) {
	select {
	case <-c.done:
	case c.in <- p:
	default:
	}
}

func (c *packetConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.local, Addr: c.remote, Err: err}
}

func (c *packetConn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Read returns one datagram, cut to the length of b.
func (c *packetConn) Read(b []byte) (int, error) {
	for {
		if c.closed() {
			return 0, c.fail("read", net.ErrClosed)
		}
		if c.rd.passed() {
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		}
		select {
		case p := <-c.in:
			if p.err != nil {
				return 0, c.fail("read", p.err)
			}
			return copy(b, p.data), nil
		case <-c.rd.wait():
		case <-c.done:
		}
	}
}

func (c *packetConn) Write(b []byte) (int, error) {
	if c.closed() {
		return 0, c.fail("write", net.ErrClosed)
	}
	c.send(c, b)
	return len(b), nil
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.remote, err
}

func (c *packetConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

func (c *packetConn) Close() error {
	c.once.Do(func() { close(c.done) })
	c.rd.set(time.Time{})
	return nil
}

func (c *packetConn) LocalAddr() net.Addr               { return c.local }
func (c *packetConn) RemoteAddr() net.Addr              { return c.remote }
func (c *packetConn) SetReadDeadline(t time.Time) error { c.rd.set(t); return nil }
func (c *packetConn) SetDeadline(t time.Time) error     { c.rd.set(t); return nil }

// SetWriteDeadline does nothing: a datagram is sent at once or lost.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
