package docx

import (
	"bytes"
	"strings"
	"testing"
)

const space = ` xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`

func p(text string) string { return "<w:p><w:r><w:t>" + text + "</w:t></w:r></w:p>" }

func template(body string) []byte {
	var b bytes.Buffer
	err := Write(&b, map[string][]byte{
		"[Content_Types].xml": []byte(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`),
		"word/document.xml":   []byte(`<?xml version="1.0"?><w:document` + space + "><w:body>" + body + "</w:body></w:document>"),
		"word/header1.xml":    []byte("<w:hdr" + space + ">" + p("{{name}}") + "</w:hdr>"),
	})
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

func scope() Scope {
	item := func(name, n string, kids ...Scope) Scope {
		return Scope{Values: map[string]string{"name": name, "n": n}, Lists: map[string][]Scope{"kids": kids},
			Pictures: map[string]Picture{"face": {PNG: []byte("png"), Width: 10, Height: 5}}}
	}
	return Scope{
		Values:   map[string]string{"name": "Đắk Nông & <b>", "empty": "", "lines": "a\nb"},
		Lists:    map[string][]Scope{"rows": {item("x", "1", item("k", "7")), item("y", "2")}, "none": nil},
		Pictures: map[string]Picture{"logo": {PNG: []byte("png"), Width: 20, Height: 10, Alt: `"a"`}, "nopicture": {}},
	}
}

func body(t *testing.T, tpl []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := Fill(&b, tpl, scope()); err != nil {
		t.Fatal(err)
	}
	parts, err := Parts(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	text := string(parts["word/document.xml"])
	return text[strings.Index(text, "<w:body>")+8 : strings.Index(text, "</w:body>")]
}

// What stands in braces is replaced, whatever pieces Word has cut the text into.
func TestFill(t *testing.T) {
	row := func(cells ...string) string {
		s := "<w:tr>"
		for _, c := range cells {
			s += "<w:tc>" + c + "</w:tc>"
		}
		return s + "</w:tr>"
	}
	for name, tt := range map[string]struct{ in, want string }{
		"value":          {p("a {{name}} b"), "a Đắk Nông & <b> b"},
		"blanks":         {p("{{ name }}"), "Đắk Nông & <b>"},
		"cut":            {"<w:p><w:r><w:t>a {</w:t></w:r><w:r><w:t>{na</w:t></w:r><w:r><w:t>me}} b</w:t></w:r></w:p>", "a Đắk Nông & <b> b"},
		"two":            {p("{{name}}{{empty}}{{name}}"), "Đắk Nông & <b>Đắk Nông & <b>"},
		"row":            {"<w:tbl>" + row(p("Head")) + row(p("{{rows.name}}"), p("{{rows.n}}")) + "</w:tbl>", "Head|x|1|y|2"},
		"paragraph":      {p("- {{rows.name}}: {{rows.n}}"), "- x: 1|- y: 2"},
		"list in a cell": {"<w:tbl>" + row(p("{{rows.name}}"), p("{{kids.name}}")) + "</w:tbl>", "x|k|y|"},
		"if":             {p("{{if name}}") + p("yes") + p("{{else}}") + p("no") + p("{{end}}"), "yes"},
		"if not":         {p("{{if none}}") + p("yes") + p("{{else}}") + p("no") + p("{{end}}"), "no"},
		"each":           {p("{{each rows}}") + p("{{rows.name}} of {{name}}") + "<w:tbl>" + row(p("{{kids.n}}")) + "</w:tbl>" + p("{{end}}"), "x of Đắk Nông & <b>|7|y of Đắk Nông & <b>"},
		"nested if":      {p("{{if name}}") + p("{{if none}}") + p("a") + p("{{end}}") + p("b") + p("{{end}}"), "b"},
		"line feeds":     {p("{{lines}}"), "a/b"},
		"picture":        {p("{{picture logo}}") + p("x"), "[ready6-1]|x"},
		"no picture":     {p("{{picture nopicture}}") + p("x"), "x"},
		"pictures":       {p("{{each rows}}") + p("{{picture rows.face}}") + p("{{end}}"), "[ready6-1]|[ready6-2]"},
		"numbers":        {`<w:p><w:fldSimple w:instr=" SEQ t "><w:r><w:t>9</w:t></w:r></w:fldSimple></w:p><w:p><w:fldSimple w:instr=" SEQ t "><w:r><w:t>9</w:t></w:r></w:fldSimple></w:p>`, "1|2"},
	} {
		if got := read(t, body(t, template(tt.in))); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	// A section that ends where a part ends, ends there once, whatever the part holds.
	closed := `<w:p><w:pPr><w:sectPr/></w:pPr><w:r><w:t>{{end}}</w:t></w:r></w:p>`
	for in, want := range map[string]string{p("{{each rows}}") + p("{{rows.name}}") + closed + p("z"): "x|y||z", p("{{if none}}") + p("a") + closed + p("z"): "|z"} {
		got := body(t, template(in))
		if text := read(t, got); text != want || strings.Count(got, "<w:sectPr") != strings.Count(body(t, template(p("z"))), "<w:sectPr")+1 {
			t.Errorf("%q, want %q in %s", text, want, got)
		}
	}
	if got := read(t, body(t, template("<w:tbl>"+row(p("Head"))+row(p("{{none.name}}"))+"</w:tbl>"+p("x")))); got != "Head|x" {
		t.Errorf("no rows: %q", got)
	}
}

// read gives a body's text, paragraphs parted by strokes.
func read(t *testing.T, body string) string {
	t.Helper()
	n, err := parse([]byte("<b>" + body + "</b>"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	n.each(func(k *node) bool {
		switch k.name {
		case "w:p":
			out = append(out, "")
		case "w:br":
			out[len(out)-1] += "/"
		case "a:blip":
			out[len(out)-1] += "[" + k.attr("r:embed") + "]"
		case "":
			out[len(out)-1] += k.text
		}
		return true
	})
	return strings.Join(out, "|")
}

// All faults of a template are told at once, each with its sentence, and nothing
// is written.
func TestFaults(t *testing.T) {
	var b bytes.Buffer
	err := Fill(&b, template(p("Dear {{nobody}}")+p("{{rows.age}}")+p("{{picture x}}")+p("{{if y}}")+p("{{end}}")+p("{{end}}")+p("{{Bad Name}}")+p("{{each z}}")), scope())
	if err == nil || b.Len() > 0 {
		t.Fatalf("%v, %d bytes", err, b.Len())
	}
	for _, want := range []string{"Dear {{nobody}}", "rows.age", `no picture is called "x"`, `"y"`, "no {{if}} or {{each}}", "Bad Name", "{{end}} is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in: %v", want, err)
		}
	}
	for _, bad := range []string{"", "<w:p>", "</w:p>", "<!DOCTYPE x><w:p/>", strings.Repeat("<w:p>", 300) + strings.Repeat("</w:p>", 300)} {
		if bad == "" {
			continue
		}
		if err := Fill(&b, template(bad), scope()); err == nil {
			t.Errorf("%.40q is taken", bad)
		}
	}
}

// FuzzFill protects against templates that are no templates.
func FuzzFill(f *testing.F) {
	for _, s := range []string{p("{{name}}"), p("{{each rows}}") + p("{{end}}"), "<w:tbl><w:tr><w:tc>" + p("{{rows.name}}") + "</w:tc></w:tr></w:tbl>", p("{{picture logo}}"), "<w:p><w:r><w:t>{</w:t><w:t>{name}}</w:t></w:r></w:p>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var a, b bytes.Buffer
		if Fill(&a, template(s), scope()) != nil {
			return
		}
		if err := Fill(&b, template(s), scope()); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("filled twice: %v", err)
		}
		if _, err := Parts(a.Bytes()); err != nil {
			t.Error(err)
		}
	})
}
