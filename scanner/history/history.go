// Package history keeps what scans found: one run after another, each with the
// inventory, plan, rules and data sources it rested on, so that runs can be
// compared and a stored run can be judged again under later rules.
//
// The store is one SQLite file with a lock file beside it. One process writes
// at a time; readers are never blocked. A run whose process died in the middle
// is marked crashed and keeps the records it had; such a run can be taken up again.
package history

import (
	_ "embed"
	"time"

	"ready6/probes/verdict"
)

// Status says how a run ended.
type Status string

// The statuses. Only a complete run stands for the whole inventory: it alone is
// compared with, and reported unasked.
const (
	Running     Status = "running"     // its process is alive and writing
	Complete    Status = "complete"    // every service has its record
	Interrupted Status = "interrupted" // stopped by the user or its deadline; what was not measured says so
	Crashed     Status = "crashed"     // its process ended without a word; services may be missing
	Withheld    Status = "withheld"    // every service has its record, but the vantage is in doubt: see Header.Withheld
)

// Header says what a run is and what it rested on. Its JSON form is published:
// see HeaderSchema.
type Header struct {
	ID        int64            `json:"id"` // 1 and up, rising with time; given by Begin
	Started   time.Time        `json:"started"`
	Finished  time.Time        `json:"finished,omitzero"` // of a crashed run: when it last wrote
	Status    Status           `json:"status"`
	Kind      string           `json:"kind"`             // what was scanned: inventory, names, lab; runs of one kind are comparable
	Tool      string           `json:"tool"`             // version of the program
	Rules     int              `json:"rules"`            // verdict.RulesVersion when it ran
	Vantage   string           `json:"vantage"`          // name of the place it was measured from
	Checks    []verdict.Check  `json:"checks,omitempty"` // what was asked; empty: everything
	Planned   int              `json:"planned,omitzero"` // services it set out to measure, 0 when not known
	Services  int              `json:"services"`         // services that have a record
	Preflight []verdict.Result `json:"preflight,omitempty"`
	Sources   []SourceInfo     `json:"sources,omitempty"`
	Resumed   []time.Time      `json:"resumed,omitempty"`  // when it was taken up again after an end that came too early
	Withheld  []verdict.Result `json:"withheld,omitempty"` // why it is not published: what the vantage lost, or never had

	// Inventory and Plan are the YAML texts as they were. Load fills them,
	// Runs does not; the digests are always there.
	Inventory       []byte `json:"-"`
	Plan            []byte `json:"-"`
	InventorySHA256 string `json:"inventory_sha256,omitempty"` // hex
	PlanSHA256      string `json:"plan_sha256,omitempty"`      // hex
}

//go:embed header.schema.json
var headerSchema string

// HeaderSchema is the JSON Schema (draft 2020-12) of a Header.
func HeaderSchema() string { return headerSchema }

// SourceInfo is a data source of a run: VRPs, routes, root hints, anchors.
type SourceInfo struct {
	Name  string    `json:"name"`
	At    time.Time `json:"at,omitzero"`    // when the data was made; zero when not known
	Count int       `json:"count,omitzero"` // entries it had

	Counts map[string]int `json:"counts,omitempty"` // of them, by trust anchor; VRPs from files only
}

// Age is how old the data was when the run began; 0 when not known.
func (s SourceInfo) Age(h Header) time.Duration {
	if s.At.IsZero() {
		return 0
	}
	return h.Started.Sub(s.At)
}

// Asked reports whether the run's services were asked for check c.
func (h Header) Asked(c verdict.Check) bool {
	if len(h.Checks) == 0 {
		return true
	}
	for _, have := range h.Checks {
		if have == c {
			return true
		}
	}
	return false
}

// Run is a stored run, whole.
type Run struct {
	Header
	Records []verdict.Record
}
