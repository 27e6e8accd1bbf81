package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// OptOut is who asked not to be scanned. The zero value is nobody; a nil one is too.
type OptOut struct {
	names  map[string]struct{} // lower case, A-labels, no final dot
	blocks map[netip.Prefix]struct{}
	bits   [2]lengths // of the blocks in use: IPv4, IPv6
}

// lengths is a set of prefix lengths, 0 to 128.
type lengths [3]uint64

func (s *lengths) add(n int)     { s[n/64] |= 1 << (n % 64) }
func (s lengths) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

const maxOptOuts = 1_000_000

// ReadOptOut reads a list of names and of addresses or address blocks, one a
// line; # begins a comment. A name stands for everything below it as well. The
// error is a Faults with everything that is wrong, or another one if r could not
// be read.
func ReadOptOut(r io.Reader, name string) (*OptOut, error) {
	o := &OptOut{names: map[string]struct{}{}, blocks: map[netip.Prefix]struct{}{}}
	var rep report
	lines := bufio.NewReaderSize(r, maxNameLine)
	for number := 1; ; number++ {
		line, long, err := nextLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line, long = line[:i], false
		}
		at, entry := spot{name, number}, string(bytes.TrimSpace(line))
		switch {
		case long:
			rep.add(at, "write one name or address block a line", "the line is longer than %d bytes", maxNameLine)
		case entry == "":
		case o.Len() >= maxOptOuts:
			rep.add(at, "join address blocks, or name zones instead of their hosts", "holds more than %d entries", maxOptOuts)
			return nil, rep.err()
		default:
			rep.flaw(at, "the entry", o.add(entry))
		}
		if err != nil {
			break
		}
	}
	if err := rep.err(); err != nil {
		return nil, err
	}
	return o, nil
}

// add takes one entry.
func (o *OptOut) add(entry string) *flaw {
	if strings.Contains(entry, "/") && !strings.Contains(entry, "://") {
		p, err := netip.ParsePrefix(entry)
		switch {
		case err != nil:
			return &flaw{quote(entry) + " is not an address block", "write it as 192.0.2.0/24 or 2001:db8::/32"}
		case p != p.Masked():
			return &flaw{quote(entry) + " has bits set beyond its length", "write " + p.Masked().String()}
		case p.Bits() == 0:
			return &flaw{quote(entry) + " is everybody", "scan nothing at all instead"}
		}
		o.block(p)
		return nil
	}
	host, f := readHost(entry)
	if f != nil {
		return f
	}
	if a, err := netip.ParseAddr(host); err == nil {
		o.block(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	o.names[host] = struct{}{}
	return nil
}

func (o *OptOut) block(p netip.Prefix) {
	o.blocks[p] = struct{}{}
	o.bits[familyOf(p.Addr())].add(p.Bits())
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// Len is the number of entries.
func (o *OptOut) Len() int {
	if o == nil {
		return 0
	}
	return len(o.names) + len(o.blocks)
}

// Name returns the entry that a name falls under, empty if none. The name may end
// in a dot and have capitals.
func (o *OptOut) Name(name string) string {
	if o == nil || len(o.names) == 0 {
		return ""
	}
	for at := strings.ToLower(strings.TrimSuffix(name, ".")); at != ""; {
		if _, listed := o.names[at]; listed {
			return at
		}
		_, at, _ = strings.Cut(at, ".")
	}
	return ""
}

// Addr returns the entry that an address falls under, the longest first; empty
// if none.
func (o *OptOut) Addr(a netip.Addr) string {
	if o == nil || len(o.blocks) == 0 {
		return ""
	}
	a = a.Unmap().WithZone("")
	for n := a.BitLen(); n > 0; n-- {
		if !o.bits[familyOf(a)].has(n) {
			continue
		}
		p, _ := a.Prefix(n)
		if _, listed := o.blocks[p]; listed {
			return p.String()
		}
	}
	return ""
}

// Host is Addr for a host that is an address, and Name for all others.
func (o *OptOut) Host(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return o.Addr(a)
	}
	return o.Name(host)
}
