package lab

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// chaseLimit bounds the CNAME and DNAME records followed inside one zone.
const chaseLimit = 10

// reply is an answer being put together from one zone (RFC 1034 4.3.2, RFC
// 4035 3.1, RFC 5155 7.2, RFC 6672 3).
type reply struct {
	z     *zone
	m     *dns.Msg
	do    bool
	glued map[string]bool
}

// answer fills m, a reply to question q, from the zone. The caller has chosen
// the zone: the deepest it has, or for DS at an apex the parent.
func (z *zone) answer(m *dns.Msg, q dns.Question, do bool) {
	r := &reply{z: z, m: m, do: do}
	m.Authoritative = true
	name := strings.ToLower(q.Name)
	seen := map[string]bool{}
	for len(seen) <= chaseLimit {
		target, again := r.step(name, q.Qtype, len(seen) == 0, q.Name)
		seen[name] = true
		if !again || seen[target] || !under(target, z.name) {
			return
		}
		if _, below := z.cut(target); below {
			return // the rest is the child's to answer
		}
		name = target
	}
}

// step answers for one name; with a CNAME or DNAME it returns where that leads.
func (r *reply) step(name string, qtype uint16, first bool, asked string) (string, bool) {
	z := r.z
	if cut, below := z.cut(name); below && (name != cut || qtype != dns.TypeDS) {
		if first {
			r.referral(cut)
		}
		return "", false
	}
	for _, n := range append([]string{z.name}, toward(z.name, name)...) {
		if set := z.get(n, dns.TypeDNAME); set != nil && n != name {
			return r.dname(set, name, n)
		}
	}
	owner := asked
	if !first {
		owner = name
	}
	if node := z.node(name); node != nil {
		return r.fromNode(node, name, owner, qtype)
	}
	if z.ents[name] {
		r.negative(dns.RcodeSuccess, name, qtype, z.noData(name))
		return "", false
	}
	closest, _ := z.encloserByName(name)
	if node := z.node(wildcard(closest)); node != nil {
		return r.fromWildcard(node, name, owner, qtype)
	}
	r.negative(dns.RcodeNameError, name, qtype, z.noName(name))
	return "", false
}

// encloserByName is the closest existing ancestor, chain of denial or not.
func (z *zone) encloserByName(name string) (closest, next string) {
	closest = z.name
	for _, n := range toward(z.name, name) {
		if !z.exists(n) {
			return closest, n
		}
		closest = n
	}
	return closest, name
}

// fromNode answers from a name that exists.
func (r *reply) fromNode(node map[uint16]*rrset, name, owner string, qtype uint16) (string, bool) {
	switch set := node[qtype]; {
	case qtype == dns.TypeANY:
		for _, t := range sortedTypes(node) {
			r.m.Answer = r.take(r.m.Answer, node[t], owner)
		}
		return "", false
	case qtype == dns.TypeRRSIG:
		for _, t := range sortedTypes(node) {
			r.m.Answer = append(r.m.Answer, renamed(node[t].sigs, owner)...)
		}
		return "", false
	case set != nil:
		r.m.Answer = r.take(r.m.Answer, set, owner)
		if qtype == dns.TypeNS || qtype == dns.TypeMX {
			r.additional(set)
		}
		return "", false
	case node[dns.TypeCNAME] != nil:
		r.m.Answer = r.take(r.m.Answer, node[dns.TypeCNAME], owner)
		return strings.ToLower(node[dns.TypeCNAME].rrs[0].(*dns.CNAME).Target), true
	}
	r.negative(dns.RcodeSuccess, name, qtype, r.z.noData(name))
	return "", false
}

// fromWildcard answers from the wildcard that a name without records falls to.
func (r *reply) fromWildcard(node map[uint16]*rrset, name, owner string, qtype uint16) (string, bool) {
	set := node[qtype]
	cname := node[dns.TypeCNAME]
	if set == nil && cname == nil {
		r.negative(dns.RcodeSuccess, name, qtype, r.z.wildcardNoData(name))
		return "", false
	}
	if set == nil {
		set = cname
	}
	r.m.Answer = r.take(r.m.Answer, set, owner)
	r.deny(r.z.expanded(name))
	if qtype != dns.TypeCNAME && set == cname {
		return strings.ToLower(cname.rrs[0].(*dns.CNAME).Target), true
	}
	return "", false
}

// dname answers with the DNAME above a name and the CNAME made from it.
func (r *reply) dname(set *rrset, name, at string) (string, bool) {
	r.m.Answer = r.take(r.m.Answer, set, "")
	target := strings.ToLower(set.rrs[0].(*dns.DNAME).Target)
	made := strings.TrimSuffix(name, at) + target
	if at == "." || target == "." {
		made = dns.Fqdn(strings.TrimSuffix(name, at) + strings.TrimPrefix(target, "."))
	}
	if _, ok := dns.IsDomainName(made); !ok || len(made) > 254 {
		r.m.Rcode = dns.RcodeYXDomain // RFC 6672 2.2
		return "", false
	}
	h := *set.rrs[0].Header()
	h.Name, h.Rrtype = name, dns.TypeCNAME
	r.m.Answer = append(r.m.Answer, &dns.CNAME{Hdr: h, Target: made})
	return made, true
}

// referral points to the servers of a delegated zone, with its DS records or
// the proof that it has none.
func (r *reply) referral(cut string) {
	r.m.Authoritative = false
	ns := r.z.get(cut, dns.TypeNS)
	r.m.Ns = append(r.m.Ns, ns.rrs...)
	if ds := r.z.get(cut, dns.TypeDS); ds != nil && r.do {
		r.m.Ns = r.take(r.m.Ns, ds, "")
	} else if !r.z.spec.unsigned {
		r.deny(r.unlessMuted(cut, dns.TypeDS, r.z.noData(cut)))
	}
	r.additional(ns)
}

// negative adds the SOA and, to who asked for it, the proof.
func (r *reply) negative(rcode int, name string, qtype uint16, owners []string) {
	r.m.Rcode = rcode
	if soa := r.z.get(r.z.name, dns.TypeSOA); soa != nil {
		r.m.Ns = r.take(r.m.Ns, soa, "")
	}
	r.deny(r.unlessMuted(name, qtype, owners))
}

func (r *reply) unlessMuted(name string, qtype uint16, owners []string) []string {
	if r.z.muted[name+" "+dns.TypeToString[qtype]] || r.z.muted[name+" ANY"] {
		return nil
	}
	return owners
}

// deny adds the denial records of these owners, as far as they still exist.
func (r *reply) deny(owners []string) {
	if !r.do {
		return
	}
	rtype := dns.TypeNSEC
	if r.z.spec.nsec3 {
		rtype = dns.TypeNSEC3
	}
	for _, o := range owners {
		if set := r.z.get(o, rtype); set != nil {
			r.m.Ns = r.take(r.m.Ns, set, "")
		}
	}
}

// take appends a set and, to who asked for it, its signatures; owner, unless
// empty, replaces a wildcard's name or keeps the question's spelling.
func (r *reply) take(to []dns.RR, set *rrset, owner string) []dns.RR {
	to = append(to, renamed(set.rrs, owner)...)
	if r.do {
		to = append(to, renamed(set.sigs, owner)...)
	}
	return to
}

func renamed(rrs []dns.RR, owner string) []dns.RR {
	if owner == "" {
		return rrs
	}
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = rr
		if rr.Header().Name != owner {
			out[i] = dns.Copy(rr)
			out[i].Header().Name = owner
		}
	}
	return out
}

// additional adds the addresses that the zone has for the names in NS or MX
// records: glue, or its own records.
func (r *reply) additional(set *rrset) {
	for _, rr := range set.rrs {
		target := ""
		switch rr := rr.(type) {
		case *dns.NS:
			target = strings.ToLower(rr.Ns)
		case *dns.MX:
			target = strings.ToLower(rr.Mx)
		}
		if r.glued[target] {
			continue
		}
		if r.glued == nil {
			r.glued = map[string]bool{}
		}
		r.glued[target] = true
		for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if set := r.z.get(target, t); set != nil {
				r.m.Extra = r.take(r.m.Extra, set, "")
			}
		}
	}
}

func sortedTypes(node map[uint16]*rrset) []uint16 {
	var out []uint16
	for t := range node {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}
