// Package docx fills Word documents that serve as templates: text in double
// braces is replaced, table rows and paragraphs are repeated, pictures are put
// in. It knows nothing of reports.
//
// A template may have, in the text of its body, headers and footers:
//
//	{{name}}             a value
//	{{list.name}}        a value of each item of a list: the table row that has
//	                     it, or the paragraph outside a table, is repeated
//	{{if name}} {{else}} {{end}}   each alone in its paragraph: what lies between
//	                     stays if the value is not empty, or the list has items
//	{{each list}} {{end}}          likewise: what lies between is repeated
//	{{picture name}}     alone in its paragraph: a picture
//
// Everything else of the file, its styles, page set-up, headers and pictures,
// is kept as it is.
package docx

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// Scope is what a template is filled with. An item of a list sees its own values
// by the list's name, and its own lists and pictures before the outer ones.
type Scope struct {
	Values   map[string]string
	Lists    map[string][]Scope
	Pictures map[string]Picture
}

// Picture is a PNG with its size on paper.
type Picture struct {
	PNG    []byte
	Width  float64 // mm
	Height float64 // mm
	Alt    string  // said to those who cannot see it
}

// What a template may be at most.
const (
	maxParts = 2000
	maxBytes = 64 << 20 // of all parts, unpacked
)

// Fill writes the template with everything replaced. All faults of a template
// are told at once, each with the text in which it stands. The same input gives
// the same bytes.
func Fill(w io.Writer, template []byte, s Scope) error {
	parts, err := Parts(template)
	if err != nil {
		return err
	}
	if parts[mainPart] == nil {
		return errors.New("the template is no Word document: it has no " + mainPart)
	}
	var faults []error
	media := &media{}
	for _, name := range sorted(parts) {
		if !filled(name) {
			continue
		}
		out, errs := fillPart(name, parts[name], s, media)
		faults = append(faults, errs...)
		parts[name] = out
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := media.add(parts); err != nil {
		return err
	}
	return Write(w, parts)
}

const mainPart = "word/document.xml"

// filled reports whether a part's text is looked at.
func filled(name string) bool {
	ok, _ := path.Match("word/header*.xml", name)
	foot, _ := path.Match("word/footer*.xml", name)
	return ok || foot || name == mainPart || name == "docProps/core.xml"
}

// Parts unpacks a document.
func Parts(document []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(document), int64(len(document)))
	if err != nil {
		return nil, fmt.Errorf("the template is no Word document (.docx): %w", err)
	}
	if len(z.File) > maxParts {
		return nil, fmt.Errorf("the template has %d parts; %d is the most", len(z.File), maxParts)
	}
	parts, left := map[string][]byte{}, int64(maxBytes)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if parts[f.Name] != nil {
			return nil, fmt.Errorf("the template has %s twice", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, left+1))
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if left -= int64(len(b)); left < 0 {
			return nil, fmt.Errorf("the template is larger than %d MB when it is unpacked", maxBytes>>20)
		}
		parts[f.Name] = b
	}
	return parts, nil
}

// Write packs parts: in the order of their names, the list of types first, all
// of the same age, so that the same parts give the same bytes.
func Write(w io.Writer, parts map[string][]byte) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	for _, name := range sorted(parts) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return err
		}
		if _, err := f.Write(parts[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

func sorted(parts map[string][]byte) []string {
	names := make([]string, 0, len(parts))
	for n := range parts {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if a == typesPart || b == typesPart {
			return map[bool]int{true: -1, false: 1}[a == typesPart]
		}
		return strings.Compare(a, b)
	})
	return names
}

const typesPart = "[Content_Types].xml"

// media are the pictures that were put in.
type media struct{ list []Picture }

// place notes a picture and returns what stands for it in a paragraph.
func (m *media) place(p Picture) *node {
	m.list = append(m.list, p)
	n := len(m.list)
	const emu = 36000 // in a millimetre
	size := fmt.Sprintf(`cx="%d" cy="%d"`, int(p.Width*emu), int(p.Height*emu))
	alt := escape(p.Alt)
	run, err := parse([]byte(fmt.Sprintf(`<w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" distT="0" distB="0" distL="0" distR="0">`+
		`<wp:extent %s/><wp:docPr id="%d" name="ready6-%d" descr="%s"/>`+
		`<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture">`+
		`<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:nvPicPr><pic:cNvPr id="%d" name="ready6-%d.png" descr="%s"/><pic:cNvPicPr/></pic:nvPicPr>`+
		`<pic:blipFill><a:blip xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:embed="ready6-%d"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>`+
		`<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext %s/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>`,
		size, 9000+n, n, alt, 9000+n, n, alt, n, size)))
	if err != nil {
		panic(err) // a text of our own
	}
	return run
}

// add puts the pictures' files, relations and type in.
func (m *media) add(parts map[string][]byte) error {
	if len(m.list) == 0 {
		return nil
	}
	const relations = "word/_rels/document.xml.rels"
	if parts[relations] == nil {
		parts[relations] = []byte(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n" +
			`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>`)
	}
	rels, err := parse(parts[relations])
	if err != nil {
		return fmt.Errorf("%s: %w", relations, err)
	}
	types, err := parse(parts[typesPart])
	if err != nil {
		return fmt.Errorf("%s: %w", typesPart, err)
	}
	for i, p := range m.list {
		name := fmt.Sprintf("media/ready6-%d.png", i+1)
		parts["word/"+name] = p.PNG
		rels.root().kids = append(rels.root().kids, &node{name: "Relationship", attrs: []attr{
			{"Id", fmt.Sprintf("ready6-%d", i+1)}, {"Type", "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"}, {"Target", name},
		}})
	}
	if !slices.ContainsFunc(types.root().kids, func(k *node) bool { return k.name == "Default" && strings.EqualFold(k.attr("Extension"), "png") }) {
		types.root().kids = append([]*node{{name: "Default", attrs: []attr{{"Extension", "png"}, {"ContentType", "image/png"}}}}, types.root().kids...)
	}
	parts[relations], parts[typesPart] = rels.bytes(), types.bytes()
	return nil
}
