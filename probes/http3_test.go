package probes

import "testing"

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
