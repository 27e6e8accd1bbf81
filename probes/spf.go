package probes

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// spfTerm is one term of an SPF record (RFC 7208 4.6.1): a mechanism with its
// qualifier, or a modifier.
type spfTerm struct {
	text      string
	name      string       // lower case: all, include, a, mx, ptr, ip4, ip6, exists; redirect, exp or another modifier
	qualifier byte         // + - ~ ?; 0 of a modifier
	domain    string       // domain-spec, macros unexpanded; empty: the record's own domain
	prefix    netip.Prefix // ip4, ip6: masked
	bits4     int          // a, mx: prefix lengths
	bits6     int
}

// spfError is a record that a receiver answers with permerror (RFC 7208 4.6).
type spfError struct{ term, why string }

func (e *spfError) Error() string { return fmt.Sprintf("%q: %s", e.term, e.why) }

// isSPF reports whether a TXT record's text is an SPF record (RFC 7208 4.5).
func isSPF(text string) bool {
	return len(text) >= 6 && strings.EqualFold(text[:6], "v=spf1") && (len(text) == 6 || text[6] == ' ')
}

// parseSPF reads an SPF record. The error is an *spfError.
func parseSPF(text string) ([]spfTerm, error) {
	if !isSPF(text) {
		return nil, &spfError{brief(text), "no SPF record"}
	}
	var out []spfTerm
	seen := map[string]bool{}
	for word := range strings.SplitSeq(text[6:], " ") {
		if word == "" {
			continue
		}
		t, err := parseSPFTerm(word)
		if err != nil {
			return nil, err
		}
		if once := t.name == "redirect" || t.name == "exp"; once && t.qualifier == 0 {
			if seen[t.name] {
				return nil, &spfError{brief(word), "more than once"}
			}
			seen[t.name] = true
		}
		out = append(out, t)
	}
	return out, nil
}

// parseSPFTerm reads one word: what has a "=" before any ":" or "/" is a modifier.
func parseSPFTerm(word string) (spfTerm, error) {
	t := spfTerm{text: brief(word), bits4: 32, bits6: 128}
	bad := func(why string) (spfTerm, error) { return t, &spfError{t.text, why} }
	if strings.ContainsFunc(word, func(r rune) bool { return r < '!' || r > '~' }) {
		return bad("a character that may not be there")
	}
	if i := strings.IndexAny(word, "=:/"); i >= 0 && word[i] == '=' {
		t.name, t.domain = strings.ToLower(word[:i]), word[i+1:]
		switch {
		case !modifierName(t.name):
			return bad("not the name of a modifier")
		case t.name == "redirect" || t.name == "exp":
			return t, t.checkDomain(true)
		case !goodMacros(t.domain):
			return bad("a macro that does not exist")
		}
		return t, nil
	}
	t.qualifier = '+'
	if strings.IndexByte("+-~?", word[0]) >= 0 {
		t.qualifier, word = word[0], word[1:]
	}
	name, rest := word, ""
	if i := strings.IndexAny(word, ":/"); i >= 0 {
		name, rest = word[:i], word[i:]
	}
	t.name = strings.ToLower(name)
	switch t.name {
	case "all":
		if rest != "" {
			return bad("more than the word")
		}
		return t, nil
	case "ip4", "ip6":
		return t.network(rest)
	case "include", "exists":
		t.domain = strings.TrimPrefix(rest, ":")
		return t, t.checkDomain(true)
	case "ptr":
		t.domain = strings.TrimPrefix(rest, ":")
		return t, t.checkDomain(rest != "")
	case "a", "mx":
		return t.dual(rest)
	}
	return bad("no such mechanism")
}

// modifierName is ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
func modifierName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// network reads the address block of ip4 or ip6.
func (t spfTerm) network(rest string) (spfTerm, error) {
	text, slash, cut := strings.Cut(strings.TrimPrefix(rest, ":"), "/")
	a, err := netip.ParseAddr(text)
	if !strings.HasPrefix(rest, ":") || err != nil || a.Zone() != "" || a.Is4() != (t.name == "ip4") {
		return t, &spfError{t.text, "no address of that family"}
	}
	bits := a.BitLen()
	if cut {
		var ok bool
		if bits, ok = prefixLength(slash, bits); !ok {
			return t, &spfError{t.text, "no prefix length"}
		}
	}
	t.prefix = netip.PrefixFrom(a, bits).Masked()
	return t, nil
}

// dual reads [ ":" domain-spec ] [ "/" bits4 ] [ "//" bits6 ] of a and mx.
func (t spfTerm) dual(rest string) (spfTerm, error) {
	spec, lengths := rest, ""
	if i := strings.IndexByte(lastMacroEnd(rest), '/'); i >= 0 {
		i += len(rest) - len(lastMacroEnd(rest))
		spec, lengths = rest[:i], rest[i:]
	}
	four, six, both := strings.Cut(lengths, "//")
	ok := true
	if four != "" {
		t.bits4, ok = prefixLength(four[1:], 32)
	}
	if both && ok {
		t.bits6, ok = prefixLength(six, 128)
	}
	if !ok {
		return t, &spfError{t.text, "no prefix length"}
	}
	t.domain = strings.TrimPrefix(spec, ":")
	return t, t.checkDomain(spec != "")
}

// lastMacroEnd is what follows the last macro of a domain-spec: a macro's
// delimiters may be slashes.
func lastMacroEnd(s string) string { return s[strings.LastIndexByte(s, '}')+1:] }

// prefixLength reads a number without leading zeros.
func prefixLength(s string, most int) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && int(n) <= most && strconv.Itoa(int(n)) == s
}

// checkDomain is the syntax of a domain-spec (RFC 7208 7.1): it ends in a macro,
// or in a dot and a top label.
func (t spfTerm) checkDomain(wanted bool) error {
	if t.domain == "" {
		if wanted {
			return &spfError{t.text, "no domain"}
		}
		return nil
	}
	if !goodMacros(t.domain) {
		return &spfError{t.text, "a macro that does not exist"}
	}
	if strings.HasSuffix(t.domain, "}") {
		return nil
	}
	d := strings.TrimSuffix(t.domain, ".")
	top := d[strings.LastIndexByte(d, '.')+1:]
	if top == d || top == "" || len(d) > 253 || strings.Trim(top, "0123456789") == "" || !letters(top) || top[0] == '-' || top[len(top)-1] == '-' {
		return &spfError{t.text, "no domain name"}
	}
	return nil
}

func letters(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

// goodMacros is the syntax of a macro-string (RFC 7208 7.1).
func goodMacros(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		s = s[i+1:]
		switch {
		case s == "":
			return false
		case strings.IndexByte("%_-", s[0]) >= 0:
			s = s[1:]
			continue
		case s[0] != '{':
			return false
		}
		body, after, closed := strings.Cut(s[1:], "}")
		if !closed || body == "" || !strings.ContainsRune("slodiphcrtv", rune(body[0]|0x20)) {
			return false
		}
		digits := strings.TrimLeft(body[1:], "0123456789")
		if n := body[1 : len(body)-len(digits)]; n != "" && strings.Trim(n, "0") == "" {
			return false
		}
		if digits != "" && digits[0]|0x20 == 'r' {
			digits = digits[1:]
		}
		if strings.Trim(digits, ".-+,/_=") != "" {
			return false
		}
		s = after
	}
}

// expandSPF puts the domain into a domain-spec. It is false if the rest depends
// on the message: its sender, its client's address.
func expandSPF(spec, domain, sender string) (string, bool) {
	if spec == "" {
		return domain, true
	}
	spec = strings.NewReplacer("%{d}", domain, "%{D}", domain, "%{o}", sender, "%{O}", sender, "%%", "%").Replace(spec)
	return plainName(strings.ToLower(spec)), !strings.Contains(spec, "%")
}
