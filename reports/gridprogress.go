package reports

import (
	"fmt"
	"iter"
	"strings"

	"ready6/probes/verdict"
)

// progressGrids are where things stand: the first page, the targets, the agencies.
var progressGrids = []grid{
	{"summary", verdict.Text{EN: "Summary", VI: "Tóm tắt"}, []col{
		textCol("line", "In short", "Tóm tắt", 110),
	}, func(p pager) iter.Seq[[]any] {
		return each(p.lines(), func(_ int, s string) []any { return []any{s} })
	}},
	{"standings", verdict.Text{EN: "Behind and at risk", VI: "Chậm và có nguy cơ chậm"}, joined(agencyCols, []col{
		textCol("state", "State", "Trạng thái", 16), textCol("short", "Targets missed", "Chỉ tiêu chưa đạt", 44), textCol("why", "Why", "Nguyên nhân", 60),
		countCol("services", "Services", "Số dịch vụ"), textCol("owner", "Who must act", "Đơn vị phải xử lý", 36), dayCol("due", "By", "Thời hạn"),
	}), func(p pager) iter.Seq[[]any] { return p.standingRows() }},
	{"targets", verdict.Text{EN: "Targets", VI: "Chỉ tiêu"}, joined([]col{
		textCol("programme", "Programme", "Chương trình", 30), textCol("target", "Target id", "Mã chỉ tiêu", 16), textCol("target_name", "Target", "Chỉ tiêu", 46),
		textCol("clause", "The decision's words", "Nguyên văn quyết định", 46), textCol("unit", "Unit", "Đơn vị tính", 12),
	}, shareCols, []col{
		countCol("no_services", "No services listed", "Chưa có dịch vụ"), percentCol("start_percent", "At the start (%)", "Đầu kỳ (%)"), countCol("start_met", "Met at the start", "Đạt đầu kỳ"), countCol("start_measured", "Measured at the start", "Đo được đầu kỳ"),
		percentCol("required_percent", "Wanted by now (%)", "Yêu cầu đến nay (%)"), countCol("required_count", "Wanted by now", "Yêu cầu đến nay (số lượng)"), percentCol("goal_percent", "Goal (%)", "Mục tiêu (%)"), dayCol("due", "Due", "Thời hạn"),
		flagCol("gradual", "Step by step", "Từng bước"), textCol("state", "State", "Trạng thái", 16), textCol("forecast", "Forecast", "Dự báo", 16),
		dayCol("forecast_date", "Forecast day", "Ngày dự báo"), dayCol("forecast_earliest", "Earliest", "Sớm nhất"), dayCol("forecast_latest", "Latest", "Muộn nhất"),
	}), func(p pager) iter.Seq[[]any] { return p.targetRows() }},
	{"effects", verdict.Text{EN: "Why values changed", VI: "Giải trình thay đổi"}, []col{
		textCol("target", "Target id", "Mã chỉ tiêu", 16), textCol("target_name", "Target", "Chỉ tiêu", 46), percentCol("from_percent", "From (%)", "Từ (%)"), percentCol("to_percent", "To (%)", "Đến (%)"),
		percentCol("rules", "Rules (points)", "Quy tắc (điểm %)"), percentCol("tree", "Mergers (points)", "Sắp xếp cơ quan (điểm %)"), percentCol("listed", "List (points)", "Danh mục (điểm %)"),
		percentCol("measured", "Measuring (points)", "Đo được (điểm %)"), percentCol("changed", "Services (points)", "Dịch vụ (điểm %)"),
		countCol("added", "Added", "Thêm"), countCol("removed", "Removed", "Bớt"), countCol("found", "Measured again", "Đo lại được"), countCol("lost", "No longer measured", "Không còn đo được"),
		countCol("better", "Better", "Tốt lên"), countCol("worse", "Worse", "Xấu đi"), countCol("rejudged", "Judged otherwise", "Đánh giá lại"),
		textCol("n_then", "n then, by today's rules", "n đầu kỳ (theo quy tắc hiện hành)", 14), textCol("n_now", "n now", "n cuối kỳ", 10),
		textCol("n_from", "n then, by the rules of then", "n đầu kỳ (theo quy tắc khi đó)", 14),
	}, func(p pager) iter.Seq[[]any] { return p.effectRows() }},
	{"agencies", verdict.Text{EN: "Agencies", VI: "Cơ quan"}, joined(agencyCols, []col{
		textCol("kind", "Kind", "Loại", 14), textCol("parent", "Under", "Trực thuộc", 14), countCol("listed", "Listed", "Trong danh mục"), countCol("counted", "Counted", "Được tính"),
		countCol("measured", "Measured", "Đo được"), countCol("unknown", "Not measured", "Chưa đo được"), countCol("exempt", "Exempt", "Miễn trừ"), countCol("not_applicable", "Not applicable", "Không áp dụng"),
		countCol("level_0", "Level 0", "Mức 0"), countCol("level_1", "Level 1", "Mức 1"), countCol("level_2", "Level 2", "Mức 2"), countCol("level_3", "Level 3", "Mức 3"), countCol("level_4", "Level 4", "Mức 4"),
		percentCol("dual_stack_percent", "Dual-stack or better (%)", "Song song trở lên (%)"), percentCol("ipv6_only_ready_percent", "Ready for IPv6 only (%)", "Sẵn sàng thuần IPv6 (%)"), percentCol("ipv6_only_percent", "IPv6 only (%)", "Thuần IPv6 (%)"),
		countCol("dnssec_secure", "DNSSEC secure", "DNSSEC an toàn"), countCol("dnssec_known", "DNSSEC known", "DNSSEC đã rõ"), countCol("routes_valid", "Routes valid", "Định tuyến hợp lệ"), countCol("routes_known", "Routes known", "Định tuyến đã rõ"),
		textCol("state", "State", "Trạng thái", 16), dayCol("until", "Ended", "Kết thúc"), textCol("predecessors", "Carries on", "Kế thừa", 30),
	}), func(p pager) iter.Seq[[]any] { return each(p.r.Agencies, p.agencyCells) }},
	{"agency_targets", verdict.Text{EN: "Agencies by target", VI: "Cơ quan theo chỉ tiêu"}, joined(agencyCols, []col{
		textCol("target", "Target id", "Mã chỉ tiêu", 16),
	}, shareCols, []col{
		percentCol("start_percent", "At the start (%)", "Đầu kỳ (%)"), percentCol("required_percent", "Wanted by now (%)", "Yêu cầu đến nay (%)"), textCol("state", "State", "Trạng thái", 16),
		textCol("forecast", "Forecast", "Dự báo", 16), dayCol("forecast_date", "Forecast day", "Ngày dự báo"),
	}), func(p pager) iter.Seq[[]any] { return p.agencyTargetRows() }},
	{"checks", verdict.Text{EN: "Agencies by check", VI: "Cơ quan theo phép kiểm tra"}, joined(agencyCols, []col{
		textCol("check", "Check id", "Mã phép kiểm tra", 12), textCol("check_name", "Check", "Phép kiểm tra", 30), countCol("services", "Services concerned", "Dịch vụ liên quan"),
		countCol("fail", "With a fault", "Có lỗi"), countCol("warn", "With a warning", "Có cảnh báo"), countCol("unknown", "Not measured", "Chưa đo được"),
	}), func(p pager) iter.Seq[[]any] { return p.checkRows() }},
	{"nights", verdict.Text{EN: "Nights", VI: "Các đêm đo"}, []col{
		countCol("run", "Run", "Lượt quét"), dayCol("day", "Day", "Ngày"), momentCol("started", "Started", "Bắt đầu"), countCol("rules", "Rules", "Bộ quy tắc"), flagCol("in_period", "In the period", "Trong kỳ"),
		flagCol("blind", "Could not measure", "Không đo được"), countCol("counted", "Counted", "Được tính"), countCol("measured", "Measured", "Đo được"), countCol("unknown", "Not measured", "Chưa đo được"),
		countCol("exempt", "Exempt", "Miễn trừ"), countCol("not_applicable", "Not applicable", "Không áp dụng"),
		countCol("level_0", "Level 0", "Mức 0"), countCol("level_1", "Level 1", "Mức 1"), countCol("level_2", "Level 2", "Mức 2"), countCol("level_3", "Level 3", "Mức 3"), countCol("level_4", "Level 4", "Mức 4"),
	}, func(p pager) iter.Seq[[]any] {
		return each(p.r.Nights, func(_ int, n Night) []any {
			return joined([]any{int(n.Run), n.Day, n.Started, n.Rules, n.InPeriod, n.Blind, n.Counted, n.Measured, n.Unknown, n.Exempt, n.NotApplicable}, levelCells(n.AtLevel))
		})
	}},
	{"values", verdict.Text{EN: "Targets over time", VI: "Chỉ tiêu theo thời gian"}, joined([]col{
		textCol("target", "Target id", "Mã chỉ tiêu", 16), countCol("run", "Run", "Lượt quét"), dayCol("day", "Day", "Ngày"), percentCol("required_percent", "Wanted (%)", "Yêu cầu (%)"),
	}, shareCols), func(p pager) iter.Seq[[]any] { return p.valueRows() }},
}

func levelCells(at [TopLevel + 1]int) []any {
	var out []any
	for _, n := range at {
		out = append(out, n)
	}
	return out
}

func (p pager) standingRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, s := range p.r.Summary.Agencies {
			head := []any{s.Agency, s.Name.In(p.l), p.say("state." + string(s.State)), p.shortfalls(s.Short)}
			for _, w := range s.Why {
				if !yield(joined(head, []any{w.Plain.In(p.l), w.Services, w.By.In(p.l), w.Due.Day})) {
					return
				}
			}
			if len(s.Why) == 0 && !yield(joined(head, []any{p.say("why.none"), nil, nil, nil})) {
				return
			}
		}
	}
}

// shortfalls names the targets that an agency misses, with its numbers.
func (p pager) shortfalls(list []Shortfall) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, fmt.Sprintf("%s: %d/%d", s.Name.In(p.l), s.Met, s.Total))
	}
	return strings.Join(parts, "; ")
}

func (p pager) targetRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, prog := range p.r.Programmes {
			for _, t := range prog.Targets {
				if !yield(p.targetCells(prog, t)) {
					return
				}
			}
		}
	}
}

func (p pager) targetCells(prog Programme, t Target) []any {
	row := []any{prog.Name.In(p.l), t.ID, t.Name.In(p.l), t.Clause, p.say("unit." + t.Unit)}
	if t.Unit == "" {
		row = append(row, make([]any, len(shareCols)+1)...)
	} else {
		row = append(row, append(shareCells(t.Share), t.Share.Empty)...)
	}
	var start, startMet, startMeasured, required, wanted, goal any
	if t.Start != nil {
		start, startMet, startMeasured = percentOf(t.Start.Share), t.Start.Share.Met, t.Start.Share.Measured()
	}
	if !t.Gradual && t.Unit != "" {
		required, wanted = t.Required, t.Wanted
	}
	if !t.Gradual && t.Goal > 0 {
		goal = t.Goal
	}
	f := t.Forecast
	return append(row, start, startMet, startMeasured, required, wanted, goal, t.Due, t.Gradual, p.say("state."+string(t.State)), forecastWord(p.l, f), f.Date, f.Earliest, f.Latest)
}

// forecastWord says how a forecast came out, without its days.
func forecastWord(l verdict.Lang, f Forecast) string {
	if f.State == "forecast" {
		return word(l, "forecast.day")
	}
	return word(l, "forecast."+f.State)
}

func (p pager) effectRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, prog := range p.r.Programmes {
			for _, t := range prog.Targets {
				e := t.Effects
				if e == nil {
					continue
				}
				var rules any
				if e.Rules != nil {
					rules = *e.Rules
				}
				if !yield([]any{t.ID, t.Name.In(p.l), e.From, e.To, rules, e.Tree, e.Listed, e.Measured, e.Changed, e.Added, e.Removed, e.Found, e.Lost, e.Better, e.Worse, e.Rejudged, nThen(t), nOf(t.Share), nOf(e.Was)}) {
					return
				}
			}
		}
	}
}

// nOf is what a percentage is made of, "3/4"; nThen that of a target's value at
// the period's start.
func nOf(s Share) string { return fmt.Sprintf("%d/%d", s.Met, s.Measured()) }

func nThen(t Target) string {
	if t.Start == nil {
		return ""
	}
	return nOf(t.Start.Share)
}

func (p pager) agencyCells(_ int, a Agency) []any {
	t := a.Tally
	row := []any{a.ID, a.Name.In(p.l), string(a.Kind), a.Parent, t.Listed, t.Counted, t.Measured, t.Unknown, t.Exempt, t.NotApplicable}
	row = append(row, levelCells(t.AtLevel)...)
	for level := 2; level <= TopLevel; level++ {
		row = append(row, percentOf(t.Reached[level]))
	}
	var before []string
	for _, b := range a.Predecessors {
		before = append(before, b.Name.In(p.l))
	}
	return append(row, t.DNSSEC["secure"], t.Counted-t.DNSSEC["indeterminate"], t.RPKI["valid"], t.Counted-t.RPKI["unknown"], p.agencyState(a), a.Until, strings.Join(before, "; "))
}

// agencyState words how an agency stands.
func (p pager) agencyState(a Agency) string {
	switch {
	case a.Tally.Listed == 0:
		return p.say("agency.nosvc")
	case len(a.Targets) == 0:
		return p.say("agency.notgt")
	}
	return p.say("state." + string(a.State))
}

func (p pager) agencyTargetRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, a := range p.r.Agencies {
			for _, t := range a.Targets {
				var start any
				if t.Start != nil {
					start = percentOf(*t.Start)
				}
				row := joined([]any{a.ID, a.Name.In(p.l), t.ID}, shareCells(t.Share),
					[]any{start, t.Required, p.say("state." + string(t.State)), forecastWord(p.l, t.Forecast), t.Forecast.Date})
				if !yield(row) {
					return
				}
			}
		}
	}
}

func (p pager) checkRows() iter.Seq[[]any] {
	checks, counts := byCheck(p.r)
	return func(yield func([]any) bool) {
		for _, a := range p.r.Agencies {
			if a.Tally.Counted == 0 || a.Until != "" {
				continue
			}
			for _, c := range checks {
				t := counts[a.ID][c]
				if !yield([]any{a.ID, a.Name.In(p.l), string(c), p.say("check." + string(c)), t.of, t.fail, t.warn, t.unknown}) {
					return
				}
			}
		}
	}
}

func (p pager) valueRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, prog := range p.r.Programmes {
			for _, t := range prog.Targets {
				for _, v := range t.Past {
					if !yield(joined([]any{t.ID, int(v.Run), v.Day, v.Required}, shareCells(v.Share))) {
						return
					}
				}
			}
		}
	}
}
