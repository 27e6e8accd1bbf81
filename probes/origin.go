package probes

import (
	"context"
	"net/netip"
	"slices"

	"ready6/probes/verdict"
)

// rpkiResults judges the route to every address of the service, both families.
func rpkiResults(_ context.Context, e *Env, s *subject) []verdict.Result {
	var out []verdict.Result
	seen := map[netip.Addr]bool{}
	for _, h := range s.hosts {
		for _, a := range slices.Concat(h.v6.usable, h.v4.usable) {
			if !seen[a] {
				seen[a] = true
				out = append(out, e.originResults(a)...)
			}
		}
	}
	return out
}

// originResults judges the route to one address. In a block of an agency's own
// the ROA is that agency's to make; elsewhere it is the origin's.
func (e *Env) originResults(a netip.Addr) []verdict.Result {
	out := e.Policy.Judge(e.VRPs, e.Routes, a, e.Now()).Results()
	holder, own := e.holder(a)
	for i := range out {
		if own && out[i].Owner.Role != verdict.Operator {
			out[i].Owner = verdict.Owner{Role: verdict.Agency, Name: holder}
		}
	}
	return out
}

// holder is the agency in whose own block an address lies.
func (e *Env) holder(a netip.Addr) (agency string, own bool) {
	best := -1
	for _, ag := range e.Inventory.Agencies {
		for _, p := range ag.Prefixes {
			if p.Prefix.Contains(a) && p.Prefix.Bits() > best {
				agency, own, best = ag.ID, true, p.Prefix.Bits()
			}
		}
	}
	return agency, own
}
