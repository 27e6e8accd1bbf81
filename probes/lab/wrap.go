package lab

import (
	"io"
	"net"
	"sync"
	"time"
)

// aborter is a connection that can be reset: a stream, or a *net.TCPConn by way
// of SetLinger.
type aborter interface{ abort() }

// wrap applies the faults of a connection to the server's end. It returns nil
// if the fault was all that happens on it.
func (e *endpoint) wrap(c net.Conn) net.Conn {
	port := e.at.Port()
	if _, ok := e.faults.find("reset", "tcp", port); ok {
		reset(c)
		return nil
	}
	if _, ok := e.faults.find("silent", "tcp", port); ok {
		io.Copy(io.Discard, c) // until the client or the lab closes it
		return nil
	}
	if _, ok := e.faults.find("garbage", "tcp", port); ok && e.role != "dns" {
		c.Write([]byte("\x00\xff\x13\x37 not what you expected\r\n\xff\xff"))
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		io.Copy(io.Discard, c)
		return nil
	}
	if f, ok := e.faults.find("drip", "tcp", port); ok {
		c = &drip{Conn: c, every: f.wait()}
	}
	if _, ok := e.faults.find("mtu", "tcp", port); ok {
		c = &narrow{Conn: c}
	}
	return c
}

// reset closes with a RST.
func reset(c net.Conn) {
	switch c := c.(type) {
	case aborter:
		c.abort()
	case *net.TCPConn:
		c.SetLinger(0)
	}
	c.Close()
}

// narrowPayload is what a TCP segment of 1280 bytes carries: 40 bytes are the
// IPv6 header, 20 the TCP header.
const narrowPayload = 1280 - 60

// narrow is the server's end of a path whose MTU is below its link's, with the
// ICMPv6 messages filtered: short replies pass, and the first that fills a
// segment is lost for ever, with everything after it. The count starts anew
// whenever the client has sent something.
type narrow struct {
	net.Conn
	mu   sync.Mutex
	sent int
	lost bool
}

func (n *narrow) Read(b []byte) (int, error) {
	got, err := n.Conn.Read(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	if got > 0 && !n.lost {
		n.sent = 0
	}
	return got, err
}

func (n *narrow) Write(b []byte) (int, error) {
	n.mu.Lock()
	n.sent += len(b)
	n.lost = n.lost || n.sent > narrowPayload
	lost := n.lost
	n.mu.Unlock()
	if lost {
		return len(b), nil // the kernel has taken it; nobody will see it
	}
	return n.Conn.Write(b)
}

// Close does nothing once data was lost: see linger.
func (n *narrow) Close() error {
	if n.stuck() {
		return nil
	}
	return n.Conn.Close()
}

func (n *narrow) stuck() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// linger keeps a connection open on which data was lost, as its client sees it:
// the FIN would come after the lost segments. The client or the lab ends it.
func linger(c net.Conn) {
	if n, ok := c.(*narrow); ok && n.stuck() {
		n.Conn.SetDeadline(time.Time{})
		io.Copy(io.Discard, n.Conn)
	}
}

// drip sends one byte at a time.
type drip struct {
	net.Conn
	every time.Duration
}

func (d *drip) Write(b []byte) (int, error) {
	for i := range b {
		time.Sleep(d.every)
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}
