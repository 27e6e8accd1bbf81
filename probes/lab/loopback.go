package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// loopback is the world on real sockets: every endpoint has a port of its own
// on 127.0.0.1 or, for IPv6 addresses, on ::1.
type loopback struct {
	net   *fabric
	addrs map[netip.AddrPort]netip.AddrPort // world -> loopback
	tcp   []net.Listener
	udp   []net.PacketConn
}

// listen opens all sockets and starts to serve them.
func (l *Lab) listen() (*loopback, error) {
	b := &loopback{net: l.net, addrs: map[netip.AddrPort]netip.AddrPort{}}
	for at, e := range l.net.endpoints {
		if err := b.bind(at, e); err != nil {
			b.close()
			return nil, err
		}
	}
	if err := b.bind(resolverWorld, l.resolverEndpoint()); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// bind gives an endpoint a port that is free for both TCP and UDP, as dig and
// others expect. Where nothing should listen, nothing does.
func (b *loopback) bind(at netip.AddrPort, e *endpoint) error {
	local := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 0)
	if at.Addr().Is6() {
		local = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	}
	var last error
	for range 20 {
		ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(local))
		if err != nil {
			if at.Addr().Is6() && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)) {
				return fmt.Errorf("this machine has no ::1, so the lab's IPv6 servers cannot listen on loopback: %w", err)
			}
			return fmt.Errorf("listening for %s: %w", at, err)
		}
		got := ln.Addr().(*net.TCPAddr).AddrPort()
		got = netip.AddrPortFrom(got.Addr().Unmap(), got.Port())
		var pc *net.UDPConn
		if at.Port() == 53 || e.quic != nil {
			if pc, last = net.ListenUDP("udp", net.UDPAddrFromAddrPort(got)); last != nil {
				ln.Close()
				continue
			}
		}
		b.addrs[at] = got
		b.run(e, ln, pc)
		return nil
	}
	return fmt.Errorf("no port is free for both TCP and UDP for %s: %w", at, last)
}

// run serves the sockets of an endpoint, or closes those that are refused.
func (b *loopback) run(e *endpoint, ln net.Listener, pc *net.UDPConn) {
	_, refuse := e.faults.find("refuse", "tcp", e.at.Port())
	if e.tcp == nil || refuse {
		ln.Close()
	} else {
		b.tcp = append(b.tcp, ln)
		b.net.start(func() { b.accept(e, ln) })
	}
	if pc == nil {
		return
	}
	_, refuse = e.faults.find("refuse", "udp", e.at.Port())
	if e.udp == nil && e.quic == nil || refuse {
		pc.Close()
		return
	}
	b.udp = append(b.udp, pc)
	if e.quic != nil {
		b.net.start(func() { e.quic(b.net.ctx, pc) })
		return
	}
	b.net.start(func() { b.receive(e, pc) })
}

func (b *loopback) accept(e *endpoint, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return // closed; nothing else ends a loopback listener
		}
		b.net.serve(e, c)
	}
}

func (b *loopback) receive(e *endpoint, pc *net.UDPConn) {
	buf := make([]byte, 65535)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		query := append([]byte(nil), buf[:n]...)
		b.net.start(func() {
			reply, wait := e.udp(query, true)
			if reply != nil && sleep(b.net.ctx, wait) {
				pc.WriteToUDPAddrPort(reply, from)
			}
		})
	}
}

// dialTCP reaches the endpoint's socket, unless the world's network is in the
// way: silence, ICMP and a port that is surely closed cannot be had from
// loopback, so they are made here.
func (b *loopback) dialTCP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	e, err, stopped := b.net.barrier(to, "tcp")
	if stopped {
		if err == nil {
			err = b.net.void(ctx)
		}
		return nil, dialError(network, net.TCPAddrFromAddrPort(to), err)
	}
	if e != nil { // nil: the resolver, which is no part of the world
		if f, ok := e.faults.find("far", "tcp", to.Port()); ok && !far(ctx, f.wait()) {
			return nil, dialError(network, net.TCPAddrFromAddrPort(to), timeoutError{})
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", b.addrs[to].String())
}

func (b *loopback) dialUDP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if _, _, stopped := b.net.barrier(to, "udp"); stopped {
		return b.net.dialUDP(network, to)
	}
	var d net.Dialer
	return d.DialContext(ctx, "udp", b.addrs[to].String())
}

// close closes the listeners; the fabric waits for what they started.
func (b *loopback) close() {
	for _, ln := range b.tcp {
		ln.Close()
	}
	for _, pc := range b.udp {
		pc.Close()
	}
}
