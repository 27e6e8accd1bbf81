package rpki

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/gaissmai/bart"
)

// nested draws a prefix out of few addresses, so that many lie inside others,
// at every length.
func nested(r *rand.Rand) netip.Prefix {
	var b [16]byte
	for i := range b {
		b[i] = []byte{0, 0x80, 0xff}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), r.IntN(33)).Masked()
	}
	if r.IntN(4) > 0 { // an end where many share the upper half
		binary.BigEndian.PutUint64(b[:8], 0x20010db8<<32)
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), r.IntN(129)).Masked()
}

// The index says the same as a table made by others, of prefixes in it and of
// any other.
func TestIndexAgainstTrie(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		var b rows[seen]
		var want bart.Table[uint32] // peers of all values of a prefix
		for range r.IntN(600) {
			p := nested(r)
			s := From(ASN(r.Uint32N(4))).seen(1 + r.Uint32N(3))
			b.add(p, s)
			want.Modify(p, func(n uint32, _ bool) (uint32, bool) { return n + s.peers, false })
		}
		x := newRoutes(&b, Source{}, 0).idx
		sums := func(seq func(func(netip.Prefix, []seen) bool)) (out []Route) {
			for p, group := range seq {
				n := uint32(0)
				for i, s := range group {
					n += s.peers
					if i > 0 && group[i-1].asn >= s.asn {
						t.Fatalf("seed %d: %s: origins out of order or twice: %v", seed, p, group)
					}
				}
				out = append(out, Route{Prefix: p, Peers: int(n)})
			}
			return out
		}
		theirs := func(seq func(func(netip.Prefix, uint32) bool)) (out []Route) {
			for p, n := range seq {
				out = append(out, Route{Prefix: p, Peers: int(n)})
			}
			return out
		}
		if got, want := sums(x.all()), theirs(want.AllSorted()); !slices.Equal(got, want) {
			t.Fatalf("seed %d: all: %v, want %v", seed, got, want)
		}
		ask := slices.Collect(maps.Keys(maps.Collect(want.All())))
		for range 300 {
			ask = append(ask, nested(r))
		}
		for _, p := range ask {
			if got, want := sums(x.covering(p)), theirs(want.Supernets(p)); !slices.Equal(got, want) {
				t.Fatalf("seed %d: covering %s: %v, want %v", seed, p, got, want)
			}
			if got, want := sums(x.within(p)), theirs(want.Subnets(p)); !slices.Equal(got, want) {
				t.Fatalf("seed %d: within %s: %v, want %v", seed, p, got, want)
			}
			if _, in := want.Get(p); in != (x.get(p) != nil) {
				t.Fatalf("seed %d: get %s: want %t", seed, p, in)
			}
		}
	}
}
