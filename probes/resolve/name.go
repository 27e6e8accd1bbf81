package resolve

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// normal returns a name in lower case, with the final dot, spelled as the DNS
// library spells what it unpacks, so that equal names are equal strings.
func normal(name string) (string, bool) {
	if name == "" || len(name) > 1100 { // 255 bytes, each escaped as \DDD, and then some
		return "", false
	}
	name = dns.Fqdn(name)
	if !strings.ContainsRune(name, '\\') && len(name) <= 254 && plain(name) {
		return strings.ToLower(name), true
	}
	if wraps(name) {
		return "", false
	}
	var buf [256]byte
	n, err := dns.PackDomainName(name, buf[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	s, _, err := dns.UnpackDomainName(buf[:n], 0)
	if err != nil {
		return "", false
	}
	return dns.CanonicalName(s), true
}

// wraps says whether a name has an escape like \300 that stands for no byte; the
// library takes it modulo 256.
func wraps(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		if i+3 < len(name) {
			if n, err := strconv.Atoi(name[i+1 : i+4]); err == nil && n > 255 {
				return true
			}
		}
		i++ // what is escaped is not an escape
	}
	return false
}

// plain says whether a name has only host-name characters in labels of 1 to 63
// bytes: then its spelling is settled.
func plain(name string) bool {
	if name == "." {
		return true
	}
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 || label > 63 {
				return false
			}
			label = 0
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			label++
		default:
			return false
		}
	}
	return label == 0
}

// within says whether name is zone or below it. Both are normalised.
func within(name, zone string) bool {
	if zone == "." || name == zone {
		return true
	}
	cut := len(name) - len(zone)
	if cut < 2 || name[cut-1] != '.' || name[cut:] != zone {
		return false
	}
	escapes := 0
	for i := cut - 2; i >= 0 && name[i] == '\\'; i-- {
		escapes++
	}
	return escapes%2 == 0 // an escaped dot does not end a label
}

// parentOf returns the name with its first label removed; of the root, the root.
func parentOf(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end || i >= len(name) {
		return "."
	}
	return name[i:]
}

// below returns the ancestor-or-self of name that is one label longer than
// zone, and how many labels name has below zone; zone is a real ancestor.
func below(name, zone string) (next string, labels int) {
	for n := name; n != zone && n != "."; n = parentOf(n) {
		next = n
		labels++
	}
	return next, labels
}
