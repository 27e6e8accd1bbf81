package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	stddraw "image/draw"
	"image/png"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// maxPixels bounds a picture's size in memory.
const maxPixels = 40e6

// PNG writes the picture with scale pixels to a user unit, on white, for density
// dots to the inch. It fails for a path that it cannot read and a picture too
// large.
func (c *Canvas) PNG(scale float64) ([]byte, error) {
	w, h := int(math.Ceil(c.W*scale)), int(math.Ceil(c.H*scale))
	if w <= 0 || h <= 0 || float64(w)*float64(h) > maxPixels {
		return nil, fmt.Errorf("a picture of %d × %d pixels is not drawn", w, h)
	}
	p := &painter{img: image.NewRGBA(image.Rect(0, 0, w, h)), scale: scale}
	stddraw.Draw(p.img, p.img.Bounds(), image.White, image.Point{}, stddraw.Src)
	for _, o := range c.ops {
		if err := p.draw(o); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := enc.Encode(&b, paletted(p.img)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type painter struct {
	img   *image.RGBA
	scale float64
}

func (p *painter) draw(o op) error {
	switch {
	case o.box != nil:
		p.shape(boxLines(*o.box), o.style)
	case o.circle != nil:
		x, y, r := o.circle[0], o.circle[1], o.circle[2]
		p.shape(boxLines(box{x - r, y - r, 2 * r, 2 * r, r}), o.style)
	case o.path != "":
		lines, err := parsePath(o.path)
		if err != nil {
			return err
		}
		p.shape(lines, o.style)
	default:
		return p.text(o)
	}
	return nil
}

func (p *painter) shape(lines []polyline, s Style) {
	if s.Fill != "" {
		p.fill(lines, s.Fill)
	}
	if s.Stroke != "" {
		p.fill(outline(lines, s), s.Stroke)
	}
}

// fill paints closed lines, all of them in one go so that overlaps are painted once.
func (p *painter) fill(lines []polyline, ink string) {
	left, top, right, bottom := bounds(lines)
	k := p.scale
	area := image.Rect(int(left*k)-1, int(top*k)-1, int(right*k)+2, int(bottom*k)+2).Intersect(p.img.Bounds())
	if area.Empty() {
		return
	}
	r := vector.NewRasterizer(area.Dx(), area.Dy())
	ox, oy := float32(area.Min.X), float32(area.Min.Y)
	for _, l := range lines {
		for i, at := range l.points {
			x, y := float32(at.x*k)-ox, float32(at.y*k)-oy
			if i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(p.img, area, image.NewUniform(colour(ink)), image.Point{})
}

func (p *painter) text(o op) error {
	face, err := faceOf(o.typ, p.scale)
	if err != nil {
		return err
	}
	defer face.Close()
	w := float64(font.MeasureString(face, o.text)) / 64
	img, x, y := p.img, o.x*p.scale, o.y*p.scale
	if o.typ.Turn { // written level beside the picture, then turned
		size := int(o.typ.Size * p.scale * 2)
		strip := image.NewRGBA(image.Rect(0, 0, int(w)+2, size))
		write(strip, face, o.text, 0, float64(size)*0.75, colour(o.typ.Ink))
		shift := [...]float64{0, w / 2, w}[o.typ.Anchor]
		turn(img, strip, int(x-float64(size)*0.75), int(y+shift))
		return nil
	}
	x -= [...]float64{0, w / 2, w}[o.typ.Anchor]
	if o.typ.Halo != "" {
		n := halo / 2 * p.scale
		for i := range 16 {
			sin, cos := math.Sincos(float64(i) * math.Pi / 8)
			write(img, face, o.text, x+n*cos, y+n*sin, colour(o.typ.Halo))
		}
	}
	write(img, face, o.text, x, y, colour(o.typ.Ink))
	return nil
}

func write(img *image.RGBA, face font.Face, text string, x, y float64, ink color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(ink), Face: face, Dot: fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(y * 64)}}
	d.DrawString(text)
}

// turn lays a strip of text upwards, its left end at the bottom.
func turn(img, strip *image.RGBA, left, bottom int) {
	b := strip.Bounds()
	side := image.NewRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			side.SetRGBA(y, b.Dx()-1-x, strip.RGBAAt(x, y))
		}
	}
	at := image.Rect(left, bottom-b.Dx(), left+b.Dy(), bottom)
	stddraw.Draw(img, at, side, image.Point{}, stddraw.Over)
}

// paletted keeps a picture with few colours small; others stay as they are.
func paletted(img *image.RGBA) image.Image {
	index := map[color.RGBA]uint8{}
	var colours color.Palette
	b := img.Bounds()
	out := image.NewPaletted(b, nil)
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := img.RGBAAt(x, y)
			i, ok := index[c]
			if !ok {
				if len(colours) == 256 {
					return img
				}
				i = uint8(len(colours))
				index[c] = i
				colours = append(colours, c)
			}
			out.Pix[y*out.Stride+x] = i
		}
	}
	out.Palette = colours
	return out
}

func colour(s string) color.RGBA {
	if len(s) == 7 && s[0] == '#' {
		if v, err := strconv.ParseUint(s[1:], 16, 32); err == nil {
			return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
		}
	}
	return color.RGBA{A: 255}
}
