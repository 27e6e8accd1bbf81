package resolve

import (
	"context"
	"errors"
	"slices"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

var (
	errNoAddress = errors.New("none of the servers named by the delegation has an address")
	errNoGlue    = errors.New("the servers' names are in the zone itself, and its parent gives no address of them")
)

// fail says why no server of the zone helped.
func (a *asking) fail(ctx context.Context) *Failure {
	if a.direct >= 0 {
		a.targets = a.targets[:a.direct] // what was tried beyond them explains nothing
	}
	f := &Failure{Zone: a.z.name, exchanges: slices.Clone(a.z.referral)}
	for _, n := range a.names {
		f.Servers = append(f.Servers, a.serverFault(n))
	}
	if a.empty != nil && a.q.qtype != dns.TypeDS && a.q.qtype != dns.TypeDNSKEY {
		f.empty = trim(a.z.name, a.q, a.empty.msg)
	}
	for _, t := range a.targets {
		f.Cause = worse(f.Cause, t.cause)
	}
	switch {
	case a.spent:
		f.Cause, f.Err, f.passing = verdict.OverBudget, errSpent, a.f.depth > 0
	case len(a.names) == 0:
		f.Cause, f.Err = verdict.Lame, errNoServers
	case len(a.targets) == 0:
		return a.noAddress(ctx, f)
	case a.child:
		f.Cause, f.Err = verdict.Lame, errChildSide
	case silent(f.Servers):
		f.Gap = NoAnswer
	}
	return f
}

// serverFault sums up what became of one server name.
func (a *asking) serverFault(n *serverName) ServerFault {
	s := ServerFault{Name: n.name, Addrs: n.usable, Other: n.other, Err: n.err}
	for _, t := range a.targets {
		if t.name == n {
			s.Cause = worse(s.Cause, t.cause)
		}
	}
	switch {
	case n.none:
		s.Gap = NoAddress
	case len(n.usable) > 0 && silence[s.Cause]:
		s.Gap = NoAnswer
	}
	return s
}

// silence are the causes that mean that nobody answered there.
var silence = map[verdict.Cause]bool{
	verdict.Timeout: true, verdict.Unreachable: true, verdict.Refused: true, verdict.Reset: true,
}

// silent says whether there are servers with addresses and none of them answered.
func silent(servers []ServerFault) bool {
	asked := false
	for _, s := range servers {
		if len(s.Addrs) > 0 && !silence[s.Cause] {
			return false
		}
		asked = asked || len(s.Addrs) > 0
	}
	return asked
}

// noAddress says why a zone has no server that this resolver has an address of.
func (a *asking) noAddress(ctx context.Context, f *Failure) *Failure {
	var blamed []*Failure // look-ups of server names that failed
	unknown := false      // some server may have an address for all we know
	for _, n := range a.names {
		var inner *Failure
		switch {
		case errors.As(n.err, &inner):
			blamed = append(blamed, inner)
			unknown = unknown || !inner.V4Only
			f.Cause = worse(f.Cause, inner.Cause)
			f.passing = f.passing || inner.passing
			f.Err = inner
		case n.err != nil:
			unknown = true
			f.Cause, f.Err = worse(f.Cause, verdict.Lame), n.err
		case !n.looked && !n.inside:
			unknown = true
			f.Cause, f.Err = worse(f.Cause, verdict.OverBudget), errSpent
		}
	}
	if up := sameFault(blamed); up != nil && len(blamed) == len(a.names) {
		up.Via = append([]string{a.z.name}, up.Via...)
		up.exchanges = append(f.exchanges, up.exchanges...)
		return up
	}
	if unknown {
		return f
	}
	inside := slices.ContainsFunc(a.names, func(n *serverName) bool { return n.inside })
	if a.r.cfg.Families == Both {
		f.Cause, f.Gap, f.Err = verdict.Lame, NoAddress, errNoAddress
		if inside {
			f.Gap, f.Err = NoGlue, errNoGlue
		}
		return f
	}
	f.Cause, f.V4Only, f.Err = verdict.NoFamily, a.r.cfg.Families == V6, nil
	f.Gap = NoAddress
	if inside {
		f.Gap = a.witnessed(ctx, f)
	}
	return f
}

// sameFault returns a copy of the failure that all look-ups ended in, nil if
// they ended in several zones.
func sameFault(all []*Failure) *Failure {
	if len(all) == 0 || all[0].Zone == "" {
		return nil
	}
	for _, f := range all {
		if f.Zone != all[0].Zone || f.V4Only != all[0].V4Only {
			return nil
		}
	}
	c := *all[0]
	c.Via = slices.Clone(c.Via)
	c.exchanges = slices.Clone(c.exchanges)
	return &c
}

// witnessed asks the witness whether servers inside the zone, of which the
// parent gives no address of the family, have one. NoGap if it can't tell.
func (a *asking) witnessed(ctx context.Context, f *Failure) Gap {
	w := a.r.cfg.Witness
	if w == nil {
		return NoGap
	}
	gap := NoAddress
	for i, n := range a.names {
		if !n.inside {
			continue
		}
		q := question{n.name, a.r.cfg.Families.types()[0]}
		got, err := w.query(ctx, nil, q)
		if err != nil {
			gap = unless(gap, NoGlue, NoGap)
			continue
		}
		f.exchanges = append(f.exchanges, got.exchanges...)
		addrs, err := addressesIn(got.msg, n.name)
		switch {
		case err != nil:
			gap = unless(gap, NoGlue, NoGap)
		case len(addrs) > 0:
			gap, f.Servers[i].Gap, f.Servers[i].Addrs = NoGlue, NoGlue, addrs
		default:
			f.Servers[i].Gap = NoAddress
		}
	}
	return gap
}

// unless returns g if it is keep, else other.
func unless(g, keep, other Gap) Gap {
	if g == keep {
		return g
	}
	return other
}

// seal finishes a failure for its flight: with the flight's own exchanges, and
// worded. The failure itself may be shared with other flights and is not changed.
func (f *Failure) seal(own []exchange) *Failure {
	c := *f
	c.exchanges = tail(inOrder(append(slices.Clone(f.exchanges), own...)))
	c.Evidence = evidence(c.exchanges)
	if c.Err == nil && c.Cause == "" {
		c.Cause = verdict.OtherCause
	}
	return &c
}

// inOrder sorts exchanges by time and drops those that are there twice.
func inOrder(l []exchange) []exchange {
	slices.SortStableFunc(l, func(x, y exchange) int { return x.at.Compare(y.at) })
	var out []exchange
	for _, x := range l {
		if !slices.ContainsFunc(out, func(y exchange) bool {
			return x.at.Equal(y.at) && x.to == y.to && x.how == y.how && x.q == y.q && x.id == y.id
		}) {
			out = append(out, x)
		}
	}
	return out
}
