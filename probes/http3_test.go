package probes

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestAdvertised(t *testing.T) {
	for header, want := range map[string]struct {
		host string
		port uint16
	}{
		`h3=":443"; ma=86400`:                 {"", 443},
		`h3-29=":443", h3=":8443"; persist=1`: {"", 8443},
		`h2="alt.vn:443", h3="Alt.vn:443"`:    {"alt.vn", 443},
		`h3="[2001:db8::1]:443"`:              {"[2001:db8::1]", 443},
		`clear`:                               {},
		`h3=":0"`:                             {},
		`h3=":70000"`:                         {},
		`h3="x"`:                              {},
		`xh3=":443"`:                          {},
		``:                                    {},
	} {
		host, port, ok := advertised(header)
		if ok != (want.port != 0) || ok && (host != want.host || port != want.port) {
			t.Errorf("%s: %q %d %t", header, host, port, ok)
		}
	}
}

func FuzzAdvertised(f *testing.F) {
	f.Add(`h3=":443", h3="x:1"`)
	f.Fuzz(func(t *testing.T, s string) {
		if _, port, ok := advertised(s); ok != (port != 0) && ok {
			t.Errorf("%q: port %d", s, port)
		}
	})
}

// A firewall of this scanner's own must not become everybody's fault: after several
// silent hosts, and none that answers, nobody is asked any more.
func TestQuicless(t *testing.T) {
	dials := 0
	e := New(t.Context(), Config{Step: 20 * time.Millisecond, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		dials++
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	for i := range maxQuicless + 3 {
		v := &pair{e: e}
		six := works(netip.MustParseAddr("2001:db8::"+strconv.Itoa(i+1)), 443)
		six.altSvc = `h3=":443"`
		v.quic(t.Context(), six, attempt{}, false)
		if len(v.out) != 1 || v.out[0].Reason != "web.h3-unknown" {
			t.Errorf("%v", v.out)
		}
	}
	if dials != maxQuicless {
		t.Errorf("%d hosts were asked, want %d", dials, maxQuicless)
	}
	e.quicAnswers.Add(1)
	if e.quicless() {
		t.Error("an answer does not count")
	}
}
