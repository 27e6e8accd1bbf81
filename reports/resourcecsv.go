package reports

import (
	"bufio"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// The heads of the CSV forms on number resources and hosting.
var (
	resourceColumns = []string{"agency", "agency_name", "kind", "resource", "state", "announced", "severity", "code", "finding", "owner", "mend", "reference", "run"}
	hostingColumns  = []string{"as", "network", "own", "agency", "agency_name", "services", "valid", "unrouted", "not_found", "unknown", "invalid", "prefixes", "code", "finding", "run"}
)

// WriteResourcesCSV writes one row for each finding on an own block or AS
// number, and one for each without findings.
func WriteResourcesCSV(w io.Writer, r Report, l verdict.Lang) error {
	rows := [][]string{resourceColumns}
	for _, x := range r.Resources {
		head := []string{x.Agency, x.Name.In(l), x.Kind, x.Resource, x.State, strings.Join(x.Announced, ", ")}
		if len(x.Findings) == 0 {
			rows = append(rows, append(head, "", "", "", "", "", "", strconv.FormatInt(r.Run.ID, 10)))
		}
		for _, f := range x.Findings {
			rows = append(rows, append(head[:len(head):len(head)], f.Severity.String(), string(f.Code), f.Title.In(l), r.dir.owner(f.Owner, l),
				f.Advice.In(l), f.Ref, strconv.FormatInt(r.Run.ID, 10)))
		}
	}
	return writeRows(w, rows, l)
}

// WriteHostingCSV writes one row for each network and agency.
func WriteHostingCSV(w io.Writer, r Report, l verdict.Lang) error {
	rows := [][]string{hostingColumns}
	for _, h := range r.Hosting {
		var prefixes, codes, titles []string
		for _, p := range h.Prefixes {
			prefixes = append(prefixes, p.Prefix+" ("+p.State+")")
		}
		for _, f := range h.Findings {
			codes, titles = append(codes, string(f.Code)), append(titles, f.Title.In(l))
		}
		for _, a := range h.Agencies {
			row := []string{h.AS, h.Name.In(l), strconv.FormatBool(h.Own), a.Agency, a.Name.In(l), strconv.Itoa(a.Services)}
			for _, s := range rpkiOrder {
				row = append(row, strconv.Itoa(a.States[s]))
			}
			rows = append(rows, append(row, strings.Join(prefixes, ", "), strings.Join(codes, " "), strings.Join(titles, " "), strconv.FormatInt(r.Run.ID, 10)))
		}
	}
	return writeRows(w, rows, l)
}

// writeRows writes a table as WriteCSV does.
func writeRows(w io.Writer, rows [][]string, l verdict.Lang) error {
	b := bufio.NewWriter(w)
	if l == verdict.VI {
		b.WriteString("\ufeff") // its error is kept for Flush
	}
	c := csv.NewWriter(b)
	c.UseCRLF = true
	for _, row := range rows {
		for i := range row {
			row[i] = unformula(row[i])
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return b.Flush()
}
