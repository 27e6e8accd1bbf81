package rpki

import (
	"net/netip"
	"slices"
	"time"
)

// Request is a ROA that a holder should ask for: one for an announced prefix
// that has none, or none that fits.
type Request struct {
	Prefix   netip.Prefix
	Origin   Origin // unknown: nobody announces it, and nobody is listed; to be filled in
	MaxLen   int    // the prefix's own length: just what is announced (RFC 9319)
	State    State  // NotFound or Invalid; Unknown where there was nothing to judge
	VRPs     []VRP  // that make it invalid
	Foreign  bool   // the origin is not an AS of the holder's: whoever it is has to be agreed with
	Declared bool   // not seen announced in a table that shows everything: listed only
}

// Requests drafts the ROAs that a block needs: one for each visible or declared
// announcement of it and inside it that is invalid or not found, none for a
// stranger's, none for an origin that no ROA can name. A block that nobody
// announces needs no ROA to work and gets none.
func (p Policy) Requests(s *Snapshot, r *Routes, h Holding, now time.Time) []Request {
	a := &audit{Policy: p.WithDefaults(), s: s, r: r, h: h, now: now}
	a.h.Prefix = canonical(h.Prefix)
	a.whole = r.Len() > 0 && !r.src.Partial && !a.staleRoutes(r, now)
	a.announcements()
	seen := len(a.routes)
	for _, o := range a.h.Origins {
		route := Route{Prefix: a.h.Prefix, Origin: From(o)}
		if !slices.ContainsFunc(a.routes, func(r Route) bool { return r.Prefix == route.Prefix && r.Origin == route.Origin }) {
			a.routes = append(a.routes, route)
		}
	}
	var out []Request
	for i, route := range a.routes {
		v := a.validate(route)
		if route.Local || !route.Origin.Known || route.Origin.ASN.Reserved() != "" || a.part(route.Origin) == stranger || v.State() == Valid {
			continue
		}
		out = append(out, Request{
			Prefix: route.Prefix, Origin: route.Origin, MaxLen: route.Prefix.Bits(), State: v.State(), VRPs: v.covering(),
			Foreign: !slices.Contains(a.h.Own, route.Origin.ASN), Declared: a.whole && i >= seen,
		})
	}
	return out
}
