package rpki

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// lexer reads JSON (RFC 8259) from a stream in bounded memory. A VRP export has
// a million small objects: encoding/json takes four times as long for them, and
// can't say where in the file an entry stands.
type lexer struct {
	name     string
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // offset of buf[0] in the stream
	line     int
	last     error // of the reader, as it was
	scratch  []byte
}

const (
	maxString = 1 << 16 // bytes of one string that is kept
	maxDepth  = 100
)

func newLexer(r io.Reader, name string) *lexer {
	return &lexer{name: name, r: r, buf: make([]byte, 1<<16), line: 1}
}

func (l *lexer) offset() int64 { return l.base + int64(l.pos) }

func (l *lexer) fault(format string, args ...any) error {
	return at(l.name, l.line, l.offset(), format, args...)
}

// fill replaces the used-up buffer.
func (l *lexer) fill() error {
	l.base += int64(l.end)
	l.pos, l.end = 0, 0
	for range 100 {
		n, err := l.r.Read(l.buf)
		if n > 0 {
			l.end = n // an error comes again with the next Read
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// peek returns the next byte without taking it.
func (l *lexer) peek() (byte, error) {
	if l.pos == l.end {
		if l.last = l.fill(); l.last != nil {
			return 0, readErr(l.name, l.base, l.last)
		}
	}
	return l.buf[l.pos], nil
}

// token skips white space and returns the next byte without taking it.
func (l *lexer) token() (byte, error) {
	for {
		for ; l.pos < l.end; l.pos++ {
			switch c := l.buf[l.pos]; c {
			case '\n':
				l.line++
			case ' ', '\t', '\r':
			default:
				return c, nil
			}
		}
		if _, err := l.peek(); err != nil {
			return 0, err
		}
	}
}

// take skips white space and takes the byte c.
func (l *lexer) take(c byte) error {
	got, err := l.token()
	if err != nil {
		return err
	}
	if got != c {
		return l.fault("%q where %q belongs", got, c)
	}
	l.pos++
	return nil
}

// finish demands that nothing but white space follows.
func (l *lexer) finish() error {
	c, err := l.token()
	if err == nil {
		return l.fault("%q after the end of the JSON value", c)
	}
	if errors.Is(l.last, io.EOF) {
		return nil
	}
	return err
}

// str reads a string. The bytes are good until the next call.
func (l *lexer) str() ([]byte, error) {
	if err := l.take('"'); err != nil {
		return nil, err
	}
	for i := l.pos; i < l.end; i++ { // the usual case: whole and plain in the buffer
		c := l.buf[i]
		if c == '"' {
			s := l.buf[l.pos:i]
			l.pos = i + 1
			return s, nil
		}
		if c == '\\' || c < 0x20 {
			break
		}
	}
	l.scratch = l.scratch[:0]
	for {
		c, err := l.peek()
		switch {
		case err != nil:
			return nil, err
		case c == '"':
			l.pos++
			return l.scratch, nil
		case c < 0x20:
			return nil, l.fault("control character in a string")
		case len(l.scratch) > maxString:
			return nil, l.fault("string of over %d bytes", maxString)
		case c == '\\':
			if err := l.escape(); err != nil {
				return nil, err
			}
		default:
			l.scratch = append(l.scratch, c)
			l.pos++
		}
	}
}

// escape reads one escape sequence, or a surrogate pair of two, into scratch
// (RFC 8259 section 7). Half a pair alone becomes U+FFFD.
func (l *lexer) escape() error {
	l.pos++ // the backslash
	var high rune
	for {
		c, err := l.peek()
		if err != nil {
			return err
		}
		if high != 0 && c != 'u' {
			l.scratch = utf8.AppendRune(l.scratch, utf8.RuneError)
		}
		if c != 'u' {
			i := strings.IndexByte(`"\/bfnrt`, c)
			if i < 0 {
				return l.fault("unknown escape %q", "\\"+string(rune(c)))
			}
			l.scratch = append(l.scratch, "\"\\/\b\f\n\r\t"[i])
			l.pos++
			return nil
		}
		l.pos++
		u, err := l.hex4()
		if err != nil {
			return err
		}
		if high != 0 {
			if r := utf16.DecodeRune(high, u); r != utf8.RuneError {
				l.scratch = utf8.AppendRune(l.scratch, r)
				return nil
			}
			l.scratch = utf8.AppendRune(l.scratch, utf8.RuneError)
		}
		if c, err = l.peek(); err != nil {
			return err
		}
		if !utf16.IsSurrogate(u) || u >= 0xdc00 || c != '\\' {
			l.scratch = utf8.AppendRune(l.scratch, u) // a lone half is written as U+FFFD
			return nil
		}
		high = u
		l.pos++
	}
}

func (l *lexer) hex4() (rune, error) {
	var u rune
	for range 4 {
		c, err := l.peek()
		if err != nil {
			return 0, err
		}
		d, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return 0, l.fault("\\u needs four hexadecimal digits")
		}
		u = u<<4 | rune(d)
		l.pos++
	}
	return u, nil
}

// number reads a number as written. The bytes are good until the next call.
func (l *lexer) number() ([]byte, error) {
	if _, err := l.token(); err != nil {
		return nil, err
	}
	l.scratch = l.scratch[:0]
	for {
		c, err := l.peek()
		if err != nil {
			return nil, err // a number is never the end of an export
		}
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		if len(l.scratch) == 64 {
			return nil, l.fault("number of over 64 characters")
		}
		l.scratch = append(l.scratch, c)
		l.pos++
	}
	if !isNumber(l.scratch) {
		return nil, l.fault("%q is no number", l.scratch)
	}
	return l.scratch, nil
}

// isNumber checks the grammar of RFC 8259 section 6.
func isNumber(s []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	if len(s) > 0 && s[0] == '0' {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if len(s) > 0 && s[0] == '.' {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(s) == 0
}

// object calls field for each key with the lexer before the value. The key is
// good until field reads on.
func (l *lexer) object(field func(key []byte) error) error {
	if err := l.take('{'); err != nil {
		return err
	}
	if c, err := l.token(); err != nil {
		return err
	} else if c == '}' {
		l.pos++
		return nil
	}
	for {
		key, err := l.str()
		if err != nil {
			return err
		}
		if l.pos < l.end && l.buf[l.pos] == ':' {
			l.pos++
		} else { // reading on may overwrite the key
			key = append([]byte(nil), key...)
			if err := l.take(':'); err != nil {
				return err
			}
		}
		if err := field(key); err != nil {
			return err
		}
		if more, err := l.more('}'); err != nil || !more {
			return err
		}
	}
}

// array calls element for each element with the lexer before it.
func (l *lexer) array(element func() error) error {
	if err := l.take('['); err != nil {
		return err
	}
	if c, err := l.token(); err != nil {
		return err
	} else if c == ']' {
		l.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if more, err := l.more(']'); err != nil || !more {
			return err
		}
	}
}

// more takes a comma (true) or the closing bracket (false).
func (l *lexer) more(end byte) (bool, error) {
	c, err := l.token()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, l.fault("%q where ',' or %q belongs", c, end)
	}
	l.pos++
	return c == ',', nil
}

// skip reads over one value of any kind.
func (l *lexer) skip(depth int) error {
	if depth > maxDepth {
		return l.fault("nested more than %d deep", maxDepth)
	}
	c, err := l.token()
	if err != nil {
		return err
	}
	switch {
	case c == '{':
		return l.object(func([]byte) error { return l.skip(depth + 1) })
	case c == '[':
		return l.array(func() error { return l.skip(depth + 1) })
	case c == '"':
		_, err = l.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err = l.number()
		return err
	case c == 't':
		return l.literal("true")
	case c == 'f':
		return l.literal("false")
	case c == 'n':
		return l.literal("null")
	}
	return l.fault("%q where a value belongs", c)
}

func (l *lexer) literal(word string) error {
	for i := range len(word) {
		c, err := l.peek()
		if err != nil {
			return err
		}
		if c != word[i] {
			return l.fault("%q in what should be %s", c, word)
		}
		l.pos++
	}
	return nil
}

// scalar reads a string or number as text, and null as "". The bytes are good
// until the next call.
func (l *lexer) scalar() ([]byte, error) {
	c, err := l.token()
	switch {
	case err != nil:
		return nil, err
	case c == '"':
		return l.str()
	case c == 'n':
		return nil, l.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		return l.number()
	}
	return nil, l.fault("%q where a string or number belongs", c)
}
