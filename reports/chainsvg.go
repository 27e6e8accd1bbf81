package reports

import (
	"fmt"
	"io"

	"ready6/probes/verdict"
	"ready6/reports/draw"
)

// WriteChainSVG draws a chain of trust: zones as frames from the anchor down,
// in them the keys, the DS sets of the zones below, and the answers; arrows for
// what signs or names what. States differ in colour, line, sign and word, so
// that it reads without colour too. The picture needs nothing from outside, has
// no script and no identifiers, and is the same for the same input.
func WriteChainSVG(w io.Writer, v ChainView, l verdict.Lang) error {
	_, err := io.WriteString(w, chainPicture(v, l).SVG())
	return err
}

// chainPicture is what WriteChainSVG writes, for every form of picture.
func chainPicture(v ChainView, l verdict.Lang) *draw.Canvas {
	p := &picture{v: v, l: l}
	p.lay()
	return p.draw()
}

// Sizes in user units, a pixel each on a screen at its natural size.
const (
	picMargin = 24.0
	picPad    = 14.0
	picKeyW   = 164.0
	picKeyH   = 62.0
	picItemW  = 376.0
	picGapX   = 22.0
	picGapY   = 46.0 // room for an arrow down
	picSide   = 74.0 // room for one to the side
	picArc    = 26.0 // room for one over another key
	picLine   = 17.0
	picMinW   = 560.0
	picMono   = 0.602 // advance of a monospaced glyph in ems: DejaVu Sans Mono, Courier; the others are narrower
)

// picture is one drawing under way.
type picture struct {
	v     ChainView
	l     verdict.Lang
	tops  []*picItem
	loose []*picItem
	head  []textLine
	notes []placed // labels of arrows and frames, written last
	w, h  float64
	c     *draw.Canvas
}

// placed is a line of text with its place.
type placed struct {
	textLine
	x, y float64
}

// picItem is a box with lines: a DS set, an anchor, or one step's answer. A DS
// set has the zone below it.
type picItem struct {
	lines      []textLine
	look       look
	x, y, w, h float64
	slot       float64 // the width it takes with everything below
	sigs       []verdict.Signature
	kid        *picZone
}

type picKey struct {
	verdict.ChainKey
	ghost bool // named by a DS record, and not there
	x, y  float64
}

type picZone struct {
	*zoneNode
	keys       [2][]*picKey // those that the parent may name, and the others
	top        []textLine
	items      []*picItem
	x, y, w, h float64
	span       float64 // with all zones below
}

func (p *picture) say(key string, args ...any) string { return fmt.Sprintf(word(p.l, key), args...) }

func (it *picItem) add(lines ...textLine) {
	for _, t := range lines {
		width := picItemW - 2*picPad
		if t.mark != "" {
			width -= picLine
		}
		it.lines = append(it.lines, fold(t, width)...)
	}
	it.w, it.slot = picItemW, max(it.slot, picItemW)
	it.h = 2*10 + float64(len(it.lines))*picLine
}

// sigLines words the signatures on a set.
func (p *picture) sigLines(sigs []verdict.Signature, trusted, wide bool) []textLine {
	var out []textLine
	for _, s := range sigs {
		first := p.say("chain.by", p.say("chain.key"), s.Tag) + ": " + window(p.l, s)
		rest := left(p.l, s, p.v.Chain.At)
		lk, mark := lookOf("secure"), "✓"
		switch {
		case s.Valid:
		case s.Reason == "dnssec.bogus.sig-expired" || s.Reason == "dnssec.bogus.sig-not-yet-valid":
			lk, mark = lookOf("bogus"), "✗"
		case s.Reason != "":
			lk, mark, rest = lookOf("bogus"), "✗", brief(p.l, s.Reason)
		case trusted:
			lk, mark, rest = idle, "·", rest+"; "+p.say("chain.unneeded")
		default:
			lk, mark, rest = idle, "·", p.say("chain.unchecked")
		}
		if wide {
			out = append(out, textLine{text: s.Type + " " + first + ", " + rest, size: 11, ink: lk.ink, mark: mark})
			continue
		}
		out = append(out, textLine{text: s.Type + " " + first, size: 11, ink: lk.ink, mark: mark},
			textLine{text: rest, size: 11, ink: lk.ink, mark: " ", bold: mark == "✗"})
	}
	return out
}

// delegation makes the box of a zone's DS set, or of its trust anchors.
func (p *picture) delegation(z *zoneNode) *picItem {
	it := &picItem{kid: p.zone(z), look: lookOf("secure")}
	keys, above := own(z.ChainZone)
	it.sigs = above
	head := "DS " + Clean(z.Zone)
	switch {
	case z.Parent == "":
		head = p.say("chain.anchors") + " " + Clean(z.Zone)
	case len(z.DS) == 0 && z.State == "insecure":
		head = p.say("chain.nods.of", Clean(z.Zone))
	}
	it.add(title(head))
	for _, d := range z.DS {
		row := data(fmt.Sprintf("%d %s %s", d.Tag, mnemonic(d.Algorithm), mnemonic(d.Digest)))
		if d.Match == "match" {
			row.mark, row.ink = "✓", lookOf("secure").ink
			it.add(row)
			continue
		}
		it.add(row)
		t := textLine{text: word(p.l, "chain.ds."+d.Match), size: 11, ink: idle.ink, mark: "·"}
		switch d.Match {
		case "mismatch", "no-key":
			t.ink, t.mark, t.bold, t.text = lookOf("bogus").ink, "✗", true, fmt.Sprintf(t.text, d.Tag)
		}
		it.add(t)
	}
	if z.Parent == "" && len(z.DS) == 0 {
		it.add(note("DNSKEY"))
	}
	it.add(p.sigLines(above, true, false)...)
	if z.Place == verdict.AtDS || z.Place == verdict.AtMatch {
		it.look = lookOf(z.State)
	}
	it.kid.top = append(it.kid.top, p.sigLines(keys, true, true)...)
	it.slot = max(picItemW, it.kid.span)
	return it
}

// step makes the box of one answer.
func (p *picture) step(h numbered) *picItem {
	it := &picItem{look: lookOf(h.State)}
	it.add(title(p.v.hopTitle(p.l, h)))
	it.add(textLine{text: stateWord(p.l, verdict.DNSSEC, h.State), size: 12, bold: true, ink: it.look.ink, mark: chainMark(h.State)})
	shown := 0
	for _, set := range h.Sets {
		for _, r := range set.Records {
			if shown++; shown > maxPicRecords {
				continue
			}
			text := set.Type + " " + Clean(r)
			if len(text) > 100 {
				text = text[:97] + "…"
			}
			if plainDot(set.Name) != plainDot(h.Name) && set.Type != "SOA" {
				text = Clean(set.Name) + " " + text
			}
			it.add(data(text))
		}
		it.sigs = append(it.sigs, set.Signatures...)
		it.add(p.sigLines(set.Signatures, h.State == "secure", false)...)
		if set.Reason != "" && h.Reason == "" {
			h.Reason = set.Reason
		}
	}
	if h.Reason != "" && h.State != "secure" {
		it.add(textLine{text: stop(p.l, h.State) + ": " + brief(p.l, h.Reason), size: 12, bold: true, ink: it.look.ink, mark: chainMark(h.State)})
	}
	return it
}

// What one box shows at most.
const (
	maxPicRecords = 6
	maxPicKeys    = 4 // in a row
)

// zone measures a zone's frame with everything in it.
func (p *picture) zone(z *zoneNode) *picZone {
	out := &picZone{zoneNode: z}
	name := Clean(z.Zone)
	if name == "." {
		name += " " + p.say("chain.root")
	}
	out.top = fold(textLine{text: name, mono: true, bold: true, size: 14, ink: "#111827"}, picMinW-190)
	for _, k := range z.Keys {
		row := 1
		if k.Flags&1 != 0 || k.Trusted || k.Signs {
			row = 0
		}
		if len(out.keys[row]) < maxPicKeys {
			out.keys[row] = append(out.keys[row], &picKey{ChainKey: k})
		}
	}
	for _, d := range z.DS {
		if d.Match == "no-key" && len(out.keys[0]) < maxPicKeys {
			out.keys[0] = append(out.keys[0], &picKey{ChainKey: verdict.ChainKey{Tag: d.Tag, Algorithm: d.Algorithm}, ghost: true})
		}
	}
	for _, h := range z.hops {
		out.items = append(out.items, p.step(h))
	}
	for _, c := range z.children {
		out.items = append(out.items, p.delegation(c))
	}
	out.w = picMinW
	out.w = max(out.w, 2*picPad+out.keysWidth())
	wide := -picGapX
	for _, it := range out.items {
		wide += it.slot + picGapX
	}
	if len(out.items) > 1 {
		out.w = max(out.w, wide+2*picPad)
	}
	out.span = max(out.w, wide)
	return out
}

// lay gives everything its place.
func (p *picture) lay() {
	tops, loose := grow(p.v.Chain)
	width := 0.0
	for _, z := range tops {
		it := p.delegation(z)
		p.tops = append(p.tops, it)
		width += it.slot + picGapX
	}
	for _, h := range loose {
		it := p.step(h)
		p.loose = append(p.loose, it)
		width += it.slot + picGapX
	}
	width = max(width-picGapX, picMinW)
	p.w = width + 2*picMargin
	y := p.header(width)
	x := picMargin
	bottom := y
	for _, it := range p.tops {
		it.x, it.y = x+(it.slot-it.w)/2, y
		if len(p.tops)+len(p.loose) == 1 {
			it.x = x + (width-it.w)/2
		}
		bottom = max(bottom, it.kid.place(it.x+(it.w-it.kid.w)/2, y+it.h+picGapY))
		x += it.slot + picGapX
	}
	for _, it := range p.loose {
		it.x, it.y = x, y
		bottom = max(bottom, y+it.h)
		x += it.slot + picGapX
	}
	p.h = bottom + 74 + picMargin
}

// header measures the lines above the picture and returns where it begins.
func (p *picture) header(width float64) float64 {
	c := p.v.Chain
	lk := lookOf(c.State)
	p.head = append(p.head, textLine{text: p.say("chain.title"), size: 19, bold: true, ink: "#111827"})
	p.head = append(p.head, fold(textLine{text: p.v.headline(p.l), size: 14, bold: true, ink: lk.ink, mark: chainMark(c.State)}, width-picLine)...)
	if p.v.Planned != "" {
		p.head = append(p.head, fold(textLine{text: p.say("chain.planned", Clean(p.v.Planned)), size: 13, bold: true, ink: "#1d4ed8"}, width)...)
	}
	if len(p.v.Why) > 0 && c.State != "secure" {
		p.head = append(p.head, fold(textLine{text: Clean(p.v.Why[0].Title(p.l)), size: 12.5, ink: "#111827"}, width)...)
	}
	p.head = append(p.head, textLine{text: p.say("chain.judged", c.At.UTC().Format("2006-01-02 15:04:05")+" UTC"), size: 11.5, ink: "#4b5563"})
	y := picMargin
	for _, t := range p.head {
		y += t.size * 1.5
	}
	return y + 14
}

// keysWidth is that of the row of keys: those the parent may name, room for an
// arrow, the others.
func (z *picZone) keysWidth() float64 {
	w := 0.0
	for _, row := range z.keys {
		if len(row) > 0 {
			w += float64(len(row))*(picKeyW+picGapX) - picGapX + picSide
		}
	}
	return max(0, w-picSide)
}

// place puts a zone and everything below it, and returns the lowest point.
func (z *picZone) place(x, y float64) float64 {
	z.x, z.y = x, y
	at := y + 12 + float64(len(z.top))*picLine + 10
	if w := z.keysWidth(); w > 0 {
		at += picArc * float64(min(1, len(z.keys[0])*len(z.keys[1])/2))
		kx := x + (z.w-w)/2
		for i, row := range z.keys {
			for _, k := range row {
				k.x, k.y = kx, at
				kx += picKeyW + picGapX
			}
			if i == 0 && len(row) > 0 {
				kx += picSide - picGapX
			}
		}
		at += picKeyH + picGapY
	}
	wide, high := -picGapX, 0.0
	for _, it := range z.items {
		wide += it.slot + picGapX
		high = max(high, it.h)
	}
	left := x + (z.w-wide)/2
	for _, it := range z.items {
		it.x, it.y = left+(it.slot-it.w)/2, at
		left += it.slot + picGapX
	}
	if len(z.items) == 0 {
		high = 24 // room for the label of what broke
		if len(z.keys[0])+len(z.keys[1]) > 0 {
			at -= picGapY
		}
	}
	z.h = at + high + picPad - y
	bottom := y + z.h
	for _, it := range z.items {
		if it.kid != nil {
			bottom = max(bottom, it.kid.place(it.x+(it.w-it.kid.w)/2, y+z.h+picGapY))
		}
	}
	return bottom
}
