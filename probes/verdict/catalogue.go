package verdict

import (
	"cmp"
	"slices"
)

// Lang is a language of the catalogue.
type Lang string

// The two languages. Anything else reads as English.
const (
	VI Lang = "vi"
	EN Lang = "en"
)

// Text is one sentence or term in both languages.
type Text struct {
	EN string `json:"en" yaml:"en"`
	VI string `json:"vi" yaml:"vi"`
}

// In returns the text in language l, or the other one if l's is empty.
func (t Text) In(l Lang) string {
	if (l == VI && t.VI != "") || t.EN == "" {
		return t.VI
	}
	return t.EN
}

// Entry is what the catalogue says of one reason. In its sentences {subject}
// and {name} stand for the result's Subject and Args.
type Entry struct {
	Reason  Reason
	Check   Check // empty for scan.*: whichever check the result carries
	Outcome Outcome
	State   string // dnssec: secure, insecure, bogus, indeterminate; rpki: valid, invalid, not-found, unrouted, unknown
	Title   Text
	Advice  Text   // empty where nothing needs doing
	Ref     string // RFC and section, or the rule it follows
}

// byReason is filled once from the tables of the catalogue_*.go files.
var byReason = index(
	addressReasons, reachReasons, dnssecReasons, validationReasons, postureReasons, rpkiReasons, resourceReasons, pathReasons, closureReasons, serverReasons, nat64Reasons, webClosureReasons, webReasons,
	browserReasons, mailReasons, reverseReasons, vantageReasons, scanReasons,
)

func index(tables ...[]Entry) map[Reason]*Entry {
	n := 0
	for _, t := range tables {
		n += len(t)
	}
	m := make(map[Reason]*Entry, n)
	for _, t := range tables {
		for i := range t {
			e := &t[i]
			if _, twice := m[e.Reason]; twice {
				panic("verdict: reason " + string(e.Reason) + " is in the catalogue twice")
			}
			m[e.Reason] = e
		}
	}
	return m
}

// Lookup returns the entry of a reason. A reason that this build does not know
// (from a newer run's store) has Outcome Unknown and its code as title.
func Lookup(r Reason) Entry {
	if e, ok := byReason[r]; ok {
		return *e
	}
	return Entry{Reason: r, Title: Text{EN: string(r), VI: string(r)}}
}

// Catalogue returns all entries, sorted by reason.
func Catalogue() []Entry {
	out := make([]Entry, 0, len(byReason))
	for _, e := range byReason {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Reason, b.Reason) })
	return out
}
