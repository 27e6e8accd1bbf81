package resolve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// A socket that waits for the next question does not keep its place from those who
// wait for one: where few connections are allowed, they would otherwise come to
// nothing for want of a free one.
func TestIdleSocketsGiveWay(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		r := n.resolver(func(c *Config) { c.Dial = dial.Limit(n.dial, dial.Limits{Total: 2}) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := zones(t, xText)
		var wg sync.WaitGroup
		for i := range 50 {
			at := netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)})
			n.put(a.handle, at.String())
			wg.Go(func() {
				if _, _, err := r.Ask(ctx, at, false, "www.x.vn", dns.TypeA); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			})
		}
		wg.Wait()
	})
}

// filtered is a connection of a machine whose own packet filter drops some of what is
// sent, and says so.
type filtered struct {
	net.Conn
	drops func() bool
}

func (f filtered) Write(b []byte) (int, error) {
	if f.drops() {
		return 0, &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendto", syscall.EPERM)}
	}
	return f.Conn.Write(b)
}

func through(n *fakeNet, drops func() bool) func(*Config) {
	return func(c *Config) {
		c.Families = V4
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return filtered{conn, drops}, nil
		}
	}
}

// A packet that our own machine's filter drops is sent again, and costs no other
// question on the same socket its reply.
func TestPacketsHeldBack(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.slow(20*time.Millisecond, "192.0.2.1", "192.0.2.2", "192.0.2.11", "192.0.2.12")
		var sent atomic.Int32
		r := n.resolver(through(n, func() bool { return sent.Add(1)%4 == 0 }))
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				if _, err := r.Query(t.Context(), fmt.Sprintf("n%d.x.vn", i), dns.TypeAAAA); err != nil {
					t.Errorf("n%d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

// Where nothing is let out that is said, within bounds, and no server is blamed.
func TestEverythingHeldBack(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		var open atomic.Bool
		r := n.resolver(through(n, func() bool { return !open.Load() }))
		begun := time.Now()
		f := failure(t, r, "www.x.vn", dns.TypeAAAA)
		said := r.Evidence("www.x.vn", dns.TypeAAAA)
		if f.Cause != verdict.OtherCause || len(said) == 0 || !strings.Contains(said[0].Answer, "operation not permitted") {
			t.Errorf("%v, evidence %v", f, said)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		open.Store(true)
		time.Sleep(2 * failureLife)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
	})
}
