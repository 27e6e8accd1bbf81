package resolve

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// zone is what is known of a zone: its delegation as the parent gave it. All
// but the last group never changes.
type zone struct {
	name, parent string
	ns           []*nameServer
	referral     []exchange // where this is from; empty for the root

	delegates atomic.Bool // has given a referral
	mu        sync.Mutex
	lame      map[netip.Addr]verdict.Cause // servers that answered uselessly
}

// nameServer is one NS record and the glue that came with it.
type nameServer struct {
	name string
	glue []netip.Addr
}

func (z *zone) markLame(a netip.Addr, c verdict.Cause) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.lame == nil {
		z.lame = make(map[netip.Addr]verdict.Cause)
	}
	z.lame[a] = c
}

func (z *zone) isLame(a netip.Addr) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.lame[a] != ""
}

// closest returns the deepest known zone whose servers are to be asked q: for
// DS one above the name, since it is the parent that has it (RFC 4035 3.1.4.1).
func (r *Resolver) closest(q question) *zone {
	name := q.name
	if q.qtype == dns.TypeDS {
		name = parentOf(name)
	}
	for name != "." {
		if z, ok := r.zones.get(name); ok {
			return z
		}
		name = parentOf(name)
	}
	return r.root
}

// resolve answers a flight's question from the deepest known zone downwards.
func (r *Resolver) resolve(ctx context.Context, f *flight) *answer {
	z := r.closest(f.q)
	searched := false
	for range maxReferrals {
		if a := r.answered(f.q); a != nil { // a referral brought it meanwhile
			own := *a
			return &own
		}
		release, waited := r.gate(ctx, f, z, f.q)
		if waited {
			if deeper := r.closest(f.q); deeper.name != z.name {
				z = deeper
				continue
			}
		}
		rep, failure := r.askDown(ctx, f, z)
		var child *zone
		if failure == nil && rep.kind == referral {
			child = r.delegate(ctx, f, z, rep)
		}
		release()
		switch {
		case failure != nil && failure.Err == errChildSide && !searched:
			// A cut between may be hidden from us: these servers serve zones above and below it.
			searched = true
			if z = r.between(ctx, f, z); z != nil {
				continue
			}
			return &answer{failure: failure}
		case failure != nil:
			return &answer{failure: failure}
		case child == nil && !searched && dsByAlias(f.q, z, rep.msg):
			// The alias may be the child's, from a server that has both: the parent of an alias' name has no cut there.
			searched = true
			if deeper := r.between(ctx, f, z); deeper != nil {
				z = deeper
				continue
			}
			return &answer{msg: trim(z.name, f.q, rep.msg), from: rep.x.to.Addr()}
		case child == nil:
			return &answer{msg: rep.trim(z.name, f.q), from: rep.x.to.Addr()}
		case f.q.qtype == dns.TypeDS && child.name == f.q.name:
			return r.dsFromReferral(f.q, z, rep)
		}
		z = child
	}
	return &answer{failure: &Failure{Cause: verdict.OverBudget, Zone: z.name, Err: errReferrals}}
}

// dsByAlias says whether servers of z answered a DS question with an alias, and
// the question's parent may be another zone below z.
func dsByAlias(q question, z *zone, m *dns.Msg) bool {
	if q.qtype != dns.TypeDS || parentOf(q.name) == z.name {
		return false
	}
	return slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeCNAME && dns.CanonicalName(rr.Header().Name) == q.name
	})
}

// between asks for cuts between z and the name of f's DS question, and returns
// the deepest zone found there; nil if there is none.
func (r *Resolver) between(ctx context.Context, f *flight, z *zone) *zone {
	for _, n := range descent(parentOf(f.q.name)) {
		if n == z.name || !within(n, z.name) {
			continue
		}
		if _, err := r.query(ctx, f, question{n, dns.TypeNS}); err != nil {
			break
		}
	}
	if deeper := r.closest(f.q); deeper.name != z.name {
		return deeper
	}
	return nil
}

// dsFromReferral makes the best of a parent that answers a DS question with the
// referral itself, as servers do that know nothing of DS.
func (r *Resolver) dsFromReferral(q question, z *zone, rep reply) *answer {
	if a := r.answered(q); a != nil {
		return &answer{msg: a.msg}
	}
	return &answer{msg: rep.trim(z.name, q)}
}

// delegate makes the child zone known that a referral names, and the parent's answer
// about its DS records, if the referral has all of that. If two questions brought two
// referrals, the first one counts.
func (r *Resolver) delegate(ctx context.Context, f *flight, z *zone, rep reply) *zone {
	z.delegates.Store(true)
	if known, ok := r.zones.get(rep.child); ok {
		return known
	}
	c := &zone{name: rep.child, parent: z.name, referral: []exchange{rep.x}}
	c.ns = nameServers(z.name, rep.child, rep.msg)
	if m := r.wholeGlue(ctx, f, z, c, rep); m != nil {
		c.ns = nameServers(z.name, rep.child, m)
	}
	for i, ns := range c.ns {
		c.ns[i] = r.known(ns)
	}
	q := question{c.name, dns.TypeDS}
	if m := dsProof(z.name, rep.child, rep.msg); m != nil && r.answered(q) == nil {
		a := &answer{msg: m, exchanges: c.referral}
		r.answers.put(q, a, a.size())
	}
	got, _ := r.zones.getOrPut(c.name, c.size(), func() *zone { return c })
	return got
}

// known returns what is known already of a server with the same name and glue: one
// operator's servers are those of thousands of zones.
func (r *Resolver) known(ns *nameServer) *nameServer {
	same, _ := r.names.getOrPut(ns.name, 256, func() *nameServer { return ns })
	if slices.Equal(same.glue, ns.glue) {
		return same
	}
	return ns
}

func (z *zone) size() int { return 1024 + 128*len(z.ns) }

// nameServers reads a referral: the NS set of child and the addresses of those
// servers whose names are in the zone that refers. Addresses of other names are
// not its business: whoever gives them could answer for anybody (RFC 5452 6).
func nameServers(zone, child string, m *dns.Msg) []*nameServer {
	var out []*nameServer
	index := make(map[string]*nameServer)
	for _, rr := range m.Ns {
		ns, ok := rr.(*dns.NS)
		if !ok || ns.Hdr.Class != dns.ClassINET || dns.CanonicalName(ns.Hdr.Name) != child {
			continue
		}
		name := dns.CanonicalName(ns.Ns)
		if index[name] != nil || name == "." || len(out) == maxServers {
			continue
		}
		index[name] = &nameServer{name: name}
		out = append(out, index[name])
	}
	for _, rr := range m.Extra {
		name := dns.CanonicalName(rr.Header().Name)
		s := index[name]
		if a, ok := address(rr); ok && s != nil && within(name, zone) && len(s.glue) < 2*maxAddrs && !slices.Contains(s.glue, a) {
			s.glue = append(s.glue, a)
		}
	}
	return out
}

// address returns the address in an A or AAAA record.
func address(rr dns.RR) (netip.Addr, bool) {
	if rr.Header().Class != dns.ClassINET {
		return netip.Addr{}, false
	}
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A.To4())
		return a, ok
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA.To16())
	}
	return netip.Addr{}, false
}

// glueRoom is the size from which a referral over UDP may have lost glue for
// want of room: a server drops what does not fit, and not all set TC (RFC 9471).
const glueRoom = 1220

// wholeGlue asks again over TCP where the resolver would conclude from a full
// message that servers have no address of the family in use; nil if not needed
// or of no help.
func (r *Resolver) wholeGlue(ctx context.Context, f *flight, z, c *zone, rep reply) *dns.Msg {
	missing := 0
	for _, s := range c.ns {
		if slices.ContainsFunc(s.glue, r.cfg.Families.has) {
			return nil
		}
		if within(s.name, c.name) {
			missing++
		}
	}
	if missing == 0 || rep.x.how.tcp || int(rep.x.size)+28*missing <= glueRoom || f.budget.Add(-1) < 0 {
		return nil
	}
	h := rep.x.how
	h.tcp = true
	x, m, err := r.exchange(ctx, rep.x.server, r.serverAt(rep.x.to.Addr()), f.q, h)
	if err == nil {
		x.note = "asked again for glue that may not have had room"
	}
	r.note(f, x, m)
	if err != nil || read(z.name, f.q, m).child != c.name {
		return nil
	}
	return m
}

// note keeps an exchange as evidence of a look-up, and shows it to the trace.
func (r *Resolver) note(f *flight, x exchange, m *dns.Msg) {
	f.log.add(x)
	r.trace(x, m)
}

// serverAt returns the health record of an address.
func (r *Resolver) serverAt(a netip.Addr) *server {
	s, _ := r.servers.getOrPut(a, 256, func() *server { return &server{addr: a, door: door{opening: make(chan struct{}, 1)}} })
	return s
}
