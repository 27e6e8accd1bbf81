// Package reports turns what a scan found into answers for people: the level of
// each service on the readiness ladder, shares per agency with the numbers
// behind them, the plan's targets, and the causes that hold services back. It
// writes them as JSON, CSV, HTML and terminal text in Vietnamese and English.
// Scores are computed here and nowhere else. Everything is a pure function of
// its input; the time is an argument.
package reports

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"ready6/probes/verdict"
)

// Service is one service, judged.
type Service struct {
	Agency string // inventory id, may be empty
	Host   string
	Kind   string // web, mail, dns, tcp
	Port   uint16 // 0: the kind's own
	At     time.Time
	Took   time.Duration

	// Min and Max bound the level, 0..TopLevel: what is proven, and what no
	// found fault rules out. They differ where something was not measured.
	Min, Max int
	// Applicable is false where there is nothing to judge, such as a mail
	// domain with a null MX. Such a service is in no denominator.
	Applicable bool

	AAAA, A    []string        // usable IPv6 addresses; published IPv4 addresses; never nil
	Reach6     verdict.Outcome // the service over IPv6, all addresses and ports together
	DNSSEC     string          // of its own name: secure, insecure, bogus, indeterminate
	DNSSECDeps string          // worst among its dependencies, empty if none was judged
	RPKI       string          // of its own addresses: valid, invalid, not-found, unrouted, unknown
	RPKIDeps   string          // worst among its dependencies, empty if none was judged
	Expires    time.Time       // earliest signature expiry on its own chain, zero if not known
	Browser    string          // complete, failed or unknown: a browser's opinion; empty if none was asked
	Routes     []string        // routes that lead to its addresses, "2001:db8::/32 AS64500"

	Findings []Finding   // what is wrong or not known; what blocks comes first
	Chains   []ChainView // of its own name, where the record has them
	Closure  Graph       // what it depends on
	Counts   Counts
}

// Counts says how many of a service's results had each outcome.
type Counts struct {
	Pass          int `json:"pass"`
	Warn          int `json:"warn"`
	Fail          int `json:"fail"`
	Unknown       int `json:"unknown"`
	NotApplicable int `json:"not_applicable"`
}

// Total is the number of results counted.
func (c Counts) Total() int { return c.Pass + c.Warn + c.Fail + c.Unknown + c.NotApplicable }

func (c *Counts) add(o verdict.Outcome) {
	switch o {
	case verdict.Pass:
		c.Pass++
	case verdict.Warn:
		c.Warn++
	case verdict.Fail:
		c.Fail++
	case verdict.NotApplicable:
		c.NotApplicable++
	default:
		c.Unknown++
	}
}

// Finding is one fault, warning or gap in knowledge about a service, worded in
// both languages. Foreign text in it has been made harmless.
type Finding struct {
	Code     verdict.Reason     `json:"code"`
	Check    verdict.Check      `json:"check"`
	Outcome  verdict.Outcome    `json:"outcome"`
	State    string             `json:"state,omitempty"` // dnssec and rpki only
	Subject  string             `json:"subject"`
	Level    int                `json:"level,omitempty"` // the level it keeps the service from, 1..4
	Blocking bool               `json:"blocking"`        // Level is the next one that the service has to reach
	Title    verdict.Text       `json:"title"`
	Advice   verdict.Text       `json:"advice"` // empty where nothing needs doing
	Ref      string             `json:"ref,omitempty"`
	Owner    verdict.Owner      `json:"owner"`
	Via      []string           `json:"via,omitempty"`
	Evidence []verdict.Evidence `json:"evidence,omitempty"`
}

// Level returns the proven level. It is false where not even the address
// records could be measured, or there is nothing to judge.
func (s Service) Level() (level int, known bool) {
	return s.Min, s.Applicable && (s.Min > 0 || s.Max == 0)
}

// Reached says whether the service has level l: Pass, Fail, Unknown where the
// bounds leave it open, NotApplicable where there is nothing to judge.
func (s Service) Reached(l int) verdict.Outcome {
	switch {
	case !s.Applicable:
		return verdict.NotApplicable
	case s.Min >= l:
		return verdict.Pass
	case s.Max < l:
		return verdict.Fail
	}
	return verdict.Unknown
}

// Judge derives level, states and findings from a record. It asks the
// catalogue for every outcome, so that a stored record is judged by the rules
// of this build.
func Judge(rec verdict.Record) Service {
	s := judge(rec)
	s.Closure = graphOf(rec)
	for _, r := range rec.Results {
		s.Chains = append(s.Chains, chainsOf(r)...)
	}
	return s
}

// judge is Judge without what only pictures are drawn of: Closure and Chains.
func judge(rec verdict.Record) Service {
	f := gather(rec.Results, nil)
	b := f.bounds()
	s := Service{
		Agency: rec.Agency, Host: Clean(rec.Host), Kind: Clean(rec.Kind), Port: rec.Port, At: rec.At, Took: rec.Took,
		Min: b.Min, Max: b.Max, Applicable: applicable(rec.Results),
		AAAA: []string{}, A: []string{},
		DNSSEC: worstState(rec.Results, verdict.DNSSEC, false), DNSSECDeps: worstState(rec.Results, verdict.DNSSEC, true),
		RPKI: worstState(rec.Results, verdict.RPKI, false), RPKIDeps: worstState(rec.Results, verdict.RPKI, true),
		Browser: opinion(rec.Results),
	}
	s.Reach6 = f.reach6(s.Applicable)
	for _, r := range rec.Results {
		s.Counts.add(r.Outcome())
		switch {
		case r.Reason == "aaaa.present":
			s.AAAA = append(s.AAAA, Clean(r.Subject))
		case r.Reason == "a.present" || r.Reason == "a.special":
			s.A = append(s.A, Clean(r.Subject))
		case r.Check == verdict.DNSSEC && len(r.Via) == 0:
			s.Expires = earliest(s.Expires, r.Args["expires"])
		case r.Check == verdict.RPKI && len(r.Via) == 0 && r.Args["prefix"] != "":
			s.Routes = append(s.Routes, Clean(route(r.Args["prefix"], r.Args["origin"])))
		}
	}
	slices.Sort(s.Routes)
	s.Routes = slices.Compact(s.Routes)
	hasAAAA := len(s.AAAA) > 0
	s.Findings = make([]Finding, 0, s.Counts.Warn+s.Counts.Fail+s.Counts.Unknown)
	for _, r := range rec.Results {
		if tells(r, s.Applicable) {
			s.Findings = addFinding(s.Findings, newFinding(r, b, hasAAAA))
		}
	}
	slices.SortStableFunc(s.Findings, byUrgency)
	return s
}

// opinion sums up what a browser made of the page.
func opinion(results []verdict.Result) string {
	var seen []verdict.Outcome
	for _, r := range results {
		if r.Check == verdict.Browser {
			seen = append(seen, r.Outcome())
		}
	}
	switch verdict.Worst(seen...) {
	case verdict.Pass:
		return "complete"
	case verdict.Warn, verdict.Fail:
		return "failed"
	case verdict.Unknown:
		return "unknown"
	}
	return ""
}

// applicable reports whether there is anything to judge: it is false when every
// question about addresses was answered by "does not apply".
func applicable(results []verdict.Result) bool {
	asked := false
	for _, r := range results {
		if r.Check != verdict.AAAA {
			continue
		}
		if r.Outcome() != verdict.NotApplicable {
			return true
		}
		asked = true
	}
	return !asked
}

// reach6 sums up the results over IPv6. Without a usable address there is
// nothing to reach; with addresses that were not all tried it is unknown.
func (f *facts) reach6(applicable bool) verdict.Outcome {
	worst := verdict.Worst(f.reach...)
	switch {
	case worst == verdict.Fail:
		return worst
	case len(f.present) > 0 && f.reachOpen(), len(f.present) == 0 && f.published() != refuted && applicable:
		return verdict.Unknown
	}
	return worst
}

// The states from harmless to decisive. What is not measured outranks what is
// merely not done, because it may hide something worse.
var (
	dnssecOrder = []string{"secure", "insecure", "indeterminate", "bogus"}
	rpkiOrder   = []string{"valid", "unrouted", "not-found", "unknown", "invalid"}
)

// worstState combines the states of one check, either of the service's own
// name and addresses or of its dependencies. Nothing measured is
// "indeterminate" or "unknown" for its own, and empty for dependencies.
func worstState(results []verdict.Result, check verdict.Check, deps bool) string {
	order, none := dnssecOrder, "indeterminate"
	if check == verdict.RPKI {
		order, none = rpkiOrder, "unknown"
	}
	worst := -1
	for _, r := range results {
		if r.Check != check || (len(r.Via) > 0) != deps {
			continue
		}
		i := slices.Index(order, r.State())
		if i < 0 && r.Outcome() != verdict.Unknown {
			continue // a note, not a state
		}
		if i < 0 {
			i = slices.Index(order, none)
		}
		worst = max(worst, i)
	}
	switch {
	case worst >= 0:
		return order[worst]
	case deps:
		return ""
	}
	return none
}

func earliest(t time.Time, s string) time.Time {
	x, err := time.Parse(time.RFC3339, s)
	if err != nil || (!t.IsZero() && t.Before(x)) {
		return t
	}
	return x
}

func route(prefix, origin string) string {
	if origin == "" {
		return prefix
	}
	return prefix + " " + origin
}

// tells reports whether a result is worth a line of its own: faults, warnings
// and gaps, and whatever makes a service not applicable.
func tells(r verdict.Result, applicable bool) bool {
	switch r.Outcome() {
	case verdict.Pass:
		return r.Check == verdict.NAT64
	case verdict.NotApplicable:
		return !applicable && r.Check == verdict.AAAA
	}
	return true
}

// addFinding appends f, or only its evidence where the same sentence has been
// said already, as of a zone that both the A and the AAAA record depend on.
func addFinding(list []Finding, f Finding) []Finding {
	for i, g := range list {
		if g.Code == f.Code && g.Title == f.Title && g.Owner == f.Owner && slices.Equal(g.Via, f.Via) {
			list[i].Evidence = append(slices.Clip(g.Evidence), f.Evidence...)
			return list
		}
	}
	return append(list, f)
}

func newFinding(r verdict.Result, b bounds, hasAAAA bool) Finding {
	e := verdict.Lookup(r.Reason)
	f := Finding{
		Code: r.Reason, Check: r.Check, Outcome: e.Outcome, State: e.State, Subject: Clean(r.Subject),
		Title:  cleanText(verdict.Text{EN: r.Title(verdict.EN), VI: r.Title(verdict.VI)}),
		Advice: cleanText(verdict.Text{EN: r.Advice(verdict.EN), VI: r.Advice(verdict.VI)}),
		Ref:    e.Ref, Owner: verdict.Owner{Role: r.Owner.Role, Name: Clean(r.Owner.Name)},
		Via: cleanAll(r.Via), Evidence: cleanEvidence(r.Evidence),
	}
	if f.Outcome == verdict.Fail || f.Outcome == verdict.Unknown {
		f.Level = rungOf(r, b, hasAAAA)
	}
	f.Blocking = blocks(f.Outcome, f.Level, b)
	return f
}

// blocks reports whether a result is one of those that keep a service where it
// is: a fault at the lowest level that faults rule out, or a gap at the first
// level that is not proven.
func blocks(o verdict.Outcome, level int, b bounds) bool {
	switch o {
	case verdict.Fail:
		return level > 0 && level == b.Max+1
	case verdict.Unknown:
		return level > 0 && level == b.Min+1 && b.Min < b.Max
	}
	return false
}

// urgency groups findings: faults that block, gaps that block, faults in the way
// of higher levels, faults beside the ladder, other gaps, everything else.
func (f Finding) urgency() int {
	switch {
	case f.Blocking && f.Outcome == verdict.Fail:
		return 0
	case f.Blocking:
		return 1
	case f.Outcome == verdict.Fail && f.Level > 0:
		return 2
	case f.Outcome == verdict.Fail:
		return 3
	case f.Outcome == verdict.Unknown:
		return 4
	}
	return 5
}

func byUrgency(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.urgency(), b.urgency()),
		cmp.Compare(a.Level, b.Level),
		cmp.Compare(a.Check, b.Check),
	)
}

// line is the JSON object of one service, as `scan --format jsonl` prints it.
type line struct {
	Host       string          `json:"host"`
	Service    string          `json:"service"`
	Port       uint16          `json:"port,omitempty"`
	Agency     string          `json:"agency"`
	Level      *int            `json:"level"` // proven; null where the addresses were not measured
	LevelMax   *int            `json:"level_max"`
	Outcome    verdict.Outcome `json:"outcome"`
	DNSSEC     string          `json:"dnssec"`
	DNSSECDeps string          `json:"dnssec_closure,omitempty"`
	RPKI       string          `json:"rpki"`
	RPKIDeps   string          `json:"rpki_closure,omitempty"`
	AAAA       []string        `json:"aaaa"`
	A          []string        `json:"a"`
	Reach6     verdict.Outcome `json:"reach6"`
	Browser    string          `json:"browser,omitempty"`
	Routes     []string        `json:"routes"`
	Expires    time.Time       `json:"signatures_expire,omitzero"`
	Findings   []Finding       `json:"findings"`
	Counts     Counts          `json:"counts"`
	At         time.Time       `json:"at"`
	Millis     int64           `json:"took_ms"`
}

// MarshalJSON writes the service in the form that other programs rely on
// (DESIGN section 5). Lists are never null. "outcome" sums the service up
// against the dual-stack level, the least that the plan demands.
func (s Service) MarshalJSON() ([]byte, error) { return json.Marshal(s.line()) }

func (s Service) line() *line {
	l := &line{
		Host: s.Host, Service: s.Kind, Port: s.Port, Agency: Clean(s.Agency), Outcome: s.Reached(2),
		DNSSEC: s.DNSSEC, DNSSECDeps: s.DNSSECDeps, RPKI: s.RPKI, RPKIDeps: s.RPKIDeps,
		AAAA: notNil(s.AAAA), A: notNil(s.A), Reach6: s.Reach6, Routes: notNil(s.Routes), Browser: s.Browser,
		Expires: s.Expires.UTC(), Findings: notNil(s.Findings), Counts: s.Counts, At: s.At.UTC(), Millis: s.Took.Milliseconds(),
	}
	if level, known := s.Level(); known {
		l.Level = &level
	}
	if s.Applicable {
		most := s.Max
		l.LevelMax = &most
	}
	return l
}

// WriteLine writes the record, judged, as one line of JSON, in one piece.
func WriteLine(w io.Writer, rec verdict.Record) error {
	return json.NewEncoder(w).Encode(judge(rec).line()) // through MarshalJSON every byte would be read once more
}

// ServiceWithClosure returns the line that WriteLine writes with the graph of the
// dependency closure after all else.
func ServiceWithClosure(rec verdict.Record) ([]byte, error) {
	s := Judge(rec)
	b, err := json.Marshal(s.line())
	if err != nil {
		return nil, err
	}
	graph, err := json.Marshal(s.Closure)
	if err != nil {
		return nil, err
	}
	b = append(b[:len(b)-1], `,"closure":`...)
	return append(append(b, graph...), '}', '\n'), nil
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
