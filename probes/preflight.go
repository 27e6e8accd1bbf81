package probes

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// Vantage is what this scanner can measure from where it stands. What it
// cannot is unknown for everybody.
type Vantage struct {
	V4, V6 bool // packets of the family come back
	DNSSEC bool // the trust anchor matches, so the clock is sane as well
}

// Data is a data source of the run, read before it began.
type Data struct {
	Kind  string    // "VRPs" or "routes"
	Name  string    // file or cache it came from; empty where none was given
	At    time.Time // when the data was made; zero if it does not say
	Until time.Time // when its maker says it ends; zero if it does not
	Count int
	Err   error // why it cannot be used, or with a Count not all of it

	Passed []string // sources that were preferred and could not be used
	Shrunk string   // how much is missing that an earlier run had; empty: nothing
}

// Preflight proves the vantage before a run: both families against canaries or
// the root servers, trust anchor and clock against the root's signatures, and
// the age of the data. It must be called before Service; the results belong to
// the run's header.
func (e *Env) Preflight(ctx context.Context) (Vantage, []verdict.Result) {
	var out []verdict.Result
	canaries := e.canaries(ctx)
	e.vantage.V6 = e.proveFamily(ctx, &out, canaries, "IPv6", netip.Addr.Is6)
	e.vantage.V4 = e.proveFamily(ctx, &out, canaries, "IPv4", netip.Addr.Is4)
	e.vantage.DNSSEC = e.proveAnchors(ctx, &out)
	good, fails := false, false
	for _, c := range canaries {
		if c.Kind == "dnssec" && e.DNSSEC == nil {
			continue // it is the anchor that is missing, which is told once
		}
		out = append(out, c.result)
		if c.Kind == "dnssec" {
			good = good || c.result.Reason == "vantage.canary-ok" && c.Want != dnssec.Bogus.String()
			fails = fails || c.result.Reason == "vantage.canary-good-fails"
			e.vantage.DNSSEC = e.vantage.DNSSEC && c.result.Reason != "vantage.canary-bad-passes"
		}
	}
	if fails && !good { // beside one that is as it should be, a broken canary is only that
		e.vantage.DNSSEC = false
	}
	for _, d := range e.Data {
		out = append(out, e.judgeData(d))
		for _, p := range d.Passed {
			r := result("vantage.data-passed", "detail", p)
			r.Subject = d.Kind
			out = append(out, r)
		}
	}
	for i := range out {
		out[i].Check = verdict.Vantage
		out[i].Owner = verdict.Owner{Role: verdict.Operator, Name: e.Name}
		if out[i].At.IsZero() {
			out[i].At = e.Now()
		}
	}
	return e.vantage, out
}

// canary is one canary with how it behaved, over each family for itself: what
// fails over one says nothing of the other.
type canary struct {
	inventory.Canary
	result   verdict.Result
	attempts []attempt
}

// canaries asks all of them side by side.
func (e *Env) canaries(ctx context.Context) []canary {
	out := make([]canary, len(e.Inventory.Canaries))
	alongside(len(out), func(i int) {
		c := &out[i]
		c.Canary = e.Inventory.Canaries[i]
		if safely(func() {
			if c.Kind == "dnssec" {
				c.result = e.canaryName(ctx, c.Canary)
			} else {
				c.attempts, c.result = e.canaryReach(ctx, c.Canary)
			}
		}) {
			c.result = canaryResult(c.Canary, "vantage.canary-unknown", string(verdict.Panicked))
		}
	})
	return out
}

// safely calls f and reports whether it panicked. Preflight belongs to no
// service whose record could say so, and a defect must not cost the whole run.
func safely(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// canaryName compares a name's DNSSEC state with the one it is known to have.
// A state that could not be found out is no misbehaviour.
func (e *Env) canaryName(ctx context.Context, c inventory.Canary) verdict.Result {
	if e.DNSSEC == nil {
		return canaryResult(c, "vantage.canary-unknown", string(verdict.OtherCause))
	}
	v := e.validate(ctx, c.Host, dns.TypeA)
	var r verdict.Result
	switch got := v.State.String(); {
	case got == c.Want:
		r = canaryResult(c, "vantage.canary-ok", got)
	case v.State == dnssec.Indeterminate:
		r = canaryResult(c, "vantage.canary-unknown", string(causeFor(v)))
	case c.Want == dnssec.Bogus.String():
		r = canaryResult(c, "vantage.canary-bad-passes", got)
	default:
		r = canaryResult(c, "vantage.canary-good-fails", got)
	}
	r.Evidence = e.DNS.Evidence(v.Name, v.Type)
	return r
}

// canaryReach connects to a canary at every address it has.
func (e *Env) canaryReach(ctx context.Context, c inventory.Canary) ([]attempt, verdict.Result) {
	h := e.addresses(ctx, c.Host)
	if !e.wantsIPv4() && !h.v4.present() { // the vantage is proven over both
		h.v4 = e.family(ctx, c.Host, dns.TypeA)
	}
	addrs := slices.Concat(h.v6.usable, h.v4.usable)
	all := make([]attempt, len(addrs))
	alongside(len(all), func(i int) {
		all[i] = e.attempt(ctx, endpoint{addr: addrs[i], port: c.Port, kind: "tcp", host: c.Host})
	})
	var up, down []string
	unknown := verdict.Cause("")
	ev := slices.Concat(h.v6.evidence, h.v4.evidence)
	for _, a := range all {
		ev = append(ev, a.evidence()...)
		switch {
		case a.ok():
			up = append(up, a.addr.String())
		case untold(a):
			unknown = a.cause
		default:
			down = append(down, a.addr.String()+": "+a.detail)
		}
	}
	if len(all) == 0 {
		if unknown = cmp.Or(h.v6.cause, h.v4.cause); unknown == "" {
			unknown = verdict.Forbidden // no address, or none that may be contacted
		}
	}
	var r verdict.Result
	switch {
	case c.Want == "up" && len(down) > 0:
		r = canaryResult(c, "vantage.canary-good-fails", strings.Join(down, "; "))
	case c.Want == "down" && len(up) > 0:
		r = canaryResult(c, "vantage.canary-bad-passes", strings.Join(up, ", "))
	case unknown != "":
		r = canaryResult(c, "vantage.canary-unknown", string(unknown))
	default:
		r = canaryResult(c, "vantage.canary-ok", strings.Join(up, ", "))
	}
	r.Evidence = ev
	return all, r
}

// untold reports whether an attempt at a canary shows nothing: it was cut short
// or not allowed. That there is no route is what canaries are there to show.
func untold(a attempt) bool { return ours(a.cause) && a.cause != verdict.NoFamily }

func canaryResult(c inventory.Canary, r verdict.Reason, detail string) verdict.Result {
	out := result(r, "detail", detail)
	if r == "vantage.canary-unknown" {
		out = result(r, "cause", detail)
	}
	out.Subject = c.Host
	return out
}

// proveFamily decides whether a family works from here. A bad canary that
// passes voids it; otherwise one good canary, or else one root server, proves
// it. Only what a canary did over this family counts.
func (e *Env) proveFamily(ctx context.Context, out *[]verdict.Result, canaries []canary, name string, of func(netip.Addr) bool) bool {
	var fails []string
	var ev []verdict.Evidence
	say := func(r verdict.Reason, detail string) {
		x := familyResult(r, name, detail)
		x.Evidence = ev
		*out = append(*out, x)
	}
	proof := ""
	for _, c := range canaries {
		for _, a := range c.attempts {
			if !of(a.addr) || untold(a) {
				continue
			}
			ev = append(ev, a.evidence()...)
			switch {
			case a.ok() && c.Want == "down":
				say("vantage.no-family", c.Host+" answers, which it never does")
				return false
			case a.ok():
				proof = c.Host
			case c.Want == "up":
				fails = append(fails, c.Host+" ["+a.addr.String()+"]: "+a.detail)
			}
		}
	}
	if proof == "" && len(fails) == 0 {
		proof, fails, ev = e.askRoots(ctx, of)
	}
	if proof == "" {
		say("vantage.no-family", some(fails))
		return false
	}
	say("vantage.family-ok", proof)
	return true
}

func familyResult(r verdict.Reason, name, detail string) verdict.Result {
	out := result(r, "detail", detail)
	out.Subject = name
	return out
}

// maxRoots bounds the root server addresses of a family that are asked.
const maxRoots = 16

// askRoots asks root servers of one family, by UDP and by TCP: a network that
// lets only DNS packets out would make every service look dead.
func (e *Env) askRoots(ctx context.Context, of func(netip.Addr) bool) (proof string, fails []string, ev []verdict.Evidence) {
	var servers []resolve.Server // one address each
	for _, s := range e.Roots {
		for _, a := range s.Addrs {
			if of(a) && len(servers) < maxRoots {
				servers = append(servers, resolve.Server{Name: s.Name, Addrs: []netip.Addr{a}})
			}
		}
	}
	if len(servers) == 0 {
		return "", []string{"no root server of this family in the hints, and no canary"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*e.Step)
	defer cancel()
	proofs, faults, seen := make([]string, len(servers)), make([]string, len(servers)), make([][]verdict.Evidence, len(servers))
	alongside(len(servers), func(i int) {
		a := servers[i].Addrs[0]
		defer func() {
			if recover() != nil {
				proofs[i], faults[i] = "", fmt.Sprintf("%s: %s", a, verdict.Panicked)
			}
		}()
		for _, tcp := range []bool{false, true} {
			_, x, err := e.DNS.Ask(ctx, a, tcp, ".", dns.TypeSOA)
			seen[i] = append(seen[i], x)
			if err != nil && !(tcp && cameBack(causeOf(err))) {
				faults[i] = fmt.Sprintf("%s over %s: %s", a, x.Over, causeOf(err))
				return
			}
		}
		proofs[i] = fmt.Sprintf("%s [%s]", plainName(servers[i].Name), a)
		cancel() // one is enough
	})
	if i := slices.IndexFunc(proofs, func(s string) bool { return s != "" }); i >= 0 {
		return proofs[i], nil, seen[i]
	}
	return "", faults, slices.Concat(seen...)
}

// cameBack reports whether a failure was an answer all the same: a server
// without TCP shows as well as another that TCP gets there and back.
func cameBack(c verdict.Cause) bool {
	return c == verdict.Refused || c == verdict.Reset || c == verdict.Malformed
}

// some names the first few of what may be many.
func some(list []string) string {
	const shown = 3
	if len(list) <= shown {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; … (%d)", strings.Join(list[:shown], "; "), len(list))
}

// proveAnchors compares each trust anchor with its zone's signed key set. A
// match shows that the clock lies within the signatures' validity as well.
func (e *Env) proveAnchors(ctx context.Context, out *[]verdict.Result) bool {
	if e.DNSSEC == nil {
		detail := "none was given"
		if e.AnchorErr != nil {
			detail = e.AnchorErr.Error()
		}
		*out = append(*out, result("vantage.anchor-missing", "detail", detail))
		return false
	}
	var zones []string
	for _, a := range e.Anchors {
		z := dns.CanonicalName(a.Header().Name)
		if slices.Contains(zones, z) {
			continue
		}
		zones = append(zones, z)
		*out = append(*out, e.proveAnchor(ctx, z)...)
	}
	return len(e.voided) < len(zones)
}

// proveAnchor compares the trust anchor of one zone. One that does not match
// voids the names below it, and no others.
func (e *Env) proveAnchor(ctx context.Context, z string) []verdict.Result {
	var got dnssec.Result
	if safely(func() { got = e.validate(ctx, z, dns.TypeDNSKEY) }) {
		got = dnssec.Result{Reasons: []dnssec.Reason{{Cause: verdict.Panicked}}}
	}
	var out []verdict.Result
	switch got.State {
	case dnssec.Secure:
		out = []verdict.Result{result("vantage.anchor-ok"), result("vantage.clock-ok")}
	case dnssec.Bogus:
		e.voided = append(e.voided, z)
		out = []verdict.Result{result("vantage.anchor-bad", saidOf(got)...)}
	default:
		out = []verdict.Result{result("vantage.anchor-unknown", "cause", string(causeFor(got)))}
	}
	for i := range out {
		out[i].Subject, out[i].Evidence = zoneName(z), e.DNS.Evidence(z, dns.TypeDNSKEY)
	}
	return out
}

// causeFor is why a state could not be found out.
func causeFor(v dnssec.Result) verdict.Cause {
	if len(v.Reasons) > 0 && v.Reasons[0].Cause != "" {
		return v.Reasons[0].Cause
	}
	return verdict.OtherCause
}

// anchored reports whether the trust anchor that name hangs on, the deepest one
// above it, is in order.
func (e *Env) anchored(name string) bool {
	name = dns.CanonicalName(name)
	best, depth := "", -1
	for _, a := range e.Anchors {
		z := dns.CanonicalName(a.Header().Name)
		if n := dns.CountLabel(z); n > depth && dns.IsSubDomain(z, name) {
			best, depth = z, n
		}
	}
	return !slices.Contains(e.voided, best)
}

// judgeData says whether a data source can back verdicts.
func (e *Env) judgeData(d Data) verdict.Result {
	var r verdict.Result
	maxAge := e.Policy.WithDefaults().VRPsStale
	if d.Kind == "routes" {
		maxAge = e.Policy.WithDefaults().RoutesStale
	}
	switch {
	case d.Err != nil && d.Count > 0:
		r = result("vantage.data-damaged", "detail", d.Err.Error())
	case d.Err != nil:
		r = result("vantage.data-missing", "detail", d.Err.Error())
	case d.Name == "":
		r = result("vantage.data-none")
	case d.Count == 0:
		r = result("vantage.data-empty", "detail", d.Name)
	case !d.Until.IsZero() && e.Now().After(d.Until):
		r = result("vantage.data-stale", "detail", fmt.Sprintf("%s, ended %s", d.Name, d.Until.UTC().Format(time.RFC3339)))
	case !d.At.IsZero() && e.Now().Sub(d.At) > maxAge:
		r = result("vantage.data-stale", "detail", fmt.Sprintf("%s, made %s", d.Name, d.At.UTC().Format(time.RFC3339)))
	case d.Shrunk != "":
		r = result("vantage.data-shrunk", "detail", d.Shrunk)
	case d.At.IsZero():
		r = result("vantage.data-undated", "detail", fmt.Sprintf("%d, %s", d.Count, d.Name))
	default:
		r = result("vantage.data-ok", "detail", fmt.Sprintf("%d, %s, %s", d.Count, d.Name, d.At.UTC().Format(time.RFC3339)))
	}
	r.Subject = d.Kind
	return r
}
