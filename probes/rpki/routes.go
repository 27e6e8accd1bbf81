package rpki

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Route is one origin of one announced prefix.
type Route struct {
	Prefix netip.Prefix
	Origin Origin
	Peers  int  // how many peers of the collectors see it with this origin; 0: not known (declared, not seen)
	Local  bool // the dumping router originates it, and the dump does not tell that router's AS: Origin means nothing
}

// Announcement is a route that its holder declares, as in the inventory.
type Announcement struct {
	Prefix netip.Prefix
	Origin Origin
}

// Routes is an immutable route table, safe for concurrent use.
type Routes struct {
	idx      *index[seen]
	src      Source
	maxPeers int // of the most seen route: what "everybody" means here
	peers    int // entries of the peer table, 0 if there is none

	cut   []*progress // of the sources that ended before their time
	paths map[way]*transit
}

// seen is a route without its prefix, in 12 bytes.
type seen struct {
	asn   uint32
	peers uint32
	kind  originKind
	dump  uint16 // while reading: which dump of the file it is from
}

// originKind says what asn means.
type originKind uint8

const (
	noOrigin    originKind = iota // NONE
	knownOrigin                   // asn is the origin
	localOrigin                   // some router's own AS, not told
)

func (o Origin) seen(peers uint32) seen {
	if !o.Known {
		return seen{peers: peers}
	}
	return seen{asn: uint32(o.ASN), peers: peers, kind: knownOrigin}
}

func (s seen) same(t seen) bool { return s.asn == t.asn && s.kind == t.kind }

func (s seen) route(p netip.Prefix) Route {
	return Route{Prefix: p, Origin: Origin{ASN(s.asn), s.kind == knownOrigin}, Peers: int(s.peers), Local: s.kind == localOrigin}
}

// NewRoutes makes a table of declared announcements. The table is Partial:
// that it lacks a route says nothing about the Internet.
func NewRoutes(own []Announcement, from Source) (*Routes, error) {
	var b rows[seen]
	for i, a := range own {
		p := canonical(a.Prefix)
		if !p.IsValid() || p != a.Prefix {
			return nil, fmt.Errorf("announcement %d of %s: %q is no prefix that can be announced", i+1, from.Name, a.Prefix)
		}
		b.add(p, a.Origin.seen(0))
	}
	from.Partial = true
	if from.Over == "" {
		from.Over = "inventory"
	}
	return newRoutes(&b, from, 0), nil
}

func newRoutes(b *rows[seen], from Source, peers int) *Routes {
	idx := b.build(
		func(x, y seen) int {
			if x.kind != y.kind {
				return cmp.Compare((x.kind+2)%3, (y.kind+2)%3) // NONE last
			}
			return cmp.Compare(x.asn, y.asn)
		},
		// A dump may hold a prefix in several records, each with peers of its own.
		func(x *seen, y seen) bool {
			if !x.same(y) {
				return false
			}
			x.peers += min(y.peers, math.MaxUint32-x.peers)
			return true
		})
	r := &Routes{idx: idx, src: from, peers: peers}
	for _, it := range idx.items {
		r.maxPeers = max(r.maxPeers, int(it.peers))
	}
	return r
}

// Len returns the number of (prefix, origin) pairs. A nil table has none.
func (r *Routes) Len() int {
	if r == nil {
		return 0
	}
	return len(r.idx.items)
}

// Source says where the table comes from. That of a nil table is zero.
func (r *Routes) Source() Source {
	if r == nil {
		return Source{}
	}
	return r.src
}

// Dated returns the same table with at as the time of its data, if the source
// itself gave none.
func (r *Routes) Dated(at time.Time) *Routes {
	if r == nil || !r.src.At.IsZero() {
		return r
	}
	d := *r
	d.src.At = at
	return &d
}

// Peers returns the number of peers in the dump's peer table, 0 if it has none.
func (r *Routes) Peers() int {
	if r == nil {
		return 0
	}
	return r.peers
}

// Covering returns every route whose prefix holds addr, most specific first,
// the origins of one prefix by ASN.
func (r *Routes) Covering(addr netip.Addr) []Route {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return nil
	}
	return r.CoveringPrefix(netip.PrefixFrom(addr, addr.BitLen()))
}

// Within returns every route of p and of the prefixes inside it, in address
// order, the origins of one prefix by ASN.
func (r *Routes) Within(p netip.Prefix) []Route {
	p = canonical(p)
	if r == nil || !p.IsValid() {
		return nil
	}
	var out []Route
	for q, group := range r.idx.within(p) {
		for _, it := range group {
			out = append(out, it.route(q))
		}
	}
	return out
}

// CoveringPrefix returns every route whose prefix is p or holds it, most
// specific first, the origins of one prefix by ASN.
func (r *Routes) CoveringPrefix(p netip.Prefix) []Route {
	p = canonical(p)
	if r == nil || !p.IsValid() {
		return nil
	}
	var out []Route
	for q, group := range r.idx.covering(p) {
		for _, it := range group {
			out = append(out, it.route(q))
		}
	}
	return out
}

// From returns the routes that any of the ASes originates, in address order,
// IPv4 first. It looks through the whole table.
func (r *Routes) From(origins ...ASN) []Route {
	if r == nil {
		return nil
	}
	var out []Route
	for p, group := range r.idx.all() {
		for _, it := range group {
			if it.kind == knownOrigin && slices.Contains(origins, ASN(it.asn)) {
				out = append(out, it.route(p))
			}
		}
	}
	return out
}
