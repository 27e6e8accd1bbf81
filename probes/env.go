// Package probes asks the questions ready6 exists for: which addresses a
// service publishes, whether it works over IPv6 on every one of them, whether
// its name is secure from the root, whether the routes to it are covered by
// ROAs, and what else an IPv6-only client would have to reach.
//
// A probe never returns an error for what a target does: that is a result. What
// could not be measured is a result too, with its cause.
package probes

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"ready6/inventory"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/resolve"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
)

// Config is what a run is given. The zero value of a field means "not there":
// what rests on it is then unknown, never bad.
type Config struct {
	Dial dial.Func // guarded and limited; the only way out
	// PerAddress and Connections are the limits of Dial; 0: none.
	PerAddress, Connections int
	DNS                     *resolve.Resolver // over the families this vantage has
	DNS6                    *resolve.Resolver // over IPv6 alone, for the dependency closure
	DNSSEC                  *dnssec.Validator // nil: no trust anchor
	VRPs                    *rpki.Snapshot
	Routes                  *rpki.Routes
	CAs                     *x509.CertPool   // nil: the system's
	Roots                   []resolve.Server // the root hints, asked by Preflight
	Anchors                 []dns.RR         // what DNSSEC starts from, compared by Preflight
	AnchorErr               error            // why there are none
	Policy                  rpki.Policy      // thresholds for route origins
	Data                    []Data           // where VRPs and Routes came from, for Preflight
	Allow                   []netip.Prefix   // special-purpose space that may be contacted after all

	OptOut *inventory.OptOut // who is not contacted; Dial and DNS know them too
	Pace   *dial.Pace        // of DNS; what it finds out of loss says how often silence is tried again; may be nil
	Meter  *dial.Meter       // of where the time goes; may be nil

	NAT64Prefixes []netip.Prefix // of this network's NAT64, beside those of everywhere
	Internal      bool           // this vantage may see hosts that the inventory calls internal

	Inventory inventory.Inventory // canaries, own prefixes, operator names
	Name      string              // what the operator calls this vantage
	Now       func() time.Time
	Step      time.Duration // longest wait for one connect, handshake or reply; default 5 s
	Lead      time.Duration // warn of signatures that end within it; default 72 h
	Only      []verdict.Check
	UserAgent string
	EHLO      string // how mail servers are greeted; default: an address literal
	Browser   string // the Chromium to ask for its opinion: a path, or "auto"; empty: none
	OwnCAs    bool   // CAs has authorities that no browser knows
	Brief     bool   // no chains of trust, and no evidence of what passed but where another look may find otherwise: nobody will look at them
	Once      bool   // no service is looked at again
}

// Env is one run's view of the world: its configuration, what Preflight found
// out about the vantage, and what has been asked so far. Safe for concurrent use.
type Env struct {
	Config
	base     context.Context
	vantage  Vantage
	listed   map[string]string // host → the agency that lists it first
	public   map[string]bool   // hosts that somebody lists as public
	gate     *gate
	browsers chan struct{} // a place for each that may run
	silent   sync.Map      // netip.AddrPort: nobody answered several tries there
	voided   []string      // anchor zones that do not validate, lower case with final dot

	hosts     memo[string, addresses]
	attempts  memo[endpoint, attempt]
	greetings memo[endpoint, attempt] // of mail hosts
	contrasts memo[endpoint, contrast]
	multis    memo[endpoint, attempt] // over HTTP/2
	quics     memo[endpoint, attempt] // over HTTP/3

	quicAnswers, quicSilent atomic.Int32 // tries over IPv6 that were answered, and that met silence
	mails                   memo[string, mailHosts]
	secured                 memo[question, dnssec.Result]
	zones                   memo[string, zoneCheck]
	postures                memo[string, []verdict.Result]
	names6                  memo[string, nameCheck]
}

// How much of what was found out is kept for other services that lead to the same:
// more than is looked at at any one time, so that what many share is asked once a
// run, and what belongs to one service alone does not stay.
const (
	keptNames     = 2048 // addresses and DNSSEC states of names
	keptEndpoints = 2048 // what one address and port answered for one host
	keptMail      = 8192 // the same of mail hosts, and mail domains: one connection a run
	keptZones     = 4096 // zones, and the names that were resolved over IPv6 alone
)

// New returns the Env of one run. What is shared between services is asked
// under ctx, so cancelling ctx ends everything under way.
func New(ctx context.Context, c Config) *Env {
	if c.Step <= 0 {
		c.Step = 5 * time.Second
	}
	if c.Lead <= 0 {
		c.Lead = 72 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.UserAgent == "" {
		c.UserAgent = "ready6 (IPv6 readiness scanner)"
	}
	if c.Brief && c.DNSSEC != nil {
		c.DNSSEC.Brief = true
	}
	e := &Env{Config: c, base: ctx, gate: newGate(c.PerAddress, c.Connections), browsers: make(chan struct{}, browsers), vantage: Vantage{V4: true, V6: true, DNSSEC: true}, listed: map[string]string{}, public: map[string]bool{}}
	e.hosts.most, e.secured.most = keptNames, keptNames
	e.attempts.most, e.contrasts.most, e.multis.most, e.quics.most = keptEndpoints, keptEndpoints, keptEndpoints, keptEndpoints
	e.greetings.most, e.mails.most = keptMail, keptMail
	e.zones.most, e.names6.most, e.postures.most = keptZones, keptZones, keptZones/2
	for a, s := range c.Inventory.All() {
		if _, known := e.listed[s.Host]; !known {
			e.listed[s.Host] = a.ID
		}
		e.public[s.Host] = e.public[s.Host] || s.Visibility != hidden
	}
	return e
}

// wants reports whether a check was asked for; no list means all of them.
func (e *Env) wants(c verdict.Check) bool {
	return len(e.Only) == 0 || slices.Contains(e.Only, c)
}

// wantsIPv4 reports whether A records matter to the checks that were asked for.
// Where those are no more than AAAA and whether it is secure, each name costs
// half the questions without them.
func (e *Env) wantsIPv4() bool {
	return !e.wants(verdict.AAAA) || len(e.Only) == 0 ||
		slices.ContainsFunc(e.Only, func(c verdict.Check) bool { return c != verdict.AAAA && c != verdict.DNSSEC })
}

// Service examines one service of one agency and returns everything found out.
func (e *Env) Service(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
	began := e.Now()
	ctx = holding(ctx)
	s := &subject{Service: svc, agency: agency}
	rec := verdict.Record{Agency: agency, Host: svc.Host, Kind: svc.Kind, Port: svc.Port, At: began}
	if svc.Visibility == hidden && !e.Internal {
		rec.Results = []verdict.Result{{Check: verdict.AAAA, Reason: "aaaa.internal", Subject: svc.Host, At: began,
			Owner: verdict.Owner{Role: verdict.Operator, Name: e.Name}}}
		return rec
	}
	if entry := e.OptOut.Host(svc.Host); entry != "" {
		rec.Results = e.spared(svc, entry, began)
		return rec
	}
	s.survey(ctx, e)
	rec.Results = make([]verdict.Result, 0, cmp.Or(len(e.Only), len(table))) // most checks have one at least
	for _, p := range table {
		if !e.wants(p.check) {
			continue
		}
		start := e.Now()
		results := p.run(ctx, e, s)
		for i := range results {
			r := &results[i]
			if r.Check == "" {
				r.Check = p.check
			}
			if r.At.IsZero() {
				r.At = start
			}
			if r.Owner.Role == "" {
				r.Owner = e.ownerOf(*r, s)
			}
		}
		rec.Results = append(rec.Results, results...)
		s.found = rec.Results
	}
	if e.Brief && !e.Once {
		e.backUp(ctx, rec.Results)
	}
	rec.Took = e.Now().Sub(began)
	return rec
}

// spared says of each check asked for that the service's owner did not want it.
func (e *Env) spared(svc inventory.Service, entry string, at time.Time) (out []verdict.Result) {
	for _, p := range table {
		if !e.wants(p.check) || p.check == verdict.Mail && svc.Kind != "mail" || p.check == verdict.Browser && e.Browser == "" {
			continue
		}
		r := result("scan.opted-out", "entry", entry, "cause", string(verdict.OptedOut))
		r.Check, r.Subject, r.At, r.Owner = p.check, svc.Host, at, verdict.Owner{Role: verdict.Operator, Name: e.Name}
		out = append(out, r)
	}
	return out
}

// table is the order in which a service is examined.
var table = []struct {
	check verdict.Check
	run   func(context.Context, *Env, *subject) []verdict.Result
}{
	{verdict.AAAA, addressResults},
	{verdict.Reach, reachResults},
	{verdict.Web, webResults},
	{verdict.DNSSEC, dnssecResults},
	{verdict.Posture, postureResults},
	{verdict.RPKI, rpkiResults},
	{verdict.Closure, closureResults},
	{verdict.Mail, mailResults},
	{verdict.Browser, browserResults},
}

// subject is a service with what its first look-up found out.
type subject struct {
	inventory.Service
	agency string
	mail   mailHosts        // kind mail only
	hosts  []addresses      // the host itself, or each mail host
	found  []verdict.Result // by the probes before this one
}

// owner is whoever runs the service: the default for what nobody else can mend.
func (s *subject) owner() verdict.Owner {
	return verdict.Owner{Role: verdict.Agency, Name: s.agency}
}

// ownerOf is who can mend a result that names nobody: what this scanner could
// not do is its operator's, everything else the service's.
func (e *Env) ownerOf(r verdict.Result, s *subject) verdict.Owner {
	if r.Outcome() == verdict.Unknown && (ours(verdict.Cause(r.Args["cause"])) || r.Reason == "reach.no-vantage" || r.Reason == "dnssec.indeterminate.vantage") {
		return verdict.Owner{Role: verdict.Operator, Name: e.Name}
	}
	return s.owner()
}

// survey looks up, once, the addresses that every probe starts from.
func (s *subject) survey(ctx context.Context, e *Env) {
	if s.Kind != "mail" {
		s.hosts = []addresses{e.addresses(ctx, s.Host)}
		return
	}
	s.mail = e.mailHosts(ctx, s.Host)
	ask := e.addresses
	if !s.mail.implicit {
		ask = e.lookup // an MX record names a host
	}
	for _, n := range s.mail.names {
		s.hosts = append(s.hosts, ask(ctx, n))
	}
}

// runs is the agency whose service a host is. Of a host that no agency lists the
// name is not known, and one fault seen by many stays one fault.
func (e *Env) runs(host string) verdict.Owner {
	return verdict.Owner{Role: verdict.Agency, Name: e.listed[host]}
}

// allowed reports whether the operator opened special-purpose space to a.
func (e *Env) allowed(a netip.Addr) bool {
	return slices.ContainsFunc(e.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hidden is the visibility of a service that only some vantages may see. What the
// outside sees of its name, be it nothing or something else, is no verdict on it.
const hidden = "internal"

// internal reports whether a host is one that may not be judged from here.
func (e *Env) internal(host string) bool {
	_, known := e.listed[host]
	return known && !e.public[host] && !e.Internal
}

// question names one RRset.
type question struct {
	name  string
	qtype uint16
}
