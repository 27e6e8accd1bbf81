package probes

import (
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
)

// Bounds of what is kept of how a page looks: its pieces of text, the bytes of
// one, and those of its title.
const (
	maxPieces = 256
	maxPiece  = 120
	maxTitle  = 120
)

// looks is how a page looks, for comparison with the same page over the other
// family. What differs from one visit to the next by nature is left out: digits
// are all one digit, and long words without meaning are dropped.
type looks struct {
	media, lang, title string
	size               int      // bytes
	marks              []uint32 // a mark of each piece of text, sorted
	pieces             []string // the pieces themselves, where they are wanted
}

// titled notes the title, or more of it.
func (l *looks) titled(text string) {
	if l.title == "" {
		l.title = shorten(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " "), maxTitle)
	}
}

// shows notes a piece of text.
func (l *looks) shows(text string) {
	if piece := steady(text); piece != "" && len(l.pieces) < maxPieces && !slices.Contains(l.pieces, piece) {
		l.pieces = append(l.pieces, piece)
	}
}

// mark makes the marks of the pieces, which are all that is remembered of most
// pages: there are thousands.
func (l *looks) mark() {
	l.marks = make([]uint32, 0, len(l.pieces))
	for _, p := range l.pieces {
		l.marks = append(l.marks, markOf(p))
	}
	slices.Sort(l.marks)
}

func markOf(piece string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(piece))
	return h.Sum32()
}

// steady is the part of a piece of text that stays from visit to visit; empty
// where too little is left to mean anything.
func steady(text string) string {
	var words []string
	letters := 0
	for w := range strings.FieldsSeq(strings.ToLower(strings.ToValidUTF8(text, "?"))) {
		if len(w) > 24 { // a key or a token
			continue
		}
		number := false
		w = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsDigit(r) && number:
				return -1
			case unicode.IsDigit(r):
				number = true
				return '0'
			}
			number = false
			if unicode.IsLetter(r) {
				letters++
			}
			return r
		}, w)
		words = append(words, w)
	}
	if letters < 3 {
		return ""
	}
	return shorten(strings.Join(words, " "), maxPiece)
}

// shorten cuts a text at n bytes, never inside a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.TrimSpace(strings.ToValidUTF8(s[:n], ""))
}
