package reports

import (
	"encoding/json"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Schema names the form of the JSON report; see ReportSchema.
const Schema = "ready6-report/1"

// Report is a run, judged and summed up on a day. Build makes it; Formats write
// it. All foreign text in it has been made harmless.
type Report struct {
	Schema     string      `json:"schema"`
	At         time.Time   `json:"at"`  // the cut-off: exemptions, agencies and targets are those of its day
	Day        string      `json:"day"` // that day in the province, 2006-01-02
	Period     Period      `json:"period"`
	AsItWas    bool        `json:"as_it_was"` // earlier values stand under the agencies of their own days
	Run        Run         `json:"run"`
	Summary    Summary     `json:"summary"`
	Total      Tally       `json:"total"`
	Agencies   []Agency    `json:"agencies"`
	Programmes []Programme `json:"programmes"`
	Blockers   []Cause     `json:"blockers"`       // found faults, those that hold back most services first
	Together   []Joint     `json:"together"`       // blockers that lift services only together
	Owners     []Load      `json:"owners"`         // the blockers by who has to mend them, those worth most first
	Steps      []Cause     `json:"steps"`          // what is no fault and yet to be done step by step: names to sign, routes to cover with ROAs
	Gaps       []Cause     `json:"gaps"`           // what could not be measured, likewise
	Actions    []Sheet     `json:"actions"`        // one sheet an owner: everything he has to do, those worth most first
	Changes    *Changes    `json:"changes"`        // since the period's start; null without an earlier run to compare with
	Nights     []Night     `json:"nights"`         // every run that the trends rest on, oldest first, Run the last
	Skipped    int         `json:"nights_skipped"` // complete runs that are not among Nights: not judged by today's rules
	Resources  []Resource  `json:"resources"`      // own address blocks and AS numbers
	Hosting    []Hosting   `json:"hosting"`        // networks that announce the services' addresses, those with most first
	Exemptions []Exemption `json:"exemptions"`
	Services   []Row       `json:"services"`

	dir directory
}

// Run is the header of the run that the report rests on.
type Run struct {
	ID        int64           `json:"id"`
	Started   time.Time       `json:"started"`
	Finished  time.Time       `json:"finished,omitzero"`
	Status    history.Status  `json:"status"`
	Tool      string          `json:"tool"`
	Rules     int             `json:"rules"`        // of the program that measured
	Judged    int             `json:"rules_judged"` // of the program that made this report
	Vantage   string          `json:"vantage"`
	Checks    []verdict.Check `json:"checks"` // what was asked; empty: everything
	Inventory string          `json:"inventory_sha256"`
	Plan      string          `json:"plan_sha256"`
	Sources   []Source        `json:"sources"`
	Preflight []Finding       `json:"preflight"` // everything the vantage was asked, good and bad
	Trouble   []Finding       `json:"trouble"`   // those of them that make results unknown
}

// Source is a data source of the run with its age when the run began.
type Source struct {
	Name  string    `json:"name"`
	At    time.Time `json:"at,omitzero"`
	Count int       `json:"count,omitzero"`
	Hours *float64  `json:"age_hours"` // null when the data has no date
}

// Tally counts services. Listed = Exempt + NotApplicable + Counted, and
// Counted = Measured + Unknown: nothing leaves a denominator in silence.
type Tally struct {
	Listed        int `json:"listed"`
	Exempt        int `json:"exempt"`
	NotApplicable int `json:"not_applicable"`
	Counted       int `json:"counted"`
	Measured      int `json:"measured"` // with a proven level
	Unknown       int `json:"unknown"`
	AtLevel       [TopLevel + 1]int
	Open          int // of Measured: those that may stand higher than is proven
	Reached       [TopLevel + 1]Share
	DNSSEC        map[string]int // Counted by state of the service's own name
	RPKI          map[string]int // Counted by state of the service's own addresses
}

// MarshalJSON gives the levels names.
func (t Tally) MarshalJSON() ([]byte, error) {
	type plain struct {
		Listed        int               `json:"listed"`
		Exempt        int               `json:"exempt"`
		NotApplicable int               `json:"not_applicable"`
		Counted       int               `json:"counted"`
		Measured      int               `json:"measured"`
		Unknown       int               `json:"unknown"`
		AtLevel       [TopLevel + 1]int `json:"at_level"`
		Open          int               `json:"maybe_higher"`
		AtLeast       []Share           `json:"at_least"`
		DNSSEC        map[string]int    `json:"dnssec"`
		RPKI          map[string]int    `json:"rpki"`
	}
	return json.Marshal(plain{t.Listed, t.Exempt, t.NotApplicable, t.Counted, t.Measured, t.Unknown, t.AtLevel, t.Open,
		t.Reached[1:], t.DNSSEC, t.RPKI})
}

// Share is how many of some things have reached a mark. Met + Missed is what
// was measured; Unknown is what was not.
type Share struct {
	Met, Missed, Unknown  int
	Exempt, NotApplicable int // outside the denominator, shown all the same
	Empty                 int // agencies without a single service listed, likewise
}

// Measured is the denominator of Percent.
func (s Share) Measured() int { return s.Met + s.Missed }

// Total is everything that counts, measured or not.
func (s Share) Total() int { return s.Met + s.Missed + s.Unknown }

// Percent is the share met of what was measured, 0..100; false if nothing was.
func (s Share) Percent() (float64, bool) { return percent(s.Met, s.Measured()) }

// Bounds are the least and the greatest percentage that measuring the rest
// could bring out.
func (s Share) Bounds() (low, high float64) {
	low, _ = percent(s.Met, s.Total())
	high, _ = percent(s.Met+s.Unknown, s.Total())
	return low, high
}

func percent(n, of int) (float64, bool) {
	if of == 0 {
		return 0, false
	}
	return 100 * float64(n) / float64(of), true
}

func (s *Share) add(o verdict.Outcome) {
	switch o {
	case verdict.Pass:
		s.Met++
	case verdict.NotApplicable:
		s.NotApplicable++
	case verdict.Unknown:
		s.Unknown++
	default:
		s.Missed++
	}
}

// MarshalJSON writes the percentage together with its n.
func (s Share) MarshalJSON() ([]byte, error) {
	type plain struct {
		Percent       *float64 `json:"percent"` // of measured, rounded to two places; null if nothing was measured
		Met           int      `json:"met"`
		Measured      int      `json:"measured"`
		Total         int      `json:"total"`
		Unknown       int      `json:"unknown"`
		Exempt        int      `json:"exempt"`
		NotApplicable int      `json:"not_applicable"`
		Empty         int      `json:"no_services,omitempty"`
	}
	p := plain{nil, s.Met, s.Measured(), s.Total(), s.Unknown, s.Exempt, s.NotApplicable, s.Empty}
	if v, ok := s.Percent(); ok {
		v = round2(v)
		p.Percent = &v
	}
	return json.Marshal(p)
}

// Agency is one agency with what its services add up to.
type Agency struct {
	ID     string         `json:"id"`
	Name   verdict.Text   `json:"name"`
	Kind   inventory.Kind `json:"kind"`
	Parent string         `json:"parent,omitempty"`
	// Former marks an agency that the run knows and the list of that day does not.
	Former bool `json:"former,omitempty"`
	// Until is the last day of an agency that ended before the cut-off; it stands
	// here only in a report as it was, with what it last stood at, and its
	// services are in no total. SucceededBy is who carries it on.
	Until        string         `json:"until,omitempty"`
	SucceededBy  []Party        `json:"succeeded_by,omitempty"`
	Predecessors []Party        `json:"predecessors,omitempty"` // whose history is counted as its own
	Tally        Tally          `json:"tally"`
	Targets      []AgencyTarget `json:"targets"`
	State        State          `json:"state"` // the worst of Targets; NotMeasured with Listed 0: no services listed
}

// AgencyTarget is how one agency stands against one target.
type AgencyTarget struct {
	ID       string   `json:"id"`
	Share    Share    `json:"share"`
	Required float64  `json:"required_percent"`
	State    State    `json:"state"`
	Start    *Share   `json:"start"` // at the period's start; null: not measured then
	Forecast Forecast `json:"forecast"`
}

// Row is one service in the report.
type Row struct {
	Judged Service              `json:"judged"`
	Name   verdict.Text         `json:"agency_name"`
	Exempt *inventory.Exemption `json:"-"`
	// Missing marks a service of the list without a record in the run.
	Missing bool `json:"missing,omitempty"`
	// Unlisted marks a record of the run whose service the list does not have.
	Unlisted bool `json:"unlisted,omitempty"`
	IsExempt bool `json:"exempt"`
}

// Exemption is one entry of the register of exceptions.
type Exemption struct {
	Agency   string       `json:"agency"`
	Name     verdict.Text `json:"agency_name"`
	Host     string       `json:"host"`
	Service  string       `json:"service"`
	Port     uint16       `json:"port,omitempty"`
	Reason   string       `json:"reason"`
	Approver string       `json:"approver"`
	Until    string       `json:"until"`   // 2006-01-02, empty: no end
	Expired  bool         `json:"expired"` // counts again
	Ended    bool         `json:"ended"`   // expired: its first day without it is in the period
}
