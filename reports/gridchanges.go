package reports

import (
	"iter"
	"strings"

	"ready6/probes/verdict"
)

// changeGrids are what is different since the start of the period.
var changeGrids = []grid{
	{"changes", verdict.Text{EN: "Changes", VI: "Thay đổi"}, joined(serviceCols, []col{
		countCol("level_was", "Level then", "Mức trước"), countCol("level_is", "Level now", "Mức nay"), textCol("way", "Way", "Chiều", 14), textCol("what", "What changed", "Nội dung", 70),
	}), func(p pager) iter.Seq[[]any] {
		return each(p.changed().Services, func(_ int, s ServiceChange) []any {
			var lines []string
			for _, ch := range s.Checks {
				lines = append(lines, changeText(p.l, ch))
			}
			return append(p.namedCells(s.Agency, s.Name, s.Host, s.Service, s.Port), levelCell(s.Was), levelCell(s.Is), p.way(s), strings.Join(lines, "; "))
		})
	}},
	{"lists", verdict.Text{EN: "List changes", VI: "Thay đổi danh mục"}, joined(serviceCols, []col{
		textCol("class", "What", "Nội dung", 24), textCol("from", "From", "Từ cơ quan", 34),
	}), func(p pager) iter.Seq[[]any] {
		return each(p.changed().Lists, func(_ int, c ListChange) []any {
			from := ""
			if c.From != nil {
				from = c.From.Name.In(p.l)
			}
			return append(p.named(c.Named), p.say("list."+c.Class), from)
		})
	}},
	{"flapping", verdict.Text{EN: "Flapping", VI: "Lúc được lúc không"}, joined(serviceCols, []col{
		countCol("turns", "Turns", "Số lần đổi chiều"), countCol("nights", "Nights measured", "Số đêm đo"), countCol("low", "Lowest level", "Mức thấp nhất"), countCol("high", "Highest level", "Mức cao nhất"),
	}), func(p pager) iter.Seq[[]any] {
		return each(p.changed().Flapping, func(_ int, f Flap) []any { return append(p.named(f.Named), f.Turns, f.Nights, f.Low, f.High) })
	}},
	{"unmeasured", verdict.Text{EN: "No longer measured", VI: "Không còn đo được"}, joined(serviceCols, []col{
		dayCol("since", "Last measured", "Đo được lần cuối"), countCol("nights", "Runs since", "Số lượt từ đó"), countCol("level", "Level then", "Mức khi đó"),
	}), func(p pager) iter.Seq[[]any] {
		return each(p.changed().Unmeasured, func(_ int, u Unmeasured) []any { return append(p.named(u.Named), u.Since, u.Nights, u.Level) })
	}},
	{"pauses", verdict.Text{EN: "Days without measuring", VI: "Ngày không đo được"}, []col{
		dayCol("from", "From", "Từ ngày"), dayCol("to", "To", "Đến ngày"), countCol("days", "Days", "Số ngày"),
	}, func(p pager) iter.Seq[[]any] {
		return each(p.changed().Pauses, func(_ int, x Pause) []any { return []any{x.From, x.To, x.Days} })
	}},
	{"rules", verdict.Text{EN: "Rule changes", VI: "Thay đổi quy tắc"}, []col{
		countCol("run", "Run", "Lượt quét"), dayCol("day", "Day", "Ngày"), countCol("from", "Rules before", "Quy tắc cũ"), countCol("to", "Rules after", "Quy tắc mới"),
		flagCol("known", "Counted", "Đã đếm"), countCol("up", "Judged higher", "Đánh giá cao hơn"), countCol("down", "Judged lower", "Đánh giá thấp hơn"), countCol("other", "Known to one only", "Chỉ một bên biết"),
	}, func(p pager) iter.Seq[[]any] {
		return each(p.changed().Rules, func(_ int, c RuleChange) []any {
			if !c.Known {
				return []any{int(c.Run), c.Day, c.From, c.To, false, nil, nil, nil}
			}
			return []any{int(c.Run), c.Day, c.From, c.To, true, c.Up, c.Down, c.Other}
		})
	}},
	{"exemptions", verdict.Text{EN: "Exemptions", VI: "Miễn trừ"}, joined(serviceCols, []col{
		textCol("reason", "Reason", "Lý do", 44), textCol("approver", "Approved by", "Người duyệt", 30), dayCol("until", "Until", "Đến hết ngày"),
		flagCol("expired", "Expired: counts again", "Hết hạn, được tính lại"), flagCol("ended", "Ended in the period", "Hết hạn trong kỳ"),
	}), func(p pager) iter.Seq[[]any] {
		return each(p.r.Exemptions, func(_ int, e Exemption) []any {
			return append(p.namedCells(e.Agency, e.Name, e.Host, e.Service, e.Port), e.Reason, e.Approver, e.Until, e.Expired, e.Ended)
		})
	}},
}

// changed is what changed, empty without an earlier run.
func (p pager) changed() Changes {
	if p.r.Changes == nil {
		return Changes{}
	}
	return *p.r.Changes
}

func (p pager) named(n Named) []any {
	return p.namedCells(n.Agency, n.Name, n.Host, n.Service, n.Port)
}

func levelCell(level *int) any {
	if level == nil {
		return nil
	}
	return *level
}

// way says in a word which way a service's level went.
func (p pager) way(s ServiceChange) string {
	switch {
	case len(s.Checks) == 1 && s.Checks[0].Check == "": // the whole service came or went
		return p.say("list." + string(s.Checks[0].Class))
	case s.Flapping:
		return p.say("way.flapping")
	case s.Was == nil && s.Is == nil:
		return p.say("way.other")
	case s.Was == nil:
		return p.say("way.found")
	case s.Is == nil:
		return p.say("way.lost")
	case *s.Is > *s.Was:
		return p.say("way.rose")
	case *s.Is < *s.Was:
		return p.say("way.fell")
	}
	return p.say("way.other")
}
