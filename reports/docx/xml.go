package docx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// node is an element, or a piece of text where name is empty. Names keep the
// prefixes that the file has: Word reads some files only with its own.
type node struct {
	name  string
	attrs []attr
	kids  []*node
	text  string // of a text, and of a processing instruction
	instr bool
}

type attr struct{ name, value string }

// maxDepth bounds how deep elements may lie in each other.
const maxDepth = 256

// parse reads XML without its document type, which Word files do not have. What
// it returns has no name and holds what stands at the top.
func parse(b []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("the encoding %s is not read; UTF-8 is", charset)
	}
	top := &node{}
	stack := []*node{top}
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		in := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: qualified(t.Name)}
			for _, a := range t.Attr {
				n.attrs = append(n.attrs, attr{qualified(a.Name), a.Value})
			}
			in.kids = append(in.kids, n)
			if stack = append(stack, n); len(stack) > maxDepth {
				return nil, fmt.Errorf("elements lie deeper than %d in each other", maxDepth)
			}
		case xml.EndElement:
			if len(stack) == 1 || in.name != qualified(t.Name) {
				return nil, fmt.Errorf("</%s> ends what did not begin", qualified(t.Name))
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 1 {
				in.kids = append(in.kids, &node{text: string(t)})
			}
		case xml.ProcInst:
			if len(stack) == 1 {
				in.kids = append(in.kids, &node{name: t.Target, text: string(t.Inst), instr: true})
			}
		case xml.Directive:
			return nil, errors.New("a document type is not read")
		}
	}
	if len(stack) != 1 {
		return nil, fmt.Errorf("<%s> does not end", stack[len(stack)-1].name)
	}
	if top.root() == nil {
		return nil, errors.New("there is no element")
	}
	return top, nil
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// root is the one element at the top, nil if there is none.
func (n *node) root() *node {
	for _, k := range n.kids {
		if k.name != "" && !k.instr {
			return k
		}
	}
	return nil
}

func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

func (n *node) bytes() []byte {
	var b bytes.Buffer
	for _, k := range n.kids {
		k.write(&b)
	}
	return b.Bytes()
}

func (n *node) write(b *bytes.Buffer) {
	switch {
	case n.instr:
		fmt.Fprintf(b, "<?%s %s?>\n", n.name, n.text)
		return
	case n.name == "":
		b.WriteString(escape(n.text))
		return
	}
	b.WriteString("<" + n.name)
	for _, a := range n.attrs {
		b.WriteString(" " + a.name + `="` + escape(a.value) + `"`)
	}
	if len(n.kids) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, k := range n.kids {
		k.write(b)
	}
	b.WriteString("</" + n.name + ">")
}

// clone copies an element with everything in it.
func (n *node) clone() *node {
	c := *n
	c.attrs = append([]attr(nil), n.attrs...)
	c.kids = make([]*node, len(n.kids))
	for i, k := range n.kids {
		c.kids[i] = k.clone()
	}
	return &c
}

// each visits the elements within, from the first to the last, and does not
// enter those of which visit returns false.
func (n *node) each(visit func(*node) bool) {
	for _, k := range n.kids {
		if visit(k) {
			k.each(visit)
		}
	}
}

func (n *node) has(name string) bool {
	found := false
	n.each(func(k *node) bool {
		found = found || k.name == name
		return !found
	})
	return found
}

// escape writes text as XML character data; what XML cannot hold becomes U+FFFD.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}
