package verdict

import "time"

// Chain is the chain of trust behind one DNSSEC state, as data: the zones from
// the trust anchors down, and what was looked at in them on the way to the
// answer. It is evidence, small enough to be stored with a result, and all that
// a picture or a tree of the chain needs. Names are in presentation form with
// their final dot, states are those of RFC 4033 5.
type Chain struct {
	Name  string      `json:"name"` // as asked
	Type  string      `json:"type"`
	State string      `json:"state"`
	Rcode string      `json:"rcode"`
	At    time.Time   `json:"at"` // the time that signatures were judged at
	Zones []ChainZone `json:"zones"`
	Hops  []ChainHop  `json:"hops"` // the name asked for, then where each alias leads
}

// ChainPlace is where in a zone's part of the chain its state is decided.
type ChainPlace string

// The places, from the parent's side down.
const (
	AtDS    ChainPlace = "ds"    // the DS records at the parent, or the proof that there are none
	AtMatch ChainPlace = "match" // between DS records (or trust anchors) and keys
	AtKeys  ChainPlace = "keys"  // the DNSKEY set and its signatures
)

// ChainZone is one zone, or an unsigned delegation.
type ChainZone struct {
	Zone   string     `json:"zone"`
	Parent string     `json:"parent,omitempty"` // the zone its DS records are in; empty under a trust anchor
	State  string     `json:"state"`
	Place  ChainPlace `json:"place,omitempty"` // where it is decided, unless secure
	Reason Reason     `json:"reason,omitempty"`
	// DS are the records at the parent, or the trust anchors that are DS records.
	DS         []ChainDS   `json:"ds,omitempty"`
	Keys       []ChainKey  `json:"keys,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"` // on the DS set or its denial, and on the DNSKEY set
}

// ChainDS is one DS record and what became of it.
type ChainDS struct {
	Tag       uint16 `json:"tag"`
	Algorithm string `json:"algorithm"` // "13 ECDSAP256SHA256"
	Digest    string `json:"digest"`    // its type, "2 SHA-256"
	// Match is match, mismatch (tag and algorithm fit a key, the digest does not),
	// no-key, unsupported, ignored (SHA-1 beside a better digest, RFC 4509 3), or
	// empty where the keys were not looked at.
	Match string `json:"match,omitempty"`
}

// ChainKey is one DNSKEY of a zone.
type ChainKey struct {
	Tag       uint16 `json:"tag"`
	Flags     uint16 `json:"flags"`
	Algorithm string `json:"algorithm"` // "13 ECDSAP256SHA256"
	Bits      int    `json:"bits,omitempty"`
	Trusted   bool   `json:"trusted"` // a DS or trust anchor names it
	Signs     bool   `json:"signs"`   // its signature on the DNSKEY set was checked and holds
}

// Signature is one RRSIG record. One good signature is enough for a set (RFC 6840
// 5.11): one that is neither valid nor has a reason was not needed.
type Signature struct {
	Type       string    `json:"type"` // covered
	Signer     string    `json:"signer"`
	Tag        uint16    `json:"tag"`
	Algorithm  string    `json:"algorithm"`
	Inception  time.Time `json:"inception"`
	Expiration time.Time `json:"expiration"`
	Valid      bool      `json:"valid"`            // checked, and holds
	Reason     Reason    `json:"reason,omitempty"` // why it does not count
}

// ChainHop is one step: what the name has, or the alias that leads on.
type ChainHop struct {
	Name   string     `json:"name"`
	Zone   string     `json:"zone,omitempty"` // whose keys vouch for it
	State  string     `json:"state"`
	Kind   string     `json:"kind"`             // answer, alias, denial, or none where nothing was received
	Target string     `json:"target,omitempty"` // of an alias
	Reason Reason     `json:"reason,omitempty"` // of the step itself; a zone's reason is with the zone
	Sets   []ChainSet `json:"sets,omitempty"`
}

// ChainSet is one record set, with the signatures on it.
type ChainSet struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Records    []string    `json:"records,omitempty"` // the data, without name and type, bounded
	More       int         `json:"more,omitempty"`    // records left out
	Signatures []Signature `json:"signatures,omitempty"`
	Reason     Reason      `json:"reason,omitempty"` // why it does not hold
}
