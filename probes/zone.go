package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxServers bounds the name servers of a zone, maxServerAddrs the addresses of
// a server, that are asked one by one. The root has 13 servers.
const (
	maxServers     = 16
	maxServerAddrs = 4
)

// zoneCheck is what one zone's name servers do over IPv6, asked once a run.
type zoneCheck struct {
	results  []verdict.Result
	addrs    []netip.Addr // IPv6 addresses of its servers
	deadGlue bool         // all IPv6 glue that the parent gives leads nowhere
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

// askZone asks the servers of a zone side by side.
func (e *Env) askZone(ctx context.Context, z resolve.Zone) zoneCheck {
	all := make([]serverCheck, min(len(z.NS), maxServers))
	alongside(len(all), func(i int) { all[i] = e.askServer(ctx, z, z.NS[i]) })
	var addrs []netip.Addr
	for _, s := range all {
		addrs = append(addrs, s.addrs...)
	}
	out := zoneCheck{results: e.judgeZone(ctx, z, all), addrs: addrs, deadGlue: deadGlue(all)}
	for _, s := range all {
		out.results = append(out.results, e.judgeServer(ctx, z, s)...)
	}
	return out
}

// alongside calls f for 0 to n-1 at the same time and waits. A panic in one
// reaches the caller: in a goroutine of its own it would end the process.
func alongside(n int, f func(int)) {
	var wg sync.WaitGroup
	panics := make([]any, n)
	for i := range n {
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			f(i)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// soaFault asks once and says what is wrong with the reply; "" is a good one.
func (e *Env) soaFault(ctx context.Context, z resolve.Zone, a netip.Addr, tcp bool, s *serverCheck) (string, verdict.Cause) {
	m, ev, err := e.ask(ctx, a, tcp, z.Name)
	s.evidence = append(s.evidence, ev)
	switch {
	case err != nil:
		cause := e.causeIn(ctx, err)
		return fmt.Sprintf("%s: %s", a, cause), cause
	case m.Rcode == dns.RcodeServerFailure:
		return fmt.Sprintf("%s: SERVFAIL", a), verdict.ServFail
	case m.Rcode != dns.RcodeSuccess, !m.Authoritative:
		return fmt.Sprintf("%s: %s, not authoritative", a, dns.RcodeToString[m.Rcode]), verdict.Lame
	}
	return "", ""
}

// ask asks one server address for a zone's SOA, again where nothing comes back.
func (e *Env) ask(ctx context.Context, a netip.Addr, tcp bool, zone string) (m *dns.Msg, ev verdict.Evidence, err error) {
	return e.askType(ctx, a, tcp, zone, dns.TypeSOA)
}

// askType asks one server address for a record set of a zone's apex in the same
// way. What a server that limits its askers does not answer in the end is not
// known, whatever it sent instead.
func (e *Env) askType(ctx context.Context, a netip.Addr, tcp bool, zone string, qtype uint16) (m *dns.Msg, ev verdict.Evidence, err error) {
	for n := 1; ; n++ {
		sctx, cancel := dial.Step(ctx, e.Step)
		m, ev, err = e.DNS.Ask(sctx, a, tcp, zone, qtype)
		cancel()
		off := e.putOff(ctx, a, m, err)
		switch {
		case off && n < e.patience(a) && (err != nil || e.pause(ctx, time.Duration(min(n, tries))*e.Step/2)):
		case off && ctx.Err() == nil && e.Pace.PushedBack(a):
			return nil, ev, &resolve.Failure{Cause: verdict.OverBudget, Evidence: []verdict.Evidence{ev}, Err: errLimits}
		default:
			return m, ev, err
		}
	}
}

var errLimits = errors.New("the server limits how often it answers")

// putOff reports whether a reply, or its absence, may be of the moment: silence,
// or an error of a server that has answered other questions.
func (e *Env) putOff(ctx context.Context, a netip.Addr, m *dns.Msg, err error) bool {
	if err != nil {
		return e.causeIn(ctx, err) == verdict.Timeout
	}
	return (m.Rcode == dns.RcodeRefused || m.Rcode == dns.RcodeServerFailure) && e.Pace.Answers(a)
}

// causeIn is the cause of a question's failure; the end of a step's own time is
// the server's silence, unless ctx itself is over.
func (e *Env) causeIn(ctx context.Context, err error) verdict.Cause {
	c := causeOf(err)
	var full *dial.Exhausted
	if errors.As(err, &full) && ctx.Err() == nil {
		return verdict.OverBudget // it was our own limit that took the step's time
	}
	if c == verdict.Deadline && ctx.Err() == nil {
		return verdict.Timeout
	}
	return c
}

// tally sums up the servers of a zone.
type tally struct {
	names, good, wrong []string
	at                 []netip.Addr // where the good ones answer
	tcp                bool         // one of the good ones answers over TCP, or it could not be tried
	addressed, silent  bool
	unknown            verdict.Cause
	evidence           []verdict.Evidence
}

func tallyOf(all []serverCheck) (t tally) {
	for _, s := range all {
		t.names = append(t.names, s.name)
		if s.good() {
			t.good = append(t.good, s.name)
			t.tcp = t.tcp || s.tcp
		}
		if s.unknown != "" {
			t.unknown = s.unknown
		}
		t.at = append(t.at, s.at...)
		t.wrong = append(t.wrong, s.wrong...)
		t.addressed, t.silent = t.addressed || s.addressed(), t.silent || s.silent
		t.evidence = append(t.evidence, s.evidence...)
	}
	if len(all) == maxServers || len(all) == 0 {
		if t.unknown == "" && len(t.good) == 0 {
			t.unknown = verdict.OverBudget // there may be more servers than were asked
		}
	}
	return t
}

// judgeZone turns what the servers did into results on the zone. Unless all of
// them were asked and none has IPv6, a bad word needs the comparison with IPv4:
// a zone that is lame or silent in both families is no fault of IPv6.
func (e *Env) judgeZone(ctx context.Context, z resolve.Zone, all []serverCheck) []verdict.Result {
	t := tallyOf(all)
	servers := strings.Join(t.names, ", ")
	one := func(r verdict.Reason, pairs ...string) []verdict.Result {
		return []verdict.Result{e.zoneResult(z, r, t.evidence, append(pairs, "servers", servers)...)}
	}
	var out []verdict.Result
	switch {
	case len(t.good) == 0 && t.unknown != "":
		return one("closure.zone-unknown", "cause", string(t.unknown))
	case !t.addressed:
		return one("closure.zone-v4only")
	case len(t.good) == 0:
		fault := one("closure.zone-lame6", "detail", strings.Join(t.wrong, "; "))
		seen := e.answers4(ctx, z, false, z.NS...)
		switch {
		case seen != nil:
			fault[0].Evidence = append(slices.Clip(fault[0].Evidence), *seen)
			return fault
		case t.silent:
			return one("closure.zone-unknown", "cause", string(verdict.Timeout))
		case e.vantage.V4 && e.has4(ctx, z):
			return one("closure.zone-unknown", "cause", string(verdict.Lame))
		}
		return fault
	case len(t.good) == 1:
		out = one("closure.zone-one", "server", t.good[0])
	default:
		out = one("closure.zone-ok", "count", strconv.Itoa(len(t.good)))
		out[0].Evidence = nil // each server's own result has it
		out = append(out, e.apart(z, t)...)
	}
	if t.tcp {
		return out
	}
	if seen := e.answers4(ctx, z, true, z.NS...); seen != nil {
		fault := one("closure.zone-tcp-v4only")
		fault[0].Evidence = append(slices.Clip(fault[0].Evidence), *seen)
		out = append(out, fault...)
	}
	return out
}

// apart warns where the servers that answer do so at one address, or on one
// link: who is told of two servers has one (RFC 2182 section 3.1).
func (e *Env) apart(z resolve.Zone, t tally) []verdict.Result {
	links, addrs := map[netip.Prefix]bool{}, map[netip.Addr]bool{}
	for _, a := range t.at {
		link, _ := a.Prefix(64)
		links[link], addrs[a] = true, true
	}
	link, _ := t.at[0].Prefix(64)
	switch {
	case len(addrs) == 1:
		return []verdict.Result{e.zoneResult(z, "closure.zone-one-address", t.evidence, "servers", strings.Join(t.good, ", "), "address", t.at[0].String())}
	case len(links) == 1:
		return []verdict.Result{e.zoneResult(z, "closure.zone-one-prefix", t.evidence, "servers", strings.Join(t.good, ", "), "prefix", link.String())}
	}
	return nil
}

// answers4 is the first good answer of some of a zone's servers over IPv4, nil if
// there is none: only beside one does trouble over IPv6 mean something.
func (e *Env) answers4(ctx context.Context, z resolve.Zone, tcp bool, servers ...resolve.NameServer) *verdict.Evidence {
	ctx, cancel := context.WithTimeout(ctx, 2*mostTries*e.Step)
	defer cancel()
	for _, ns := range servers[:min(len(servers), maxServers)] {
		for _, a := range e.lookup(ctx, plainName(ns.Name)).v4.usable {
			if m, ev, err := e.ask(ctx, a, tcp, z.Name); err == nil && m.Authoritative && m.Rcode == dns.RcodeSuccess {
				return &ev
			}
		}
	}
	return nil
}

// has4 reports whether the zone's servers may have IPv4 addresses.
func (e *Env) has4(ctx context.Context, z resolve.Zone) bool {
	return slices.ContainsFunc(z.NS[:min(len(z.NS), maxServers)], func(ns resolve.NameServer) bool {
		h := e.lookup(ctx, plainName(ns.Name))
		return h.v4.present() || h.v4.cause != ""
	})
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
