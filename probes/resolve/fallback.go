package resolve

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// fallBack looks for servers beyond those that the delegation itself leads to,
// once all of those have failed: addresses that other parents gave as glue of the
// same names, what the parent answers when asked for them, and the NS set of the
// zone itself where some server speaks. It says whether there is anything new.
func (a *asking) fallBack(ctx context.Context) bool {
	if a.direct >= 0 || a.part || a.spent || a.weak != nil || a.z.name == "." || a.f.depth > 0 || a.f.fallen {
		return false
	}
	a.direct = len(a.targets)
	a.f.fallen = true // the questions below have no further way out
	defer func() { a.f.fallen = false }()
	for _, n := range a.names {
		a.add(n, a.ofFamily(a.glueElsewhere(n.name)))
		if n.inside && len(n.usable) == 0 {
			a.add(n, a.ofFamily(a.askedOfParent(ctx, n.name)))
		}
	}
	if len(a.targets) == a.direct {
		a.ownServers(ctx)
	}
	return len(a.targets) > a.direct
}

func (a *asking) ofFamily(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(x netip.Addr) bool { return !a.r.cfg.Families.has(x) })
}

// glueElsewhere returns the addresses of a server's name that came with the
// delegation of a zone that the name is in.
func (a *asking) glueElsewhere(name string) []netip.Addr {
	for at := name; at != "."; at = parentOf(at) {
		z, ok := a.r.zones.get(at)
		if !ok || z == a.z {
			continue
		}
		for _, ns := range z.ns {
			if ns.name == name {
				return ns.glue
			}
		}
	}
	return nil
}

// askedOfParent asks the parent's servers for a name inside the zone: some give
// glue only to those who ask for it. Both an answer and a referral's glue count.
func (a *asking) askedOfParent(ctx context.Context, name string) (out []netip.Addr) {
	parent, ok := a.r.zones.get(a.z.parent)
	if a.z.parent == "." {
		parent, ok = a.r.root, true
	}
	if !ok {
		return nil
	}
	for _, t := range a.r.cfg.Families.types() {
		rep, failure := a.r.askZone(ctx, a.f, parent, question{name, t})
		if failure != nil {
			continue
		}
		for _, rr := range slices.Concat(rep.msg.Answer, rep.msg.Extra) {
			if x, ok := address(rr); ok && dns.CanonicalName(rr.Header().Name) == name && len(out) < maxAddrs {
				out = append(out, x)
			}
		}
	}
	return out
}

// ownServers adds the servers that the zone itself names (RFC 1034 4.2.2 wants
// both sets equal; they are not always).
func (a *asking) ownServers(ctx context.Context) {
	speaks := slices.ContainsFunc(a.targets, func(t *target) bool { return t.cause == verdict.ServFail || t.cause == verdict.Lame })
	if a.q.qtype == dns.TypeNS || a.q.qtype == dns.TypeDS || !speaks {
		return
	}
	rep, failure := a.r.askZone(ctx, a.f, a.z, question{a.z.name, dns.TypeNS})
	if failure != nil || rep.kind != authority {
		return
	}
	m := &dns.Msg{Ns: rep.msg.Answer, Extra: rep.msg.Extra}
	for _, ns := range nameServers(a.z.name, a.z.name, m) {
		if slices.ContainsFunc(a.names, func(n *serverName) bool { return n.name == ns.name }) {
			continue
		}
		n := &serverName{nameServer: ns, inside: within(ns.name, a.z.name)}
		n.usable = a.ofFamily(ns.glue)
		if len(n.usable) == 0 && a.lookups < maxLookups {
			a.lookups++
			n.looked = true
			n.usable, n.err = a.r.lookup(ctx, a.f, n.name)
		}
		a.add(n, n.usable)
	}
}
