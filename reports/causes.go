package reports

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// Cause is one fault, or one thing that could not be measured, with all the
// services it concerns. Exempt services and those that are not applicable are
// left out.
type Cause struct {
	Code     verdict.Reason     `json:"code"`
	Check    verdict.Check      `json:"check"`
	Outcome  verdict.Outcome    `json:"outcome"`
	Subject  string             `json:"subject"` // what has to be mended: a zone, a route, an address, a name
	Asked    string             `json:"-"`       // the first victim's own subject
	Owner    verdict.Owner      `json:"owner"`
	Title    verdict.Text       `json:"title"`
	Advice   verdict.Text       `json:"advice"`
	Ref      string             `json:"ref,omitempty"`
	Evidence []verdict.Evidence `json:"evidence"` // from the first victim
	Held     int                `json:"held"`     // services that it keeps from the next level
	Lifted   int                `json:"lifted"`   // services that rise if this alone is mended
	Lifts    []Lift             `json:"lifts"`
	Agencies int                `json:"agencies"` // agencies with a victim
	Victims  []Victim           `json:"victims"`
}

// Lift is how many services rise from a level at least to another.
type Lift struct {
	From  int `json:"from"`
	To    int `json:"to"`
	Count int `json:"count"`
}

// Victim is a service that a cause concerns.
type Victim struct {
	Agency  string       `json:"agency"`
	Name    verdict.Text `json:"agency_name"`
	Host    string       `json:"host"`
	Service string       `json:"service"`
	Port    uint16       `json:"port,omitempty"`
	Held    bool         `json:"held"`
	From    int          `json:"level"`      // proven now
	To      int          `json:"level_then"` // proven once this alone is mended
}

type causeKey struct {
	reason  verdict.Reason
	subject string
	owner   verdict.Owner
}

// keyOf says which results are one cause: not who suffers, but what has to be
// mended. Of a broken chain that is the zone, of a route the route, of a server
// that does not answer its address, whatever the port; of a scanner without
// IPv6, or out of time, the scanner.
func keyOf(r verdict.Result) causeKey {
	k := causeKey{r.Reason, r.Subject, r.Owner}
	switch {
	case strings.HasPrefix(string(r.Reason), "scan.") && r.Args["fault"] == "": // the run's own end, whoever was next
		k.subject = string(r.Check)
		return k
	case r.Reason == "reach.no-vantage":
		k.subject = r.Args["family"]
		return k
	}
	switch r.Check {
	case verdict.DNSSEC:
		if zone := strings.TrimSuffix(r.Args["zone"], "."); zone != "" {
			k.subject = zone
		}
	case verdict.RPKI:
		if r.Args["prefix"] != "" {
			k.subject = route(r.Args["prefix"], r.Args["origin"])
		}
	case verdict.Reach, verdict.Reach4:
		ap, err := netip.ParseAddrPort(r.Subject)
		if err != nil {
			break
		}
		k.subject = ap.Addr().String()
		if r.Reason == "reach.cert" || r.Reason == "reach.status" || r.Reason == "reach.other-site" { // one of several sites at the address
			k.subject = strings.TrimSpace(r.Args["host"] + " " + k.subject)
		}
	}
	return k
}

// causes merges what is wrong (fail), what is still to be done step by step and
// what is not known (unknown) over all services by reason, what has to be
// mended, and owner.
func (b *builder) causes() (blockers, steps, gaps []Cause) {
	index := map[causeKey]*Cause{}
	for i, row := range b.rows {
		if row.IsExempt || !row.Judged.Applicable || b.source[i] < 0 {
			continue
		}
		b.causesOf(index, row, b.records[b.source[i]].Results)
	}
	blockers, steps, gaps = []Cause{}, []Cause{}, []Cause{}
	for _, c := range index {
		c.finish()
		switch c.Outcome {
		case verdict.Fail:
			blockers = append(blockers, *c)
		case verdict.Warn:
			steps = append(steps, *c)
		default:
			gaps = append(gaps, *c)
		}
	}
	slices.SortFunc(blockers, byWeight)
	slices.SortFunc(steps, byWeight)
	slices.SortFunc(gaps, byWeight)
	return blockers, steps, gaps
}

// stepwise reports whether a result is what plans order step by step and is not
// there yet: a name that is not signed, a route without a ROA. Both work.
func stepwise(r verdict.Result) bool {
	return len(r.Via) == 0 && r.Outcome() == verdict.Warn && (r.State() == "insecure" || r.State() == "not-found")
}

func (b *builder) causesOf(index map[causeKey]*Cause, row Row, results []verdict.Result) {
	s := row.Judged
	own := map[causeKey][]int{}
	var order []causeKey
	for i, r := range results {
		if o := r.Outcome(); o != verdict.Fail && o != verdict.Unknown && !stepwise(r) {
			continue
		}
		k := keyOf(r)
		if own[k] == nil {
			order = append(order, k)
		}
		own[k] = append(own[k], i)
	}
	now := bounds{s.Min, s.Max}
	for _, k := range order {
		first := newFinding(results[own[k][0]], now, len(s.AAAA) > 0)
		c := index[k]
		if c == nil {
			c = &Cause{
				Code: first.Code, Check: first.Check, Outcome: first.Outcome, Subject: Clean(k.subject), Owner: first.Owner,
				Title: first.Title, Advice: first.Advice, Ref: first.Ref, Evidence: first.Evidence, Lifts: []Lift{}, Asked: first.Subject,
			}
			index[k] = c
		}
		v := Victim{
			Agency: Clean(s.Agency), Name: row.Name, Host: s.Host, Service: s.Kind, Port: s.Port,
			Held: first.Blocking, From: s.Min, To: s.Min,
		}
		if first.Outcome == verdict.Fail {
			v.To = ladder(results, func(i int) bool { return slices.Contains(own[k], i) }).Min
		}
		c.Victims = append(c.Victims, v)
	}
}

// finish adds the victims up and puts them in order.
func (c *Cause) finish() {
	slices.SortStableFunc(c.Victims, func(a, b Victim) int {
		return cmp.Or(cmp.Compare(a.Agency, b.Agency), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Port, b.Port))
	})
	agencies := map[string]bool{}
	lifts := map[[2]int]int{}
	for _, v := range c.Victims {
		agencies[v.Agency] = true
		if v.Held {
			c.Held++
		}
		if v.To > v.From {
			c.Lifted++
			lifts[[2]int{v.From, v.To}]++
		}
	}
	c.Agencies = len(agencies)
	for k, n := range lifts {
		c.Lifts = append(c.Lifts, Lift{k[0], k[1], n})
	}
	slices.SortFunc(c.Lifts, func(a, b Lift) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// byWeight puts first what lifts most services when it alone is mended, then what
// holds most of them back.
func byWeight(a, b Cause) int {
	return cmp.Or(
		cmp.Compare(b.Lifted, a.Lifted), cmp.Compare(b.Held, a.Held), cmp.Compare(len(b.Victims), len(a.Victims)),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(a.Owner.Role, b.Owner.Role), cmp.Compare(a.Owner.Name, b.Owner.Name),
	)
}
