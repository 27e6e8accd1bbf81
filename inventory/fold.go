package inventory

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold reduces a Vietnamese name to what stays the same however it is typed:
// lower case, no diacritics, đ as d, no apostrophes, and one space for any run
// of other punctuation and spaces. "Đăk R'lấp" and "ĐẮK RLẤP" fold alike.
// Folding a folded name changes nothing.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	// U+00B4 would decompose to a space and a combining mark.
	for _, r := range norm.NFKD.String(strings.ReplaceAll(s, "´", "'")) {
		r = unicode.ToLower(r)
		switch {
		case unicode.In(r, unicode.M, unicode.Cf) || isApostrophe(r):
			continue
		case r == 'đ' || r == 'ð': // U+00D0 is often typed for U+0110: they look the same
			r = 'd'
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isApostrophe tells the marks typed in names such as R'lấp.
func isApostrophe(r rune) bool {
	switch r {
	case '\'', '`', '‘', '’', 'ʼ', 'ʹ', '′':
		return true
	}
	return false
}
