package docx

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	directive   = regexp.MustCompile(`^\s*\{\{\s*(if|else|end|each|picture)\b\s*([^{}\s]*)\s*\}\}\s*$`)
	wellFormed  = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$`)
)

// env is what names mean at a place: the outermost scope first, then the items
// of the lists in which the place lies.
type env []bound

type bound struct {
	list string // empty for the outermost
	Scope
}

// value finds a name, list.name in the innermost item of that list.
func (e env) value(name string) (string, bool) {
	list, field, dotted := strings.Cut(name, ".")
	for i := len(e) - 1; i >= 0; i-- {
		switch {
		case dotted && e[i].list == list:
			v, ok := e[i].Values[field]
			return v, ok
		case !dotted && e[i].list == "":
			v, ok := e[i].Values[name]
			return v, ok
		}
	}
	return "", false
}

func (e env) items(list string) ([]Scope, bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if l, ok := e[i].Lists[list]; ok {
			return l, true
		}
	}
	return nil, false
}

func (e env) picture(name string) (Picture, bool) {
	list, field, dotted := strings.Cut(name, ".")
	for i := len(e) - 1; i >= 0; i-- {
		switch {
		case dotted && e[i].list == list:
			p, ok := e[i].Pictures[field]
			return p, ok
		case !dotted && e[i].list == "":
			p, ok := e[i].Pictures[name]
			return p, ok
		}
	}
	return Picture{}, false
}

func (e env) inside(list string) bool {
	for _, b := range e {
		if b.list == list {
			return true
		}
	}
	return false
}

// holds says whether an if is to be followed.
func (e env) holds(name string) (yes, known bool) {
	if v, ok := e.value(name); ok {
		return v != "", true
	}
	if l, ok := e.items(name); ok {
		return len(l) > 0, true
	}
	p, ok := e.picture(name)
	return ok && len(p.PNG) > 0, ok
}

type filler struct {
	part   string
	media  *media
	faults []error
	told   map[string]bool
}

func fillPart(name string, b []byte, s Scope, m *media) ([]byte, []error) {
	doc, err := parse(b)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", name, err)}
	}
	f := &filler{part: name, media: m, told: map[string]bool{}}
	top := env{{Scope: s}}
	root := doc.root()
	root.kids = f.all(root.kids, top)
	number(root)
	if name == "docProps/core.xml" {
		f.properties(root, top)
	}
	return doc.bytes(), f.faults
}

// properties fills the texts of a part that has no paragraphs.
func (f *filler) properties(root *node, e env) {
	root.each(func(n *node) bool {
		if n.name == "" {
			n.text = f.replaced(n.text, e)
		}
		return true
	})
}

func (f *filler) fault(where, form string, args ...any) {
	if where = strings.TrimSpace(where); len(where) > 80 {
		where = strings.ToValidUTF8(where[:80], "") + "…"
	}
	text := fmt.Sprintf("template, %s: “%s”: ", f.part, where) + fmt.Sprintf(form, args...)
	if !f.told[text] {
		f.told[text] = true
		f.faults = append(f.faults, fmt.Errorf("%s", text))
	}
}

// all fills a row of siblings.
func (f *filler) all(kids []*node, e env) []*node {
	var out []*node
	for i := 0; i < len(kids); i++ {
		k := kids[i]
		word, name := "", ""
		if k.name == "w:p" {
			if m := directive.FindStringSubmatch(textOf(k)); m != nil {
				word, name = m[1], m[2]
			}
		}
		switch word {
		case "":
			out = append(out, f.one(k, e)...)
		case "picture":
			out = append(out, f.picture(k, name, e)...)
		case "if", "each":
			middle, end := f.block(kids, i)
			if end < 0 {
				f.fault(textOf(k), "{{end}} is missing")
				return out
			}
			out = append(out, f.branch(word, name, textOf(k), kids, i, middle, end, e)...)
			out = append(out, sectionEnd(kids[end])...)
			i = end
		default:
			f.fault(textOf(k), "there is no {{if}} or {{each}} before it")
		}
	}
	return out
}

// sectionEnd is what stays of a paragraph with an end where a section of the
// document ends in it, too: LibreOffice puts the break there when it saves one
// that followed in an empty paragraph.
func sectionEnd(p *node) []*node {
	if !p.has("w:sectPr") {
		return nil
	}
	p = p.clone()
	p.kids = slices.DeleteFunc(p.kids, func(n *node) bool { return n.name != "w:pPr" })
	return []*node{p}
}

// block finds the else and the end of what begins at kids[i]; -1: there is none.
func (f *filler) block(kids []*node, i int) (middle, end int) {
	middle = -1
	depth := 0
	for j := i; j < len(kids); j++ {
		if kids[j].name != "w:p" {
			continue
		}
		m := directive.FindStringSubmatch(textOf(kids[j]))
		if m == nil {
			continue
		}
		if m[1] != "end" && kids[j].has("w:sectPr") {
			f.fault(textOf(kids[j]), "a section must not end in this paragraph: put the section break into another one")
		}
		switch m[1] {
		case "if", "each":
			depth++
		case "else":
			if depth == 1 {
				middle = j
			}
		case "end":
			if depth--; depth == 0 {
				return middle, j
			}
		}
	}
	return middle, -1
}

// branch fills what lies between if or each and its end.
func (f *filler) branch(word, name, where string, kids []*node, from, middle, end int, e env) (out []*node) {
	yes, no := kids[from+1:end], kids[:0]
	if middle >= 0 {
		yes, no = kids[from+1:middle], kids[middle+1:end]
	}
	if word == "if" {
		holds, known := e.holds(name)
		if !known {
			f.fault(where, "nothing is called %q here", name)
		}
		if !holds {
			yes = no
		}
		return f.all(yes, e)
	}
	items, known := e.items(name)
	if !known {
		f.fault(where, "there is no list %q here", name)
	}
	if len(items) == 0 {
		return f.all(no, e)
	}
	for _, it := range items {
		out = append(out, f.all(yes, append(e[:len(e):len(e)], bound{name, it}))...)
	}
	return out
}

// one fills an element; a row or paragraph with a list's value is repeated.
func (f *filler) one(k *node, e env) []*node {
	list := ""
	if k.name == "w:tr" || k.name == "w:p" {
		list = f.repeats(k, e)
	}
	if list == "" {
		out := f.filled(k.clone(), e)
		if out.name == "w:tbl" && !out.has("w:tr") { // no row is left
			return nil
		}
		return []*node{out}
	}
	items, _ := e.items(list)
	var out []*node
	for _, it := range items {
		out = append(out, f.filled(k.clone(), append(e[:len(e):len(e)], bound{list, it})))
	}
	return out
}

// repeats is the list by which a row or paragraph is repeated: that of the first
// value in it that no loop around it explains.
func (f *filler) repeats(k *node, e env) string {
	for _, m := range placeholder.FindAllStringSubmatch(deepText(k), -1) {
		list, _, dotted := strings.Cut(strings.TrimSpace(m[1]), ".")
		if !dotted || e.inside(list) {
			continue
		}
		if _, ok := e.items(list); ok {
			return list
		}
	}
	return ""
}

// filled fills an element in place.
func (f *filler) filled(k *node, e env) *node {
	if k.name == "w:p" {
		f.paragraph(k, e)
	}
	if k.name != "w:t" {
		k.kids = f.all(k.kids, e)
	}
	switch k.name {
	case "w:tc", "w:hdr", "w:ftr": // these end in a paragraph
		last := ""
		for _, kid := range k.kids {
			if kid.name != "" {
				last = kid.name
			}
		}
		if last != "w:p" {
			k.kids = append(k.kids, &node{name: "w:p"})
		}
	}
	return k
}

// texts are a paragraph's own pieces of text, without those of paragraphs in it.
func texts(p *node) (out []*node) {
	p.each(func(k *node) bool {
		if k.name == "w:t" {
			out = append(out, k)
		}
		return k.name != "w:p" && k.name != "w:t"
	})
	return out
}

func textOf(p *node) string {
	var b strings.Builder
	for _, t := range texts(p) {
		b.WriteString(content(t))
	}
	return b.String()
}

// deepText is all text below, a space between paragraphs.
func deepText(n *node) string {
	var b strings.Builder
	n.each(func(k *node) bool {
		switch k.name {
		case "w:t":
			b.WriteString(content(k))
		case "w:p":
			b.WriteByte(' ')
		}
		return true
	})
	return b.String()
}

func content(t *node) string {
	var b strings.Builder
	for _, k := range t.kids {
		b.WriteString(k.text)
	}
	return b.String()
}

// paragraph replaces what stands in braces. Word likes to cut a text into
// several pieces: what is put in takes the form of the piece with its first
// brace.
func (f *filler) paragraph(p *node, e env) {
	list := texts(p)
	whole := textOf(p)
	found := placeholder.FindAllStringSubmatchIndex(whole, -1)
	if found == nil {
		return
	}
	at := 0
	for _, t := range list {
		piece := content(t)
		from, to := at, at+len(piece)
		at = to
		var b strings.Builder
		pos := from
		for _, m := range found {
			if m[1] <= from || m[0] >= to {
				continue
			}
			if m[0] >= from {
				b.WriteString(whole[pos:m[0]])
				b.WriteString(f.lookup(whole[m[2]:m[3]], whole, e))
			}
			pos = min(m[1], to)
		}
		b.WriteString(whole[pos:to])
		setText(t, b.String())
	}
	breakLines(p)
}

func (f *filler) replaced(text string, e env) string {
	return placeholder.ReplaceAllStringFunc(text, func(s string) string { return f.lookup(s[2:len(s)-2], text, e) })
}

func (f *filler) lookup(name, where string, e env) string {
	name = strings.TrimSpace(name)
	v, ok := e.value(name)
	switch {
	case ok:
		return v
	case !wellFormed.MatchString(name):
		f.fault(where, "{{%s}} is not {{name}} or {{list.name}}; if, else, end, each and picture stand alone in a paragraph", name)
	default:
		f.fault(where, "nothing is called {{%s}} here", name)
	}
	return ""
}

func setText(t *node, s string) {
	t.kids = []*node{{text: s}}
	if t.attr("xml:space") == "" {
		t.attrs = append(t.attrs, attr{"xml:space", "preserve"})
	}
}

// breakLines turns the line feeds of what was put in into line breaks.
func breakLines(p *node) {
	p.each(func(run *node) bool {
		if run.name != "w:r" {
			return run.name != "w:t"
		}
		var kids []*node
		for _, k := range run.kids {
			if k.name != "w:t" || !strings.Contains(content(k), "\n") {
				kids = append(kids, k)
				continue
			}
			for i, line := range strings.Split(content(k), "\n") {
				if i > 0 {
					kids = append(kids, &node{name: "w:br"})
				}
				t := &node{name: "w:t"}
				setText(t, line)
				kids = append(kids, t)
			}
		}
		run.kids = kids
		return false
	})
}

// picture puts a picture into a paragraph in place of its text; one that there
// is not, though its name is known, takes the paragraph away.
func (f *filler) picture(p *node, name string, e env) []*node {
	pic, ok := e.picture(name)
	if !ok {
		f.fault(textOf(p), "no picture is called %q here", name)
		return nil
	}
	if len(pic.PNG) == 0 {
		return nil
	}
	out := &node{name: "w:p", attrs: p.attrs}
	for _, k := range p.kids {
		if k.name == "w:pPr" {
			out.kids = append(out.kids, k.clone())
		}
	}
	if f.part != mainPart {
		f.fault(textOf(p), "a picture can stand in the body only")
		return nil
	}
	out.kids = append(out.kids, f.media.place(pic).kids...)
	return []*node{out}
}

var sequence = regexp.MustCompile(`^\s*SEQ\s+(\S+)`)

// number counts the fields of numbered captions, so that they are right before
// Word is asked to count them.
func number(root *node) {
	count := map[string]int{}
	root.each(func(k *node) bool {
		m := sequence.FindStringSubmatch(k.attr("w:instr"))
		if k.name != "w:fldSimple" || m == nil {
			return true
		}
		count[m[1]]++
		for i, t := range texts(k) {
			setText(t, "")
			if i == 0 {
				setText(t, strconv.Itoa(count[m[1]]))
			}
		}
		return false
	})
}
