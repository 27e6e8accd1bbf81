package rpki

import (
	"slices"
	"strconv"
	"strings"
)

// vnix are the AS numbers of the national Internet exchange: Hà Nội, TP.HCM and
// Đà Nẵng (APNIC's registry, 2026).
var vnix = []ASN{23899, 23962, 38739}

// ways tells through which networks an announcement is seen, and whether the
// national exchange is among them. That it is not proves nothing: the route
// servers of an exchange commonly leave their own number out of the path (RFC
// 7947 section 2.2.2.1), and collectors abroad see few of the paths at home.
func (a *audit) ways(route Route) {
	entries, hops := a.r.Paths(route.Prefix, route.Origin)
	if entries == 0 {
		return
	}
	var upstreams, exchange []string
	across := 0
	slices.SortStableFunc(hops, func(a, b Hop) int { return b.Upstream - a.Upstream })
	for _, h := range hops {
		if h.Upstream > 0 && len(upstreams) <= maxShown {
			upstreams = append(upstreams, h.ASN.String()+" ("+strconv.Itoa(h.Upstream)+")")
		}
		if slices.Contains(vnix, h.ASN) {
			exchange, across = append(exchange, h.ASN.String()), max(across, h.Peers)
		}
	}
	args := []string{"origin", route.Origin.String(), "paths", strconv.Itoa(entries), "upstreams", orNone(shorten(upstreams)), "table", a.r.Source().Name}
	if len(exchange) > 0 {
		a.add("rpki.own.vnix", route.Prefix.String(), append(args, "exchange", strings.Join(exchange, ", "), "across", strconv.Itoa(across))...)
		return
	}
	a.add("rpki.own.paths", route.Prefix.String(), args...)
}
