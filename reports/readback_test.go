package reports

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"
)

// partsOf opens a document as a reader would.
func partsOf(t *testing.T, doc []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[f.Name] = b
	}
	return parts
}

// unpacked is all text and every attribute of a document, once each part is
// known to be well-formed and nothing in it runs, loads or leads out.
func unpacked(t *testing.T, doc []byte) string {
	t.Helper()
	var b strings.Builder
	for name, part := range partsOf(t, doc) {
		if strings.HasSuffix(name, ".png") {
			continue
		}
		if strings.Contains(name, "vba") || strings.Contains(name, "embeddings") || strings.Contains(name, "externalLinks") {
			t.Errorf("the document has a part %s", name)
		}
		d := xml.NewDecoder(bytes.NewReader(part))
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch x := tok.(type) {
			case xml.CharData:
				b.WriteString(string(x) + "\n")
			case xml.StartElement:
				switch x.Name.Local {
				case "f", "hyperlink", "hyperlinks", "object", "OLEObject", "altChunk", "attachedTemplate", "fldChar", "instrText", "ddeLink":
					t.Errorf("%s has a <%s>", name, x.Name.Local)
				}
				for _, a := range x.Attr {
					b.WriteString(a.Value + "\n")
					if a.Name.Local == "TargetMode" {
						t.Errorf("%s leads out of the document", name)
					}
					if a.Name.Local == "instr" && !regexp.MustCompile(`^ (PAGE|SEQ (table|picture) \\\* ARABIC) $`).MatchString(a.Value) {
						t.Errorf("%s has the field %q", name, a.Value)
					}
				}
			}
		}
	}
	return b.String()
}

// checkMarkdown looks for what a Markdown reader would take for more than text.
func checkMarkdown(t *testing.T, text string) {
	t.Helper()
	checkInert(t, text, false)
	for _, line := range strings.Split(text, "\n") {
		bare := regexp.MustCompile(`\\[[:punct:]]`).ReplaceAllString(line, "")
		if strings.ContainsAny(bare, "<>[]`*_") || strings.Contains(bare, "://") || strings.Contains(bare, "www.") {
			t.Fatalf("markup: %q", line)
		}
	}
}

// readTable is a table as one format shows it.
type readTable struct {
	heads []string
	rows  [][]string
}

func docxTables(t *testing.T, doc []byte) (out []readTable) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(partsOf(t, doc)["word/document.xml"]))
	var rows [][]string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			switch x.Name.Local {
			case "tbl":
				rows = nil
			case "tr":
				rows = append(rows, nil)
			case "tc":
				rows[len(rows)-1] = append(rows[len(rows)-1], "")
			case "p", "br":
				if n := len(rows); n > 0 && len(rows[n-1]) > 0 {
					rows[n-1][len(rows[n-1])-1] += " "
				}
			}
		case xml.CharData:
			if n := len(rows); n > 0 && len(rows[n-1]) > 0 {
				rows[n-1][len(rows[n-1])-1] += string(x)
			}
		case xml.EndElement:
			if x.Name.Local == "tbl" {
				out = append(out, tidy(rows))
				rows = nil
			}
		}
	}
}

// tidy trims cells and takes the first row for the heads.
func tidy(rows [][]string) readTable {
	for _, r := range rows {
		for i := range r {
			r[i] = strings.Join(strings.Fields(r[i]), " ")
		}
	}
	if len(rows) == 0 {
		return readTable{}
	}
	return readTable{rows[0], rows[1:]}
}

func xlsxTables(t *testing.T, doc []byte) (out []readTable) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			rows[i] = append(rows[i], make([]string, len(rows[0])-len(rows[i]))...)
		}
		out = append(out, tidy(rows))
	}
	return out
}

func htmlTables(t *testing.T, doc []byte) (out []readTable) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	var text func(n *html.Node) string
	text = func(n *html.Node) string {
		if n.Type == html.TextNode {
			return n.Data
		}
		s := ""
		for c := range n.ChildNodes() {
			if c.Data != "svg" && c.Data != "details" {
				s += text(c) + " "
			}
		}
		return s
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "table" {
			continue
		}
		var rows [][]string
		for r := range n.Descendants() {
			if r.Data != "tr" || r.Type != html.ElementNode {
				continue
			}
			var cells []string
			for c := range r.ChildNodes() {
				if c.Data == "td" || c.Data == "th" {
					cells = append(cells, text(c))
				}
			}
			rows = append(rows, cells)
		}
		out = append(out, tidy(rows))
	}
	return out
}

func markdownTables(doc []byte) (out []readTable) {
	var rows [][]string
	for _, line := range append(strings.Split(string(doc), "\n"), "") {
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 1 {
				out = append(out, tidy(append(rows[:1:1], rows[2:]...)))
			}
			rows = nil
			continue
		}
		plain := regexp.MustCompile(`\\([[:punct:]])`).ReplaceAllStringFunc(line, func(s string) string {
			if s == `\|` {
				return "\x00"
			}
			return s[1:]
		})
		cells := strings.Split(strings.Trim(plain, "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "\x00", "|")
		}
		rows = append(rows, cells)
	}
	return out
}
