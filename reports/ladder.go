package reports

import (
	"net/netip"
	"slices"

	"ready6/probes/verdict"
)

// TopLevel is the highest level of the readiness ladder. The levels are
// 0 ipv4-only, 1 published, 2 dual-stack, 3 ipv6-only-ready, 4 ipv6-only.
const TopLevel = 4

// proof says whether a rung of the ladder is known to be reached.
type proof uint8

const (
	open    proof = iota // not measured, or not all of it
	reached              // everything the rung demands was seen to work
	refuted              // a fault was found that keeps the service below the rung
)

// bounds is what the evidence proves of a service's level: it is at least Min
// and at most Max, both 0..TopLevel.
type bounds struct{ Min, Max int }

// ladder judges the five levels from one service's results. A result whose
// index mended reports true for counts as put right: that is how a blocker's
// worth is found out. mended may be nil.
func ladder(results []verdict.Result, mended func(int) bool) bounds {
	f := gather(results, mended)
	return f.bounds()
}

// bounds says what is proven and what no found fault rules out.
func (f *facts) bounds() bounds {
	rungs := [TopLevel]proof{f.published(), f.works(), f.independent(), f.alone()}
	b := bounds{0, TopLevel}
	for i, r := range rungs {
		if r != reached {
			break
		}
		b.Min = i + 1
	}
	for i, r := range rungs {
		if r == refuted {
			b.Max = i
			break
		}
	}
	return b
}

// facts are the results of one service, sorted for the ladder.
type facts struct {
	present  []string          // usable AAAA addresses
	promised bool              // an address record that is missing counts as mended
	bad, gap bool              // an IPv6 address result is a fault; is unknown
	mx, seen []string          // MX hosts; names whose addresses were asked for
	reach    []verdict.Outcome // over IPv6
	working  []netip.Addr      // of results over IPv6 that show an address working
	closure  []verdict.Outcome
	resolves bool           // some part of the closure was seen to hold
	v4       verdict.Reason // a.present outranks a.unknown outranks a.none; empty: not asked
}

func gather(results []verdict.Result, mended func(int) bool) (f facts) {
	for i, r := range results {
		out := r.Outcome()
		fixed := mended != nil && mended(i)
		if fixed {
			out = verdict.Pass
		}
		switch r.Check {
		case verdict.AAAA:
			f.address(r, out, fixed)
		case verdict.Reach:
			f.reach = append(f.reach, out)
			if ap, err := netip.ParseAddrPort(r.Subject); err == nil && (out == verdict.Pass || out == verdict.Warn) {
				f.working = append(f.working, ap.Addr().WithZone(""))
			}
		case verdict.Closure:
			if r.Reason.Aside() {
				continue
			}
			f.closure = append(f.closure, out)
			// A zone with one server over IPv6 is worth a warning, and resolves.
			f.resolves = f.resolves || out == verdict.Pass || r.Reason == "closure.zone-one"
		}
	}
	return f
}

func (f *facts) address(r verdict.Result, out verdict.Outcome, fixed bool) {
	switch r.Reason {
	case "a.present", "a.special":
		f.v4 = "a.present"
		return
	case "a.unknown":
		if f.v4 != "a.present" {
			f.v4 = "a.unknown"
		}
		return
	case "a.none":
		if f.v4 == "" {
			f.v4 = "a.none"
		}
		return
	case "aaaa.mx":
		f.mx = append(f.mx, r.Subject)
		return
	case "aaaa.no-mx":
		return
	case "aaaa.present":
		f.present = append(f.present, r.Subject)
		f.seen = append(f.seen, r.Args["host"])
	default:
		f.seen = append(f.seen, r.Subject, r.Args["host"])
		f.promised = f.promised || fixed
	}
	f.bad = f.bad || out == verdict.Fail
	f.gap = f.gap || out == verdict.Unknown
}

// addressesOpen reports whether some address record is not known for sure:
// a question without an answer, or an MX host that was never asked about.
func (f *facts) addressesOpen() bool {
	return f.gap || slices.ContainsFunc(f.mx, func(host string) bool { return !slices.Contains(f.seen, host) })
}

// published: level 1 demands one usable AAAA record. A fault refutes it only
// when no question about addresses is left open.
func (f *facts) published() proof {
	switch {
	case len(f.present) > 0 || f.promised:
		return reached
	case f.bad && !f.addressesOpen():
		return refuted
	}
	return open
}

// works: level 2 demands that every published address is usable and answers
// over IPv6; for mail, those of every MX host.
func (f *facts) works() proof {
	if f.bad || verdict.Worst(f.reach...) == verdict.Fail {
		return refuted
	}
	if f.addressesOpen() || f.promised || f.reachOpen() {
		return open
	}
	return reached
}

// reachOpen reports whether some published address was not seen to work. A run
// that was cut short may hold results for a part of the addresses only.
func (f *facts) reachOpen() bool {
	for _, s := range f.present {
		a, err := netip.ParseAddr(s)
		if err != nil || !slices.Contains(f.working, a.WithZone("")) {
			return true
		}
	}
	return len(f.present) == 0 || verdict.Worst(f.reach...) == verdict.Unknown
}

// independent: level 3 demands that nothing in the dependency closure needs
// IPv4, and that the closure was looked at.
func (f *facts) independent() proof {
	switch verdict.Worst(f.closure...) {
	case verdict.Fail:
		return refuted
	case verdict.Unknown, verdict.NotApplicable:
		return open
	}
	if f.resolves {
		return reached
	}
	return open
}

// alone: level 4 demands that no A record is left.
func (f *facts) alone() proof {
	switch f.v4 {
	case "a.none":
		return reached
	case "a.present":
		return refuted
	}
	return open
}

// rungOf is the lowest level that a faulty or unmeasured result keeps a
// service with bounds b from, 0 for results beside the ladder.
func rungOf(r verdict.Result, b bounds, hasAAAA bool) int {
	switch r.Check {
	case verdict.Reach:
		return 2
	case verdict.Closure:
		if r.Reason.Aside() {
			return 0
		}
		return 3
	case verdict.AAAA:
	default:
		return 0
	}
	switch {
	case r.Reason == "a.unknown":
		return 4
	case r.Outcome() == verdict.Fail && b.Max > 0, hasAAAA:
		return 2
	}
	return 1
}
