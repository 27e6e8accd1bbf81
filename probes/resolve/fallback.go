package resolve

import (
	"context"
	"errors"
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
		if errors.Is(n.err, errAlias) {
			a.add(n, a.behindAlias(ctx, n.name))
		}
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

// behindAlias returns the addresses at the end of a server's name that is an
// alias. It must not be one (RFC 2181 10.3), but most resolvers use it all the same.
func (a *asking) behindAlias(ctx context.Context, name string) []netip.Addr {
	for range maxServerAliases {
		var last *dns.Msg
		for _, t := range a.r.cfg.Families.types() {
			got, err := a.r.query(ctx, a.f, question{name, t})
			if err != nil {
				continue
			}
			last = got.msg
			names := chain(nil, ".", question{name, t}, last)
			if addrs, err := addressesIn(last, names[len(names)-1]); err == nil && len(addrs) > 0 {
				return addrs
			}
		}
		if last == nil {
			return nil
		}
		names := chain(nil, ".", question{name, dns.TypeA}, last)
		if len(names) == 1 {
			return nil
		}
		name = names[len(names)-1]
	}
	return nil
}

// maxServerAliases bounds the messages that aliases of one server's name are followed through.
const maxServerAliases = 4

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
		for at := name; at != ""; {
			q := question{at, t}
			at = ""
			rep, failure := a.r.askZone(ctx, a.f, parent, q)
			if failure != nil {
				break
			}
			names := chain(nil, parent.name, q, rep.msg)
			end, had := names[len(names)-1], len(out)
			for _, rr := range slices.Concat(rep.msg.Answer, rep.msg.Extra) {
				if x, ok := address(rr); ok && dns.CanonicalName(rr.Header().Name) == end && len(out) < maxAddrs {
					out = append(out, x)
				}
			}
			if len(out) == had && q.name == name && end != name {
				at = end // an alias, and its target is not in the message: one more question
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
