package reports

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"strings"

	"ready6/probes/verdict"
	"ready6/reports/draw"
)

// WriteClosureSVG draws the ways from a service to the links of its closure that
// keep it from level 3: boxes from the left to the right, each with what it is
// for, what is wrong with it and who mends it. What holds is one box at each
// place. States differ in colour, line, sign and word. The picture needs nothing
// from outside and is the same for the same input; where nothing blocks it is
// empty.
func WriteClosureSVG(w io.Writer, s Service, dir directory, l verdict.Lang) error {
	c := closureDrawing(s, dir, l)
	if c == nil {
		return nil
	}
	_, err := io.WriteString(w, c.SVG())
	return err
}

// closureDrawing is what WriteClosureSVG writes, for every form of picture; nil
// where nothing blocks.
func closureDrawing(s Service, dir directory, l verdict.Lang) *draw.Canvas {
	root := s.Closure.tree()
	if root == nil || !root.blocked || len(root.kids) == 0 {
		return nil
	}
	p := &closurePicture{picture{l: l}, dir}
	b := p.box(root, 0)
	bottom := p.place(b, linkTop)
	p.w, p.h = 2*picMargin+float64(b.deepest)*(linkW+linkGap)+linkW, bottom+picMargin
	return p.drawAll(b, s)
}

// Sizes of the closure's picture in user units.
const (
	linkW   = 236.0
	linkGap = 44.0
	linkSep = 14.0
	linkTop = 62.0
)

type closurePicture struct {
	picture
	dir directory
}

// linkBox is one link of the picture.
type linkBox struct {
	lines   []textLine
	look    look
	kids    []*linkBox
	depth   int
	deepest int // depth of its deepest descendant
	x, y, h float64
}

// lookFor is how a link is drawn: as states of the chain of trust are.
func lookFor(b *branch) look {
	switch b.Outcome {
	case verdict.Fail:
		return lookOf("bogus")
	case verdict.Pass, verdict.NotApplicable:
		return lookOf("secure")
	case verdict.Warn:
		return lookOf("insecure")
	}
	return lookOf("")
}

// box measures a link and those to its right.
func (p *closurePicture) box(b *branch, depth int) *linkBox {
	it := &linkBox{look: lookFor(b), depth: depth, deepest: depth}
	width := linkW - 2*picPad
	add := func(t textLine) {
		room := width
		if t.mark != "" {
			room -= picLine
		}
		it.lines = append(it.lines, fold(t, room)...)
	}
	if use := useWord(p.l, b); use != "" {
		add(note(use))
	}
	name := b.Name
	if name == "." {
		name += " " + p.say("chain.root")
	}
	add(textLine{text: name, mono: true, bold: true, size: 12, ink: "#111827", mark: strings.TrimSpace(Screen{}.sign(b.Outcome))})
	if len(b.Codes) > 0 && b.Outcome != verdict.Pass {
		add(textLine{text: codeWord(p.l, b.Codes), size: 11.5, bold: true, ink: it.look.ink})
	}
	if b.blocks && b.Owner.Role != "" {
		add(note(p.dir.owner(b.Owner, p.l)))
	}
	if b.NAT64 != "" {
		add(textLine{text: nat64Label(p.l, b.NAT64), size: 10.5, ink: "#374151"})
	}
	it.h = 2*8 + float64(len(it.lines))*picLine
	kids, held := b.blocking()
	for _, k := range kids {
		it.kids = append(it.kids, p.box(k, depth+1))
	}
	if held > 0 && len(kids) > 0 {
		rest := &linkBox{look: lookOf("secure"), depth: depth + 1, deepest: depth + 1, h: 16 + picLine,
			lines: fold(textLine{text: p.say("links.held", held), size: 11, ink: lookOf("secure").ink, mark: "✓"}, width)}
		rest.h = 16 + float64(len(rest.lines))*picLine
		it.kids = append(it.kids, rest)
	}
	for _, k := range it.kids {
		it.deepest = max(it.deepest, k.deepest)
	}
	return it
}

// place puts a link beside the middle of what is to its right, and returns the
// lowest point.
func (p *closurePicture) place(b *linkBox, y float64) float64 {
	b.x = picMargin + float64(b.depth)*(linkW+linkGap)
	at := y
	for _, k := range b.kids {
		at = p.place(k, at) + linkSep
	}
	if len(b.kids) == 0 {
		b.y = y
		return y + b.h
	}
	first, last := b.kids[0], b.kids[len(b.kids)-1]
	b.y = max(y, (first.y+last.y+last.h)/2-b.h/2)
	return max(at-linkSep, b.y+b.h)
}

func (p *closurePicture) drawAll(b *linkBox, s Service) *draw.Canvas {
	title := p.say("links.picture", s.Host+" ("+serviceName(s.Kind, s.Port)+")")
	head := fold(textLine{text: title, size: 14, bold: true, ink: "#111827"}, max(p.w-2*picMargin, linkW))
	p.begin(title)
	for i, t := range head[:min(len(head), 2)] {
		p.line(t, picMargin, 26+20*float64(i))
	}
	p.wires(b)
	p.links(b)
	return p.c
}

// wires draws what leads to each link: a broken line with a cross on it where the
// link does not hold.
func (p *closurePicture) wires(b *linkBox) {
	for _, k := range b.kids {
		a, e := point{b.x + linkW, b.y + b.h/2}, point{k.x, k.y + k.h/2}
		mid := (a.x + e.x) / 2
		p.c.Path(fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a.x, a.y, mid, a.y, mid, e.y, e.x-8, e.y), k.look.stroke())
		p.c.Path(fmt.Sprintf("M%.1f %.1fl-9 -4.5v9z", e.x, e.y), draw.Style{Fill: k.look.ink})
		p.wires(k)
	}
}

func (p *closurePicture) links(b *linkBox) {
	p.rect(b.x, b.y, linkW, b.h, 6, b.look)
	for i, t := range b.lines {
		p.line(t, b.x+picPad, b.y+8+picLine*(float64(i)+0.75))
	}
	for _, k := range b.kids {
		p.links(k)
	}
}

// maxPageClosures bounds the pictures of closures in a page.
const maxPageClosures = 40

// closures draws the closures of services that a link of theirs keeps from
// level 3. Services with the same picture are not many: each has its own name.
func (p pager) closures() (out []pageChain, more int) {
	for _, row := range p.r.Services {
		s := row.Judged
		if row.IsExempt || !s.Applicable || !heldByClosure(s) {
			continue
		}
		var b bytes.Buffer
		_ = WriteClosureSVG(&b, s, p.r.dir, p.l) // a bytes.Buffer does not fail
		if b.Len() == 0 {
			continue
		}
		if len(out) == maxPageClosures {
			more++
			continue
		}
		out = append(out, pageChain{Sign: "✗", Class: "fail", Title: fmt.Sprintf("%s (%s)", s.Host, serviceName(s.Kind, s.Port)),
			Picture: template.HTML(b.String()), // the drawing escapes every text of its own
			Hosts:   []string{row.Name.In(p.l)}, N: 1})
	}
	return out, more
}

// heldByClosure reports whether it is a link of the closure that keeps a
// service from the next level.
func heldByClosure(s Service) bool {
	for _, f := range s.Findings {
		if f.Check == verdict.Closure && f.Blocking && f.Outcome == verdict.Fail {
			return true
		}
	}
	return false
}
