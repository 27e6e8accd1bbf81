package reports

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"ready6/probes/verdict"
)

// maxSheetRows is what a sheet holds at most beside its heads: Excel takes
// 1,048,576 rows.
const maxSheetRows = 1_000_000

// WriteXLSX writes a workbook with a sheet for each table that has rows: typed
// cells, filters, heads that stay in sight and are repeated in print. Text is
// written as text, whatever it begins with: no cell is a formula. Sheets are
// streamed, so that memory does not grow with their rows.
func WriteXLSX(w io.Writer, r Report, l verdict.Lang) error {
	f := excelize.NewFile()
	defer f.Close()
	b := &workbook{f: f, p: pager{r, l}}
	if err := b.makeStyles(); err != nil {
		return err
	}
	for _, g := range grids() {
		if err := b.sheet(g); err != nil {
			return fmt.Errorf("sheet %s: %w", g.id, err)
		}
	}
	if err := b.finish(); err != nil {
		return err
	}
	f.SetZipWriter(func(w io.Writer) excelize.ZipWriter { return newSteadyZip(w) })
	return f.Write(w)
}

type workbook struct {
	f      *excelize.File
	p      pager
	head   int
	styles map[cellKind]int
	n      int // sheets so far
}

func (b *workbook) makeStyles() error {
	day, at := "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
	if b.p.l == verdict.VI {
		day, at = "dd/mm/yyyy", "dd/mm/yyyy hh:mm"
	}
	percent, count := "General", "0"
	wrap := &excelize.Alignment{Vertical: "top", WrapText: true}
	top := &excelize.Alignment{Vertical: "top"}
	b.styles = map[cellKind]int{}
	for _, s := range []struct {
		kind   cellKind
		align  *excelize.Alignment
		format *string
	}{{textCell, wrap, nil}, {countCell, top, &count}, {percentCell, top, &percent}, {dayCell, top, &day}, {momentCell, top, &at}, {flagCell, top, nil}} {
		id, err := b.f.NewStyle(&excelize.Style{Alignment: s.align, CustomNumFmt: s.format})
		if err != nil {
			return err
		}
		b.styles[s.kind] = id
	}
	var err error
	b.head, err = b.f.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
		Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E7ECF1"}},
	})
	return err
}

// sheet writes one table; one without rows has no sheet.
func (b *workbook) sheet(g grid) error {
	var out *excelize.StreamWriter
	name := g.title.In(b.p.l)
	rows := 0
	for row := range g.rows(b.p) {
		if rows == 0 {
			var err error
			if out, err = b.begin(name, g); err != nil {
				return err
			}
		}
		if rows++; rows > maxSheetRows {
			rows = maxSheetRows
			break
		}
		at, err := excelize.CoordinatesToCellName(1, rows+1)
		if err != nil {
			return err
		}
		if err := out.SetRow(at, b.cells(g, row), excelize.RowOpts{Height: rowHeight(g, row)}); err != nil {
			return err
		}
	}
	if rows == 0 {
		return nil
	}
	last, err := excelize.CoordinatesToCellName(len(g.cols), rows+1)
	if err != nil {
		return err
	}
	stripes := true
	if err := out.AddTable(&excelize.Table{Range: "A1:" + last, Name: "t_" + g.id, StyleName: "TableStyleLight15", ShowRowStripes: &stripes}); err != nil {
		return err
	}
	return out.Flush()
}

// begin makes a sheet with its set-up and heads.
func (b *workbook) begin(name string, g grid) (*excelize.StreamWriter, error) {
	var err error
	if b.n++; b.n == 1 {
		err = b.f.SetSheetName("Sheet1", name)
	} else {
		_, err = b.f.NewSheet(name)
	}
	if err != nil {
		return nil, err
	}
	landscape, a4, wide, tall, fit := "landscape", 9, 1, 0, true
	if err := b.f.SetPageLayout(name, &excelize.PageLayoutOptions{Orientation: &landscape, Size: &a4, FitToWidth: &wide, FitToHeight: &tall}); err != nil {
		return nil, err
	}
	if err := b.f.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return nil, err
	}
	if err := b.f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + name + "'!$1:$1", Scope: name}); err != nil {
		return nil, err
	}
	out, err := b.f.NewStreamWriter(name)
	if err != nil {
		return nil, err
	}
	heads := make([]any, len(g.cols))
	for i, c := range g.cols {
		if err := out.SetColWidth(i+1, i+1, c.width); err != nil {
			return nil, err
		}
		heads[i] = excelize.Cell{StyleID: b.head, Value: c.head.In(b.p.l)}
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return nil, err
	}
	return out, out.SetRow("A1", heads, excelize.RowOpts{Height: 45})
}

// cells types a row: numbers, days and times as such, everything else as text.
func (b *workbook) cells(g grid, row []any) []any {
	out := make([]any, len(row))
	for i, v := range row {
		kind := g.cols[i].kind
		switch x := v.(type) {
		case string:
			if kind == dayCell {
				v = nil
				if t := asDay(x); !t.IsZero() {
					v = t
				}
			}
		case time.Time: // a sheet knows no zones: the time of the province
			t := x.In(Zone)
			v = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		}
		if v == nil || v == "" {
			continue
		}
		out[i] = excelize.Cell{StyleID: b.styles[kind], Value: v}
	}
	return out
}

// rowHeight is what a row's longest text needs in points, 0 for one line: not
// every program measures that for itself. Excel takes 409 at most.
func rowHeight(g grid, row []any) float64 {
	lines := 1
	for i, v := range row {
		if s, ok := v.(string); ok && g.cols[i].kind == textCell {
			lines = max(lines, 1+int(float64(utf8.RuneCountInString(s)-1)*1.15/g.cols[i].width))
		}
	}
	if lines == 1 {
		return 0
	}
	return min(15*float64(lines), 409)
}

func (b *workbook) finish() error {
	b.f.SetActiveSheet(0)
	r := b.p.r
	made := r.At.UTC().Format(time.RFC3339)
	return b.f.SetDocProps(&excelize.DocProperties{
		Title: b.p.say("page.title"), Creator: "ready6", LastModifiedBy: "ready6", Created: made, Modified: made, Language: string(b.p.l),
	})
}
