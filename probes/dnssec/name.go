package dnssec

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// name is a domain name in canonical wire form: length-prefixed labels, ASCII
// letters in lower case, no compression, ending in the root's zero byte (RFC
// 4034 6.2). Two names are the same name exactly when the values are equal,
// whatever escapes their presentation forms use.
type name string

// root is the name of the root zone.
const root name = "\x00"

// maxLabels is how many labels a name of 255 octets can have, root excluded.
const maxLabels = 127

// parseName reads a name in presentation form, final dot optional.
func parseName(s string) (name, bool) {
	if s == "" || s == "." {
		return root, s != ""
	}
	if n, ok := parsePlain(s); ok {
		return n, true
	}
	if wraps(s) {
		return "", false
	}
	var buf [256]byte
	off, err := dns.PackDomainName(dns.Fqdn(s), buf[:], 0, nil, false)
	if err != nil || off > 255 {
		return "", false
	}
	lowerWire(buf[:off])
	return name(buf[:off]), true
}

// wraps reports an escape like \300 that stands for no octet; the library would
// take it modulo 256.
func wraps(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.Atoi(s[i+1 : i+4]); err == nil && n > 255 {
				return true
			}
		}
		i++ // what is escaped does not escape
	}
	return false
}

// parsePlain is the fast way for names without escapes.
func parsePlain(s string) (name, bool) {
	s = strings.TrimSuffix(s, ".")
	if len(s) == 0 || len(s) > 253 {
		return "", false
	}
	var buf [255]byte
	start := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '\\':
			return "", false
		case c == '.':
			if i-start < 1 || i-start > 63 {
				return "", false
			}
			buf[start] = byte(i - start)
			start = i + 1
		case 'A' <= c && c <= 'Z':
			buf[i+1] = c + 'a' - 'A'
		default:
			buf[i+1] = c
		}
	}
	if len(s)-start < 1 || len(s)-start > 63 {
		return "", false
	}
	buf[start] = byte(len(s) - start)
	return name(buf[:len(s)+2]), true
}

// lowerWire turns the letters of a name in wire form to lower case. Length
// octets are below 64, so they are never mistaken for letters.
func lowerWire(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}

// String returns the presentation form with its final dot.
func (n name) String() string {
	if len(n) > 1 && n.plain() {
		var buf [255]byte
		copy(buf[:], n[1:])
		for i := int(n[0]); i < len(n)-1; i += int(n[i+1]) + 1 {
			buf[i] = '.'
		}
		return string(buf[:len(n)-1])
	}
	s, _, err := dns.UnpackDomainName([]byte(n), 0)
	if err != nil {
		return "."
	}
	return s
}

// plain reports that no octet of the labels needs an escape. Length octets are below
// 64 and may be any.
func (n name) plain() bool {
	for i, next := 0, 0; i < len(n); i++ {
		c := n[i]
		switch {
		case i == next:
			next += int(c) + 1
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// labels counts the labels, the root's empty one not included (RFC 4034 3.1.3
// counts like that, save that it leaves out a leading asterisk too).
func (n name) labels() int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0; i += int(n[i]) + 1 {
		count++
	}
	return count
}

// parent takes the leftmost label off; the root's parent is the root.
func (n name) parent() name {
	if len(n) <= 1 {
		return root
	}
	return n[int(n[0])+1:]
}

// last keeps the rightmost count labels.
func (n name) last(count int) name {
	for drop := n.labels() - count; drop > 0; drop-- {
		n = n.parent()
	}
	return n
}

// within reports whether n is zone or lies below it, label by label.
func (n name) within(zone name) bool {
	for len(n) > len(zone) {
		n = n.parent()
	}
	return n == zone
}

// below reports whether n lies strictly below zone.
func (n name) below(zone name) bool { return n != zone && n.within(zone) }

// child returns the ancestor-or-self of n that is one label longer than zone.
func (n name) child(zone name) name { return n.last(zone.labels() + 1) }

// wild returns the wildcard directly below n, and false if it would not fit.
func (n name) wild() (name, bool) {
	if len(n)+2 > 255 {
		return "", false
	}
	return "\x01*" + n, true
}

// isWild reports whether the leftmost label is an asterisk.
func (n name) isWild() bool { return len(n) > 2 && n[0] == 1 && n[1] == '*' }

// common returns the longest name that both n and m lie at or below.
func (n name) common(m name) name {
	a, b := n.last(m.labels()), m.last(n.labels())
	for a != b {
		a, b = a.parent(), b.parent()
	}
	return a
}

// compare orders names canonically: from the rightmost label, each compared as
// a string of octets, absent before present (RFC 4034 6.1).
func (n name) compare(m name) int {
	var no, mo [maxLabels + 1]uint8
	nc, mc := n.offsets(&no), m.offsets(&mo)
	for i := 1; i <= nc && i <= mc; i++ {
		a, b := n.label(no[nc-i]), m.label(mo[mc-i])
		if c := strings.Compare(a, b); c != 0 {
			return c
		}
	}
	return nc - mc
}

// offsets fills o with where each label starts and returns how many there are.
func (n name) offsets(o *[maxLabels + 1]uint8) int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0 && count < maxLabels; i += int(n[i]) + 1 {
		o[count] = uint8(i)
		count++
	}
	return count
}

// label returns the label whose length octet is at offset off.
func (n name) label(off uint8) string {
	return string(n[int(off)+1 : int(off)+1+int(n[off])])
}

// replaceSuffix does a DNAME's substitution (RFC 6672 2.2): n must lie below
// from. False means the result is longer than a name may be.
func (n name) replaceSuffix(from, to name) (name, bool) {
	r := n[:len(n)-len(from)] + to
	return r, len(r) <= 255
}

// skipName returns the offset after the uncompressed name at off, or -1.
func skipName(b []byte, off int) int {
	for off >= 0 && off < len(b) {
		l := int(b[off])
		if l == 0 {
			return off + 1
		}
		if l > 63 {
			return -1
		}
		off += l + 1
	}
	return -1
}

// compareWire orders RDATA as left-justified unsigned octets (RFC 4034 6.3).
func compareWire(a, b []byte) int { return bytes.Compare(a, b) }
