package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"ready6/probes/verdict"
)

// Bounds of one YAML file; package documentation has them too. A value costs
// some 200 bytes in yaml's tree and at least one separator in the file.
const (
	maxBytes      = 32 << 20
	maxSeparators = 3_000_000
)

// document walks the tree of one YAML file and reports what does not fit.
type document struct {
	report
	name   string
	visits int  // values looked at
	limit  int  // of visits
	stop   bool // aliases unfold to too much
}

func (d *document) at(n *yaml.Node) spot { return spot{d.name, n.Line} }

// load reads the only document of a file. It returns nil, without a fault, for
// a file without content; a fault is reported otherwise. The error is a failed
// read.
func (d *document) load(r io.Reader) (*yaml.Node, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	whole := spot{file: d.name}
	if len(data) > maxBytes {
		d.add(whole, "split it into several", "is larger than %d MiB", maxBytes>>20)
		return nil, nil
	}
	marks := 0
	for _, c := range data {
		switch c {
		case ',', ':', '\n', '[', '{', '-', '?':
			marks++
		}
	}
	if marks > maxSeparators {
		d.add(whole, "split it into several", "holds more than %d values", maxSeparators)
		return nil, nil
	}
	d.limit = 3*marks + 100_000 // without aliases each value is looked at once
	dec := yaml.NewDecoder(bytes.NewReader(data))
	root, err := decode(dec)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		d.syntax(err, data)
		return nil, nil
	}
	if next, err := decode(dec); err == nil {
		d.add(d.at(next), "keep one document in a file", "a second YAML document begins here")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err, data)
	}
	return root.Content[0], nil
}

// decode reads the next document. The parser panics on some states it thinks
// impossible; what a file can bring about must come out as its fault.
func decode(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	n = new(yaml.Node)
	if err := dec.Decode(n); err != nil {
		return nil, err
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return nil, io.EOF
	}
	return n, nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

var tabIndent = regexp.MustCompile(`(?m)^ *\t[ \t]*[^\s#]`)

// syntax reports the parser's error, at which it stops, and what can be told
// without a parser of what comes after it: tabs, of which there are often many.
func (d *document) syntax(err error, data []byte) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := spot{file: d.name}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	d.add(at, "look for a wrong indent, a missing quote or a tab in or above this line", "is not YAML from here on: %s", text)
	for _, m := range tabIndent.FindAllIndex(data, -1) {
		line := 1 + bytes.Count(data[:m[0]], []byte("\n"))
		if line > at.line {
			d.add(spot{file: d.name, line: line}, "indent with spaces", "is indented with a tab, which YAML does not allow")
		}
	}
}

// follow returns the node an alias stands for. It counts every value that is
// looked at, so that aliases of aliases cannot unfold without end; the fixed
// depth of the files' structure ends circles.
func (d *document) follow(n *yaml.Node) *yaml.Node {
	if d.visits++; d.visits > d.limit && !d.stop {
		d.stop = true
		d.add(d.at(n), "write the values out", "aliases unfold to more than %d values", d.limit)
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// isEmpty reports whether n is null or a blank text: what forms to be filled in
// have.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!null" || n.ShortTag() == "!!str" && blank(n.Value))
}

// describe names what a node is.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	names := map[string]string{"!!int": "the number ", "!!float": "the number ", "!!bool": "the truth value ", "!!timestamp": "the date ", "!!str": "the text "}
	if kind, ok := names[n.ShortTag()]; ok {
		return kind + quote(n.Value)
	}
	return "a value with the tag " + quote(n.ShortTag())
}

func (d *document) wrong(n *yaml.Node, what, mend string) {
	d.add(d.at(n), mend, "%s is %s", what, describe(n))
}

// keys are the values of a mapping by key, each with a value.
type keys map[string]*yaml.Node

// mapping returns the values of a mapping whose keys are among known. ok is
// false if n is no mapping.
func (d *document) mapping(n *yaml.Node, what string, known ...string) (k keys, ok bool) {
	if d.stop {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(n, what, "write "+strings.Join(known, ", ")+" as keys, each with its value")
		return nil, false
	}
	k = make(keys)
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := d.follow(n.Content[i]), d.follow(n.Content[i+1])
		if d.stop {
			return nil, false
		}
		if !slices.Contains(known, key.Value) || key.Kind != yaml.ScalarNode {
			d.add(d.at(n.Content[i]), oneOf(key.Value, known), "%s has the unknown key %s", what, quote(key.Value))
			continue
		}
		if first, twice := lines[key.Value]; twice {
			d.add(d.at(n.Content[i]), "keep one of them", "%s has the key %s a second time, first in line %d", what, quote(key.Value), first)
			continue
		}
		lines[key.Value] = n.Content[i].Line
		if !isEmpty(value) {
			k[key.Value] = value
		}
	}
	return k, true
}

// members returns the members of a sequence; nil stands for nothing.
func (d *document) members(n *yaml.Node, what string) []*yaml.Node {
	if n == nil || d.stop {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, what, "write a list, each member after a hyphen")
		return nil
	}
	members := make([]*yaml.Node, 0, len(n.Content))
	for _, m := range n.Content {
		m = d.follow(m)
		if d.stop {
			return nil
		}
		if isEmpty(m) {
			d.add(d.at(m), "fill it in or delete it", "%s has an empty member", what)
			continue
		}
		members = append(members, m)
	}
	return members
}

// value reads a scalar that carries one of the tags through parse; the zero T
// stands for one that is not given or not good.
func value[T any](d *document, n *yaml.Node, what, mend string, parse func(string) (T, *flaw), tags ...string) T {
	var none T
	if n == nil {
		return none
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		d.wrong(n, what, mend)
		return none
	}
	v, f := parse(n.Value)
	if !d.flaw(d.at(n), what, f) {
		return none
	}
	return v
}

func (d *document) text(n *yaml.Node, what string) string {
	return value(d, n, what, "write a text, in quotes if need be", parseText, "!!str")
}

func (d *document) id(n *yaml.Node, what string) string {
	return value(d, n, what, "write an id, in quotes if it is a number", parseID, "!!str")
}

func (d *document) date(n *yaml.Node, what string) Date {
	return value(d, n, what, "write year-month-day, such as 2025-06-30", parseDate, "!!timestamp", "!!str")
}

func (d *document) asn(n *yaml.Node, what string) uint32 {
	return value(d, n, what, "write it as AS64500", parseASN, "!!int", "!!str")
}

func (d *document) percent(n *yaml.Node, what string) float64 {
	return value(d, n, what, "write a number from 0 to 100, without quotes or sign", parsePercent, "!!int", "!!float")
}

func (d *document) option(n *yaml.Node, what string, options []string) string {
	return value(d, n, what, oneOf("", options), func(s string) (string, *flaw) { return parseOption(s, options) }, "!!str")
}

// names reads a name: a plain text is the Vietnamese one.
func (d *document) names(n *yaml.Node, what string) verdict.Text {
	if n == nil {
		return verdict.Text{}
	}
	before := len(d.list) + d.more
	var t verdict.Text
	if n.Kind == yaml.ScalarNode {
		t.VI = d.text(n, what)
	} else {
		k, _ := d.mapping(n, what, "vi", "en")
		t = verdict.Text{VI: d.text(k["vi"], what+" (vi)"), EN: d.text(k["en"], what+" (en)")}
	}
	if (t == verdict.Text{}) && len(d.list)+d.more == before {
		d.add(d.at(n), "add vi: and en:", "%s is empty", what)
	}
	return t
}

// span reads {from, to}.
func (d *document) span(n *yaml.Node, what string) Span {
	if n == nil {
		return Span{}
	}
	k, _ := d.mapping(n, what, "from", "to")
	s := Span{From: d.date(k["from"], what+" (from)"), To: d.date(k["to"], what+" (to)")}
	if !s.From.IsZero() && !s.To.IsZero() && s.To.Before(s.From.Time) {
		d.add(d.at(n), "exchange the two, or mend one", "%s ends on %s, before it begins on %s", what, s.To, s.From)
		return Span{} // else what rests on it would be at fault too
	}
	return s
}

// need reports keys that are missing from a block.
func (d *document) need(n *yaml.Node, k keys, what string, wanted ...string) {
	for _, w := range wanted {
		if k[w] == nil {
			d.add(d.at(n), "add "+w+":", "%s has no %s", what, w)
		}
	}
}
