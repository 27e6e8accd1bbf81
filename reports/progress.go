package reports

import (
	"time"

	"ready6/probes/verdict"
)

// Night is what one run of the history adds up to, by the rules of this build.
type Night struct {
	Run      int64     `json:"run"`
	Started  time.Time `json:"started"`
	Day      string    `json:"day"`       // of its start in the province, 2006-01-02
	Rules    int       `json:"rules"`     // of the program that measured
	InPeriod bool      `json:"in_period"` // between the period's days
	// Blind marks a run that could not tell for half of what counts whether it
	// works over IPv6: it is shown, and left out of trends.
	Blind         bool              `json:"blind"`
	Exempt        int               `json:"exempt"`
	NotApplicable int               `json:"not_applicable"`
	Counted       int               `json:"counted"` // Measured + Unknown
	Measured      int               `json:"measured"`
	Unknown       int               `json:"unknown"`
	AtLevel       [TopLevel + 1]int `json:"at_level"` // of Measured; the ladder stack
}

// Value is what a target stood at when a run was made.
type Value struct {
	Run      int64   `json:"run"`
	Day      string  `json:"day"` // in the province, 2006-01-02
	Share    Share   `json:"share"`
	Required float64 `json:"required_percent"` // what the milestones wanted on that day
	// Blind marks a level's share on a night that says nothing of levels: see Night.
	Blind bool `json:"blind,omitempty"`
}

// Milestone is a point of the line that a target has to follow.
type Milestone struct {
	Day  string       `json:"day"` // 2006-01-02
	Goal float64      `json:"goal_percent"`
	Name verdict.Text `json:"name"` // empty where the plan gives none
	// Dated marks a day without a share of its own: a phase that ends, to be
	// marked on the time axis; the line does not bend there.
	Dated bool `json:"dated_only,omitempty"`
}

// Effects explain how a target's percentage came from its value at the period's
// start to its value now. In percentage points, From + Rules + Tree + Listed +
// Measured + Changed = To, up to rounding of each to two places. The counts are
// of services, of own address blocks for a target on these.
type Effects struct {
	From float64 `json:"from_percent"` // as it was judged then, where that is known, else by today's rules
	To   float64 `json:"to_percent"`   //
	// Was is what From is a percentage of.
	Was Share `json:"from"`
	// Rules is what judging the first run by today's rules makes out; null: what
	// was judged then is not kept, and From is by today's rules.
	Rules    *float64 `json:"rules"`
	Tree     float64  `json:"tree"`     // agencies merged, split or moved; 0 unless the report is as it was
	Listed   float64  `json:"listed"`   // services that came to the list or left it, exemptions that began or ended
	Measured float64  `json:"measured"` // services known now and not then, or the other way round
	Changed  float64  `json:"changed"`  // services that really became better or worse

	Added    int `json:"added"`    // count now and did not then: listed, or no longer exempt
	Removed  int `json:"removed"`  // the other way round
	Found    int `json:"found"`    // known now, not known then
	Lost     int `json:"lost"`     // known then, not known now
	Better   int `json:"better"`   // have reached the mark since
	Worse    int `json:"worse"`    // have fallen below it since
	Rejudged int `json:"rejudged"` // of the first run: judged otherwise by today's rules
}

// Party is an agency by its id and name.
type Party struct {
	ID   string       `json:"id"`
	Name verdict.Text `json:"name"`
}
