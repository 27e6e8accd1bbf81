package browser

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// proxy is a SOCKS server (RFC 1928) on loopback with IPv6 behind it, for one
// page. It knows why each host could not be had: Chromium only says that it
// could not.
type proxy struct {
	Config
	asked  func(hostKey) bool // whether the page has asked for a host
	ctx    context.Context
	cancel context.CancelFunc
	l      net.Listener
	wg     sync.WaitGroup
	bytes  atomic.Int64
	opened atomic.Int64

	mu      sync.Mutex
	order   []hostKey
	faults  map[hostKey]*Fault // nil: there was a connection
	tunnels map[netip.Addr][]*tunnel
	wanted  map[netip.Addr]int // places taken at an address
	refused map[hostKey]bool   // that Chromium wanted, but not the page so far
}

type hostKey struct {
	name string
	port uint16
}

// usual is how many connections browsers open to one host at a time.
const usual = 6

// patience is how long a connection waits for the report of the request that it
// is for. Chromium opens some for itself, of which there is none.
const patience = 5 * time.Second

func listen(ctx context.Context, c Config, asked func(hostKey) bool) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { // a machine without IPv4 on its loopback
		if l, err = net.Listen("tcp", "[::1]:0"); err != nil {
			return nil, fmt.Errorf("opening a proxy on loopback: %w", err)
		}
	}
	p := &proxy{Config: c, asked: asked, l: l, faults: map[hostKey]*Fault{}, tunnels: map[netip.Addr][]*tunnel{},
		wanted: map[netip.Addr]int{}, refused: map[hostKey]bool{}}
	if p.PerAddr <= 0 {
		p.PerAddr = usual
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(conn) })
		}
	})
	return p, nil
}

func (p *proxy) address() string { return p.l.Addr().String() }

// close ends all connections and waits for them.
func (p *proxy) close() {
	p.cancel()
	_ = p.l.Close()
	p.wg.Wait()
}

// full reports whether the browser has had as much as it may have.
func (p *proxy) full() bool { return p.bytes.Load() > maxBytes || p.opened.Load() > maxTunnels }

// hosts returns what was asked for, in the order of the first request.
func (p *proxy) hosts() []Host {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Host, 0, len(p.order))
	for _, k := range p.order {
		out = append(out, Host{k.name, k.port, p.faults[k]})
	}
	for k := range p.refused { // the page asked after all, but too late for the connection
		if _, known := p.faults[k]; !known && p.asked(k) {
			out = append(out, Host{k.name, k.port, &Fault{Cause: verdict.OverBudget, Detail: "the request was reported too late"}})
		}
	}
	return out
}

// note keeps how a connection to a host went. One that came about outweighs
// those that did not.
func (p *proxy) note(k hostKey, f *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, known := p.faults[k]; !known {
		p.order = append(p.order, k)
	} else if before == nil {
		return
	}
	p.faults[k] = f
}

// SOCKS replies (RFC 1928 section 6).
const (
	granted     = 0
	forbidden   = 2
	unreachable = 4
	unsupported = 7
)

// serve speaks to one connection of the browser's.
func (p *proxy) serve(client net.Conn) {
	stop := context.AfterFunc(p.ctx, func() { client.Close() })
	defer stop()
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	k, err := readRequest(client)
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			_, _ = client.Write(reply(unsupported))
		}
		return
	}
	_ = client.SetDeadline(time.Time{})
	if !p.admit(k) {
		_, _ = client.Write(reply(forbidden))
		return
	}
	server, addr, f := p.connect(k)
	if f != nil {
		if p.ctx.Err() == nil {
			p.note(k, f)
		}
		_, _ = client.Write(reply(unreachable))
		return
	}
	defer p.leave(addr)
	defer server.Close()
	p.note(k, nil)
	if _, err := client.Write(reply(granted)); err != nil {
		return
	}
	p.carry(&tunnel{at: k, client: client, server: server, last: time.Now(), reply: true}, addr)
}

// admit reports whether the page asked for a host: what Chromium does on its own
// account, such as looking for updates, or ahead of a request that may never
// come, does not leave the machine.
func (p *proxy) admit(k hostKey) bool {
	for end := time.Now().Add(patience); ; {
		if p.asked(k) {
			return true
		}
		select {
		case <-p.ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			p.mu.Lock()
			p.refused[k] = true
			p.mu.Unlock()
			return false
		}
	}
}

func reply(code byte) []byte { return []byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0} }

// readRequest goes through the greeting and reads which host is wanted. The
// error is errors.ErrUnsupported for anything but a connection.
func readRequest(c io.ReadWriter) (k hostKey, err error) {
	var head [4]byte
	if _, err = io.ReadFull(c, head[:2]); err != nil {
		return k, err
	}
	if head[0] != 5 {
		return k, errors.New("not SOCKS version 5")
	}
	if _, err = io.CopyN(io.Discard, c, int64(head[1])); err != nil {
		return k, err
	}
	if _, err = c.Write([]byte{5, 0}); err != nil {
		return k, err
	}
	if _, err = io.ReadFull(c, head[:4]); err != nil {
		return k, err
	}
	if head[0] != 5 {
		return k, errors.New("not SOCKS version 5")
	}
	var name []byte
	switch head[3] {
	case 1:
		name = make([]byte, 4)
	case 4:
		name = make([]byte, 16)
	case 3:
		var n [1]byte
		if _, err = io.ReadFull(c, n[:]); err != nil {
			return k, err
		}
		name = make([]byte, n[0])
	default:
		return k, errors.ErrUnsupported
	}
	var port [2]byte
	if _, err = io.ReadFull(c, name); err != nil {
		return k, err
	}
	if _, err = io.ReadFull(c, port[:]); err != nil {
		return k, err
	}
	if head[1] != 1 {
		return k, errors.ErrUnsupported
	}
	k = hostKey{hostName(head[3], name), binary.BigEndian.Uint16(port[:])}
	if k.name == "" || k.port == 0 {
		return k, errors.ErrUnsupported
	}
	return k, nil
}

// hostName is the name or address of a request, as it is written in a URL
// without brackets.
func hostName(kind byte, b []byte) string {
	if kind != 3 {
		a, _ := netip.AddrFromSlice(b)
		return a.String()
	}
	s := strings.Trim(strings.TrimSuffix(strings.ToLower(string(b)), "."), "[]")
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String()
	}
	return s
}

// connect opens a connection to a host over IPv6: the first of its addresses
// that takes it, as browsers do.
func (p *proxy) connect(k hostKey) (net.Conn, netip.Addr, *Fault) {
	if p.opened.Add(1) > maxTunnels || p.bytes.Load() > maxBytes {
		return nil, netip.Addr{}, &Fault{Cause: verdict.OverBudget}
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(k.name); err == nil {
		if a.Unmap().Is4() {
			return nil, a, &Fault{NeedsIPv4: true, Detail: "an IPv4 address"}
		}
		addrs = []netip.Addr{a}
	} else {
		var f *Fault
		if addrs, f = p.Lookup(p.ctx, k.name); f != nil {
			return nil, netip.Addr{}, f
		}
	}
	last := &Fault{Cause: verdict.OtherCause, Detail: "no address"}
	for _, a := range addrs {
		c, f := p.open(a, k.port)
		if f == nil {
			return c, a, nil
		}
		last = f
	}
	return nil, netip.Addr{}, last
}

// open opens a connection to one address, when there is a place.
func (p *proxy) open(a netip.Addr, port uint16) (net.Conn, *Fault) {
	if err := p.enter(a); err != nil {
		return nil, &Fault{Cause: verdict.OverBudget, Detail: err.Error()}
	}
	ctx, cancel := dial.Step(p.ctx, p.Step)
	defer cancel()
	c, err := p.Dial(ctx, "tcp6", netip.AddrPortFrom(a, port).String())
	if err == nil {
		return c, nil
	}
	p.leave(a)
	cause := dial.Classify(err)
	switch over := p.ctx.Err(); {
	case over != nil:
		cause = dial.Classify(over)
	case cause == verdict.Deadline:
		cause = verdict.Timeout
	}
	return nil, &Fault{Cause: cause, Detail: err.Error()}
}

// enter waits for a place at an address. Where all are taken, an idle connection
// gives way: browsers keep them open for later.
func (p *proxy) enter(a netip.Addr) error {
	for {
		p.mu.Lock()
		if p.wanted[a] < p.PerAddr {
			p.wanted[a]++
			p.mu.Unlock()
			return nil
		}
		for _, t := range p.tunnels[a] {
			if t.giveWay(time.Now()) {
				break
			}
		}
		p.mu.Unlock()
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *proxy) leave(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted[a]--; p.wanted[a] == 0 {
		delete(p.wanted, a)
	}
}
