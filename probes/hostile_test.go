package probes_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"ready6/probes/dial"
	"ready6/probes/lab"
)

// door is a way out that remembers who was asked for, what was let through, and
// how much came back.
type door struct {
	mu    sync.Mutex
	asked map[netip.AddrPort]int // connections asked for, before the guard
	dials map[netip.AddrPort]int // connections that the guard let through
	bytes int64
}

func (d *door) through(l *lab.Lab) dial.Func {
	count := func(m map[netip.AddrPort]int, next dial.Func) dial.Func {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return nil, errors.New("not an address: " + address)
			}
			d.mu.Lock()
			m[at]++
			d.mu.Unlock()
			c, err := next(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if _, ok := c.(net.PacketConn); ok {
				return c, nil
			}
			return &counted{c, d}, nil
		}
	}
	return count(d.asked, dial.Guard(count(d.dials, l.Dial), l.Allow()...))
}

type counted struct {
	net.Conn
	d *door
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.d.bytes += int64(n)
	return n, err
}

// visit scans every service of a world through a door.
func visit(t *testing.T, world string) (*door, time.Duration) {
	t.Helper()
	w, err := lab.Open(world)
	if err != nil {
		t.Fatal(err)
	}
	l, inv := started(t, w, lab.Options{})
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d := &door{asked: map[netip.AddrPort]int{}, dials: map[netip.AddrPort]int{}}
	env := environmentOver(t, ctx, l, inv, d.through(l))
	began := time.Now()
	for a, svc := range inv.All() {
		env.Service(ctx, a.ID, svc)
	}
	return d, time.Since(began)
}

// Whatever a page points at, and however it is sent, a visit goes to the
// service's own servers and to name servers, nowhere else; it ends, and it is
// cheap: in connections, in bytes, in time.
func TestHostilePagesAreBounded(t *testing.T) {
	var site = []netip.Addr{netip.MustParseAddr("2001:db8:8000::80"), netip.MustParseAddr("198.51.100.80")}
	for _, world := range []string{
		"web-special-literal", "web-special-name", "web-redirect-metadata", "web-redirect-loopback", "web-redirect-javascript",
		"web-redirect-long", "web-local", "web-data-urls", "web-css-chain", "web-css-many",
		"web-endless", "web-drip", "web-bomb", "web-flood", "web-css-endless", "web-css-drip", "web-header-drip",
		"closure-redirect-loop", "closure-many-hosts",
	} {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			d, took := visit(t, world)
			connections := map[netip.Addr]int{}
			for at, n := range d.asked {
				connections[at.Addr()] += n
				switch {
				case !allowed(at.Addr()):
					t.Errorf("%s was asked for", at)
				case at.Port() != 53 && !slices.Contains(site, at.Addr()) && world != "closure-redirect-loop": // that one has a second site
					t.Errorf("%s was asked for, which is nobody's name server", at)
				}
			}
			if !maps.Equal(d.asked, d.dials) {
				t.Errorf("the guard had to refuse: %v asked for, %v dialled", d.asked, d.dials)
			}
			for _, a := range site {
				if most := 20; connections[a] > most {
					t.Errorf("%d connections to %s, want %d at most", connections[a], a, most)
				}
			}
			if d.bytes > 12<<20 {
				t.Errorf("%d bytes were read", d.bytes)
			}
			if took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			t.Logf("%d and %d connections, %d bytes, %v", connections[site[0]], connections[site[1]], d.bytes, took)
		})
	}
}

// What one web service costs each of its addresses: a connection for each port and
// one for each further protocol; a second visit only where something differs.
func TestConnectionsOfOneWebService(t *testing.T) {
	for world, most := range map[string][2]int{ // IPv6, IPv4
		"base":              {3, 3}, // 80, 443, and whether HTTP/2 is offered
		"web-h2":            {3, 2}, // IPv4 need not be asked
		"web-h3":            {4, 3},
		"web-h2-missing":    {3, 3},
		"web-text-numbers":  {3, 3}, // dates and counters cost nothing
		"web-text-tokens":   {4, 4}, // to learn that it is the session's
		"web-title-differs": {4, 4},
	} {
		d, _ := visit(t, world)
		for i, a := range []string{"2001:db8:8000::80", "198.51.100.80"} {
			n := 0
			for at, k := range d.dials {
				if at.Addr() == netip.MustParseAddr(a) {
					n += k
				}
			}
			if n > most[i] {
				t.Errorf("%s: %d connections to %s, want %d at most", world, n, a, most[i])
			}
			t.Logf("%s: %d connections to %s", world, n, a)
		}
	}
}

// allowed reports whether an address belongs to the lab's own space.
func allowed(a netip.Addr) bool {
	for _, p := range (&lab.Lab{}).Allow() {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
