package rpki

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"strings"
	"unicode"
)

// PDU types (RFC 8210 section 5; version 0: RFC 6810).
const (
	pduSerialNotify  = 0
	pduSerialQuery   = 1
	pduResetQuery    = 2
	pduCacheResponse = 3
	pduIPv4          = 4
	pduIPv6          = 6
	pduEndOfData     = 7
	pduCacheReset    = 8
	pduRouterKey     = 9
	pduError         = 10
	pduASPA          = 11 // version 2
)

// maxVersion is draft-ietf-sidrops-8210bis.
const maxVersion = 2

// Error codes (RFC 8210 section 12).
const (
	codeCorrupt      = 0
	codeNoData       = 2
	codeVersion      = 4
	codeUnsupported  = 5
	codeWithdrawal   = 6
	codeDuplicate    = 7
	codeOtherVersion = 8
)

const (
	headerLen   = 8
	maxKeyPDU   = 1 << 12 // a Router Key of a P-256 key is 123 bytes
	maxErrorPDU = 1 << 16
	maxASPAPDU  = 1 << 16 // 16,380 providers
)

// pdu is one frame whose length fits its type. data is the whole frame, good
// until the next read.
type pdu struct {
	version, kind uint8
	session       uint16 // or error code, or zero
	data          []byte
}

// protocolError is a fault of the cache. code and frame go into the Error
// Report that it is sent, unless the fault is in an Error Report of its own.
type protocolError struct {
	code  uint16
	frame []byte
	mute  bool
	text  string
}

func (e *protocolError) Error() string { return e.text }

func protocolFault(code uint16, p pdu, format string, args ...any) error {
	frame := append([]byte(nil), p.data[:min(len(p.data), 256)]...)
	return &protocolError{code: code, frame: frame, mute: p.kind == pduError, text: fmt.Sprintf(format, args...)}
}

// readPDU reads one frame. Length and type are compared before anything of the
// body is read, so that a lying length neither allocates nor waits.
func readPDU(br *bufio.Reader) (pdu, error) {
	head, err := br.Peek(headerLen)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return pdu{}, err
	}
	p := pdu{version: head[0], kind: head[1], session: binary.BigEndian.Uint16(head[2:]), data: head}
	length := binary.BigEndian.Uint32(head[4:])
	if err := p.check(length); err != nil {
		return pdu{}, err
	}
	if p.data, err = br.Peek(int(length)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return pdu{}, err
	}
	_, err = br.Discard(int(length))
	return p, err
}

// check compares the length a frame claims with what its type and version demand.
// An Error Report may come in any version: it says what the cache speaks.
func (p pdu) check(length uint32) error {
	if p.version > maxVersion && p.kind != pduError {
		return protocolFault(codeVersion, p, "the cache speaks RTR version %d; versions 0 to %d are understood", p.version, maxVersion)
	}
	var least, most uint32
	switch p.kind {
	case pduSerialNotify:
		least, most = 12, 12
	case pduCacheResponse, pduCacheReset:
		least, most = headerLen, headerLen
	case pduIPv4:
		least, most = 20, 20
	case pduIPv6:
		least, most = 32, 32
	case pduEndOfData:
		least, most = 24, 24 // with the three timers of version 1
		if p.version == 0 {
			least, most = 12, 12
		}
	case pduRouterKey:
		least, most = 32, maxKeyPDU
		if p.version == 0 {
			return protocolFault(codeUnsupported, p, "the cache sent a Router Key PDU, which version 0 does not know")
		}
	case pduError:
		least, most = 16, maxErrorPDU
	case pduASPA:
		least, most = 12, maxASPAPDU
		if p.version < 2 {
			return protocolFault(codeUnsupported, p, "the cache sent a PDU of type %d (ASPA), which version %d does not know", p.kind, p.version)
		}
	default:
		return protocolFault(codeUnsupported, p, "the cache sent a PDU of type %d, which a cache does not send in version %d", p.kind, p.version)
	}
	if length < least || length > most {
		return protocolFault(codeCorrupt, p, "the cache sent a PDU of type %d that claims %d bytes (%d to %d are possible)", p.kind, length, least, most)
	}
	return nil
}

// fault says what is impossible about an IPv4 or IPv6 Prefix PDU (RFC 8210
// sections 5.6, 5.7), nil if nothing is.
func (p pdu) fault() error {
	length, most, family := p.data[9], p.data[10], uint8(32)
	var zeros int
	if p.kind == pduIPv4 {
		zeros = bits.TrailingZeros32(binary.BigEndian.Uint32(p.data[12:]))
	} else {
		family = 128
		if zeros = bits.TrailingZeros64(binary.BigEndian.Uint64(p.data[20:])); zeros == 64 {
			zeros += bits.TrailingZeros64(binary.BigEndian.Uint64(p.data[12:]))
		}
	}
	switch {
	case length > family, most > family, most < length:
		return protocolFault(codeCorrupt, p, "the cache sent an impossible prefix: length %d, maxLength %d of %d", length, most, family)
	case int(length)+zeros < int(family):
		return protocolFault(codeCorrupt, p, "the cache sent a prefix with bits set behind its length %d", length)
	}
	return nil
}

// addTo adds the VRP of a Prefix PDU without fault.
func (p pdu) addTo(b *snapshotBuilder) {
	length, most, d := p.data[9], p.data[10], p.data[12:]
	if p.kind == pduIPv4 {
		b.addKey(true, key{uint64(binary.BigEndian.Uint32(d)) << 32, 0, length}, payload{asn: binary.BigEndian.Uint32(d[4:]), maxLen: most})
		return
	}
	b.addKey(false, key{binary.BigEndian.Uint64(d), binary.BigEndian.Uint64(d[8:]), length}, payload{asn: binary.BigEndian.Uint32(d[16:]), maxLen: most})
}

// key is the VRP of a Prefix PDU without fault.
func (p pdu) key() vrpKey {
	end := len(p.data) - 4
	addr, _ := netip.AddrFromSlice(p.data[12:end])
	return vrpKey{netip.PrefixFrom(addr, int(p.data[9])), binary.BigEndian.Uint32(p.data[end:]), p.data[10]}
}

// timers of an End of Data PDU; version 0 has none.
func (p pdu) timers() timers {
	var t timers
	if p.version > 0 {
		for i := range t {
			t[i] = binary.BigEndian.Uint32(p.data[12+4*i:])
		}
	}
	return t
}

// cacheError is an Error Report of the cache.
type cacheError struct {
	version uint8
	code    uint16
	text    string
}

func (e *cacheError) Error() string {
	names := [...]string{"corrupt data", "internal error", "no data available", "invalid request",
		"unsupported protocol version", "unsupported PDU type", "withdrawal of unknown record",
		"duplicate announcement", "unexpected protocol version"}
	s := fmt.Sprintf("the cache reports error %d", e.code)
	if int(e.code) < len(names) {
		s += " (" + names[e.code] + ")"
	}
	if e.text != "" {
		s += fmt.Sprintf(": %q", e.text)
	}
	return s
}

// report decodes an Error Report, both of whose inner lengths may lie (RFC 8210
// section 5.11).
func (p pdu) report() error {
	lie := protocolFault(codeCorrupt, p, "the cache sent an Error Report whose lengths contradict each other (error %d)", p.session)
	rest := p.data[headerLen:]
	n := binary.BigEndian.Uint32(rest)
	if uint64(n)+8 > uint64(len(rest)) {
		return lie
	}
	rest = rest[4+n:]
	if n = binary.BigEndian.Uint32(rest); uint64(n)+4 != uint64(len(rest)) {
		return lie
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(string(rest[4:][:min(n, 400)]), "?"))
	return &cacheError{p.version, p.session, text}
}

// appendReset appends a Reset Query.
func appendReset(b []byte, version uint8) []byte {
	return append(b, version, pduResetQuery, 0, 0, 0, 0, 0, headerLen)
}

// appendSerial appends a Serial Query.
func appendSerial(b []byte, version uint8, session uint16, serial uint32) []byte {
	b = append(b, version, pduSerialQuery)
	b = binary.BigEndian.AppendUint16(b, session)
	b = append(b, 0, 0, 0, headerLen+4)
	return binary.BigEndian.AppendUint32(b, serial)
}

// appendReport appends the Error Report for e.
func appendReport(b []byte, version uint8, e *protocolError) []byte {
	b = append(b, version, pduError)
	b = binary.BigEndian.AppendUint16(b, e.code)
	b = binary.BigEndian.AppendUint32(b, uint32(16+len(e.frame)+len(e.text)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.frame)))
	b = append(b, e.frame...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.text)))
	return append(b, e.text...)
}
