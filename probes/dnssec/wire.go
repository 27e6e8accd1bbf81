package dnssec

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/miekg/dns"
)

// nameLayout says where the RDATA of a type holds domain names that have to be
// in lower case for signing: so many octets, then so many names. The list is
// that of RFC 4034 6.2 as corrected by RFC 6840 5.1 (NSEC and HINFO are out).
type nameLayout struct {
	skip    int // octets before the first name
	strings int // character-strings after those octets (NAPTR)
	names   int
}

// lowered is keyed by type; 38 is A6, which the library has no type for.
var lowered = map[uint16]nameLayout{
	dns.TypeNS: {names: 1}, dns.TypeMD: {names: 1}, dns.TypeMF: {names: 1},
	dns.TypeCNAME: {names: 1}, dns.TypeSOA: {names: 2}, dns.TypeMB: {names: 1},
	dns.TypeMG: {names: 1}, dns.TypeMR: {names: 1}, dns.TypePTR: {names: 1},
	dns.TypeMINFO: {names: 2}, dns.TypeMX: {skip: 2, names: 1}, dns.TypeRP: {names: 2},
	dns.TypeAFSDB: {skip: 2, names: 1}, dns.TypeRT: {skip: 2, names: 1},
	dns.TypeSIG: {skip: 18, names: 1}, dns.TypePX: {skip: 2, names: 2},
	dns.TypeNXT: {names: 1}, dns.TypeNAPTR: {skip: 4, strings: 3, names: 1},
	dns.TypeKX: {skip: 2, names: 1}, dns.TypeSRV: {skip: 6, names: 1},
	dns.TypeDNAME: {names: 1}, dns.TypeRRSIG: {skip: 18, names: 1},
}

// typeA6 is the one type of RFC 4034 6.2 whose layout depends on its content.
const typeA6 = 38

// canonicalRdata turns the names in packed RDATA to lower case, in place.
func canonicalRdata(rrtype uint16, rdata []byte) {
	l, ok := lowered[rrtype]
	if !ok {
		if rrtype == typeA6 && len(rdata) > 0 && rdata[0] <= 128 {
			l = nameLayout{skip: 1 + (128-int(rdata[0])+7)/8, names: 1}
		} else {
			return
		}
	}
	off := l.skip
	for range l.strings {
		if off >= len(rdata) {
			return
		}
		off += int(rdata[off]) + 1
	}
	for range l.names {
		end := skipName(rdata, off)
		if end < 0 {
			return
		}
		lowerWire(rdata[off:end])
		off = end
	}
}

// packRdata returns the RDATA of rr without compression, names as they are. The
// library's packing writes the length into the record's header, and messages are
// shared between askers: so it is done to a copy.
func packRdata(rr dns.RR, buf []byte) ([]byte, bool) {
	off, err := dns.PackRR(shallow(rr), buf, 0, nil, false)
	if err != nil {
		return nil, false
	}
	start := skipName(buf[:off], 0)
	if start < 0 || start+10 > off {
		return nil, false
	}
	return buf[start+10 : off], true
}

// shallow copies a record's own fields, which is enough for packing; the rarer
// types are copied whole.
func shallow(rr dns.RR) dns.RR {
	switch x := rr.(type) {
	case *dns.A:
		c := *x
		return &c
	case *dns.AAAA:
		c := *x
		return &c
	case *dns.DS:
		c := *x
		return &c
	case *dns.DNSKEY:
		c := *x
		return &c
	case *dns.SOA:
		c := *x
		return &c
	case *dns.NSEC:
		c := *x
		return &c
	case *dns.NSEC3:
		c := *x
		return &c
	}
	return dns.Copy(rr)
}

// canonical is a set of records ready for signing: each one's RDATA in
// canonical form, sorted, duplicates removed (RFC 4034 6.3).
type canonical [][]byte

// scratches are for packing one record each, which most fit in.
var scratches = sync.Pool{New: func() any { return new([1024]byte) }}

// canonicalSet prepares records of one owner, type and class. It fails on a
// record that cannot be packed.
func canonicalSet(rrs []dns.RR) (canonical, bool) {
	total := 0
	for _, rr := range rrs {
		total += dns.Len(rr) + 1
	}
	store := make([]byte, 0, total)
	set := make(canonical, 0, len(rrs))
	scratch := scratches.Get().(*[1024]byte)
	defer scratches.Put(scratch)
	for _, rr := range rrs {
		clear(scratch[:]) // the library leaves octets alone where an address is none: those of another record
		buf := scratch[:]
		if n := dns.Len(rr) + 1; n > len(buf) {
			buf = make([]byte, n)
		}
		rdata, ok := packRdata(rr, buf)
		if !ok || len(rdata) > 65535 {
			return nil, false
		}
		start := len(store)
		store = append(store, rdata...)
		r := store[start:len(store):len(store)]
		canonicalRdata(rr.Header().Rrtype, r)
		set = append(set, r)
	}
	slices.SortFunc(set, compareWire)
	return slices.CompactFunc(set, func(a, b []byte) bool { return string(a) == string(b) }), true
}

// appendSigned appends what an RRSIG signs: its own RDATA without the signature,
// then every record in canonical form with the original TTL and, where the
// label count says so, under its wildcard's name (RFC 4034 3.1.8.1, RFC 4035 5.3.2).
func appendSigned(b []byte, sig *dns.RRSIG, signer, owner name, class uint16, set canonical) []byte {
	if n := owner.labels(); n > int(sig.Labels) && !(owner.isWild() && n-1 == int(sig.Labels)) {
		owner, _ = owner.last(int(sig.Labels)).wild()
	}
	b = binary.BigEndian.AppendUint16(b, sig.TypeCovered)
	b = append(b, sig.Algorithm, sig.Labels)
	b = binary.BigEndian.AppendUint32(b, sig.OrigTtl)
	b = binary.BigEndian.AppendUint32(b, sig.Expiration)
	b = binary.BigEndian.AppendUint32(b, sig.Inception)
	b = binary.BigEndian.AppendUint16(b, sig.KeyTag)
	b = append(b, signer...)
	for _, rdata := range set {
		b = append(b, owner...)
		b = binary.BigEndian.AppendUint16(b, sig.TypeCovered)
		b = binary.BigEndian.AppendUint16(b, class)
		b = binary.BigEndian.AppendUint32(b, sig.OrigTtl)
		b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
		b = append(b, rdata...)
	}
	return b
}
