package reports

import (
	"iter"
	"slices"
	"strconv"
	"time"

	"ready6/probes/verdict"
)

// grid is one table of a report, from which spreadsheets, CSV files, Markdown
// and documents are written: they cannot differ in a number. Its id and its
// columns' ids never change; TableSchema publishes them.
type grid struct {
	id    string
	title verdict.Text
	cols  []col
	rows  func(p pager) iter.Seq[[]any] // a cell for each column, nil where there is nothing
}

type col struct {
	id    string
	head  verdict.Text
	kind  cellKind
	width float64 // characters
}

// cellKind is what the cells of a column are.
type cellKind string

const (
	textCell    cellKind = "string"
	countCell   cellKind = "integer"
	percentCell cellKind = "number" // 0..100, rounded to two places
	dayCell     cellKind = "date"   // a string, 2006-01-02
	momentCell  cellKind = "datetime"
	flagCell    cellKind = "boolean"
)

func textCol(id, en, vi string, width float64) col {
	return col{id, verdict.Text{EN: en, VI: vi}, textCell, width}
}
func countCol(id, en, vi string) col { return col{id, verdict.Text{EN: en, VI: vi}, countCell, 11} }
func percentCol(id, en, vi string) col {
	return col{id, verdict.Text{EN: en, VI: vi}, percentCell, 11}
}
func dayCol(id, en, vi string) col    { return col{id, verdict.Text{EN: en, VI: vi}, dayCell, 12} }
func momentCol(id, en, vi string) col { return col{id, verdict.Text{EN: en, VI: vi}, momentCell, 18} }
func flagCol(id, en, vi string) col   { return col{id, verdict.Text{EN: en, VI: vi}, flagCell, 9} }

// The columns that name a service, and how they are filled.
var (
	agencyCols  = []col{textCol("agency", "Agency id", "Mã cơ quan", 14), textCol("agency_name", "Agency", "Cơ quan", 34)}
	serviceCols = append(slices.Clone(agencyCols), textCol("host", "Host", "Tên miền / hệ thống", 34), textCol("service", "Service", "Dịch vụ", 9), countCol("port", "Port", "Cổng"))
)

func (p pager) namedCells(agency string, name verdict.Text, host, service string, port uint16) []any {
	return []any{agency, name.In(p.l), host, service, portCell(port)}
}

func portCell(port uint16) any {
	if port == 0 {
		return nil
	}
	return int(port)
}

func joined[T any](parts ...[]T) []T { return slices.Concat(parts...) }

// shareCols and shareCells are a share with its n.
var shareCols = []col{
	percentCol("percent", "Share (%)", "Tỷ lệ (%)"), countCol("met", "Met", "Đạt"), countCol("measured", "Measured", "Đo được"), countCol("total", "Counted", "Được tính"),
	countCol("unknown", "Not measured", "Chưa đo được"), countCol("exempt", "Exempt", "Miễn trừ"), countCol("not_applicable", "Not applicable", "Không áp dụng"),
}

func shareCells(s Share) []any {
	return []any{percentOf(s), s.Met, s.Measured(), s.Total(), s.Unknown, s.Exempt, s.NotApplicable}
}

func percentOf(s Share) any {
	if v, ok := s.Percent(); ok {
		return round2(v)
	}
	return nil
}

// each makes rows of a list.
func each[T any](list []T, cells func(i int, x T) []any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i, x := range list {
			if row := cells(i, x); row != nil && !yield(row) {
				return
			}
		}
	}
}

// cellText writes a cell as text: in CSV by l empty, in documents as the language does.
func cellText(l verdict.Lang, k cellKind, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if k == dayCell && l != "" {
			if v == "" {
				return ""
			}
			return dateText(l, v)
		}
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		if l == "" {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return decimal(l, v)
	case bool:
		if l == "" {
			return strconv.FormatBool(v)
		}
		if v {
			return word(l, "yes")
		}
		return ""
	case time.Time:
		if l == "" {
			return stamp(v)
		}
		return moment(l, v)
	}
	return ""
}

// grids are a report's tables, in the order in which a reader wants them.
func grids() []grid {
	return joined(progressGrids, changeGrids, actionGrids, detailGrids, evidenceGrids())
}

// gridNamed is the table with an id that is written here in the code.
func gridNamed(id string) grid {
	list := grids()
	return list[slices.IndexFunc(list, func(g grid) bool { return g.id == id })]
}
