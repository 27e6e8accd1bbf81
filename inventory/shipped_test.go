package inventory

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// decision holds the bullets of part I.2.b of QĐ 1004/QĐ-UBND that name IPv6,
// DNSSEC, RPKI or VNIX, word for word.
var decision = []string{
	`Thúc đẩy, hỗ trợ chuyển đổi toàn diện hạ tầng và mạng lưới cung cấp dịch vụ công nghệ thông tin (CNTT) cho các cơ quan Nhà nước sang ứng dụng địa chỉ IPv6 (giao thức liên mạng thế hệ thứ 6) theo đúng lộ trình tại Quyết định số 38/QĐ-BTTTT ngày 14/01/2021 của Bộ Thông tin và Truyền thông (Bộ TT&TT). Mục tiêu: 100% các cơ quan, đơn vị trong tỉnh chuyển đổi IPv6 đối với hệ thống mạng, hệ thống thông tin và dịch vụ CNTT (hoạt động song song IPv4/IPv6); sẵn sàng khả năng hoạt động thuần IPv6.`,
	`Các doanh nghiệp viễn thông tiến hành chuyển đổi toàn diện sang địa chỉ IPv6 để cung cấp dịch vụ truy nhập Internet ổn định, an toàn, giảm thời gian downtime trên hạ tầng băng rộng cố định, băng rộng di động cho người dân và doanh nghiệp dựa trên công nghệ 4G/5G.`,
	`Chuyển toàn bộ hạ tầng và dịch vụ CNTT có kết nối Internet sang dùng địa chỉ thuần IPv6, từng bước triển khai hạ tầng hệ thống phân giải tên miền/công nghệ bảo mật mở rộng dùng cho hệ thống phân giải tên miền (DNS/DNSSEC) và cơ sở hạ tầng khóa công khai tài nguyên (RPKI) cho IP, số hiệu mạng (ASN) độc lập của tỉnh Đăk Nông.`,
	`Hoàn thiện hạ tầng Internet theo tiêu chuẩn mới, kết nối các nhà cung cấp dịch vụ Internet (ISP) và trạm trung chuyển Internet (IXP); kết nối trạm trung chuyển Internet Quốc gia (VNIX).`,
}

func TestPlanClausesAreTheDecisionsWords(t *testing.T) {
	p := ProvincePlan()
	if len(p.Programmes) != 2 || p.Programmes[0].ID != "qd-1004" {
		t.Fatalf("programmes: %d", len(p.Programmes))
	}
	for _, target := range p.Programmes[0].Targets {
		if target.Clause == "" {
			t.Errorf("%s has no clause", target.ID)
		}
		if !slices.ContainsFunc(decision, func(s string) bool { return strings.Contains(s, target.Clause) }) {
			t.Errorf("%s: not in the decision: %s", target.ID, target.Clause)
		}
	}
}

func TestPlanTargets(t *testing.T) {
	type want struct {
		metric  Metric
		goal    float64
		due     string
		gradual bool
	}
	wants := map[string]want{
		"dual-stack-2025":      {AgenciesDualStack, 100, "2025-12-31", false},
		"ipv6-only-ready-2025": {AgenciesIPv6OnlyReady, 100, "2025-12-31", false},
		"telecom-2025":         {NotMeasured, 0, "2025-12-31", false},
		"ipv6-only-2030":       {ServicesIPv6Only, 100, "2030-12-31", false},
		"dnssec-2030":          {ServicesSecure, 0, "2030-12-31", true},
		"rpki-2030":            {PrefixesROA, 0, "2030-12-31", true},
		"vnix-2030":            {NotMeasured, 0, "2030-12-31", false},
		"state-ipv6-only-2030": {ServicesIPv6Only, 100, "2030-12-31", false},
		"national-use-2030":    {NotMeasured, 90, "2030-12-31", false},
	}
	found := 0
	for _, p := range ProvincePlan().Programmes {
		if bothNames(p.Name) != nil {
			t.Errorf("%s: a name is missing", p.ID)
		}
		for _, g := range p.Targets {
			found++
			if got := (want{g.Metric, g.Goal, g.Due.String(), g.Gradual}); got != wants[g.ID] {
				t.Errorf("%s: %+v, want %+v", g.ID, got, wants[g.ID])
			}
			if bothNames(g.Name) != nil || g.Source == "" {
				t.Errorf("%s: a name or the source is missing", g.ID)
			}
		}
	}
	if found != len(wants) {
		t.Errorf("%d targets, want %d", found, len(wants))
	}
	phases := ProvincePlan().Programmes[1].Targets[0].Milestones
	if len(phases) != 3 || phases[0].Goal != 0 || phases[1].Goal != 80 || phases[2].Goal != 100 {
		t.Errorf("phases: %+v", phases)
	}
}

func bothNames(n verdict.Text) error {
	if n.VI == "" || n.EN == "" {
		return Faults{{Text: "missing"}}
	}
	return nil
}

var cites = regexp.MustCompile(`QĐ 1004/QĐ-UBND|https://`)

func TestProvinceEntries(t *testing.T) {
	inv := Province()
	if len(inv.Agencies) != 32 {
		t.Errorf("%d agencies", len(inv.Agencies))
	}
	for _, a := range inv.Agencies {
		if bothNames(a.Name) != nil {
			t.Errorf("%s: a name is missing", a.ID)
		}
		if !cites.MatchString(a.Source) {
			t.Errorf("%s: source names neither the decision nor an address: %q", a.ID, a.Source)
		}
		if len(a.Services) > 0 {
			t.Errorf("%s has services", a.ID)
		}
	}
	for _, p := range inv.Providers {
		if p.Source == "" || bothNames(p.Name) != nil {
			t.Errorf("AS%d: source or name missing", p.ASN)
		}
	}
	if len(inv.Providers) != 28 {
		t.Errorf("%d providers", len(inv.Providers))
	}
}

// named are the bodies of the province that the decision names, as it spells
// them (OCR slips and abbreviations written out).
var named = []string{
	"Ủy ban nhân dân tỉnh Đăk Nông", "Văn phòng Ủy ban nhân dân tỉnh", "Sở Thông tin và Truyền thông", "Sở Kế hoạch và Đầu tư", "Sở Công Thương",
	"Sở Tài nguyên và Môi trường", "Sở Xây dựng", "Sở Tài chính", "Sở Nội vụ", "Ban Quản lý các Khu Công nghiệp tỉnh",
	"Ban chỉ đạo Chuyển đổi số tỉnh", "Văn phòng Tỉnh ủy", "Văn phòng Đoàn đại biểu Quốc hội và Hội đồng nhân dân tỉnh",
	"Báo Đăk Nông", "Đài Phát thanh và Truyền hình tỉnh", "Bưu điện tỉnh", "Cổng thông tin điện tử tỉnh", "Trung tâm tích hợp dữ liệu tỉnh",
	"VNPT Đăk Nông", "Viettel Đăk Nông", "thành phố Gia Nghĩa",
	"huyện Cư Jút", "huyện Đắk Mil", "huyện Đắk Song", "huyện Đắk R'lấp", "huyện Đắk Glong", "huyện Krông Nô", "huyện Tuy Đức",
}

func TestProvinceHasEveryNamedAgency(t *testing.T) {
	then := Province().At(day("2024-08-21"))
	for _, n := range named {
		if len(then.Find(n)) == 0 {
			t.Errorf("not found on the day of the decision: %s", n)
		}
	}
	if n := len(then.Agencies); n != len(named)+2 { // the province itself and Sở KH&CN come on top
		t.Errorf("%d agencies on that day", n)
	}
	if _, early := then.Agency("lamdong"); early {
		t.Error("Lâm Đồng is there before the merger")
	}
}

func TestProvinceReorganised(t *testing.T) {
	inv := Province()
	ids := func(list []Agency) string {
		var s []string
		for _, a := range list {
			s = append(s, a.ID)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct{ id, day, want string }{
		{"daknong-stttt", "2025-02-28", "daknong-stttt"},
		{"daknong-stttt", "2025-03-01", "daknong-skhcn"},
		{"daknong-stttt", "2025-06-30", "daknong-skhcn"},
		{"daknong-stttt", "2025-07-01", "lamdong-skhcn"},
		{"daknong", "2025-06-30", "daknong"},
		{"daknong", "2025-07-01", "lamdong"},
		{"daknong-cujut", "2026-01-01", "lamdong"},
		{"daknong-vnpt", "2026-01-01", "daknong-vnpt"},
		{"lamdong", "2025-06-30", ""},
		{"nobody", "2025-06-30", ""},
	} {
		if got := ids(inv.Successors(c.id, day(c.day))); got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.id, c.day, got, c.want)
		}
	}
	for _, c := range []struct{ id, day, parent string }{
		{"daknong-ttthdl", "2025-02-28", "daknong-stttt"},
		{"daknong-ttthdl", "2025-03-01", "daknong-skhcn"},
		{"daknong-vnpt", "2025-06-30", "daknong"},
		{"daknong-vnpt", "2025-07-01", "lamdong"},
	} {
		a, ok := inv.At(day(c.day)).Agency(c.id)
		if !ok || a.Parent != c.parent {
			t.Errorf("parent of %s on %s: %q, want %q", c.id, c.day, a.Parent, c.parent)
		}
	}
	for _, a := range inv.At(day("2025-07-01")).Agencies {
		if a.Kind == District {
			t.Errorf("%s is there after 30 June 2025", a.ID)
		}
	}
	merged, _ := inv.Agency("lamdong")
	if !slices.Equal(merged.ASNs, []uint32{131350, 135955, 140751}) || len(merged.Prefixes) != 6 {
		t.Errorf("resources of the merged province: %v %v", merged.ASNs, merged.Prefixes)
	}
}
