package reports

import (
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// maxPageChains bounds the pictures of a page, and maxChainHosts the services
// named below each.
const (
	maxPageChains = 40
	maxChainHosts = 60
)

// chainsOf takes the chains of trust out of a result's evidence.
func chainsOf(r verdict.Result) []ChainView {
	var out []ChainView
	for _, e := range r.Evidence {
		if r.Check != verdict.DNSSEC || len(r.Via) > 0 || e.Chain == nil {
			continue
		}
		v := ChainView{Chain: *e.Chain}
		if r.Outcome() != verdict.Pass {
			v.Why = []verdict.Result{r}
		}
		out = append(out, v)
	}
	return out
}

// pageChain is one picture of the page with the services that share it.
type pageChain struct {
	Sign, Class, Title string
	Open               bool
	Picture            template.HTML
	N, More            int
	Hosts              []string
}

// chains draws each distinct chain once: what breaks first, secure ones last.
// Chains are alike when their zones are, and what stops them.
func (p pager) chains() (out []pageChain, more int) {
	type shared struct {
		view  ChainView
		hosts []string
	}
	index := map[string]*shared{}
	var list []*shared
	for _, row := range p.r.Services {
		for _, v := range row.Judged.Chains {
			key := chainKey(v.Chain)
			if index[key] == nil {
				index[key] = &shared{view: v}
				list = append(list, index[key])
			}
			host := row.Judged.Host + " (" + serviceName(row.Judged.Kind, row.Judged.Port) + ")"
			if s := index[key]; !slices.Contains(s.hosts, host) {
				s.hosts = append(s.hosts, host)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *shared) int {
		return slices.Index(dnssecOrder, b.view.Chain.State) - slices.Index(dnssecOrder, a.view.Chain.State)
	})
	for i, s := range list {
		if i == maxPageChains {
			return out, len(list) - i
		}
		out = append(out, p.chain(s.view, s.hosts))
	}
	return out, 0
}

// chainClass are the page's classes for states.
var chainClass = map[string]string{"secure": "pass", "bogus": "fail", "insecure": "warn"}

func (p pager) chain(v ChainView, hosts []string) pageChain {
	var b strings.Builder
	_ = WriteChainSVG(&b, v, p.l) // a strings.Builder does not fail
	c := pageChain{Sign: chainMark(v.Chain.State), Class: chainClass[v.Chain.State], Open: v.Chain.State == "bogus",
		// The drawing escapes every text of its own.
		Picture: template.HTML(b.String()), N: len(hosts), Hosts: hosts}
	if c.Class == "" {
		c.Class = "unknown"
	}
	if n := len(hosts) - maxChainHosts; n > 0 {
		c.Hosts, c.More = hosts[:maxChainHosts], n
	}
	var zones []string
	for _, z := range v.Chain.Zones {
		zones = append(zones, Clean(z.Zone))
	}
	c.Title = strings.Join(zones, " → ") + ": " + stateWord(p.l, verdict.DNSSEC, v.Chain.State)
	return c
}

// chainKey tells chains apart: by their zones, and by the steps that do not hold.
func chainKey(c verdict.Chain) string {
	var steps []verdict.ChainHop
	for _, h := range c.Hops {
		if h.Reason != "" {
			steps = append(steps, h)
		}
	}
	key, err := json.Marshal(struct {
		State string
		Zones []verdict.ChainZone
		Steps []verdict.ChainHop
	}{c.State, c.Zones, steps})
	if err != nil {
		return c.Name
	}
	return string(key)
}
