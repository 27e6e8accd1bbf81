package probes

import (
	"context"

	"github.com/miekg/dns"
)

// speakDNS asks a name server one question over UDP and over TCP. Any reply to
// the question shows that it speaks DNS there; whether it answers for its zones
// is the closure's question.
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
		a.proof = append(a.proof, ev.Over+" "+dns.RcodeToString[m.Rcode])
	}
	a.stage = finished
}
