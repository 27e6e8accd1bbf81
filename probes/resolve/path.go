package resolve

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// Zone is a zone as its parent delegates it.
type Zone struct {
	Name   string // lower case, with the final dot
	Parent string // the zone above it; empty for the root
	NS     []NameServer

	// Hidden says that no referral was seen, since the parent's servers serve
	// this zone too: NS is what they say as the zone's own servers, without glue.
	Hidden bool
}

// NameServer is one server of a delegation.
type NameServer struct {
	Name  string
	Glue  []netip.Addr // addresses that the parent gave; of the root: the hints
	Addrs []netip.Addr // addresses by its own zone's answer, of the families in use; Zone looks them up
	Err   error        // why Addrs may not be all; nil and no Addrs: it has none
}

// Zone returns the zone that name is in: the deepest zone cut at or above it.
// The addresses of its servers are looked up. A zone whose servers do not answer
// is still found, by its delegation.
func (r *Resolver) Zone(ctx context.Context, name string) (Zone, error) {
	path, err := r.Path(ctx, name)
	if err != nil {
		return Zone{}, err
	}
	z := path[len(path)-1]
	if z.Name == "." {
		for i := range z.NS {
			z.NS[i].Addrs = z.NS[i].Glue
		}
		return z, nil
	}
	var wg sync.WaitGroup
	for i := range z.NS {
		wg.Go(func() { r.fill(ctx, &z.NS[i]) })
	}
	wg.Wait()
	return z, ctxFailure(ctx)
}

func ctxFailure(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &Failure{Cause: dial.Classify(err), Err: err, passing: true}
	}
	return nil
}

// fill looks a server's addresses up.
func (r *Resolver) fill(ctx context.Context, s *NameServer) {
	defer func() {
		if p := recover(); p != nil { // nobody above this goroutine could
			s.Err = defect(p)
		}
	}()
	for _, t := range r.cfg.Families.types() {
		a, err := r.query(ctx, nil, question{s.Name, t})
		if err == nil {
			var addrs []netip.Addr
			addrs, err = addressesIn(a.msg, s.Name)
			s.Addrs = append(s.Addrs, addrs...)
		}
		if err != nil {
			s.Err = err
		}
	}
}

// Path returns the zones from the root down to name's own, each as its parent
// delegates it. Addrs are not looked up. It asks for the NS records of name and,
// where a server could hide a cut by serving both sides, of names between.
// Where a zone's servers do not answer the path ends with that zone; an error
// means that it could not be told how far the path goes.
func (r *Resolver) Path(ctx context.Context, name string) ([]Zone, error) {
	n, ok := normal(name)
	if !ok {
		return nil, &Failure{Cause: verdict.OtherCause, Err: errName(name)}
	}
	path := []Zone{exported(r.root, "")}
	if n == "." {
		return path, nil
	}
	bottom, err := r.apex(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, at := range descent(n) {
		last := path[len(path)-1].Name
		if z, ok := r.zones.get(at); ok {
			path = append(path, exported(z, last))
			continue
		}
		if bottom != "" && !within(bottom, at) {
			break // name's own zone begins above this label
		}
		z, found, err := r.hidden(ctx, at, last)
		if err != nil {
			return nil, err
		}
		if found {
			path = append(path, z)
		}
	}
	return path, nil
}

// apex resolves the way to name, and returns the apex of its zone if that can
// be told from the answer: by the SOA of a negative one or the NS set itself.
// Where a zone does not answer, it is that zone.
func (r *Resolver) apex(ctx context.Context, name string) (string, error) {
	a, err := r.query(ctx, nil, question{name, dns.TypeNS})
	if err != nil {
		return r.dead(err, name)
	}
	for _, rr := range slices.Concat(a.msg.Answer, a.msg.Ns) {
		owner := dns.CanonicalName(rr.Header().Name)
		switch rr.(type) {
		case *dns.CNAME:
			return "", nil
		case *dns.NS, *dns.SOA:
			if within(name, owner) {
				return owner, nil
			}
		}
	}
	return "", nil
}

// dead returns the deepest known zone on the way to name, if that zone's servers
// are why a look-up failed.
func (r *Resolver) dead(err error, name string) (string, error) {
	var f *Failure
	z := r.closest(question{name, dns.TypeNS})
	if !errors.As(err, &f) || f.passing || z == r.root {
		return "", err
	}
	if f.Zone == z.name || slices.Contains(f.Via, z.name) {
		return z.name, nil
	}
	return "", err
}

// hidden finds out whether there is a cut at a name that no referral named.
func (r *Resolver) hidden(ctx context.Context, name, parent string) (Zone, bool, error) {
	a, err := r.query(ctx, nil, question{name, dns.TypeNS})
	if z, ok := r.zones.get(name); ok {
		return exported(z, parent), true, nil // not hidden: this very question brought the referral
	}
	if err != nil {
		_, err = r.dead(err, name)
		return Zone{}, false, err
	}
	z := Zone{Name: name, Parent: parent, Hidden: true}
	for _, rr := range a.msg.Answer {
		ns, ok := rr.(*dns.NS)
		if ok && dns.CanonicalName(ns.Hdr.Name) == name && len(z.NS) < maxServers {
			z.NS = append(z.NS, NameServer{Name: dns.CanonicalName(ns.Ns)})
		}
	}
	return z, len(z.NS) > 0, nil
}

// descent lists the names from the top label down to name.
func descent(name string) []string {
	var out []string
	for n := name; n != "."; n = parentOf(n) {
		out = append(out, n)
	}
	slices.Reverse(out)
	return out
}

func exported(z *zone, parent string) Zone {
	out := Zone{Name: z.name, Parent: parent}
	for _, s := range z.ns {
		out.NS = append(out.NS, NameServer{Name: s.name, Glue: slices.Clone(s.glue)})
	}
	return out
}
