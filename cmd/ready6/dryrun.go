package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/verdict"
	"ready6/reports"
)

// dryRun is what scan would send, and to whom. It is made from files alone:
// which servers a name has is known only when they have been asked.
type dryRun struct {
	Agencies int               `json:"agencies"`
	Checks   []verdict.Check   `json:"checks"` // empty: all
	Kinds    []kindRun         `json:"kinds"`
	Limits   map[string]string `json:"limits"`
	OptOut   *optedOut         `json:"opt_out,omitempty"`
	Hidden   int               `json:"not_visible_from_here"`
	Allowed  []string          `json:"special_purpose_space_opened"`
	Canaries []string          `json:"canaries"`
	Sources  []string          `json:"data_sources"` // that are asked over the network
	Seed     uint64            `json:"seed"`
	Order    []string          `json:"order"` // services as they would be measured, host kind port
}

// kindRun sums up the services of one kind and port.
type kindRun struct {
	Kind     string `json:"kind"`
	Services int    `json:"services"`
	Hosts    int    `json:"hosts"`
	probes.Burden
}

// optedOut is what the opt-out list takes out of this run.
type optedOut struct {
	File     string   `json:"file"`
	Entries  int      `json:"entries"`
	Services []string `json:"services"`
}

// showPlan prints the dry run.
func (j *job) showPlan() (err error) {
	defer j.close()
	if j.set, err = newSetup(j.cfg); err != nil {
		return err
	}
	if err := j.read(); err != nil {
		return err
	}
	j.seed = seed(j.cfg)
	d := j.dryRun()
	if j.cfg.text("format") == "json" {
		enc := json.NewEncoder(j.s.out)
		enc.SetIndent("", "  ")
		return wrapFailed(enc.Encode(d))
	}
	p := &printer{w: j.s.out}
	d.write(p, j.cfg.lang())
	if p.err != nil {
		return failed(p.err)
	}
	return nil
}

func (j *job) dryRun() dryRun {
	d := dryRun{Checks: checksOf(j.cfg.list("only")), Limits: map[string]string{}, Seed: j.seed, Allowed: j.cfg.list("allow"), Sources: []string{}}
	for _, s := range polite {
		d.Limits[s] = fmt.Sprint(j.cfg.v.Get(s))
	}
	atOnce, _ := workers(j.cfg)
	d.Limits["workers"] = strconv.Itoa(atOnce)
	if j.set.optOut != nil {
		d.OptOut = &optedOut{File: j.cfg.text("opt-out"), Entries: j.set.optOut.Len()}
	}
	for _, v := range j.cfg.list("vrps") {
		if _, _, ok := overRTR(v); ok {
			d.Sources = append(d.Sources, v)
		}
	}
	for _, c := range j.inv.Canaries {
		d.Canaries = append(d.Canaries, c.Kind+" "+c.Host)
	}
	agencies := map[string]bool{}
	kinds := map[string]*kindRun{}
	hosts := map[[2]string]bool{}
	for a, s := range shuffled(j.inv, j.seed) {
		line := serviceLine(s)
		if s.Visibility != "public" && !j.cfg.on("vantage-internal") && j.set.lab == nil {
			d.Hidden++
			continue
		}
		if j.set.optOut.Host(s.Host) != "" {
			d.OptOut.Services = append(d.OptOut.Services, line)
			continue
		}
		agencies[a.ID] = true
		d.Order = append(d.Order, line)
		key := fmt.Sprintf("%s %05d", s.Kind, s.Port)
		k := kinds[key]
		if k == nil {
			k = &kindRun{Kind: s.Kind, Burden: probes.BurdenOf(s.Kind, s.Port, d.Checks)}
			kinds[key] = k
		}
		k.Services++
		if id := [2]string{key, s.Host}; !hosts[id] {
			hosts[id] = true
			k.Hosts++
		}
	}
	d.Agencies = len(agencies)
	for _, key := range slices.Sorted(maps.Keys(kinds)) {
		d.Kinds = append(d.Kinds, *kinds[key])
	}
	slices.SortStableFunc(d.Kinds, func(a, b kindRun) int { return cmp.Compare(b.Services, a.Services) })
	return d
}

// polite are the settings that bound what is sent.
var polite = []string{"per-address", "per-network", "connections", "queries-per-address", "queries-per-network", "queries", "workers", "host-timeout", "run-timeout"}

func serviceLine(s inventory.Service) string {
	if s.Port == 0 {
		return s.Host + " " + s.Kind
	}
	return fmt.Sprintf("%s %s %d", s.Host, s.Kind, s.Port)
}

var (
	sayDryHead     = saying{"what a scan with these settings would send; nothing has been sent", "những gì lượt quét với các thiết lập này sẽ gửi; chưa gửi gì"}
	sayDryServices = saying{"services: %d of %d agencies, checks: %s", "dịch vụ: %d của %d cơ quan, kiểm tra: %s"}
	sayDryAll      = saying{"all", "tất cả"}
	sayDryKind     = saying{"%s: %d services, %d hosts", "%s: %d dịch vụ, %d máy chủ"}
	sayDryPorts    = saying{"connections to each address of a host, at most: %s", "số kết nối tới mỗi địa chỉ của một máy chủ, tối đa: %s"}
	sayDryPort     = saying{"port %d: %d", "cổng %d: %d"}
	sayDryNames    = saying{"asked of the servers of its zone: %s", "hỏi máy chủ của vùng chứa tên: %s"}
	sayDryZones    = saying{"asked of the servers of each zone above it, once a run: %s", "hỏi máy chủ của mỗi vùng cấp trên, một lần mỗi lượt: %s"}
	sayDryRetry    = saying{"only silence or a cut is met with another try: 3 in all for a connection, %d where the network loses much, up to %d packets for a question to all servers together; each redirect within a site is one connection more",
		"chỉ thử lại khi không có phản hồi hoặc bị ngắt: tối đa 3 lần cho một kết nối (%d lần nếu mạng mất nhiều gói), %d gói cho một câu hỏi tới mọi máy chủ; mỗi lần chuyển hướng trong cùng trang thêm một kết nối"}
	sayDryPages  = saying{"hosts that pages, mail and zones name are looked up too, and reached once: which ones is known only then", "các máy chủ được nêu trong trang web, thư và vùng cũng được tra cứu và kết nối một lần; khi quét mới biết là máy nào"}
	sayDryLimits = saying{"limits:", "giới hạn:"}
	sayDrySpared = saying{"not contacted (%s, %d entries): services of this inventory: %d", "không liên hệ (%s, %d mục): số dịch vụ trong danh mục: %d"}
	sayDryHidden = saying{"internal services, not measured from here: %d", "dịch vụ nội bộ, không đo từ đây: %d"}
	sayDrySpace  = saying{"special-purpose address space (private, loopback, documentation …) is not contacted; opened: %s", "không liên hệ không gian địa chỉ đặc biệt (riêng, nội máy, tài liệu …); được mở: %s"}
	sayDryCanary = saying{"before and beside them: canaries %s; data from %s", "trước và song song: điểm đối chứng %s; dữ liệu từ %s"}
	sayDryOrder  = saying{"order by seed %d (--seed %d repeats it), first:", "thứ tự theo số %d (--seed %d lặp lại), đầu tiên:"}
	sayDryMore   = saying{"and %d more; --format json lists them all", "và %d dịch vụ nữa; --format json liệt kê tất cả"}
)

// shownFirst is how many services of the order the text has.
const shownFirst = 10

// write prints the dry run for people.
func (d dryRun) write(p *printer, l verdict.Lang) {
	list := func(words []string) string {
		if len(words) == 0 {
			return sayNone.in(l)
		}
		return reports.Clean(strings.Join(words, ", "))
	}
	checks := sayDryAll.in(l)
	if len(d.Checks) > 0 {
		checks = strings.Trim(fmt.Sprint(d.Checks), "[]")
	}
	p.line("%s", sayDryHead.in(l))
	p.line("")
	p.line(sayDryServices.in(l), len(d.Order), d.Agencies, checks)
	for _, k := range d.Kinds {
		p.line("  "+sayDryKind.in(l), k.Kind, k.Services, k.Hosts)
		var ports []string
		for _, b := range k.Ports {
			ports = append(ports, fmt.Sprintf(sayDryPort.in(l), b.Port, b.Connections))
		}
		p.line("    "+sayDryPorts.in(l), list(ports))
		p.line("    "+sayDryNames.in(l), list(k.Names))
		p.line("    "+sayDryZones.in(l), list(k.Zones))
	}
	p.line("  "+sayDryRetry.in(l), probes.MostTries, probes.MostPackets)
	p.line("  %s", sayDryPages.in(l))
	p.line("  "+sayDryCanary.in(l), list(d.Canaries), list(d.Sources))
	p.line("")
	p.line("%s", sayDryLimits.in(l))
	for _, name := range polite {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
		p.line("  %-20s %8s  %s", name, d.Limits[name], settings[i].usage)
	}
	p.line("")
	if d.OptOut != nil {
		p.line(sayDrySpared.in(l), reports.Clean(d.OptOut.File), d.OptOut.Entries, len(d.OptOut.Services))
		for _, s := range d.OptOut.Services[:min(shownFirst, len(d.OptOut.Services))] {
			p.line("  %s", reports.Clean(s))
		}
	}
	p.line(sayDryHidden.in(l), d.Hidden)
	p.line(sayDrySpace.in(l), list(d.Allowed))
	p.line(sayDryOrder.in(l), d.Seed, d.Seed)
	for _, s := range d.Order[:min(shownFirst, len(d.Order))] {
		p.line("  %s", reports.Clean(s))
	}
	if more := len(d.Order) - shownFirst; more > 0 {
		p.line("  "+sayDryMore.in(l), more)
	}
}
