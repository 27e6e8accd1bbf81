package resolve

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// Exchange is one question to one server address and what became of it.
type Exchange struct {
	At     time.Time
	Server string         // its name, with the final dot; empty if unknown
	To     netip.AddrPort //
	Over   string         // udp4, udp6, tcp4 or tcp6
	Name   string         // asked for
	Type   uint16         //
	EDNS   bool           // an OPT record went with it
	Cookie string         // what was sent and what came: "client, new one came"; empty: none sent
	Took   time.Duration  // from sending to the reply or to giving up
	Size   int            // of the reply, bytes
	Reply  *dns.Msg       // nil: none came. Shared: do not change it
	Cause  verdict.Cause  // why none came
	Err    error          //
	Note   string         // what the reply was taken for

	Evidence verdict.Evidence // the same in words
}

// trace shows an exchange to whoever wants to see them all.
func (r *Resolver) trace(x exchange, m *dns.Msg) {
	if r.cfg.Trace == nil {
		return
	}
	r.cfg.Trace(Exchange{
		At: x.at, Server: x.server, To: x.to, Over: network(x.to.Addr(), x.how.tcp), Name: x.q.name, Type: x.q.qtype,
		EDNS: x.how.edns, Cookie: x.cookie.String(), Took: x.took, Size: int(x.size), Reply: m, Cause: x.cause, Err: x.err, Note: x.note,
		Evidence: x.evidence(),
	})
}
