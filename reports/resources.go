package reports

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// Resource is an address block or AS number of an agency's own, judged.
type Resource struct {
	Agency    string            `json:"agency"`
	Name      verdict.Text      `json:"agency_name"`
	Kind      string            `json:"kind"`     // prefix, asn
	Resource  string            `json:"resource"` // "2001:db8::/48", "AS64500"
	State     string            `json:"state"`    // of a block: valid, invalid, not-found, unrouted, unknown; empty for an AS number
	Announced []string          `json:"announced"`
	Findings  []ResourceFinding `json:"findings"` // the most pressing first
	// Missing marks a block of the list without a record in the run.
	Missing bool `json:"missing,omitempty"`
}

// ResourceFinding is a finding with its haste.
type ResourceFinding struct {
	Finding
	Severity verdict.Severity `json:"severity"`
}

func pressing(r verdict.Result) ResourceFinding {
	return ResourceFinding{newFinding(r, bounds{}, false), r.Reason.Severity()}
}

// Worst is the severity of the most pressing finding.
func (r Resource) Worst() verdict.Severity {
	if len(r.Findings) == 0 {
		return verdict.NoSeverity
	}
	return r.Findings[0].Severity
}

// resources lists the own blocks and AS numbers of the agencies of the day, in
// the inventory's order, then those that only the run has.
func (b *builder) resources() []Resource {
	index := map[verdict.ServiceKey]int{}
	for i, rec := range b.records {
		if resource(rec.Kind) {
			index[rec.Key()] = i
		}
	}
	list := []Resource{}
	add := func(agency, kind, name string) {
		r := Resource{Agency: Clean(agency), Name: b.name(agency), Kind: kind, Resource: Clean(name), Announced: []string{}, Findings: []ResourceFinding{}}
		if kind == verdict.PrefixKind {
			r.State = "unknown"
		}
		key := verdict.ServiceKey{Agency: agency, Kind: kind, Host: name}
		i, found := index[key]
		if found {
			r.judge(b.records[i].Results)
			delete(index, key)
		}
		r.Missing = !found
		list = append(list, r)
	}
	for _, a := range b.tree.Agencies {
		for _, p := range a.Prefixes {
			add(a.ID, verdict.PrefixKind, p.Prefix.String())
		}
		for _, n := range a.ASNs {
			add(a.ID, verdict.ASNKind, "AS"+strconv.FormatUint(uint64(n), 10))
		}
	}
	for _, rec := range b.records {
		if _, left := index[rec.Key()]; left && resource(rec.Kind) {
			add(rec.Agency, rec.Kind, rec.Host)
		}
	}
	return list
}

// judge fills in what the run found out.
func (r *Resource) judge(results []verdict.Result) {
	if r.Kind == verdict.PrefixKind {
		r.State = worstState(results, verdict.RPKI, false)
	}
	for _, x := range results {
		if x.Args["origin"] != "" && x.Args["prefix"] != "" && x.Args["peers"] != "" && x.State() != "unrouted" && x.Reason != "rpki.own.inside" {
			r.Announced = append(r.Announced, Clean(route(x.Args["prefix"], x.Args["origin"])))
		}
		if x.Reason.Severity() != verdict.NoSeverity || x.Outcome() == verdict.Unknown {
			r.Findings = append(r.Findings, pressing(x))
		}
	}
	slices.Sort(r.Announced)
	r.Announced = slices.Compact(r.Announced)
	slices.SortStableFunc(r.Findings, bySeverity)
}

func bySeverity(a, b ResourceFinding) int { return cmp.Compare(b.Severity, a.Severity) }

// Hosting is a network that announces addresses of services: an AS number with
// everything that stands behind it.
type Hosting struct {
	AS        string            `json:"as"`        // "AS64500"; "none": ends in an AS_SET; empty: no route, or not known
	Name      verdict.Text      `json:"name"`      // of the operator, from the inventory; the number where it has none
	Own       bool              `json:"own"`       // the addresses are in a block of an agency's own
	Services  int               `json:"services"`  // with an address there
	Addresses int               `json:"addresses"` //
	States    map[string]int    `json:"states"`    // services by the worst state of their routes there
	Prefixes  []HostedPrefix    `json:"prefixes"`  //
	Agencies  []HostedAgency    `json:"agencies"`  //
	Findings  []ResourceFinding `json:"findings"`  // of a network of others; what is one's own stands under resources
}

// HostedPrefix is one route with what stands behind it.
type HostedPrefix struct {
	Prefix   string `json:"prefix"`
	State    string `json:"state"`
	Services int    `json:"services"`
}

// HostedAgency is one agency's part.
type HostedAgency struct {
	Agency   string         `json:"agency"`
	Name     verdict.Text   `json:"agency_name"`
	Services int            `json:"services"`
	States   map[string]int `json:"states"`
}

type hostKey struct {
	as  string
	own bool
}

// hosted collects one network's share.
type hosted struct {
	services  map[int]string                // row: worst state there
	addresses map[string]bool               //
	prefixes  map[string]map[int]string     // prefix: row: state
	evidence  map[string][]verdict.Evidence // of the first route in each state
}

// hosting sums up by origin AS where the counted services stand. A service with
// addresses at several networks counts at each.
func (b *builder) hosting() []Hosting {
	found := map[hostKey]*hosted{}
	for i, row := range b.rows {
		if row.IsExempt || !row.Judged.Applicable || b.source[i] < 0 {
			continue
		}
		for _, r := range b.records[b.source[i]].Results {
			if r.Check == verdict.RPKI && len(r.Via) == 0 && strings.HasPrefix(string(r.Reason), "rpki.") && !strings.HasPrefix(string(r.Reason), "rpki.note.") {
				k := hostKey{as: r.Args["origin"], own: r.Owner.Role == verdict.Agency}
				if found[k] == nil {
					found[k] = &hosted{map[int]string{}, map[string]bool{}, map[string]map[int]string{}, map[string][]verdict.Evidence{}}
				}
				found[k].add(i, r)
			}
		}
	}
	list := []Hosting{}
	for k, h := range found {
		list = append(list, b.hostingOf(k, h))
	}
	slices.SortFunc(list, func(x, y Hosting) int {
		return cmp.Or(cmp.Compare(y.Services, x.Services), cmp.Compare(x.AS, y.AS), cmp.Compare(len(x.Findings), len(y.Findings)))
	})
	return list
}

func worse(a, b string) string {
	if slices.Index(rpkiOrder, a) > slices.Index(rpkiOrder, b) {
		return a
	}
	return b
}

func (h *hosted) add(row int, r verdict.Result) {
	state := r.State()
	h.services[row] = worse(h.services[row], state)
	h.addresses[r.Subject] = true
	if p := r.Args["prefix"]; p != "" {
		if h.prefixes[p] == nil {
			h.prefixes[p] = map[int]string{}
		}
		h.prefixes[p][row] = worse(h.prefixes[p][row], state)
	}
	if h.evidence[state] == nil {
		h.evidence[state] = r.Evidence
	}
}

func (b *builder) hostingOf(k hostKey, h *hosted) Hosting {
	out := Hosting{
		AS: Clean(k.as), Name: b.dir.network(k.as), Own: k.own, Services: len(h.services), Addresses: len(h.addresses), States: map[string]int{},
		Prefixes: []HostedPrefix{}, Agencies: []HostedAgency{}, Findings: []ResourceFinding{},
	}
	agencies := map[string]*HostedAgency{}
	for row, state := range h.services {
		out.States[state]++
		id := b.rows[row].Judged.Agency
		if agencies[id] == nil {
			agencies[id] = &HostedAgency{Agency: Clean(id), Name: b.rows[row].Name, States: map[string]int{}}
		}
		agencies[id].Services++
		agencies[id].States[state]++
	}
	for _, a := range agencies {
		out.Agencies = append(out.Agencies, *a)
	}
	slices.SortFunc(out.Agencies, func(x, y HostedAgency) int {
		return cmp.Or(cmp.Compare(y.Services, x.Services), cmp.Compare(x.Agency, y.Agency))
	})
	for p, rows := range h.prefixes {
		hp := HostedPrefix{Prefix: Clean(p), Services: len(rows)}
		for _, state := range rows {
			hp.State = worse(hp.State, state)
		}
		out.Prefixes = append(out.Prefixes, hp)
	}
	slices.SortFunc(out.Prefixes, func(x, y HostedPrefix) int {
		return cmp.Or(cmp.Compare(y.Services, x.Services), cmp.Compare(x.Prefix, y.Prefix))
	})
	if k.as == "" || k.own {
		return out
	}
	for _, state := range []string{"invalid", "not-found"} {
		if f, ok := hostFinding(out, h, state); ok {
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

// hostFinding makes one finding of all services in a state at a network of
// others: one letter to write.
func hostFinding(out Hosting, h *hosted, state string) (ResourceFinding, bool) {
	var prefixes []string
	for _, p := range out.Prefixes {
		if p.State == state {
			prefixes = append(prefixes, p.Prefix)
		}
	}
	n := 0
	for row := range h.services {
		for _, p := range prefixes {
			if h.prefixes[p][row] != "" {
				n++
				break
			}
		}
	}
	if n == 0 {
		return ResourceFinding{}, false
	}
	if len(prefixes) > maxNamed {
		prefixes = append(slices.Clone(prefixes[:maxNamed]), "…")
	}
	res := verdict.Result{
		Check: verdict.RPKI, Reason: verdict.Reason("rpki.hosting." + state), Subject: out.AS, Evidence: h.evidence[state],
		Owner: verdict.Owner{Role: verdict.Hosting, Name: out.AS},
		Args:  map[string]string{"provider": out.Name.EN, "origin": out.AS, "count": strconv.Itoa(n), "prefixes": strings.Join(prefixes, ", ")},
	}
	f := pressing(res)
	res.Args["provider"] = out.Name.VI
	vi := pressing(res)
	f.Title.VI, f.Advice.VI = vi.Title.VI, vi.Advice.VI
	return f, true
}

// network names an AS, "Example Hosting (AS64501)".
func (d directory) network(as string) verdict.Text {
	switch as {
	case "":
		return words["hosting.none"]
	case "none":
		return words["hosting.asset"]
	}
	name := Clean(as)
	n, err := strconv.ParseUint(strings.TrimPrefix(as, "AS"), 10, 32)
	t, ok := d.providers[uint32(n)]
	if err != nil || !ok {
		return verdict.Text{EN: name, VI: name}
	}
	return verdict.Text{EN: t.In(verdict.EN) + " (" + name + ")", VI: t.In(verdict.VI) + " (" + name + ")"}
}
