package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"ready6/probes/verdict"
)

// Screen is where terminal text goes: its language, its width in columns (80
// if 0) and whether colour may be used. Colour is never the only sign of
// anything.
type Screen struct {
	Lang   verdict.Lang
	Width  int
	Colour bool
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

func (s Screen) width() int {
	if s.Width <= 0 {
		return 80
	}
	return max(s.Width, 40)
}

// paint puts one of our own escape sequences around text that has been
// cleaned. Widths are counted without them.
func (s Screen) paint(code, str string) string {
	if !s.Colour || str == "" {
		return str
	}
	return "\x1b[" + code + "m" + str + "\x1b[0m"
}

// sign is the mark before a finding, different in form for each outcome.
func (s Screen) sign(o verdict.Outcome) string {
	switch o {
	case verdict.Pass:
		return s.paint(green, "✓")
	case verdict.Warn:
		return s.paint(yellow, "!")
	case verdict.Fail:
		return s.paint(red, "✗")
	case verdict.NotApplicable:
		return "–"
	}
	return s.paint(yellow, "?")
}

// say formats a label in the screen's language.
func (s Screen) say(key string, args ...any) string {
	return fmt.Sprintf(word(s.Lang, key), args...)
}

func columns(str string) int { return text.StringWidthWithoutEscSequences(str) }

// wrap breaks a paragraph at spaces to lines of at most width columns, the
// first after first, the others after rest. A word longer than a line stays
// whole: addresses and commands must remain copyable.
func (s Screen) wrap(first, rest, paragraph string) string {
	var b strings.Builder
	b.WriteString(first)
	at, empty := columns(first), true
	for _, w := range strings.Fields(paragraph) {
		n := columns(w)
		switch {
		case empty:
		case at+1+n > s.width():
			b.WriteString("\n" + rest)
			at = columns(rest)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += n
		empty = false
	}
	b.WriteByte('\n')
	return b.String()
}

// printer remembers the first error of a series of writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) put(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}
