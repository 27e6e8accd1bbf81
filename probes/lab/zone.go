package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// rrset is the records of one owner and type with the signatures over them.
type rrset struct {
	rrs  []dns.RR
	sigs []dns.RR
}

// zone is one version of a zone, ready to be served. It is not changed after
// Start, so servers read it without locks.
type zone struct {
	spec  zoneSpec
	name  string
	sets  map[string]map[uint16]*rrset
	ents  map[string]bool // empty non-terminals
	chain []link          // NSEC or NSEC3 owners in order, as signed
	muted map[string]bool // "owner TYPE": negative answers without proof
	keys  []key
}

func newZone(spec zoneSpec) *zone {
	return &zone{spec: spec, name: spec.name, sets: map[string]map[uint16]*rrset{}, muted: map[string]bool{}}
}

func (z *zone) add(rr dns.RR) {
	owner := strings.ToLower(rr.Header().Name)
	node := z.sets[owner]
	if node == nil {
		node = map[uint16]*rrset{}
		z.sets[owner] = node
	}
	set := node[rr.Header().Rrtype]
	if set == nil {
		set = &rrset{}
		node[rr.Header().Rrtype] = set
	}
	for _, old := range set.rrs {
		if dns.IsDuplicate(old, rr) {
			return
		}
	}
	set.rrs = append(set.rrs, rr)
}

func (z *zone) get(owner string, rtype uint16) *rrset { return z.sets[owner][rtype] }

// remove takes a set away, and the node with its last set.
func (z *zone) remove(owner string, rtype uint16) {
	delete(z.sets[owner], rtype)
	if len(z.sets[owner]) == 0 {
		delete(z.sets, owner)
	}
}

// cut returns the highest delegation at or above name, inside the zone.
func (z *zone) cut(name string) (string, bool) {
	for _, n := range toward(z.name, name) {
		if z.get(n, dns.TypeNS) != nil {
			return n, true
		}
	}
	return "", false
}

// foreign reports whether the records at a name are not the zone's own: below a
// cut, or at the cut and neither NS, DS nor NSEC.
func (z *zone) foreign(owner string, rtype uint16) bool {
	cut, ok := z.cut(owner)
	if !ok {
		return false
	}
	if owner != cut {
		return true
	}
	return rtype != dns.TypeNS && rtype != dns.TypeDS && rtype != dns.TypeNSEC
}

// exists reports whether a name has records or something below it.
// An NSEC3 record's hashed owner is not a name of the zone (RFC 5155 7.2.8).
func (z *zone) exists(name string) bool { return z.node(name) != nil || z.ents[name] }

// node returns the sets at a name, nil if only a chain of denial put them there.
func (z *zone) node(name string) map[uint16]*rrset {
	node := z.sets[name]
	if len(node) == 1 && node[dns.TypeNSEC3] != nil {
		return nil
	}
	return node
}

// findENTs records the names that exist only because something is below them.
func (z *zone) findENTs() {
	z.ents = map[string]bool{}
	for owner := range z.sets {
		if owner == z.name {
			continue
		}
		for n := parentName(owner); n != z.name && under(n, z.name); n = parentName(n) {
			if z.sets[n] == nil {
				z.ents[n] = true
			}
		}
	}
}

// build makes every zone of the world, unsigned and without delegations.
func (w World) build() (map[string]*zone, error) {
	zones := map[string]*zone{}
	for _, spec := range w.zones {
		z := newZone(spec)
		text, ok := w.texts[spec.key()]
		if !ok {
			text = w.texts[spec.name]
		}
		if err := z.read(text); err != nil {
			return nil, fmt.Errorf("zone %s: %w", spec.key(), err)
		}
		z.apex()
		zones[spec.key()] = z
	}
	for text := range w.texts {
		if zones[text] == nil {
			return nil, fmt.Errorf("zone %s has text but no line in the zones section", text)
		}
	}
	if zones["."] == nil {
		return nil, fmt.Errorf("the world has no root zone")
	}
	if err := w.publish(zones); err != nil {
		return nil, err
	}
	for _, e := range w.edits {
		z := zones[e.zone]
		if z == nil {
			return nil, fmt.Errorf("edit: no zone %s", e.zone)
		}
		if err := z.apply(e); err != nil {
			return nil, fmt.Errorf("edit %s: %w", e.zone, err)
		}
	}
	return zones, nil
}

// read adds the records of a zone-file text.
func (z *zone) read(text string) error {
	p := dns.NewZoneParser(strings.NewReader(text), z.name, "")
	p.SetDefaultTTL(z.spec.ttl)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if !under(strings.ToLower(rr.Header().Name), z.name) {
			return fmt.Errorf("%s is outside the zone", rr.Header().Name)
		}
		z.add(rr)
	}
	return p.Err()
}

// apex adds SOA and NS where the text has none.
func (z *zone) apex() {
	if z.get(z.name, dns.TypeSOA) == nil {
		z.add(&dns.SOA{Hdr: z.header(z.name, dns.TypeSOA), Ns: z.spec.servers[0], Mbox: "hostmaster." + strings.TrimPrefix(z.name, "."),
			Serial: 2026010100, Refresh: 7200, Retry: 900, Expire: 604800, Minttl: 300})
	}
	if z.get(z.name, dns.TypeNS) == nil {
		for _, s := range z.spec.servers {
			z.add(&dns.NS{Hdr: z.header(z.name, dns.TypeNS), Ns: s})
		}
	}
}

func (z *zone) header(owner string, rtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rtype, Class: dns.ClassINET, Ttl: z.spec.ttl}
}

// address adds one A or AAAA record.
func (z *zone) address(owner string, a netip.Addr) {
	if a.Is4() {
		z.add(&dns.A{Hdr: z.header(owner, dns.TypeA), A: a.AsSlice()})
		return
	}
	z.add(&dns.AAAA{Hdr: z.header(owner, dns.TypeAAAA), AAAA: a.AsSlice()})
}

// deepest returns the zone that owns a name, among the proper versions.
func deepest(zones map[string]*zone, name string) *zone {
	for n := name; ; n = parentName(n) {
		if z := zones[n]; z != nil {
			return z
		}
		if n == "." {
			return nil
		}
	}
}

// versions returns all versions of a zone, the proper one first.
func versions(zones map[string]*zone, name string) []*zone {
	var out []*zone
	for _, z := range zones {
		if z.name == name {
			out = append(out, z)
		}
	}
	slices.SortFunc(out, func(a, b *zone) int { return strings.Compare(a.spec.version, b.spec.version) })
	return out
}

// publish adds the address records of every host, and the MX records of mail
// hosts, to the zones that own the names, unless the zone's text already says
// something of the name.
func (w World) publish(zones map[string]*zone) error {
	said := map[*zone]map[string]bool{}
	for _, z := range zones {
		said[z] = map[string]bool{}
		for owner, node := range z.sets {
			said[z][owner] = node[dns.TypeA] != nil || node[dns.TypeAAAA] != nil || node[dns.TypeCNAME] != nil
		}
	}
	for _, h := range w.hosts {
		if _, off := h.options["nodns"]; off {
			continue
		}
		for _, name := range append([]string{h.name}, h.aliases()...) {
			own := deepest(zones, name)
			if own == nil {
				return fmt.Errorf("host %s: no zone owns the name", name)
			}
			for _, z := range versions(zones, own.name) {
				for _, p := range h.places {
					if !said[z][name] {
						z.address(name, p.addr)
					}
				}
			}
		}
		if domain := h.options["for"]; domain != "" {
			if err := w.mailFor(zones, h, canonical(domain)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w World) mailFor(zones map[string]*zone, h host, domain string) error {
	own := deepest(zones, domain)
	if own == nil {
		return fmt.Errorf("host %s: no zone owns %s", h.name, domain)
	}
	for _, z := range versions(zones, own.name) {
		z.add(&dns.MX{Hdr: z.header(domain, dns.TypeMX), Preference: 10, Mx: h.name})
	}
	return nil
}

// aliases are the other names of a web host.
func (h host) aliases() []string {
	var out []string
	if list := h.options["alias"]; list != "" {
		for a := range strings.SplitSeq(list, ",") {
			out = append(out, canonical(a))
		}
	}
	return out
}

// delegate adds NS, glue and DS records for every zone to its parent.
func (w World) delegate(zones map[string]*zone) error {
	addrs := map[string][]netip.Addr{}
	for _, h := range w.hosts {
		if h.kind == "dns" {
			for _, p := range h.places {
				addrs[h.name] = append(addrs[h.name], p.addr)
			}
		}
	}
	for _, child := range zones {
		if child.spec.version != "" || child.name == "." || child.spec.hide {
			continue
		}
		own := deepest(zones, parentName(child.name))
		for _, parent := range versions(zones, own.name) {
			if parent.get(child.name, dns.TypeNS) == nil {
				for _, s := range child.spec.servers {
					parent.add(&dns.NS{Hdr: parent.header(child.name, dns.TypeNS), Ns: s})
					parent.addGlue(s, addrs[s], child.spec.glue)
				}
			}
			if err := parent.addDS(child); err != nil {
				return err
			}
		}
	}
	return nil
}

// addGlue adds addresses of a server whose name is below a cut of the zone.
func (z *zone) addGlue(server string, addrs []netip.Addr, families string) {
	if _, below := z.cut(server); !below || !under(server, z.name) {
		return
	}
	for _, a := range addrs {
		if families == "both" || families == "v4" && a.Is4() || families == "v6" && a.Is6() {
			z.address(server, a)
		}
	}
}
