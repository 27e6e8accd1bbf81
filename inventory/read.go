package inventory

import (
	"io"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Read reads an inventory file; name stands for it in faults. The error is a
// Faults with everything that is wrong with the content, or another one if r
// could not be read. The Inventory is empty then.
func Read(r io.Reader, name string) (Inventory, error) {
	d := &document{name: name}
	root, err := d.load(r)
	if err != nil {
		return Inventory{}, err
	}
	var inv Inventory
	var places []place
	if root != nil {
		if k, ok := d.mapping(root, "the inventory", "agencies", "canaries", "providers"); ok {
			for _, n := range d.members(k["agencies"], "agencies") {
				a, p := d.agency(n)
				inv.Agencies, places = append(inv.Agencies, a), append(places, p)
			}
			inv.Canaries = d.canaries(k["canaries"])
			inv.Providers = d.providers(k["providers"])
		}
	}
	check(inv, places, &d.report)
	if err := d.err(); err != nil {
		return Inventory{}, err
	}
	return inv, nil
}

// called names a thing in sentences by its id, if it has one.
func called(thing, id string) string {
	if id == "" {
		return thing
	}
	return thing + " " + quote(id)
}

func (d *document) agency(n *yaml.Node) (Agency, place) {
	p := place{spot: d.at(n)}
	k, ok := d.mapping(n, "an agency", "id", "name", "kind", "parent", "valid", "succeeded-by", "formerly",
		"source", "services", "prefixes", "asns", "contacts")
	if !ok {
		return Agency{}, p
	}
	a := Agency{ID: d.id(k["id"], "the agency's id")}
	what := called("agency", a.ID)
	d.need(n, k, what, "id", "name", "kind")
	a.Name = d.names(k["name"], "the name of "+what)
	a.Kind = Kind(d.option(k["kind"], "the kind of "+what, agencyKinds))
	a.Parent = d.id(k["parent"], "the parent of "+what)
	a.Valid = d.span(k["valid"], "valid of "+what)
	a.Source = d.text(k["source"], "the source of "+what)
	if k["parent"] != nil {
		p.parent = d.at(k["parent"])
	}
	for _, s := range d.members(k["succeeded-by"], "succeeded-by of "+what) {
		a.SucceededBy = append(a.SucceededBy, d.id(s, "a successor of "+what))
		p.successors = append(p.successors, d.at(s))
	}
	for _, f := range d.members(k["formerly"], "formerly of "+what) {
		a.Formerly = append(a.Formerly, d.former(f, what))
		p.formerly = append(p.formerly, d.at(f))
	}
	for _, s := range d.members(k["services"], "services of "+what) {
		a.Services = append(a.Services, d.service(s, what))
		p.services = append(p.services, d.at(s))
	}
	for _, r := range d.members(k["prefixes"], "prefixes of "+what) {
		a.Prefixes = append(a.Prefixes, d.resource(r, what))
		p.prefixes = append(p.prefixes, d.at(r))
	}
	a.ASNs = d.asns(k["asns"], "asns of "+what)
	a.Contacts = d.contacts(k["contacts"], "contacts of "+what)
	return a, p
}

func (d *document) former(n *yaml.Node, of string) Former {
	what := "an entry in formerly of " + of
	k, ok := d.mapping(n, what, "until", "name", "parent")
	if ok {
		d.need(n, k, what, "until")
		if k["name"] == nil && k["parent"] == nil {
			d.add(d.at(n), "add the earlier name or parent", "%s says neither name nor parent", what)
		}
	}
	return Former{
		Until:  d.date(k["until"], "until in formerly of "+of),
		Name:   d.names(k["name"], "the earlier name of "+of),
		Parent: d.id(k["parent"], "the earlier parent of "+of),
	}
}

func (d *document) service(n *yaml.Node, of string) Service {
	k, ok := d.mapping(n, "a service of "+of, "host", "kind", "port", "visibility", "valid", "exempt")
	if !ok {
		return Service{}
	}
	s := Service{Host: value(d, k["host"], "the host", "write a host name", parseHost, "!!str"), Visibility: public}
	what := called("service", s.Host)
	d.need(n, k, what, "host", "kind")
	s.Kind = d.option(k["kind"], "the kind of "+what, serviceKinds)
	s.Port = value(d, k["port"], "the port of "+what, "write a number from 1 to 65535, without quotes", parsePort, "!!int")
	if (s.Kind == "tcp" || s.Kind == "tls") && k["port"] == nil {
		d.add(d.at(n), "add port:", "%s is of kind %s and has no port", what, s.Kind)
	}
	if k["visibility"] != nil {
		s.Visibility = d.option(k["visibility"], "the visibility of "+what, visibilities)
	}
	s.Valid = d.span(k["valid"], "valid of "+what)
	if e := k["exempt"]; e != nil {
		s.Exempt = d.exemption(e, what)
	}
	return s
}

func (d *document) exemption(n *yaml.Node, of string) *Exemption {
	what := "the exemption of " + of
	k, ok := d.mapping(n, what, "reason", "approver", "until")
	if !ok {
		return nil
	}
	e := &Exemption{
		Reason:   d.text(k["reason"], "the reason of "+what),
		Approver: d.text(k["approver"], "the approver of "+what),
		Until:    d.date(k["until"], "until of "+what),
	}
	d.need(n, k, what, "reason", "approver")
	if k["until"] == nil {
		d.add(d.at(n), "add until: with its last day", "%s has no expiry", what)
	}
	return e
}

func (d *document) resource(n *yaml.Node, of string) Resource {
	what := "a prefix of " + of
	parse := func(n *yaml.Node) netip.Prefix {
		return value(d, n, what, "write it in quotes, such as \"2001:db8::/32\"", parsePrefix, "!!str")
	}
	if n.Kind == yaml.ScalarNode {
		return Resource{Prefix: parse(n)}
	}
	k, ok := d.mapping(n, what, "prefix", "origins")
	if !ok {
		return Resource{}
	}
	d.need(n, k, what, "prefix")
	return Resource{Prefix: parse(k["prefix"]), Origins: d.asns(k["origins"], "origins of "+what)}
}

func (d *document) asns(n *yaml.Node, what string) []uint32 {
	var list []uint32
	first := make(map[uint32]int)
	for _, m := range d.members(n, what) {
		asn := d.asn(m, "a member of "+what)
		if line, twice := first[asn]; twice && asn != 0 {
			d.add(d.at(m), "keep one of them", "%s has %s a second time, first in line %d", what, formatASN(asn), line)
			continue
		}
		first[asn] = m.Line
		list = append(list, asn)
	}
	return list
}

func (d *document) contacts(n *yaml.Node, what string) []string {
	var list []string
	for _, m := range d.members(n, what) {
		c := value(d, m, "a member of "+what, "write a mail address", parseMail, "!!str")
		if slices.Contains(list, c) && c != "" {
			d.add(d.at(m), "keep one of them", "%s has %s a second time", what, quote(c))
			continue
		}
		list = append(list, c)
	}
	return list
}

func (d *document) canaries(n *yaml.Node) []Canary {
	var list []Canary
	for _, n := range d.members(n, "canaries") {
		k, ok := d.mapping(n, "a canary", "host", "port", "kind", "want")
		if !ok {
			continue
		}
		c := Canary{Host: value(d, k["host"], "the host of a canary", "write a host name or address", parseHost, "!!str")}
		what := called("canary", c.Host)
		d.need(n, k, what, "host", "kind", "want")
		c.Kind = d.option(k["kind"], "the kind of "+what, []string{"reach", "dnssec"})
		c.Port = value(d, k["port"], "the port of "+what, "write a number from 1 to 65535, without quotes", parsePort, "!!int")
		if wants, ok := canaryWants[c.Kind]; ok {
			c.Want = d.option(k["want"], "want of "+what, wants)
		}
		_, notAddr := netip.ParseAddr(c.Host)
		switch {
		case c.Kind == "reach" && k["port"] == nil:
			d.add(d.at(n), "add port:", "%s is of kind reach and has no port", what)
		case c.Kind == "dnssec" && k["port"] != nil:
			d.add(d.at(k["port"]), "delete it", "%s is of kind dnssec and has a port", what)
		case c.Kind == "dnssec" && notAddr == nil:
			d.add(d.at(n), "write a name", "%s is of kind dnssec and is an address", what)
		}
		list = append(list, c)
	}
	return list
}

func (d *document) providers(n *yaml.Node) []Provider {
	var list []Provider
	first := make(map[uint32]int)
	for _, n := range d.members(n, "providers") {
		k, ok := d.mapping(n, "a provider", "asn", "name", "source")
		if !ok {
			continue
		}
		p := Provider{ASN: d.asn(k["asn"], "the asn of a provider"), Source: d.text(k["source"], "the source of a provider")}
		what := "a provider"
		if p.ASN != 0 {
			what = "provider " + formatASN(p.ASN)
			if line, twice := first[p.ASN]; twice {
				d.add(d.at(n), "keep one of them", "%s is listed a second time, first in line %d", what, line)
			}
			first[p.ASN] = n.Line
		}
		d.need(n, k, what, "asn", "name")
		p.Name = d.names(k["name"], "the name of "+what)
		list = append(list, p)
	}
	return list
}
