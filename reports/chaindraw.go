package reports

import (
	"fmt"
	"math"
	"strings"

	"ready6/probes/verdict"
	"ready6/reports/draw"
)

// begin makes the sheet that a measured picture is drawn on.
func (p *picture) begin(title string) {
	p.c = &draw.Canvas{W: p.w, H: p.h, Lang: string(p.l), Title: title}
	p.c.Rect(0, 0, p.w, p.h, 0, draw.Style{Fill: "#ffffff"})
}

// draw draws the picture that lay has measured.
func (p *picture) draw() *draw.Canvas {
	p.begin(p.say("chain.title") + ": " + p.v.headline(p.l))
	y := picMargin
	for _, t := range p.head {
		y += t.size * 1.5
		p.line(t, picMargin, y-t.size*0.3)
	}
	for _, it := range p.tops {
		p.frames(it.kid)
	}
	for _, it := range p.tops {
		p.arrows(it)
	}
	for _, it := range p.tops {
		p.boxes(it)
	}
	for _, it := range p.loose {
		p.box(it)
	}
	for _, t := range p.notes {
		t.halo = "#fbfcfd" // arrows stay away from text
		p.line(t.textLine, t.x, t.y)
	}
	for _, it := range p.tops {
		p.pills(it)
	}
	p.legend()
	return p.c
}

func (p *picture) rect(x, y, w, h, round float64, lk look) {
	s := lk.stroke()
	s.Fill = lk.paper
	p.c.Rect(x, y, w, h, round, s)
}

// line writes one line of text with its base line at y.
func (p *picture) line(t textLine, x, y float64) {
	if t.mark != "" {
		p.mark(t.mark, x+6, y-t.size*0.34, t.ink)
		x += picLine
	}
	p.c.Text(x, y, t.text, draw.Type{Size: t.size, Ink: t.ink, Bold: t.bold, Mono: t.mono, Halo: t.halo})
}

// mark draws the sign of a state: as lines, since not every font has it.
func (p *picture) mark(sign string, x, y float64, ink string) {
	d := ""
	switch sign {
	case "✓":
		d = fmt.Sprintf("M%.1f %.1fl3 3.4l6 -7", x-4.5, y+0.4)
	case "✗":
		d = fmt.Sprintf("M%.1f %.1fl8 8m0 -8l-8 8", x-4, y-4)
	case "!":
		d = fmt.Sprintf("M%.1f %.1fv5.5m0 2.2v1.6", x, y-5)
	case "?":
		d = fmt.Sprintf("M%.1f %.1fc0 -4 6 -4 6 0c0 2.4 -3 2.4 -3 4.6m0 2.2v1.4", x-3, y-2.6)
	case "·":
		d = fmt.Sprintf("M%.1f %.1fh1.6", x-0.8, y)
	default:
		return
	}
	p.c.Path(d, draw.Style{Stroke: ink, Width: 2.2, Round: true})
}

// frames draws the zones' frames, keys' row titles and states.
func (p *picture) frames(z *picZone) {
	lk := lookOf(z.State)
	p.rect(z.x, z.y, z.w, z.h, 8, look{lk.ink, "#fbfcfd", lk.dash, lk.width})
	y := z.y + 12
	for _, t := range z.top {
		y += picLine
		p.notes = append(p.notes, placed{t, z.x + picPad, y - 4})
	}
	said := stateWord(p.l, verdict.DNSSEC, z.State)
	w := textWidth(said, 12, false, true) + picLine + 16
	p.rect(z.x+z.w-w-10, z.y+9, w, 24, 12, look{lk.ink, lk.paper, "", "1.4"})
	p.line(textLine{text: said, size: 12, bold: true, ink: lk.ink, mark: chainMark(z.State)}, z.x+z.w-w-1, z.y+25)
	for _, it := range z.items {
		if it.kid != nil {
			p.frames(it.kid)
		}
	}
}

// arrows draws what names and signs what, below a DS set or anchor.
func (p *picture) arrows(it *picItem) {
	z := it.kid
	from := point{it.x + it.w/2, it.y + it.h}
	drawn := false
	for _, k := range z.keys[0] {
		lk, ok := z.named(k)
		if ok {
			to := point{k.x + picKeyW/2, k.y}
			p.arrow(from, to, lk)
			if !drawn && lk == lookOf("secure") && z.Parent != "" {
				t := (z.y - from.y) * 0.55
				p.label(p.say("chain.matches"), from.x+(to.x-from.x)*t/(to.y-from.y), from.y+t)
			}
			drawn = true
		}
	}
	if !drawn {
		lk := idle
		if z.State != "secure" {
			lk = lookOf(z.State)
		}
		p.arrow(from, point{z.x + z.w/2, z.y}, lk)
	}
	keys, _ := own(z.ChainZone)
	for _, k := range z.keys[0] {
		for _, other := range z.keys[1] {
			if lk, ok := signs(keys, k, z.Zone); ok {
				p.sideways(k, other, lk)
			}
		}
	}
	for _, sub := range z.items {
		n := len(z.keys[0]) + len(z.keys[1])
		for i, k := range append(append([]*picKey{}, z.keys[0]...), z.keys[1]...) {
			if lk, ok := signs(sub.sigs, k, z.Zone); ok {
				to := point{sub.x + sub.w/2 + (float64(i)-float64(n-1)/2)*16, sub.y}
				a := point{k.x + picKeyW/2, k.y + picKeyH}
				p.arrow(a, to, lk)
				if lk == lookOf("secure") {
					p.label(p.say("chain.signs"), (a.x+to.x)/2, (a.y+to.y)/2)
				}
			}
		}
		if sub.kid != nil {
			p.arrows(sub)
		}
	}
}

// named finds how the DS records or anchors above name a key.
func (z *picZone) named(k *picKey) (look, bool) {
	if k.ghost {
		return lookOf("bogus"), true
	}
	if k.Trusted {
		return lookOf("secure"), true
	}
	for _, d := range z.DS {
		if d.Tag == k.Tag && d.Algorithm == k.Algorithm {
			if d.Match == "mismatch" {
				return lookOf("bogus"), true
			}
			return idle, true
		}
	}
	return look{}, false
}

// signs finds whether a key made one of the signatures, and how it looks.
func signs(sigs []verdict.Signature, k *picKey, zone string) (look, bool) {
	found := false
	for _, s := range sigs {
		if k.ghost || s.Tag != k.Tag || s.Algorithm != k.Algorithm || plainDot(s.Signer) != plainDot(zone) {
			continue
		}
		if s.Valid {
			return lookOf("secure"), true
		}
		if s.Reason != "" {
			return lookOf("bogus"), true
		}
		found = true
	}
	return idle, found
}

type point struct{ x, y float64 }

// sideways draws an arrow from one key to another in the same row: straight to
// the next one, in an arc over those between.
func (p *picture) sideways(k, other *picKey, lk look) {
	gap := other.x - k.x - picKeyW
	if gap <= picSide+1 {
		a, b := point{k.x + picKeyW, k.y + picKeyH/2}, point{other.x, other.y + picKeyH/2}
		p.arrow(a, b, lk)
		if lk == lookOf("secure") {
			p.label(p.say("chain.signs"), (a.x+b.x)/2-4, a.y)
		}
		return
	}
	a, b := point{k.x + picKeyW*0.75, k.y}, point{other.x + picKeyW/4, other.y}
	p.c.Path(fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a.x, a.y, a.x+20, a.y-picArc, b.x-20, b.y-picArc, b.x-3, b.y-8), lk.stroke())
	p.c.Path(fmt.Sprintf("M%.1f %.1fl-8.5 -5.5l6.5 -4.5z", b.x, b.y), draw.Style{Fill: lk.ink})
}

// arrow draws a line that ends in a head; one that does not hold has a cross.
func (p *picture) arrow(a, b point, lk look) {
	dx, dy := b.x-a.x, b.y-a.y
	n := math.Hypot(dx, dy)
	ux, uy := dx/n, dy/n
	e := point{b.x - ux*9, b.y - uy*9}
	p.c.Line(a.x, a.y, e.x, e.y, lk.stroke())
	p.c.Path(fmt.Sprintf("M%.1f %.1fL%.1f %.1fL%.1f %.1fz", b.x, b.y, e.x-uy*4.5, e.y+ux*4.5, e.x+uy*4.5, e.y-ux*4.5), draw.Style{Fill: lk.ink})
	if lk == lookOf("bogus") {
		m := point{a.x + dx/2, a.y + dy/2}
		p.c.Circle(m.x, m.y, 9, draw.Style{Fill: "#ffffff", Stroke: lk.ink, Width: 2})
		p.mark("✗", m.x, m.y, lk.ink)
	}
}

// boxes draws a DS set or anchor, its zone's keys and all below.
func (p *picture) boxes(it *picItem) {
	p.box(it)
	z := it.kid
	for _, row := range z.keys {
		for _, k := range row {
			p.key(k, z)
		}
	}
	for _, sub := range z.items {
		if sub.kid != nil {
			p.boxes(sub)
		} else {
			p.box(sub)
		}
	}
}

// pills draws the labels of the links where the chain stops, over everything.
func (p *picture) pills(it *picItem) {
	z := it.kid
	switch z.Place {
	case verdict.AtDS, verdict.AtMatch:
		p.pill(z, it.x+it.w/2, (it.y+it.h+z.y)/2)
	case verdict.AtKeys:
		y := z.y + z.h
		if len(z.keys[0])+len(z.keys[1]) > 0 {
			y = append(z.keys[0], z.keys[1]...)[0].y + picKeyH + picGapY/2
		}
		p.pill(z, z.x+z.w/2, y)
	}
	for _, sub := range z.items {
		if sub.kid != nil {
			p.pills(sub)
		}
	}
}

// label notes the words of an arrow, centred on x and y.
func (p *picture) label(text string, x, y float64) {
	t := textLine{text: text, size: 11, ink: "#1f2937"}
	p.notes = append(p.notes, placed{t, x - textWidth(text, 11, false, false)/2, y + 4})
}

// pill marks the link where the chain stops.
func (p *picture) pill(z *picZone, x, y float64) {
	lk := lookOf(z.State)
	t := textLine{text: stop(p.l, z.State) + ": " + brief(p.l, z.Reason), size: 12, bold: true, ink: lk.ink, mark: chainMark(z.State)}
	w := textWidth(t.text, t.size, false, true) + picLine + 20
	p.rect(x-w/2, y-14, w, 28, 14, look{lk.ink, "#ffffff", "", "2"})
	p.line(t, x-w/2+10, y+4)
}

func (p *picture) box(it *picItem) {
	p.rect(it.x, it.y, it.w, it.h, 4, it.look)
	y := it.y + 10
	for _, t := range it.lines {
		y += picLine
		p.line(t, it.x+picPad, y-5)
	}
}

func (p *picture) key(k *picKey, z *picZone) {
	lk := look{"#1f3a5f", "#eaf1fb", "", "1.6"}
	role := keyRole(p.l, k.ChainKey, z.Keys)
	third := p.say("chain.bits", k.Bits)
	if k.ghost {
		lk, role, third = lookOf("bogus"), p.say("chain.key"), p.say("chain.nosuchkey")
	}
	p.rect(k.x, k.y, picKeyW, picKeyH, 14, lk)
	p.line(textLine{text: fmt.Sprintf("%s %d", role, k.Tag), size: 13, bold: true, ink: "#111827"}, k.x+14, k.y+20)
	p.line(data(Clean(k.Algorithm)), k.x+14, k.y+37)
	if k.Bits > 0 || k.ghost {
		p.line(note(third), k.x+14, k.y+53)
	}
}

// legend explains lines and frames in words.
func (p *picture) legend() {
	y := p.h - 62
	p.c.Line(picMargin, y, p.w-picMargin, y, draw.Style{Stroke: "#d1d5db"})
	p.line(textLine{text: p.say("chain.legend"), size: 11, bold: true, ink: "#374151"}, picMargin, y+20)
	x := picMargin + textWidth(p.say("chain.legend"), 11, false, true) + 16
	for _, e := range []struct {
		key string
		lk  look
	}{{"chain.legend.good", lookOf("secure")}, {"chain.legend.bad", lookOf("bogus")}, {"chain.legend.idle", idle}} {
		p.arrow(point{x, y + 16}, point{x + 48, y + 16}, e.lk)
		p.line(textLine{text: p.say(e.key), size: 11, ink: "#374151"}, x+56, y+20)
		x += 56 + textWidth(p.say(e.key), 11, false, false) + 18
	}
	x = picMargin
	for _, s := range strings.Fields("secure insecure bogus indeterminate") {
		said := stateWord(p.l, verdict.DNSSEC, s)
		lk := lookOf(s)
		w := textWidth(said, 11, false, false) + picLine + 18
		p.rect(x, y+32, w, 22, 5, lk)
		p.line(textLine{text: said, size: 11, ink: lk.ink, mark: chainMark(s)}, x+8, y+47)
		x += w + 12
	}
}
