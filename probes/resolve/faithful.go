package resolve

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"

	"github.com/miekg/dns"
)

// wellRead are the types whose data the library writes again as it read them, or
// whose data may come compressed (RFC 3597 4), so that there is nothing to compare.
var wellRead = func() map[uint16]bool {
	types := map[uint16]bool{}
	for _, t := range []uint16{
		dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeOPT, dns.TypeDS, dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3,
		dns.TypeNSEC3PARAM, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeTLSA, dns.TypeNS, dns.TypeMD, dns.TypeMF, dns.TypeCNAME, dns.TypeSOA,
		dns.TypeMB, dns.TypeMG, dns.TypeMR, dns.TypePTR, dns.TypeMINFO, dns.TypeMX, dns.TypeRP, dns.TypeAFSDB, dns.TypeRT, dns.TypeSIG,
		dns.TypePX, dns.TypeNXT, dns.TypeSRV, dns.TypeNAPTR, dns.TypeKX, dns.TypeDNAME,
	} {
		types[t] = true
	}
	return types
}()

// faithful puts records that the library would write otherwise than they came in
// the form for unknown types (RFC 3597): a backslash in a CAA value, an ISDN record
// without a subaddress. Their signatures cover what came. b is the message m.
func faithful(b []byte, m *dns.Msg) {
	off := 12
	for range m.Question {
		if off = pastName(b, off) + 4; off > len(b) {
			return
		}
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for i, rr := range section {
			off = pastName(b, off)
			if off+10 > len(b) {
				return
			}
			start := off + 10
			off = start + int(binary.BigEndian.Uint16(b[off+8:]))
			if off > len(b) {
				return
			}
			if h := rr.Header(); !wellRead[h.Rrtype] && !writesAs(rr, b[start:off]) {
				section[i] = &dns.RFC3597{Hdr: *h, Rdata: hex.EncodeToString(b[start:off])}
			}
		}
	}
}

// writesAs says whether the library makes these data of a record.
func writesAs(rr dns.RR, data []byte) bool {
	rr = dns.Copy(rr) // packing writes the length into the header
	h := rr.Header()
	h.Name = "."
	buf := make([]byte, dns.Len(rr)+len(data)+16)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	const head = 11 // the root's name, type, class, TTL, length
	return err == nil && end >= head && bytes.Equal(buf[head:end], data)
}

// pastName returns the offset after the name at off, which may end in a pointer
// (RFC 1035 4.1.4); beyond the message if it does not end within.
func pastName(b []byte, off int) int {
	for off < len(b) {
		switch c := int(b[off]); {
		case c == 0:
			return off + 1
		case c >= 0xc0:
			return off + 2
		default:
			off += c + 1
		}
	}
	return len(b) + 1
}
