// Package draw is a sheet on which pictures are drawn once and written twice: as
// SVG for pages, and as PNG for documents that cannot show SVG. It knows nothing
// of what is drawn. The same calls give the same bytes.
package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Families of type. The first of each is the one that Width measures and PNG is
// set in; the others have the same widths or smaller ones.
const (
	Sans = "Liberation Sans,Arial,Helvetica,sans-serif"
	Mono = "Liberation Mono,Courier New,monospace"
)

// Style is how a shape is drawn. Colours are #rrggbb; an empty one draws
// nothing. Lengths are in user units.
type Style struct {
	Fill   string
	Stroke string
	Width  float64   // of the stroke; 0 is 1
	Dash   []float64 // lengths drawn and left out in turn; none: a full line
	Round  bool      // ends of the stroke
}

// Type is how a text is set.
type Type struct {
	Size   float64
	Ink    string // #rrggbb
	Bold   bool
	Mono   bool
	Anchor Anchor
	Halo   string // a colour drawn around the letters, to keep lines away from them
	Turn   bool   // upwards instead of to the right
	Family string // of the SVG form; empty: Sans or Mono
}

// Anchor is which point of a text stands at its place.
type Anchor int

// Start, Middle or End of a text on its base line.
const (
	Start Anchor = iota
	Middle
	End
)

// Canvas is one picture.
type Canvas struct {
	W, H  float64 // user units, a pixel each at the natural size
	Lang  string
	Title string // said to those who cannot see it
	Desc  string // more of it: the numbers
	ops   []op
}

type op struct {
	path   string // in SVG's notation, absolute and relative M L H V C Z
	style  Style
	box    *box
	circle *[3]float64
	text   string
	x, y   float64
	typ    Type
	note   string
}

type box struct{ x, y, w, h, round float64 }

// Path draws lines and curves given in SVG's notation: the commands M, L, H, V,
// C and Z, and their relative forms.
func (c *Canvas) Path(d string, s Style) { c.ops = append(c.ops, op{path: d, style: s}) }

// Line draws a straight line.
func (c *Canvas) Line(x1, y1, x2, y2 float64, s Style) {
	c.Path("M"+num(x1)+" "+num(y1)+"L"+num(x2)+" "+num(y2), s)
}

// Rect draws a box whose corners are rounded by round.
func (c *Canvas) Rect(x, y, w, h, round float64, s Style) {
	c.ops = append(c.ops, op{box: &box{x, y, w, h, round}, style: s})
}

// Named draws a box that says note when it is pointed at.
func (c *Canvas) Named(note string, x, y, w, h float64, s Style) {
	c.ops = append(c.ops, op{box: &box{x, y, w, h, 0}, style: s, note: note})
}

// Circle draws a circle of radius r.
func (c *Canvas) Circle(x, y, r float64, s Style) {
	c.ops = append(c.ops, op{circle: &[3]float64{x, y, r}, style: s})
}

// Text writes one line with its base line at y.
func (c *Canvas) Text(x, y float64, text string, t Type) {
	c.ops = append(c.ops, op{text: text, x: x, y: y, typ: t})
}

// Hatch fills a box with slanting lines, for those who see or print no colours:
// gap is their distance, and a negative one slants them the other way.
func (c *Canvas) Hatch(x, y, w, h, gap float64, s Style) {
	var d strings.Builder
	step := math.Abs(gap)
	first := math.Floor((x-y-h)/step) * step // lines of all boxes are in step
	if gap < 0 {
		first = math.Floor((x+y)/step) * step
	}
	for o := first; o < first+w+h+2*step; o += step {
		// the line x' = o + y' (or o - y'), as far as it lies within the box
		at := func(yy float64) float64 {
			if gap < 0 {
				return o - yy
			}
			return o + yy
		}
		y1, y2 := y, y+h
		if gap > 0 {
			y1, y2 = max(y1, x-o), min(y2, x+w-o)
		} else {
			y1, y2 = max(y1, o-x-w), min(y2, o-x)
		}
		if y2-y1 > 0.05 {
			fmt.Fprintf(&d, "M%s %sL%s %s", num(at(y1)), num(y1), num(at(y2)), num(y2))
		}
	}
	if d.Len() > 0 {
		c.Path(d.String(), s)
	}
}

// SVG writes the picture: one element without scripts, identifiers or anything
// from outside.
func (c *Canvas) SVG() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xml:lang="%s" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="%s" role="img"><title>%s</title>`,
		escape(c.Lang), c.W, c.H, c.W, c.H, Sans, escape(c.Title))
	if c.Desc != "" {
		fmt.Fprintf(&b, "<desc>%s</desc>", escape(c.Desc))
	}
	b.WriteByte('\n')
	for _, o := range c.ops {
		o.svg(&b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (o op) svg(b *bytes.Buffer) {
	body, end := o.style.attributes(), "/>\n"
	if o.note != "" {
		end = "><title>" + escape(o.note) + "</title></rect>\n"
	}
	switch {
	case o.box != nil:
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s"`, num(o.box.x), num(o.box.y), num(o.box.w), num(o.box.h))
		if o.box.round > 0 {
			fmt.Fprintf(b, ` rx="%s"`, num(o.box.round))
		}
	case o.circle != nil:
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%s"`, num(o.circle[0]), num(o.circle[1]), num(o.circle[2]))
	case o.path != "":
		fmt.Fprintf(b, `<path d="%s"`, o.path)
	default:
		fmt.Fprintf(b, `<text x="%s" y="%s"%s>%s</text>`+"\n", num(o.x), num(o.y), o.typ.attributes(o.x, o.y), escape(o.text))
		return
	}
	b.WriteString(body + end)
}

func (s Style) attributes() string {
	a := ` fill="none"`
	if s.Fill != "" {
		a = ` fill="` + s.Fill + `"`
	}
	if s.Stroke == "" {
		return a
	}
	a += ` stroke="` + s.Stroke + `"`
	if s.Width > 0 && s.Width != 1 {
		a += ` stroke-width="` + num(s.Width) + `"`
	}
	if len(s.Dash) > 0 {
		var parts []string
		for _, d := range s.Dash {
			parts = append(parts, num(d))
		}
		a += ` stroke-dasharray="` + strings.Join(parts, " ") + `"`
	}
	if s.Round {
		a += ` stroke-linecap="round"`
	}
	return a
}

func (t Type) attributes(x, y float64) string {
	a := ` font-size="` + num(t.Size) + `" fill="` + t.Ink + `"`
	switch {
	case t.Family != "":
		a += ` font-family="` + t.Family + `"`
	case t.Mono:
		a += ` font-family="` + Mono + `"`
	}
	if t.Bold {
		a += ` font-weight="bold"`
	}
	if t.Anchor != Start {
		a += ` text-anchor="` + [...]string{"start", "middle", "end"}[t.Anchor] + `"`
	}
	if t.Halo != "" {
		a += ` stroke="` + t.Halo + `" stroke-width="` + num(halo) + `" stroke-linejoin="round" paint-order="stroke"`
	}
	if t.Turn {
		a += ` transform="rotate(-90 ` + num(x) + " " + num(y) + `)"`
	}
	return a
}

// halo is the width of the line around letters that keeps others away.
const halo = 4.0

// num writes a length with one digit after the point at most.
func num(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0" // never -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// escape writes text as XML character data.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}
