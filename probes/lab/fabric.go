package lab

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// idleTime is how long a server keeps a silent connection.
const idleTime = 30 * time.Second

// patience bounds a dial into the void by a caller without a deadline; a real
// kernel gives up after about two minutes.
const patience = 30 * time.Second

// endpoint is what listens on one world address and port.
type endpoint struct {
	role   string // "dns", "web", ...
	name   string // whose it is
	at     netip.AddrPort
	faults faults
	tcp    func(ctx context.Context, c net.Conn)                // nil: refused; the fabric closes c afterwards
	udp    func(query []byte, udp bool) ([]byte, time.Duration) // nil: refused
	quic   func(ctx context.Context, c net.PacketConn)          // in place of udp: a server that answers when it likes
	socket *socket                                              // where quic listens in memory
}

// fabric is the network: all endpoints, and who is talking to them.
type fabric struct {
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	endpoints map[netip.AddrPort]*endpoint
	noV4      bool
	noV6      bool
	port      atomic.Uint32 // last ephemeral port given to a client
	mu        sync.Mutex
	open      map[net.Conn]bool // server ends, to close at the end
}

func newFabric() *fabric {
	ctx, cancel := context.WithCancel(context.Background())
	return &fabric{ctx: ctx, cancel: cancel, endpoints: map[netip.AddrPort]*endpoint{},
		open: map[net.Conn]bool{}}
}

// start runs f unless the fabric is closing; Close waits for it.
func (n *fabric) start(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.wg.Go(f)
	return true
}

// serve runs an endpoint's server on one accepted connection.
func (n *fabric) serve(e *endpoint, c net.Conn) {
	n.mu.Lock()
	n.open[c] = true
	n.mu.Unlock()
	ok := n.start(func() {
		if c := e.wrap(c); c != nil {
			e.tcp(n.ctx, c)
			linger(c)
		}
		c.Close()
		n.mu.Lock()
		delete(n.open, c)
		n.mu.Unlock()
	})
	if !ok {
		c.Close()
	}
}

// close stops everything and waits for it.
func (n *fabric) close() {
	n.mu.Lock()
	n.cancel()
	for c := range n.open {
		c.Close()
	}
	n.mu.Unlock()
	n.wg.Wait()
}

// clientAddr is the address that the world's servers see.
func (n *fabric) clientAddr(server netip.Addr) netip.AddrPort {
	port := 49152 + uint16(n.port.Add(1)%16000)
	if server.Is4() {
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.254"), port)
	}
	return netip.AddrPortFrom(netip.MustParseAddr("2001:db8:ffff::1"), port)
}

// barrier says what keeps a packet from an endpoint, and whether anything does:
// nil with ok means silence. ICMP and RST come back as errno.
func (n *fabric) barrier(to netip.AddrPort, transport string) (e *endpoint, errno error, stopped bool) {
	if to.Addr().Is4() && n.noV4 || to.Addr().Is6() && n.noV6 {
		return nil, syscall.ENETUNREACH, true
	}
	if e = n.endpoints[to]; e == nil {
		e = n.shadow(to.Addr())
	}
	if e == nil {
		return nil, syscall.EHOSTUNREACH, true
	}
	for _, b := range []struct {
		name  string
		errno error
	}{{"unreachable", syscall.EHOSTUNREACH}, {"refuse", syscall.ECONNREFUSED}, {"drop", nil}} {
		if f, ok := e.faults.find(b.name, transport, to.Port()); ok && f.zone == "" {
			return e, b.errno, true
		}
	}
	if e.at != to || transport == "tcp" && e.tcp == nil || transport == "udp" && e.udp == nil && e.quic == nil {
		return nil, syscall.ECONNREFUSED, true
	}
	return e, nil, false
}

// shadow returns any endpoint of an address: a host that drops or is
// unreachable does so on ports where nothing listens, too; nil if nobody is there.
func (n *fabric) shadow(a netip.Addr) *endpoint {
	for at, e := range n.endpoints {
		if at.Addr() == a {
			return e
		}
	}
	return nil
}

// timeoutError is what package net gives when a dial's deadline passes.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (timeoutError) Is(err error) bool {
	return err == context.DeadlineExceeded || err == os.ErrDeadlineExceeded
}

// dialError has the shape that package net gives to a failed dial.
func dialError(network string, to net.Addr, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("connect", errno)
	}
	return &net.OpError{Op: "dial", Net: network, Addr: to, Err: err}
}

// dialTCP opens an in-memory connection.
func (n *fabric) dialTCP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	remote := net.TCPAddrFromAddrPort(to)
	e, err, stopped := n.barrier(to, "tcp")
	if stopped {
		if err == nil {
			err = n.void(ctx)
		}
		return nil, dialError(network, remote, err)
	}
	if f, ok := e.faults.find("far", "tcp", to.Port()); ok && !far(ctx, f.wait()) {
		return nil, dialError(network, remote, timeoutError{})
	}
	client, server := newStream(net.TCPAddrFromAddrPort(n.clientAddr(to.Addr())), remote)
	n.serve(e, server)
	return client, nil
}

// far waits as long as a distant host takes to answer; it is false if ctx ends
// before.
func far(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// void waits as a dial does when nothing ever comes back.
func (n *fabric) void(ctx context.Context) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-t.C:
		return syscall.ETIMEDOUT
	case <-n.ctx.Done():
		return net.ErrClosed
	case <-ctx.Done():
	}
	if ctx.Err() == context.Canceled {
		return context.Canceled
	}
	return timeoutError{}
}

// dialUDP "connects" an in-memory socket; as with real ones, what is wrong
// comes back when reading, but for a family this machine does not have.
func (n *fabric) dialUDP(network string, to netip.AddrPort) (net.Conn, error) {
	remote := net.UDPAddrFromAddrPort(to)
	if _, err, _ := n.barrier(to, "udp"); err == syscall.ENETUNREACH {
		return nil, dialError(network, remote, err)
	}
	local := net.UDPAddrFromAddrPort(n.clientAddr(to.Addr()))
	return newPacketConn(local, remote, func(c *packetConn, b []byte) { n.datagram(c, to, append([]byte(nil), b...)) }), nil
}

// datagram carries one packet to a server and its reply back.
func (n *fabric) datagram(c *packetConn, to netip.AddrPort, query []byte) {
	e, err, stopped := n.barrier(to, "udp")
	if stopped {
		if err != nil {
			c.deliver(packet{err: os.NewSyscallError("read", err)})
		}
		return
	}
	if e.quic != nil {
		e.socket.arrive(c, query)
		return
	}
	n.start(func() {
		reply, wait := e.udp(query, true)
		if reply != nil && sleep(n.ctx, wait) {
			c.deliver(packet{data: reply})
		}
	})
}
