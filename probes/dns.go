package probes

import (
	"context"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// speakDNS asks a name server one question over UDP and over TCP. Any reply to
// the question shows that it speaks DNS there; whether it answers for the zone
// as well is judged beside IPv4, for it may serve other zones only.
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
		a.lame = a.lame || !m.Authoritative || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError
	}
	a.stage = finished
}
