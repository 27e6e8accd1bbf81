package rpki

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"time"
)

// VRP is a validated ROA payload: ASN may originate Prefix and its more
// specifics down to length MaxLen (RFC 6811 section 2).
type VRP struct {
	Prefix  netip.Prefix
	MaxLen  int // Prefix.Bits()..32 or 128
	ASN     ASN
	TA      string    // trust anchor it was found under, empty when the source does not say
	Expires time.Time // earliest end on its certificate path, to the second; zero when the source does not say
}

// String returns "192.0.2.0/24-28 AS64500", without "-28" where the ROA covers
// just its own length.
func (v VRP) String() string {
	if v.MaxLen == v.Prefix.Bits() {
		return v.Prefix.String() + " " + v.ASN.String()
	}
	return fmt.Sprintf("%s-%d %s", v.Prefix, v.MaxLen, v.ASN)
}

// Source says where a snapshot or a route table comes from and how old it is.
type Source struct {
	Name    string    // file, host:port
	Over    string    // rtr, file or inventory
	At      time.Time // when the data was made; zero: the source does not say
	Until   time.Time // when its maker says it ends; zero: not said
	Serial  uint32    // RTR serial number
	Session uint16    // RTR session
	Partial bool      // only some of the Internet's routes: what is missing here may still be announced
}

// Snapshot is an immutable set of VRPs, safe for concurrent use.
type Snapshot struct {
	idx *index[payload]
	tas []string
	src Source

	doubted map[string]bool // trust anchors with VRPs missing
}

// payload is a VRP without its prefix, in 12 bytes: there are a million.
type payload struct {
	asn    uint32
	expiry uint32 // Unix seconds, 0: none; ends in 2106
	ta     uint16 // of Snapshot.tas
	maxLen uint8
}

// NewSnapshot makes a snapshot of vrps, dropping duplicates. A MaxLen of 0
// stands for the prefix's own length. A VRP that cannot exist (no prefix, host
// bits, MaxLen out of range) is an error: a set with a hole makes wrong verdicts.
func NewSnapshot(vrps []VRP, from Source) (*Snapshot, error) {
	var b snapshotBuilder
	for i, v := range vrps {
		if v.MaxLen == 0 {
			v.MaxLen = v.Prefix.Bits()
		}
		if fault := v.fault(); fault != "" {
			return nil, fmt.Errorf("VRP %d of %s: %s", i+1, from.Name, fault)
		}
		b.add(v.Prefix, payload{uint32(v.ASN), unix32(v.Expires), b.ta([]byte(v.TA)), uint8(v.MaxLen)})
	}
	return b.snapshot(from), nil
}

// fault says why v cannot be a VRP, "" if it can.
func (v VRP) fault() string {
	switch p := v.Prefix; {
	case !p.IsValid():
		return "no prefix"
	case p != p.Masked():
		return fmt.Sprintf("prefix %s has bits set behind its length", p)
	case v.MaxLen < p.Bits():
		return fmt.Sprintf("maxLength %d is shorter than prefix %s", v.MaxLen, p)
	case v.MaxLen > p.Addr().BitLen():
		return fmt.Sprintf("maxLength %d of prefix %s is over %d", v.MaxLen, p, p.Addr().BitLen())
	}
	return ""
}

// unix32 keeps a time to the second within 1970..2106, 0 for the zero time.
func unix32(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(t.Unix(), 1), math.MaxUint32))
}

// snapshotBuilder collects VRPs that were found to be sound.
type snapshotBuilder struct {
	rows[payload]
	tas   []string
	taIDs map[string]uint16
}

// ta returns the number of a trust anchor's name. Names beyond 65,535, which no
// honest source has, are dropped: they label, they do not decide.
func (b *snapshotBuilder) ta(name []byte) uint16 {
	if len(name) == 0 {
		return 0
	}
	if id, ok := b.taIDs[string(name)]; ok {
		return id
	}
	if b.taIDs == nil {
		b.taIDs = make(map[string]uint16)
		b.tas = []string{""}
	}
	if len(b.tas) > math.MaxUint16 {
		return 0
	}
	id := uint16(len(b.tas))
	b.tas = append(b.tas, string(name))
	b.taIDs[string(name)] = id
	return id
}

// orderVRPs sorts the VRPs of one prefix.
func orderVRPs(x, y payload) int {
	if c := cmp.Compare(x.asn, y.asn); c != 0 {
		return c
	}
	return cmp.Compare(x.maxLen, y.maxLen)
}

// repeated finds a VRP that was added more than once.
func (b *snapshotBuilder) repeated() (vrpKey, bool) {
	b.sort(orderVRPs)
	for family, list := range [][]row[payload]{b.v4, b.v6} {
		for i := 1; i < len(list); i++ {
			if x, y := list[i-1], list[i]; x.key == y.key && orderVRPs(x.val, y.val) == 0 {
				return vrpKey{y.prefix(family == 0), y.val.asn, y.val.maxLen}, true
			}
		}
	}
	return vrpKey{}, false
}

func (b *snapshotBuilder) snapshot(from Source) *Snapshot {
	idx := b.build(orderVRPs,
		// The same VRP from several ROAs lives as long as the longest of them.
		func(x *payload, y payload) bool {
			if x.asn != y.asn || x.maxLen != y.maxLen {
				return false
			}
			if x.expiry != 0 && (y.expiry == 0 || y.expiry > x.expiry) {
				x.expiry, x.ta = y.expiry, y.ta
			}
			return true
		})
	if b.tas == nil {
		b.tas = []string{""}
	}
	return &Snapshot{idx: idx, tas: b.tas, src: from}
}

// Len returns the number of distinct VRPs. A nil snapshot has none.
func (s *Snapshot) Len() int {
	if s == nil {
		return 0
	}
	return len(s.idx.items)
}

// Source says where the data comes from. That of a nil snapshot is zero.
func (s *Snapshot) Source() Source {
	if s == nil {
		return Source{}
	}
	return s.src
}

// Dated returns the same snapshot with at as the time of its data, if the
// source itself gave none: the time of an RTR sync, a file's modification time.
func (s *Snapshot) Dated(at time.Time) *Snapshot {
	if s == nil || !s.src.At.IsZero() {
		return s
	}
	d := *s
	d.src.At = at
	return &d
}

// All yields the VRPs in address order, IPv4 first, each prefix's by ASN and
// maxLength.
func (s *Snapshot) All() iter.Seq[VRP] {
	return func(yield func(VRP) bool) {
		if s == nil {
			return
		}
		for p, group := range s.idx.all() {
			for _, it := range group {
				if !yield(s.vrp(p, it)) {
					return
				}
			}
		}
	}
}

func (s *Snapshot) vrp(p netip.Prefix, it payload) VRP {
	v := VRP{Prefix: p, MaxLen: int(it.maxLen), ASN: ASN(it.asn), TA: s.tas[it.ta]}
	if it.expiry != 0 {
		v.Expires = time.Unix(int64(it.expiry), 0).UTC()
	}
	return v
}
