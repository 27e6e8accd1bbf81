package rpki

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// pauses doles out growing pauses until their sum is used up.
type pauses struct{ next, left time.Duration }

// wait pauses, or reports false if there are no more pauses or ctx has ended.
func (p *pauses) wait(ctx context.Context) bool {
	if p.left < p.next {
		return false
	}
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.left -= p.next
	p.next *= 2
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rtrSession is the state of one connection.
type rtrSession struct {
	w       *watchdog
	pause   *pauses
	br      *bufio.Reader
	asked   uint8     // the version of our query
	version uint8     // the version agreed on
	agreed  bool      // by the cache's first answer
	base    *Snapshot // what a Serial Query asks for changes of; nil: Reset Query
	timers  timers
}

// sync asks until there is a whole answer: again, a bounded number of times, if
// the cache says it has no data yet or answers with a Cache Reset.
func (s *rtrSession) sync(ctx context.Context) (*Snapshot, error) {
	paused := false
	for resets := 0; ; {
		if _, err := s.w.Write(s.query()); err != nil {
			if paused && isHangUp(err) {
				return nil, errReconnect
			}
			return nil, s.refused(err)
		}
		snapshot, err := s.receive()
		var report *cacheError
		switch {
		case errors.Is(err, errCacheReset) && s.base != nil:
			s.base = nil // it has no increments for us (RFC 8210 section 8.3)
		case errors.Is(err, errCacheReset) && resets < 2:
			resets++
		case errors.As(err, &report) && report.code == codeNoData && s.pause.wait(ctx):
			// Not fatal: the cache is still filling (RFC 8210 section 8.4).
			paused = true
			s.w.idle.Reset(rtrIdle)
		case paused && isHangUp(err):
			return nil, errReconnect
		default:
			return snapshot, err
		}
	}
}

// query is the PDU to send: Serial Query or Reset Query.
func (s *rtrSession) query() []byte {
	if s.base == nil {
		return appendReset(nil, s.version)
	}
	return appendSerial(nil, s.version, s.base.src.Session, s.base.src.Serial)
}

// receive reads one whole answer.
func (s *rtrSession) receive() (*Snapshot, error) {
	p, err := s.begin()
	if err != nil {
		return nil, err
	}
	session := p.session
	if s.base != nil && session != s.base.src.Session {
		return nil, protocolFault(codeCorrupt, p, "the cache answers for session %d when asked for changes in session %d", session, s.base.src.Session)
	}
	in := update{base: s.base}
	for {
		p, err := s.next()
		if err != nil {
			return nil, err
		}
		switch p.kind {
		case pduIPv4, pduIPv6:
			if err := in.take(p); err != nil {
				return nil, err
			}
		case pduRouterKey, pduASPA, pduSerialNotify: // for BGPsec, for paths, and for a later query
		case pduEndOfData:
			if p.session != session {
				return nil, protocolFault(codeCorrupt, p, "the cache began session %d and ended session %d", session, p.session)
			}
			s.timers = p.timers()
			return in.finish(p)
		case pduCacheReset:
			return nil, errCacheReset
		default:
			return nil, protocolFault(codeCorrupt, p, "the cache sent a PDU of type %d in the middle of its answer", p.kind)
		}
	}
}

// begin reads up to the Cache Response.
func (s *rtrSession) begin() (pdu, error) {
	for {
		p, err := s.next()
		if err != nil {
			return pdu{}, s.refused(err)
		}
		switch p.kind {
		case pduCacheResponse:
			return p, nil
		case pduSerialNotify: // "may arrive at any time" (RFC 8210 section 5.2)
		case pduCacheReset:
			return pdu{}, errCacheReset
		default:
			return pdu{}, protocolFault(codeCorrupt, p, "the cache sent a PDU of type %d before any Cache Response", p.kind)
		}
	}
}

// next reads a PDU, agrees on the version with the first, and turns Error
// Reports into errors.
func (s *rtrSession) next() (pdu, error) {
	p, err := readPDU(s.br)
	if err != nil {
		return pdu{}, err
	}
	if p.kind == pduError {
		return pdu{}, p.report()
	}
	switch {
	case p.kind == pduSerialNotify && !s.agreed: // agrees on nothing (RFC 8210 section 7)
		return p, nil
	case p.version == s.version:
	case !s.agreed && p.version < s.asked && s.base == nil:
		// "The cache MUST either downgrade to protocol version 0 or terminate"
		// (RFC 8210 section 7): this one downgraded.
		s.version = p.version
	case !s.agreed:
		return pdu{}, &otherVersion{p.version, protocolFault(codeOtherVersion, p, "the cache answers version %d in version %d", s.asked, p.version)}
	default:
		return pdu{}, protocolFault(codeOtherVersion, p, "the cache changed from version %d to %d", s.version, p.version)
	}
	s.agreed = true
	return p, nil
}

// refused turns an error before any answer into an otherVersion, if it is how a
// cache refuses a version: with an Error Report, whose own version is one that
// it takes, or, like old ones, by hanging up.
func (s *rtrSession) refused(err error) error {
	var report *cacheError
	switch {
	case s.agreed:
		return err
	case errors.As(err, &report) && report.code == codeVersion:
		to := min(report.version, maxVersion)
		if to == s.asked {
			to = 0
		}
		return &otherVersion{to, err}
	case isHangUp(err) && s.base == nil && s.asked > 0:
		return &otherVersion{0, err}
	}
	return err
}

// maxChanges bounds an update: with more, the whole set is cheaper.
const maxChanges = 1 << 20

// errTooMuch ends an update that is followed by a full load.
var errTooMuch = errors.New("the cache sent more changes than are worth taking one by one")

// update collects one answer of a cache: everything, or changes to base.
type update struct {
	base    *Snapshot
	all     snapshotBuilder // where base is nil
	changed map[vrpKey]bool // otherwise: whether the record is there after the update
}

// vrpKey is what makes a VRP unique for RTR (RFC 8210 section 5.6).
type vrpKey struct {
	prefix netip.Prefix
	asn    uint32
	maxLen uint8
}

// take applies one prefix PDU. Announcing what is there and withdrawing what is
// not are errors (RFC 8210 section 12, codes 7 and 6): the two sides would be out
// of step.
func (u *update) take(p pdu) error {
	if fault := p.fault(); fault != nil {
		return fault
	}
	announce := p.data[8]&1 != 0
	if u.base == nil {
		switch {
		case !announce:
			return protocolFault(codeWithdrawal, p, "the cache withdrew %s from an answer that starts from nothing", p.key())
		case u.all.len() == maxVRPs:
			return protocolFault(codeCorrupt, p, "the cache sent more than %d VRPs", maxVRPs)
		}
		p.addTo(&u.all)
		return nil
	}
	r := p.key()
	there, known := u.changed[r]
	if !known {
		there = u.base.has(r)
	}
	switch {
	case announce && there:
		return protocolFault(codeDuplicate, p, "the cache announced %s, which was there already", r)
	case !announce && !there:
		return protocolFault(codeWithdrawal, p, "the cache withdrew %s, which was not there", r)
	case len(u.changed) == maxChanges:
		return errTooMuch
	}
	if u.changed == nil {
		u.changed = make(map[vrpKey]bool)
	}
	u.changed[r] = announce
	return nil
}

// finish makes the snapshot that End of Data completes.
func (u *update) finish(end pdu) (*Snapshot, error) {
	from := Source{Over: "rtr", Session: end.session, Serial: binary.BigEndian.Uint32(end.data[8:])}
	if u.base == nil {
		if r, twice := u.all.repeated(); twice {
			return nil, protocolFault(codeDuplicate, pdu{data: r.frame(end.version)}, "the cache announced %s twice", r)
		}
		return u.all.snapshot(from), nil
	}
	if int32(from.Serial-u.base.src.Serial) < 0 { // RFC 1982
		return nil, protocolFault(codeCorrupt, end, "the cache went back from serial number %d to %d", u.base.src.Serial, from.Serial)
	}
	return u.base.with(u.changed, from), nil
}

func (r vrpKey) String() string {
	return VRP{Prefix: r.prefix, MaxLen: int(r.maxLen), ASN: ASN(r.asn)}.String()
}

// frame is the PDU that announces the record.
func (r vrpKey) frame(version uint8) []byte {
	b := []byte{version, pduIPv4, 0, 0, 0, 0, 0, 20, 1, uint8(r.prefix.Bits()), r.maxLen, 0}
	if r.prefix.Addr().Is6() {
		b[1], b[7] = pduIPv6, 32
	}
	return binary.BigEndian.AppendUint32(append(b, r.prefix.Addr().AsSlice()...), r.asn)
}

// has reports whether the record is in the snapshot.
func (s *Snapshot) has(r vrpKey) bool {
	for _, it := range s.idx.get(r.prefix) {
		if it.asn == r.asn && it.maxLen == r.maxLen {
			return true
		}
	}
	return false
}

// with returns a snapshot with records added and taken away.
func (s *Snapshot) with(changed map[vrpKey]bool, from Source) *Snapshot {
	if len(changed) == 0 {
		return &Snapshot{idx: s.idx, tas: s.tas, src: from}
	}
	var b snapshotBuilder
	for p, group := range s.idx.all() {
		for _, it := range group {
			if there, touched := changed[vrpKey{p, it.asn, it.maxLen}]; !touched || there {
				b.add(p, it)
			}
		}
	}
	for r, there := range changed {
		if there && !s.has(r) {
			b.add(r.prefix, payload{asn: r.asn, maxLen: r.maxLen})
		}
	}
	return b.snapshot(from)
}
