package rpki

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
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
// Of the announcements of and inside the blocks named own, the AS paths are kept
// too, summed up, for [Routes.Paths].
//
// With an error about a truncated or damaged file comes a table of what was
// read before it; its Source is marked Partial.
func ReadMRT(r io.Reader, name string, own ...netip.Prefix) (*Routes, error) {
	in, stop, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer stop()
	return readMRT(in, name, own)
}

func readMRT(in io.Reader, name string, own []netip.Prefix) (*Routes, error) {
	m := mrtReader{name: name, watch: newWatch(own), br: bufio.NewReaderSize(in, mrtBuffer)}
	err := m.read()
	src := Source{Name: name, Over: "file", At: m.at, Partial: err != nil}
	m.dropOlder()
	if err != nil && m.rows.len() > 0 {
		err = fmt.Errorf("%w; %d routes before it were kept", err, m.rows.len())
	}
	r := newRoutes(&m.rows, src, m.maxPeers)
	if m.watch != nil {
		for k, t := range m.watch.routes {
			r.addPaths(way{k.prefix, k.origin}, t)
		}
	}
	if err != nil {
		r.cut = []*progress{&m.order}
	}
	return r, err
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
	dump     uint16 // number of the dump under way, from 1
	keys     map[dumpKey]int
	now      int         // where in latest its key stands
	latest   [][2]uint16 // of each key, the last dump that holds routes of either family
	older    bool        // some dumps of the file are superseded
	order    progress
	rows     rows[seen]
	watch    *watch
	counts   []seen   // origins of the record under way
	pairs    []uint64 // origin and peer, for records that need sorting
}

// dumpKey tells dumps in one file apart. Routers that append to their file leave
// the same table several times in it: then the last one counts.
type dumpKey struct {
	collector uint32
	view      string
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
	key := dumpKey{collector: c.u32()}
	key.view = string(label(c.take(int(c.u16()))))
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
	if m.dump == math.MaxUint16 {
		return m.fault("more than %d tables in one file", m.dump)
	}
	m.dump++
	m.order.table()
	m.peers = peers
	i, ok := m.keys[key]
	if !ok {
		if m.keys == nil {
			m.keys = make(map[dumpKey]int)
		}
		i = len(m.latest)
		m.keys[key] = i
		m.latest = append(m.latest, [2]uint16{})
	}
	m.now = i
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
	m.begun(family)
	m.order.note(family/128, addr, length)
	k := masked(addr, length)
	for _, s := range m.counts {
		s.dump = m.dump
		m.rows.addKey(family == 32, k, s)
	}
	if m.watch.wants(family == 32, k) {
		m.watch.record(k.prefix(family == 32), m.dump, m.peers, entries, n, addPath)
	}
	return nil
}

// begun notes that the dump under way holds routes of the family.
func (m *mrtReader) begun(family int) {
	l := &m.latest[m.now][family/128]
	m.older = m.older || *l != 0 && *l != m.dump
	*l = m.dump
}

// dropOlder removes the rows of tables that come again later in the file.
func (m *mrtReader) dropOlder() {
	if !m.older {
		return
	}
	if m.watch != nil {
		maps.DeleteFunc(m.watch.routes, func(k pathKey, _ *transit) bool {
			i := 1
			if k.prefix.Addr().Is4() {
				i = 0
			}
			return !slices.ContainsFunc(m.latest, func(l [2]uint16) bool { return l[i] == k.dump })
		})
	}
	var live [2]map[uint16]bool
	for i := range live {
		live[i] = make(map[uint16]bool)
		for _, l := range m.latest {
			live[i][l[i]] = true
		}
	}
	m.rows.v4 = slices.DeleteFunc(m.rows.v4, func(r row[seen]) bool { return !live[0][r.val.dump] })
	m.rows.v6 = slices.DeleteFunc(m.rows.v6, func(r row[seen]) bool { return !live[1][r.val.dump] })
}

// masked is a prefix with what is set behind its length cleared.
func masked(addr [16]byte, length int) key {
	k := key{binary.BigEndian.Uint64(addr[:]), binary.BigEndian.Uint64(addr[8:]), uint8(length)}
	if length <= 64 {
		k.hi, k.lo = k.hi&^(1<<(64-length)-1), 0
	} else {
		k.lo &^= 1<<(128-length) - 1
	}
	return k
}
