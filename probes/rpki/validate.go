package rpki

import (
	"encoding/json"
	"net/netip"
	"strconv"
)

// State is a route-origin validation state. The zero State is Unknown: nothing
// was, or could be, compared.
type State uint8

// The states. Valid, Invalid and NotFound are those of RFC 6811; Unrouted is
// only said of addresses: no route covers them.
const (
	Unknown State = iota
	Valid
	Invalid
	NotFound
	Unrouted
)

var stateNames = [...]string{"unknown", "valid", "invalid", "not-found", "unrouted"}

// String returns the state's stable name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[Unknown]
}

// MarshalText writes the stable name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Validity is the evidence for one route: every VRP that covers its prefix,
// by what it says of the route. A VRP covers a prefix that equals its own or
// is more specific (RFC 6811 section 2). The lists hold the most specific VRPs
// first.
type Validity struct {
	Prefix      netip.Prefix // invalid in the zero Validity, whose State is Unknown
	Origin      Origin
	Matched     []VRP // its ASN is the origin's, and the prefix is within maxLength
	WrongOrigin []VRP // another ASN, or AS 0, whatever the length; every VRP if the origin is NONE
	TooSpecific []VRP // its ASN is the origin's, but the prefix is longer than maxLength
}

// State derives the state: "If one or more VRPs match, Valid; else, if any
// covers it, Invalid; else NotFound" (RFC 6811 section 2.1).
func (v Validity) State() State {
	switch {
	case !v.Prefix.IsValid():
		return Unknown
	case len(v.Matched) > 0:
		return Valid
	case len(v.WrongOrigin)+len(v.TooSpecific) > 0:
		return Invalid
	}
	return NotFound
}

// Reason says why a route is invalid: "length" if the origin holds a ROA that
// ends too early, "as" if no ROA names it at all; "" for other states. A short
// ROA of the origin's own outranks other origins' ROAs, for its maxLength is
// what there is to mend.
func (v Validity) Reason() string {
	switch {
	case v.State() != Invalid:
		return ""
	case len(v.TooSpecific) > 0:
		return "length"
	}
	return "as"
}

// covering returns all lists as one, in no particular order between them.
func (v Validity) covering() []VRP {
	all := make([]VRP, 0, len(v.Matched)+len(v.WrongOrigin)+len(v.TooSpecific))
	return append(append(append(all, v.Matched...), v.TooSpecific...), v.WrongOrigin...)
}

// State is the state of the route (prefix, origin), Unknown of a nil snapshot
// or an invalid prefix. It allocates nothing.
func (s *Snapshot) State(prefix netip.Prefix, origin Origin) State {
	p := canonical(prefix)
	if s == nil || !p.IsValid() {
		return Unknown
	}
	state, bits := NotFound, uint8(p.Bits())
	// AS 0 authorises nobody: a route with origin 0 matches no VRP (RFC 6483, RFC 7607).
	can := origin.Known && origin.ASN != 0
	f := s.idx.family(p.Addr().Is4())
	for i := f.closest(keyOf(p)); i != none; i = f.nodes[i].parent {
		for _, it := range s.idx.group(&f.nodes[i]) {
			if can && it.asn == uint32(origin.ASN) && bits <= it.maxLen {
				return Valid
			}
		}
		state = Invalid
	}
	return state
}

// Validate compares the route (prefix, origin) with every VRP that covers it.
// Bits behind the prefix's length are ignored; for input from users see
// [ParsePrefix]. Of a nil snapshot or an invalid prefix the result is the zero
// Validity, which is Unknown.
func (s *Snapshot) Validate(prefix netip.Prefix, origin Origin) Validity {
	p := canonical(prefix)
	if s == nil || !p.IsValid() {
		return Validity{}
	}
	v := Validity{Prefix: p, Origin: origin}
	for q, group := range s.idx.covering(p) {
		for _, it := range group {
			switch vrp := s.vrp(q, it); {
			case !origin.Known || origin.ASN == 0 || vrp.ASN != origin.ASN:
				v.WrongOrigin = append(v.WrongOrigin, vrp)
			case p.Bits() > vrp.MaxLen:
				v.TooSpecific = append(v.TooSpecific, vrp)
			default:
				v.Matched = append(v.Matched, vrp)
			}
		}
	}
	return v
}

// Covering returns the VRPs whose prefix covers p, most specific first.
func (s *Snapshot) Covering(p netip.Prefix) []VRP {
	return s.Validate(p, Origin{}).WrongOrigin
}

// Within returns the VRPs whose prefix is p or lies inside it, in address order.
func (s *Snapshot) Within(p netip.Prefix) []VRP {
	p = canonical(p)
	if s == nil || !p.IsValid() {
		return nil
	}
	var out []VRP
	for q, group := range s.idx.within(p) {
		for _, it := range group {
			out = append(out, s.vrp(q, it))
		}
	}
	return out
}

// MarshalJSON writes the form of the command contract: prefix, asn, state,
// reason ("" unless invalid), matched, wrong_origin, too_specific (never null).
func (v Validity) MarshalJSON() ([]byte, error) { return v.appendJSON(nil), nil }

func (v Validity) appendJSON(b []byte) []byte {
	b = append(b, `{"prefix":"`...)
	if v.Prefix.IsValid() {
		b = v.Prefix.AppendTo(b)
	}
	b = append(b, `","asn":"`...)
	b = append(b, v.Origin.String()...)
	b = append(b, `","state":"`...)
	b = append(b, v.State().String()...)
	b = append(b, `","reason":"`...)
	b = append(b, v.Reason()...)
	b = append(b, `","matched":`...)
	b = appendVRPs(b, v.Matched)
	b = append(b, `,"wrong_origin":`...)
	b = appendVRPs(b, v.WrongOrigin)
	b = append(b, `,"too_specific":`...)
	b = appendVRPs(b, v.TooSpecific)
	return append(b, '}')
}

func appendVRPs(b []byte, vrps []VRP) []byte {
	b = append(b, '[')
	for i, v := range vrps {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.appendJSON(b)
	}
	return append(b, ']')
}

// MarshalJSON writes {"asn":"AS64500","prefix":"…","max_length":n,"ta":"…"}.
func (v VRP) MarshalJSON() ([]byte, error) { return v.appendJSON(nil), nil }

func (v VRP) appendJSON(b []byte) []byte {
	b = append(b, `{"asn":"`...)
	b = append(b, v.ASN.String()...)
	b = append(b, `","prefix":"`...)
	if v.Prefix.IsValid() {
		b = v.Prefix.AppendTo(b)
	}
	b = append(b, `","max_length":`...)
	b = strconv.AppendInt(b, int64(v.MaxLen), 10)
	b = append(b, `,"ta":`...)
	ta, err := json.Marshal(v.TA)
	if err != nil { // no string fails to marshal; an empty label is still JSON
		ta = []byte(`""`)
	}
	b = append(b, ta...)
	return append(b, '}')
}
