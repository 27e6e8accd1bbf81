package rpki

import "encoding/binary"

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
			if m.counts[i].same(s) {
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
		m.pairs = append(m.pairs, uint64(s.kind)<<48|uint64(s.asn)<<16|uint64(peer))
	}
	if len(b) > 0 {
		return m.fault("%d bytes after its last entry", len(b))
	}
	sortUnique(&m.pairs)
	for _, pair := range m.pairs {
		s := seen{asn: uint32(pair >> 16), peers: 1, kind: originKind(pair >> 48)}
		if k := len(m.counts); k > 0 && m.counts[k-1].same(s) {
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
// otherwise" (RFC 6811 section 2). The speaker, as far as a dump tells, is the
// peer; routers write AS 0 for the peer that they are themselves.
func pathOrigin(b []byte, peerAS uint32) (seen, bool) {
	own := seen{asn: peerAS, peers: 1, kind: knownOrigin}
	if peerAS == 0 {
		own.kind = localOrigin
	}
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
				origin = seen{asn: binary.BigEndian.Uint32(path[n-4:]), peers: 1, kind: knownOrigin}
			case path[0] == 3 || path[0] == 4:
				origin = own
			default:
				origin = seen{peers: 1}
			}
			path = path[n:]
		}
		return origin, true
	}
	return own, true
}
