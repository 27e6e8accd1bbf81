package lab

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// facts are what the world says of the place of one service: the story's
// evidence names the same addresses, zones and routes as a scan of the world does.
type facts struct {
	key    verdict.ServiceKey
	v6, v4 netip.Addr
	zone   zoneSpec // that the service's own name lies in
	keeper zoneSpec // that its canonical name lies in
	route  route    // to v6
	vrps   []vrp    // that cover it
}

// factsOf finds them; a service without a host of its own gets the n-th address
// of the data centre.
func (w World) factsOf(key verdict.ServiceKey, n int) facts {
	f := facts{key: key, v6: netip.MustParseAddr(fmt.Sprintf("2001:db8:8000::1:%x", n)), v4: netip.MustParseAddr(fmt.Sprintf("198.51.100.%d", 10+n))}
	name := canonical(key.Host)
	f.zone = w.zoneAt(name)
	f.keeper = f.zone
	for _, h := range w.hosts {
		if h.name != name && !slices.Contains(h.aliases(), name) && h.options["for"] != key.Host || (key.Kind == "mail") != (h.kind == "mail") {
			continue
		}
		f.keeper = w.zoneAt(h.name)
		for _, p := range h.places {
			if p.addr.Is4() {
				f.v4 = p.addr
			} else {
				f.v6 = p.addr
			}
		}
	}
	for _, r := range w.routes {
		if r.prefix.Contains(f.v6) && (!f.route.prefix.IsValid() || r.prefix.Bits() > f.route.prefix.Bits()) {
			f.route = r
		}
	}
	f.vrps = w.vrpsOver(f.v6)
	return f
}

// zoneAt is the lowest zone of the world that a canonical name lies in.
func (w World) zoneAt(name string) zoneSpec {
	var best zoneSpec
	for _, z := range w.zones {
		if z.version == "" && len(z.name) > len(best.name) && (z.name == "." || name == z.name || strings.HasSuffix(name, "."+z.name)) {
			best = z
		}
	}
	return best
}

func (w World) vrpsOver(a netip.Addr) (out []vrp) {
	for _, v := range w.vrps {
		if v.prefix.Contains(a) {
			out = append(out, v)
		}
	}
	return out
}

// bare is a name as reports write it.
func bare(name string) string { return strings.TrimSuffix(name, ".") }

func bareAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = bare(n)
	}
	return strings.Join(out, ", ")
}

// parent is the zone above a zone.
func (w World) parent(z zoneSpec) zoneSpec {
	_, above, _ := strings.Cut(z.name, ".")
	return w.zoneAt(above)
}

func vrpText(list []vrp) string {
	var out []string
	for _, v := range list {
		text := v.prefix.String()
		if v.max > v.prefix.Bits() {
			text += fmt.Sprintf("-%d", v.max)
		}
		out = append(out, fmt.Sprintf("%s AS%d", text, v.asn))
	}
	return strings.Join(out, ", ")
}

// record is what a scan would have found of the service that a want is about.
func (w Want) record(f facts, parent string, blind bool, at time.Time) verdict.Record {
	r := &recorder{facts: f, parent: parent, at: at}
	found := map[string]bool{}
	for _, reason := range w.Reasons {
		code, _, _ := strings.Cut(reason, "=")
		check, _, _ := strings.Cut(code, ".")
		found[check] = true
		if blind && (check == "reach" || check == "closure") {
			continue
		}
		r.add(verdict.Reason(code))
	}
	switch {
	case w.Level < 0 || w.Level == 0:
		if !found["aaaa"] && !found["reach"] {
			r.add("aaaa.nodata")
		}
	default:
		r.add("aaaa.present")
	}
	if w.Level > 0 {
		r.reach(w.Level, blind)
	}
	if w.Level == 4 {
		r.add("a.none")
	} else {
		r.add("a.present")
	}
	if !found["dnssec"] {
		r.add(map[string]verdict.Reason{"secure": "dnssec.secure", "insecure": "dnssec.insecure.unsigned", "indeterminate": "dnssec.indeterminate.servfail"}[w.DNSSEC])
	}
	if !found["rpki"] {
		r.add(map[string]verdict.Reason{"valid": "rpki.valid", "not-found": "rpki.not-found", "unknown": "rpki.unknown.no-vrps"}[w.RPKI])
	}
	return verdict.Record{Agency: f.key.Agency, Host: f.key.Host, Kind: f.key.Kind, Port: f.key.Port, Results: r.results, At: at, Took: 1200 * time.Millisecond}
}

// recorder collects the results of one service.
type recorder struct {
	facts
	parent  string // zone above the service's own
	at      time.Time
	results []verdict.Result
}

func (r *recorder) reach(level int, blind bool) {
	switch {
	case blind:
		r.add("reach.no-vantage")
		return
	case level >= 2:
		r.add("reach.ok")
	}
	if level >= 3 {
		r.add("closure.zone-ok")
	}
}

// details are what was met on the way, in the words of those who say it.
var details = map[verdict.Reason]string{
	"reach.busy": "421", "reach.status": "HTTP 404", "reach.stalled": "i/o timeout",
	"reach.refused": "connect: connection refused", "reach.silent": "i/o timeout", "reach.unreachable": "no route to host",
}

// subjects of what is not the service's own name or address.
const (
	storyLogin   = "dangnhap.lamdong.gov.vn" // to which sites of the data centre send their visitors
	storyCounter = "dem.thongke.net"         // a third party's script
	storySpecial = "fd00:8000::99"           // an address that is not public
)

// add writes a result with subject, arguments, owner and evidence as a probe would.
func (r *recorder) add(code verdict.Reason) {
	if code == "" {
		return
	}
	e := verdict.Lookup(code)
	zone := bare(r.zone.name)
	out := verdict.Result{Check: e.Check, Reason: code, Subject: r.key.Host, At: r.at, Args: map[string]string{
		"host": r.key.Host, "name": r.key.Host, "zone": zone, "type": "AAAA", "servers": bareAll(r.zone.servers), "parent": r.parent, "proof": "HTTP 200", "count": "2",
		"other": "IPv4", "family": "IPv6", "cause": "timeout", "use": "redirect", "tag": "4711", "tags": "4711", "rcode": "SERVFAIL", "range": "fc00::/7", "ranges": r.v4.String(), "others": "fail",
		"expires": r.at.Add(9 * 24 * time.Hour).UTC().Format(time.RFC3339), "expiration": r.at.Add(-24 * time.Hour).UTC().Format(time.RFC3339),
		"detail": details[code], "ds": fmt.Sprintf("%s 3600 IN DS 4711 13 2 %x", r.zone.name, sha256.Sum256([]byte(zone))), "table": "rib.mrt.gz",
	}}
	r.routes(out.Args)
	agency := verdict.Owner{Role: verdict.Agency, Name: r.key.Agency}
	switch name := string(code); {
	case code == "aaaa.present":
		out.Subject = r.v6.String()
	case code == "a.present":
		out.Subject = r.v4.String()
	case code == "aaaa.special":
		out.Subject, out.Owner = storySpecial, agency
	case e.Check == verdict.Reach:
		out.Subject, out.Owner = netip.AddrPortFrom(r.v6, r.port()).String(), agency
		if code == "reach.cert" {
			out.Args["detail"] = "x509: certificate is valid for default." + zone + ", not " + r.key.Host
		}
	case strings.HasPrefix(name, "closure.zone-"):
		keeper := bare(r.keeper.name)
		out.Subject, out.Via = keeper, []string{r.key.Host, keeper}
		out.Args["servers"] = bareAll(r.keeper.servers)
		out.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: keeper}
	case strings.HasPrefix(name, "closure.host-"):
		out.Subject, out.Via, out.Owner = storyLogin, []string{r.key.Host, storyLogin}, verdict.Owner{Role: verdict.DataCentre}
	case code == "closure.third-party":
		out.Subject, out.Via, out.Args["use"], out.Owner = storyCounter, []string{r.key.Host, storyCounter}, "script", agency
	case code == "closure.literal":
		out.Subject, out.Via, out.Args["use"], out.Owner = r.v4.String(), []string{r.key.Host, r.v4.String()}, "image", agency
	case e.Check == verdict.DNSSEC || e.Check == verdict.Posture:
		out.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: zone}
	case e.Check == verdict.RPKI:
		out.Subject, out.Owner = r.v6.String(), agency
		if as := out.Args["origin"]; as != "" {
			out.Owner = verdict.Owner{Role: verdict.Hosting, Name: as}
		}
	default:
		out.Owner = agency
	}
	if e.Outcome == verdict.Fail || e.Outcome == verdict.Unknown {
		out.Evidence = r.evidence(out)
	}
	r.results = append(r.results, out)
}

// routes fills in what the world's routes and VRPs are.
func (r *recorder) routes(args map[string]string) {
	if n := len(r.route.path); n > 0 {
		args["prefix"], args["length"] = r.route.prefix.String(), fmt.Sprint(r.route.prefix.Bits())
		args["origin"] = fmt.Sprintf("AS%d", r.route.path[n-1])
	}
	if len(r.vrps) > 0 {
		args["vrps"], args["max"] = vrpText(r.vrps), fmt.Sprint(r.vrps[0].max)
	}
}

// port is where the service listens.
func (r *recorder) port() uint16 {
	switch {
	case r.key.Port != 0:
		return r.key.Port
	case r.key.Kind == "mail":
		return 25
	case r.key.Kind == "dns":
		return 53
	}
	return 443
}

// evidence is who was asked, for what, and what came back.
func (r *recorder) evidence(x verdict.Result) []verdict.Evidence {
	switch x.Check {
	case verdict.RPKI: // judged from data
		return nil
	case verdict.Reach:
		return []verdict.Evidence{{At: r.at, Asked: r.key.Host + " " + x.Subject, Over: "tcp6", Query: r.key.Kind, Answer: x.Args["detail"]}}
	}
	asked := "the zone's name server"
	if len(r.zone.servers) > 0 {
		asked = bare(r.zone.servers[0])
	}
	answer := "NOERROR aa"
	if x.Outcome() == verdict.Unknown {
		answer = "timeout"
	}
	return []verdict.Evidence{{At: r.at, Asked: asked + ":53", Over: "udp6", Query: canonical(r.key.Host) + " AAAA", Answer: answer}}
}

// blockRecord is an own block of the story, by the world's routes and VRPs; those
// of the old data centre have no ROA yet.
func (w World) blockRecord(agency string, p inventory.Resource, at time.Time) verdict.Record {
	prefix, origin := p.Prefix.String(), fmt.Sprintf("AS%d", p.Origins[0])
	vrps := w.vrpsOver(p.Prefix.Addr())
	args := map[string]string{"prefix": prefix, "origin": origin, "peers": fmt.Sprint(routePeers), "vrps": vrpText(vrps), "length": fmt.Sprint(p.Prefix.Bits()), "block": prefix}
	code := verdict.Reason("rpki.own.valid")
	switch {
	case slices.Contains(p.Origins, 64511):
		code = "rpki.own.not-found"
	case len(vrps) > 0 && vrps[0].max < p.Prefix.Bits():
		code, args["max"] = "rpki.own.invalid-length", fmt.Sprint(vrps[0].max)
	case len(vrps) == 0:
		code, args["max"] = "rpki.own.idle", fmt.Sprint(p.Prefix.Addr().BitLen())
	}
	return verdict.Record{Agency: agency, Host: prefix, Kind: verdict.PrefixKind, At: at, Results: []verdict.Result{{
		Check: verdict.RPKI, Reason: code, Subject: prefix, At: at, Owner: verdict.Owner{Role: verdict.Agency, Name: agency}, Args: args,
	}}}
}
