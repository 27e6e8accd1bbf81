// Package dial is the only door to the network. Whatever opens a connection
// does it through a Func, so a test swaps the whole world by swapping one
// function; Guard and Limit wrap a Func with what every connection must obey.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Func opens a connection. network is tcp, tcp4, tcp6, udp, udp4 or udp6;
// address is "ip:port" or, where the operator configured it, "name:port".
// A UDP connection is connected and implements net.PacketConn.
type Func func(ctx context.Context, network, address string) (net.Conn, error)

// System returns the Func of the machine's own network stack. It resolves host
// names with the machine's resolver, so it is for what the operator configured
// (an RTR cache); names from the inventory or the DNS go through Guard.
func System() Func {
	// Happy Eyeballs would hide which family works, and keep-alives are no use
	// to connections that live for seconds.
	d := &net.Dialer{FallbackDelay: -1, KeepAlive: -1}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil && errors.Is(err, syscall.ENETUNREACH) && hasRoute(network, address) {
			// The kernel reports "no route here" and an ICMP "no route" from
			// afar with the same number. There is a route here, so it was the latter.
			return nil, &farUnreachable{err}
		}
		return c, err
	}
}

// hasRoute says whether this machine could send to address at all. Connecting
// a UDP socket looks the route up and sends nothing.
func hasRoute(network, address string) bool {
	if network == "udp" || network == "udp4" || network == "udp6" {
		return false // what failed was this very look-up
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	c, err := net.DialTimeout("udp", ap.String(), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent on it
	return true
}

// farUnreachable marks an ENETUNREACH that came from the network.
type farUnreachable struct{ err error }

func (e *farUnreachable) Error() string { return e.err.Error() + " (told by a router on the way)" }
func (e *farUnreachable) Unwrap() error { return e.err }

// Refused is what Guard returns instead of connecting.
type Refused struct {
	Address string // as asked for
	Why     string // the registry's name of the address block, or what is wrong with the address
}

func (e *Refused) Error() string {
	return fmt.Sprintf("connection to %s refused by the guard: %s", e.Address, e.Why)
}

// Guard returns a Func for addresses that the inventory or the DNS named, and
// that nobody here vouches for. It refuses host names (names are resolved by
// us, or a hostile resolver would choose the address) and special-purpose
// addresses, except those inside one of the allowed prefixes. The error is *Refused.
func Guard(next Func, allow ...netip.Prefix) Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, &Refused{address, "not of the form address:port"}
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, &Refused{address, "not a numeric port"}
		}
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return nil, &Refused{address, "not an address literal"}
		}
		if name, special := Special(addr); special && !allowed(allow, addr) {
			return nil, &Refused{address, name}
		}
		return next(ctx, network, address)
	}
}

func allowed(allow []netip.Prefix, addr netip.Addr) bool {
	for _, p := range allow {
		if p.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}

// OptedOut is what stands in the place of whatever would have been sent to
// somebody who asked not to be scanned.
type OptedOut struct {
	Target string // name or address
	Entry  string // of the list
}

func (e *OptedOut) Error() string {
	return fmt.Sprintf("%s is not contacted: the opt-out list has %s", e.Target, e.Entry)
}

// Spare returns a Func that opens no connection to an address for which entry,
// of the opt-out list, is not empty. The error is *OptedOut.
func Spare(next Func, entry func(netip.Addr) string) Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if at, err := netip.ParseAddrPort(address); err == nil {
			if listed := entry(at.Addr()); listed != "" {
				return nil, &OptedOut{address, listed}
			}
		}
		return next(ctx, network, address)
	}
}
