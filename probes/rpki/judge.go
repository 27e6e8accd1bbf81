package rpki

import (
	"net/netip"
	"slices"
	"time"

	"ready6/probes/verdict"
)

// Policy holds the thresholds of Judge. A zero field means its default.
type Policy struct {
	MinPeers    int           // a route seen by so many peers is globally visible; default 10
	MinShare    int           // or by so many percent of the peers of the most seen route; default 2
	VRPsOld     time.Duration // VRP data of this age is noted; default 2 h
	VRPsStale   time.Duration // VRP data of this age backs no verdict; default 24 h
	RoutesStale time.Duration // a route table of this age backs no verdict; default 7 days
}

// WithDefaults fills in what is not set.
func (p Policy) WithDefaults() Policy {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&p.VRPsOld, 2*time.Hour)
	def(&p.VRPsStale, 24*time.Hour)
	def(&p.RoutesStale, 7*24*time.Hour)
	if p.MinPeers <= 0 {
		p.MinPeers = 10
	}
	if p.MinShare <= 0 {
		p.MinShare = 2
	}
	return p
}

// Use says what part a covering route plays in the verdict on an address.
type Use uint8

// The uses. The most specific prefix that is globally visible decides, with all
// its visible origins; the others are shown.
const (
	Decides Use = iota
	Backup      // visible, but less specific: takes over if the deciding route goes
	Hidden      // seen by too few peers: a leak, or a local route
	Narrow      // longer than /24 or /48, which most networks don't accept
	Unnamed     // would decide, but the dump does not tell whose origin it has
	Default     // shorter than /8 or /16: a leaked default route, never the route to anybody
)

var useNames = [...]string{"decides", "backup", "hidden", "too-long", "unnamed", "default"}

// String returns the use's stable name.
func (u Use) String() string {
	if int(u) < len(useNames) {
		return useNames[u]
	}
	return ""
}

// Judged is one covering route with the evidence for its state.
type Judged struct {
	Route
	Validity Validity
	Use      Use
}

// Finding is the evidence for the route-origin state of one address. State and
// Code are derived from it.
type Finding struct {
	Addr     netip.Addr
	At       time.Time
	Routes   []Judged // every route that covers Addr, most specific first
	VRPs     []VRP    // every VRP that covers Addr, most specific first
	Advisory []VRP    // AS 0 VRPs of a registry's advisory trust anchor, left out of all judgements
	Old      bool     // the VRP data is old enough to be noted
	From     Source   // of the VRPs
	Table    Source   // of the routes
	why      verdict.Reason
}

// Judge finds the routes that cover addr and compares those that matter with
// the VRPs, with the default thresholds. now is the time of judging.
func Judge(s *Snapshot, r *Routes, addr netip.Addr, now time.Time) Finding {
	return Policy{}.Judge(s, r, addr, now)
}

// Judge is the function Judge with p's thresholds. A nil or empty snapshot or
// table, or one too old, gives Unknown with its cause in Code, never NotFound
// or Unrouted.
func (p Policy) Judge(s *Snapshot, r *Routes, addr netip.Addr, now time.Time) Finding {
	addr = addr.Unmap().WithZone("")
	return p.JudgePrefix(s, r, netip.PrefixFrom(addr, addr.BitLen()), now)
}

// JudgePrefix is Judge for every address of a prefix: only routes and VRPs that
// cover all of it count. Its finding's Addr is the first address.
func (p Policy) JudgePrefix(s *Snapshot, r *Routes, prefix netip.Prefix, now time.Time) Finding {
	p = p.WithDefaults()
	prefix = canonical(prefix)
	f := Finding{Addr: prefix.Addr(), At: now, From: s.Source(), Table: r.Source()}
	if !prefix.IsValid() {
		f.why = "rpki.unknown.no-routes"
		return f
	}
	f.VRPs, f.Advisory = splitAdvisory(s.Covering(prefix))
	f.Routes = p.uses(r, prefix)
	for i := range f.Routes {
		if f.Routes[i].Local {
			continue
		}
		v := s.Validate(f.Routes[i].Prefix, f.Routes[i].Origin)
		v.WrongOrigin, _ = splitAdvisory(v.WrongOrigin)
		f.Routes[i].Validity = v
	}
	f.Old = !f.From.At.IsZero() && now.Sub(f.From.At) > p.VRPsOld
	f.why = p.why(f, s, r)
	return f
}

// globalLengths are the shortest and the longest prefix that most networks
// accept from others.
func globalLengths(a netip.Addr) (shortest, longest int) {
	if a.Is6() {
		return 16, 48
	}
	return 8, 24
}

// seenBy is the part that a route may play by its length and its peers alone:
// Default, Narrow, Hidden, or Decides where nothing speaks against it.
func (p Policy) seenBy(r *Routes, route Route) Use {
	shortest, longest := globalLengths(route.Prefix.Addr())
	switch bits := route.Prefix.Bits(); {
	case bits < shortest:
		return Default
	case bits > longest:
		return Narrow
	case route.Peers > 0 && route.Peers < p.MinPeers && route.Peers*100 < p.MinShare*r.maxPeers:
		return Hidden
	}
	return Decides
}

// uses lists the routes that cover prefix, each with its part.
func (p Policy) uses(r *Routes, prefix netip.Prefix) []Judged {
	var out []Judged
	var deciding netip.Prefix
	for _, route := range r.CoveringPrefix(prefix) {
		j := Judged{Route: route, Use: p.seenBy(r, route)}
		switch {
		case j.Use != Decides:
		case deciding.IsValid() && route.Prefix != deciding:
			j.Use = Backup
		default:
			deciding = route.Prefix
			if route.Local {
				j.Use = Unnamed
			}
		}
		out = append(out, j)
	}
	return out
}

// why returns the reason why no route-origin state can be told, "" if it can.
func (p Policy) why(f Finding, s *Snapshot, r *Routes) verdict.Reason {
	routed := len(f.Deciding()) > 0
	unnamed := slices.ContainsFunc(f.Routes, func(j Judged) bool { return j.Use == Unnamed })
	switch {
	case !routed && !unnamed && neverRouted(f.Addr):
		return "rpki.special"
	case p.noVRPs(s, f.At) != "":
		return p.noVRPs(s, f.At)
	case r.Len() == 0:
		return "rpki.unknown.no-routes"
	case p.staleRoutes(r, f.At):
		return "rpki.unknown.routes-stale"
	case !r.whole(f.Addr):
		return "rpki.unknown.routes-damaged"
	case !routed && unnamed:
		return "rpki.unknown.origin"
	case !routed && f.Table.Partial:
		return "rpki.unknown.routes-partial"
	case routed && f.hangsOnExpired():
		return "rpki.unknown.vrps-expired"
	case f.doubtful(s):
		return "rpki.unknown.vrps-shrunk"
	}
	return ""
}

// staleRoutes reports whether r is too old to tell who announces what: a route
// in it may be gone or another's by now, as well as one that it lacks be there.
func (p Policy) staleRoutes(r *Routes, now time.Time) bool {
	at := r.Source().At
	return !at.IsZero() && now.Sub(at) > p.RoutesStale
}

// noVRPs says why nothing can be compared with s, "" if it can.
func (p Policy) noVRPs(s *Snapshot, now time.Time) verdict.Reason {
	switch from := s.Source(); {
	case s.Len() == 0:
		// Not even a young RPKI is empty: an empty set is a broken source.
		return "rpki.unknown.no-vrps"
	case !from.Until.IsZero() && now.After(from.Until):
		return "rpki.unknown.vrps-expired"
	case !from.At.IsZero() && now.Sub(from.At) > p.VRPsStale:
		return "rpki.unknown.vrps-stale"
	}
	return ""
}

// hangsOnExpired reports whether a deciding route's state would change without
// the VRPs that have expired by now. What replaced them is not in the data, so
// neither state can be told.
func (f Finding) hangsOnExpired() bool {
	for _, j := range f.Deciding() {
		if j.Validity.hangsOnExpired(f.At) {
			return true
		}
	}
	return false
}

func (v Validity) hangsOnExpired(now time.Time) bool {
	return v.Alive(now).State() != v.State()
}

// Alive is the evidence without the VRPs that have expired by now.
func (v Validity) Alive(now time.Time) Validity {
	v.Matched, v.WrongOrigin, v.TooSpecific = alive(v.Matched, now), alive(v.WrongOrigin, now), alive(v.TooSpecific, now)
	return v
}

func alive(vrps []VRP, now time.Time) []VRP {
	var out []VRP
	for _, v := range vrps {
		if v.Expires.IsZero() || v.Expires.After(now) {
			out = append(out, v)
		}
	}
	return out
}

// Deciding returns the routes that decide: the visible origins of one prefix.
// It is empty if no visible route covers the address.
func (f Finding) Deciding() []Judged {
	var out []Judged
	for _, j := range f.Routes {
		if j.Use == Decides {
			out = append(out, j)
		}
	}
	return out
}

// Worst returns the deciding route whose state is the finding's: of several
// origins the worst, Invalid before NotFound before Valid.
func (f Finding) Worst() (Judged, bool) {
	rank := [...]int{Unknown: 3, Invalid: 2, NotFound: 1, Valid: 0}
	all := f.Deciding()
	if len(all) == 0 {
		return Judged{}, false
	}
	worst := all[0]
	for _, j := range all[1:] {
		if rank[j.Validity.State()] > rank[worst.Validity.State()] {
			worst = j
		}
	}
	return worst, true
}

// State is the route-origin state of the address.
func (f Finding) State() State {
	j, routed := f.Worst()
	switch {
	case f.why == "rpki.special":
		return Unrouted
	case f.why != "" || !f.Addr.IsValid():
		return Unknown
	case !routed:
		return Unrouted
	}
	return j.Validity.State()
}

// Code is the catalogue's reason for the state.
func (f Finding) Code() verdict.Reason {
	if f.why != "" {
		return f.why
	}
	j, _ := f.Worst()
	switch f.State() {
	case Valid:
		return "rpki.valid"
	case NotFound:
		return notFoundCode(j.Origin)
	case Invalid:
		return invalidCode(j.Validity)
	case Unrouted:
		if len(f.VRPs) > 0 {
			return "rpki.unrouted.roa"
		}
		return "rpki.unrouted"
	}
	return "rpki.unknown.no-vrps"
}

// invalidCode tells the kinds of Invalid apart whose remedies differ.
func invalidCode(v Validity) verdict.Reason {
	switch {
	case !v.Origin.Known:
		return "rpki.invalid.as-set"
	case v.Reason() == "length":
		return "rpki.invalid.length"
	case v.Origin.ASN.Reserved() != "":
		return "rpki.invalid.reserved"
	}
	for _, w := range v.WrongOrigin {
		if w.ASN != 0 {
			return "rpki.invalid.origin"
		}
	}
	return "rpki.invalid.as0"
}

// notFoundCode tells origins apart for which a ROA can be made from those for
// which none can.
func notFoundCode(o Origin) verdict.Reason {
	switch {
	case !o.Known:
		return "rpki.not-found.as-set"
	case o.ASN.Reserved() != "":
		return "rpki.not-found.reserved"
	}
	return "rpki.not-found"
}

// splitAdvisory parts the AS 0 VRPs that a registry publishes under a trust
// anchor of its own for space it has not handed out. APNIC asks that they
// inform and do not decide (apnic.net, AS0 ROA policy).
func splitAdvisory(vrps []VRP) (deciding, advisory []VRP) {
	for _, v := range vrps {
		if v.ASN == 0 && Advisory(v.TA) {
			advisory = append(advisory, v)
			continue
		}
		deciding = append(deciding, v)
	}
	return deciding, advisory
}

// sharedSpace is for carrier-grade NAT (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// neverRouted reports whether addr is of a kind that the public routing table
// can't hold. Documentation space is not counted: test worlds route it.
func neverRouted(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		a.IsUnspecified() || sharedSpace.Contains(a)
}
