package rpki

import (
	"cmp"
	"net/netip"
	"strings"
)

// TAs returns the number of VRPs under each trust anchor by name; those whose
// trust anchor the source does not tell, as all of RTR, count under "".
func (s *Snapshot) TAs() map[string]int {
	out := map[string]int{}
	if s != nil {
		for _, it := range s.idx.items {
			out[s.tas[it.ta]]++
		}
	}
	return out
}

// Advisory reports whether a trust anchor holds only a registry's AS 0 VRPs,
// which decide nothing.
func Advisory(ta string) bool { return strings.Contains(strings.ToLower(ta), "as0") }

// Doubt returns the same snapshot with trust anchors whose VRPs are not all
// there; "" stands for any. What a missing VRP could change is then unknown.
func (s *Snapshot) Doubt(tas ...string) *Snapshot {
	if s == nil {
		return nil
	}
	d := *s
	d.doubted = map[string]bool{}
	for _, ta := range tas {
		d.doubted[ta] = true
	}
	return &d
}

// doubts reports whether VRPs that are missing could change v: one match makes a
// route Valid for good, none under a trust anchor is what a missing one looks
// like, and the VRPs against a route come with the missing ones for it.
func (s *Snapshot) doubts(v Validity) bool {
	if s == nil || len(s.doubted) == 0 || v.State() == Valid {
		return false
	}
	covering := v.covering()
	for _, c := range covering {
		if s.doubted[c.TA] || c.TA == "" {
			return true
		}
	}
	return len(covering) == 0 || s.doubted[""]
}

// doubtful reports whether the state hangs on VRPs that are missing.
func (f Finding) doubtful(s *Snapshot) bool {
	j, routed := f.Worst()
	return routed && s.doubts(j.Validity)
}

// progress is how far into the address space a dump was read that ends before
// its time. It means something only where the dump is in address order.
type progress struct {
	family   [2]familyProgress // IPv4, IPv6
	now      int               // family under way
	begun    bool
	disorder bool
}

type familyProgress struct {
	addr     [16]byte
	bits     int
	begun    bool
	disorder bool
	over     bool // the other family began after it
}

// note takes the next prefix of the dump; family is 0 for IPv4, 1 for IPv6.
func (p *progress) note(family int, addr [16]byte, bits int) {
	if p.begun && family != p.now {
		p.family[p.now].over = true
	}
	p.begun, p.now = true, family
	f := &p.family[family]
	c := cmp.Compare(string(f.addr[:]), string(addr[:]))
	if f.over || f.begun && (c > 0 || c == 0 && f.bits > bits) {
		f.disorder = true
	}
	f.addr, f.bits, f.begun = addr, bits, true
}

// table notes that another dump begins: nothing is whole before the last one is.
func (p *progress) table() { p.disorder = p.disorder || p.begun }

// whole reports whether every route that covers addr was read: their prefixes
// all begin at addr or before it.
func (p *progress) whole(addr netip.Addr) bool {
	i, at := 0, [16]byte{}
	if addr.Is6() {
		i = 1
	}
	copy(at[:], addr.AsSlice())
	f := p.family[i]
	return !p.disorder && !f.disorder && f.begun && (f.over || string(at[:]) < string(f.addr[:]))
}

// whole reports whether every route to addr that the sources hold was read.
func (r *Routes) whole(addr netip.Addr) bool {
	if r == nil {
		return true
	}
	for _, c := range r.cut {
		if !c.whole(addr) {
			return false
		}
	}
	return true
}

// Damaged reports whether a source of the table was truncated or damaged, so
// that routes of it are missing.
func (r *Routes) Damaged() bool { return r != nil && len(r.cut) > 0 }

// MergeRoutes makes one table of several: dumps of several collectors, or one
// for each family. Peers add up. It is as old as the oldest, and nil if there is
// none.
func MergeRoutes(tables ...*Routes) *Routes {
	if len(tables) < 2 {
		for _, t := range tables {
			return t
		}
		return nil
	}
	var b rows[seen]
	from := tables[0].src
	var names []string
	var cut []*progress
	peers := 0
	for _, t := range tables {
		for p, group := range t.idx.all() {
			for _, it := range group {
				b.add(p, it)
			}
		}
		names = append(names, t.src.Name)
		peers += t.peers
		cut = append(cut, t.cut...)
		if at := t.src.At; from.At.IsZero() || at.IsZero() || at.Before(from.At) {
			from.At = at
		}
		from.Partial = from.Partial || t.src.Partial
	}
	from.Name = strings.Join(names, ", ")
	out := newRoutes(&b, from, peers)
	out.cut = cut
	for _, t := range tables {
		for k, paths := range t.paths {
			out.addPaths(k, paths)
		}
	}
	return out
}
