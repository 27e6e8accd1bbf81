package rpki

import (
	"net/netip"
	"slices"
)

// rows collects (prefix, value) pairs in the order of reading, in a compact
// form that sorts fast.
type rows[P any] struct {
	v4, v6 []row[P]
}

type row[P any] struct {
	key
	val P
}

func (r *rows[P]) len() int { return len(r.v4) + len(r.v6) }

// add takes a canonical prefix.
func (r *rows[P]) add(p netip.Prefix, val P) { r.addKey(p.Addr().Is4(), keyOf(p), val) }

// addKey takes an address without bits behind its length.
func (r *rows[P]) addKey(is4 bool, k key, val P) {
	if is4 {
		r.v4 = append(r.v4, row[P]{k, val})
		return
	}
	r.v6 = append(r.v6, row[P]{k, val})
}

// sort puts the rows in address order, unless they are already, as in most
// exports. order sorts the values of one prefix, which seldom are in order.
func (r *rows[P]) sort(order func(a, b P) int) {
	byKey := func(a, b row[P]) int { return a.key.compare(b.key) }
	byVal := func(a, b row[P]) int { return order(a.val, b.val) }
	for _, list := range [][]row[P]{r.v4, r.v6} {
		if !slices.IsSortedFunc(list, byKey) {
			slices.SortFunc(list, byKey)
		}
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].key == list[0].key {
				n++
			}
			if n > 1 {
				slices.SortFunc(list[:n], byVal)
			}
			list = list[n:]
		}
	}
}

// build sorts the rows and makes the index. order sorts the values of one
// prefix; merge folds b into a and reports true when both are the same entry.
// The rows are used up.
func (r *rows[P]) build(order func(a, b P) int, merge func(a *P, b P) bool) *index[P] {
	r.sort(order)
	x := &index[P]{items: make([]P, 0, r.len())}
	x.fill(&x.v4, r.v4, merge)
	r.v4 = nil
	x.fill(&x.v6, r.v6, merge)
	r.v6 = nil
	return x
}

// fill makes the nodes of one family from its sorted rows.
func (x *index[P]) fill(f *family, list []row[P], merge func(a *P, b P) bool) {
	prefixes := 0
	for i := range list {
		if i == 0 || list[i].key != list[i-1].key {
			prefixes++
		}
	}
	f.nodes = make([]node, 0, prefixes)
	last := uint32(none)
	for i := range list {
		k := list[i].key
		if i == 0 || k != list[i-1].key {
			f.nodes = append(f.nodes, node{hi: k.hi, lo: k.lo, bits: k.bits, first: uint32(len(x.items)), parent: f.upTo(last, k)})
			last = uint32(len(f.nodes) - 1)
		}
		n := &f.nodes[last]
		if n.n > 0 && merge(&x.items[len(x.items)-1], list[i].val) {
			continue
		}
		x.items = append(x.items, list[i].val)
		n.n++
	}
	f.mark()
}
