//go:build integration

package reports

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"ready6/probes/verdict"
)

// TestOffice lets LibreOffice open what we write: the Word document becomes a PDF
// with all its pages, and every sheet of the workbook has the cells that went in,
// hostile ones as text.
func TestOffice(t *testing.T) {
	office, err := exec.LookPath("soffice")
	if err != nil {
		if os.Getenv("INTEGRATION") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	convert := func(to, file string, body []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), body, 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, office, "--headless", "--norestore", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
			"--convert-to", to, "--outdir", dir, filepath.Join(dir, file)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", file, err, out)
		}
	}
	page := regexp.MustCompile(`/Type\s*/Page[^s]`)
	for name, r := range map[string]Report{"story": storyReport(), "hostile": hostileReport()} {
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			base := name + "-" + string(l)
			convert("pdf", base+".docx", render(t, formatOf("docx"), r, l))
			pdf, err := os.ReadFile(filepath.Join(dir, base+".pdf"))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(page.FindAll(pdf, -1)); n < 10 {
				t.Errorf("%s: a PDF of %d pages", base, n)
			} else {
				t.Logf("%s.docx: %d pages", base, n)
			}
			book := render(t, formatOf("xlsx"), r, l)
			convert(`csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1`, base+".xlsx", book)
			sheets, cells := compareSheets(t, dir, base, book)
			t.Logf("%s.xlsx: %d sheets, %d cells as they went in", base, sheets, cells)
		}
	}
}

// compareSheets compares the text that LibreOffice read with what we wrote;
// numbers and days, which it formats, only by being there.
func compareSheets(t *testing.T, dir, base string, book []byte) (sheets, cells int) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, sheet := range f.GetSheetList() {
		body, err := os.ReadFile(filepath.Join(dir, base+"-"+sheet+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Errorf("%s, %s: %d rows, want %d", base, sheet, len(got), len(want))
			continue
		}
		for i := range want {
			for j, cell := range want[i] {
				kind, err := f.GetCellType(sheet, cellName(t, j, i))
				if err != nil {
					t.Fatal(err)
				}
				cells++
				if kind == excelize.CellTypeInlineString && strings.TrimSpace(got[i][j]) != strings.TrimSpace(cell) || (cell == "") != (got[i][j] == "") {
					t.Fatalf("%s, %s, %s: %q, want %q", base, sheet, cellName(t, j, i), got[i][j], cell)
				}
			}
		}
		sheets++
	}
	return sheets, cells
}

func cellName(t *testing.T, col, row int) string {
	t.Helper()
	name, err := excelize.CoordinatesToCellName(col+1, row+1)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
