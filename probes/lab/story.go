package lab

import (
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
		nights = append(nights, w.storyNight(n, rules, base, wants))
	}
	return nights, nil
}

func (w World) storyNight(n, rules int, base inventory.Inventory, wants map[verdict.ServiceKey]Want) StoryNight {
	out := StoryNight{Started: StoryBegins.AddDate(0, 0, n), Rules: rules, Inventory: storyInventory(n, base)}
	if n < storyRules {
		out.Rules--
	}
	i := 0
	for a, svc := range out.Inventory.At(out.Started).All() {
		key := verdict.ServiceKey{Agency: a.ID, Kind: svc.Kind, Host: svc.Host, Port: svc.Port}
		f := w.factsOf(key, i)
		want := storyWant(n, key, wants[verdict.ServiceKey{Kind: svc.Kind, Host: svc.Host}])
		out.Records = append(out.Records, want.record(f, bare(w.parent(f.zone).name), n == storyBlind, out.Started))
		if n < storyRules && want.Level == 3 && slices.Contains(storyLower, key.Host) {
			out.Lower = append(out.Lower, key)
		}
		i++
	}
	for _, a := range out.Inventory.At(out.Started).Agencies {
		for _, p := range a.Prefixes {
			out.Records = append(out.Records, w.blockRecord(a.ID, p, out.Started))
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
