package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// StoryNights is the length of the Story in nights, those without a run included.
const StoryNights = 120

// StoryBegins is the moment of the Story's first night, in the province's time.
var StoryBegins = time.Date(2026, 3, 1, 2, 0, 0, 0, time.FixedZone("+07", 7*60*60))

// StoryNight is one run of the Story.
type StoryNight struct {
	Started   time.Time
	Rules     int // version of the rules of the program that measured
	Inventory inventory.Inventory
	Records   []verdict.Record
	// Lower are services that the rules of that night put one level lower than
	// those of today do.
	Lower []verdict.ServiceKey
}

// event is something that holds for a service from a night on.
type event struct {
	from, to int // the first night, and the last; 0: to the end
	host     string
	level    int // the level it has then; -1: cannot be told
	code     verdict.Reason
}

// The Story, in nights from 0 on. It is told so that every number a report
// explains has a cause in it: see TestStory.
const (
	storyRules     = 30                      // from here on today's rules hold, before it those before
	storyDarkFrom  = 50                      // a week without a run
	storyDarkTo    = 56                      //
	storyMerger    = 61                      // 1 May: the commune of Kiến Đức is part of Quảng Khê from then on
	storyAdded     = 65                      // a service comes to the list
	storyBlind     = 80                      // the vantage has no IPv6
	storyRemoved   = 85                      // a service leaves the list
	storyExempted  = 90                      // another one becomes exempt
	storyConverted = "lamdong-snv"           // the agency that converts
	storyRegressed = "stc.lamdong.gov.vn"    // the service that breaks
	storyFlapping  = "dulich.lamdong.gov.vn" // the one that goes up and down
	storySilent    = "phuquy.lamdong.gov.vn" // the one that is not known any more
	storyNew       = "khaibao.lamdong.gov.vn"
	storyGone      = "congbao.lamdong.gov.vn"
)

// storyLower are what the earlier rules put at level 2, not 3.
var storyLower = []string{"vpubnd.lamdong.gov.vn", "bacgianghia.lamdong.gov.vn"}

var storyEvents = []event{
	{from: 40, host: "snv.lamdong.gov.vn", level: 3},
	{from: 47, host: "tuyendung.lamdong.gov.vn", level: 3},
	{from: 58, host: "motcua.lamdong.gov.vn", level: 3},
	{from: 70, host: storyRegressed, level: 1, code: "reach.refused"},
	{from: 60, to: 67, host: storyFlapping, level: 3}, {from: 68, to: 75, host: storyFlapping, level: 1, code: "reach.silent"},
	{from: 76, to: 83, host: storyFlapping, level: 3}, {from: 84, to: 91, host: storyFlapping, level: 1, code: "reach.silent"},
	{from: 92, host: storyFlapping, level: 3},
	{from: 100, host: storySilent, level: -1, code: "aaaa.unknown"},
	// The old data centre is left by one service after the other.
	{from: 6, host: "stc.daknong.gov.vn", level: 3}, {from: 16, host: "syt.daknong.gov.vn", level: 3},
	{from: 26, host: "datdai.daknong.gov.vn", level: 3}, {from: 36, host: "tiemchung.lamdong.gov.vn", level: 3},
	{from: 46, host: "tuyensinh.lamdong.gov.vn", level: 3}, {from: 66, host: "dalat.lamdong.gov.vn", level: 3},
	{from: 78, host: "cujut.daknong.gov.vn", level: 3}, {from: 88, host: "dakmil.daknong.gov.vn", level: 3},
	{from: 98, host: "daknong.gov.vn", level: 3}, {from: 108, host: "xuanhuong.lamdong.gov.vn", level: 4},
}

// Story tells StoryNights nights of the shipped province in the lab, as runs that
// a history may keep: an agency converts, a service breaks, a commune is merged
// into another, the rules change to the version given, a week is not measured, a
// night is blind, an exemption ends and another begins, services come and go, one
// goes up and down, one falls silent. Every run is whole; it is made out of what
// the province's world says is to be found, not measured.
func Story(rules int) ([]StoryNight, error) {
	w, err := Open("province")
	if err != nil {
		return nil, err
	}
	base, err := w.inventory()
	if err != nil {
		return nil, err
	}
	wants := map[verdict.ServiceKey]Want{}
	for _, x := range append(w.Wants(), Want{Host: storyNew, Service: "web", Level: 2, DNSSEC: "secure", RPKI: "valid", Reasons: []string{"closure.host-v4only"}}) {
		wants[verdict.ServiceKey{Kind: x.Service, Host: x.Host}] = x
	}
	var nights []StoryNight
	for n := range StoryNights {
		if n >= storyDarkFrom && n <= storyDarkTo {
			continue
		}
		nights = append(nights, storyNight(n, rules, base, wants))
	}
	return nights, nil
}

func storyNight(n, rules int, base inventory.Inventory, wants map[verdict.ServiceKey]Want) StoryNight {
	out := StoryNight{Started: StoryBegins.AddDate(0, 0, n), Rules: rules, Inventory: storyInventory(n, base)}
	if n < storyRules {
		out.Rules--
	}
	i := 0
	for a, svc := range out.Inventory.At(out.Started).All() {
		key := verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}
		want := storyWant(n, key, wants[verdict.ServiceKey{Kind: svc.Kind, Host: svc.Host}])
		out.Records = append(out.Records, want.record(key, i, n == storyBlind, out.Started))
		if n < storyRules && want.Level == 3 && slices.Contains(storyLower, key.Host) {
			out.Lower = append(out.Lower, key)
		}
		i++
	}
	for _, a := range out.Inventory.At(out.Started).Agencies {
		for _, p := range a.Prefixes {
			out.Records = append(out.Records, blockRecord(a.ID, p, out.Started))
		}
	}
	return out
}

// storyInventory is the list as it was on a night: what is to come is not in it.
func storyInventory(n int, base inventory.Inventory) inventory.Inventory {
	inv := base
	inv.Agencies = slices.Clone(base.Agencies)
	for i := range inv.Agencies {
		a := &inv.Agencies[i]
		a.Services = slices.Clone(a.Services)
		switch a.ID {
		case "lamdong-kienduc":
			if n >= storyMerger {
				a.Valid.To, a.SucceededBy = storyDay(storyMerger-1), []string{"lamdong-quangkhe"}
			}
		case "lamdong-quangkhe":
			if n >= storyMerger {
				a.Services = append(a.Services, inventory.Service{Host: "kienduc.daknong.gov.vn", Kind: "web", Visibility: "public", Valid: inventory.Span{From: storyDay(storyMerger)}})
			}
		case "lamdong-stc":
			if n >= storyAdded {
				a.Services = append(a.Services, inventory.Service{Host: storyNew, Kind: "web", Visibility: "public"})
			}
		}
		a.Services = slices.DeleteFunc(a.Services, func(s inventory.Service) bool { return s.Host == storyGone && n >= storyRemoved })
		for k := range a.Services {
			storyExempt(n, &a.Services[k])
		}
	}
	return inv
}

func storyExempt(n int, s *inventory.Service) {
	switch {
	case s.Host == "quyhoach.lamdong.gov.vn":
		s.Exempt = &inventory.Exemption{Reason: "Chờ thay máy chủ, đã có kế hoạch mua sắm", Approver: "UBND tỉnh Lâm Đồng", Until: storyDay(91)} // 31 May
	case s.Host == "lagi.lamdong.gov.vn" && n >= storyExempted:
		s.Exempt = &inventory.Exemption{Reason: "Dừng hoạt động trong năm 2026", Approver: "UBND tỉnh Lâm Đồng", Until: inventory.DayOf(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))}
	}
}

func storyDay(n int) inventory.Date { return inventory.DayOf(StoryBegins.AddDate(0, 0, n)) }

// storyWant is what is found on a service on a night.
func storyWant(n int, key verdict.ServiceKey, w Want) Want {
	for _, e := range storyEvents {
		if e.host != key.Host || key.Kind != "web" || n < e.from || e.to != 0 && n > e.to {
			continue
		}
		w.Level = e.level
		w.Reasons = slices.DeleteFunc(slices.Clone(w.Reasons), func(r string) bool {
			return strings.HasPrefix(r, "aaaa.") || strings.HasPrefix(r, "reach.") || strings.HasPrefix(r, "closure.")
		})
		if e.code != "" {
			w.Reasons = append(w.Reasons, string(e.code))
		}
		if w.DNSSEC == "indeterminate" {
			w.DNSSEC, w.RPKI = "secure", "valid"
		}
	}
	return w
}

// record is what a scan would have found of the service that a want is about.
func (w Want) record(key verdict.ServiceKey, n int, blind bool, at time.Time) verdict.Record {
	r := &recorder{key: key, at: at, address: fmt.Sprintf("2001:db8:8000::%x", 0x80+n), v4: fmt.Sprintf("198.51.100.%d", 10+n)}
	r.name()
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
	return verdict.Record{Agency: key.Agency, Host: key.Host, Kind: key.Kind, Port: key.Port, Results: r.results, At: at, Took: 1200 * time.Millisecond}
}

// recorder collects the results of one service.
type recorder struct {
	key         verdict.ServiceKey
	at          time.Time
	address, v4 string
	zone        string
	results     []verdict.Result
}

// name finds the zone that the service's data centre keeps.
func (r *recorder) name() {
	r.zone = r.key.Host
	if labels := strings.Split(r.key.Host, "."); len(labels) > 3 {
		r.zone = strings.Join(labels[len(labels)-3:], ".")
	}
	if strings.Contains(r.key.Host, "daknong") {
		r.zone = "daknong.gov.vn"
	}
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

// add writes a result with subject, arguments and owner as a probe would.
func (r *recorder) add(code verdict.Reason) {
	if code == "" {
		return
	}
	e := verdict.Lookup(code)
	out := verdict.Result{Check: e.Check, Reason: code, Subject: r.key.Host, At: r.at, Args: map[string]string{
		"host": r.key.Host, "name": r.key.Host, "zone": r.zone, "type": "AAAA", "servers": "ns1." + r.zone + ", ns2." + r.zone, "parent": "gov.vn",
		"prefix": "2001:db8:8000::/48", "origin": "AS64510", "length": "48", "vrps": "2001:db8:8000::/48-48 AS64510", "proof": "HTTP 200", "count": "2",
		"other": "IPv4", "family": "IPv6", "cause": "timeout", "use": "redirect", "tag": "4711", "rcode": "SERVFAIL", "range": "fec0::/10",
		"expires": r.at.Add(9 * 24 * time.Hour).UTC().Format(time.RFC3339), "expiration": r.at.Add(-24 * time.Hour).UTC().Format(time.RFC3339), "detail": "lab",
	}}
	switch name := string(code); {
	case code == "aaaa.present":
		out.Subject = r.address
	case code == "a.present":
		out.Subject = r.v4
	case e.Check == verdict.Reach:
		out.Subject = "[" + r.address + "]:443"
		out.Owner = verdict.Owner{Role: verdict.Agency, Name: r.key.Agency}
	case strings.HasPrefix(name, "closure.zone-"):
		out.Subject, out.Via = r.zone, []string{r.key.Host, r.zone}
		out.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: r.zone}
	case strings.HasPrefix(name, "closure.host-"):
		out.Subject, out.Via = "dangnhap.lamdong.gov.vn", []string{r.key.Host, "dangnhap.lamdong.gov.vn"}
		out.Owner = verdict.Owner{Role: verdict.DataCentre}
	case e.Check == verdict.DNSSEC || e.Check == verdict.Posture:
		out.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: r.zone}
	case e.Check == verdict.RPKI:
		out.Subject = r.address
		out.Owner = verdict.Owner{Role: verdict.Hosting, Name: "AS64510"}
	default:
		out.Owner = verdict.Owner{Role: verdict.Agency, Name: r.key.Agency}
	}
	if e.Outcome == verdict.Fail || e.Outcome == verdict.Unknown {
		out.Evidence = []verdict.Evidence{{At: r.at, Asked: "ns1." + r.zone + " [2001:db8:8000::53]:53", Over: "udp6", Query: r.key.Host + ". AAAA", Answer: "lab"}}
	}
	r.results = append(r.results, out)
}

// blockRecord is an own block of the story: all are announced, those of the old
// data centre without a ROA.
func blockRecord(agency string, p inventory.Resource, at time.Time) verdict.Record {
	code := verdict.Reason("rpki.own.valid")
	if slices.Contains(p.Origins, 64511) {
		code = "rpki.own.not-found"
	}
	prefix := p.Prefix.String()
	return verdict.Record{Agency: agency, Host: prefix, Kind: verdict.PrefixKind, At: at, Results: []verdict.Result{{
		Check: verdict.RPKI, Reason: code, Subject: prefix, At: at, Owner: verdict.Owner{Role: verdict.Agency, Name: agency},
		Args: map[string]string{"prefix": prefix, "origin": fmt.Sprintf("AS%d", p.Origins[0]), "peers": "300", "vrps": prefix + " " + fmt.Sprintf("AS%d", p.Origins[0]), "length": fmt.Sprint(p.Prefix.Bits()), "block": prefix},
	}}}
}
