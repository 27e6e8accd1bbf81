package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxServers bounds the name servers of a zone, and addresses of a server,
// that are asked one by one.
const (
	maxServers     = 13
	maxServerAddrs = 2
)

// zoneCheck is what one zone's name servers do over IPv6, asked once a run.
type zoneCheck struct {
	results []verdict.Result
	addrs   []netip.Addr // IPv6 addresses of its servers
}

// nameCheck is what resolving one name over IPv6 alone takes.
type nameCheck struct {
	zones   []resolve.Zone   // from the root to the name's own
	failure *resolve.Failure // nil where it resolves
	cause   verdict.Cause    // set where it could not be tried
}

// resolves6 tries to resolve a name with no IPv4 at all, from the root down.
func (e *Env) resolves6(ctx context.Context, name string) nameCheck {
	got, err := e.names6.get(ctx, e.base, name, func(ctx context.Context) nameCheck {
		zones, err := e.DNS.Path(ctx, name)
		if err != nil {
			return nameCheck{cause: causeOf(err)}
		}
		out := nameCheck{zones: zones}
		if _, err := e.DNS6.Query(ctx, name, dns.TypeAAAA); err != nil && !errors.As(err, &out.failure) {
			out.cause = dial.Classify(err)
		}
		return out
	})
	if err != nil {
		return nameCheck{cause: dial.Classify(err)}
	}
	return got
}

// zone asks every name server of a zone over IPv6, by UDP and by TCP
// (RFC 10001: name servers have IPv6, and two of them are wanted).
func (e *Env) zone(ctx context.Context, z resolve.Zone) zoneCheck {
	got, err := e.zones.get(ctx, e.base, z.Name, func(ctx context.Context) zoneCheck { return e.askZone(ctx, z) })
	if err != nil {
		return zoneCheck{results: []verdict.Result{e.zoneResult(z, "closure.zone-unknown", nil, "cause", string(dial.Classify(err)))}}
	}
	return got
}

// tally counts what a zone's servers did.
type tally struct {
	names, good, noTCP []string // server names
	cause              verdict.Cause
	addressed          int // servers with an IPv6 address
	unknown            int // servers whose addresses could not be looked up
	wrong              []string
	evidence           []verdict.Evidence
	addrs              []netip.Addr
}

func (e *Env) askZone(ctx context.Context, z resolve.Zone) zoneCheck {
	var t tally
	for _, ns := range z.NS[:min(len(z.NS), maxServers)] {
		t.names = append(t.names, plainName(ns.Name))
		e.askServer(ctx, z, ns, &t)
	}
	return zoneCheck{results: e.judgeZone(z, t), addrs: t.addrs}
}

// askServer asks one name server of a zone for its SOA, at each IPv6 address.
func (e *Env) askServer(ctx context.Context, z resolve.Zone, ns resolve.NameServer, t *tally) {
	h := e.addresses(ctx, plainName(ns.Name))
	addrs := h.v6.usable
	for _, g := range ns.Glue {
		if g.Is6() && !slices.Contains(addrs, g) && h.v6.cause != "" {
			addrs = append(addrs, g)
		}
	}
	if len(addrs) == 0 {
		if h.v6.cause != "" {
			t.unknown++
			t.cause = h.v6.cause
		}
		t.evidence = append(t.evidence, h.v6.evidence...)
		return
	}
	t.addressed++
	t.addrs = append(t.addrs, addrs...)
	good, tcp := false, true
	for _, a := range addrs[:min(len(addrs), maxServerAddrs)] {
		udpOK := e.askSOA(ctx, z, a, false, t)
		tcpOK := e.askSOA(ctx, z, a, true, t)
		good = good || udpOK
		tcp = tcp && tcpOK
	}
	name := plainName(ns.Name)
	switch {
	case good && tcp:
		t.good = append(t.good, name)
	case good:
		t.good = append(t.good, name)
		t.noTCP = append(t.noTCP, name)
	}
}

// askSOA reports whether one address answers for the zone with authority.
func (e *Env) askSOA(ctx context.Context, z resolve.Zone, a netip.Addr, tcp bool, t *tally) bool {
	m, ev, err := e.ask(ctx, a, tcp, z.Name)
	t.evidence = append(t.evidence, ev)
	if err != nil {
		t.cause = e.causeIn(ctx, err)
		if !tcp && !ours(t.cause) {
			t.wrong = append(t.wrong, fmt.Sprintf("%s: %s", a, t.cause))
		}
		return false
	}
	if m.Authoritative && m.Rcode == dns.RcodeSuccess {
		return true
	}
	t.cause = verdict.Lame
	if !tcp {
		t.wrong = append(t.wrong, fmt.Sprintf("%s: %s, not authoritative", a, dns.RcodeToString[m.Rcode]))
	}
	return false
}

// ask asks one server address for a zone's SOA, again where nothing comes back.
func (e *Env) ask(ctx context.Context, a netip.Addr, tcp bool, zone string) (m *dns.Msg, ev verdict.Evidence, err error) {
	for range tries {
		sctx, cancel := context.WithTimeout(ctx, e.Step)
		m, ev, err = e.DNS.Ask(sctx, a, tcp, zone, dns.TypeSOA)
		cancel()
		if err == nil || e.causeIn(ctx, err) != verdict.Timeout {
			break
		}
	}
	return m, ev, err
}

// causeIn is the cause of a question's failure; the end of a step's own time is
// the server's silence, unless ctx itself is over.
func (e *Env) causeIn(ctx context.Context, err error) verdict.Cause {
	c := causeOf(err)
	if c == verdict.Deadline && ctx.Err() == nil {
		return verdict.Timeout
	}
	return c
}

// judgeZone turns the count into results.
func (e *Env) judgeZone(z resolve.Zone, t tally) []verdict.Result {
	servers := strings.Join(t.names, ", ")
	one := func(r verdict.Reason, pairs ...string) []verdict.Result {
		return []verdict.Result{e.zoneResult(z, r, t.evidence, append(pairs, "servers", servers)...)}
	}
	var out []verdict.Result
	switch {
	case len(t.good) == 0 && t.unknown > 0, len(t.good) == 0 && ours(t.cause):
		return one("closure.zone-unknown", "cause", string(t.cause))
	case t.addressed == 0:
		return one("closure.zone-v4only")
	case len(t.good) == 0 && t.cause == verdict.Timeout && !e.answers4(z):
		return one("closure.zone-unknown", "cause", string(t.cause))
	case len(t.good) == 0:
		return one("closure.zone-lame6", "detail", strings.Join(t.wrong, "; "))
	case len(t.good) == 1:
		out = one("closure.zone-one", "server", t.good[0])
	default:
		out = one("closure.zone-ok", "count", strconv.Itoa(len(t.good)))
	}
	for _, s := range t.noTCP {
		out = append(out, e.zoneResult(z, "closure.zone-no-tcp", t.evidence, "server", s))
	}
	return out
}

// answers4 reports whether the zone's servers answer over IPv4: only then does
// their silence over IPv6 mean something.
func (e *Env) answers4(z resolve.Zone) bool {
	ctx, cancel := context.WithTimeout(e.base, 2*tries*e.Step)
	defer cancel()
	for _, ns := range z.NS[:min(len(z.NS), maxServers)] {
		for _, a := range e.addresses(ctx, plainName(ns.Name)).v4.usable {
			if m, _, err := e.ask(ctx, a, false, z.Name); err == nil && m.Authoritative {
				return true
			}
		}
	}
	return false
}

func (e *Env) zoneResult(z resolve.Zone, r verdict.Reason, ev []verdict.Evidence, pairs ...string) verdict.Result {
	out := result(r, pairs...)
	out.Check, out.Subject, out.Evidence, out.At = verdict.Closure, zoneName(z.Name), ev, e.Now()
	out.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: zoneName(z.Name)}
	return out
}

// zoneName is a zone as people write it: no final dot, but for the root.
func zoneName(n string) string {
	if n == "." || n == "" {
		return "."
	}
	return plainName(n)
}

// plainName is a host name without the final dot.
func plainName(n string) string { return strings.TrimSuffix(n, ".") }
