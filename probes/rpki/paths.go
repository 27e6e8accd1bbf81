package rpki

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// Hop is an AS on the way to an announcement.
type Hop struct {
	ASN      ASN
	Peers    int // paths that cross it, one a peer
	Upstream int // paths on which it is the last AS before the origin
}

// Bounds on what is kept of hostile or strange dumps.
const (
	maxPathRoutes = 10_000 // announcements of own blocks
	maxPathHops   = 4_000  // different ASes on the way to one of them
	maxPathLength = 500    // ASes of one path, repetitions counted; of a longer one only the existence counts
)

// watch keeps the AS paths of announcements inside some blocks: those of the
// whole Internet would take gigabytes.
type watch struct {
	blocks *index[struct{}]
	routes map[pathKey]*transit
	path   []uint32 // of the entry under way
}

// pathKey is an announcement in one dump of the file.
type pathKey struct {
	prefix netip.Prefix
	origin uint32
	dump   uint16
}

// transit sums up the paths of one announcement.
type transit struct {
	entries int
	hops    map[uint32]*Hop
}

// newWatch returns nil if there are no blocks.
func newWatch(blocks []netip.Prefix) *watch {
	var b rows[struct{}]
	for _, p := range blocks {
		if p = canonical(p); p.IsValid() {
			b.add(p, struct{}{})
		}
	}
	if b.len() == 0 {
		return nil
	}
	same := func(*struct{}, struct{}) bool { return true }
	return &watch{blocks: b.build(func(_, _ struct{}) int { return 0 }, same), routes: map[pathKey]*transit{}}
}

func (w *watch) wants(is4 bool, k key) bool {
	return w != nil && w.blocks.family(is4).closest(k) != none
}

// record adds the paths of a record's n entries, which were found to be sound.
func (w *watch) record(p netip.Prefix, dump uint16, peers []uint32, b []byte, n int, addPath bool) {
	head := 8
	if addPath {
		head = 12
	}
	for range n {
		size := int(binary.BigEndian.Uint16(b[head-2:]))
		attributes := b[head : head+size]
		if s, ok := pathOrigin(attributes, peers[binary.BigEndian.Uint16(b)]); ok && s.kind == knownOrigin {
			w.note(pathKey{p, s.asn, dump}, attributes)
		}
		b = b[head+size:]
	}
}

// note adds the path of one RIB entry to those of its announcement.
func (w *watch) note(k pathKey, attributes []byte) {
	w.path = pathASes(attributes, w.path[:0])
	t := w.routes[k]
	if t == nil {
		if len(w.routes) == maxPathRoutes {
			return
		}
		t = &transit{hops: map[uint32]*Hop{}}
		w.routes[k] = t
	}
	t.entries++
	if len(w.path) > maxPathLength {
		return
	}
	upstream := true
	for i := len(w.path) - 1; i >= 0; i-- {
		asn := w.path[i]
		if asn == k.origin || slices.Contains(w.path[i+1:], asn) {
			continue
		}
		if asn == inSet {
			upstream = false // it is one of the set, which is not told
			continue
		}
		h := t.hops[asn]
		if h == nil {
			if len(t.hops) == maxPathHops {
				return
			}
			h = &Hop{ASN: ASN(asn)}
			t.hops[asn] = h
		}
		h.Peers++
		if upstream {
			h.Upstream++
		}
		upstream = false
	}
}

// inSet stands in a path for an AS_SET. AS 0 itself is never in a path (RFC 7607).
const inSet = 0

// pathASes appends the ASes of the AS_PATH attribute to path, nearest first; what
// confederations say of their insides is left out. The attributes are sound.
func pathASes(b []byte, path []uint32) []uint32 {
	for len(b) >= 3 {
		kind, size, head := b[1], int(b[2]), 3
		if b[0]&0x10 != 0 && len(b) >= 4 {
			size, head = int(binary.BigEndian.Uint16(b[2:])), 4
		}
		if len(b) < head+size {
			return path
		}
		segments := b[head : head+size]
		b = b[head+size:]
		if kind != 2 {
			continue
		}
		for len(segments) >= 2 && len(segments) >= 2+4*int(segments[1]) {
			n := 2 + 4*int(segments[1])
			switch {
			case n == 2:
			case segments[0] == 2:
				for i := 2; i < n; i += 4 {
					path = append(path, binary.BigEndian.Uint32(segments[i:]))
				}
			case segments[0] == 1:
				path = append(path, inSet)
			}
			segments = segments[n:]
		}
		return path
	}
	return path
}

// way identifies an announcement in a finished table.
type way struct {
	prefix netip.Prefix
	origin uint32
}

// Paths sums up the AS paths of an announcement: in how many entries of the dump
// it stands, and the ASes on the way to it, the most travelled first. Zero where
// the source has no paths, or they were not asked for (see ReadRoutes).
func (r *Routes) Paths(p netip.Prefix, origin Origin) (int, []Hop) {
	if r == nil || !origin.Known {
		return 0, nil
	}
	t := r.paths[way{canonical(p), uint32(origin.ASN)}]
	if t == nil {
		return 0, nil
	}
	out := make([]Hop, 0, len(t.hops))
	for _, h := range t.hops {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b Hop) int {
		return cmp.Or(b.Peers-a.Peers, b.Upstream-a.Upstream, cmp.Compare(a.ASN, b.ASN))
	})
	return t.entries, out
}

// addPaths adds t to what is known of an announcement.
func (r *Routes) addPaths(k way, t *transit) {
	if r.paths == nil {
		r.paths = map[way]*transit{}
	}
	sum := r.paths[k]
	if sum == nil {
		sum = &transit{hops: map[uint32]*Hop{}}
		r.paths[k] = sum
	}
	sum.entries += t.entries
	for asn, h := range t.hops {
		s := sum.hops[asn]
		if s == nil {
			s = &Hop{ASN: h.ASN}
			sum.hops[asn] = s
		}
		s.Peers += h.Peers
		s.Upstream += h.Upstream
	}
}
