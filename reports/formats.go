package reports

import (
	"bufio"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// Format is one form in which a report can be written.
type Format struct {
	Name   string // as asked for: json, csv, html
	Ext    string // of a file, with its dot
	Worded bool   // differs between languages; otherwise Write ignores its language
	Write  func(io.Writer, Report, verdict.Lang) error
}

// Formats are the forms of a report. It is not to be changed.
var Formats = append([]Format{
	{"html", ".html", true, WriteHTML},
	{"json", ".json", false, WriteJSON},
	{"csv", ".csv", true, WriteCSV},
	{"csv-resources", ".resources.csv", true, WriteResourcesCSV},
	{"csv-hosting", ".hosting.csv", true, WriteHostingCSV},
	{"docx", ".docx", true, WriteDOCX},
	{"xlsx", ".xlsx", true, WriteXLSX},
	{"md", ".md", true, WriteMarkdown},
}, csvFormats()...)

// WriteJSON writes the whole report in the form of ReportSchema, both languages
// in it.
func WriteJSON(w io.Writer, r Report, _ verdict.Lang) error {
	return streamJSON(bufio.NewWriter(w), reflect.ValueOf(r))
}

// csvColumns are the heads of the CSV form: stable names in both languages.
var csvColumns = []string{
	"agency", "agency_name", "host", "service", "port", "counted", "level", "level_max", "level_name", "reach6",
	"dnssec", "dnssec_closure", "rpki", "rpki_closure", "aaaa", "a", "routes", "signatures_expire",
	"blocking_code", "blocking", "owner", "mend", "pass", "warn", "fail", "unknown", "not_applicable",
	"exempt_reason", "exempt_until", "measured_at", "run",
}

// WriteCSV writes one row a service, with heads that never change; names,
// findings and advice are in language l. Text that a spreadsheet would take for
// a formula is given an apostrophe. The Vietnamese form begins with a byte-order
// mark, without which Excel spoils the diacritics.
func WriteCSV(w io.Writer, r Report, l verdict.Lang) error {
	rows := [][]string{csvColumns}
	for _, row := range r.Services {
		rows = append(rows, csvRow(r, row, l))
	}
	return writeRows(w, rows, l)
}

func csvRow(r Report, row Row, l verdict.Lang) []string {
	s := row.Judged
	level, levelMax, port := "", "", ""
	if n, known := s.Level(); known {
		level = strconv.Itoa(n)
	}
	if s.Applicable {
		levelMax = strconv.Itoa(s.Max)
	}
	if s.Port != 0 {
		port = strconv.Itoa(int(s.Port))
	}
	var first Finding
	owner := ""
	if len(s.Findings) > 0 && s.Findings[0].Blocking {
		first = s.Findings[0]
		owner = r.dir.owner(first.Owner, l)
	}
	reason, until := "", ""
	if row.Exempt != nil {
		reason, until = Clean(row.Exempt.Reason), row.Exempt.Until.String()
	}
	return []string{
		Clean(s.Agency), row.Name.In(l), s.Host, s.Kind, port, row.counted(), level, levelMax, levelWord(l, row), s.Reach6.String(),
		s.DNSSEC, s.DNSSECDeps, s.RPKI, s.RPKIDeps, strings.Join(s.AAAA, " "), strings.Join(s.A, " "), strings.Join(s.Routes, ", "), stamp(s.Expires),
		string(first.Code), first.Title.In(l), owner, first.Advice.In(l),
		strconv.Itoa(s.Counts.Pass), strconv.Itoa(s.Counts.Warn), strconv.Itoa(s.Counts.Fail), strconv.Itoa(s.Counts.Unknown), strconv.Itoa(s.Counts.NotApplicable),
		reason, until, stamp(s.At), strconv.FormatInt(r.Run.ID, 10),
	}
}

// counted says how a service enters the shares: counted, unknown (counted, its
// level not measured), exempt or not-applicable.
func (r Row) counted() string {
	switch _, known := r.Judged.Level(); {
	case r.IsExempt:
		return "exempt"
	case !r.Judged.Applicable:
		return "not-applicable"
	case !known:
		return "unknown"
	}
	return "counted"
}

// levelWord names a row's level, or why it has none.
func levelWord(l verdict.Lang, row Row) string {
	level, known := row.Judged.Level()
	switch {
	case !row.Judged.Applicable:
		return word(l, "level.na")
	case !known:
		return word(l, "level.unknown")
	}
	return LevelName(l, level)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// unformula keeps a spreadsheet from running a cell: what begins like a formula
// is given an apostrophe in front, as OWASP advises.
func unformula(s string) string {
	if strings.IndexAny(strings.TrimLeft(s, " "), "=+-@|%\t\r") == 0 || strings.ContainsAny(firstRune(s), "＝＋－＠") {
		return "'" + s
	}
	return s
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
