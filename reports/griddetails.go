package reports

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// actionGrids are what is to be mended, and by whom.
var actionGrids = []grid{
	{"actions", verdict.Text{EN: "Actions by owner", VI: "Việc theo đơn vị xử lý"}, []col{
		countCol("sheet", "Sheet", "Phiếu số"), textCol("owner", "Who must act", "Đơn vị phải xử lý", 36), flagCol("outside", "Outside the province", "Ngoài tỉnh"), countCol("cause", "Cause", "Nguyên nhân số"),
		textCol("plain", "What is wrong", "Vấn đề", 60), textCol("found", "What was found", "Kết quả đo", 60), textCol("do", "What to do", "Việc cần làm", 60), textCol("verify", "How to verify", "Cách kiểm tra lại", 44),
		countCol("services", "Services", "Số dịch vụ"), countCol("lifted", "Rise when mended", "Lên mức khi xử lý"), dayCol("due", "By", "Thời hạn"), flagCol("overdue", "Overdue", "Quá hạn"), flagCol("gradual", "Step by step", "Từng bước"),
		textCol("code", "Code", "Mã", 24), textCol("subject", "Subject", "Đối tượng", 34),
	}, func(p pager) iter.Seq[[]any] { return p.actionRows() }},
	{"blockers", verdict.Text{EN: "Causes", VI: "Nguyên nhân"}, causeCols, func(p pager) iter.Seq[[]any] { return each(p.r.Blockers, p.causeCells) }},
	{"victims", verdict.Text{EN: "Services by cause", VI: "Dịch vụ theo nguyên nhân"}, joined([]col{countCol("cause", "Cause", "Nguyên nhân số")}, serviceCols, []col{
		flagCol("held", "Held back", "Bị giữ lại"), countCol("level", "Level", "Mức"), countCol("level_then", "Level when mended", "Mức khi xử lý xong"),
	}), func(p pager) iter.Seq[[]any] { return p.victimRows() }},
	{"gaps", verdict.Text{EN: "Not measured", VI: "Chưa đo được"}, causeCols, func(p pager) iter.Seq[[]any] { return each(p.r.Gaps, p.causeCells) }},
}

var causeCols = []col{
	countCol("cause", "No.", "TT"), textCol("title", "What was found", "Kết quả đo", 60), textCol("owner", "Who mends it", "Đơn vị xử lý", 36), textCol("advice", "What to do", "Việc cần làm", 60),
	countCol("services", "Services", "Số dịch vụ"), countCol("agencies", "Agencies", "Số cơ quan"), countCol("held", "Held back", "Bị giữ lại"), countCol("lifted", "Rise when mended", "Lên mức khi xử lý"),
	textCol("check", "Check", "Phép kiểm tra", 12), textCol("code", "Code", "Mã", 24), textCol("subject", "Subject", "Đối tượng", 34), textCol("reference", "Reference", "Tham chiếu", 20),
}

func (p pager) causeCells(i int, c Cause) []any {
	return []any{i + 1, c.Title.In(p.l), p.r.dir.owner(c.Owner, p.l), c.Advice.In(p.l), len(c.Victims), c.Agencies, c.Held, c.Lifted, string(c.Check), Clean(string(c.Code)), c.Subject, c.Ref}
}

func (p pager) actionRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i, s := range p.r.Actions {
			for _, a := range s.Actions {
				if !yield([]any{i + 1, s.Name.In(p.l), s.Outside, a.Cause, a.Plain.In(p.l), a.What.In(p.l), a.Do.In(p.l), strings.Join(a.Verify, "; "),
					a.Services, a.Lifted, a.Due.Day, a.Due.Overdue, a.Due.Gradual, Clean(string(a.Code)), a.Subject}) {
					return
				}
			}
		}
	}
}

func (p pager) victimRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i, c := range p.r.Blockers {
			for _, v := range c.Victims {
				if !yield(joined([]any{i + 1}, p.namedCells(v.Agency, v.Name, v.Host, v.Service, v.Port), []any{v.Held, v.From, v.To})) {
					return
				}
			}
		}
	}
}

// detailGrids are the annex of services and what number resources there are.
var detailGrids = []grid{
	{"services", verdict.Text{EN: "Services", VI: "Dịch vụ"}, joined([]col{countCol("no", "No.", "TT")}, serviceCols, []col{
		textCol("ipv4", "IPv4", "IPv4", 9), textCol("ipv6", "IPv6", "IPv6", 9), textCol("dual_stack", "Dual-stack", "Song song", 11), textCol("ipv6_only", "IPv6 only", "Thuần IPv6", 14),
		textCol("dnssec", "DNSSEC", "DNSSEC", 14), textCol("roa", "ROA", "ROA", 14), textCol("note", "Remarks", "Ghi chú", 60),
		textCol("counted", "Counted", "Cách tính", 14), countCol("level", "Level", "Mức"), countCol("level_max", "Level at most", "Mức cao nhất có thể"),
		textCol("code", "Code", "Mã", 24), textCol("owner", "Who mends it", "Đơn vị xử lý", 36), textCol("aaaa", "IPv6 addresses", "Địa chỉ IPv6", 40), textCol("a", "IPv4 addresses", "Địa chỉ IPv4", 30), textCol("routes", "Routes", "Tuyến", 34),
		momentCol("signatures_expire", "Signatures expire", "Chữ ký hết hạn"), momentCol("measured_at", "Measured", "Thời điểm đo"),
	}), func(p pager) iter.Seq[[]any] { return each(p.r.Services, p.serviceCells) }},
	{"resources", verdict.Text{EN: "Own addresses", VI: "Tài nguyên số"}, joined(agencyCols, []col{
		textCol("kind", "Kind", "Loại", 9), textCol("resource", "Resource", "Tài nguyên", 24), textCol("state", "State", "Trạng thái", 16), textCol("announced", "Announced as", "Đang quảng bá", 40),
		textCol("severity", "Haste", "Mức độ", 12), textCol("code", "Code", "Mã", 24), textCol("finding", "Finding", "Phát hiện", 60), textCol("owner", "Who mends it", "Đơn vị xử lý", 36), textCol("mend", "What to do", "Việc cần làm", 60),
	}), func(p pager) iter.Seq[[]any] { return p.resourceRows() }},
	{"hosting", verdict.Text{EN: "Networks", VI: "Mạng quảng bá"}, []col{
		textCol("as", "AS", "AS", 12), textCol("network", "Network", "Mạng", 34), flagCol("own", "Own", "Của tỉnh"), countCol("services", "Services", "Số dịch vụ"),
		countCol("valid", "Valid", "Hợp lệ"), countCol("unrouted", "Unrouted", "Không quảng bá"), countCol("not_found", "No ROA", "Chưa có ROA"), countCol("unknown", "Unknown", "Chưa rõ"), countCol("invalid", "Invalid", "Không hợp lệ"),
	}, func(p pager) iter.Seq[[]any] {
		return each(p.r.Hosting, func(_ int, h Hosting) []any {
			row := []any{h.AS, h.Name.In(p.l), h.Own, h.Services}
			for _, s := range rpkiOrder {
				row = append(row, h.States[s])
			}
			return row
		})
	}},
	{"about", verdict.Text{EN: "About", VI: "Về lần đo"}, []col{textCol("name", "What", "Nội dung", 40), textCol("value", "Value", "Giá trị", 90)}, func(p pager) iter.Seq[[]any] {
		return each(p.facts(), func(_ int, f fact) []any { return []any{f.Name, f.Value} })
	}},
}

// serviceCells fill the columns of the annex.
func (p pager) serviceCells(i int, row Row) []any {
	s := row.Judged
	yes := func(o verdict.Outcome) string {
		switch {
		case !s.Applicable:
			return "–"
		case o == verdict.Pass:
			return p.say("annex.yes")
		case o == verdict.Fail:
			return p.say("annex.no")
		}
		return "?"
	}
	only := yes(s.Reached(3))
	if s.Applicable && s.Reached(3) == verdict.Pass {
		only = p.say("annex.ready")
		if s.Reached(4) == verdict.Pass {
			only = p.say("annex.yes")
		}
	}
	v4 := p.say("annex.yes")
	if len(s.A) == 0 {
		v4 = p.say("annex.none")
		if row.Missing || slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Code == "a.unknown" }) {
			v4 = "?"
		}
	}
	var level, most any
	if n, known := s.Level(); known {
		level = n
	}
	if s.Applicable {
		most = s.Max
	}
	var first Finding
	owner := ""
	if len(s.Findings) > 0 && s.Findings[0].Blocking {
		first = s.Findings[0]
		owner = p.r.dir.owner(first.Owner, p.l)
	}
	dnssec, roa := stateWord(p.l, verdict.DNSSEC, s.DNSSEC), stateWord(p.l, verdict.RPKI, s.RPKI)
	if !s.Applicable {
		dnssec, roa = "–", "–"
	}
	out := joined([]any{i + 1}, p.namedCells(Clean(s.Agency), row.Name, s.Host, s.Kind, s.Port), []any{
		v4, yes(s.Reached(1)), yes(s.Reached(2)), only, dnssec, roa, p.remark(row, first),
		row.counted(), level, most, Clean(string(first.Code)), owner, strings.Join(s.AAAA, " "), strings.Join(s.A, " "), strings.Join(s.Routes, ", "),
	})
	return append(out, timeCell(s.Expires), timeCell(s.At))
}

// remark says in the annex what has to be known of a service.
func (p pager) remark(row Row, first Finding) string {
	var parts []string
	switch {
	case row.IsExempt:
		parts = append(parts, fmt.Sprintf(word(p.l, "annex.exempt"), Clean(row.Exempt.Reason)))
	case !row.Judged.Applicable:
		parts = append(parts, p.say("level.na"))
	case row.Missing:
		parts = append(parts, p.say("svc.missing"))
	}
	if row.Unlisted {
		parts = append(parts, p.say("svc.unlisted"))
	}
	if t := first.Title.In(p.l); t != "" {
		parts = append(parts, t)
	}
	for _, check := range []verdict.Check{verdict.DNSSEC, verdict.RPKI} { // what users of the service feel, though it is beside the ladder
		i := slices.IndexFunc(row.Judged.Findings, func(f Finding) bool { return f.Check == check && f.Outcome == verdict.Fail && len(f.Via) == 0 })
		if i >= 0 && row.Judged.Findings[i].Title != first.Title {
			parts = append(parts, row.Judged.Findings[i].Title.In(p.l))
		}
	}
	return strings.Join(parts, "; ")
}

func (p pager) resourceRows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, x := range p.r.Resources {
			state := ""
			if x.State != "" {
				state = p.say("rpki." + x.State)
			}
			head := []any{x.Agency, x.Name.In(p.l), x.Kind, x.Resource, state, strings.Join(x.Announced, ", ")}
			if len(x.Findings) == 0 && !yield(joined(head, []any{"", "", "", "", ""})) {
				return
			}
			for _, f := range x.Findings {
				if !yield(joined(head, []any{p.say("severity." + f.Severity.String()), Clean(string(f.Code)), f.Title.In(p.l), p.r.dir.owner(f.Owner, p.l), f.Advice.In(p.l)})) {
					return
				}
			}
		}
	}
}

// evidenceGrids have, for each check, what was found with the evidence for it.
func evidenceGrids() []grid {
	var out []grid
	for _, c := range evidenceChecks {
		title := verdict.Text{EN: "Ev. " + word(verdict.EN, "heat."+string(c)), VI: "BC " + word(verdict.VI, "heat."+string(c))}
		out = append(out, grid{"evidence_" + string(c), title, evidenceCols, func(p pager) iter.Seq[[]any] { return p.evidenceRows(c) }})
	}
	return out
}

var evidenceChecks = append([]verdict.Check{}, heatChecks...)

var evidenceCols = joined(serviceCols, []col{
	textCol("outcome", "Outcome", "Kết quả", 14), textCol("code", "Code", "Mã", 24), textCol("finding", "Finding", "Phát hiện", 60), textCol("owner", "Who mends it", "Đơn vị xử lý", 34),
	textCol("asked", "Asked", "Hỏi", 34), textCol("over", "Over", "Qua", 10), textCol("query", "For", "Nội dung hỏi", 34), textCol("answer", "Answer", "Trả lời", 60), momentCol("at", "When", "Thời điểm"),
})

func (p pager) evidenceRows(c verdict.Check) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, row := range p.r.Services {
			s := row.Judged
			for _, f := range s.Findings {
				if f.Check != c {
					continue
				}
				head := append(p.namedCells(Clean(s.Agency), row.Name, s.Host, s.Kind, s.Port),
					p.say("outcome."+f.Outcome.String()), Clean(string(f.Code)), f.Title.In(p.l), p.r.dir.owner(f.Owner, p.l))
				if len(f.Evidence) == 0 && !yield(joined(head, []any{"", "", "", "", nil})) {
					return
				}
				for _, e := range f.Evidence {
					if !yield(joined(head, []any{e.Asked, e.Over, e.Query, e.Answer, timeCell(e.At)})) {
						return
					}
				}
			}
		}
	}
}

func timeCell(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
