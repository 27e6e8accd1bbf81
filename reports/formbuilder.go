package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"ready6/probes/verdict"
	"ready6/reports/docx"
)

//go:embed form/styles.xml
var formStyles string

// formBuilder writes the body of the built-in template: Word's own XML, with
// named styles and no formatting beside them.
type formBuilder struct {
	strings.Builder
	l verdict.Lang
}

// Widths of the text in twentieths of a point (twips): A4 less the margins of
// 30 mm on the left and 15 mm on the right.
const (
	uprightWidth = 9354
	acrossWidth  = 14286
)

func (b *formBuilder) word(key string) string { return template.HTMLEscapeString(word(b.l, key)) }

// p writes a paragraph; text may hold placeholders and runs made by field and blank.
func (b *formBuilder) p(style, text string) { b.WriteString(paragraphXML(style, "", text)) }

// say writes a paragraph of words.
func (b *formBuilder) say(style, key string) { b.p(style, b.word(key)) }

// do writes a directive.
func (b *formBuilder) do(text string) { b.p("", "{{"+text+"}}") }

func paragraphXML(style, more, text string) string {
	if style != "" {
		style = `<w:pStyle w:val="` + style + `"/>`
	}
	if style+more != "" {
		style = "<w:pPr>" + style + more + "</w:pPr>"
	}
	if !strings.HasPrefix(text, "<w:") && text != "" {
		text = runXML(text)
	}
	return "<w:p>" + style + text + "</w:p>\n"
}

func runXML(text string) string {
	return `<w:r><w:t xml:space="preserve">` + text + "</w:t></w:r>"
}

// blank is a field of the form, left for the office to fill in.
func (b *formBuilder) blank(key string) string {
	return `<w:sdt><w:sdtPr><w:alias w:val="` + b.word(key+".name") + `"/><w:tag w:val="` + key + `"/><w:showingPlcHdr/><w:text w:multiLine="1"/></w:sdtPr><w:sdtContent>` +
		`<w:r><w:rPr><w:rStyle w:val="PlaceholderText"/></w:rPr><w:t xml:space="preserve">` + b.word(key) + "</w:t></w:r></w:sdtContent></w:sdt>"
}

// caption writes the numbered title of a table or picture; the numbers run through the document.
func (b *formBuilder) caption(style, label, title string) {
	b.p(style, runXML(b.word(label)+" ")+`<w:fldSimple w:instr=" SEQ `+label[strings.LastIndex(label, ".")+1:]+` \* ARABIC "><w:r><w:t>0</w:t></w:r></w:fldSimple>`+runXML(". "+title))
}

// column is one of a table: its share of the width, its head, and what stands in its cells.
type column struct {
	width  int // parts of the sum
	head   string
	cell   string // placeholders; several paragraphs are parted by a line feed
	number bool
}

// table writes a table of one row, which is repeated; its head is repeated on
// each page and rows are not torn.
func (b *formBuilder) table(width int, cols ...column) {
	sum := 0
	for _, c := range cols {
		sum += c.width
	}
	fmt.Fprintf(b, `<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="%d" w:type="dxa"/><w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>`, width)
	for _, c := range cols {
		fmt.Fprintf(b, `<w:gridCol w:w="%d"/>`, width*c.width/sum)
	}
	b.WriteString("</w:tblGrid>\n")
	for _, head := range []bool{true, false} {
		b.WriteString(`<w:tr><w:trPr><w:cantSplit/>`)
		if head {
			b.WriteString(`<w:tblHeader/>`)
		}
		b.WriteString("</w:trPr>\n")
		for _, c := range cols {
			fmt.Fprintf(b, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/>`, width*c.width/sum)
			if head {
				b.WriteString(`<w:vAlign w:val="center"/></w:tcPr>` + paragraphXML("TableHead", "", c.head))
			} else {
				b.WriteString("</w:tcPr>")
				style := "TableText"
				if c.number {
					style = "TableNumber"
				}
				for _, line := range strings.Split(c.cell, "\n") {
					b.WriteString(paragraphXML(style, "", line))
				}
			}
			b.WriteString("</w:tc>")
		}
		b.WriteString("</w:tr>\n")
	}
	b.WriteString("</w:tbl>\n")
}

// beside writes two blocks side by side without lines: the head of the first
// page, and its end.
func (b *formBuilder) beside(left, right int, leftText, rightText string) {
	fmt.Fprintf(b, `<w:tbl><w:tblPr><w:tblW w:w="%d" w:type="dxa"/><w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="0" w:type="dxa"/><w:right w:w="0" w:type="dxa"/></w:tblCellMar></w:tblPr>`+
		`<w:tblGrid><w:gridCol w:w="%d"/><w:gridCol w:w="%d"/></w:tblGrid><w:tr><w:trPr><w:cantSplit/></w:trPr><w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>%s</w:tc><w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>%s</w:tc></w:tr></w:tbl>`+"\n",
		left+right, left, right, left, leftText, right, rightText)
}

// rule is a line across what the indents leave.
func rule(indent int) string {
	return paragraphXML("ND30Rule", fmt.Sprintf(`<w:ind w:left="%d" w:right="%d" w:firstLine="0"/>`, indent, indent), "")
}

// sectionXML is the page set-up of a part of the document: A4, margins of 20 mm
// above and below, 30 mm left, 15 mm right, no page number on the first page.
func sectionXML(across bool, restart bool) string {
	size, number := `<w:pgSz w:w="11906" w:h="16838"/>`, ""
	if across {
		size = `<w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>`
	}
	if restart {
		number = `<w:pgNumType w:start="1"/>`
	}
	return `<w:sectPr><w:headerReference w:type="default" r:id="rIdHeader"/><w:headerReference w:type="first" r:id="rIdFirst"/><w:type w:val="nextPage"/>` + size +
		`<w:pgMar w:top="1134" w:right="851" w:bottom="1134" w:left="1701" w:header="567" w:footer="567" w:gutter="0"/>` + number + `<w:titlePg/></w:sectPr>`
}

// section ends a part of the document.
func (b *formBuilder) section(across, restart bool) {
	b.WriteString(paragraphXML("SectionEnd", sectionXML(across, restart), ""))
}

const (
	wordSpace = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	xmlHead   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	relSpace  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	partType  = "application/vnd.openxmlformats-officedocument.wordprocessingml."
)

// DOCXTemplate is the built-in template of the progress report: a Word document
// in the form of Nghị định 30/2020/NĐ-CP, Phụ lục I, for an office to edit.
func DOCXTemplate(l verdict.Lang) []byte {
	b := &formBuilder{l: l}
	b.form()
	lang := map[verdict.Lang]string{verdict.VI: "vi-VN", verdict.EN: "en-GB"}[l]
	parts := map[string][]byte{
		"[Content_Types].xml": []byte(xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="` + partType + `document.main+xml"/><Override PartName="/word/styles.xml" ContentType="` + partType + `styles+xml"/><Override PartName="/word/settings.xml" ContentType="` + partType + `settings+xml"/>` +
			`<Override PartName="/word/header1.xml" ContentType="` + partType + `header+xml"/><Override PartName="/word/header2.xml" ContentType="` + partType + `header+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`),
		"_rels/.rels": []byte(xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relSpace + `officeDocument" Target="word/document.xml"/>` +
			`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`),
		"word/_rels/document.xml.rels": []byte(xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rIdStyles" Type="` + relSpace + `styles" Target="styles.xml"/>` +
			`<Relationship Id="rIdSettings" Type="` + relSpace + `settings" Target="settings.xml"/><Relationship Id="rIdHeader" Type="` + relSpace + `header" Target="header1.xml"/><Relationship Id="rIdFirst" Type="` + relSpace + `header" Target="header2.xml"/></Relationships>`),
		"docProps/core.xml": []byte(xmlHead + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
			`<dc:title>{{title}}</dc:title><dc:creator>ready6</dc:creator><dc:language>` + lang + `</dc:language><dcterms:created xsi:type="dcterms:W3CDTF">{{made}}</dcterms:created></cp:coreProperties>`),
		"word/styles.xml":   []byte(strings.ReplaceAll(formStyles, "{{lang}}", lang)),
		"word/settings.xml": []byte(xmlHead + `<w:settings ` + wordSpace + `><w:zoom w:percent="100"/><w:defaultTabStop w:val="720"/><w:compat><w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat></w:settings>`),
		"word/header1.xml":  []byte(xmlHead + `<w:hdr ` + wordSpace + `>` + paragraphXML("Header", "", `<w:fldSimple w:instr=" PAGE "><w:r><w:t>2</w:t></w:r></w:fldSimple>`) + `</w:hdr>`),
		"word/header2.xml":  []byte(xmlHead + `<w:hdr ` + wordSpace + `>` + paragraphXML("Header", "", "") + `</w:hdr>`),
		"word/document.xml": []byte(xmlHead + `<w:document ` + wordSpace + `><w:body>` + "\n" + b.String() + sectionXML(false, true) + `</w:body></w:document>`),
	}
	var out bytes.Buffer
	if err := docx.Write(&out, parts); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	return out.Bytes()
}
