package reports

import (
	"strconv"
	"strings"

	"ready6/reports/draw"
)

// look is how something in a state is drawn: colours that colour-blind people
// tell apart, and a line of its own for those who print in black.
type look struct{ ink, paper, dash, width string }

func lookOf(state string) look {
	switch state {
	case "secure":
		return look{"#0b5d3b", "#eef7f1", "", "1.8"}
	case "bogus":
		return look{"#b3261e", "#fdecea", "9 4", "2.8"}
	case "insecure":
		return look{"#8a5a00", "#fff6e0", "2 4", "2"}
	}
	return look{"#4b5563", "#f3f4f6", "1 5", "2"}
}

// stroke is the line of a look.
func (lk look) stroke() draw.Style {
	s := draw.Style{Stroke: lk.ink}
	s.Width, _ = strconv.ParseFloat(lk.width, 64) // constants
	for _, d := range strings.Fields(lk.dash) {
		n, _ := strconv.ParseFloat(d, 64)
		s.Dash = append(s.Dash, n)
	}
	return s
}

// idle is what was not checked, or was not needed.
var idle = look{"#6b7280", "#ffffff", "2 4", "1.4"}

type textLine struct {
	text string
	mono bool
	bold bool
	size float64
	ink  string
	mark string // ✓ ✗ ! ? · drawn before the text
	halo string // kept free around the text
}

// textWidth estimates, rather too wide than too narrow.
func textWidth(s string, size float64, mono, bold bool) float64 {
	if mono {
		return float64(columns(s)) * size * picMono
	}
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljtfrI.,:;|!'()[] ", r):
			w += 0.42
		case strings.ContainsRune("mwMWQO@%–→", r):
			w += 0.98
		case r >= 'A' && r <= 'Z':
			w += 0.74
		default:
			w += 0.63
		}
	}
	if bold {
		w *= 1.1
	}
	return w * size
}

// fold breaks text to lines of at most width: at spaces, in long words after
// their dots, and where nothing else helps anywhere.
func fold(t textLine, width float64) []textLine {
	var out []textLine
	fits := func(s string) bool { return textWidth(s, t.size, t.mono, t.bold) <= width }
	cur := ""
	flush := func() {
		if cur = strings.TrimSpace(cur); cur != "" {
			one := t
			one.text = cur
			if len(out) > 0 && t.mark != "" {
				one.mark = " "
			}
			out = append(out, one)
		}
		cur = ""
	}
	for _, w := range strings.Fields(t.text) {
		if fits(cur + w) {
			cur += w + " "
			continue
		}
		if fits(w) {
			flush()
			cur = w + " "
			continue
		}
		for _, part := range strings.SplitAfter(w, ".") {
			if !fits(cur + part) {
				flush()
			}
			for _, r := range part {
				if !fits(cur + string(r)) {
					flush()
				}
				cur += string(r)
			}
		}
		cur += " "
	}
	flush()
	return out
}

// plain lines of one kind each.
func title(s string) textLine {
	return textLine{text: s, mono: true, bold: true, size: 12.5, ink: "#111827"}
}
func data(s string) textLine { return textLine{text: s, mono: true, size: 11, ink: "#111827"} }
func note(s string) textLine { return textLine{text: s, size: 11, ink: "#374151"} }
