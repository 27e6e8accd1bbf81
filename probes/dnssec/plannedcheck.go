package dnssec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// PlannedZone is what was found out about a whole zone that is planned.
type PlannedZone struct {
	Zone   string   `json:"zone"`
	File   string   `json:"file"`
	Sets   int      `json:"sets"`   // authoritative record sets checked
	Faults []Reason `json:"faults"` // at most maxPlanFaults; Args["at"] is "file:line"
	More   int      `json:"more,omitempty"`
	// Unsigned is a zone without a DNSKEY set: it is right as long as no DS names it.
	Unsigned bool `json:"unsigned,omitempty"`
}

// CheckPlan checks every planned zone whole, by the zone's own keys: that each
// authoritative set is signed and the signature holds at the validator's time,
// that nothing else is, and that the NSEC or NSEC3 chain is closed and says what
// the zone holds. Whether the keys are trusted is for Validate to tell.
func (v *Validator) CheckPlan(ctx context.Context) []PlannedZone {
	var out []PlannedZone
	for _, zone := range v.plan.Zones() {
		n, _ := parseName(zone)
		c := &planCheck{r: v.begin(ctx), z: v.plan.zones[n]}
		c.run()
		out = append(out, c.out)
	}
	return out
}

type planCheck struct {
	r    *run
	z    *plannedZone
	keys []*key
	out  PlannedZone
}

func (c *planCheck) run() {
	z := c.z
	c.out = PlannedZone{Zone: z.apex.String(), File: z.file, Faults: []Reason{}}
	if set := z.sets[setKey{z.apex, dns.TypeDNSKEY}]; set != nil {
		for _, rr := range set.rrs {
			if k, ok := rr.(*dns.DNSKEY); ok {
				c.keys = append(c.keys, newKey(k))
			}
		}
	}
	c.out.Unsigned = len(c.keys) == 0
	var names []name
	for n := range z.nodes {
		names = append(names, n)
	}
	slices.SortFunc(names, name.compare)
	var owners []name // of records that the zone answers for, empty non-terminals left out
	for _, n := range names {
		cut, delegated := z.cutAbove(n)
		if delegated && cut != n || c.occluded(n) {
			continue
		}
		if !z.hashedOwner(n) && len(z.nodes[n]) > 0 {
			owners = append(owners, n)
		}
		if !c.out.Unsigned {
			c.sets(n, delegated)
		}
	}
	switch {
	case c.out.Unsigned:
	case z.param != nil && len(z.nsec) > 0:
		c.chain(setKey{z.apex, dns.TypeNSEC3}, "the zone has both NSEC and NSEC3 records", nil)
	case z.param != nil:
		c.hashed(names, owners)
	case len(z.nsec) > 0:
		c.ordered(owners)
	default:
		c.add(newReason(codeDenialMissing, z.apex, z.apex, dns.TypeNSEC, "why", "the zone has neither NSEC nor NSEC3 records"), setKey{z.apex, dns.TypeSOA})
	}
}

// occluded reports a name below a DNAME (RFC 6672 2.4).
func (c *planCheck) occluded(n name) bool {
	for n != c.z.apex && n != root {
		n = n.parent()
		if c.z.sets[setKey{n, dns.TypeDNAME}] != nil {
			return true
		}
	}
	return false
}

// sets checks the signatures at one name. At a cut only DS and NSEC are the
// zone's own (RFC 4035 2.2).
func (c *planCheck) sets(n name, cut bool) {
	types := slices.Clone(c.z.nodes[n])
	slices.Sort(types)
	for _, t := range types {
		if cut && t != dns.TypeDS && t != dns.TypeNSEC {
			continue
		}
		if c.r.ctx.Err() != nil {
			c.add(newReason(codeUnreachable, c.z.apex, n, t, "cause", string(causeOf(c.r.ctx, nil))), setKey{n, t})
			return
		}
		c.out.Sets++
		own := *c.r
		own.b = &budget{}
		if got := own.verify(c.z.apex, c.keys, c.z.sets[setKey{n, t}]); !got.ok {
			c.add(got.reason, setKey{n, t})
		}
	}
}

// add notes a fault about a set.
func (c *planCheck) add(why Reason, at setKey) {
	if len(c.out.Faults) == maxPlanFaults {
		c.out.More++
		return
	}
	if line := c.z.lines[at]; line > 0 {
		why.Args["at"] = fmt.Sprintf("%s:%d", c.z.file, line)
	}
	c.out.Faults = append(c.out.Faults, why)
}

// chain notes a fault of the denial chain.
func (c *planCheck) chain(at setKey, why string, rr dns.RR) {
	c.add(newReason(codeDenialInvalid, c.z.apex, at.owner, at.rrtype, "why", why, "record", record(rr)), at)
}

// ordered checks the NSEC chain (RFC 4034 4, RFC 4035 2.3).
func (c *planCheck) ordered(owners []name) {
	z := c.z
	for i, n := range owners {
		at := setKey{n, dns.TypeNSEC}
		set := z.sets[at]
		if set == nil || len(set.rrs) == 0 {
			c.add(newReason(codeDenialMissing, z.apex, n, dns.TypeNSEC, "why", "the name has no NSEC record"), setKey{n, z.nodes[n][0]})
			continue
		}
		if len(set.rrs) > 1 {
			c.chain(at, fmt.Sprintf("the name has %d NSEC records", len(set.rrs)), set.rrs[1])
		}
		rr, ok := set.rrs[0].(*dns.NSEC)
		if !ok {
			continue
		}
		want := owners[(i+1)%len(owners)]
		if next, ok := parseName(rr.NextDomain); !ok || next != want {
			c.chain(at, "the next name is "+want.String()+", not "+rr.NextDomain, rr)
		}
		c.bitmap(at, rr.TypeBitMap, n, rr)
	}
}

// hashed checks the NSEC3 chain (RFC 5155 7.1).
func (c *planCheck) hashed(names, owners []name) {
	z := c.z
	apex := setKey{z.apex, dns.TypeNSEC3PARAM}
	if z.param.Iterations > maxIterations {
		c.add(newReason(codeIterations, z.apex, z.apex, dns.TypeNSEC3, "limit", itoa(maxIterations), "record", record(z.param)), setKey{z.hashes[z.nsec3[0]], dns.TypeNSEC3})
		return
	}
	if set := z.sets[apex]; set == nil {
		c.chain(setKey{z.apex, dns.TypeSOA}, "the zone has NSEC3 records and no NSEC3PARAM", nil)
	}
	optOut := false
	for i, h := range z.nsec3 {
		at := setKey{z.hashes[h], dns.TypeNSEC3}
		rr, ok := z.sets[at].rrs[0].(*dns.NSEC3)
		if !ok {
			continue
		}
		optOut = optOut || rr.Flags&1 != 0
		if rr.Hash != z.param.Hash || rr.Iterations != z.param.Iterations || !strings.EqualFold(rr.Salt, z.param.Salt) {
			c.chain(at, "its parameters differ from those of the others", rr)
		}
		if want := z.nsec3[(i+1)%len(z.nsec3)]; !strings.EqualFold(rr.NextDomain, want) {
			c.chain(at, "the next hash is "+want+", not "+rr.NextDomain, rr)
		}
	}
	known := map[string]bool{}
	for _, n := range names {
		cut, delegated := z.cutAbove(n)
		if delegated && cut != n || c.occluded(n) || z.hashedOwner(n) {
			continue
		}
		h := z.hash(n)
		known[h] = true
		owner, there := z.hashes[h]
		if there {
			rr, ok := z.sets[setKey{owner, dns.TypeNSEC3}].rrs[0].(*dns.NSEC3)
			if ok {
				c.bitmap(setKey{owner, dns.TypeNSEC3}, rr.TypeBitMap, n, rr)
			}
			continue
		}
		if optOut && c.mayOptOut(n, owners) {
			continue
		}
		at := setKey{n, dns.TypeNone}
		if len(z.nodes[n]) > 0 {
			at.rrtype = z.nodes[n][0]
		}
		c.add(newReason(codeDenialMissing, z.apex, n, dns.TypeNSEC3, "why", "no NSEC3 record has the hash of this name, "+h), at)
	}
	for _, h := range z.nsec3 {
		if at := (setKey{z.hashes[h], dns.TypeNSEC3}); !known[h] {
			c.chain(at, "it is the hash of no name in the zone", z.sets[at].rrs[0])
		}
	}
}

// mayOptOut reports a name that an opt-out span may leave out: an unsigned
// delegation, or an empty name that leads to such only (RFC 5155 7.1, errata 3441).
func (c *planCheck) mayOptOut(n name, owners []name) bool {
	unsigned := func(n name) bool { return c.z.cuts[n] && c.z.sets[setKey{n, dns.TypeDS}] == nil }
	if len(c.z.nodes[n]) > 0 {
		return unsigned(n)
	}
	return !slices.ContainsFunc(owners, func(o name) bool { return o.below(n) && !unsigned(o) })
}

// bitmap compares a denial record's types with what the name has.
func (c *planCheck) bitmap(at setKey, got []uint16, n name, rr dns.RR) {
	var want []uint16
	cut := c.z.cuts[n]
	signed := false
	for _, t := range c.z.nodes[n] {
		if cut && t != dns.TypeNS && t != dns.TypeDS && t != dns.TypeNSEC {
			continue // glue
		}
		want = append(want, t)
		signed = signed || !cut || t != dns.TypeNS
	}
	if signed {
		want = append(want, dns.TypeRRSIG)
	}
	slices.Sort(want)
	got = slices.Clone(got)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		c.chain(at, "its types are "+typeList(got)+", while the name "+n.String()+" has "+typeList(want), rr)
	}
}

func typeList(types []uint16) string {
	var out []string
	for _, t := range types {
		out = append(out, typeName(t))
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, " ")
}

// At tells where in a planned zone's file the answer to a question stands, as
// "file:line", empty if the wire answers it.
func (p *Plan) At(qname string, qtype uint16) string {
	n, ok := parseName(qname)
	if !ok {
		return ""
	}
	z := p.zoneFor(n, qtype)
	if z == nil {
		if ds, ok := p.ds[n]; ok && qtype == dns.TypeDS {
			return ds.file
		}
		return ""
	}
	if line := z.lines[setKey{n, qtype}]; line > 0 {
		return fmt.Sprintf("%s:%d", z.file, line)
	}
	return z.file
}
