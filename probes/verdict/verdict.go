// Package verdict is the closed vocabulary of results: what was checked, what
// came out, why, who can mend it, and the evidence for it. Producers (the
// probes) and readers (history, reports) share nothing else.
//
// A result carries a reason code and its evidence. Outcome, wording, advice and
// references are looked up in one catalogue, so a change of policy judges
// stored results anew.
package verdict

import (
	"cmp"
	"maps"
	"strings"
	"time"
)

// RulesVersion names the set of rules in this build: catalogue outcomes, the
// readiness ladder and the probes' decisions. It changes whenever the same
// evidence could be judged differently.
const RulesVersion = 3

// Outcome is what a result means for readiness. The zero value is Unknown:
// what could not be measured is never good and never bad.
type Outcome uint8

// The outcomes, from "don't know" up.
const (
	Unknown Outcome = iota
	NotApplicable
	Pass
	Warn
	Fail
)

var outcomeNames = [...]string{"unknown", "not-applicable", "pass", "warn", "fail"}

// String returns the outcome's stable name as used in JSON and CSV.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// MarshalText writes the stable name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a stable name; anything else becomes Unknown.
func (o *Outcome) UnmarshalText(b []byte) error {
	*o = Unknown
	for i, n := range outcomeNames {
		if n == string(b) {
			*o = Outcome(i)
		}
	}
	return nil
}

// severity orders outcomes for Worst: a found fault outranks a gap in
// knowledge, which outranks everything that is known to be fine.
var severity = [...]int{Unknown: 3, NotApplicable: 0, Pass: 1, Warn: 2, Fail: 4}

// Worst returns the outcome that decides a group: Fail, else Unknown, else
// Warn, else Pass, else NotApplicable. Of nothing it is NotApplicable.
func Worst(outcomes ...Outcome) Outcome {
	worst := NotApplicable
	for _, o := range outcomes {
		if severity[o] > severity[worst] {
			worst = o
		}
	}
	return worst
}

// Check is one kind of question asked about a service.
type Check string

// The checks. A service's results carry these; Vantage results belong to a run.
const (
	AAAA    Check = "aaaa"    // address records, both families
	Reach   Check = "reach"   // the service over IPv6, per address and port
	Reach4  Check = "reach4"  // the same over IPv4, for comparison
	Web     Check = "web"     // a web service over IPv6 beside IPv4: its pages, its protocols, its speed
	DNSSEC  Check = "dnssec"  // chain of trust from the root anchor
	Posture Check = "posture" // upkeep of the signed zone that the name is in, on all its servers
	RPKI    Check = "rpki"    // route-origin validity of each address
	Closure Check = "closure" // everything else an IPv6-only client has to reach
	NAT64   Check = "nat64"   // what a client behind NAT64 would meet: told, and of no weight for the level
	Browser Check = "browser" // a Chromium's opinion of the page, with IPv6 alone
	Mail    Check = "mail"    // beside the ladder: SPF and reverse DNS of outgoing mail, DANE of incoming mail
	Reverse Check = "reverse" // reverse zones of an agency's own IPv6 blocks
	Vantage Check = "vantage" // the scanner's own connections, clock and data
)

// Reason is a stable code, "check.what" or "check.state.what", in the catalogue.
type Reason string

// Role says what kind of body can mend a finding.
type Role string

// The roles of DESIGN section 2, rule 7, and Operator: whoever runs this scanner.
const (
	Agency      Role = "agency"
	DataCentre  Role = "data-centre"
	Registrar   Role = "registrar"
	DNSOperator Role = "dns-operator"
	Hosting     Role = "hosting"
	ISP         Role = "isp"
	VNNIC       Role = "vnnic"
	Operator    Role = "operator"
)

// Owner is who can mend a finding. Name is empty when only the role is known.
type Owner struct {
	Role Role   `json:"role"`
	Name string `json:"name,omitempty"` // a zone, an AS, an agency id: whatever the evidence gives
}

// Evidence is one observation: who was asked, over what, what came back, when.
type Evidence struct {
	At     time.Time `json:"at"`
	Asked  string    `json:"asked"`            // "ns1.example.vn [2001:db8::53]:53"
	Over   string    `json:"over"`             // udp4, udp6, tcp4, tcp6, tls, http, smtp, rtr, file
	Query  string    `json:"query,omitempty"`  // "www.example.vn. AAAA", "GET /"
	Answer string    `json:"answer,omitempty"` // short, as received: "NOERROR aa, 0 answers"
	Chain  *Chain    `json:"chain,omitempty"`  // over dnssec: the chain of trust of a service's own name
}

// Result is one finding about one subject, good or bad.
type Result struct {
	Check    Check             `json:"check"`
	Reason   Reason            `json:"reason"`
	Subject  string            `json:"subject"`        // what was judged: an address and port, a zone, a host
	Args     map[string]string `json:"args,omitempty"` // fill the catalogue's sentences, by name
	Owner    Owner             `json:"owner"`
	Via      []string          `json:"via,omitempty"` // from the service to the subject, for dependencies
	Evidence []Evidence        `json:"evidence,omitempty"`
	At       time.Time         `json:"at"`
	Took     time.Duration     `json:"took,omitempty"` // nanoseconds
}

// Outcome asks the catalogue; a reason it does not know is Unknown.
func (r Result) Outcome() Outcome { return Lookup(r.Reason).Outcome }

// State returns the DNSSEC or route-origin state that the reason stands for
// ("secure", "not-found", …), empty for other checks.
//
// A DNSSEC or RPKI result without a state of its own (the run was stopped, a
// probe crashed) is in the state that says "not known".
func (r Result) State() string {
	switch state := Lookup(r.Reason).State; {
	case state != "":
		return state
	case r.Outcome() != Unknown:
		return ""
	case r.Check == DNSSEC:
		return "indeterminate"
	case r.Check == RPKI:
		return "unknown"
	}
	return ""
}

// Title is the catalogue's sentence for this result in the language asked for.
func (r Result) Title(l Lang) string { return r.fill(Lookup(r.Reason).Title.In(l), l) }

// Advice is what to do about it, empty when there is nothing to do.
func (r Result) Advice(l Lang) string { return r.fill(Lookup(r.Reason).Advice.In(l), l) }

// fill puts Subject and Args into a sentence's {places}; a place without an
// argument is shown as an ellipsis, never as markup.
func (r Result) fill(s string, l Lang) string {
	if strings.IndexByte(s, '{') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2*len(r.Subject))
	for {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '}')
		if end < 0 {
			break
		}
		b.WriteString(s[:open])
		key := s[open+1 : open+end]
		switch v, ok := r.Args[key]; {
		case key == "subject":
			b.WriteString(r.Subject)
		case key == "cause" && ok:
			b.WriteString(Cause(v).In(l))
		case key == "fault" && ok:
			b.WriteString(r.of(Reason(v)).Title(l))
		case key == "dnssec":
			b.WriteString(r.validation(l))
		case key == "use" && ok:
			b.WriteString(inUse(v, l))
		case (key == "detail" || key == "proof") && l == VI && r.Reason != "reach.busy": // which quotes the server
			b.WriteString(systemWords.Replace(v))
		case ok && v != "":
			b.WriteString(inWords(v, l))
		default:
			b.WriteString("…")
		}
		s = s[open+end+1:]
	}
	b.WriteString(s)
	return b.String()
}

// inWords writes a moment as a language does, to the second and in UTC, in which
// signatures are dated; anything else stays as it is.
func inWords(v string, l Lang) string {
	if l != VI || len(v) < len("2006-01-02T15:04:05Z") {
		return v
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return v
	}
	return t.UTC().Format("15:04:05 02/01/2006 UTC")
}

// validation words what DNSSEC validation said, where a result rests on it:
// Args["dnssec"] is the reason, its arguments begin with "of.". A run from
// before these were kept has the English sentence, in Args["detail"].
func (r Result) validation(l Lang) string {
	code, ok := r.Args["dnssec"]
	if !ok {
		return cmp.Or(r.Args["detail"], "…")
	}
	of := Result{Check: DNSSEC, Reason: Reason(code), Args: map[string]string{}}
	for k, v := range r.Args {
		if k, ok := strings.CutPrefix(k, "of."); ok {
			of.Args[k] = v
		}
	}
	of.Subject = of.Args["name"]
	return of.Title(l)
}

// of is the result that r speaks of, one that has the same arguments.
func (r Result) of(reason Reason) Result {
	r.Reason, r.Args = reason, maps.Clone(r.Args)
	delete(r.Args, "fault") // what it is about is about nothing further
	return r
}

// Record is everything one scan found out about one service of one agency.
type Record struct {
	Agency  string        `json:"agency"`         // inventory id, empty for a names file or an ad-hoc probe
	Host    string        `json:"host"`           // host name in A-label form, or an address
	Kind    string        `json:"service"`        // web, mail, dns, tcp, tls
	Port    uint16        `json:"port,omitempty"` // 0: the kind's own ports
	Results []Result      `json:"results"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"` // nanoseconds
}

// The kinds of records that are about number resources of an agency's own and
// not about a service; Host is the block or the AS number.
const (
	PrefixKind = "prefix"
	ASNKind    = "asn"
)

// Key names the service within a run: agency, kind, host and port.
func (r Record) Key() ServiceKey { return ServiceKey{r.Agency, r.Kind, r.Host, r.Port} }

// ServiceKey identifies a service across runs.
type ServiceKey struct {
	Agency, Kind, Host string
	Port               uint16
}

// OfService reports whether the key names a service, and no number resource.
func (k ServiceKey) OfService() bool { return k.Kind != PrefixKind && k.Kind != ASNKind }
