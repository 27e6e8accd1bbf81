package rpki

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// Holding is an address block of somebody's own, and what is known of its use.
type Holding struct {
	Prefix    netip.Prefix
	Origins   []ASN         // that shall announce it; none: it is not announced
	Own       []ASN         // the holder's AS numbers
	Providers []ASN         // networks that are known to carry others' blocks
	Owner     verdict.Owner // the holder
}

// part says in which relation an origin stands to a holding.
type part uint8

const (
	own      part = iota // declared, or an AS of the holder
	provider             // a network that is known to carry others' blocks
	stranger             // nobody knows it
)

// expirySoon is when the end of a VRP is worth a note. Validators renew VRPs
// many hours ahead, for they end with the manifest and CRL above them.
const expirySoon = 2 * time.Hour

// Audit judges a block of one's own: every announcement of it and inside it,
// and every ROA that speaks of it (see the catalogue's rpki.own.* reasons). A
// result's Subject is the announcement or ROA that it speaks of. What nothing
// can be said about, for want of data, is unknown with its cause.
func (p Policy) Audit(s *Snapshot, r *Routes, h Holding, now time.Time) []verdict.Result {
	a := &audit{Policy: p.WithDefaults(), s: s, r: r, h: h, now: now}
	a.h.Prefix = canonical(h.Prefix)
	if why := a.noVRPs(s, now); why != "" {
		a.unknown(why)
		return a.out
	}
	if why := a.noRoutes(); why != "" {
		a.unknown(why)
		return a.out
	}
	above := slices.DeleteFunc(s.Covering(a.h.Prefix), func(v VRP) bool { return v.Prefix == a.h.Prefix })
	a.vrps, a.advisory = splitAdvisory(append(above, s.Within(a.h.Prefix)...))
	a.whole = r.Len() > 0 && !r.src.Partial
	a.announcements()
	a.declared()
	if len(a.h.Origins) == 0 && !slices.ContainsFunc(a.routes, func(r Route) bool { return r.Local || a.part(r.Origin) != stranger }) {
		a.idle()
	}
	for _, v := range a.vrps {
		a.roa(v)
	}
	if len(a.advisory) > 0 {
		a.add("rpki.note.as0-advisory", a.h.Prefix.String(), "vrps", list(a.advisory))
	}
	return a.out
}

// audit is one call of Audit.
type audit struct {
	Policy
	s   *Snapshot
	r   *Routes
	h   Holding
	now time.Time

	whole          bool // the table shows everything that is announced
	vrps, advisory []VRP
	routes         []Route // of the block and inside it, seen or, where the table is not whole, declared
	out            []verdict.Result
}

// noRoutes says why the table cannot tell what is announced of the block and
// inside it, "" if it can. Without a table, the declaration is what is judged.
func (a *audit) noRoutes() verdict.Reason {
	switch {
	case a.staleRoutes(a.r, a.now):
		return "rpki.unknown.routes-stale"
	case !a.r.whole(lastOf(a.h.Prefix)):
		return "rpki.unknown.routes-damaged"
	}
	return ""
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// announcements judges each route of the block and inside it.
func (a *audit) announcements() {
	for _, route := range a.r.Within(a.h.Prefix) {
		switch use := a.seenBy(a.r, route); {
		case use == Hidden:
			a.route("rpki.own.hidden", route)
			continue
		case use != Decides:
			continue
		case route.Local && len(a.h.Origins) > 0:
			// The router that wrote the dump is the announcer: the list says which AS that is.
			route.Origin, route.Local = From(a.h.Origins[0]), false
		case route.Local:
			a.add("rpki.unknown.origin", route.Prefix.String(), "table", a.r.src.Name, "prefix", route.Prefix.String())
			a.out[len(a.out)-1].Owner = verdict.Owner{Role: verdict.Operator}
			a.routes = append(a.routes, route)
			continue
		}
		a.routes = append(a.routes, route)
	}
	for _, route := range a.routes {
		if !route.Local {
			a.announcement(route)
		}
	}
}

// ownInvalid are the codes of an address for the same fault of a block of one's own.
var ownInvalid = map[verdict.Reason]verdict.Reason{
	"rpki.invalid.origin": "rpki.own.invalid-origin", "rpki.invalid.length": "rpki.own.invalid-length",
	"rpki.invalid.as0": "rpki.own.invalid-as0", "rpki.invalid.as-set": "rpki.own.invalid-as-set",
	"rpki.invalid.reserved": "rpki.own.invalid-origin",
}

func (a *audit) validate(route Route) Validity {
	v := a.s.Validate(route.Prefix, route.Origin)
	v.WrongOrigin, _ = splitAdvisory(v.WrongOrigin)
	return v
}

func (a *audit) announcement(route Route) {
	v := a.validate(route)
	who := a.part(route.Origin)
	switch {
	case v.hangsOnExpired(a.now):
		a.unknown("rpki.unknown.vrps-expired")
		return
	case a.s.doubts(v):
		a.unknown("rpki.unknown.vrps-shrunk")
		return
	case who == stranger:
		a.route(map[State]verdict.Reason{Valid: "rpki.own.foreign-valid", Invalid: "rpki.own.foreign-invalid",
			NotFound: "rpki.own.foreign-not-found"}[v.State()], route, "origins", a.expected())
	case v.State() == Valid:
		a.route("rpki.own.valid", route)
	case v.State() == NotFound:
		a.route("rpki.own.not-found", route)
	default:
		a.route(ownInvalid[invalidCode(v)], route)
	}
	switch {
	case !route.Origin.Known:
		if v.State() != Invalid {
			a.route("rpki.own.as-set", route)
		}
	case route.Origin.ASN.Reserved() != "":
		a.route("rpki.own.reserved-origin", route)
	case who == provider || len(a.h.Own) > 0 && who == own && !slices.Contains(a.h.Own, route.Origin.ASN):
		a.route("rpki.own.isp-origin", route)
		if invalidCode(v) == "rpki.invalid.origin" && v.State() == Invalid && a.aggregates(v, route) {
			a.route("rpki.own.roa-breaks", route)
		}
	}
	a.expiring(v)
	if who != stranger {
		a.ways(route)
	}
}

// aggregates reports whether it is a ROA of the holder's for a larger block
// that makes the route invalid.
func (a *audit) aggregates(v Validity, route Route) bool {
	return slices.ContainsFunc(v.WrongOrigin, func(w VRP) bool {
		return slices.Contains(a.h.Own, w.ASN) && w.Prefix.Bits() < route.Prefix.Bits()
	})
}

// expiring notes a valid route whose last matching VRP ends soon.
func (a *audit) expiring(v Validity) {
	var last time.Time
	for _, m := range v.Matched {
		if m.Expires.IsZero() {
			return
		}
		if m.Expires.After(last) {
			last = m.Expires
		}
	}
	if len(v.Matched) > 0 && last.Sub(a.now) < expirySoon {
		a.add("rpki.own.expiring", v.Prefix.String(), "vrps", list(v.Matched), "until", last.UTC().Format(time.RFC3339))
	}
}

// declared compares what shall be announced with what is.
func (a *audit) declared() {
	for _, o := range a.h.Origins {
		route := Route{Prefix: a.h.Prefix, Origin: From(o)}
		if slices.ContainsFunc(a.routes, func(r Route) bool { return r.Prefix == route.Prefix && r.Origin == route.Origin }) {
			continue
		}
		if !a.whole { // the declaration is all there is
			a.routes = append(a.routes, route)
			a.announcement(route)
			continue
		}
		if v := a.validate(route); v.State() == Invalid {
			a.route("rpki.own.unseen-invalid", route)
			continue
		}
		a.route("rpki.own.unseen", route)
	}
}

// idle judges a block that nobody announces.
func (a *audit) idle() {
	block := a.h.Prefix.String()
	var real, zero, over []VRP
	for _, v := range a.vrps {
		switch {
		case v.MaxLen < a.h.Prefix.Bits():
			over = append(over, v) // for a larger block: it allows nothing here
		case v.ASN == 0:
			zero = append(zero, v)
		default:
			real = append(real, v)
		}
	}
	switch {
	case len(real) > 0:
		a.add("rpki.own.idle-roa", block, "vrps", list(real))
	case len(zero) > 0:
		a.add("rpki.own.idle-as0", block, "vrps", list(zero))
	case len(over) > 0: // the block lies in somebody's larger one
	default:
		a.add("rpki.own.idle", block, "max", strconv.Itoa(a.h.Prefix.Addr().BitLen()))
	}
	if a.h.Prefix.Addr().Is6() {
		a.add("rpki.own.idle-v6", block)
	}
	for _, r := range a.r.CoveringPrefix(a.h.Prefix) {
		if r.Prefix != a.h.Prefix && a.seenBy(a.r, r) == Decides && !r.Local {
			a.route("rpki.own.inside", r)
			a.out[len(a.out)-1].Subject = block
			return
		}
	}
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// roa judges a ROA for the block or for a part of it. One for a larger block is
// its holder's.
func (a *audit) roa(v VRP) {
	if v.ASN == 0 || !contains(a.h.Prefix, v.Prefix) {
		return
	}
	used := false
	for _, r := range a.routes {
		used = used || r.Origin == From(v.ASN) && contains(v.Prefix, r.Prefix) && r.Prefix.Bits() <= v.MaxLen
	}
	switch who := a.part(From(v.ASN)); {
	case v.ASN.Reserved() != "":
		a.vrp("rpki.own.roa-reserved", v)
	case used:
	case who == stranger:
		a.vrp("rpki.own.roa-foreign", v, "origins", a.expected())
	case a.whole && (len(a.routes) > 0 || len(a.h.Origins) > 0): // of an idle block it has been said
		a.vrp("rpki.own.roa-unseen", v)
	}
	a.loose(v)
}

// loose judges a maxLength that leaves room for prefixes that are not announced.
func (a *audit) loose(v VRP) {
	spare := v.MaxLen - v.Prefix.Bits()
	if spare == 0 {
		return
	}
	var lengths []int
	announced := 0
	for _, r := range a.routes {
		if r.Origin == From(v.ASN) && contains(v.Prefix, r.Prefix) && r.Prefix.Bits() <= v.MaxLen {
			announced++
			lengths = append(lengths, r.Prefix.Bits())
		}
	}
	open := "2^" + strconv.Itoa(spare+1)
	if spare < 20 {
		n := 1<<(spare+1) - 1 - announced
		if n <= 0 {
			return
		}
		open = strconv.Itoa(n)
	}
	shown := "–"
	if len(lengths) > 0 {
		slices.Sort(lengths)
		var names []string
		for _, l := range slices.Compact(lengths) {
			names = append(names, "/"+strconv.Itoa(l))
		}
		shown = strings.Join(names, ", ")
	}
	code := verdict.Reason("rpki.own.maxlength")
	if _, longest := globalLengths(v.Prefix.Addr()); v.MaxLen > longest {
		code = "rpki.own.maxlength-wide"
	}
	a.vrp(code, v, "count", open, "announced", shown)
}

// part tells whose AS it is.
func (a *audit) part(o Origin) part {
	switch {
	case !o.Known:
		return own // nobody's in particular: judged as it stands
	case slices.Contains(a.h.Origins, o.ASN), slices.Contains(a.h.Own, o.ASN):
		return own
	case slices.Contains(a.h.Providers, o.ASN):
		return provider
	case len(a.h.Origins)+len(a.h.Own) == 0:
		return own // nothing is known that it could contradict
	}
	return stranger
}

// expected names the ASes that are known to be right.
func (a *audit) expected() string {
	var names []string
	for _, o := range slices.Concat(a.h.Origins, a.h.Own) {
		if s := o.String(); !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return orNone(strings.Join(names, ", "))
}

// add appends a result with arguments in pairs.
func (a *audit) add(code verdict.Reason, subject string, pairs ...string) {
	args := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i]] = pairs[i+1]
	}
	a.out = append(a.out, verdict.Result{Check: verdict.RPKI, Reason: code, Subject: subject, Args: args,
		Owner: a.h.Owner, Evidence: a.evidence(subject), At: a.now})
}

// route adds a result on an announcement.
func (a *audit) route(code verdict.Reason, r Route, more ...string) {
	v := a.validate(r)
	said := v.covering()
	switch {
	case v.State() == Valid:
		said = v.Matched
	case v.Reason() == "length":
		said = v.TooSpecific
		more = append(more, "max", strconv.Itoa(said[0].MaxLen))
	}
	peers := "–"
	if r.Peers > 0 {
		peers = strconv.Itoa(r.Peers)
	}
	a.add(code, r.Prefix.String(), append(more, "prefix", r.Prefix.String(), "origin", r.Origin.String(), "length", strconv.Itoa(r.Prefix.Bits()),
		"peers", peers, "vrps", orNone(list(said)), "block", a.h.Prefix.String(), "table", orNone(a.r.Source().Name))...)
}

// vrp adds a result on a ROA.
func (a *audit) vrp(code verdict.Reason, v VRP, more ...string) {
	a.add(code, v.Prefix.String(), append(more, "vrps", v.String(), "origin", v.ASN.String(), "prefix", v.Prefix.String(),
		"max", strconv.Itoa(v.MaxLen), "length", strconv.Itoa(v.Prefix.Bits()), "table", orNone(a.r.Source().Name))...)
}

// unknown says that nothing can be told, and why.
func (a *audit) unknown(why verdict.Reason) {
	args := []string{"source", a.s.Source().Name, "table", a.r.Source().Name, "prefix", a.h.Prefix.String()}
	switch {
	case why == "rpki.unknown.routes-stale":
		args = append(args, "age", age(a.now, a.r.Source().At))
	case !a.s.Source().At.IsZero():
		args = append(args, "age", age(a.now, a.s.Source().At))
	}
	a.add(why, a.h.Prefix.String(), args...)
	a.out[len(a.out)-1].Owner = verdict.Owner{Role: verdict.Operator}
}

// evidence: what the table and the VRPs say of the block.
func (a *audit) evidence(subject string) []verdict.Evidence {
	var out []verdict.Evidence
	prefix, err := netip.ParsePrefix(subject)
	if err != nil {
		return nil
	}
	if t := a.r.Source(); t.Name != "" {
		var names []string
		for _, r := range a.r.Within(prefix) {
			if len(names) == maxShown {
				names = append(names, "…")
				break
			}
			text := r.name()
			if r.Peers > 0 {
				text += " (" + strconv.Itoa(r.Peers) + " peers)"
			}
			names = append(names, text)
		}
		out = append(out, verdict.Evidence{At: t.At, Asked: t.Name, Over: t.Over, Query: subject, Answer: orNone(strings.Join(names, ", "))})
	}
	if from := a.s.Source(); from.Name != "" {
		vrps := append(a.s.Covering(prefix), a.s.Within(prefix)...) // list names each once
		out = append(out, verdict.Evidence{At: from.At, Asked: from.Name, Over: from.Over, Query: subject, Answer: orNone(list(vrps))})
	}
	return out
}
