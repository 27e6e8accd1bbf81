package draw

import (
	"strings"
	"sync"

	"github.com/go-fonts/liberation/liberationmonobold"
	"github.com/go-fonts/liberation/liberationmonoregular"
	"github.com/go-fonts/liberation/liberationsansbold"
	"github.com/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// fonts are parsed once, when one is first needed: their tables are constants.
var fonts = [4]func() (*sfnt.Font, error){
	sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(liberationsansregular.TTF) }),
	sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(liberationsansbold.TTF) }),
	sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(liberationmonoregular.TTF) }),
	sync.OnceValues(func() (*sfnt.Font, error) { return opentype.Parse(liberationmonobold.TTF) }),
}

func fontOf(t Type) (*sfnt.Font, error) {
	i := 0
	if t.Bold {
		i++
	}
	if t.Mono {
		i += 2
	}
	return fonts[i]()
}

func faceOf(t Type, scale float64) (font.Face, error) {
	f, err := fontOf(t)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: t.Size * scale, DPI: 72, Hinting: font.HintingNone})
}

// Width is the length of a text in user units.
func Width(text string, t Type) float64 {
	f, err := fontOf(t)
	if err != nil {
		return 0.6 * t.Size * float64(len(text))
	}
	var b sfnt.Buffer
	const em = 2048
	sum := fixed.Int26_6(0)
	for _, r := range text {
		i, err := f.GlyphIndex(&b, r)
		if err != nil {
			continue
		}
		if a, err := f.GlyphAdvance(&b, i, fixed.I(em), font.HintingNone); err == nil {
			sum += a
		}
	}
	return float64(sum) / 64 / em * t.Size
}

// Fit cuts a text with an ellipsis to at most width user units.
func Fit(text string, width float64, t Type) string {
	if Width(text, t) <= width {
		return text
	}
	runes := []rune(text)
	for n := len(runes) - 1; n > 0; n-- {
		if s := strings.TrimRight(string(runes[:n]), " ,;") + "…"; Width(s, t) <= width {
			return s
		}
	}
	return "…"
}

// Fold breaks a text at its spaces into at most lines lines of at most width
// user units; what does not fit is cut with an ellipsis.
func Fold(text string, width float64, lines int, t Type) []string {
	var out []string
	cur := ""
	words := strings.Fields(text)
	for i, w := range words {
		next := strings.TrimSpace(cur + " " + w)
		if cur == "" || Width(next, t) <= width {
			cur = next
			continue
		}
		if len(out) == lines-1 {
			return append(out, Fit(cur+" "+strings.Join(words[i:], " "), width, t))
		}
		out = append(out, Fit(cur, width, t))
		cur = w
	}
	return append(out, Fit(cur, width, t))
}
