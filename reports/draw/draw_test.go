package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"
)

func sheet() *Canvas {
	c := &Canvas{W: 120, H: 80, Lang: "vi", Title: "Đắk <Nông>", Desc: "a & b"}
	c.Rect(0, 0, 120, 80, 0, Style{Fill: "#ffffff"})
	c.Named("n", 10, 10, 20, 20, Style{Fill: "#ff0000"})
	c.Hatch(40, 10, 20, 20, 4, Style{Stroke: "#000000"})
	c.Hatch(70, 10, 20, 20, -4, Style{Stroke: "#000000", Width: 2})
	c.Path("M10 50l10 0v10h-10z M40 50C50 40 60 60 70 50", Style{Stroke: "#0000ff", Width: 2, Dash: []float64{4, 2}, Round: true})
	c.Circle(100, 50, 8, Style{Fill: "#00ff00", Stroke: "#000000"})
	c.Text(60, 70, "Đường ngắn", Type{Size: 10, Ink: "#000000", Anchor: Middle, Halo: "#ffffff", Bold: true})
	c.Text(115, 70, "lên", Type{Size: 10, Ink: "#000000", Turn: true, Mono: true})
	return c
}

// A picture is well-formed SVG and a PNG of its size, the same each time, with
// its shapes where they were put.
func TestTwoForms(t *testing.T) {
	svg := sheet().SVG()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(svg, "<Nông>") || !strings.Contains(svg, "Đắk &lt;Nông&gt;") {
		t.Error("text is not escaped")
	}
	a, err := sheet().PNG(2)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := sheet().PNG(2); !bytes.Equal(a, b) || svg != sheet().SVG() {
		t.Error("drawn twice, the picture is another")
	}
	img, err := png.Decode(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 240 || b.Dy() != 160 {
		t.Errorf("%v", b)
	}
	is := func(x, y int, want color.RGBA) {
		t.Helper()
		r, g, b, _ := img.At(2*x, 2*y).RGBA()
		if got := (color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}); got != want {
			t.Errorf("%d, %d: %v, want %v", x, y, got, want)
		}
	}
	is(20, 20, color.RGBA{255, 0, 0, 255})
	is(100, 50, color.RGBA{0, 255, 0, 255})
	is(5, 5, color.RGBA{255, 255, 255, 255})
	if inked(img, 80, 20, 120, 60) == 0 || inked(img, 140, 20, 180, 60) == 0 {
		t.Error("no hatching")
	}
	if inked(img, 60, 120, 180, 150) == 0 {
		t.Error("no text")
	}
}

func inked(img interface{ At(x, y int) color.Color }, x0, y0, x1, y1 int) (n int) {
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); r+g+b < 3*0x8000 {
				n++
			}
		}
	}
	return n
}

func TestWords(t *testing.T) {
	typ := Type{Size: 12}
	if w := Width("Đắk Nông", typ); w < 40 || w > 60 {
		t.Errorf("%v", w)
	}
	for _, r := range "ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđĐƠƯ→…–±−" {
		f, err := fontOf(typ)
		if err != nil {
			t.Fatal(err)
		}
		if i, err := f.GlyphIndex(nil, r); err != nil || i == 0 {
			t.Errorf("there is no %c", r)
		}
	}
	if s := Fit("một hai ba bốn năm", 60, typ); Width(s, typ) > 60 || !strings.HasSuffix(s, "…") {
		t.Errorf("%q", s)
	}
	if lines := Fold("một hai ba bốn năm sáu bảy", 60, 2, typ); len(lines) != 2 || !strings.HasSuffix(lines[1], "…") {
		t.Errorf("%q", lines)
	}
	if lines := Fold("một hai", 600, 2, typ); len(lines) != 1 || lines[0] != "một hai" {
		t.Errorf("%q", lines)
	}
}

func TestBounds(t *testing.T) {
	if _, err := (&Canvas{W: 1e6, H: 1e6}).PNG(1); err == nil {
		t.Error("a picture of a terapixel is drawn")
	}
	for _, d := range []string{"M", "M1", "Q1 2 3 4", "M1 2Lx", "1 2"} {
		c := &Canvas{W: 10, H: 10}
		c.Path(d, Style{Stroke: "#000000"})
		if _, err := c.PNG(1); err == nil {
			t.Errorf("%q is drawn", d)
		}
	}
}
