package probes_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ready6/probes/dial"
	"ready6/probes/lab"
)

// thinking is a way to a resolver that gives no answer to the first questions that
// are to be resolved.
type thinking struct {
	net.Conn
	first *atomic.Int32
}

func (c *thinking) Write(b []byte) (int, error) {
	const recursionDesired = 1 // RFC 1035 4.1.1, third octet
	if len(b) > 2 && b[2]&recursionDesired != 0 && c.first.Add(-1) >= 0 {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// One question to a resolver that got lost over IPv6, or that it took too long for
// since it had to ask others first, is no proof that it does not serve IPv6: over
// IPv4, which comes later, it has the answer at hand.
func TestResolverThatThinks(t *testing.T) {
	text, err := os.ReadFile("lab/worlds/dns-recursive.txtar")
	if err != nil {
		t.Fatal(err)
	}
	w, err := lab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	l, inv := started(t, w, lab.Options{})
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	door := dial.Guard(l.Dial, l.Allow()...)
	first := new(atomic.Int32)
	first.Store(1)
	env := environmentOver(t, ctx, l, inv, func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := door(ctx, network, address)
		if err == nil && strings.HasPrefix(network, "udp") && strings.Contains(address, "2001:db8:8000::5353") {
			c = &thinking{c, first}
		}
		return c, err
	})
	env.Preflight(ctx)
	for a, svc := range inv.All() {
		if svc.Kind != "dns" {
			continue
		}
		for _, r := range env.Service(ctx, a.ID, svc).Results {
			if r.Reason == "reach.no-recursion" {
				t.Errorf("%s: %v", r.Reason, r.Args)
			}
		}
	}
	if first.Load() > 0 {
		t.Error("no question was lost")
	}
}
