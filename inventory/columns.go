package inventory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// column is what a column of an imported table holds.
type column int

const (
	colIgnored column = iota // running number, remarks
	colID
	colNameVI
	colNameEN
	colKind
	colParent
	colHost
	colService
	colPort
	colVisibility
	colReason
	colApprover
	colUntil
	columns
)

// columnNames are the header cells we know, folded. The first of each column is
// the one shown to users.
var columnNames = map[string]column{
	"stt": colIgnored, "tt": colIgnored, "no": colIgnored, "ghi chu": colIgnored, "note": colIgnored, "notes": colIgnored,

	"agency id": colID, "agency": colID, "id": colID, "ma co quan": colID, "ma don vi": colID, "ma": colID,
	"name vi": colNameVI, "agency name vi": colNameVI, "agency name": colNameVI, "name": colNameVI, "ten co quan": colNameVI,
	"ten don vi": colNameVI, "co quan": colNameVI, "don vi": colNameVI, "ten tieng viet": colNameVI, "co quan don vi": colNameVI,
	"name en": colNameEN, "agency name en": colNameEN, "english name": colNameEN, "ten tieng anh": colNameEN,
	"kind": colKind, "agency kind": colKind, "loai co quan": colKind, "loai don vi": colKind, "loai hinh": colKind,
	"parent": colParent, "parent id": colParent, "parent agency": colParent, "ma co quan cap tren": colParent, "co quan cap tren": colParent,
	"co quan chu quan": colParent, "don vi chu quan": colParent, "co quan quan ly": colParent, "truc thuoc": colParent, "cap tren": colParent,

	"host": colHost, "host name": colHost, "hostname": colHost, "domain": colHost, "domain name": colHost, "ten mien": colHost, "may chu": colHost,
	"ten may chu": colHost, "ten mien may chu": colHost,
	"service kind": colService, "service": colService, "service type": colService, "dich vu": colService, "loai dich vu": colService,
	"port": colPort, "cong": colPort,
	"visibility": colVisibility, "pham vi": colVisibility, "pham vi truy cap": colVisibility,
	"exemption reason": colReason, "exempt reason": colReason, "ly do mien tru": colReason, "ly do mien": colReason, "ly do ngoai le": colReason,
	"exemption approver": colApprover, "exempt approver": colApprover, "approver": colApprover, "approved by": colApprover,
	"nguoi phe duyet": colApprover, "nguoi duyet": colApprover, "co quan phe duyet": colApprover,
	"exemption until": colUntil, "exempt until": colUntil, "until": colUntil, "mien tru den": colUntil, "mien tru den ngay": colUntil,
	"den ngay": colUntil, "han mien tru": colUntil, "ngay het han": colUntil,
}

// shownColumns are the header cells suggested to the user, by column.
var shownColumns = [columns]string{
	colID: "agency id", colNameVI: "name vi", colNameEN: "name en", colKind: "kind", colParent: "parent", colHost: "host",
	colService: "service kind", colPort: "port", colVisibility: "visibility", colReason: "exemption reason",
	colApprover: "exemption approver", colUntil: "exemption until",
}

// Vietnamese words for the closed lists, folded.
var (
	kindWords = map[string]string{
		"tinh": "province", "so": "department", "ban": "department", "nganh": "department", "so ban nganh": "department",
		"van phong": "office", "huyen": "district", "thanh pho": "district", "thi xa": "district", "cap huyen": "district",
		"xa": "commune", "phuong": "commune", "thi tran": "commune", "dac khu": "commune", "cap xa": "commune",
		"don vi su nghiep": "unit", "don vi": "unit", "co quan bao chi": "unit", "doanh nghiep": "enterprise",
	}
	serviceWords = map[string]string{
		"website": "web", "trang web": "web", "cong thong tin": "web", "cong thong tin dien tu": "web", "trang thong tin dien tu": "web",
		"email": "mail", "e mail": "mail", "thu dien tu": "mail", "thu": "mail", "ten mien": "dns", "may chu ten mien": "dns",
	}
	visibilityWords = map[string]string{"cong khai": "public", "cong cong": "public", "internet": "public", "noi bo": "internal"}
)

// parseWord reads a member of a closed list, in its own or a Vietnamese word.
func parseWord(s string, options []string, words map[string]string) (string, *flaw) {
	folded := Fold(s)
	if w, ok := words[folded]; ok {
		return w, nil
	}
	if slices.Contains(options, folded) {
		return folded, nil
	}
	return "", &flaw{quote(s) + " is not known", oneOf(s, options)}
}

// parseDay reads a day as people write it into tables: 2025-06-30, 30/6/2025
// (day first, as in Vietnam), or the number a spreadsheet keeps.
func (s sheet) parseDay(cell string) (Date, *flaw) {
	if n, err := strconv.ParseFloat(cell, 64); err == nil && s.serial {
		if t, err := excelize.ExcelDateToTime(n, s.date1904); err == nil && n >= 1 && n < 2_958_466 { // up to the year 9999
			return parseDate(t.Round(time.Minute).Format(time.DateOnly))
		}
	}
	day, _, _ := strings.Cut(cell, "T")
	day, _, _ = strings.Cut(day, " ")
	if d, f := parseDate(day); f == nil {
		return d, nil
	}
	parts := strings.FieldsFunc(day, func(r rune) bool { return r == '/' || r == '-' || r == '.' })
	if len(parts) == 3 && len(parts[0]) <= 2 && len(parts[1]) <= 2 && len(parts[2]) == 4 {
		if d, f := parseDate(parts[2] + "-" + pad(parts[1]) + "-" + pad(parts[0])); f == nil {
			return d, nil
		}
	}
	return Date{}, &flaw{quote(cell) + " is not a date", "write it as 2025-06-30 or 30/06/2025"}
}

func pad(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

// header finds the header row of a sheet: the one among the first rows with the
// most known names. It returns the column of each cell and the rows below.
func (s sheet) header(rep *report) (cols []column, below []row, ok bool) {
	best, most := -1, 1
	for i, r := range s.rows[:min(len(s.rows), headerRows)] {
		known := 0
		for _, c := range r.cells {
			if _, ok := columnNames[Fold(c)]; ok {
				known++
			}
		}
		if known > most {
			best, most = i, known
		}
	}
	if best < 0 {
		return nil, nil, false
	}
	head := s.rows[best]
	cols = make([]column, len(head.cells))
	first := make(map[column]string)
	for i, c := range head.cells {
		if blank(c) {
			continue
		}
		col, known := columnNames[Fold(c)]
		switch {
		case !known:
			rep.add(head.at, unknownColumn(c), "the column %s is not known", quote(c))
		case col != colIgnored && first[col] != "":
			rep.add(head.at, "keep one of them", "the columns %s and %s hold the same", quote(first[col]), quote(c))
		default:
			cols[i], first[col] = col, c
		}
	}
	if first[colID] == "" && first[colNameVI] == "" {
		rep.add(head.at, `add the column "agency id" ("mã cơ quan")`, "no column says whose the services are")
	}
	return cols, s.rows[best+1:], true
}

func unknownColumn(c string) string {
	return oneOf(c, shownColumns[colID:])
}
