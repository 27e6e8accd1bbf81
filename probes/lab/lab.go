// Package lab is a test Internet in this process: a signed DNS from the root
// down, web and mail servers with their own CA, an RTR cache and a route table,
// each with named faults. A world is a text archive that says who exists, what
// is broken, and what a right scanner finds; worlds/README.md has its grammar.
//
// The lab imports none of the code it tests, so that it cannot share mistakes
// with it.
package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Options says how a world is run.
type Options struct {
	Loopback bool             // real sockets on 127.0.0.1 and ::1; Dial translates addresses
	Now      func() time.Time // nil: the world's own time, or the system's clock
}

// Lab is a running world.
type Lab struct {
	world World
	now   func() time.Time
	net   *fabric
	zones map[string]*zone
	ca    *authority
	webs  map[netip.Addr]*webServer
	mails map[string]tls.Certificate // of mail hosts, by name
	loop  *loopback                  // nil: in memory
}

// Start builds, signs and runs a world. The signatures are made relative to the
// clock's time at this moment.
func Start(w World, o Options) (*Lab, error) {
	l := &Lab{world: w, now: o.Now, net: newFabric(), webs: map[netip.Addr]*webServer{}, mails: map[string]tls.Certificate{}}
	if l.now == nil {
		l.now = time.Now
		if !w.now.IsZero() {
			l.now = func() time.Time { return w.now }
		}
	}
	if err := l.start(o.Loopback); err != nil {
		l.Close()
		return nil, fmt.Errorf("lab: %w", err)
	}
	return l, nil
}

func (l *Lab) start(sockets bool) error {
	zones, err := l.world.build()
	if err != nil {
		return err
	}
	l.zones = zones
	if l.ca, err = newAuthority(l.now()); err != nil {
		return err
	}
	if err := l.publishTLSA(); err != nil {
		return err
	}
	if err := l.sign(); err != nil {
		return err
	}
	for _, v := range l.world.vantage {
		l.net.noV4 = l.net.noV4 || v == "no-v4"
		l.net.noV6 = l.net.noV6 || v == "no-v6"
	}
	for _, h := range l.world.hosts {
		if err := l.open(h); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	if sockets {
		l.loop, err = l.listen()
		return err
	}
	for at, e := range l.net.endpoints {
		if e.quic != nil {
			e.socket = newSocket(net.UDPAddrFromAddrPort(at))
			l.net.start(func() { e.quic(l.net.ctx, e.socket) })
		}
	}
	return nil
}

// sign makes keys, delegations and signatures, then breaks what the world says.
func (l *Lab) sign() error {
	for _, z := range l.zones {
		if z.spec.version != "" {
			continue
		}
		if err := z.makeKeys(); err != nil {
			return err
		}
		for _, v := range versions(l.zones, z.name) {
			v.keys = z.keys
		}
	}
	if err := l.world.delegate(l.zones); err != nil {
		return err
	}
	for _, z := range l.zones {
		if err := z.sign(l.now()); err != nil {
			return err
		}
	}
	for _, e := range l.world.amends {
		z := l.zones[e.zone]
		if z == nil {
			return fmt.Errorf("amend: no zone %s", e.zone)
		}
		if err := z.amend(e, l.now()); err != nil {
			return fmt.Errorf("amend %s %s %s %s: %w", e.zone, e.verb, e.owner, e.rtype, err)
		}
	}
	return nil
}

// open puts a host's servers on the network.
func (l *Lab) open(h host) error {
	for _, p := range h.places {
		endpoints, err := l.endpoints(h, p)
		if err != nil {
			return err
		}
		for _, e := range endpoints {
			e.name, e.role, e.faults = plain(h.name), h.kind, p.faults
			if old := l.net.endpoints[e.at]; old != nil {
				return fmt.Errorf("%s is taken by %s", e.at, old.name)
			}
			l.net.endpoints[e.at] = e
		}
	}
	return nil
}

func (l *Lab) endpoints(h host, p place) ([]*endpoint, error) {
	switch h.kind {
	case "dns":
		return l.dnsEndpoints(h, p), nil
	case "web":
		return l.webEndpoints(h, p)
	case "mail":
		return l.mailEndpoints(h, p)
	case "tcp", "tls":
		return l.portEndpoints(h, p)
	}
	cache := &rtrCache{vrps: l.world.vrps, faults: p.faults}
	return []*endpoint{{at: netip.AddrPortFrom(p.addr, rtrPort), tcp: cache.serve}}, nil
}

func (l *Lab) dnsEndpoints(h host, p place) []*endpoint {
	if _, ok := h.options["recursive"]; ok {
		return []*endpoint{l.recursiveEndpoint(p)}
	}
	s := &nameServer{zones: map[string]*zone{}, faults: p.faults}
	for _, z := range l.zones {
		for _, name := range z.spec.servers {
			if name == h.name && (s.zones[z.name] == nil || z.spec.version != "") {
				s.zones[z.name] = z
			}
		}
	}
	e := &endpoint{at: netip.AddrPortFrom(p.addr, 53), udp: s.handle,
		tcp: func(ctx context.Context, c net.Conn) { serveTCP(ctx, c, s.handle) }}
	for _, f := range p.faults {
		switch f.name {
		case "no-tcp":
			e.tcp = nil
		case "no-udp":
			e.udp = nil
		case "tcp-only":
			e.udp = func([]byte, bool) ([]byte, time.Duration) { return nil, 0 }
		}
	}
	return []*endpoint{e}
}

// Dial opens a connection to an address of the world, in the shape of
// dial.Func: network is tcp, tcp4, tcp6, udp, udp4 or udp6, address a literal
// ip:port. Errors are those of package net: *net.OpError around a syscall.Errno
// or a timeout. UDP connections implement net.PacketConn.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "the lab dials literal addresses only", Addr: address}}
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if strings.HasSuffix(network, "4") && !to.Addr().Is4() || strings.HasSuffix(network, "6") && !to.Addr().Is6() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "no suitable address", Addr: address}}
	}
	if ctx.Err() == context.Canceled {
		return nil, &net.OpError{Op: "dial", Net: network, Err: context.Canceled}
	}
	switch {
	case strings.HasPrefix(network, "tcp"):
		if l.loop != nil {
			return l.loop.dialTCP(ctx, network, to)
		}
		return l.net.dialTCP(ctx, network, to)
	case strings.HasPrefix(network, "udp"):
		if l.loop != nil {
			return l.loop.dialUDP(ctx, network, to)
		}
		return l.net.dialUDP(network, to)
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
}

// Hints returns the root's name servers in the form of named.root.
func (l *Lab) Hints() string {
	var b strings.Builder
	for _, s := range l.zones["."].spec.servers {
		fmt.Fprintf(&b, ".\t3600000\tNS\t%s\n", s)
		for _, h := range l.world.hosts {
			if h.name != s || h.kind != "dns" {
				continue
			}
			for _, p := range h.places {
				rtype := "AAAA"
				if p.addr.Is4() {
					rtype = "A"
				}
				fmt.Fprintf(&b, "%s\t3600000\t%s\t%s\n", s, rtype, p.addr)
			}
		}
	}
	return b.String()
}

// Anchors returns the trust anchors as DS records in zone-file form: the root's
// and those of zones marked anchor. It is empty if the root is unsigned.
func (l *Lab) Anchors() string {
	var b strings.Builder
	for _, z := range l.zones {
		if z.spec.version != "" || z.spec.unsigned || z.name != "." && !z.spec.anchor {
			continue
		}
		fmt.Fprintln(&b, z.keys[0].public.ToDS(dns.SHA256))
	}
	return b.String()
}

// Now is the lab's time.
func (l *Lab) Now() time.Time { return l.now() }

// Wants returns the expected verdicts of the world.
func (l *Lab) Wants() []Want { return l.world.Wants() }

// WantsOwn returns what is expected of blocks, AS numbers and networks.
func (l *Lab) WantsOwn() []Want { return l.world.WantsOwn() }

// Allow returns the special-purpose address space that worlds use: the
// documentation prefixes of RFC 5737, RFC 3849 and RFC 9637.
func (l *Lab) Allow() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	}
}

// Close stops every server and waits for it.
func (l *Lab) Close() error {
	if l.loop != nil {
		l.loop.close()
	}
	l.net.close()
	return nil
}
