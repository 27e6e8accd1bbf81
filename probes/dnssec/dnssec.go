// Package dnssec decides whether an answer of the DNS is secure, insecure,
// bogus or indeterminate (RFC 4033 5), and says which record of which zone
// decides it. It is a pure function of what a Source answers, of trust anchors
// and of a clock: no network, no clock of its own, and bounded work whatever
// hostile zones publish.
//
// Zones are validated once each and kept; a Validator is meant to live as long
// as one run.
package dnssec

import (
	"context"
	"encoding/json"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// Source answers one question as the authoritative servers do: with DNSSEC
// records, one hop, DS from the parent's side. The DS set or its denial may be
// in the answer section or, as in a referral, in the authority section.
//
// An error means that no server gave a usable answer; if it has a method
// VerdictCause() verdict.Cause, that cause is reported, and so is the zone that
// VerdictZone() string names, whose servers were silent. If it has a method
// Disclaimed() *dns.Msg, that is an empty answer of servers without authority.
type Source interface {
	Query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error)
}

// Retrier is what a Source may also be: asked after an answer proved bogus, it
// returns another server's answer to the same question, the one after bad, which is
// the Source's own or the last one returned; nil when every server has been heard.
// Without it a bogus answer stands as it is.
type Retrier interface {
	Retry(ctx context.Context, name string, qtype uint16, bad *dns.Msg) (*dns.Msg, error)
}

// State is the security status of an answer or a zone. The zero value is
// Indeterminate: nothing is known.
type State uint8

// The states of RFC 4033 5.
const (
	Indeterminate State = iota
	Insecure
	Secure
	Bogus
)

var stateNames = [...]string{"indeterminate", "insecure", "secure", "bogus"}

// String returns the state's stable name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[Indeterminate]
}

// MarshalText writes the stable name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// weakness orders states for a chain of answers: a found fault outranks a gap
// in knowledge, which outranks what is known to be unsigned.
var weakness = [...]int{Secure: 0, Insecure: 1, Indeterminate: 2, Bogus: 3}

// weaker returns the state that decides when both apply.
func weaker(a, b State) State {
	if weakness[b] > weakness[a] {
		return b
	}
	return a
}

// Result is the judgement of one question.
type Result struct {
	Name      string    // as asked, presentation form with final dot
	Type      uint16    // as asked
	State     State     // the weakest along the chain of aliases
	Rcode     int       // of the last answer; SERVFAIL if there was none
	Reasons   []Reason  // the deciding one first
	Answer    []dns.RR  // the CNAME and DNAME chain and the final records, in order
	Chain     []*Link   // zones from the anchor down, of every name on the chain
	Expires   time.Time // when the first signature relied on expires; zero if none was
	Negative  bool      // there is no such name or no such record
	Canonical string    // the name at the end of the chain of aliases

	At   time.Time          // the time that signatures were judged at
	Hops []verdict.ChainHop // what was looked at, name by name along the aliases
}

// Reason is one finding, the deciding one or a remark.
type Reason struct {
	Code   verdict.Reason    `json:"code"`
	Detail string            `json:"detail"` // English sentence
	Zone   string            `json:"zone,omitempty"`
	Name   string            `json:"name,omitempty"`   // whose answer it is about
	Record string            `json:"record,omitempty"` // the record that breaks or decides it, presentation form
	Owner  verdict.Owner     `json:"owner,omitzero"`   // who can mend it
	Cause  verdict.Cause     `json:"cause,omitempty"`  // for indeterminate: what stood in the way
	Args   map[string]string `json:"args,omitempty"`   // for the catalogue's sentences
}

// Link is one zone of the chain of trust. Results share it: it must not be changed.
type Link struct {
	Zone    string    `json:"zone"`
	State   State     `json:"status"`
	DS      Records   `json:"ds,omitempty"`     // the DS records at its parent
	Anchor  Records   `json:"anchor,omitempty"` // the trust anchors used, instead of DS
	Keys    []Key     `json:"keys,omitempty"`
	Reason  *Reason   `json:"reason,omitempty"` // why it is not secure
	Expires time.Time `json:"expires,omitzero"` // first expiry among the signatures on its DS and DNSKEY sets

	Parent     string              `json:"parent,omitempty"`     // the zone that its DS records are in
	Digests    []verdict.ChainDS   `json:"digests,omitempty"`    // DS, or the anchors that are DS records, taken apart
	Signatures []verdict.Signature `json:"signatures,omitempty"` // on the DS set or its denial, and on the DNSKEY set
}

// Records are written in presentation form.
type Records []dns.RR

// MarshalJSON writes a list of strings, one a record.
func (rrs Records) MarshalJSON() ([]byte, error) {
	texts := make([]string, len(rrs))
	for i, rr := range rrs {
		texts[i] = rr.String()
	}
	return json.Marshal(texts)
}

// Key is one DNSKEY of a zone.
type Key = verdict.ChainKey

// jsonResult is the form that other programs rely on.
type jsonResult struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Status    State     `json:"status"`
	Rcode     string    `json:"rcode"`
	Reasons   []Reason  `json:"reasons"`
	Answer    Records   `json:"answer"`
	Chain     []*Link   `json:"chain"`
	Canonical string    `json:"canonical,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`

	At   time.Time          `json:"at,omitzero"`
	Hops []verdict.ChainHop `json:"hops,omitempty"`
}

// clientRcode is the response code that a validating resolver gives its clients: where
// it cannot stand behind an answer, that is SERVFAIL (RFC 4035 5.5). Without any
// trust anchor it serves what it got.
func (r Result) clientRcode() int {
	if r.State == Bogus || r.State == Indeterminate && len(r.Reasons) > 0 && r.Reasons[0].Code != codeNoAnchor {
		return dns.RcodeServerFailure
	}
	return r.Rcode
}

// MarshalJSON writes the published form: name, type, status, rcode, reasons,
// answer and chain are always there. The rcode is what a validating resolver's
// clients see; the answer is what was judged, the bad records of a bogus one too.
func (r Result) MarshalJSON() ([]byte, error) {
	out := jsonResult{
		Name: r.Name, Type: typeName(r.Type), Status: r.State, Rcode: rcodeName(r.clientRcode()),
		Reasons: r.Reasons, Answer: r.Answer, Chain: r.Chain, Expires: r.Expires,
		At: r.At.UTC(), Hops: r.Hops,
	}
	if r.Canonical != r.Name {
		out.Canonical = r.Canonical
	}
	if out.Reasons == nil {
		out.Reasons = []Reason{}
	}
	if out.Chain == nil {
		out.Chain = []*Link{}
	}
	return json.Marshal(out)
}

func typeName(t uint16) string { return dns.Type(t).String() }

func rcodeName(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return "RCODE" + itoa(rcode)
}
