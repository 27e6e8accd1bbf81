package rpki

import (
	"cmp"
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// index maps prefixes to groups of small values. The values lie in one flat
// slice in address order and the trie holds only spans of it: a third less
// memory than a slice per prefix, and neighbours share cache lines.
type index[P any] struct {
	trie  bart.Table[span]
	items []P
}

// span is items[first : first+n].
type span struct{ first, n uint32 }

// covering yields the values of every prefix that covers p, most specific
// first. p is canonical.
func (x *index[P]) covering(p netip.Prefix) iter.Seq2[netip.Prefix, []P] {
	return func(yield func(netip.Prefix, []P) bool) {
		for q, s := range x.trie.Supernets(p) {
			if !yield(q, x.items[s.first:s.first+s.n]) {
				return
			}
		}
	}
}

// within yields the values of p and of every prefix inside it, in address
// order. p is canonical.
func (x *index[P]) within(p netip.Prefix) iter.Seq2[netip.Prefix, []P] {
	return func(yield func(netip.Prefix, []P) bool) {
		for q, s := range x.trie.Subnets(p) {
			if !yield(q, x.items[s.first:s.first+s.n]) {
				return
			}
		}
	}
}

// all yields every prefix in address order, IPv4 before IPv6.
func (x *index[P]) all() iter.Seq2[netip.Prefix, []P] {
	return func(yield func(netip.Prefix, []P) bool) {
		for q, s := range x.trie.AllSorted() {
			if !yield(q, x.items[s.first:s.first+s.n]) {
				return
			}
		}
	}
}

// rows collects (prefix, value) pairs in the order of reading, in a compact
// form that sorts fast.
type rows[P any] struct {
	v4 []row4[P]
	v6 []row6[P]
}

type row4[P any] struct {
	addr uint32
	bits uint8
	val  P
}

type row6[P any] struct {
	hi, lo uint64
	bits   uint8
	val    P
}

func (r *rows[P]) len() int { return len(r.v4) + len(r.v6) }

// add takes a canonical prefix.
func (r *rows[P]) add(p netip.Prefix, val P) {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		r.add4(binary.BigEndian.Uint32(b[:]), uint8(p.Bits()), val)
		return
	}
	b := p.Addr().As16()
	r.add6(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), uint8(p.Bits()), val)
}

// add4 takes an address without bits behind its length.
func (r *rows[P]) add4(addr uint32, bits uint8, val P) {
	r.v4 = append(r.v4, row4[P]{addr, bits, val})
}

// add6 takes an address, as two big-endian halves, without bits behind its length.
func (r *rows[P]) add6(hi, lo uint64, bits uint8, val P) {
	r.v6 = append(r.v6, row6[P]{hi, lo, bits, val})
}

func (r row4[P]) prefix() netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], r.addr)
	return netip.PrefixFrom(netip.AddrFrom4(b), int(r.bits))
}

func (r row6[P]) prefix() netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.hi)
	binary.BigEndian.PutUint64(b[8:], r.lo)
	return netip.PrefixFrom(netip.AddrFrom16(b), int(r.bits))
}

// sort puts the rows in address order; order sorts the values of one prefix.
func (r *rows[P]) sort(order func(a, b P) int) {
	sorted(r.v4, func(a, b row4[P]) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		if a.bits != b.bits {
			return cmp.Compare(a.bits, b.bits)
		}
		return order(a.val, b.val)
	})
	sorted(r.v6, func(a, b row6[P]) int {
		if a.hi != b.hi {
			return cmp.Compare(a.hi, b.hi)
		}
		if a.lo != b.lo {
			return cmp.Compare(a.lo, b.lo)
		}
		if a.bits != b.bits {
			return cmp.Compare(a.bits, b.bits)
		}
		return order(a.val, b.val)
	})
}

// build sorts the rows and makes the index. order sorts the values of one
// prefix; merge folds b into a and reports true when both are the same entry.
// The rows are used up.
func (r *rows[P]) build(order func(a, b P) int, merge func(a *P, b P) bool) *index[P] {
	r.sort(order)
	x := &index[P]{items: make([]P, 0, r.len())}
	for i := 0; i < len(r.v4); {
		first, q := len(x.items), r.v4[i]
		for ; i < len(r.v4) && r.v4[i].addr == q.addr && r.v4[i].bits == q.bits; i++ {
			x.put(first, r.v4[i].val, merge)
		}
		x.trie.Insert(q.prefix(), span{uint32(first), uint32(len(x.items) - first)})
	}
	r.v4 = nil
	for i := 0; i < len(r.v6); {
		first, q := len(x.items), r.v6[i]
		for ; i < len(r.v6) && r.v6[i].hi == q.hi && r.v6[i].lo == q.lo && r.v6[i].bits == q.bits; i++ {
			x.put(first, r.v6[i].val, merge)
		}
		x.trie.Insert(q.prefix(), span{uint32(first), uint32(len(x.items) - first)})
	}
	r.v6 = nil
	x.items = slices.Clip(x.items)
	return x
}

// put appends v to the group that starts at first, unless it is the group's
// last entry again.
func (x *index[P]) put(first int, v P, merge func(a *P, b P) bool) {
	if n := len(x.items); n > first && merge(&x.items[n-1], v) {
		return
	}
	x.items = append(x.items, v)
}

// sorted sorts s unless it is sorted already, as most exports are.
func sorted[E any](s []E, order func(a, b E) int) {
	if !slices.IsSortedFunc(s, order) {
		slices.SortFunc(s, order)
	}
}
