package lab

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"
)

// RTR PDU types and error codes, RFC 8210 sections 5 and 12.
const (
	pduSerialQuery   = 1
	pduResetQuery    = 2
	pduCacheResponse = 3
	pduIPv4Prefix    = 4
	pduIPv6Prefix    = 6
	pduEndOfData     = 7
	pduCacheReset    = 8
	pduError         = 10

	rtrNoData      = 2
	rtrBadRequest  = 3
	rtrUnsupported = 4

	rtrSession = 0x0626
	rtrSerial  = 1
	maxQuery   = 64 << 10 // bytes of a PDU that a client may send
)

// rtrCache serves the world's VRPs by RFC 8210 (version 1) and RFC 6810
// (version 0). A higher version is answered with "unsupported protocol
// version" in version 1, so that the client can come down.
type rtrCache struct {
	vrps   []vrp
	faults faults
}

func (r *rtrCache) has(name string) bool { _, ok := r.faults.find(name, "tcp", rtrPort); return ok }

// serve answers queries until the connection ends.
func (r *rtrCache) serve(_ context.Context, c net.Conn) {
	for {
		c.SetReadDeadline(time.Now().Add(idleTime))
		var h [8]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return
		}
		version, length := h[0], binary.BigEndian.Uint32(h[4:])
		if length < 8 || length > maxQuery {
			c.Write(errorReport(min(version, 1), 0, h[:], "length out of range"))
			return
		}
		rest := make([]byte, length-8)
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		if version > 1 {
			c.Write(errorReport(1, rtrUnsupported, append(h[:], rest...), "this cache speaks versions 0 and 1"))
			return
		}
		if r.has("only-v0") {
			version = 0
		}
		reply, last := r.answer(version, h[1], h[:], rest)
		if _, err := c.Write(reply); err != nil || last {
			return
		}
	}
}

// answer makes the reply to one query; last means that the connection ends.
func (r *rtrCache) answer(version, query byte, header, rest []byte) (reply []byte, last bool) {
	if r.has("no-data") {
		return errorReport(version, rtrNoData, append(header, rest...), "no data available"), false
	}
	switch query {
	case pduSerialQuery:
		if len(rest) == 4 && binary.BigEndian.Uint16(header[2:]) == rtrSession && binary.BigEndian.Uint32(rest) == rtrSerial {
			return append(pdu(version, pduCacheResponse, rtrSession, nil), r.endOfData(version)...), false
		}
		return pdu(version, pduCacheReset, 0, nil), false
	case pduResetQuery:
		return r.all(version)
	case pduError:
		return nil, true
	}
	return errorReport(version, rtrBadRequest, append(header, rest...), "not a query"), true
}

// all is the whole table, with the cache's faults.
func (r *rtrCache) all(version byte) ([]byte, bool) {
	out := pdu(version, pduCacheResponse, rtrSession, nil)
	for _, v := range r.vrps {
		out = append(out, prefixPDU(version, v)...)
	}
	if r.has("bad-prefix") {
		bad := prefixPDU(version, vrp{prefix: netip.MustParsePrefix("192.0.2.0/24"), max: 24, asn: 64500})
		bad[9], bad[10] = 33, 33
		out = append(out, bad...)
	}
	if r.has("lying") {
		bad := prefixPDU(version, vrp{prefix: netip.MustParsePrefix("192.0.2.0/24"), max: 24, asn: 64500})
		binary.BigEndian.PutUint32(bad[4:], 3<<30)
		out = append(out, bad...)
	}
	if r.has("cut") {
		return out[:len(out)-7], true
	}
	return append(out, r.endOfData(version)...), false
}

// endOfData carries the timers of version 1: refresh, retry and expire, seconds.
func (r *rtrCache) endOfData(version byte) []byte {
	session := uint16(rtrSession)
	if r.has("session") {
		session++
	}
	body := binary.BigEndian.AppendUint32(nil, rtrSerial)
	if version > 0 {
		for _, seconds := range []uint32{3600, 600, 7200} {
			body = binary.BigEndian.AppendUint32(body, seconds)
		}
	}
	return pdu(version, pduEndOfData, session, body)
}

func pdu(version, kind byte, session uint16, body []byte) []byte {
	b := []byte{version, kind}
	b = binary.BigEndian.AppendUint16(b, session)
	b = binary.BigEndian.AppendUint32(b, uint32(8+len(body)))
	return append(b, body...)
}

func prefixPDU(version byte, v vrp) []byte {
	kind := byte(pduIPv4Prefix)
	if v.prefix.Addr().Is6() {
		kind = pduIPv6Prefix
	}
	body := []byte{1, byte(v.prefix.Bits()), byte(v.max), 0} // 1: announcement
	body = append(body, v.prefix.Addr().AsSlice()...)
	return pdu(version, kind, 0, binary.BigEndian.AppendUint32(body, v.asn))
}

// errorReport is RFC 8210 section 5.11: the offending PDU and a text.
func errorReport(version byte, code uint16, offending []byte, text string) []byte {
	body := binary.BigEndian.AppendUint32(nil, uint32(len(offending)))
	body = append(body, offending...)
	body = binary.BigEndian.AppendUint32(body, uint32(len(text)))
	return pdu(version, pduError, code, append(body, text...))
}
