package probes

import (
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// speakDNS asks a name server one question over UDP and over TCP: for the zone
// that its name is in, and where it does not answer for that with authority, to
// resolve a name of the inventory. Any reply shows that it speaks DNS there;
// whether it serves is judged beside IPv4, for it may serve other zones only.
func (e *Env) speakDNS(ctx context.Context, a *attempt) {
	zone := "."
	if z, err := e.DNS.Zone(ctx, a.host); err == nil {
		zone = z.Name
	}
	for _, tcp := range []bool{false, true} {
		m, ev, err := e.ask(ctx, a.addr, tcp, zone)
		if err != nil {
			a.fail(ctx, err)
			a.cause = e.causeIn(ctx, err)
			return
		}
		a.stage = replying
		a.received += int64(m.Len())
		a.proof = append(a.proof, strings.TrimSpace(ev.Over+" "+dns.RcodeToString[m.Rcode]))
		if m.Rcode == dns.RcodeServerFailure {
			a.cause, a.busy, a.detail = verdict.ServFail, true, "SERVFAIL"
			return
		}
		if !m.Authoritative || !answers(m) {
			a.lame = !e.resolves(ctx, a, tcp) || a.lame
		}
	}
	a.stage = finished
}

func answers(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
}

// resolves asks a name server to resolve a name that the inventory gives, and
// notes what came back. Names of others are asked of nobody.
func (e *Env) resolves(ctx context.Context, a *attempt, tcp bool) bool {
	name := e.knownName()
	if name == "" {
		return false
	}
	m, ev, err := e.askRecursive(ctx, a.addr, tcp, name)
	if err != nil || !m.RecursionAvailable || !answers(m) {
		return false
	}
	a.received += int64(m.Len())
	a.proof = append(a.proof, ev.Over+" resolves "+name)
	a.resolver = true
	return true
}

// askRecursive asks one server address to resolve a name, again where nothing comes
// back: a lost packet, or a resolver that has to ask far and wide first, is none that
// does not serve.
func (e *Env) askRecursive(ctx context.Context, a netip.Addr, tcp bool, name string) (m *dns.Msg, ev verdict.Evidence, err error) {
	for n := 1; ; n++ {
		sctx, cancel := dial.Step(ctx, e.Step)
		m, ev, err = e.DNS.AskRecursive(sctx, a, tcp, name, dns.TypeAAAA)
		cancel()
		if err == nil || e.causeIn(ctx, err) != verdict.Timeout || n >= e.patience(a) {
			return m, ev, err
		}
	}
}

// knownName is a name to be resolved: of a canary, else of a listed service.
func (e *Env) knownName() string {
	for _, c := range e.Inventory.Canaries {
		if c.Kind == "dnssec" && c.Want != "bogus" {
			return c.Host
		}
	}
	for _, s := range e.Inventory.All() {
		if _, err := netip.ParseAddr(s.Host); err != nil && s.Kind == "web" {
			return s.Host
		}
	}
	return ""
}
