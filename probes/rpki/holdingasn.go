package rpki

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// AuditASN judges an AS number of one's own by what the table says it
// announces: held are the blocks of its holder.
func (p Policy) AuditASN(r *Routes, asn ASN, held []netip.Prefix, owner verdict.Owner, now time.Time) []verdict.Result {
	p = p.WithDefaults()
	from := r.Source()
	res := verdict.Result{Check: verdict.RPKI, Subject: asn.String(), Owner: owner, At: now, Args: map[string]string{"table": orNone(from.Name)}}
	say := func(code verdict.Reason) []verdict.Result {
		res.Reason = code
		return []verdict.Result{res}
	}
	if kind := asn.Reserved(); kind != "" {
		res.Args["kind"] = kind
		return say("rpki.asn.reserved")
	}
	if r.Len() == 0 || from.Partial || p.staleRoutes(r, now) {
		res.Owner = verdict.Owner{Role: verdict.Operator}
		return say("rpki.unknown.asn")
	}
	var seen, others []string
	for _, route := range r.From(asn) {
		if p.seenBy(r, route) != Decides {
			continue
		}
		seen = append(seen, route.Prefix.String())
		if !slices.ContainsFunc(held, func(h netip.Prefix) bool { return contains(h, route.Prefix) || contains(route.Prefix, h) }) {
			others = append(others, route.Prefix.String())
		}
	}
	res.Evidence = []verdict.Evidence{{At: from.At, Asked: from.Name, Over: from.Over, Query: asn.String(), Answer: orNone(shorten(seen))}}
	res.Args["count"] = strconv.Itoa(len(seen))
	switch {
	case len(seen) == 0:
		return say("rpki.asn.silent")
	case len(others) > 0:
		res.Args["prefixes"] = shorten(others)
		return say("rpki.asn.unlisted")
	}
	res.Args["prefixes"] = shorten(seen)
	return say("rpki.asn.ok")
}

// shorten joins names, "…" standing for more than maxShown.
func shorten(names []string) string {
	if len(names) > maxShown {
		names = append(slices.Clone(names[:maxShown]), "…")
	}
	return strings.Join(names, ", ")
}
