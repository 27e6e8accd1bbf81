package probes_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/lab"
)

// arrivals counts TCP connections by the address and port that they came to.
type arrivals struct {
	mu    sync.Mutex
	total map[netip.AddrPort]int
	open  map[netip.Addr]int
	most  map[netip.Addr]int // open at once
}

type arrived struct {
	net.Conn
	leave func()
}

func (c *arrived) Close() error { defer c.leave(); return c.Conn.Close() }

// count stands at the door of the lab's network, behind everything that limits.
func (a *arrivals) count(next dial.Func) dial.Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := next(ctx, network, address)
		if err != nil || !strings.HasPrefix(network, "tcp") {
			return c, err
		}
		to := netip.MustParseAddrPort(address)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.total[to]++
		a.open[to.Addr()]++
		a.most[to.Addr()] = max(a.most[to.Addr()], a.open[to.Addr()])
		return &arrived{c, sync.OnceFunc(func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.open[to.Addr()]--
		})}, nil
	}
}

// What README promises to whoever runs the servers: this many connections a
// web service makes to a port of an address.
const (
	perWebPort  = 2 // the page; over IPv6 one more, for what the page itself has on its own host, and for HTTP/2
	perMailHost = 2 // however many domains name it
)

// TestConnectionBudget has 200 web services at one address and 50 mail domains
// with one mail host, all measured at once: no more connections are open there
// than the limit says, and no more are made than is promised.
func TestConnectionBudget(t *testing.T) {
	const webs, mails, limit = 200, 50, 4
	var b strings.Builder
	b.WriteString("Many services at one address\n-- include --\nbase\n-- hosts --\nmx.tinh.gov.vn mail 2001:db8:8000::25 198.51.100.25\n")
	edits, services := "", ""
	for i := range webs {
		fmt.Fprintf(&b, "h%d.tinh.gov.vn web 2001:db8:8000::99 198.51.100.99\n", i)
		services += fmt.Sprintf("lab web h%d.tinh.gov.vn\n", i)
	}
	for i := range mails {
		edits += fmt.Sprintf("tinh.gov.vn add d%d MX 10 mx.tinh.gov.vn.\n", i)
		services += fmt.Sprintf("lab mail d%d.tinh.gov.vn\n", i)
	}
	b.WriteString("-- edit --\n" + edits + "-- services --\n" + services + "-- want --\nh0.tinh.gov.vn web 3 secure valid\n")
	w, err := lab.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	l, inv := started(t, w, lab.Options{})
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	seen := &arrivals{total: map[netip.AddrPort]int{}, open: map[netip.Addr]int{}, most: map[netip.Addr]int{}}
	c := environment(t, ctx, l, inv).Config
	c.Dial = dial.Limit(seen.count(dial.Guard(l.Dial, l.Allow()...)), dial.Limits{PerAddress: limit, Total: 256})
	c.PerAddress, c.Connections, c.Step = limit, 256, 10*time.Second // a busy machine tries nothing twice
	env := probes.New(ctx, c)
	var all sync.WaitGroup
	var timed atomic.Int32 // connections more to each family, to hear how slow it is
	n := 0
	for a, svc := range inv.All() {
		n++
		all.Go(func() {
			for _, r := range env.Service(ctx, a.ID, svc).Results {
				if r.Reason == "web.timing" || r.Reason == "web.slow6" {
					tries, _ := strconv.Atoi(r.Args["count"])
					timed.Add(int32(tries - 1))
				}
			}
		})
	}
	all.Wait()
	if n != webs+mails {
		t.Fatalf("%d services, want %d", n, webs+mails)
	}
	for _, addr := range []string{"2001:db8:8000::99", "198.51.100.99", "2001:db8:8000::25", "198.51.100.25"} {
		a := netip.MustParseAddr(addr)
		if seen.most[a] > limit {
			t.Errorf("%s: %d connections open at once, at most %d are allowed", a, seen.most[a], limit)
		}
		ports, services, each, more := []uint16{443, 80}, webs, perWebPort, int(timed.Load())
		if strings.HasSuffix(addr, "25") {
			ports, services, each, more = []uint16{25}, 1, perMailHost, 0
		}
		for _, p := range ports {
			got := seen.total[netip.AddrPortFrom(a, p)]
			t.Logf("%s port %d: %d connections for %d services, %d open at once", a, p, got, max(services, mails*(services%2)), seen.most[a])
			if got < services || got > services*each+more {
				t.Errorf("%s port %d: %d connections for %d services: %d to %d are promised", a, p, got, services, services, services*each+more)
			}
		}
	}
}
