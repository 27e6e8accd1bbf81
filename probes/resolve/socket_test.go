package resolve

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
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
