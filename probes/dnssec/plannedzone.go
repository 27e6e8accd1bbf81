package dnssec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// plannedZone is a zone as a file has it, ready to answer.
type plannedZone struct {
	apex   name
	file   string
	sets   map[setKey]*rrset
	lines  map[setKey]int    // of the first record of each set
	nodes  map[name][]uint16 // types at each existing name, RRSIG left out; empty non-terminals have none
	cuts   map[name]bool
	nsec   []name // owners of NSEC records, in canonical order
	nsec3  []string
	hashes map[string]name // hash in the zone's form → owner of the NSEC3 record
	param  *dns.NSEC3
}

func (p *Plan) addZone(records []located, owner, file string) (faults []error) {
	apex, ok := parseName(owner)
	fault := func(line int, form string, a ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(form, a...)))
	}
	if old := p.zones[apex]; !ok || old != nil {
		return []error{fmt.Errorf("%s: zone %s is planned twice", file, owner)}
	}
	z := &plannedZone{apex: apex, file: file, sets: map[setKey]*rrset{}, lines: map[setKey]int{},
		nodes: map[name][]uint16{}, cuts: map[name]bool{}, hashes: map[string]name{}}
	for _, l := range records {
		n, ok := parseName(l.rr.Header().Name)
		if !ok || !n.within(apex) {
			fault(l.line, "%s is outside the zone %s", l.rr.Header().Name, apex)
			continue
		}
		if l.rr.Header().Rrtype == dns.TypeSOA && n != apex {
			fault(l.line, "a second SOA record, of %s", n)
			continue
		}
		z.put(n, l)
	}
	if soa := z.sets[setKey{apex, dns.TypeSOA}]; soa != nil && len(soa.rrs) > 1 {
		fault(z.lines[setKey{apex, dns.TypeSOA}], "zone %s has %d SOA records", apex, len(soa.rrs))
	}
	z.index()
	p.zones[apex] = z
	return faults
}

func (z *plannedZone) put(n name, l located) {
	t := l.rr.Header().Rrtype
	sig, signature := l.rr.(*dns.RRSIG)
	if signature {
		t = sig.TypeCovered
	}
	k := setKey{n, t}
	set := z.sets[k]
	if set == nil {
		set = &rrset{owner: n, rrtype: t}
		z.sets[k] = set
	}
	if signature {
		set.sigs = append(set.sigs, sig)
		return
	}
	if len(set.rrs) == 0 {
		z.lines[k] = l.line
		z.nodes[n] = append(z.nodes[n], t)
	}
	if !slices.ContainsFunc(set.rrs, func(rr dns.RR) bool { return dns.IsDuplicate(rr, l.rr) }) {
		set.rrs = append(set.rrs, l.rr)
	}
	if t == dns.TypeNS && n != z.apex {
		z.cuts[n] = true
	}
}

// index finds the cuts, the empty non-terminals and the denial records.
func (z *plannedZone) index() {
	var owners []name
	for n, types := range z.nodes {
		owners = append(owners, n)
		if slices.Contains(types, dns.TypeNSEC) {
			z.nsec = append(z.nsec, n)
		}
		if set := z.sets[setKey{n, dns.TypeNSEC3}]; set != nil {
			if rr, ok := set.rrs[0].(*dns.NSEC3); ok {
				hash := strings.ToUpper(strings.TrimSuffix(dns.SplitDomainName(rr.Hdr.Name)[0], "."))
				z.hashes[hash] = n
				z.nsec3 = append(z.nsec3, hash)
				z.param = rr
			}
		}
	}
	for _, n := range owners {
		if z.hashedOwner(n) {
			continue
		}
		for c := n; c != z.apex; c = c.parent() {
			if _, ok := z.nodes[c.parent()]; !ok {
				z.nodes[c.parent()] = nil
			}
		}
	}
	slices.SortFunc(z.nsec, name.compare)
	slices.Sort(z.nsec3)
}

// hashedOwner reports a name that is there only for its NSEC3 record.
func (z *plannedZone) hashedOwner(n name) bool {
	types := z.nodes[n]
	return len(types) == 1 && types[0] == dns.TypeNSEC3
}

// cutAbove finds the delegation at or above n.
func (z *plannedZone) cutAbove(n name) (name, bool) {
	found, ok := root, false
	for c := n; c != z.apex && c != root; c = c.parent() {
		if z.cuts[c] {
			found, ok = c, true
		}
	}
	return found, ok
}

// answer answers as an authoritative server of the zone would (RFC 4035 3.1).
func (z *plannedZone) answer(n name, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(n.String(), qtype)
	m.Response, m.Authoritative = true, true
	for c := n.parent(); n != z.apex && c.within(z.apex); c = c.parent() {
		if z.add(&m.Answer, c, dns.TypeDNAME, c) {
			return m
		}
		if c == z.apex {
			break
		}
	}
	if _, ok := z.nodes[n]; ok && !z.hashedOwner(n) {
		if !z.fill(m, n, n, qtype) {
			z.add(&m.Ns, z.apex, dns.TypeSOA, z.apex)
			z.match(m, n)
		}
		return m
	}
	ce := n.parent()
	for {
		if _, ok := z.nodes[ce]; ok || ce == z.apex || ce == root {
			break
		}
		ce = ce.parent()
	}
	z.cover(m, n, ce)
	wild, ok := ce.wild()
	if _, there := z.nodes[wild]; ok && there {
		if !z.fill(m, n, wild, qtype) {
			z.add(&m.Ns, z.apex, dns.TypeSOA, z.apex)
			z.match(m, ce)
			z.match(m, wild)
		}
		return m
	}
	m.Rcode = dns.RcodeNameError
	z.add(&m.Ns, z.apex, dns.TypeSOA, z.apex)
	if z.param != nil {
		z.match(m, ce)
	}
	if ok {
		z.cover(m, wild, ce)
	}
	return m
}

// fill adds what the node has of the type under the name n, or its CNAME.
func (z *plannedZone) fill(m *dns.Msg, n, node name, qtype uint16) bool {
	if qtype == dns.TypeANY {
		any := false
		for _, t := range z.nodes[node] {
			any = z.add(&m.Answer, node, t, n) || any
		}
		return any
	}
	if z.add(&m.Answer, node, qtype, n) {
		return true
	}
	return z.add(&m.Answer, node, dns.TypeCNAME, n)
}

// add appends a set with its signatures, under another owner if it comes from a
// wildcard.
func (z *plannedZone) add(section *[]dns.RR, owner name, t uint16, as name) bool {
	set := z.sets[setKey{owner, t}]
	if set == nil || len(set.rrs) == 0 {
		return false
	}
	list := slices.Clone(set.rrs)
	for _, s := range set.sigs {
		list = append(list, s)
	}
	for _, rr := range list {
		if as != owner {
			rr = dns.Copy(rr)
			rr.Header().Name = as.String()
		}
		if !slices.Contains(*section, rr) {
			*section = append(*section, rr)
		}
	}
	return true
}

// match adds the denial record at n: or, for a delegation that an opt-out span
// leaves out, what covers it.
func (z *plannedZone) match(m *dns.Msg, n name) {
	if z.param == nil {
		z.cover(m, n, n.parent())
		return
	}
	if owner, ok := z.hashes[z.hash(n)]; ok {
		z.add(&m.Ns, owner, dns.TypeNSEC3, owner)
		return
	}
	if n != z.apex {
		z.match(m, n.parent())
		z.coverHash(m, n)
	}
}

// cover adds the record that covers n, given its closest encloser.
func (z *plannedZone) cover(m *dns.Msg, n, ce name) {
	if z.param != nil {
		z.coverHash(m, n.child(ce))
		return
	}
	i, found := slices.BinarySearchFunc(z.nsec, n, name.compare)
	if !found {
		i--
	}
	if len(z.nsec) > 0 {
		at := z.nsec[(i+len(z.nsec))%len(z.nsec)]
		z.add(&m.Ns, at, dns.TypeNSEC, at)
	}
}

func (z *plannedZone) coverHash(m *dns.Msg, n name) {
	h := z.hash(n)
	i, found := slices.BinarySearch(z.nsec3, h)
	if !found {
		i--
	}
	at := z.hashes[z.nsec3[(i+len(z.nsec3))%len(z.nsec3)]]
	z.add(&m.Ns, at, dns.TypeNSEC3, at)
}

// hash is the NSEC3 hash of n under the zone's parameters, empty beyond the
// iterations that are believed.
func (z *plannedZone) hash(n name) string {
	if z.param.Iterations > maxIterations {
		return ""
	}
	return dns.HashName(n.String(), z.param.Hash, z.param.Iterations, z.param.Salt)
}
