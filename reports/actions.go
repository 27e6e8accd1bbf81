package reports

import (
	"ready6/probes/verdict"
)

// Sheet is all that one owner has to do, what lifts most services first.
type Sheet struct {
	Owner    verdict.Owner `json:"owner"`
	Name     verdict.Text  `json:"name"`     // the owner in words: role and name
	Outside  bool          `json:"outside"`  // no agency of the list and not the province's data centre: is written to
	Actions  []Action      `json:"actions"`  //
	Services int           `json:"services"` // different services concerned
	Held     int           `json:"held"`     // of them, kept from their next level
	Lifted   int           `json:"lifted"`   // of them, rise if all of it is mended
	Agencies []Party       `json:"agencies"` // whose services these are
	Due      Due           `json:"due"`      // the earliest of its actions
}

// Action is one thing to mend, with how to see that it is mended.
type Action struct {
	Cause    int            `json:"cause"` // place in Report.Blockers, from 1
	Code     verdict.Reason `json:"code"`
	Subject  string         `json:"subject"`
	Plain    verdict.Text   `json:"plain"`    // what is wrong, for somebody who knows no DNS
	What     verdict.Text   `json:"what"`     // what was found, in the catalogue's words
	Do       verdict.Text   `json:"do"`       // what to change
	Verify   []string       `json:"verify"`   // commands that show whether it is mended
	Services int            `json:"services"` // concerned
	Lifted   int            `json:"lifted"`   // rise if this alone is mended
	Due      Due            `json:"due"`
}

// Due is when the plan wants something mended.
type Due struct {
	Day     string `json:"day"`     // 2006-01-02; empty: the plan sets no day
	Target  string `json:"target"`  // Target.ID that sets it
	Overdue bool   `json:"overdue"` // Day is before the report's
	// Gradual marks a day set by targets that are reached step by step only: a
	// day to work towards, not one that can be missed.
	Gradual bool `json:"gradual"`
}
