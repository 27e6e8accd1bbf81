package dnssec

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// request is what a zone asks its parent for: the CDS or CDNSKEY records that
// most of its current servers publish.
type request struct {
	cds    []*dns.DS
	keys   []*dns.DNSKEY // of CDNSKEY
	delete [2]bool       // a delete request among the CDS; among the CDNSKEY (RFC 8078 4)
}

func (r request) empty() bool {
	return len(r.cds) == 0 && len(r.keys) == 0 && !r.delete[0] && !r.delete[1]
}

// read adds one record.
func (r *request) read(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.CDS:
		if rr.Algorithm == 0 {
			r.delete[0] = true
		} else {
			r.cds = append(r.cds, &rr.DS)
		}
	case *dns.CDNSKEY:
		if rr.Algorithm == 0 {
			r.delete[1] = true
		} else {
			r.keys = append(r.keys, &rr.DNSKEY)
		}
	}
}

// asksFor reports whether the request has a record of the key.
func (r request) asksFor(k *dns.DNSKEY) bool {
	return slices.ContainsFunc(r.cds, func(ds *dns.DS) bool { return fits(ds, k) }) ||
		slices.ContainsFunc(r.keys, func(c *dns.DNSKEY) bool { return c.Algorithm == k.Algorithm && c.PublicKey == k.PublicKey })
}

// request reads the records of one type that most current servers have.
func (p *posture) request() (r request) {
	for _, rrtype := range []uint16{dns.TypeCDS, dns.TypeCDNSKEY} {
		most, _ := majority(p.telling(rrtype), func(s *seen) string { return requestText(s, rrtype) })
		if len(most) == 0 {
			continue
		}
		for _, rr := range records(most[0], rrtype) {
			r.read(rr)
		}
	}
	return r
}

// telling are the current servers that answered the question for a type.
func (p *posture) telling(rrtype uint16) (out []*seen) {
	for _, s := range p.current {
		a := s.CDS
		if rrtype == dns.TypeCDNSKEY {
			a = s.CDNSKEY
		}
		if a.Msg != nil && replyCause(a) == "" {
			out = append(out, s)
		}
	}
	return out
}

func records(s *seen, rrtype uint16) []dns.RR {
	for _, set := range s.sets {
		if set.rrtype == rrtype {
			return set.rrs[:min(len(set.rrs), postureDS)]
		}
	}
	return nil
}

// requestText is a server's records of a type, comparable.
func requestText(s *seen, rrtype uint16) string {
	var out []string
	for _, rr := range records(s, rrtype) {
		h := *rr.Header()
		out = append(out, strings.ToLower(strings.TrimPrefix(rr.String(), h.String())))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// asked reports whether the zone asks for a DS record.
func (p *posture) asked(ds *dns.DS) bool {
	r := p.request()
	return slices.ContainsFunc(r.cds, func(c *dns.DS) bool {
		return c.KeyTag == ds.KeyTag && c.Algorithm == ds.Algorithm && (c.DigestType != ds.DigestType || strings.EqualFold(c.Digest, ds.Digest))
	}) || slices.ContainsFunc(r.keys, func(k *dns.DNSKEY) bool { return fits(ds, k) })
}

// cds judges what the zone asks its parent for.
func (p *posture) cds() {
	for _, rrtype := range []uint16{dns.TypeCDS, dns.TypeCDNSKEY} {
		_, rest := majority(p.telling(rrtype), func(s *seen) string { return requestText(s, rrtype) })
		if len(rest) > 0 {
			p.add("posture.cds-servers-differ", indices(rest), "servers", p.who(rest), "type", typeName(rrtype))
		}
	}
	r := p.request()
	if r.empty() {
		return
	}
	types := joined([]string{"CDS", "CDNSKEY"}, func(t string) string {
		if t == "CDS" && (len(r.cds) > 0 || r.delete[0]) || t == "CDNSKEY" && (len(r.keys) > 0 || r.delete[1]) {
			return t
		}
		return ""
	})
	switch {
	case r.delete[0] && len(r.cds) > 0, r.delete[1] && len(r.keys) > 0:
		p.add("posture.cds-invalid", nil, "type", types)
		return
	case p.disagree(r):
		p.add("posture.cds-cdnskey-differ", nil, "tags", orDelete(dsTags(r.cds), r.delete[0]), "others", orDelete(tags(r.keys), r.delete[1]))
		return
	case r.delete[0] || r.delete[1]:
		p.add("posture.cds-delete", nil)
		return
	}
	if p.unsafe(r) {
		p.add("posture.cds-unsafe", nil, "type", types, "tags", r.tags())
		return
	}
	if want := r.tags(); p.DSCause == "" && p.Parent != "" && !sameWords(want, dsTags(p.ds)) {
		p.add("posture.cds-pending", nil, "tags", want, "others", orNone(dsTags(p.ds)))
	}
}

// disagree reports whether CDS and CDNSKEY, where both are there, are not of the
// same keys: "they MUST match in content" (RFC 7344 4).
func (p *posture) disagree(r request) bool {
	answered := len(p.telling(dns.TypeCDS)) > 0 && len(p.telling(dns.TypeCDNSKEY)) > 0
	both := answered && (len(r.cds) > 0 || r.delete[0]) && (len(r.keys) > 0 || r.delete[1])
	if !both {
		return false
	}
	if r.delete != [2]bool{} {
		return r.delete != [2]bool{true, true}
	}
	for _, ds := range r.cds {
		if !unreadable(ds) && !slices.ContainsFunc(r.keys, func(k *dns.DNSKEY) bool { return fits(ds, k) }) {
			return true
		}
	}
	return slices.ContainsFunc(r.keys, func(k *dns.DNSKEY) bool {
		return !slices.ContainsFunc(r.cds, func(ds *dns.DS) bool { return fits(ds, k) || unreadable(ds) && ds.KeyTag == newKey(k).tag })
	})
}

// unsafe reports whether the chain would break if the parent did as asked: no
// key named is published and signs the keys (RFC 7344 4.1).
func (p *posture) unsafe(r request) bool {
	if len(p.keys) == 0 || slices.ContainsFunc(r.cds, unreadable) {
		return false
	}
	return !slices.ContainsFunc(p.keys, func(k *dns.DNSKEY) bool { return r.asksFor(k) && p.signs(k, dns.TypeDNSKEY) })
}

// signs reports whether some current server shows a signature by the key on
// records of a type.
func (p *posture) signs(k *dns.DNSKEY, rrtype uint16) bool {
	tag := newKey(k).tag
	return slices.ContainsFunc(p.current, func(s *seen) bool {
		return slices.ContainsFunc(s.sets, func(set *rrset) bool {
			return set.rrtype == rrtype && slices.ContainsFunc(set.sigs, func(sig *dns.RRSIG) bool { return sig.KeyTag == tag && sig.Algorithm == k.Algorithm })
		})
	})
}

func (r request) tags() string {
	if len(r.cds) > 0 {
		return dsTags(r.cds)
	}
	return tags(r.keys)
}

func orDelete(s string, del bool) string {
	if del {
		return "DELETE"
	}
	return orNone(s)
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// sameWords compares two lists whatever their order.
func sameWords(a, b string) bool {
	x, y := strings.Split(a, ", "), strings.Split(b, ", ")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// rollover notes what stage a change of keys is in. None of it is a fault.
func (p *posture) rollover() {
	var linked, spare, idle []*dns.DNSKEY
	var algs []string
	signing := false
	for _, k := range p.keys {
		if k.Flags&dns.REVOKE != 0 || k.Flags&dns.ZONE == 0 {
			continue
		}
		if a := algorithmName(k.Algorithm); !slices.Contains(algs, a) {
			algs = append(algs, a)
		}
		sep := k.Flags&dns.SEP != 0
		switch {
		case p.named(k):
			linked = append(linked, k)
		case sep:
			spare = append(spare, k)
		case !p.signs(k, dns.TypeSOA):
			idle = append(idle, k)
		}
		signing = signing || p.signs(k, dns.TypeSOA)
	}
	if len(linked) > 1 {
		p.add("posture.rollover-double-ds", nil, "tags", tags(linked))
	}
	if len(linked) > 0 && len(spare) > 0 {
		p.add("posture.rollover-double-ksk", nil, "tags", tags(spare), "others", tags(linked))
	}
	if len(idle) > 0 && signing {
		p.add("posture.rollover-zsk", nil, "tags", tags(idle))
	}
	if len(algs) > 1 {
		slices.Sort(algs)
		p.add("posture.rollover-algorithm", nil, "algorithms", strings.Join(algs, ", "))
	}
}
