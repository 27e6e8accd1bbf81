//go:build integration

package main_test

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// announced is the route table of the world: what is missing here is unrouted.
var announced = []struct {
	prefix string
	origin uint32
}{
	{"2001:db8:53::/48", 64510}, {"198.18.0.0/24", 64510},
	{"2001:db8:100::/48", 64500}, {"198.51.100.0/24", 64500},
	{silent6, 64500}, {silent4, 64510},
	{"2001:db8:200::/48", 64501}, {"203.0.113.0/24", 64501},
	{"2001:db8:300::/48", 64502}, {"192.0.2.0/24", 64502},
	{"2001:db8:500::/48", 64501}, {"198.18.5.0/24", 64501},
}

// mrtPeers is how many peers see each route; enough for any visibility rule.
const mrtPeers = 12

// mrt writes the table as TABLE_DUMP_V2 (RFC 6396), byte by byte: the reader
// under test is not to be shown what a library of its own makes.
func mrt(at time.Time) []byte {
	be := binary.BigEndian
	record := func(subtype uint16, body []byte) []byte {
		r := be.AppendUint32(nil, uint32(at.Unix()))
		r = be.AppendUint16(r, 13) // TABLE_DUMP_V2
		r = be.AppendUint16(r, subtype)
		r = be.AppendUint32(r, uint32(len(body)))
		return append(r, body...)
	}
	index := []byte{192, 0, 2, 254}   // collector's BGP identifier
	index = be.AppendUint16(index, 0) // no view name
	index = be.AppendUint16(index, mrtPeers)
	for i := range byte(mrtPeers) {
		index = append(index, 2, 192, 0, 2, 100+i, 192, 0, 2, 100+i) // IPv4 peer, 4-byte AS
		index = be.AppendUint32(index, 64600+uint32(i))
	}
	out := record(1, index)
	for seq, a := range announced {
		p := netip.MustParsePrefix(a.prefix)
		body := be.AppendUint32(nil, uint32(seq))
		body = append(body, byte(p.Bits()))
		body = append(body, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
		body = be.AppendUint16(body, mrtPeers)
		for i := range uint16(mrtPeers) {
			path := []byte{2, 2} // AS_SEQUENCE of two
			path = be.AppendUint32(path, 64600+uint32(i))
			path = be.AppendUint32(path, a.origin)
			attrs := []byte{0x40, 1, 1, 0}                                   // ORIGIN IGP
			attrs = append(append(attrs, 0x40, 2, byte(len(path))), path...) // AS_PATH
			body = be.AppendUint16(body, i)
			body = be.AppendUint32(body, uint32(at.Unix()))
			body = be.AppendUint16(body, uint16(len(attrs)))
			body = append(body, attrs...)
		}
		subtype := uint16(2) // RIB_IPV4_UNICAST
		if p.Addr().Is6() {
			subtype = 4 // RIB_IPV6_UNICAST
		}
		out = append(out, record(subtype, body)...)
	}
	return out
}
