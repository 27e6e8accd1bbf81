package dnssec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// Plan is a change that is not published yet: DS sets, or whole zones, from
// files in master-file form. What it holds stands in for what the servers say.
type Plan struct {
	ds    map[name]plannedDS
	zones map[name]*plannedZone
}

// plannedDS is the DS set of one zone; none means that it is to be removed.
type plannedDS struct {
	rrs  []dns.RR
	file string
}

// maxPlanFile bounds one file, in bytes, and maxPlanFaults what is told of it.
const (
	maxPlanFile   = 256 << 20
	maxPlanFaults = 50
)

// located is a record with the line it starts on.
type located struct {
	rr   dns.RR
	line int
}

// Read adds a file to the plan. With an SOA record it is a whole zone; else it
// has DS records only, of one or more zones, where "DS 0 0 0 00" (as in RFC 8078
// 4) stands for their removal. $ORIGIN and $TTL are understood; $INCLUDE and
// $GENERATE are refused. Every fault is reported, as "file:line: sentence".
func (p *Plan) Read(in io.Reader, file string) error {
	text, err := io.ReadAll(io.LimitReader(in, maxPlanFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxPlanFile {
		return fmt.Errorf("%s: longer than %d bytes", file, maxPlanFile)
	}
	records, faults := masterFile(string(text), file)
	if p.ds == nil {
		p.ds, p.zones = map[name]plannedDS{}, map[name]*plannedZone{}
	}
	switch i := slices.IndexFunc(records, func(l located) bool { return l.rr.Header().Rrtype == dns.TypeSOA }); {
	case len(records) == 0 && len(faults) == 0:
		faults = append(faults, fmt.Errorf("%s: there is no record in it", file))
	case i >= 0:
		faults = append(faults, p.addZone(records, records[i].rr.Header().Name, file)...)
	default:
		faults = append(faults, p.addDS(records, file)...)
	}
	slices.SortStableFunc(faults, func(a, b error) int { return lineOf(a, file) - lineOf(b, file) })
	if n := len(faults) - maxPlanFaults; n > 0 {
		faults = append(faults[:maxPlanFaults], fmt.Errorf("%s: and %d more faults", file, n))
	}
	return errors.Join(faults...)
}

// lineOf reads the line that a fault is on, 0 if it is on none.
func lineOf(fault error, file string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(fault.Error(), file+":"), ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// masterFile reads records entry by entry (RFC 1035 5.1), so that one fault does
// not hide the next.
func masterFile(text, file string) (out []located, faults []error) {
	origin, owner, ttl := "", "", uint32(3600)
	fault := func(line int, form string, a ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(form, a...)))
	}
	for _, e := range entries(text) {
		fields := strings.Fields(e.text)
		switch word := strings.ToUpper(fields[0]); {
		case word == "$ORIGIN":
			if len(fields) != 2 || !validName(fields[1]) {
				fault(e.line, "$ORIGIN wants one domain name")
				continue
			}
			if origin = fields[1]; !dns.IsFqdn(origin) {
				fault(e.line, "the name after $ORIGIN has no final dot")
				origin = dns.Fqdn(origin)
			}
			continue
		case word == "$TTL":
			zp := dns.NewZoneParser(strings.NewReader(e.text+"\n. A 192.0.2.1\n"), ".", "")
			if rr, ok := zp.Next(); ok && len(fields) == 2 {
				ttl = rr.Header().Ttl
			} else {
				fault(e.line, "$TTL wants a number of seconds")
			}
			continue
		case strings.HasPrefix(word, "$"):
			fault(e.line, "%s is refused: the file has to stand for itself", word)
			continue
		}
		line := e.text
		if strings.IndexAny(line, " \t") == 0 {
			if owner == "" {
				fault(e.line, "no name before this record")
				continue
			}
			line = owner + line
		} else {
			owner = fields[0]
		}
		if origin == "" && (owner == "@" || !dns.IsFqdn(owner)) {
			fault(e.line, "%q is relative, and there is no $ORIGIN", owner)
			continue
		}
		zp := dns.NewZoneParser(strings.NewReader(line+"\n"), origin, "")
		zp.SetDefaultTTL(ttl)
		n := 0
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			if n++; rr.Header().Class != dns.ClassINET {
				fault(e.line, "the class is not IN")
				continue
			}
			out = append(out, located{rr, e.line})
		}
		if err := zp.Err(); err != nil {
			fault(e.line, "not a record in master-file form: %s", strings.TrimPrefix(err.Error(), "dns: "))
		} else if n == 0 {
			fault(e.line, "not a record in master-file form")
		}
	}
	return out, faults
}

func validName(s string) bool { _, ok := parseName(s); return ok }

func (p *Plan) addDS(records []located, file string) (faults []error) {
	for _, l := range records {
		fault := func(form string, a ...any) {
			faults = append(faults, fmt.Errorf("%s:%d: %s", file, l.line, fmt.Sprintf(form, a...)))
		}
		ds, ok := l.rr.(*dns.DS)
		if !ok {
			fault("a planned change is a DS set, or a whole zone with its SOA; this is %s", typeName(l.rr.Header().Rrtype))
			continue
		}
		n, ok := parseName(ds.Hdr.Name)
		if !ok || n == root {
			fault("the owner is no domain name that could have a DS record")
			continue
		}
		old, twice := p.ds[n]
		if twice && old.file != file {
			fault("%s has DS records in %s already", n, old.file)
			continue
		}
		remove := ds.KeyTag == 0 && ds.Algorithm == 0 && ds.DigestType == 0 && strings.Trim(ds.Digest, "0") == ""
		if !remove {
			if why := anchorFault(ds); why != "" {
				fault("%s", why)
				continue
			}
		}
		if twice && (remove || len(old.rrs) == 0) {
			fault("%s has both DS records and their removal", n)
			continue
		}
		if remove {
			p.ds[n] = plannedDS{file: file}
		} else {
			p.ds[n] = plannedDS{append(old.rrs, ds), file}
		}
	}
	return faults
}

// PlansDS reports whether the DS set of the zone is part of the plan.
func (p *Plan) PlansDS(zone string) bool {
	n, ok := parseName(zone)
	_, planned := p.ds[n]
	return ok && planned
}

// DS names the zones whose DS set is planned, in canonical order.
func (p *Plan) DS() []string { return sortedNames(p.ds) }

// Zones names the zones whose content is planned, in canonical order.
func (p *Plan) Zones() []string { return sortedNames(p.zones) }

func sortedNames[T any](m map[name]T) []string {
	var list []name
	for n := range m {
		list = append(list, n)
	}
	slices.SortFunc(list, name.compare)
	var out []string
	for _, n := range list {
		out = append(out, n.String())
	}
	return out
}

// WithPlan returns a Validator like New's that judges as if the plan were
// published: planned zones answer from their files, and a planned DS set counts
// as if the parent had signed it. The chain down to the parent comes from src.
func WithPlan(p *Plan, src Source, anchors []dns.RR, now func() time.Time) *Validator {
	v := New(planned{p, src}, anchors, now)
	v.plan = p
	return v
}

// plannedCut is the delegation that the plan makes of c, nil if none.
func (r *run) plannedCut(parent *zone, c name) *cut {
	if r.v.plan == nil {
		return nil
	}
	ds, ok := r.v.plan.ds[c]
	switch {
	case !ok:
		return nil
	case len(ds.rrs) == 0:
		return &cut{kind: cutInsecure, reason: newReason(codeUnsigned, c, c, dns.TypeDS, "record", c.String()+" DS 0 0 0 00", "parent", parent.apex.String())}
	}
	return &cut{kind: cutSigned, ds: ds.rrs}
}

// planned is a Source in which planned zones answer for themselves.
type planned struct {
	plan *Plan
	src  Source
}

// Query answers from the plan, or asks on.
func (s planned) Query(ctx context.Context, qname string, qtype uint16) (*dns.Msg, error) {
	if n, ok := parseName(qname); ok {
		if z := s.plan.zoneFor(n, qtype); z != nil {
			return z.answer(n, qtype), nil
		}
		if cut, ok := s.plan.delegated(n); ok {
			return s.belowCut(ctx, cut, n, qtype)
		}
	}
	return s.src.Query(ctx, qname, qtype)
}

// notServed is that a delegation is planned whose zone no server has yet.
type notServed struct{ zone name }

func (e notServed) Error() string {
	return "no server answers for the planned delegation " + e.zone.String()
}

// VerdictCause says what kind of gap this is.
func (notServed) VerdictCause() verdict.Cause { return verdict.Lame }

// belowCut asks about a name in a zone that a planned zone delegates. Where the
// delegation is new, those who answer are the servers of the zone above: what
// they say from the zone as it stands is nothing of the child's.
func (s planned) belowCut(ctx context.Context, cut, n name, qtype uint16) (*dns.Msg, error) {
	m, err := s.src.Query(ctx, n.String(), qtype)
	if err != nil || m == nil {
		return m, err
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		owner, ok := parseName(rr.Header().Name)
		from := owner // the zone that the record speaks for
		switch x := rr.(type) {
		case *dns.SOA:
		case *dns.RRSIG:
			if !owner.within(cut) {
				continue
			}
			from, ok = parseName(x.SignerName)
		default:
			continue
		}
		if ok && cut.below(from) {
			return nil, notServed{cut}
		}
	}
	return m, nil
}

// delegated finds the zone cut of a planned zone that n lies at or below.
func (p *Plan) delegated(n name) (name, bool) {
	for _, z := range p.zones {
		if n.below(z.apex) {
			if cut, ok := z.cutAbove(n); ok {
				return cut, true
			}
		}
	}
	return "", false
}

// Retry asks other servers; a file has no other.
func (s planned) Retry(ctx context.Context, qname string, qtype uint16, bad *dns.Msg) (*dns.Msg, error) {
	n, ok := parseName(qname)
	again, can := s.src.(Retrier)
	if !ok || !can || s.plan.zoneFor(n, qtype) != nil {
		return nil, nil
	}
	return again.Retry(ctx, qname, qtype, bad)
}

// zoneFor finds the planned zone that answers for n, nil if the wire does.
func (p *Plan) zoneFor(n name, qtype uint16) *plannedZone {
	for c := n; ; c = c.parent() {
		z := p.zones[c]
		if z != nil && (qtype != dns.TypeDS || c != n || c == root) {
			if cut, ok := z.cutAbove(n); ok && !(cut == n && qtype == dns.TypeDS) {
				return nil
			}
			return z
		}
		if c == root {
			return nil
		}
	}
}
