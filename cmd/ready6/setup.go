package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// setup is what every command that measures something needs.
type setup struct {
	config  probes.Config
	sources []history.SourceInfo
	lab     *lab.Lab
	caches  caches  // of the RTR sources used so far
	tracer  *tracer // nil: no --trace
	optOut  *inventory.OptOut
	meter   *dial.Meter
	pace    *dial.Pace

	// fresh is config with resolvers that remember nothing, within the same limits.
	fresh func() probes.Config
}

// close ends the lab, if there is one.
func (s *setup) close() {
	if s.lab != nil {
		s.lab.Close()
	}
}

// newSetup starts the lab, if that is what is to be measured.
func newSetup(c config) (*setup, error) {
	s := &setup{meter: &dial.Meter{}}
	s.pace = dial.NewPace(rates(c), s.meter)
	var err error
	if s.optOut, err = optOut(c); err != nil || !c.on("lab") {
		return s, err
	}
	w, err := lab.Open(c.text("world"))
	if err != nil {
		return nil, usagef("world: %w; ready6 lab --list names the worlds there are", err)
	}
	if s.lab, err = lab.Start(w, lab.Options{Loopback: c.on("loopback")}); err != nil {
		return nil, failed(err)
	}
	return s, nil
}

// prepare wires the network, the DNS and the data sources together. Its errors
// are bad input; what a run can do without is left to Preflight to tell.
func (s *setup) prepare(ctx context.Context, c config, inv inventory.Inventory) error {
	now := s.clock(c)
	out := s.network(c)
	hints, err := s.hints(c)
	if err != nil {
		return err
	}
	cas, err := s.authorities(c)
	if err != nil {
		return err
	}
	s.config = probes.Config{
		Dial: dial.Limit(out, dial.Limits{PerAddress: c.number("per-address"), PerNetwork: c.number("per-network"),
			Total: c.number("connections"), Meter: s.meter}),
		PerAddress: c.number("per-address"), Connections: c.number("connections"),
		OptOut: s.optOut, Pace: s.pace, Meter: s.meter, EHLO: c.text("helo-name"),
		CAs: cas, Roots: hints, Allow: s.allow(c), Inventory: inv, Name: vantageName(c),
		Now: now, Step: s.step(c), Lead: c.duration("lead-time"), UserAgent: userAgent(c), Policy: policy(c),
		Browser: c.browser(), OwnCAs: s.lab != nil || c.text("ca") != "",
	}
	s.config.Internal, s.config.NAT64Prefixes = c.on("vantage-internal"), nat64Prefixes(c)
	if s.lab != nil {
		s.config.Internal = s.config.Internal || s.lab.Internal()
		s.config.NAT64Prefixes = append(s.config.NAT64Prefixes, s.lab.NAT64()...)
	}
	s.config.Only = checksOf(c.list("only"))
	// Name servers are shared by many services: their budget is a wider one.
	dns, dns6 := s.nameServers(c, out), s.nameServers(c, out)
	s.anchors(c)
	s.fresh = func() probes.Config {
		fresh := s.config
		fresh.DNS = s.resolverBy(c, dns, resolve.Config{Hints: hints, Families: resolve.Both, Now: now})
		fresh.DNS6 = s.resolverBy(c, dns6, resolve.Config{Hints: hints, Families: resolve.V6, Now: now, Witness: fresh.DNS})
		if len(fresh.Anchors) > 0 {
			fresh.DNSSEC = dnssec.New(fresh.DNS, fresh.Anchors, now)
		}
		return fresh
	}
	s.config = s.fresh()
	s.vrps(ctx, c, now)
	s.routes(c, inv, now)
	return nil
}

// forget lets go of the resolvers in config, once an Env has them: what they
// remember goes with it. fresh still gives others.
func (s *setup) forget() { s.config.DNS, s.config.DNS6, s.config.DNSSEC = nil, nil, nil }

// nat64Prefixes are those that load has checked.
func nat64Prefixes(c config) (out []netip.Prefix) {
	for _, text := range c.list("nat64") {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// checksOf is what --only asks for. What judges addresses brings the addresses:
// without them, nothing could be said of how many there are.
func checksOf(only []string) (out []verdict.Check) {
	for _, name := range only {
		out = append(out, verdict.Check(name))
	}
	rests := func(c verdict.Check) bool {
		return c == verdict.Reach || c == verdict.Web || c == verdict.RPKI || c == verdict.Closure || c == verdict.Browser
	}
	if slices.ContainsFunc(out, rests) && !slices.Contains(out, verdict.AAAA) {
		out = append(out, verdict.AAAA)
	}
	return out
}

func (s *setup) clock(c config) func() time.Time {
	if s.lab != nil && c.text("at") == "" {
		return s.lab.Now
	}
	return c.now()
}

// labStep is how long the lab is waited for: nothing in it is far away.
const labStep = 400 * time.Millisecond

func (s *setup) step(c config) time.Duration {
	if s.lab != nil && !c.given["step-timeout"] {
		return labStep
	}
	return c.duration("step-timeout")
}

func (s *setup) allow(c config) []netip.Prefix {
	var out []netip.Prefix
	if s.lab != nil {
		out = append(out, s.lab.Allow()...)
	}
	for _, p := range c.list("allow") {
		out = append(out, netip.MustParsePrefix(p).Masked()) // checked by load
	}
	return out
}

// network is the guarded way out.
func (s *setup) network(c config) dial.Func {
	next := dial.System()
	if s.lab != nil {
		next = s.lab.Dial
	}
	return dial.Spare(dial.Guard(s.meter.Watch(next), s.allow(c)...), s.optOut.Addr)
}

// nameServers bounds the way out to name servers.
func (s *setup) nameServers(c config, out dial.Func) dial.Func {
	return dial.Limit(out, dial.Limits{PerAddress: 64, Total: 4 * c.number("connections"), Meter: s.meter})
}

func (s *setup) resolver(c config, out dial.Func, r resolve.Config) *resolve.Resolver {
	return s.resolverBy(c, s.nameServers(c, out), r)
}

func (s *setup) resolverBy(c config, out dial.Func, r resolve.Config) *resolve.Resolver {
	r.Trace, r.Minimise = s.tracer.hook(), c.on("qname-minimisation")
	r.Dial, r.Timeout = out, s.step(c)
	r.Pace, r.OptedOut, r.Contact = s.pace, s.optOut.Name, ednsContact(c)
	return resolve.New(r)
}

func (s *setup) hints(c config) ([]resolve.Server, error) {
	path := c.text("root-hints")
	if path == "" && s.lab != nil {
		return resolve.ReadHints(strings.NewReader(s.lab.Hints()))
	}
	if path == "" {
		return resolve.RootHints(), nil
	}
	f, err := openFile(path)
	if err != nil {
		return nil, usagef("root hints: %w", err)
	}
	defer f.Close()
	hints, err := resolve.ReadHints(f)
	if err != nil {
		return nil, usagef("root hints: %s: %w", path, brief(err))
	}
	s.source("root hints", path, time.Time{}, len(hints))
	return hints, nil
}

func (s *setup) authorities(c config) (*x509.CertPool, error) {
	path := c.text("ca")
	if path == "" {
		if s.lab != nil {
			return s.lab.CAs(), nil
		}
		return nil, nil
	}
	pem, err := readFile(path)
	if err != nil {
		return nil, usagef("ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usagef("ca: %s has no certificate in PEM form", path)
	}
	return pool, nil
}

// anchors reads the trust anchors. Without any, DNSSEC is unknown for everybody.
func (s *setup) anchors(c config) {
	list, name, err := readAnchors(c, s.lab)
	if err != nil {
		s.config.AnchorErr = brief(err)
		return
	}
	s.config.Anchors = list
	s.source("trust anchors", name, time.Time{}, len(list))
}

func readAnchors(c config, l *lab.Lab) (anchors []dns.RR, name string, err error) {
	path := c.text("trust-anchor")
	switch {
	case path == "" && l != nil:
		anchors, err = dnssec.ReadAnchors(strings.NewReader(l.Anchors()))
		return anchors, "lab", err
	case path == "":
		return dnssec.RootAnchors(), "built-in", nil
	}
	f, err := openFile(path)
	if err != nil {
		return nil, path, err
	}
	defer f.Close()
	if anchors, err = dnssec.ReadAnchors(f); err != nil {
		return nil, path, fmt.Errorf("%s: %w", path, err)
	}
	return anchors, path, nil
}

func vantageName(c config) string {
	if v := c.text("vantage"); v != "" {
		return v
	}
	if c.on("lab") {
		return "lab"
	}
	if h, err := os.Hostname(); err == nil {
		return h
	}
	return "unnamed"
}

func userAgent(c config) string {
	ua := "ready6/" + toolVersion() + " (IPv6 readiness scanner"
	if contact := c.text("contact"); contact != "" {
		ua += "; " + contact
	}
	return ua + ")"
}
