package reports

import (
	"encoding/json"
	"slices"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// News is what a published run has that the comparable one before it had not,
// beside how its agencies stand. It is told by mail and webhook.
type News struct {
	rep     Report
	changes *Changes // nil without an earlier run
	rows    map[verdict.ServiceKey]int
}

// NewNews compares a run with the one before it, which may be nil; rep is the
// run's report.
func NewNews(rep Report, run history.Run, prior *history.Run) News {
	n := News{rep: rep, rows: make(map[verdict.ServiceKey]int, len(rep.Services))}
	for i, row := range rep.Services {
		s := row.Judged
		n.rows[verdict.ServiceKey{Agency: Clean(s.Agency), Kind: s.Kind, Host: s.Host, Port: s.Port}] = i
	}
	if prior == nil {
		return n
	}
	was, is := levels(prior.Records), levels(run.Records)
	n.changes = group(prior.Header, history.Diff(*prior, run))
	for i := range n.changes.Services {
		s := &n.changes.Services[i]
		s.Name = verdict.Text{EN: rep.dir.agency(s.Agency, verdict.EN), VI: rep.dir.agency(s.Agency, verdict.VI)}
		s.Was, s.Is = was[s.key], is[s.key]
	}
	return n
}

// EventSchema names the form of an Event.
const EventSchema = "ready6-event/1"

// maxEventChanges bounds the services listed in one event: receivers have limits.
const maxEventChanges = 1000

// Event is what a webhook is told of a run, as JSON.
type Event struct {
	Schema    string        `json:"schema"`
	Event     string        `json:"event"` // run
	Published bool          `json:"published"`
	Run       EventRun      `json:"run"`
	Trouble   []EventFault  `json:"trouble"` // what the scanner's own connection could not prove
	Total     *Tally        `json:"total"`   // this and what follows: null unless published
	Agencies  []EventAgency `json:"agencies"`
	Changes   *EventChanges `json:"changes"` // null also without an earlier run
}

// EventRun is the run's header.
type EventRun struct {
	ID       int64          `json:"id"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished,omitzero"`
	Status   history.Status `json:"status"`
	Kind     string         `json:"kind"`
	Vantage  string         `json:"vantage"`
	Tool     string         `json:"tool"`
	Rules    int            `json:"rules"`
	Planned  int            `json:"planned"`
	Services int            `json:"services"`
}

// EventFault is one result of the vantage that makes others unknown.
type EventFault struct {
	Code    verdict.Reason  `json:"code"`
	Outcome verdict.Outcome `json:"outcome"`
	Subject string          `json:"subject"`
	Title   verdict.Text    `json:"title"`
}

// EventAgency is how one agency stands.
type EventAgency struct {
	ID    string       `json:"id"`
	Name  verdict.Text `json:"name"`
	Tally Tally        `json:"tally"`
	State State        `json:"state"`
}

// EventChanges is what changed since an earlier run.
type EventChanges struct {
	Since    Since                 `json:"since"`
	Count    map[history.Class]int `json:"count"`
	Services []ServiceChange       `json:"services"`
	Omitted  int                   `json:"omitted"` // services that changed and are not listed
}

// NewEvent words a run for a webhook. News is nil for a run that is not
// published: it says that it was, and nothing of anybody's services.
func NewEvent(h history.Header, n *News) ([]byte, error) {
	e := Event{Schema: EventSchema, Event: "run", Published: n != nil, Trouble: []EventFault{}, Run: EventRun{
		ID: h.ID, Started: h.Started.UTC(), Finished: h.Finished.UTC(), Status: h.Status, Kind: Clean(h.Kind), Vantage: Clean(h.Vantage),
		Tool: Clean(h.Tool), Rules: h.Rules, Planned: h.Planned, Services: h.Services,
	}}
	for _, f := range header(h).Trouble {
		e.Trouble = append(e.Trouble, EventFault{f.Code, f.Outcome, f.Subject, f.Title})
	}
	if n == nil {
		return json.Marshal(e)
	}
	e.Total, e.Agencies = &n.rep.Total, []EventAgency{}
	for _, a := range n.rep.Agencies {
		e.Agencies = append(e.Agencies, EventAgency{a.ID, a.Name, a.Tally, a.State})
	}
	if c := n.changes; c != nil {
		list := slices.Clone(c.Services[:min(len(c.Services), maxEventChanges)])
		e.Changes = &EventChanges{c.Since, c.Count, list, len(c.Services) - len(list)}
	}
	return json.Marshal(e)
}
