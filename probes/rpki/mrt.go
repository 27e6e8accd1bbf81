package rpki

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"time"
)

// MRT types (RFC 6396 section 4) and the subtypes of TABLE_DUMP_V2 that hold
// unicast routes (RFC 6396 section 4.3, RFC 8050 section 4).
const (
	mrtTableDump   = 12
	mrtTableDumpV2 = 13
	mrtBGP4MP      = 16
	mrtBGP4MPET    = 17

	ribPeerIndex   = 1
	ribIPv4        = 2
	ribIPv6        = 4
	ribIPv4AddPath = 8
	ribIPv6AddPath = 10
)

const (
	mrtHeader    = 12
	mrtBuffer    = 1 << 18
	maxMRTRecord = 1 << 25 // 65,535 entries of 500 bytes; real ones stay under 64 KiB or so
)

// ReadMRT reads a table dump in MRT form (TABLE_DUMP_V2, RFC 6396, with or
// without additional paths, RFC 8050), plain or packed with gzip or bzip2. It
// reads in a stream and keeps the unicast prefixes of both families with all
// their origins and the number of peers that see each; multicast and other
// families are passed over.
//
// With an error about a truncated or damaged file comes a table of what was
// read before it; its Source is marked Partial.
func ReadMRT(r io.Reader, name string) (*Routes, error) {
	in, stop, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer stop()
	return readMRT(in, name)
}

func readMRT(in io.Reader, name string) (*Routes, error) {
	m := mrtReader{name: name, br: bufio.NewReaderSize(in, mrtBuffer)}
	err := m.read()
	src := Source{Name: name, Over: "file", At: m.at, Partial: err != nil}
	if err != nil && m.rows.len() > 0 {
		err = fmt.Errorf("%w; %d routes before it were kept", err, m.rows.len())
	}
	return newRoutes(&m.rows, src, m.maxPeers), err
}

// mrtReader is the state of one reading.
type mrtReader struct {
	name     string
	br       *bufio.Reader
	off      int64 // of the record under way, in unpacked bytes
	big      []byte
	peers    []uint32 // ASN of each entry of the peer table; nil before there is one
	maxPeers int
	at       time.Time
	rows     rows[seen]
	counts   []seen   // origins of the record under way
	pairs    []uint64 // origin and peer, for records that need sorting
}

func (m *mrtReader) fault(format string, args ...any) error {
	return fmt.Errorf("%s: damaged in the record at byte %d: %w", m.name, m.off, fmt.Errorf(format, args...))
}

func (m *mrtReader) read() error {
	for {
		head, err := m.br.Peek(mrtHeader)
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return readErr(m.name, m.off+int64(len(head)), err)
		case len(head) > 0:
			return readErr(m.name, m.off+int64(len(head)), io.ErrUnexpectedEOF)
		case m.off == 0:
			return fmt.Errorf("%s: empty: no routes in it", m.name)
		case m.peers == nil:
			return fmt.Errorf("%s: MRT, but without a TABLE_DUMP_V2 table in it", m.name)
		default:
			return nil
		}
		when, kind := binary.BigEndian.Uint32(head), binary.BigEndian.Uint16(head[4:])
		subtype, length := binary.BigEndian.Uint16(head[6:]), binary.BigEndian.Uint32(head[8:])
		if err := m.kind(kind); err != nil {
			return err
		}
		body, err := m.body(length)
		if err != nil {
			return err
		}
		if kind == mrtTableDumpV2 {
			if t := time.Unix(int64(when), 0).UTC(); when > 0 && t.After(m.at) {
				m.at = t
			}
			if err := m.table(subtype, body); err != nil {
				return err
			}
		}
		m.off += mrtHeader + int64(length)
	}
}

// kind refuses at its first record a file that can't hold what is wanted, and
// later what is no MRT type at all.
func (m *mrtReader) kind(kind uint16) error {
	known := slices.Contains([]uint16{11, mrtTableDump, mrtTableDumpV2, mrtBGP4MP, mrtBGP4MPET, 32, 33, 48, 49}, kind)
	if m.off > 0 && !known {
		return m.fault("type %d is none of MRT", kind)
	}
	if m.off > 0 {
		return nil
	}
	switch kind {
	case mrtTableDumpV2:
		return nil
	case mrtTableDump:
		return fmt.Errorf("%s: a table dump of the old version 1 (TABLE_DUMP, type 12), which has no place for 4-byte AS numbers: give one of version 2", m.name)
	case mrtBGP4MP, mrtBGP4MPET:
		return fmt.Errorf("%s: a log of BGP updates (type %d), not a table: give a RIB dump (bview, rib)", m.name, kind)
	case 11, 32, 33, 48, 49: // OSPF and IS-IS
		return fmt.Errorf("%s: MRT of an interior routing protocol (type %d), not a BGP table", m.name, kind)
	}
	return fmt.Errorf("%s: not an MRT file (its first record is of type %d)", m.name, kind)
}

// body returns the record's content, good until the next call.
func (m *mrtReader) body(length uint32) ([]byte, error) {
	whole := mrtHeader + int(length)
	if length > maxMRTRecord {
		return nil, m.fault("it claims %d bytes", length)
	}
	if whole <= mrtBuffer {
		b, err := m.br.Peek(whole)
		if err != nil {
			return nil, m.short(len(b), whole, err)
		}
		_, err = m.br.Discard(whole)
		return b[mrtHeader:], err
	}
	// The buffer grows with what really comes, not with what is claimed.
	m.big = m.big[:0]
	for len(m.big) < whole {
		have := len(m.big)
		m.big = append(m.big, make([]byte, min(whole-have, mrtBuffer))...)
		if n, err := io.ReadFull(m.br, m.big[have:]); err != nil {
			return nil, m.short(have+n, whole, err)
		}
	}
	return m.big[mrtHeader:], nil
}

func (m *mrtReader) short(have, want int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: truncated: the record at byte %d has %d of its %d bytes: %w", m.name, m.off, have, want, io.ErrUnexpectedEOF)
	}
	return readErr(m.name, m.off+int64(have), err)
}

// table reads one TABLE_DUMP_V2 record.
func (m *mrtReader) table(subtype uint16, body []byte) error {
	switch subtype {
	case ribPeerIndex:
		return m.peerIndex(body)
	case ribIPv4, ribIPv4AddPath:
		return m.rib(body, 32, subtype == ribIPv4AddPath)
	case ribIPv6, ribIPv6AddPath:
		return m.rib(body, 128, subtype == ribIPv6AddPath)
	}
	return nil
}

// peerIndex reads the peer table (RFC 6396 section 4.3.1). Only the AS numbers
// are kept: a path without an AS is of the peer's own.
func (m *mrtReader) peerIndex(b []byte) error {
	c := cursor{b: b}
	c.skip(4)
	c.skip(int(c.u16()))
	n := int(c.u16())
	peers := make([]uint32, 0, min(n, len(b)/7))
	for i := 0; i < n && !c.short; i++ {
		kind := c.u8()
		c.skip(4)
		if kind&1 != 0 {
			c.skip(16)
		} else {
			c.skip(4)
		}
		if kind&2 != 0 {
			peers = append(peers, c.u32())
		} else {
			peers = append(peers, uint32(c.u16()))
		}
	}
	if c.short {
		return m.fault("its peer table ends in the middle of %d peers", n)
	}
	m.peers = peers
	m.maxPeers = max(m.maxPeers, len(peers))
	return nil
}

// rib reads one prefix with its entries (RFC 6396 sections 4.3.2 and 4.3.4).
func (m *mrtReader) rib(b []byte, family int, addPath bool) error {
	if m.peers == nil {
		return m.fault("routes before any peer table")
	}
	c := cursor{b: b}
	c.skip(4)
	length := int(c.u8())
	if length > family {
		return m.fault("prefix length %d of %d", length, family)
	}
	var addr [16]byte
	copy(addr[:], c.take((length+7)/8))
	entries := c.b
	n := int(c.u16())
	if c.short {
		return m.fault("it ends in the middle of its prefix")
	}
	entries = entries[2:]
	few, err := m.count(entries, n, addPath)
	if err != nil {
		return err
	}
	if !few {
		if err := m.countSorted(entries, n, addPath); err != nil {
			return err
		}
	}
	if m.rows.len()+len(m.counts) > maxRoutes {
		return m.fault("more than %d routes: not a real table", maxRoutes)
	}
	for _, s := range m.counts {
		m.keep(addr, length, family, s)
	}
	return nil
}

// keep adds a route, with what is set behind the prefix's length cleared.
func (m *mrtReader) keep(addr [16]byte, length, family int, s seen) {
	if family == 32 {
		a := binary.BigEndian.Uint32(addr[:])
		m.rows.add4(a&^(1<<(32-length)-1), uint8(length), s)
		return
	}
	hi, lo := binary.BigEndian.Uint64(addr[:]), binary.BigEndian.Uint64(addr[8:])
	if length <= 64 {
		hi, lo = hi&^(1<<(64-length)-1), 0
	} else {
		lo &^= 1<<(128-length) - 1
	}
	m.rows.add6(hi, lo, uint8(length), s)
}

// count fills m.counts by comparing each origin with those met before: the
// fast way for the usual one or two. It reports false when there are many, or
// when one peer may come several times.
func (m *mrtReader) count(b []byte, n int, addPath bool) (bool, error) {
	m.counts = m.counts[:0]
	if addPath {
		return false, nil
	}
next:
	for range n {
		_, s, rest, err := m.entry(b, false)
		if err != nil {
			return false, err
		}
		b = rest
		for i := range m.counts {
			if m.counts[i].asn == s.asn && m.counts[i].known == s.known {
				m.counts[i].peers++
				continue next
			}
		}
		if len(m.counts) == 32 {
			return false, nil
		}
		m.counts = append(m.counts, s)
	}
	if len(b) > 0 {
		return false, m.fault("%d bytes after its last entry", len(b))
	}
	return true, nil
}

// countSorted fills m.counts with each peer counted once for each of its
// origins, in time that a hostile record can't blow up.
func (m *mrtReader) countSorted(b []byte, n int, addPath bool) error {
	m.pairs, m.counts = m.pairs[:0], m.counts[:0]
	for range n {
		peer, s, rest, err := m.entry(b, addPath)
		if err != nil {
			return err
		}
		b = rest
		pair := uint64(s.asn)<<16 | uint64(peer)
		if s.known {
			pair |= 1 << 48
		}
		m.pairs = append(m.pairs, pair)
	}
	if len(b) > 0 {
		return m.fault("%d bytes after its last entry", len(b))
	}
	sortUnique(&m.pairs)
	for _, pair := range m.pairs {
		s := seen{uint32(pair >> 16), 1, bits.Len64(pair) > 48}
		if k := len(m.counts); k > 0 && m.counts[k-1].asn == s.asn && m.counts[k-1].known == s.known {
			m.counts[k-1].peers++
			continue
		}
		m.counts = append(m.counts, s)
	}
	return nil
}

// entry reads one RIB entry: peer, time, path identifier, attributes.
func (m *mrtReader) entry(b []byte, addPath bool) (peer uint16, s seen, rest []byte, err error) {
	head := 8
	if addPath {
		head = 12
	}
	if len(b) < head {
		return 0, seen{}, nil, m.fault("it ends in the middle of its entries")
	}
	peer = binary.BigEndian.Uint16(b)
	size := int(binary.BigEndian.Uint16(b[head-2:]))
	if int(peer) >= len(m.peers) {
		return 0, seen{}, nil, m.fault("it names peer %d of %d", peer, len(m.peers))
	}
	if len(b) < head+size {
		return 0, seen{}, nil, m.fault("an entry's attributes claim %d bytes of %d", size, len(b)-head)
	}
	s, ok := pathOrigin(b[head:head+size], m.peers[peer])
	if !ok {
		return 0, seen{}, nil, m.fault("an entry's attributes are garbled")
	}
	return peer, s, b[head+size:], nil
}

// pathOrigin finds the AS_PATH among the attributes (4-byte AS numbers always,
// RFC 6396 section 4.3.4) and takes the route's origin from it, "the rightmost
// AS in the final segment if that is an AS_SEQUENCE, the BGP speaker's own AS
// if it is an AS_CONFED_SEQUENCE or AS_CONFED_SET or if the path is empty, NONE
// otherwise" (RFC 6811 section 2). The speaker, as far as a dump tells, is the peer.
func pathOrigin(b []byte, peerAS uint32) (seen, bool) {
	own := seen{peerAS, 1, true}
	for len(b) > 0 {
		if len(b) < 3 {
			return seen{}, false
		}
		kind, size, head := b[1], int(b[2]), 3
		if b[0]&0x10 != 0 { // extended length
			if len(b) < 4 {
				return seen{}, false
			}
			size, head = int(binary.BigEndian.Uint16(b[2:])), 4
		}
		if len(b) < head+size {
			return seen{}, false
		}
		if kind != 2 {
			b = b[head+size:]
			continue
		}
		path := b[head : head+size]
		origin := own
		for len(path) > 0 {
			if len(path) < 2 || len(path) < 2+4*int(path[1]) {
				return seen{}, false
			}
			n := 2 + 4*int(path[1])
			switch {
			case n == 2: // an empty segment says nothing
			case path[0] == 2:
				origin = seen{binary.BigEndian.Uint32(path[n-4:]), 1, true}
			case path[0] == 3 || path[0] == 4:
				origin = own
			default:
				origin = seen{0, 1, false}
			}
			path = path[n:]
		}
		return origin, true
	}
	return own, true
}
