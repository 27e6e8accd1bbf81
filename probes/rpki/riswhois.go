package rpki

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
)

// ReadRoutes reads a route table, sniffing its kind: MRT, as ReadMRT does, or
// riswhois text, "origin TAB prefix TAB peers" a line, with % before comments
// and {…} for an AS_SET (the IPv4 and IPv6 dumps of RIPE RIS may be given one
// after the other). Plain, gzip or bzip2; errors, partial tables and own as
// ReadMRT; riswhois text has no paths.
func ReadRoutes(r io.Reader, name string, own ...netip.Prefix) (*Routes, error) {
	in, stop, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer stop()
	br := bufio.NewReaderSize(in, 1<<16)
	// What keeps six bytes from coming is met again by the reader chosen.
	head, _ := br.Peek(6)
	if isText(head) {
		return readRISWhois(br, name)
	}
	return readMRT(br, name, own)
}

// isText tells text from MRT by the first zero byte, which MRT has in its type.
func isText(head []byte) bool {
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return len(head) > 0
}

func readRISWhois(br *bufio.Reader, name string) (*Routes, error) {
	var b rows[seen]
	var order progress
	bad := faults{name: name}
	in := lines{r: br, name: name}
	for in.next() {
		line := bytes.TrimSpace(in.text)
		if len(line) == 0 || line[0] == '%' || line[0] == '#' {
			continue
		}
		if b.len() == maxRoutes {
			in.err = at(name, in.no, in.start, "more than %d routes: not a real table", maxRoutes)
			break
		}
		p, s, err := risLine(line)
		if err != nil {
			bad.add(in.no, in.start, err.Error())
			if bad.n > b.len()+1000 {
				in.err = fmt.Errorf("%s: not a riswhois dump", name)
				break
			}
			continue
		}
		family := 0
		if p.Addr().Is6() {
			family = 1
		}
		var addr [16]byte
		copy(addr[:], p.Addr().AsSlice())
		order.note(family, addr, p.Bits())
		b.add(p, s)
	}
	err := errors.Join(bad.err(), in.err)
	if err == nil && b.len() == 0 {
		err = fmt.Errorf("%s: no routes in it", name)
	}
	r := newRoutes(&b, Source{Name: name, Over: "file", Partial: err != nil}, 0)
	if err != nil {
		// A line that was not understood may have been any route.
		order.disorder = order.disorder || bad.n > 0
		r.cut = []*progress{&order}
	}
	return r, err
}

// risLine reads "origin prefix peers" between white space.
func risLine(line []byte) (netip.Prefix, seen, error) {
	origin, rest := cutField(line)
	prefix, rest := cutField(rest)
	count, rest := cutField(rest)
	peers, ok := parseUint(count, math.MaxUint32)
	if !ok || len(rest) > 0 {
		return netip.Prefix{}, seen{}, fmt.Errorf("%q where origin, prefix and number of peers belong", clip(line))
	}
	p, err := ParsePrefix(string(prefix))
	if err != nil {
		return netip.Prefix{}, seen{}, err
	}
	if origin[0] == '{' && origin[len(origin)-1] == '}' {
		return p, seen{peers: uint32(peers)}, nil
	}
	asn, ok := parseUint(bytes.TrimPrefix(origin, []byte("AS")), math.MaxUint32)
	if !ok {
		return netip.Prefix{}, seen{}, fmt.Errorf("%q is no AS number", clip(origin))
	}
	return p, From(ASN(asn)).seen(uint32(peers)), nil
}

// cutField splits b behind its first field and the white space that follows.
func cutField(b []byte) (field, rest []byte) {
	i := 0
	for i < len(b) && b[i] != ' ' && b[i] != '\t' {
		i++
	}
	field = b[:i]
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	return field, b[i:]
}

func clip(b []byte) []byte { return b[:min(len(b), 80)] }
