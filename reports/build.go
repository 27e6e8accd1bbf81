package reports

import (
	"maps"
	"math"
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Build sums a run up as of a moment. The agencies, their names and services,
// exemptions and targets are those of that day in the province. prior are
// earlier comparable runs, newest first: the first is the one to compare with,
// and all give the targets' history, as do past, values of still earlier runs
// (see Values). Without enough history there is no forecast. The result depends
// on nothing else.
func Build(run history.Run, prior []history.Run, inv inventory.Inventory, plan inventory.Plan, at time.Time, past ...Point) Report {
	b := newBuilder(run, inv, at)
	past = slices.Clone(past)
	for _, p := range prior {
		past = append(past, Values(p, inv, plan)...)
	}
	agencies := b.agencies()
	r := Report{
		Schema: Schema, At: at.UTC(), Day: b.day.String(), Run: header(run.Header), Total: tally(b.rows), Agencies: agencies,
		Programmes: b.programmes(plan, agencies, past), Exemptions: b.exemptions(), Services: b.rows, dir: b.dir,
		Period: Period{To: b.day.String()}, Nights: []Night{}, Actions: []Sheet{},
		Summary: Summary{Lines: []verdict.Text{}, States: map[State]int{}, Agencies: []Standing{}, Acts: []Act{}},
	}
	for i := range r.Agencies {
		b.judgeAgency(&r.Agencies[i], plan)
	}
	r.Blockers, r.Gaps = b.causes()
	r.Together, r.Owners = b.joint(r.Blockers)
	r.Resources, r.Hosting = b.resources(), b.hosting()
	if len(prior) > 0 {
		r.Changes = b.changes(prior[0], run)
	}
	return r
}

// Values are the values of a plan's targets when a run was made, by the rules
// of this build, for later reports' forecasts.
func Values(run history.Run, inv inventory.Inventory, plan inventory.Plan) []Point {
	b := newBuilder(run, inv, run.Started)
	agencies := b.agencies()
	var list []Point
	for _, p := range plan.Programmes {
		for _, t := range p.Targets {
			if v, ok := b.measure(t, agencies).Percent(); ok {
				list = append(list, Point{run.Started, Clean(t.ID), v})
			}
		}
	}
	return list
}

func newBuilder(run history.Run, inv inventory.Inventory, at time.Time) *builder {
	local := at.In(Zone)
	b := &builder{
		tree: inv.At(local), at: local, day: inventory.DayOf(local), dir: newDirectory(inv), records: run.Records,
		judged: map[verdict.ServiceKey]int{}, prefixes: map[string]verdict.Outcome{},
	}
	maps.Copy(b.dir.agencies, newDirectory(b.tree).agencies) // the names of that day
	b.collect()
	return b
}

type builder struct {
	tree     inventory.Inventory
	at       time.Time
	day      inventory.Date
	dir      directory
	records  []verdict.Record
	judged   map[verdict.ServiceKey]int // index into records
	prefixes map[string]verdict.Outcome // agency and prefix: has a valid ROA

	rows    []Row
	source  []int            // rows' records, -1 if missing
	ofAg    map[string][]int // rows of each agency
	former  []string         // agencies of the run that the tree lacks, in the run's order
	ownROAs map[string]Share // per agency
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
	b.rows, b.ofAg = []Row{}, map[string][]int{}
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
		b.add(row, i)
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
		b.add(Row{Unlisted: true}, i)
	}
	b.ownROAs = map[string]Share{}
	for _, a := range b.tree.Agencies {
		var s Share
		for _, p := range a.Prefixes {
			s.add(b.prefixes[a.ID+" "+p.Prefix.String()])
		}
		b.ownROAs[a.ID] = s
	}
}

func (b *builder) add(row Row, record int) {
	if record >= 0 {
		row.Judged = Judge(b.records[record])
	}
	row.Name = b.name(row.Judged.Agency)
	b.ofAg[row.Judged.Agency] = append(b.ofAg[row.Judged.Agency], len(b.rows))
	b.rows = append(b.rows, row)
	b.source = append(b.source, record)
}

func (b *builder) name(id string) verdict.Text {
	if t, ok := b.dir.agencies[id]; ok {
		return t
	}
	if id == "" {
		return words["agency.none"]
	}
	return verdict.Text{EN: Clean(id), VI: Clean(id)}
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
	for _, a := range b.tree.Agencies {
		list = append(list, Agency{
			ID: a.ID, Name: b.name(a.ID), Kind: a.Kind, Parent: a.Parent, Tally: tally(b.of(a.ID)), Targets: []AgencyTarget{},
		})
	}
	for _, id := range b.former {
		list = append(list, Agency{ID: Clean(id), Name: b.name(id), Former: true, Tally: tally(b.of(id)), Targets: []AgencyTarget{}})
	}
	return list
}

func (b *builder) of(id string) []Row {
	var rows []Row
	for _, i := range b.ofAg[id] {
		rows = append(rows, b.rows[i])
	}
	return rows
}

func tally(rows []Row) Tally {
	t := Tally{DNSSEC: map[string]int{}, RPKI: map[string]int{}}
	for _, s := range dnssecOrder {
		t.DNSSEC[s] = 0
	}
	for _, s := range rpkiOrder {
		t.RPKI[s] = 0
	}
	for _, row := range rows {
		t.Listed++
		switch {
		case row.IsExempt:
			t.Exempt++
			continue
		case !row.Judged.Applicable:
			t.NotApplicable++
			continue
		}
		t.Counted++
		t.DNSSEC[row.Judged.DNSSEC]++
		t.RPKI[row.Judged.RPKI]++
		for l := 1; l <= TopLevel; l++ {
			t.Reached[l].add(row.Judged.Reached(l))
		}
		level, known := row.Judged.Level()
		if !known {
			t.Unknown++
			continue
		}
		t.Measured++
		t.AtLevel[level]++
		if row.Judged.Max > level {
			t.Open++
		}
	}
	for l := range t.Reached {
		t.Reached[l].Exempt, t.Reached[l].NotApplicable = t.Exempt, t.NotApplicable
	}
	return t
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
