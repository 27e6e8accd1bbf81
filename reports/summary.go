package reports

import (
	"ready6/probes/verdict"
)

// Summary is the first page: how things stand, who is behind and why, and who
// has to act by when, in words that need no knowledge of DNS.
type Summary struct {
	Lines    []verdict.Text `json:"lines"`    // sentences, most important first
	States   map[State]int  `json:"states"`   // agencies with services by their state; every state has its entry
	Agencies []Standing     `json:"agencies"` // those behind, then those at risk, each with most services short first
	Acts     []Act          `json:"acts"`     // who has to act, what is worth most first
}

// Standing is one agency that is behind or at risk.
type Standing struct {
	Agency string       `json:"agency"`
	Name   verdict.Text `json:"agency_name"`
	State  State        `json:"state"`  // Behind or AtRisk
	Short  []Shortfall  `json:"short"`  // the targets it misses
	Why    []Why        `json:"why"`    // most services first, at most maxWhy
	More   int          `json:"more"`   // causes beyond these
	Levels []int        `json:"levels"` // its counted services by level, 0..TopLevel
}

// Shortfall is one target that an agency misses.
type Shortfall struct {
	Target string       `json:"target"`
	Name   verdict.Text `json:"target_name"`
	State  State        `json:"state"`
	Met    int          `json:"met"`
	Total  int          `json:"total"`
	Due    Due          `json:"due"`
}

// Why is one cause in plain words: what is wrong with how many of an agency's
// services, and who mends it.
type Why struct {
	Cause    int           `json:"cause"` // place in Report.Blockers, from 1; 0: not measured
	Plain    verdict.Text  `json:"plain"`
	Services int           `json:"services"` // of this agency
	Owner    verdict.Owner `json:"owner"`
	By       verdict.Text  `json:"owner_name"` // the owner in words
	Due      Due           `json:"due"`
}

// Act is what one owner is asked for in a sentence.
type Act struct {
	Sheet  int          `json:"sheet"` // place in Report.Actions, from 1
	By     verdict.Text `json:"owner_name"`
	Plain  verdict.Text `json:"plain"` // the thing worth most that he has to do
	More   int          `json:"more"`  // further things
	Held   int          `json:"held"`
	Lifted int          `json:"lifted"`
	Due    Due          `json:"due"`
}
