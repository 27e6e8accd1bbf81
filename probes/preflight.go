package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
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
	Count int
	Err   error // why it cannot be used
}

// maxDataAge is the age from which VRPs and routes back no verdict.
const maxDataAge = 24 * time.Hour

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
	for _, c := range canaries {
		out = append(out, c.result)
		if c.Kind == "dnssec" && c.result.Outcome() == verdict.Fail {
			e.vantage.DNSSEC = false
		}
	}
	for _, d := range e.Data {
		out = append(out, e.judgeData(d))
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

// canary is one canary with how it behaved, and over which families.
type canary struct {
	inventory.Canary
	result verdict.Result
	addrs  []netip.Addr
}

// canaries asks all of them side by side.
func (e *Env) canaries(ctx context.Context) []canary {
	out := make([]canary, len(e.Inventory.Canaries))
	var wg sync.WaitGroup
	for i, c := range e.Inventory.Canaries {
		wg.Go(func() {
			out[i] = canary{Canary: c}
			if c.Kind == "dnssec" {
				out[i].result = e.canaryName(ctx, c)
				return
			}
			out[i].result, out[i].addrs = e.canaryReach(ctx, c)
		})
	}
	wg.Wait()
	return out
}

// canaryName compares a name's DNSSEC state with the one it is known to have.
func (e *Env) canaryName(ctx context.Context, c inventory.Canary) verdict.Result {
	if e.DNSSEC == nil {
		return canaryResult(c, "vantage.canary-good-fails", "no trust anchor")
	}
	got := e.validate(ctx, c.Host, dns.TypeA).State.String()
	switch {
	case got == c.Want:
		return canaryResult(c, "vantage.canary-ok", got)
	case c.Want == dnssec.Bogus.String():
		return canaryResult(c, "vantage.canary-bad-passes", got)
	}
	return canaryResult(c, "vantage.canary-good-fails", got)
}

// canaryReach connects to a canary at every address it has.
func (e *Env) canaryReach(ctx context.Context, c inventory.Canary) (verdict.Result, []netip.Addr) {
	h := e.addresses(ctx, c.Host)
	addrs := slices.Concat(h.v6.usable, h.v4.usable)
	var up, down []string
	for _, a := range addrs {
		if t := e.attempt(ctx, endpoint{addr: a, port: c.Port, kind: "tcp", host: c.Host}); t.ok() {
			up = append(up, a.String())
		} else {
			down = append(down, a.String()+": "+t.detail)
		}
	}
	if len(addrs) == 0 {
		down = append(down, "no address ("+string(h.v6.cause)+")")
	}
	switch {
	case c.Want == "up" && len(down) > 0:
		return canaryResult(c, "vantage.canary-good-fails", strings.Join(down, "; ")), addrs
	case c.Want == "down" && len(up) > 0:
		return canaryResult(c, "vantage.canary-bad-passes", strings.Join(up, ", ")), addrs
	}
	return canaryResult(c, "vantage.canary-ok", strings.Join(up, ", ")), addrs
}

func canaryResult(c inventory.Canary, r verdict.Reason, detail string) verdict.Result {
	out := result(r, "detail", detail)
	out.Subject = c.Host
	return out
}

// proveFamily decides whether a family works from here. A bad canary that
// passes voids it; otherwise one good canary, or else one root server, proves it.
func (e *Env) proveFamily(ctx context.Context, out *[]verdict.Result, canaries []canary, name string, of func(netip.Addr) bool) bool {
	var fails []string
	proof := ""
	tried := false
	for _, c := range canaries {
		if !slices.ContainsFunc(c.addrs, of) {
			continue
		}
		switch c.result.Reason {
		case "vantage.canary-bad-passes":
			fails = append(fails, c.Host+" answers, which it never does")
			*out = append(*out, familyResult("vantage.no-family", name, strings.Join(fails, "; ")))
			return false
		case "vantage.canary-good-fails":
			tried = true
			fails = append(fails, c.Host+": "+c.result.Args["detail"])
		case "vantage.canary-ok":
			if c.Want == "up" {
				tried, proof = true, c.Host
			}
		}
	}
	if !tried {
		proof, fails = e.askRoots(ctx, of)
	}
	if proof == "" {
		*out = append(*out, familyResult("vantage.no-family", name, strings.Join(fails, "; ")))
		return false
	}
	*out = append(*out, familyResult("vantage.family-ok", name, proof))
	return true
}

func familyResult(r verdict.Reason, name, detail string) verdict.Result {
	out := result(r, "detail", detail)
	out.Subject = name
	return out
}

// askRoots asks root servers of one family until one answers.
func (e *Env) askRoots(ctx context.Context, of func(netip.Addr) bool) (proof string, fails []string) {
	ctx, cancel := context.WithTimeout(ctx, 2*e.Step)
	defer cancel()
	type reply struct{ proof, fail string }
	replies := make(chan reply)
	asked := 0
	for _, s := range e.Roots {
		for _, a := range s.Addrs {
			if !of(a) {
				continue
			}
			asked++
			go func() {
				r := reply{proof: fmt.Sprintf("%s [%s]", plainName(s.Name), a)}
				if _, _, err := e.DNS.Ask(ctx, a, false, ".", dns.TypeSOA); err != nil {
					r = reply{fail: fmt.Sprintf("%s: %s", a, causeOf(err))}
				}
				select {
				case replies <- r:
				case <-ctx.Done():
				}
			}()
		}
	}
	if asked == 0 {
		return "", []string{"no root server of this family in the hints, and no canary"}
	}
	for range asked {
		select {
		case r := <-replies:
			if r.fail == "" {
				return r.proof, nil
			}
			fails = append(fails, r.fail)
		case <-ctx.Done():
			return "", append(fails, string(dial.Classify(ctx.Err())))
		}
	}
	return "", fails
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
	good := true
	var zones []string
	for _, a := range e.Anchors {
		z := dns.CanonicalName(a.Header().Name)
		if slices.Contains(zones, z) {
			continue
		}
		zones = append(zones, z)
		got := e.validate(ctx, z, dns.TypeDNSKEY)
		r := result("vantage.anchor-unknown", "cause", string(verdict.OtherCause))
		switch got.State {
		case dnssec.Secure:
			r = result("vantage.anchor-ok")
			*out = append(*out, result("vantage.clock-ok"))
		case dnssec.Bogus:
			good = false
			r = result("vantage.anchor-bad", "detail", firstDetail(got))
		default:
			if len(got.Reasons) > 0 {
				r.Args["cause"] = string(got.Reasons[0].Cause)
			}
		}
		r.Subject = zoneName(z)
		*out = append(*out, r)
	}
	return good
}

// judgeData says whether a data source can back verdicts.
func (e *Env) judgeData(d Data) verdict.Result {
	var r verdict.Result
	switch {
	case d.Err != nil:
		r = result("vantage.data-missing", "detail", d.Err.Error())
	case d.Name == "":
		r = result("vantage.data-none")
	case !d.At.IsZero() && e.Now().Sub(d.At) > maxDataAge:
		r = result("vantage.data-stale", "detail", fmt.Sprintf("%s, made %s", d.Name, d.At.UTC().Format(time.RFC3339)))
	default:
		made := ""
		if !d.At.IsZero() {
			made = ", " + d.At.UTC().Format(time.RFC3339)
		}
		r = result("vantage.data-ok", "detail", fmt.Sprintf("%d, %s%s", d.Count, d.Name, made))
	}
	r.Subject = d.Kind
	return r
}
