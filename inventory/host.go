package inventory

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// toASCII maps and checks international names as browsers do (UTS 46,
// non-transitional).
var toASCII = idna.New(idna.MapForLookup(), idna.BidiRule())

// parseHost reads a host name or an address. A name comes back in lower case, as
// A-labels (RFC 5890), without final dot; it has at least two labels. Where a
// zone is cut is no question here.
func parseHost(s string) (string, *flaw) {
	if isHostName(s) { // the usual case, and cheap: a list may have a million
		return s, nil
	}
	if f := notHost(s); f != nil {
		return "", f
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return hostAddr(s, addr)
	}
	name := strings.TrimSuffix(s, ".")
	if len(name) > 4*253 { // before the costlier mapping
		return "", &flaw{quote(s) + " is longer than a host name can be", "write 253 characters at most"}
	}
	ascii, err := toASCII.ToASCII(name)
	if err != nil || strings.HasSuffix(ascii, ".") {
		ascii = strings.ToLower(name)
	}
	if isHostName(ascii) {
		return ascii, nil
	}
	return "", whyNotName(s, ascii)
}

// isHostName reports whether s is a whole, lower-case host name of letters,
// digits and hyphens (RFC 1123 2.1) that needs no mapping.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels, start := 1, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return false
			}
			continue
		}
		label := s[start:i]
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.HasPrefix(label, "xn--") && !isALabel(label) {
			return false
		}
		if i < len(s) {
			labels, start = labels+1, i+1
		}
	}
	return labels > 1 && strings.Trim(s[start:], "0123456789") != ""
}

func isALabel(label string) bool {
	back, err := toASCII.ToASCII(label)
	return err == nil && back == label
}

// notHost catches what people paste instead of a host name.
func notHost(s string) *flaw {
	const mend = "write the host name alone"
	switch {
	case s == "":
		return &flaw{"is empty", mend}
	case strings.Contains(s, "://") || strings.Contains(s, "/"):
		bare := s
		if _, after, ok := strings.Cut(s, "://"); ok {
			bare = after
		}
		bare, _, _ = strings.Cut(bare, "/")
		return &flaw{quote(s) + " is a URL, not a host name", mend + ": " + quote(bare)}
	case strings.Contains(s, "@"):
		return &flaw{quote(s) + " is a mail address, not a host name", "write the domain after the @"}
	case strings.HasPrefix(s, "["):
		return &flaw{quote(s) + " is in brackets", "write the address without brackets and the port, if any, under port"}
	case strings.ContainsAny(s, " \t\r\n"):
		return &flaw{quote(s) + " contains a space", "write one host name"}
	case strings.HasPrefix(s, "*."):
		return &flaw{quote(s) + " is a wildcard", "write each host name that is in use"}
	}
	if host, port, ok := strings.Cut(s, ":"); ok && !strings.Contains(port, ":") {
		return &flaw{quote(s) + " has a port in it", "write " + quote(host) + " and the port apart"}
	}
	return nil
}

func hostAddr(s string, addr netip.Addr) (string, *flaw) {
	switch {
	case addr.Zone() != "":
		return "", &flaw{quote(s) + " is an address of one link only", "write a global address"}
	case addr.Is4In6():
		return "", &flaw{quote(s) + " is an IPv4-mapped address", "write " + addr.Unmap().String()}
	}
	return addr.String(), nil
}

// whyNotName says what is wrong with a name whose A-label form is ascii.
func whyNotName(s, ascii string) *flaw {
	labels := strings.Split(ascii, ".")
	last := labels[len(labels)-1]
	switch {
	case len(ascii) > 253:
		return &flaw{quote(s) + " is longer than a host name can be", "write 253 characters at most"}
	case strings.Contains(ascii, "_"):
		return &flaw{quote(s) + " has an underscore, which host names may not have", "write the host's own name, with hyphens"}
	case strings.Trim(last, "0123456789") == "" && last != "":
		return &flaw{quote(s) + " looks like an address but is none", "write it as 192.0.2.1 or 2001:db8::1"}
	}
	for _, l := range labels {
		switch {
		case l == "":
			return &flaw{quote(s) + " has an empty label", "leave out the extra dot"}
		case len(l) > 63:
			return &flaw{quote(s) + " has a label of " + strconv.Itoa(len(l)) + " characters", "write 63 at most between two dots"}
		case l[0] == '-' || l[len(l)-1] == '-':
			return &flaw{quote(s) + " has a label that begins or ends with a hyphen", "leave out the hyphen"}
		}
	}
	if len(labels) == 1 && isHostName(ascii+".vn") {
		return &flaw{quote(s) + " is not a whole name", "write it with its domain, such as " + quote(ascii+".daknong.gov.vn")}
	}
	return &flaw{quote(s) + " is not a host name", "write letters, digits, hyphens and dots, such as www.daknong.gov.vn"}
}
