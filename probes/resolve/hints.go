package resolve

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// HintsDate is the day of the embedded root hints. To refresh them, replace
// named.root with https://www.internic.net/domain/named.root and set this date.
const HintsDate = "2026-07-22"

//go:embed named.root
var namedRoot string

// RootHints returns IANA's root hints as of HintsDate.
func RootHints() []Server {
	s, err := ReadHints(strings.NewReader(namedRoot))
	if err != nil {
		panic("resolve: embedded root hints: " + err.Error()) // our own file, covered by tests
	}
	return s
}

// maxHints bounds a hints file, in bytes; IANA's has about 3,300.
const maxHints = 1 << 20

// ReadHints reads the root's name servers and their addresses in the form of
// IANA's named.root: one record a line, NS of the root and A and AAAA of its
// servers, comments after ";". Every fault of the file is in the error, joined,
// each with its line.
func ReadHints(r io.Reader) ([]Server, error) {
	h := hints{index: make(map[string]int)}
	in := bufio.NewScanner(io.LimitReader(r, maxHints))
	for line := 1; in.Scan(); line++ {
		text, _, _ := strings.Cut(in.Text(), ";")
		if err := h.record(text); err != nil {
			h.faults = append(h.faults, fmt.Errorf("line %d: %w", line, err))
		}
		h.lines = line
	}
	if err := in.Err(); err != nil {
		h.faults = append(h.faults, fmt.Errorf("line %d: %w", h.lines+1, err))
	}
	return h.finish()
}

type hints struct {
	servers []Server
	index   map[string]int // by name
	addrs   []hintAddr
	faults  []error
	owner   string
	lines   int
}

type hintAddr struct {
	name string
	addr netip.Addr
}

func (h *hints) record(text string) error {
	f := strings.Fields(text)
	if len(f) == 0 {
		return nil
	}
	if text[0] != ' ' && text[0] != '\t' {
		if strings.HasPrefix(f[0], "$") {
			return fmt.Errorf("%s is not for a hints file", f[0])
		}
		h.owner, f = f[0], f[1:]
	}
	for len(f) > 0 && (isTTL(f[0]) || strings.EqualFold(f[0], "IN")) {
		f = f[1:]
	}
	owner, ok := normal(h.owner)
	switch {
	case h.owner == "":
		return errors.New("a record without an owner name")
	case !ok:
		return errName(h.owner)
	case len(f) != 2:
		return errors.New(`expected "name [ttl] [IN] type value"`)
	}
	switch strings.ToUpper(f[0]) {
	case "NS":
		return h.ns(owner, f[1])
	case "A", "AAAA":
		a, err := netip.ParseAddr(f[1])
		if err != nil || a.Zone() != "" || a.Is4In6() || a.Is4() != strings.EqualFold(f[0], "A") {
			return fmt.Errorf("%q is not an address for an %s record", f[1], strings.ToUpper(f[0]))
		}
		h.addrs = append(h.addrs, hintAddr{owner, a})
		return nil
	}
	return fmt.Errorf("a record of type %q has no place in a hints file (only NS, A, AAAA)", f[0])
}

func isTTL(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func (h *hints) ns(owner, target string) error {
	name, ok := normal(target)
	switch {
	case owner != ".":
		return fmt.Errorf("an NS record of %s: only the root's belong here", owner)
	case !ok || name == ".":
		return errName(target)
	}
	if _, twice := h.index[name]; !twice {
		h.index[name] = len(h.servers)
		h.servers = append(h.servers, Server{Name: name})
	}
	return nil
}

func (h *hints) finish() ([]Server, error) {
	for _, a := range h.addrs {
		i, ok := h.index[a.name]
		if !ok {
			h.faults = append(h.faults, fmt.Errorf("an address of %s, which is not a root server in this file", a.name))
			continue
		}
		h.servers[i].Addrs = append(h.servers[i].Addrs, a.addr)
	}
	for _, s := range h.servers {
		if len(s.Addrs) == 0 {
			h.faults = append(h.faults, fmt.Errorf("root server %s has no address", s.Name))
		}
	}
	if len(h.servers) == 0 {
		h.faults = append(h.faults, errors.New("no NS record of the root"))
	}
	if len(h.faults) > 0 {
		return nil, errors.Join(h.faults...)
	}
	return h.servers, nil
}
