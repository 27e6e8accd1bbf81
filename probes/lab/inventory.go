package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// labAgency owns the services of worlds that name none: those of their wants.
const labAgency = "lab"

// agencyLine reads: ID KIND PARENT Vietnamese name | English name.
func (w *World) agencyLine(fields []string, line string) error {
	if len(fields) < 4 {
		return errors.New("wants: ID KIND PARENT NAME [| ENGLISH NAME]")
	}
	rest := line
	for _, f := range fields[:3] {
		rest = strings.TrimSpace(strings.TrimPrefix(rest, f))
	}
	vi, en, _ := strings.Cut(rest, "|")
	a := inventory.Agency{ID: fields[0], Kind: inventory.Kind(fields[1]), Parent: fields[2],
		Name: verdict.Text{VI: strings.TrimSpace(vi), EN: strings.TrimSpace(en)}, Source: "lab"}
	if a.Parent == "-" {
		a.Parent = ""
	}
	w.agencies = append(w.agencies, a)
	return nil
}

// resourceLine reads: AGENCY PREFIX [ASN]..., the agency's own block and who
// should announce it.
func (w *World) resourceLine(fields []string, _ string) error {
	if len(fields) < 2 {
		return errors.New("wants: AGENCY PREFIX, then any number of ASNs")
	}
	p, err := netip.ParsePrefix(fields[1])
	if err != nil {
		return err
	}
	r := resource{agency: fields[0], Resource: inventory.Resource{Prefix: p}}
	for _, f := range fields[2:] {
		asn, err := parseASN(f)
		if err != nil {
			return err
		}
		r.Origins = append(r.Origins, asn)
	}
	w.resources = append(w.resources, r)
	return nil
}

// resource is an address block of one agency.
type resource struct {
	agency string
	inventory.Resource
}

// providerLine reads: ASN NAME.
func (w *World) providerLine(fields []string, line string) error {
	if len(fields) < 2 {
		return errors.New("wants: ASN NAME")
	}
	asn, err := parseASN(fields[0])
	if err != nil {
		return err
	}
	name := strings.TrimSpace(strings.TrimPrefix(line, fields[0]))
	w.providers = append(w.providers, inventory.Provider{ASN: asn, Name: verdict.Text{VI: name, EN: name}})
	return nil
}

// canaryLine reads: HOST reach up|down PORT, or HOST dnssec secure|insecure|bogus.
func (w *World) canaryLine(fields []string, _ string) error {
	c := inventory.Canary{Host: fields[0]}
	switch {
	case len(fields) == 4 && fields[1] == "reach":
		n, err := parseASN(fields[3])
		if err != nil || n == 0 || n > 65535 {
			return fmt.Errorf("%q is not a port", fields[3])
		}
		c.Port = uint16(n)
	case len(fields) == 3 && fields[1] == "dnssec":
	default:
		return errors.New("wants: HOST reach up|down PORT, or HOST dnssec STATE")
	}
	c.Kind, c.Want = fields[1], fields[2]
	w.canaries = append(w.canaries, c)
	return nil
}

// Internal reports whether this world's vantage may see internal hosts.
func (l *Lab) Internal() bool { return slices.Contains(l.world.vantage, "internal") }

// NAT64 returns the prefixes of the NAT64 that this world's vantage is behind.
func (l *Lab) NAT64() []netip.Prefix { return slices.Clone(l.world.nat64) }

// Inventory returns the world's inventory as YAML. A world that names agencies
// of the shipped province gets that province's whole tree, with the world's
// services and number resources in place of the real ones; any other world gets
// one agency that owns the services of its wants.
func (l *Lab) Inventory() ([]byte, error) {
	inv, err := l.world.inventory()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := inventory.Write(&b, inv); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return b.Bytes(), nil
}

func (w World) inventory() (inventory.Inventory, error) {
	services := w.services
	if len(services) == 0 {
		for _, want := range w.wants {
			if want.Service == verdict.PrefixKind { // a resource
				continue
			}
			if kind, port, ok := strings.Cut(want.Service, ":"); ok {
				n, err := strconv.ParseUint(port, 10, 16)
				if err != nil {
					return inventory.Inventory{}, fmt.Errorf("lab: %s %s: %w", want.Host, want.Service, err)
				}
				services = append(services, service{agency: labAgency, kind: kind, host: want.Host, port: uint16(n)})
				continue
			}
			services = append(services, service{agency: labAgency, kind: want.Service, host: want.Host})
		}
	}
	inv := inventory.Inventory{Canaries: w.canaries, Providers: w.providers}
	if len(w.agencies) == 0 {
		inv.Agencies = []inventory.Agency{{ID: labAgency, Kind: inventory.Department, Source: "lab",
			Name: verdict.Text{VI: "Cơ quan thử nghiệm", EN: "Test agency"}}}
	} else {
		inv.Agencies = w.tree()
	}
	for _, s := range services {
		a, err := agencyOf(inv, s.agency)
		if err != nil {
			return inv, err
		}
		visibility := "public"
		if s.internal {
			visibility = "internal"
		}
		a.Services = append(a.Services, inventory.Service{Host: s.host, Kind: s.kind, Port: s.port, Visibility: visibility})
	}
	for _, r := range w.resources {
		a, err := agencyOf(inv, r.agency)
		if err != nil {
			return inv, err
		}
		a.Prefixes = append(a.Prefixes, r.Resource)
		for _, asn := range r.Origins {
			if !slices.Contains(a.ASNs, asn) {
				a.ASNs = append(a.ASNs, asn)
			}
		}
	}
	return inv, nil
}

func agencyOf(inv inventory.Inventory, id string) (*inventory.Agency, error) {
	i := slices.IndexFunc(inv.Agencies, func(a inventory.Agency) bool { return a.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("lab: no agency %q in the world or the shipped province", id)
	}
	return &inv.Agencies[i], nil
}

// tree is the shipped province, without its real services and resources, and
// after it the world's own agencies that it does not have.
func (w World) tree() []inventory.Agency {
	var out []inventory.Agency
	for _, a := range inventory.Province().Agencies {
		a.Services, a.Prefixes, a.ASNs = nil, nil, nil
		out = append(out, a)
	}
	for _, a := range w.agencies {
		if !slices.ContainsFunc(out, func(o inventory.Agency) bool { return o.ID == a.ID }) {
			out = append(out, a)
		}
	}
	return out
}
