package probes

import (
	"context"
	"net/netip"
	"slices"
	"strconv"

	"ready6/inventory"
	"ready6/probes/rpki"
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
	out := rpki.Judge(e.VRPs, e.Routes, a, e.Now()).Results()
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

// Prefixes judges every announcement the inventory declares of an agency's own
// blocks: one record of kind "prefix" for each block.
func (e *Env) Prefixes() []verdict.Record {
	if !e.wants(verdict.RPKI) {
		return nil
	}
	var out []verdict.Record
	for _, ag := range e.Inventory.Agencies {
		for _, p := range ag.Prefixes {
			out = append(out, verdict.Record{Agency: ag.ID, Host: p.Prefix.String(), Kind: "prefix", At: e.Now(), Results: e.prefixResults(ag, p)})
		}
	}
	return out
}

// prefixResults compares one block's own announcements with the VRPs.
func (e *Env) prefixResults(ag inventory.Agency, p inventory.Resource) []verdict.Result {
	var own []rpki.Announcement
	for _, o := range p.Origins {
		own = append(own, rpki.Announcement{Prefix: p.Prefix, Origin: rpki.From(rpki.ASN(o))})
	}
	// A table of just these announcements: the block's state does not hang on
	// what somebody else announces inside it.
	table, err := rpki.NewRoutes(own, rpki.Source{Name: "inventory", Over: "inventory", At: e.Now()})
	if err != nil {
		return []verdict.Result{{Check: verdict.RPKI, Reason: "rpki.unknown.no-routes", Subject: p.Prefix.String(),
			Args: map[string]string{"detail": err.Error()}, At: e.Now()}}
	}
	if len(p.Origins) == 0 {
		return nil
	}
	out := rpki.Judge(e.VRPs, table, p.Prefix.Addr(), e.Now()).Results()
	for i := range out {
		out[i].Subject = p.Prefix.String()
		if out[i].Owner.Role != verdict.Operator {
			out[i].Owner = verdict.Owner{Role: verdict.Agency, Name: ag.ID}
		}
		if out[i].Args["origin"] == "" {
			out[i].Args["origin"] = "AS" + strconv.FormatUint(uint64(p.Origins[0]), 10)
		}
	}
	return out
}
