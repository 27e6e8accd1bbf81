package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"ready6/probes/verdict"
)

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"Đăk Nông", "Đắk Nông", "ĐẮK NÔNG", "dak nong", "Dak  Nong", norm.NFD.String("Đắk Nông"), "đăk\u00a0nông", "\u00d0ắk Nông"},
		{"Đắk R'lấp", "Đắk R’lấp", "Đăk R´lấp", "dak rlap", "ĐẮK RLẤP"},
		{"Sở Thông tin và Truyền thông", "so thong tin va truyen thong", "SỞ THÔNG TIN VÀ TRUYỀN THÔNG"},
		{"Ủy ban", "Uỷ ban", "uy-ban", " uy ban. "},
		{"Văn phòng Đoàn ĐBQH & HĐND", "van phong doan dbqh hdnd"},
	} {
		for _, s := range same[1:] {
			if Fold(s) != Fold(same[0]) {
				t.Errorf("%q folds to %q, %q to %q", s, Fold(s), same[0], Fold(same[0]))
			}
		}
	}
	if Fold("Đắk Mil") == Fold("Đắk Song") || Fold("Sở Tài chính") == Fold("Sở Tài nguyên") {
		t.Error("different names fold alike")
	}
	rapid.Check(t, func(t *rapid.T) {
		once := Fold(rapid.String().Draw(t, "s"))
		if twice := Fold(once); twice != once {
			t.Fatalf("%q folds on to %q", once, twice)
		}
	})
}

func TestFind(t *testing.T) {
	inv := Province()
	for query, want := range map[string]string{
		"Sở Nội vụ":        "daknong-snv",
		"so noi vu":        "daknong-snv",
		"daknong-snv":      "daknong-snv",
		"Home Affairs":     "daknong-snv",
		"R'lấp":            "daknong-dakrlap",
		"VNPT Đăk Nông":    "daknong-vnpt",
		"khoa học và công": "daknong-skhcn lamdong-skhcn",
		"Sở Y tế":          "",
		"":                 "",
		"--":               "",
	} {
		if got := idsOf(inv.Find(query)); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	ranked := Inventory{Agencies: []Agency{
		{ID: "a", Name: verdict.Text{VI: "Văn phòng Sở Nội vụ"}}, {ID: "b", Name: verdict.Text{VI: "Sở Nội vụ tỉnh"}},
		{ID: "c", Name: verdict.Text{VI: "Ban Tổ chức"}, Formerly: []Former{{Name: verdict.Text{VI: "Sở nội vụ"}}}},
	}}
	if got := idsOf(ranked.Find("SỞ NỘI VỤ")); got != "c b a" {
		t.Errorf("%s", got)
	}
}

func idsOf(list []Agency) string {
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = a.ID
	}
	return strings.Join(ids, " ")
}

func TestAgency(t *testing.T) {
	inv := Inventory{Agencies: []Agency{{ID: "a", Kind: Unit}, {ID: "b", Kind: Office}}}
	if a, ok := inv.Agency("b"); !ok || a.Kind != Office {
		t.Errorf("%v %v", a, ok)
	}
	if _, ok := inv.Agency("c"); ok {
		t.Error("found what is not there")
	}
}

func TestSpanHoldsItsFirstAndLastDay(t *testing.T) {
	vietnam := time.FixedZone("ICT", 7*3600)
	s := Span{date("2025-03-01"), date("2025-06-30")}
	for _, c := range []struct {
		at   time.Time
		want bool
	}{
		{time.Date(2025, 2, 28, 23, 59, 59, 0, time.UTC), false},
		{time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), true},
		{time.Date(2025, 6, 30, 23, 59, 59, 0, time.UTC), true},
		{time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC), false},
		{time.Date(2025, 7, 1, 0, 30, 0, 0, vietnam), false}, // still 30 June in UTC
		{time.Date(2025, 6, 30, 23, 30, 0, 0, vietnam), true},
	} {
		if got := s.Holds(c.at); got != c.want {
			t.Errorf("%v: %v", c.at, got)
		}
	}
	if !(Span{}).Holds(day("1900-01-01")) {
		t.Error("an open span does not hold")
	}
}

func TestExemptOn(t *testing.T) {
	s := Service{Exempt: &Exemption{Until: date("2025-06-30")}}
	if !s.ExemptOn(day("2025-06-30")) || s.ExemptOn(day("2025-07-01")) || (Service{}).ExemptOn(day("2025-06-30")) {
		t.Error("an exemption counts up to and on its last day, and only where there is one")
	}
}

func TestAt(t *testing.T) {
	inv := Inventory{Agencies: []Agency{
		{ID: "root"},
		{ID: "old", Parent: "root", Valid: Span{To: date("2025-02-28")}, SucceededBy: []string{"new"}},
		{ID: "split", Parent: "root", Valid: Span{To: date("2025-02-28")}, SucceededBy: []string{"new", "unit"}},
		{ID: "new", Parent: "root", Valid: Span{From: date("2025-03-01")}},
		{ID: "unit", Parent: "old", Name: verdict.Text{VI: "Nay"}, Formerly: []Former{
			{Until: date("2020-12-31"), Name: verdict.Text{VI: "Xưa"}, Parent: "root"},
			{Until: date("2023-12-31"), Name: verdict.Text{VI: "Trước"}}}},
		{ID: "below", Parent: "split", Services: []Service{{Host: "a.vn", Valid: Span{To: date("2025-02-28")}}, {Host: "b.vn"}}},
	}}
	before := cmp.Diff(Inventory{}, inv)
	for _, c := range []struct{ day, want string }{
		{"2020-12-31", "root: old:root split:root unit:root(Xưa) below:split[a.vn b.vn]"},
		{"2021-01-01", "root: old:root split:root unit:old(Trước) below:split[a.vn b.vn]"},
		{"2025-02-28", "root: old:root split:root unit:old(Nay) below:split[a.vn b.vn]"},
		{"2025-03-01", "root: new:root unit:new(Nay) below:root[b.vn]"},
	} {
		var got []string
		for _, a := range inv.At(day(c.day)).Agencies {
			s := a.ID + ":" + a.Parent
			if a.Name.VI != "" {
				s += "(" + a.Name.VI + ")"
			}
			var hosts []string
			for _, svc := range a.Services {
				hosts = append(hosts, svc.Host)
			}
			if hosts != nil {
				s += "[" + strings.Join(hosts, " ") + "]"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.day, s, c.want)
		}
	}
	if cmp.Diff(Inventory{}, inv) != before {
		t.Error("At changed the inventory")
	}
}

// Whatever the dates, the tree of a day has no dangling parent and no circle,
// and all in it are valid that day.
func TestAtIsATree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := genInventory.Draw(t, "inventory")
		for i := range inv.Agencies { // parents both ways, as unchecked data may have
			inv.Agencies[i].Parent = rapid.SampledFrom([]string{"", "a-0", "a-1", "a-2", "a-3", "a-9"}).Draw(t, "parent")
			inv.Agencies[i].SucceededBy = rapid.SliceOfN(rapid.SampledFrom([]string{"a-0", "a-1", "a-2", "a-3"}), 0, 2).Draw(t, "successors")
		}
		at := inv.At(genDate.Draw(t, "day").Time)
		for _, a := range at.Agencies {
			steps := 0
			for up := a.Parent; up != ""; steps++ {
				p, ok := at.Agency(up)
				if !ok || steps > len(at.Agencies) {
					t.Fatalf("%s: parent %s dangles or circles", a.ID, up)
				}
				up = p.Parent
			}
		}
	})
}

func TestPredecessors(t *testing.T) {
	if got := idsOf(Province().Predecessors("daknong-skhcn")); got != "daknong-stttt" {
		t.Errorf("%s", got)
	}
	all := Province().Predecessors("lamdong")
	if !slices.ContainsFunc(all, func(a Agency) bool { return a.ID == "daknong" }) {
		t.Error("Đắk Nông is no predecessor of Lâm Đồng")
	}
}
