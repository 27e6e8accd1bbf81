package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"ready6/probes/verdict"
)

// number reads the first number of a cell, with a point or a comma, a sign
// included; false where there is none.
func number(cell string) (float64, bool) {
	m := regexp.MustCompile(`[−-]?[0-9]+([.,][0-9]+)?`).FindString(strings.ReplaceAll(cell, "±", ""))
	v, err := strconv.ParseFloat(strings.NewReplacer(",", ".", "−", "-").Replace(m), 64)
	return v, err == nil
}

// shown is one number of the JSON report with where the other formats show it.
type shown struct {
	row   string // what the row's key cell has in it
	value any    // of the JSON; nil: nothing is shown
	// By format: the heads of the key column and of the number's column; empty: not there.
	key, docx, xlsx, html, md string
}

// TestNumbersAgree reads every format back and compares its numbers with those
// of the JSON report: nothing may be counted twice in two ways.
func TestNumbersAgree(t *testing.T) {
	unlessShort(t)
	for name, r := range map[string]Report{"story": storyReport(), "two runs": testReport()} {
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			t.Run(name+"."+string(l), func(t *testing.T) {
				var doc map[string]any
				if err := json.Unmarshal(render(t, formatOf("json"), r, l), &doc); err != nil {
					t.Fatal(err)
				}
				facts := numbersOf(doc, l)
				for _, f := range []struct {
					name   string
					tables []readTable
					head   func(shown) string
					digits float64 // shown after the point
				}{
					{"docx", docxTables(t, render(t, formatOf("docx"), r, l)), func(s shown) string { return s.docx }, 10},
					{"xlsx", xlsxTables(t, render(t, formatOf("xlsx"), r, l)), func(s shown) string { return s.xlsx }, 100},
					{"html", htmlTables(t, render(t, formatOf("html"), r, l)), func(s shown) string { return s.html }, 10},
					{"md", markdownTables(render(t, formatOf("md"), r, l)), func(s shown) string { return s.md }, 10},
				} {
					n := 0
					for _, s := range facts {
						if head := f.head(s); head != "" {
							n++
							if why := differs(f.tables, s, head, f.digits); why != "" {
								t.Errorf("%s: %s, %q: %s", f.name, s.row, head, why)
							}
						}
					}
					if n < 30 {
						t.Errorf("%s: only %d numbers were compared", f.name, n)
					}
					t.Logf("%s: %d numbers agree with the JSON report", f.name, n)
				}
			})
		}
	}
}

func formatOf(name string) Format {
	return Formats[slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })]
}

// differs looks a number up in the tables and says what is wrong, if anything.
func differs(tables []readTable, s shown, head string, digits float64) string {
	found := false
	var got []string
	for _, t := range tables {
		key, at := slices.Index(t.heads, s.key), slices.Index(t.heads, head)
		if key < 0 || at < 0 {
			continue
		}
		for _, row := range t.rows {
			if len(row) <= max(key, at) || !strings.HasPrefix(row[key], s.row) {
				continue
			}
			found = true
			got = append(got, row[at])
			v, ok := number(row[at])
			want, some := s.value.(float64)
			if ok == some && (!some || math.Abs(v-math.Round(want*digits)/digits) < 1e-9) {
				return ""
			}
		}
	}
	if !found {
		return "there is no such row"
	}
	return fmt.Sprintf("shows %q, the JSON has %v", got, s.value)
}

// numbersOf takes the numbers out of the JSON report that others show too.
func numbersOf(doc map[string]any, l verdict.Lang) (out []shown) {
	at := func(v any, path ...string) any {
		for _, p := range path {
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[p]
		}
		return v
	}
	list := func(v any) []any { x, _ := v.([]any); return x }
	name := func(v any, path ...string) string { s, _ := at(v, append(path, string(l))...).(string); return s }
	w := func(key string) string { return word(l, key) }
	head := func(grid, id string) string {
		g := gridNamed(grid)
		return g.cols[slices.IndexFunc(g.cols, func(c col) bool { return c.id == id })].head.In(l)
	}
	for _, p := range list(doc["programmes"]) {
		for _, x := range list(at(p, "targets")) {
			row := name(x, "name")
			g := func(id string) string { return head("targets", id) }
			if at(x, "unit") != "" {
				out = append(out,
					shown{row, at(x, "share", "percent"), w("page.target"), w("col.value"), g("percent"), w("col.value"), g("percent")},
					shown{row, at(x, "share", "met"), w("page.target"), w("doc.n"), g("met"), "", g("met")},
					shown{row, at(x, "share", "measured"), w("page.target"), "", g("measured"), "", g("measured")},
					shown{row, at(x, "share", "total"), w("page.target"), "", g("total"), "", ""},
					shown{row, at(x, "share", "unknown"), w("page.target"), "", g("unknown"), "", g("unknown")},
					shown{row, at(x, "share", "exempt"), w("page.target"), "", g("exempt"), "", g("exempt")},
					shown{row, at(x, "start", "share", "percent"), w("page.target"), w("doc.start"), g("start_percent"), "", g("start_percent")},
					shown{row, at(x, "start", "share", "measured"), w("page.target"), "", g("start_measured"), "", g("start_measured")})
			}
			if at(x, "unit") != "" && at(x, "gradual") == false {
				out = append(out,
					shown{row, at(x, "required_percent"), w("page.target"), w("col.required"), g("required_percent"), "", g("required_percent")},
					shown{row, at(x, "required_count"), w("page.target"), "", g("required_count"), w("col.required"), ""},
					shown{row, at(x, "goal_percent"), w("page.target"), w("doc.goal"), g("goal_percent"), w("col.goal"), g("goal_percent")})
			}
			if e := at(x, "effects"); e != nil {
				g := func(id string) string { return head("effects", id) }
				for id, docx := range map[string]string{"from_percent": "doc.from", "to_percent": "doc.to", "tree": "doc.by.tree", "listed": "doc.by.listed", "measured": "doc.by.measured", "changed": "doc.by.changed"} {
					out = append(out, shown{row, at(e, id), w("page.target"), w(docx), g(id), g(id), g(id)})
				}
				for _, id := range []string{"better", "worse", "added", "removed"} {
					out = append(out, shown{row, at(e, id), w("page.target"), "", g(id), g(id), ""})
				}
			}
		}
	}
	for _, a := range list(doc["agencies"]) {
		if at(a, "tally", "listed") == 0.0 {
			continue
		}
		row, g := name(a, "name"), func(id string) string { return head("agencies", id) }
		out = append(out,
			shown{row, at(a, "tally", "counted"), w("col.agency"), w("doc.counted"), g("counted"), "", g("counted")},
			shown{row, at(a, "tally", "measured"), w("col.agency"), w("doc.measured"), g("measured"), w("page.n"), g("measured")},
			shown{row, at(a, "tally", "unknown"), w("col.agency"), "", g("unknown"), "", ""})
		for level, n := range list(at(a, "tally", "at_level")) {
			id := fmt.Sprintf("level_%d", level)
			out = append(out, shown{row, n, w("col.agency"), fmt.Sprintf(w("col.level"), level), g(id), "", g(id)})
		}
	}
	for _, s := range list(doc["actions"]) {
		for _, a := range list(at(s, "actions")) {
			row, g := name(a, "do"), func(id string) string { return head("actions", id) }
			out = append(out,
				shown{row, at(a, "services"), w("page.mend"), w("doc.services"), g("services"), w("col.services"), g("services")},
				shown{row, at(a, "lifted"), w("page.mend"), w("doc.lifted"), g("lifted"), w("doc.lifted"), g("lifted")})
		}
	}
	for _, n := range list(doc["nights"]) {
		run, _ := at(n, "run").(float64)
		row, g := strconv.Itoa(int(run)), func(id string) string { return head("nights", id) }
		for _, id := range []string{"measured", "unknown", "counted"} {
			out = append(out, shown{row, at(n, id), g("run"), "", g(id), "", ""})
		}
	}
	return out
}

// TestDOCXForm holds the built-in template against the form of Nghị định
// 30/2020/NĐ-CP: page set-up, page numbers, letters, heads, captions, annexes.
func TestDOCXForm(t *testing.T) {
	doc := render(t, formatOf("docx"), storyReport(), verdict.VI)
	parts := partsOf(t, doc)
	body, styles := string(parts["word/document.xml"]), string(parts["word/styles.xml"])
	for what, want := range map[string]string{
		"A4 upright":                             `<w:pgSz w:w="11906" w:h="16838"/>`,
		"A4 across":                              `w:orient="landscape"`,
		"margins 20, 15, 20, 30 mm":              `w:top="1134" w:right="851" w:bottom="1134" w:left="1701"`,
		"no number on the first page":            `<w:titlePg/>`,
		"numbered captions":                      `SEQ table`,
		"heads repeated on each page":            `<w:tblHeader/>`,
		"rows not torn":                          `<w:cantSplit/>`,
		"a field for the number":                 `<w:tag w:val="doc.blank.number"/>`,
		"a field for the date":                   `<w:tag w:val="doc.blank.date"/>`,
		"a field for the signer":                 `<w:tag w:val="doc.blank.signer"/>`,
		"the country":                            `CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM`,
		"the motto":                              `Độc lập - Tự do - Hạnh phúc`,
		"the cut-off in words":                   `ngày 23 tháng 11 năm 2026`,
		"the end":                                `./.`,
		"annexes":                                `Phụ lục IV`,
		"a style for each part of the head":      `w:val="ND30Country"`,
		"a picture":                              `r:embed="ready6-1"`,
		"a decimal comma":                        `12,5%`,
		"Times New Roman (in the styles)":        `w:ascii="Times New Roman"`,
		"14 pt (in the styles)":                  `<w:sz w:val="28"/>`,
		"justified (in the styles)":              `<w:jc w:val="both"/>`,
		"first line 1.27 cm (in the styles)":     `<w:ind w:firstLine="720"/>`,
		"6 pt between paragraphs (in the style)": `w:after="120"`,
	} {
		if !strings.Contains(body, want) && !strings.Contains(styles, want) {
			t.Errorf("%s: there is no %s", what, want)
		}
	}
	if strings.Contains(body, "{{") {
		t.Error("something was not filled in")
	}
	if strings.Contains(body, "<w:rFonts") || strings.Contains(body, "<w:sz ") {
		t.Error("the body is formatted beside its styles")
	}
	if !strings.Contains(string(parts["word/header1.xml"]), `w:instr=" PAGE "`) {
		t.Error("the pages have no number")
	}
}

// TestTableSchema protects programs that read the tables: columns may be added
// at the end, and nothing else may change.
func TestTableSchema(t *testing.T) {
	golden(t, "tables.json", []byte(TableSchema()))
	story := storyReport()
	for _, g := range grids() {
		seen := map[string]bool{}
		for _, c := range g.cols {
			if seen[c.id] || c.head.EN == "" || c.head.VI == "" {
				t.Errorf("%s: column %q is there twice, or lacks a language", g.id, c.id)
			}
			seen[c.id] = true
		}
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			if n := len([]rune(g.title.In(l))); n == 0 || n > 31 {
				t.Errorf("%s: %q is no name for a sheet", g.id, g.title.In(l))
			}
			for row := range g.rows(pager{story, l}) {
				if len(row) != len(g.cols) {
					t.Fatalf("%s: a row of %d cells in %d columns", g.id, len(row), len(g.cols))
				}
				for i, v := range row {
					if !fits(g.cols[i].kind, v) {
						t.Fatalf("%s: %v (%T) in column %s of kind %s", g.id, v, v, g.cols[i].id, g.cols[i].kind)
					}
				}
				break
			}
		}
	}
}

func fits(k cellKind, v any) bool {
	switch v.(type) {
	case nil:
		return true
	case string:
		return k == textCell || k == dayCell
	case int:
		return k == countCell
	case float64:
		return k == percentCell
	case bool:
		return k == flagCell
	}
	return k == momentCell
}

// A workbook keeps numbers as numbers and text as text.
func TestXLSXCells(t *testing.T) {
	f, err := excelize.OpenReader(bytes.NewReader(render(t, formatOf("xlsx"), hostileReport(), verdict.EN)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sheet := gridNamed("agencies").title.EN
	for cell, want := range map[string]excelize.CellType{"B2": excelize.CellTypeInlineString, "E2": excelize.CellTypeNumber, "F2": excelize.CellTypeNumber} {
		kind, err := f.GetCellType(sheet, cell)
		if err != nil {
			t.Fatal(err)
		}
		if kind != want && !(want == excelize.CellTypeNumber && kind == excelize.CellTypeUnset) {
			t.Errorf("%s is of type %v, want %v", cell, kind, want)
		}
	}
	name, err := f.GetCellValue(sheet, "B2")
	if err != nil || !strings.HasPrefix(name, "=HYPERLINK(") {
		t.Errorf("B2 is %q, %v: a name is written as it is, as text", name, err)
	}
	panes, err := f.GetPanes(sheet)
	if err != nil || !panes.Freeze {
		t.Errorf("heads do not stay in sight: %+v, %v", panes, err)
	}
	tables, err := f.GetTables(sheet)
	if err != nil || len(tables) != 1 {
		t.Errorf("no filters: %v, %v", tables, err)
	}
	var dates int
	for _, g := range evidenceGrids() {
		rows, err := f.GetRows(g.title.EN)
		if err == nil && len(rows) > 1 {
			dates++
		}
	}
	if dates < 3 {
		t.Errorf("%d evidence sheets", dates)
	}
}

// A template that an office has spoilt is told all its faults at once, and
// nothing is written.
func TestTemplateFaults(t *testing.T) {
	unlessShort(t)
	var out bytes.Buffer
	err := FillDOCX(&out, []byte("no zip"), testReport(), verdict.VI)
	if err == nil || out.Len() > 0 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		if err := FillDOCX(&out, DOCXTemplate(l), Build(testRun(), nil, province(), testPlan(), night), l); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	r := storyReport()
	for _, f := range Formats {
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				if err := f.Write(io.Discard, r, verdict.VI); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
