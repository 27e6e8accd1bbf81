package reports

import "fmt"

// maxPagePrefixes is how many routes of one network the page shows.
const maxPagePrefixes = 20

type resourceView struct {
	Resource, Agency   string
	State, Sign, Class string
	Announced          []string
	First              *pressingView // the most pressing finding
	Findings           []findingView
}

type pressingView struct{ Severity, Title string }

type hostingView struct {
	Name     string
	Services int
	Counts   []int
	Heads    []string // of Counts
	Prefixes []string
	More     int
	Findings []findingView
	Agencies []string
}

// stateClass is the colour of a route-origin state.
var stateClass = map[string]string{"valid": "pass", "invalid": "fail", "not-found": "warn", "unrouted": "not-applicable", "unknown": "unknown"}

func (p pager) resources() []resourceView {
	var out []resourceView
	for _, r := range p.r.Resources {
		v := resourceView{Resource: r.Resource, Agency: r.Name.In(p.l), Announced: r.Announced, Findings: p.presses(r.Findings)}
		if r.State != "" {
			v.State, v.Sign, v.Class = p.say("rpki."+r.State), Screen{}.stateSign(r.State), stateClass[r.State]
		}
		if len(r.Findings) > 0 {
			f := r.Findings[0]
			v.First = &pressingView{p.say("severity." + f.Severity.String()), f.Title.In(p.l)}
		}
		out = append(out, v)
	}
	return out
}

func (p pager) presses(list []ResourceFinding) []findingView {
	var out []findingView
	for _, f := range list {
		v := p.finding(f.Finding)
		v.Outcome = p.say("severity." + f.Severity.String())
		out = append(out, v)
	}
	return out
}

func (p pager) hostStates() []string {
	var out []string
	for _, s := range rpkiOrder {
		out = append(out, p.say("rpki."+s))
	}
	return out
}

func (p pager) hosting() []hostingView {
	var out []hostingView
	for _, h := range p.r.Hosting {
		v := hostingView{Name: hostName(p.l, h), Services: h.Services, Heads: p.hostStates(), Findings: p.presses(h.Findings), More: max(0, len(h.Prefixes)-maxPagePrefixes)}
		for _, s := range rpkiOrder {
			v.Counts = append(v.Counts, h.States[s])
		}
		for _, x := range h.Prefixes[:min(len(h.Prefixes), maxPagePrefixes)] {
			v.Prefixes = append(v.Prefixes, fmt.Sprintf("%s · %s (%d)", x.Prefix, p.say("rpki."+x.State), x.Services))
		}
		for _, a := range h.Agencies {
			v.Agencies = append(v.Agencies, fmt.Sprintf("%s: %d", a.Name.In(p.l), a.Services))
		}
		out = append(out, v)
	}
	return out
}
