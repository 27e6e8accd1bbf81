package reports

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"ready6/probes/verdict"
)

// maxText bounds, in characters, every piece of foreign text in a report.
const maxText = 600

// Clean makes text from name servers, banners, pages and files harmless in
// every format: control characters (among them terminal escapes), marks that
// turn the writing direction, and invisible characters are shown as escapes,
// white space becomes a plain space, and long text is cut with an ellipsis.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	n := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Z, r):
			b.WriteByte(' ')
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// plain reports whether s is short and has nothing in it that Clean puts right,
// as most text.
func plain(s string) bool {
	if len(s) > maxText && utf8.RuneCountInString(s) > maxText {
		return false
	}
	for _, r := range s {
		if r < ' ' || r > '~' && (r == utf8.RuneError || !unicode.IsPrint(r)) {
			return false
		}
	}
	return true
}

func cleanText(t verdict.Text) verdict.Text {
	return verdict.Text{EN: Clean(t.EN), VI: Clean(t.VI)}
}

func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Clean(s)
	}
	return out
}

func cleanEvidence(in []verdict.Evidence) []verdict.Evidence {
	out := make([]verdict.Evidence, len(in))
	for i, e := range in {
		out[i] = verdict.Evidence{At: e.At, Asked: Clean(e.Asked), Over: Clean(e.Over), Query: Clean(e.Query), Answer: Clean(e.Answer)}
	}
	return out
}
