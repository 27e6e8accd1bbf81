package rpki

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"net/netip"
)

// index maps prefixes to groups of small values. Prefixes and values lie in
// flat slices in address order: building is one pass without an allocation a
// prefix, there is nothing in it for the garbage collector to follow, and a
// look-up touches a few cache lines only.
type index[P any] struct {
	v4, v6 family
	items  []P
}

// family holds the prefixes of one address family in address order, the shorter
// of those at the same address first. So every prefix that covers p is p's
// predecessor, or an ancestor of it.
type family struct {
	nodes []node
	top   []uint32 // by the first bits of an address, how many nodes lie before it
	shift uint8    // 64 less the number of those bits
}

// maxTopBits bounds family.top to 256 KiB.
const maxTopBits = 16

// node is a prefix with its values, items[first : first+n].
type node struct {
	hi, lo   uint64
	first, n uint32
	parent   uint32 // the next shorter prefix of the index that covers it
	bits     uint8
}

// none is the parent of a prefix that nothing covers.
const none = math.MaxUint32

// key is a prefix whose address, of either family, begins at the top bit of hi.
type key struct {
	hi, lo uint64
	bits   uint8
}

func keyOf(p netip.Prefix) key {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		return key{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32, bits: uint8(p.Bits())}
	}
	b := p.Addr().As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), uint8(p.Bits())}
}

func (k key) prefix(is4 bool) netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	if is4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), int(k.bits))
	}
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.PrefixFrom(netip.AddrFrom16(b), int(k.bits))
}

func (k key) compare(l key) int {
	switch {
	case k.hi != l.hi:
		return cmp.Compare(k.hi, l.hi)
	case k.lo != l.lo:
		return cmp.Compare(k.lo, l.lo)
	}
	return cmp.Compare(k.bits, l.bits)
}

func (n *node) key() key { return key{n.hi, n.lo, n.bits} }

// covers reports whether k equals n's prefix or lies inside it.
func (n *node) covers(k key) bool {
	switch {
	case n.bits > k.bits:
		return false
	case n.bits <= 64:
		return (n.hi^k.hi)>>(64-n.bits) == 0
	}
	return n.hi == k.hi && (n.lo^k.lo)>>(128-n.bits) == 0
}

// search returns the number of nodes up to and including k.
func (f *family) search(k key) int {
	if len(f.nodes) == 0 {
		return 0
	}
	first := k.hi >> f.shift
	i, j := int(f.top[first]), int(f.top[first+1])
	for i < j {
		m := (i + j) / 2
		if f.nodes[m].key().compare(k) <= 0 {
			i = m + 1
		} else {
			j = m
		}
	}
	return i
}

// mark fills top.
func (f *family) mark() {
	n := min(maxTopBits, bits.Len(uint(len(f.nodes))))
	f.shift, f.top = uint8(64-n), make([]uint32, 1<<n+1)
	for i := range f.nodes {
		f.top[f.nodes[i].hi>>f.shift+1] = uint32(i + 1)
	}
	for i := 1; i < len(f.top); i++ {
		f.top[i] = max(f.top[i], f.top[i-1])
	}
}

// closest returns the longest prefix that covers k, or none; the others follow
// by their parents.
func (f *family) closest(k key) uint32 {
	return f.upTo(uint32(f.search(k)-1), k) // -1 becomes none
}

// upTo returns the first of i and its ancestors that covers k.
func (f *family) upTo(i uint32, k key) uint32 {
	for i != none && !f.nodes[i].covers(k) {
		i = f.nodes[i].parent
	}
	return i
}

func (x *index[P]) family(is4 bool) *family {
	if is4 {
		return &x.v4
	}
	return &x.v6
}

func (x *index[P]) group(n *node) []P { return x.items[n.first : n.first+n.n] }

// get returns the values of p itself. p is canonical.
func (x *index[P]) get(p netip.Prefix) []P {
	f, k := x.family(p.Addr().Is4()), keyOf(p)
	if i := f.search(k); i > 0 && f.nodes[i-1].key() == k {
		return x.group(&f.nodes[i-1])
	}
	return nil
}

// covering yields the values of every prefix that covers p, most specific
// first. p is canonical.
func (x *index[P]) covering(p netip.Prefix) iter.Seq2[netip.Prefix, []P] {
	is4 := p.Addr().Is4()
	f := x.family(is4)
	return func(yield func(netip.Prefix, []P) bool) {
		for i := f.closest(keyOf(p)); i != none; i = f.nodes[i].parent {
			if n := &f.nodes[i]; !yield(n.key().prefix(is4), x.group(n)) {
				return
			}
		}
	}
}

// within yields the values of p and of every prefix inside it, in address
// order. p is canonical.
func (x *index[P]) within(p netip.Prefix) iter.Seq2[netip.Prefix, []P] {
	is4 := p.Addr().Is4()
	f, k := x.family(is4), keyOf(p)
	area := node{hi: k.hi, lo: k.lo, bits: k.bits}
	return func(yield func(netip.Prefix, []P) bool) {
		i := f.search(k)
		if i > 0 && f.nodes[i-1].key() == k {
			i--
		}
		for ; i < len(f.nodes) && area.covers(f.nodes[i].key()); i++ {
			if n := &f.nodes[i]; !yield(n.key().prefix(is4), x.group(n)) {
				return
			}
		}
	}
}

// all yields every prefix in address order, IPv4 before IPv6.
func (x *index[P]) all() iter.Seq2[netip.Prefix, []P] {
	return func(yield func(netip.Prefix, []P) bool) {
		for _, is4 := range []bool{true, false} {
			f := x.family(is4)
			for i := range f.nodes {
				if n := &f.nodes[i]; !yield(n.key().prefix(is4), x.group(n)) {
					return
				}
			}
		}
	}
}
