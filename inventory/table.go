package inventory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Bounds of a table; a workbook's are of the unpacked parts.
const (
	maxUnzipped = 64 << 20
	maxRows     = 1 << 20
	maxCells    = 10_000_000
	headerRows  = 20 // how far down the header row may stand, below titles
)

// sheet is one table: its rows that are not blank.
type sheet struct {
	rows     []row
	serial   bool // numbers in date columns are spreadsheet days
	date1904 bool
}

type row struct {
	at    spot
	cells []string
}

func isBlankRow(cells []string) bool {
	for _, c := range cells {
		if !blank(c) {
			return false
		}
	}
	return true
}

// readCSV reads comma, semicolon or tab separated UTF-8 text, with or without a
// byte order mark.
func readCSV(r io.Reader, name string, rep *report) (sheet, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return sheet{}, fmt.Errorf("%s: %w", name, err)
	}
	whole := spot{file: name}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > maxBytes:
		rep.add(whole, "split it into several", "is larger than %d MiB", maxBytes>>20)
		return sheet{}, nil
	case !utf8.Valid(data):
		rep.add(whole, `save it anew as "CSV UTF-8"`, "is not UTF-8 text")
		return sheet{}, nil
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.Comma = separator(data)
	c.FieldsPerRecord = -1
	c.TrimLeadingSpace = c.Comma != '\t' // it would eat empty cells
	var s sheet
	for {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			rep.add(spot{name, bad.Line}, "double every quote inside a quoted cell and close it", "a quoted cell is not well formed")
			continue
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		if len(s.rows) == maxRows {
			rep.add(spot{name, line}, "split it into several", "has more than %d rows", maxRows)
			return s, nil
		}
		if !isBlankRow(cells) {
			s.rows = append(s.rows, row{spot{name, line}, cells})
		}
	}
}

// separator finds the separator under which one of the first lines has most
// known column names.
func separator(data []byte) rune {
	best, most := ',', 0
	for n, line := range bytes.SplitN(data[:min(len(data), 1<<16)], []byte("\n"), headerRows+1) {
		for _, sep := range []rune{',', ';', '\t'} {
			known := 0
			for cell := range strings.SplitSeq(string(line), string(sep)) {
				if _, ok := columnNames[Fold(cell)]; ok {
					known++
				}
			}
			if known > most && n < headerRows {
				best, most = sep, known
			}
		}
	}
	return best
}

// readXLSX reads the visible sheets of a workbook.
func readXLSX(r io.Reader, name string, rep *report) (sheets []sheet, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	whole := spot{file: name}
	if len(data) > maxBytes {
		rep.add(whole, "split it into several", "is larger than %d MiB", maxBytes>>20)
		return nil, nil
	}
	// The workbook comes from outside, and the library indexes into what it says.
	defer func() {
		if p := recover(); p != nil {
			rep.add(whole, "open it in a spreadsheet program and save it anew as XLSX", "is not a readable workbook")
			sheets, err = nil, nil
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped, // equal: no temporary files
	})
	if err != nil {
		rep.add(whole, "open it in a spreadsheet program and save it anew as XLSX, without password", "is not a readable workbook (%s)", quote(err.Error()))
		return nil, nil
	}
	defer book.Close()
	return bookSheets(book, name, rep), nil
}

func bookSheets(book *excelize.File, name string, rep *report) []sheet {
	props, _ := book.GetWorkbookProps()
	titles := book.GetSheetList()
	var sheets []sheet
	cells := 0
	for _, title := range titles {
		if visible, err := book.GetSheetVisible(title); err != nil || !visible {
			continue
		}
		s := sheet{serial: true, date1904: props.Date1904 != nil && *props.Date1904}
		file := name
		if len(titles) > 1 {
			file += "#" + title
		}
		if err := sheetRows(book, title, file, &s, &cells); err != nil {
			rep.add(spot{file: file}, "open it in a spreadsheet program and save it anew as XLSX", "is not a readable sheet (%s)", quote(err.Error()))
			return nil
		}
		sheets = append(sheets, s)
	}
	return sheets
}

func sheetRows(book *excelize.File, title, file string, s *sheet, cells *int) error {
	rows, err := book.Rows(title)
	if err != nil {
		return err
	}
	defer rows.Close()
	for line := 1; rows.Next(); line++ {
		values, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return err
		}
		if *cells += len(values); *cells > maxCells || line > maxRows {
			return fmt.Errorf("more than %d rows or %d cells", maxRows, maxCells)
		}
		if !isBlankRow(values) {
			s.rows = append(s.rows, row{spot{file, line}, values})
		}
	}
	return rows.Error()
}
