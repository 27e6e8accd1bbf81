package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// ports returns where a service of a kind is looked for.
func ports(kind string, own uint16) []uint16 {
	if own != 0 {
		return []uint16{own}
	}
	switch kind {
	case "web":
		return []uint16{443, 80}
	case "mail":
		return []uint16{25}
	case "dns":
		return []uint16{53}
	}
	return nil
}

// reachResults connects to every address and port of both families and judges
// IPv6 by comparison with IPv4: what fails in both is no fault of IPv6.
func reachResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	var out []verdict.Result
	for _, h := range s.hosts {
		out = append(out, e.reachHost(ctx, s, h)...)
	}
	return out
}

// reachHost judges one host of a service.
func (e *Env) reachHost(ctx context.Context, s *subject, h addresses) []verdict.Result {
	v6 := e.attemptAll(ctx, s, h.host, h.v6.usable, e.vantage.V6)
	v4 := e.attemptAll(ctx, s, h.host, h.v4.usable, e.vantage.V4)
	c := comparison{v6: v6, v4: v4, v4Unknown: h.v4.cause != "" || (!e.vantage.V4 && len(h.v4.usable) > 0)}
	var out []verdict.Result
	if len(h.v6.usable) == 0 {
		out = append(out, verdict.Result{Check: verdict.Reach, Reason: "reach.none", Subject: h.host, Args: map[string]string{"family": "IPv6"}})
	}
	for _, a := range v6 {
		r := c.judge(a)
		if !e.vantage.V6 {
			r = verdict.Result{Reason: "reach.no-vantage", Args: map[string]string{"family": "IPv6"}}
		}
		out = append(out, e.sameSite(ctx, c, e.finish(r, verdict.Reach, a), a))
	}
	for _, a := range v4 {
		r := plainly(a)
		if !e.vantage.V4 {
			r = verdict.Result{Reason: "reach.no-vantage", Args: map[string]string{"family": "IPv4"}}
		} else if !a.connected() && a.cause == verdict.Refused && c.portUnused(a) {
			r = verdict.Result{Reason: "reach.unused"}
		}
		out = append(out, e.finish(r, verdict.Reach4, a))
	}
	return out
}

// sameSite makes a reply a fault where the address leads to another site than
// the one over IPv4.
func (e *Env) sameSite(ctx context.Context, c comparison, r verdict.Result, a attempt) verdict.Result {
	other, compared := c.peer(a.port)
	if a.kind != "web" || !compared || r.Outcome() != verdict.Pass {
		return r
	}
	seen := e.contrast(ctx, a, other)
	if seen.other == "" {
		return r
	}
	r.Reason = "reach.other-site"
	r.Args = map[string]string{"host": a.host, "detail": seen.other, "other": "IPv4"}
	r.Evidence = slices.Concat(r.Evidence, other.evidence(), seen.evidence)
	return r
}

// finish fills in what all reach results share.
func (e *Env) finish(r verdict.Result, check verdict.Check, a attempt) verdict.Result {
	r.Check, r.Subject = check, a.String()
	if r.Args == nil {
		r.Args = map[string]string{}
	}
	r.Args["host"] = a.host
	if a.at.IsZero() {
		r.At = e.Now()
		return r
	}
	r.At, r.Took, r.Evidence = a.at, a.took, a.evidence()
	return r
}

// attemptAll speaks to every address and port of one family, side by side. With
// no vantage in that family the endpoints are listed, but not contacted.
func (e *Env) attemptAll(ctx context.Context, s *subject, host string, addrs []netip.Addr, vantage bool) []attempt {
	var points []endpoint
	for _, a := range addrs {
		for _, p := range ports(s.Kind, s.Port) {
			points = append(points, endpoint{addr: a, port: p, kind: s.Kind, host: host})
		}
	}
	out := make([]attempt, len(points))
	alongside(len(points), func(i int) {
		if !vantage {
			out[i] = attempt{endpoint: points[i], cause: verdict.NoFamily}
			return
		}
		out[i] = e.attempt(ctx, points[i])
	})
	return out
}

// comparison holds all attempts at one host's service.
type comparison struct {
	v6, v4    []attempt
	v4Unknown bool // there may be IPv4 addresses, but they could not be tried
}

// judge says what one IPv6 attempt means beside all the others.
func (c comparison) judge(a attempt) verdict.Result {
	switch {
	case a.ok():
		return c.judgeReply(a)
	case a.busy:
		return result("reach.busy", "detail", a.detail)
	case a.flooded():
		return result("reach.flood", "detail", a.detail)
	case ours(a.cause):
		return result("reach.unknown", "cause", string(a.cause))
	case !a.connected():
		return c.judgeClosed(a)
	case c.failsOver4(a.port):
		return result("reach.broken", "detail", describe(a))
	case a.protocol:
		return result("reach.protocol", "detail", describe(a))
	case a.kind == "dns":
		return result("reach.no-tcp", "detail", a.detail)
	case a.cause == verdict.Timeout:
		if !c.worksOver4(a.port) {
			return result("reach.down", "cause", string(a.cause))
		}
		return result("reach.stalled", "detail", describe(a))
	case a.stage == handshaking && a.cause != verdict.Reset:
		return result("reach.tls", "detail", a.detail)
	}
	return result("reach.reset", "detail", describe(a))
}

// judgeReply compares a reply with what comes over IPv4 from the same port.
func (c comparison) judgeReply(a attempt) verdict.Result {
	other, compared := c.peer(a.port)
	if odd := oddity(a); odd != "" && !compared && (c.v4Unknown || c.untried4(a.port)) {
		return result("reach.uncompared", "detail", odd, "other", "IPv4")
	}
	if a.cert.err != nil {
		detail := brief(a.cert.err.Error())
		if compared && other.cert.err == nil && other.cert.leaf != nil {
			return result("reach.cert", "detail", detail, "other", "IPv4")
		}
		return result("reach.cert-both", "detail", detail)
	}
	switch {
	case a.kind == "mail" && !a.starttls && compared && other.starttls:
		return result("reach.starttls", "other", "IPv4")
	case a.kind == "mail" && !a.starttls:
		return result("reach.starttls-both")
	case a.kind == "dns" && a.lame && compared && other.resolver && !other.lame:
		return result("reach.no-recursion", "detail", strings.Join(a.proof, ", "), "other", "IPv4")
	case a.kind == "dns" && a.lame && compared && !other.lame:
		return result("reach.lame", "detail", strings.Join(a.proof, ", "), "other", "IPv4")
	case a.kind == "web" && a.status >= 400:
		return c.judgeStatus(a, other, compared)
	}
	return plainly(a)
}

// oddity is what is not as it should be about a reply, if anything: a fault of
// IPv6 only where IPv4 does better.
func oddity(a attempt) string {
	switch {
	case a.cert.err != nil:
		return brief(a.cert.err.Error())
	case a.kind == "mail" && !a.starttls:
		return "no STARTTLS"
	case a.kind == "dns" && a.lame:
		return strings.Join(a.proof, ", ")
	case a.kind == "web" && a.status >= 400:
		return "HTTP " + strconv.Itoa(a.status)
	}
	return ""
}

// judgeStatus judges an error page. A firewall's says nothing of the service
// behind it; a server's own trouble in both families is no fault of IPv6.
func (c comparison) judgeStatus(a, other attempt, compared bool) verdict.Result {
	detail := "HTTP " + strconv.Itoa(a.status)
	better := compared && other.status < 400
	switch {
	case better && walled(a.status):
		return result("reach.walled", "detail", detail, "other", "IPv4")
	case better:
		return result("reach.status", "detail", detail, "other", "IPv4")
	case a.status >= 500:
		return result("reach.broken", "detail", detail)
	}
	return plainly(a)
}

// judgeClosed judges an endpoint at which nobody took the connection. A port
// that the service does not use over IPv4 either is no fault.
func (c comparison) judgeClosed(a attempt) verdict.Result {
	if c.portUnused(a) {
		return result("reach.unused")
	}
	used := c.worksOver4(a.port)
	if (c.v4Unknown || c.untried4(a.port)) && !used && c.worksElsewhere(a) {
		return result("reach.unknown", "cause", string(a.cause))
	}
	switch {
	case a.cause == verdict.Refused && !c.failsOver4(a.port):
		return result("reach.refused")
	case !used:
		return result("reach.down", "cause", string(a.cause))
	case a.cause == verdict.Unreachable:
		return result("reach.unreachable", "other", "IPv4")
	case a.cause == verdict.Timeout:
		return result("reach.silent", "other", "IPv4")
	case a.cause == verdict.Reset:
		return result("reach.reset", "detail", describe(a))
	}
	return result("reach.unknown", "cause", string(a.cause))
}

// portUnused reports whether the service works on another port, and on this one
// nobody listens at any address. It takes an answer from all of them: what this
// scanner could not try may be in use. Whether IPv6 could be tried does not
// matter to IPv4.
func (c comparison) portUnused(a attempt) bool {
	if !c.worksElsewhere(a) || (c.v4Unknown && a.addr.Is6()) {
		return false
	}
	for _, b := range slices.Concat(c.v6, c.v4) {
		if b.port == a.port && (b.connected() || (ours(b.cause) && a.addr.Is6())) {
			return false
		}
	}
	return true
}

// worksElsewhere reports whether the service works on another port of any address.
func (c comparison) worksElsewhere(a attempt) bool {
	return slices.ContainsFunc(slices.Concat(c.v6, c.v4), func(b attempt) bool { return b.port != a.port && b.ok() })
}

// untried4 reports whether this scanner did not get to try the port over IPv4.
func (c comparison) untried4(port uint16) bool {
	return slices.ContainsFunc(c.v4, func(b attempt) bool { return b.port == port && ours(b.cause) })
}

// failsOver4 reports whether the same port was tried over IPv4, and does not
// work there either.
func (c comparison) failsOver4(port uint16) bool {
	tried := false
	for _, b := range c.v4 {
		if b.port != port {
			continue
		}
		if b.ok() || ours(b.cause) || b.busy {
			return false
		}
		tried = true
	}
	return tried
}

// peer is a completed IPv4 attempt at the same port.
func (c comparison) peer(port uint16) (attempt, bool) {
	for _, b := range c.v4 {
		if b.port == port && b.ok() {
			return b, true
		}
	}
	return attempt{}, false
}

func (c comparison) worksOver4(port uint16) bool {
	_, ok := c.peer(port)
	return ok
}

// plainly words an attempt without comparison: all of IPv4, and IPv6 that works.
func plainly(a attempt) verdict.Result {
	switch {
	case a.ok() && a.received > largeReply:
		return result("reach.ok", "proof", strings.Join(a.proof, ", "))
	case a.ok():
		return result("reach.small", "proof", strings.Join(a.proof, ", "))
	case a.busy:
		return result("reach.busy", "detail", a.detail)
	case a.flooded():
		return result("reach.flood", "detail", a.detail)
	case ours(a.cause):
		return result("reach.unknown", "cause", string(a.cause))
	}
	return result("reach4.fault", "detail", describe(a))
}

// flooded reports whether the server sent more than is read of one connection.
func (a attempt) flooded() bool { return a.stage == replying && a.cause == verdict.OverBudget }

// ours reports whether a cause lies with this scanner, so that it says nothing
// of the target.
func ours(c verdict.Cause) bool {
	switch c {
	case verdict.Cancelled, verdict.Deadline, verdict.OverBudget, verdict.NoFamily, verdict.Forbidden, verdict.OptedOut:
		return true
	}
	return false
}

// walled reports whether a status means that a firewall or a rate limit answers
// in the service's place: its content is then unknown, not different.
func walled(status int) bool { return status == 403 || status == 429 || status == 503 }

// describe says how far an attempt came and why it ended.
func describe(a attempt) string {
	done := strings.Join(a.proof, ", ")
	if done == "" {
		return a.detail
	}
	return fmt.Sprintf("%s, then: %s", done, a.detail)
}

// result makes a result from a reason and pairs of argument names and values.
func result(r verdict.Reason, pairs ...string) verdict.Result {
	args := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i]] = pairs[i+1]
	}
	return verdict.Result{Reason: r, Args: args}
}
