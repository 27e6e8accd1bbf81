package reports

import (
	"math"
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Build sums up one run beside earlier ones, as of a moment. The agencies, their
// names and services, exemptions and targets are those of that day in the
// province. prior are earlier comparable runs, newest first, made with the same
// inventory: the first is the one to compare with, and all give the trends.
// Without enough of them there is no forecast. The result depends on nothing else.
func Build(run history.Run, prior []history.Run, inv inventory.Inventory, plan inventory.Plan, at time.Time) Report {
	s := Scope{Inventory: inv, Plan: plan, At: at, Period: Period{To: dayOf(at)}}
	var since *Earlier
	if len(prior) > 0 {
		since = &Earlier{Run: prior[0], Inventory: inv}
		s.Period.From = dayOf(prior[0].Started)
	}
	t := s.Trend()
	for _, p := range slices.Backward(prior) {
		t.Add(p.Header, inv, Marks(p.Records), nil)
	}
	return s.Report(run, since, t)
}

// Report sums a run up as the scope's last word. since is the run that the
// period starts from, nil if there is none; t is the scope's trend with the
// runs before this one, which is added to it. The result depends on nothing else.
func (s Scope) Report(run history.Run, since *Earlier, t *Trend) Report {
	f := t.f
	own := run.Records
	run.Records = f.carryAll(run.Records)
	b := newBuilder(run, f)
	t.Add(run.Header, s.Inventory, Marks(own), nil)
	total := b.total()
	t.close(total)
	agencies := b.agencies()
	r := Report{
		Schema: Schema, At: s.At.UTC(), Day: f.day.String(), Period: s.Period, AsItWas: s.AsItWas, Run: header(run.Header),
		Total: total.tally(), Agencies: agencies, Exemptions: b.exemptions(), Services: b.rows, Nights: t.nights, Skipped: len(t.skipped), dir: f.dir,
	}
	var e *evolution
	if since != nil {
		e = b.evolution(*since)
	}
	r.Programmes = b.programmes(agencies, t, e)
	for i := range r.Agencies {
		b.judgeAgency(&r.Agencies[i], t, e)
	}
	if s.AsItWas {
		r.Agencies = append(r.Agencies, t.ended()...)
	}
	r.Blockers, r.Steps, r.Gaps = b.causes()
	r.Together, r.Owners = b.joint(r.Blockers)
	r.Resources, r.Hosting = b.resources(), b.hosting()
	if since != nil {
		r.Changes = b.changes(*since, run, e, t)
	}
	r.Actions = b.sheets(r)
	r.Summary = b.summary(r)
	return r
}

func newBuilder(run history.Run, f *frame) *builder {
	b := &builder{
		frame: f, tree: f.tree, at: f.At, records: run.Records, judged: map[verdict.ServiceKey]int{}, prefixes: map[string]verdict.Outcome{},
	}
	b.collect()
	return b
}

type builder struct {
	*frame
	tree     inventory.Inventory
	at       time.Time
	records  []verdict.Record
	judged   map[verdict.ServiceKey]int // index into records
	prefixes map[string]verdict.Outcome // agency and prefix: has a valid ROA

	rows   []Row
	keys   []verdict.ServiceKey // rows' own
	source []int                // rows' records, -1 if missing
	sums   map[string]*sum      // per agency
	former []string             // agencies of the run that the tree lacks, in the run's order
}

// collect makes one row for each service of the list and of the run: first the
// list in its order, then what only the run has.
func (b *builder) collect() {
	var services []int
	for i, rec := range b.records {
		if rec.Kind == verdict.PrefixKind {
			b.prefixes[rec.Agency+" "+rec.Host] = roa(rec.Results)
		}
		if resource(rec.Kind) {
			continue
		}
		b.judged[rec.Key()] = i
		services = append(services, i)
	}
	b.rows, b.sums = []Row{}, map[string]*sum{}
	used := make([]bool, len(b.records))
	for a, svc := range b.tree.All() {
		key := verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}
		i, found := b.judged[key]
		row := Row{Exempt: svc.Exempt, IsExempt: svc.ExemptOn(b.at)}
		if found {
			used[i] = true
		} else {
			i = -1
			row.Missing = true
			row.Judged = Judge(verdict.Record{Agency: a.ID, Host: svc.Host, Kind: svc.Kind, Port: svc.Port})
		}
		b.add(row, key, i)
	}
	known := map[string]bool{}
	for _, a := range b.tree.Agencies {
		known[a.ID] = true
	}
	for _, i := range services {
		if used[i] {
			continue
		}
		if id := b.records[i].Agency; !known[id] {
			known[id] = true
			b.former = append(b.former, id)
		}
		b.add(Row{Unlisted: true}, b.records[i].Key(), i)
	}
	for _, a := range b.tree.Agencies {
		for _, p := range a.Prefixes {
			b.sum(a.ID).blocks.add(b.prefixes[a.ID+" "+p.Prefix.String()])
		}
	}
}

func (b *builder) add(row Row, key verdict.ServiceKey, record int) {
	if record >= 0 {
		row.Judged = Judge(b.records[record])
	}
	row.Name = b.name(row.Judged.Agency)
	b.sum(key.Agency).add(newMark(row.Judged), row.IsExempt)
	b.rows = append(b.rows, row)
	b.keys = append(b.keys, key)
	b.source = append(b.source, record)
}

// sum is what an agency's services and blocks add up to.
func (b *builder) sum(id string) *sum {
	if b.sums[id] == nil {
		b.sums[id] = &sum{}
	}
	return b.sums[id]
}

func (b *builder) total() *sum {
	var all sum
	for _, row := range b.rows {
		all.add(newMark(row.Judged), row.IsExempt)
	}
	return &all
}

// roa says whether a block of one's own is covered by a ROA for its origin: a
// block that nobody announces has nothing to cover.
func roa(results []verdict.Result) verdict.Outcome {
	if !slices.ContainsFunc(results, func(r verdict.Result) bool { return r.Check == verdict.RPKI }) {
		return verdict.Unknown
	}
	switch worstState(results, verdict.RPKI, false) {
	case "valid":
		return verdict.Pass
	case "invalid", "not-found":
		return verdict.Fail
	case "unrouted":
		return verdict.NotApplicable
	}
	return verdict.Unknown
}

// agencies lists those of the tree in its order, then those only the run knows.
func (b *builder) agencies() []Agency {
	list := make([]Agency, 0, len(b.tree.Agencies)+len(b.former))
	before := map[string][]Party{}
	if !b.AsItWas {
		before = b.predecessors()
	}
	for _, a := range b.tree.Agencies {
		list = append(list, Agency{
			ID: a.ID, Name: b.name(a.ID), Kind: a.Kind, Parent: a.Parent, Tally: b.sum(a.ID).tally(), Targets: []AgencyTarget{},
			Predecessors: before[a.ID],
		})
	}
	for _, id := range b.former {
		list = append(list, Agency{ID: Clean(id), Name: b.name(id), Kind: b.kinds[id], Former: true, Tally: b.sum(id).tally(), Targets: []AgencyTarget{}})
	}
	return list
}

// exemptions is the register of exceptions, expired ones included: their
// services count again.
func (b *builder) exemptions() []Exemption {
	list := []Exemption{}
	for _, row := range b.rows {
		if row.Exempt == nil {
			continue
		}
		s := row.Judged
		list = append(list, Exemption{
			Agency: Clean(s.Agency), Name: row.Name, Host: s.Host, Service: s.Kind, Port: s.Port,
			Reason: Clean(row.Exempt.Reason), Approver: Clean(row.Exempt.Approver),
			Until: row.Exempt.Until.String(), Expired: !row.IsExempt,
			Ended: !row.IsExempt && b.Period.From != "" && nextDay(row.Exempt.Until.String(), 1) >= b.Period.From,
		})
	}
	return list
}

func header(h history.Header) Run {
	r := Run{
		ID: h.ID, Started: h.Started.UTC(), Status: h.Status, Tool: Clean(h.Tool), Rules: h.Rules, Judged: verdict.RulesVersion,
		Vantage: Clean(h.Vantage), Checks: notNil(h.Checks), Inventory: h.InventorySHA256, Plan: h.PlanSHA256,
		Sources: []Source{}, Preflight: []Finding{}, Trouble: []Finding{},
	}
	if !h.Finished.IsZero() {
		r.Finished = h.Finished.UTC()
	}
	for _, s := range h.Sources {
		src := Source{Name: Clean(s.Name), Count: s.Count}
		if !s.At.IsZero() {
			hours := round2(s.Age(h).Hours())
			src.At, src.Hours = s.At.UTC(), &hours
		}
		r.Sources = append(r.Sources, src)
	}
	for _, res := range h.Preflight {
		f := newFinding(res, bounds{}, false)
		r.Preflight = append(r.Preflight, f)
		if f.Outcome == verdict.Fail || f.Outcome == verdict.Unknown || f.Outcome == verdict.Warn {
			r.Trouble = append(r.Trouble, f)
		}
	}
	return r
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
