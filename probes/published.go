package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Published returns the addresses that a host publishes, IPv6 first, at the end
// of its aliases. An error says what could not be asked; what was found in the
// other family comes with it. No address and no error is the servers' answer.
func (e *Env) Published(ctx context.Context, host string) ([]netip.Addr, error) {
	a := e.addresses(ctx, host)
	list := slices.Concat(a.v6.usable, a.v6.special, a.v4.usable, a.v4.special)
	for _, f := range []struct {
		name string
		family
	}{{"AAAA", a.v6}, {"A", a.v4}} {
		switch {
		case f.cause != "":
			return list, fmt.Errorf("%s %s: not known: %s", host, f.name, f.cause)
		case f.loop:
			return list, fmt.Errorf("%s %s: its aliases lead in a circle", host, f.name)
		}
	}
	return list, nil
}
