package lab

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// World is a parsed archive: who exists, what is broken, what should come out.
// The grammar is described in worlds/README.md.
type World struct {
	Name  string // file name without extension, empty if parsed from bytes
	Title string // first line of the archive

	hosts     []host
	zones     []zoneSpec
	texts     map[string]string // zone or zone@version -> zone-file text
	edits     []edit            // before signing
	amends    []edit            // after signing
	pages     map[string]string // host/path, or host/path@6 for one family's -> body
	headers   map[string]string // the same -> header lines
	vrps      []vrp
	routes    []route
	services  []service
	agencies  []inventory.Agency
	resources []resource
	providers []inventory.Provider
	canaries  []inventory.Canary
	wants     []Want
	wantsOwn  []Want
	vantage   []string // "no-v4", "no-v6", "internal"
	nat64     []netip.Prefix
	now       time.Time // zero: the clock of Options
}

// Want is the verdict a world expects for one service.
type Want struct {
	Host    string
	Service string   // web, mail, dns, tcp, tls; prefix: a block of an agency's own
	Level   int      // 0..4 of the ladder; -1: cannot be told
	DNSSEC  string   // secure, insecure, bogus, indeterminate
	RPKI    string   // valid, invalid, not-found, unrouted, unknown
	Reasons []string // reason codes that must be among the findings, with "=ROLE[:NAME]" of that owner
}

// service is a line of the inventory: whose it is, its kind, where.
type service struct {
	agency, kind, host string
	port               uint16
	internal           bool
}

// host is one name and what runs at its addresses.
type host struct {
	name    string // canonical, with final dot
	kind    string // dns, web, mail, rtr, tcp, tls
	places  []place
	options map[string]string
}

// edit changes one RRset of a zone.
type edit struct {
	zone  string // canonical, may carry @version
	verb  string
	owner string // as written: relative, absolute, @, or "any" for all
	rtype string // a type, or ANY
	rest  string
}

// Wants returns the expected verdicts, in the archive's order.
func (w World) Wants() []Want { return slices.Clone(w.wants) }

// WantsOwn returns what is expected of the agencies' own blocks and AS numbers,
// and of the networks where services stand: in Host the prefix or AS number, in
// Service prefix, asn or hosting, in RPKI the state of a prefix or "-".
func (w World) WantsOwn() []Want { return slices.Clone(w.wantsOwn) }

// canonical returns a name in lower case with a final dot.
func canonical(name string) string {
	name = strings.ToLower(name)
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return name
}

// Parse reads a world's archive. It may include embedded worlds, whose lines
// are read first and replaced by later lines about the same thing. All faults
// of the archive are reported at once, joined, as "section:line: sentence".
func Parse(data []byte) (World, error) {
	w := World{texts: map[string]string{}, pages: map[string]string{}, headers: map[string]string{}}
	err := w.read(data, 0)
	return w, err
}

func (w *World) read(data []byte, depth int) error {
	ar := txtar.Parse(data)
	w.Title, _, _ = strings.Cut(string(bytes.TrimSpace(ar.Comment)), "\n")
	if len(ar.Files) == 0 {
		return errors.New("not a world: the archive has no sections")
	}
	var faults []error
	for _, f := range ar.Files {
		name, arg, _ := strings.Cut(f.Name, " ")
		text, arg := string(f.Data), strings.TrimSpace(arg)
		switch name {
		case "include":
			faults = append(faults, w.include(text, depth))
		case "zone":
			w.texts[versioned(arg)] = text
		case "page":
			w.pages[arg] = text
		case "headers":
			w.headers[arg] = text
		default:
			p, ok := sections[name]
			if !ok {
				faults = append(faults, fmt.Errorf("%s: no such section", f.Name))
				continue
			}
			if p.clear != nil {
				p.clear(w)
			}
			faults = append(faults, eachLine(name, text, func(fields []string, line string) error {
				return p.line(w, fields, line)
			}))
		}
	}
	return errors.Join(faults...)
}

// versioned splits zone@version and makes the zone's part canonical.
func versioned(s string) string {
	zone, version, ok := strings.Cut(s, "@")
	if !ok {
		return canonical(zone)
	}
	return canonical(zone) + "@" + version
}

func (w *World) include(text string, depth int) error {
	if depth > 4 {
		return errors.New("include: more than four levels deep")
	}
	title := w.Title
	err := eachLine("include", text, func(fields []string, _ string) error {
		data, err := worldFiles.ReadFile("worlds/" + fields[0] + ".txtar")
		if err != nil {
			return fmt.Errorf("no embedded world %q", fields[0])
		}
		return w.read(data, depth+1)
	})
	w.Title = title
	return err
}

// eachLine calls f for every line that is neither empty nor a comment (#).
func eachLine(section, text string, f func(fields []string, line string) error) error {
	var faults []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		if i := strings.Index(line, "#"); i == 0 || i > 0 && line[i-1] == ' ' {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if err := f(fields, strings.TrimSpace(line)); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", section, n, err))
		}
	}
	return errors.Join(faults...)
}

// section says how one kind of section is read. A section with clear replaces
// what an included world said; the others add to it, line by line.
type section struct {
	clear func(*World)
	line  func(w *World, fields []string, line string) error
}

var sections = map[string]section{
	"hosts":     {nil, (*World).hostLine},
	"zones":     {nil, (*World).zoneLine},
	"edit":      {nil, func(w *World, f []string, l string) error { return editLine(&w.edits, editVerbs, f, l) }},
	"amend":     {nil, func(w *World, f []string, l string) error { return editLine(&w.amends, amendVerbs, f, l) }},
	"vrps":      {func(w *World) { w.vrps = nil }, (*World).vrpLine},
	"routes":    {func(w *World) { w.routes = nil }, (*World).routeLine},
	"services":  {func(w *World) { w.services = nil }, (*World).serviceLine},
	"agencies":  {nil, (*World).agencyLine},
	"resources": {nil, (*World).resourceLine},
	"providers": {nil, (*World).providerLine},
	"canaries":  {nil, (*World).canaryLine},
	"want":      {func(w *World) { w.wants = nil }, (*World).wantLine},
	"want-own":  {func(w *World) { w.wantsOwn = nil }, (*World).wantOwnLine},
	"vantage":   {nil, (*World).vantageLine},
	"now":       {nil, (*World).nowLine},
}

var hostKinds = map[string][]string{ // options of each kind
	"dns":  {"nodns", "recursive"},
	"web":  {"alias", "http", "size", "redirect", "cert", "nodns", "status", "ocsp", "hsts", "h2", "h3"},
	"mail": {"for", "cert", "nodns", "tlsa"},
	"rtr":  {"nodns"},
	"tcp":  {"nodns", "port"},
	"tls":  {"nodns", "port", "cert"},
}

// hostLine reads: NAME KIND ADDRESS[!fault,...]... [option[=value]]...
func (w *World) hostLine(fields []string, _ string) error {
	if len(fields) < 2 {
		return errors.New("wants: NAME KIND, then one ADDRESS or more")
	}
	h := host{name: canonical(fields[0]), kind: fields[1], options: map[string]string{}}
	options, ok := hostKinds[h.kind]
	if !ok {
		return fmt.Errorf("kind %q is none of %v", h.kind, slices.Sorted(maps.Keys(hostKinds)))
	}
	for _, f := range fields[2:] {
		text, list, broken := strings.Cut(f, "!")
		if addr, err := netip.ParseAddr(text); err == nil {
			p := place{addr: addr}
			if broken {
				if p.faults, err = parseFaults(h.kind, list); err != nil {
					return err
				}
			}
			h.places = append(h.places, p)
			continue
		}
		key, value, _ := strings.Cut(f, "=")
		if !slices.Contains(options, key) {
			return fmt.Errorf("%q is neither an address nor an option of a %s host (%v)", f, h.kind, options)
		}
		h.options[key] = value
	}
	if len(h.places) == 0 {
		return fmt.Errorf("host %s has no addresses", h.name)
	}
	if port := h.options["port"]; h.kind == "tcp" || h.kind == "tls" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("host %s wants port=NUMBER", h.name)
		}
	}
	if cert := h.options["cert"]; cert != "" {
		if err := checkArg(faultNames["cert"].arg, cert); err != nil {
			return fmt.Errorf("option cert: %w", err)
		}
	}
	replaceOrAdd(&w.hosts, h, func(o host) bool { return o.name == h.name && o.kind == h.kind })
	return nil
}

func replaceOrAdd[T any](list *[]T, item T, same func(T) bool) {
	if i := slices.IndexFunc(*list, same); i >= 0 {
		(*list)[i] = item
		return
	}
	*list = append(*list, item)
}

// editVerbs work on records before signing, amendVerbs on the signed zone.
var (
	editVerbs  = []string{"add", "remove", "replace"}
	amendVerbs = []string{"add", "remove", "replace", "strip", "expire", "future", "corrupt", "signer", "mute", "drop-bit", "labels", "algorithm", "other-key"}
)

// editLine reads: ZONE VERB OWNER TYPE [rest]; for add and replace the rest is
// the record's data.
func editLine(list *[]edit, verbs, fields []string, line string) error {
	if len(fields) < 4 {
		return errors.New("wants: ZONE VERB OWNER TYPE [DATA]")
	}
	e := edit{zone: versioned(fields[0]), verb: fields[1], owner: strings.ToLower(fields[2]), rtype: strings.ToUpper(fields[3])}
	if !slices.Contains(verbs, e.verb) {
		return fmt.Errorf("verb %q is none of %v", e.verb, verbs)
	}
	rest := line
	for _, f := range fields[:4] {
		rest = strings.TrimSpace(rest[strings.Index(rest, f)+len(f):])
	}
	e.rest = rest
	if needs := e.verb == "add" || e.verb == "replace" || e.verb == "signer"; needs && rest == "" {
		return fmt.Errorf("%s wants data after the type", e.verb)
	}
	*list = append(*list, e)
	return nil
}

// serviceLine reads: AGENCY KIND HOST [PORT] [internal].
func (w *World) serviceLine(fields []string, _ string) error {
	internal := len(fields) > 3 && fields[len(fields)-1] == "internal"
	if internal {
		fields = fields[:len(fields)-1]
	}
	if len(fields) < 3 || len(fields) > 4 {
		return errors.New("wants: AGENCY KIND HOST [PORT] [internal]")
	}
	s := service{agency: fields[0], kind: fields[1], host: strings.TrimSuffix(fields[2], "."), internal: internal}
	if len(fields) == 4 {
		port, err := strconv.ParseUint(fields[3], 10, 16)
		if err != nil {
			return fmt.Errorf("port %q is not a number from 0 to 65535", fields[3])
		}
		s.port = uint16(port)
	}
	w.services = append(w.services, s)
	return nil
}

// wantLine reads: HOST KIND LEVEL DNSSEC RPKI [REASON]...; level ? is unknown.
func (w *World) wantLine(fields []string, _ string) error {
	if len(fields) < 5 {
		return errors.New("wants: HOST KIND LEVEL DNSSEC RPKI, then any number of REASONs")
	}
	want := Want{Host: fields[0], Service: fields[1], Level: -1, DNSSEC: fields[3], RPKI: fields[4], Reasons: fields[5:]}
	if fields[2] != "?" {
		level, err := strconv.Atoi(fields[2])
		if err != nil || level < 0 || level > 4 {
			return fmt.Errorf("level %q is neither 0 to 4 nor ?", fields[2])
		}
		want.Level = level
	}
	if !slices.Contains([]string{"secure", "insecure", "bogus", "indeterminate", "-"}, want.DNSSEC) {
		return fmt.Errorf("%q is no DNSSEC state", want.DNSSEC)
	}
	if !slices.Contains([]string{"valid", "invalid", "not-found", "unrouted", "unknown", "-"}, want.RPKI) {
		return fmt.Errorf("%q is no route-origin state", want.RPKI)
	}
	w.wants = append(w.wants, want)
	return nil
}

// wantOwnLine reads: PREFIX|ASN KIND RPKI [REASON]...
func (w *World) wantOwnLine(fields []string, _ string) error {
	if len(fields) < 3 {
		return errors.New("wants: PREFIX or ASN, KIND, RPKI or -, then any number of REASONs")
	}
	want := Want{Host: fields[0], Service: fields[1], Level: -1, RPKI: fields[2], Reasons: fields[3:]}
	var err error
	switch want.Service {
	case verdict.PrefixKind:
		_, err = netip.ParsePrefix(want.Host)
	case verdict.ASNKind, "hosting":
		_, err = parseASN(want.Host)
	default:
		err = fmt.Errorf("%q is none of prefix, asn, hosting", want.Service)
	}
	if err == nil && !slices.Contains([]string{"valid", "invalid", "not-found", "unrouted", "unknown", "-"}, want.RPKI) {
		err = fmt.Errorf("%q is no route-origin state", want.RPKI)
	}
	w.wantsOwn = append(w.wantsOwn, want)
	return err
}

func (w *World) vantageLine(fields []string, _ string) error {
	if p, ok := strings.CutPrefix(fields[0], "nat64="); ok {
		prefix, err := netip.ParsePrefix(p)
		w.nat64 = append(w.nat64, prefix)
		return err
	}
	if !slices.Contains([]string{"no-v4", "no-v6", "internal"}, fields[0]) {
		return fmt.Errorf("%q is none of no-v4, no-v6, internal, nat64=PREFIX", fields[0])
	}
	w.vantage = append(w.vantage, fields[0])
	return nil
}

func (w *World) nowLine(fields []string, _ string) (err error) {
	w.now, err = time.Parse(time.RFC3339, fields[0])
	return err
}
