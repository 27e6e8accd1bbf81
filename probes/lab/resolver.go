package lab

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// recursive answers any question from the zones themselves, as a validating
// client sees a recursive resolver that leaves validation to it (CD): RD and RA
// set, aliases followed, signatures and proofs handed on, never AD. Servers'
// faults do not matter to it; what was broken in the zones does.
type recursive struct {
	zones map[string]*zone
}

// refuseAll is a resolver that does not serve who asks (REFUSED, no RA).
func refuseAll(query []byte, _ bool) ([]byte, time.Duration) {
	req := new(dns.Msg)
	if err := req.Unpack(query); err != nil || req.Response || len(req.Question) != 1 {
		return nil, 0
	}
	m := new(dns.Msg)
	m.SetRcode(req, dns.RcodeRefused)
	if opt := req.IsEdns0(); opt != nil {
		m.SetEdns0(maxUDP, opt.Do())
	}
	return pack(m), 0
}

// handle returns the reply to one message.
func (r *recursive) handle(query []byte, udp bool) ([]byte, time.Duration) {
	req := new(dns.Msg)
	if err := req.Unpack(query); err != nil || req.Response || len(req.Question) != 1 {
		return nil, 0
	}
	m := new(dns.Msg)
	m.SetReply(req)
	m.RecursionAvailable = true
	m.CheckingDisabled = req.CheckingDisabled
	opt := req.IsEdns0()
	r.resolve(m, req.Question[0], opt != nil && opt.Do())
	m.Compress = true
	if opt != nil {
		m.SetEdns0(maxUDP, opt.Do())
	}
	m.Truncate(sizeLimit(opt, udp))
	return pack(m), 0
}

// resolve follows aliases from zone to zone.
func (r *recursive) resolve(m *dns.Msg, q dns.Question, do bool) {
	for range chaseLimit {
		z := r.pick(strings.ToLower(q.Name), q.Qtype)
		part := new(dns.Msg)
		part.Question = []dns.Question{q}
		z.answer(part, q, do)
		if !part.Authoritative { // delegated to a zone that the world does not have
			m.Rcode = dns.RcodeServerFailure
			return
		}
		m.Rcode = part.Rcode
		m.Answer = append(m.Answer, part.Answer...)
		m.Ns = append(m.Ns, part.Ns...)
		next := aliasEnd(part.Answer, q)
		if next == "" {
			return
		}
		q.Name = next
	}
	m.Rcode = dns.RcodeServerFailure
}

// pick returns the deepest delegated zone; for DS the parent's.
func (r *recursive) pick(name string, qtype uint16) *zone {
	if qtype == dns.TypeDS && name != "." {
		name = parentName(name)
	}
	for {
		z := deepest(r.zones, name)
		if !z.spec.hide || z.name == "." {
			return z
		}
		name = parentName(z.name)
	}
}

// aliasEnd is the name at which an answer's chain of CNAME records leaves the
// zone; empty if the answer is complete.
func aliasEnd(answer []dns.RR, q dns.Question) string {
	name := strings.ToLower(q.Name)
	if q.Qtype == dns.TypeCNAME || q.Qtype == dns.TypeANY {
		return ""
	}
	for range answer {
		next := ""
		for _, rr := range answer {
			if strings.ToLower(rr.Header().Name) != name {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				next = strings.ToLower(c.Target)
			} else if rr.Header().Rrtype == q.Qtype {
				return ""
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	if name == strings.ToLower(q.Name) {
		return ""
	}
	return name
}

// ResolverAddr is the address, on loopback, of a recursive view of the world's
// DNS for dig, delv and browsers, over UDP and TCP. It is the zero AddrPort
// unless the lab was started with Loopback.
func (l *Lab) ResolverAddr() netip.AddrPort {
	if l.loop == nil {
		return netip.AddrPort{}
	}
	return l.loop.addrs[resolverWorld]
}

// resolverWorld stands for the recursive view among the endpoints; nobody in
// the world dials it.
var resolverWorld = netip.AddrPortFrom(netip.IPv4Unspecified(), 53)

func (l *Lab) resolverEndpoint() *endpoint {
	r := &recursive{zones: l.zones}
	return &endpoint{at: resolverWorld, role: "resolver", name: "recursive view", udp: r.handle,
		tcp: func(ctx context.Context, c net.Conn) { serveTCP(ctx, c, r.handle) }}
}

// Endpoint is one thing that listens.
type Endpoint struct {
	Role   string         // dns, web, mail, rtr, resolver
	Name   string         // whose it is
	World  netip.AddrPort // its address in the world; unspecified for the resolver
	Local  netip.AddrPort // its socket on loopback; zero without Loopback
	Faults []string       // what is wrong with it, as in the world's text
}

// Endpoints lists what listens where, by role, name and address.
func (l *Lab) Endpoints() []Endpoint {
	var out []Endpoint
	add := func(e *endpoint) {
		v := Endpoint{Role: e.role, Name: e.name, World: e.at}
		if l.loop != nil {
			v.Local = l.loop.addrs[e.at]
		}
		for _, f := range e.faults {
			v.Faults = append(v.Faults, f.String())
		}
		out = append(out, v)
	}
	for _, e := range l.net.endpoints {
		add(e)
	}
	if l.loop != nil {
		add(l.resolverEndpoint())
	}
	slices.SortFunc(out, func(a, b Endpoint) int {
		if c := strings.Compare(a.Role+" "+a.Name, b.Role+" "+b.Name); c != 0 {
			return c
		}
		return a.World.Compare(b.World)
	})
	return out
}
