package lab

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// portEndpoints is a server on one port that takes connections: of kind tcp it
// says a line, of kind tls it goes through the handshake first.
func (l *Lab) portEndpoints(h host, p place) ([]*endpoint, error) {
	port, err := strconv.ParseUint(h.options["port"], 10, 16)
	if err != nil {
		return nil, err
	}
	e := &endpoint{at: netip.AddrPortFrom(p.addr, uint16(port)), tcp: sayHello}
	if h.kind == "tcp" {
		return []*endpoint{e}, nil
	}
	kind := h.options["cert"]
	if f, ok := p.faults.find("cert", "tcp", uint16(port)); ok {
		kind = f.arg
	}
	cert, err := l.ca.issue([]string{plain(h.name)}, kind, "")
	if err != nil {
		return nil, err
	}
	e.tcp = func(ctx context.Context, c net.Conn) {
		c.SetDeadline(time.Now().Add(idleTime))
		t := tls.Server(c, serverTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }))
		if t.HandshakeContext(ctx) == nil {
			sayHello(ctx, t)
			t.Close()
		}
	}
	return []*endpoint{e}, nil
}

func sayHello(_ context.Context, c net.Conn) { io.WriteString(c, "ready\r\n") }

// recursiveEndpoint is a resolver that serves whoever asks.
func (l *Lab) recursiveEndpoint(p place) *endpoint {
	r := &recursive{zones: l.zones}
	handle := r.handle
	if _, off := p.faults.find("refused", "udp", 53); off {
		handle = refuseAll
	}
	e := &endpoint{at: netip.AddrPortFrom(p.addr, 53), udp: handle, tcp: func(ctx context.Context, c net.Conn) { serveTCP(ctx, c, handle) }}
	if _, off := p.faults.find("no-tcp", "tcp", 53); off {
		e.tcp = nil
	}
	return e
}
