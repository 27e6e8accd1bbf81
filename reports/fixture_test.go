package reports

import (
	"net/netip"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func date(y int, m time.Month, d int) inventory.Date {
	return inventory.Date{Time: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

func text2(vi, en string) verdict.Text { return verdict.Text{VI: vi, EN: en} }

func web(h string) inventory.Service {
	return inventory.Service{Host: h, Kind: "web", Visibility: "public"}
}

func mail(h string) inventory.Service {
	return inventory.Service{Host: h, Kind: "mail", Visibility: "public"}
}

// province has agencies in every situation: at every level, unmeasured, exempt,
// with an expired exemption, without services, and one that is no more.
func province() inventory.Inventory {
	exempt, expired := web("cu.syt.example.vn"), web("het.syt.example.vn")
	exempt.Exempt = &inventory.Exemption{Reason: "Hệ thống sẽ dừng trong quý I/2027", Approver: "Sở Thông tin và Truyền thông", Until: date(2027, 3, 31)}
	expired.Exempt = &inventory.Exemption{Reason: "Chờ thay máy chủ", Approver: "Sở Thông tin và Truyền thông", Until: date(2026, 11, 22)}
	return inventory.Inventory{
		Agencies: []inventory.Agency{
			{
				ID: "ubnd", Name: text2("Văn phòng Ủy ban nhân dân tỉnh", "Office of the Provincial People's Committee"), Kind: inventory.Office,
				Services: []inventory.Service{web("www.example.vn"), web("dichvucong.example.vn")},
			},
			{
				ID: "so-tttt", Name: text2("Sở Thông tin và Truyền thông", "Department of Information and Communications"), Kind: inventory.Department, Parent: "ubnd",
				Services: []inventory.Service{web("stttt.example.vn"), mail("example.vn"), mail("khongthu.example.vn")},
				Prefixes: []inventory.Resource{
					{Prefix: netip.MustParsePrefix("2001:db8:80::/48"), Origins: []uint32{64500}},
					{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Origins: []uint32{64500}},
					{Prefix: netip.MustParsePrefix("203.0.113.0/24")},
				},
				ASNs: []uint32{64500},
			},
			{
				ID: "so-gddt", Name: text2("Sở Giáo dục và Đào tạo", "Department of Education and Training"), Kind: inventory.Department, Parent: "ubnd",
				Services: []inventory.Service{web("sgddt.example.vn"), web("tuyensinh.example.vn")},
			},
			{
				ID: "so-yt", Name: text2("Sở Y tế", "Department of Health"), Kind: inventory.Department, Parent: "ubnd",
				Services: []inventory.Service{web("syt.example.vn"), exempt, expired, {Host: "2001:db8:99::25", Kind: "tcp", Port: 8443}},
			},
			{
				ID: "huyen-cu", Name: text2("Ủy ban nhân dân huyện cũ", "People's Committee of a former district"), Kind: inventory.District, Valid: inventory.Span{To: date(2025, 6, 30)},
				Services: []inventory.Service{web("huyen.example.vn")},
			},
			{
				ID: "xa-moi", Name: text2("Ủy ban nhân dân xã mới", "People's Committee of a new commune"), Kind: inventory.Commune, Parent: "ubnd", Valid: inventory.Span{From: date(2025, 7, 1)},
				Services: []inventory.Service{web("xamoi.example.vn"), web("chuaquet.example.vn")},
			},
			{ID: "so-tc", Name: text2("Sở Tài chính", "Department of Finance"), Kind: inventory.Department, Parent: "ubnd"},
			{ID: "bao", Name: text2("Báo và Đài phát thanh, truyền hình", "Newspaper and broadcaster"), Kind: inventory.Unit, Parent: "ubnd"},
		},
		Providers: []inventory.Provider{{ASN: 64501, Name: text2("Nhà cung cấp thử nghiệm", "Example Hosting")}},
	}
}

func testPlan() inventory.Plan {
	agencies := []inventory.Kind{inventory.Department, inventory.Office, inventory.Commune, inventory.Unit}
	return inventory.Plan{Programmes: []inventory.Programme{
		{
			ID: "qd-1004", Name: text2("Kế hoạch theo Quyết định 1004/QĐ-UBND", "Plan of decision 1004/QĐ-UBND"), Source: "Quyết định số 1004/QĐ-UBND ngày 21/8/2024",
			Valid: inventory.Span{From: date(2024, 8, 21)},
			Targets: []inventory.Target{
				{
					ID: "dual-stack-2025", Name: text2("100% cơ quan chạy song song IPv4/IPv6", "Every agency runs IPv4 and IPv6 side by side"),
					Clause: "100% các cơ quan, đơn vị trong tỉnh chuyển đổi IPv6 (hoạt động song song IPv4/IPv6)", Metric: inventory.AgenciesDualStack, Kinds: agencies, Goal: 100, Due: date(2025, 12, 31),
				},
				{
					ID: "only-2030", Name: text2("Toàn bộ dịch vụ dùng thuần IPv6", "All services run on IPv6 alone"),
					Clause: "Chuyển toàn bộ hạ tầng và dịch vụ CNTT có kết nối Internet sang dùng địa chỉ thuần IPv6", Metric: inventory.ServicesIPv6Only, Goal: 100, Due: date(2030, 12, 31),
					Milestones: []inventory.Milestone{{Date: date(2026, 12, 31), Goal: 10}, {Date: date(2028, 12, 31), Goal: 60}},
				},
				{
					ID: "dnssec-2030", Name: text2("Từng bước triển khai DNSSEC", "DNSSEC deployed step by step"), Clause: "từng bước triển khai hạ tầng (DNS/DNSSEC)",
					Metric: inventory.ServicesSecure, Due: date(2030, 12, 31), Gradual: true,
				},
				{
					ID: "rpki-2030", Name: text2("Từng bước triển khai RPKI cho địa chỉ riêng", "RPKI for own addresses step by step"), Clause: "từng bước triển khai (RPKI)",
					Metric: inventory.PrefixesROA, Due: date(2030, 12, 31), Gradual: true,
				},
				{
					ID: "vnix", Name: text2("Kết nối VNIX", "Connection to VNIX"), Clause: "kết nối VNIX", Metric: inventory.NotMeasured, Goal: 100, Due: date(2030, 12, 31),
				},
			},
		},
		{
			ID: "ipv6-only-vn", Name: text2("Chương trình IPv6 only quốc gia 2026-2030", "National IPv6-only programme 2026-2030"), Source: "VNNIC",
			Valid: inventory.Span{From: date(2026, 1, 1)},
			Targets: []inventory.Target{{
				ID: "ready-2028", Name: text2("Dịch vụ sẵn sàng thuần IPv6", "Services ready for IPv6 alone"), Metric: inventory.ServicesIPv6OnlyReady, Goal: 90, Due: date(2028, 12, 31),
				Milestones: []inventory.Milestone{{Date: date(2026, 12, 31), Goal: 30}},
			}},
		},
	}}
}

// The shared faults of the fixture.
func nsFault() verdict.Result {
	r := via(res("closure.zone-v4only", "dns.example.net", "servers", "ns1.dns.example.net, ns2.dns.example.net"), "stttt.example.vn", "dns.example.net")
	r.Owner = verdict.Owner{Role: verdict.DNSOperator, Name: "dns.example.net"}
	r.Evidence = []verdict.Evidence{{At: night, Asked: "ns1.dns.example.net [192.0.2.53]:53", Over: "udp4", Query: "ns1.dns.example.net. AAAA", Answer: "NOERROR aa, 0 answers"}}
	return r
}

func owned(r verdict.Result, role verdict.Role, name string) verdict.Result {
	r.Owner = verdict.Owner{Role: role, Name: name}
	return r
}

// ofBlock is a result on an own block that 300 peers see unless args say otherwise.
func ofBlock(what, prefix, origin string, args ...string) verdict.Result {
	if origin != "" {
		args = append([]string{"prefix", prefix, "origin", origin, "peers", "300", "vrps", prefix + " " + origin}, args...)
	}
	r := owned(res(verdict.Reason("rpki.own."+what), prefix, args...), verdict.Agency, "so-tttt")
	r.Evidence = []verdict.Evidence{{At: night, Asked: "rib.mrt", Over: "file", Query: prefix, Answer: prefix + " " + origin + " (300 peers)"}}
	return r
}

// base is a service that works over IPv6 at one address.
func base(h string, more ...verdict.Result) []verdict.Result {
	r := []verdict.Result{res("aaaa.present", a1, "host", h), res("reach.ok", ap1, "proof", "HTTP 200"), res("closure.zone-ok", "example.vn", "count", "2")}
	return append(r, more...)
}

var (
	secure   = res("dnssec.secure", "example.vn", "expires", "2026-12-02T00:00:00Z")
	insecure = owned(res("dnssec.insecure.unsigned", "sgddt.example.vn", "zone", "sgddt.example.vn", "parent", "example.vn"), verdict.DNSOperator, "sgddt.example.vn")
	valid    = res("rpki.valid", a1, "prefix", "2001:db8:80::/48", "origin", "AS64500", "vrps", "2001:db8:80::/48-48 AS64500")
	noROA    = owned(res("rpki.not-found", v4, "prefix", "192.0.2.0/24", "origin", "AS64501", "length", "24"), verdict.Hosting, "AS64501")
	stolen   = owned(res("rpki.invalid.origin", a2, "prefix", "2001:db8:80::/48", "origin", "AS64666", "vrps", "2001:db8:80::/48-48 AS64500", "length", "48"), verdict.Agency, "so-yt")
	bogus    = owned(res("dnssec.bogus.sig-expired", "syt.example.vn", "name", "syt.example.vn", "type", "AAAA", "zone", "syt.example.vn", "tag", "4711", "expiration", "2026-11-20T00:00:00Z"), verdict.DNSOperator, "syt.example.vn")
)

func records() []verdict.Record {
	noV6 := func(h string, agency string) verdict.Record {
		bad := owned(res("aaaa.nodata", h), verdict.Agency, agency)
		bad.Evidence = []verdict.Evidence{{At: night, Asked: "ns1.example.vn [2001:db8::53]:53", Over: "udp6", Query: h + ". AAAA", Answer: "NOERROR aa, 0 answers"}}
		return rec(agency, "web", h, bad, res("reach.none", h), res("closure.none", h), hasA, insecure, noROA)
	}
	silent := owned(res("reach.silent", ap2, "other", "IPv4", "cause", "timeout"), verdict.Agency, "so-yt")
	return []verdict.Record{
		rec("ubnd", "web", "www.example.vn", base("www.example.vn", noA, secure, valid)...),
		rec("ubnd", "web", "dichvucong.example.vn", base("dichvucong.example.vn", hasA, secure, valid)...),
		rec("so-tttt", "web", "stttt.example.vn", base("stttt.example.vn", nsFault(), hasA, secure, valid, noROA)...),
		rec("so-tttt", "mail", "example.vn", base("mx.example.vn", res("aaaa.mx", "mx.example.vn"), nsFault(), hasA, secure, valid)...),
		rec("so-tttt", "mail", "khongthu.example.vn", res("aaaa.null-mx", "khongthu.example.vn"), secure),
		noV6("sgddt.example.vn", "so-gddt"), noV6("tuyensinh.example.vn", "so-gddt"),
		rec("so-yt", "web", "syt.example.vn", res("aaaa.present", a2), silent, zoneOK, hasA, bogus, stolen),
		noV6("cu.syt.example.vn", "so-yt"), noV6("het.syt.example.vn", "so-yt"),
		rec("xa-moi", "web", "xamoi.example.vn", owned(res("aaaa.unknown", "xamoi.example.vn", "cause", "servfail"), verdict.DNSOperator, "xamoi.example.vn"), res("dnssec.indeterminate.servfail", "xamoi.example.vn", "zone", "xamoi.example.vn", "name", "xamoi.example.vn", "type", "AAAA", "rcode", "SERVFAIL")),
		rec("so-yt", "tcp", "2001:db8:99::25", res("aaaa.present", "2001:db8:99::25"), res("reach.no-vantage", "[2001:db8:99::25]:8443", "family", "IPv6"), res("a.none", "2001:db8:99::25"), res("closure.zone-ok", "."), valid),
		rec("so-tttt", "prefix", "2001:db8:80::/48", ofBlock("valid", "2001:db8:80::/48", "AS64500"),
			ofBlock("maxlength-wide", "2001:db8:80::/48", "AS64500", "vrps", "2001:db8:80::/48-64 AS64500", "announced", "/48", "count", "131070"),
			ofBlock("foreign-invalid", "2001:db8:80::/48", "AS64666", "vrps", "2001:db8:80::/48-64 AS64500", "origins", "AS64500", "peers", "31")),
		rec("so-tttt", "prefix", "198.51.100.0/24", ofBlock("not-found", "198.51.100.0/24", "AS64500", "length", "24", "block", "198.51.100.0/24"),
			ofBlock("family-gap", "198.51.100.0/24", "", "other", "2001:db8:80::/48")),
		rec("so-tttt", "asn", "AS64500", owned(res("rpki.asn.ok", "AS64500", "count", "2", "prefixes", "198.51.100.0/24, 2001:db8:80::/48"), verdict.Agency, "so-tttt")),
	}
}

func rec(agency, kind, h string, results ...verdict.Result) verdict.Record {
	r := verdict.Record{Agency: agency, Kind: kind, Host: h, At: night, Took: 1234 * time.Millisecond, Results: results}
	if kind == "tcp" {
		r.Port = 8443
	}
	return r
}

// run is a night with everything in it.
func testRun() history.Run {
	return history.Run{
		Header: history.Header{
			ID: 12, Started: night, Finished: night.Add(95 * time.Second), Status: history.Complete, Kind: "inventory", Tool: "ready6 0.1.0", Rules: verdict.RulesVersion, Vantage: "dn-dc1",
			Planned: 13, Services: 12,
			Preflight: []verdict.Result{
				res("vantage.family-ok", "IPv4", "detail", "canary"), res("vantage.no-family", "IPv6", "detail", "no route"), res("vantage.data-ok", "VRP", "detail", "3 h"),
			},
			Sources: []history.SourceInfo{{Name: "vrps.json", At: night.Add(-3 * time.Hour), Count: 480000}, {Name: "rib.mrt", Count: 1000000}},
		},
		Records: records(),
	}
}

// earlier is the night before: one service was worse, one was better, one was
// not in the list yet.
func earlier() history.Run {
	run := testRun()
	run.ID, run.Started, run.Finished = 11, night.AddDate(0, 0, -1), night.AddDate(0, 0, -1).Add(time.Minute)
	run.Records = records()
	run.Records[1].Results = []verdict.Result{res("aaaa.nodata", "dichvucong.example.vn"), hasA, secure}
	run.Records[7].Results = base("syt.example.vn", hasA, secure, valid)
	run.Records = append(run.Records[:10:10], run.Records[11:]...)
	return run
}

func testReport() Report {
	return Build(testRun(), []history.Run{earlier()}, province(), testPlan(), night.Add(12*time.Hour))
}
