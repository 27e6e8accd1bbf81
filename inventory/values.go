package inventory

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The closed lists of the files.
var (
	agencyKinds  = []string{string(Provincial), string(Department), string(Office), string(District), string(Commune), string(Unit), string(Enterprise)}
	serviceKinds = []string{"web", "mail", "dns", "tcp", "tls"}
	visibilities = []string{public, "internal"}
	metrics      = []string{string(AgenciesDualStack), string(AgenciesIPv6OnlyReady), string(ServicesDualStack), string(ServicesIPv6OnlyReady),
		string(ServicesIPv6Only), string(ServicesSecure), string(PrefixesROA), string(NotMeasured)}
	canaryWants = map[string][]string{"reach": {"up", "down"}, "dnssec": {"secure", "insecure", "bogus"}}
)

const public = "public"

// maxText bounds names, clauses, reasons and sources, in bytes.
const maxText = 8000

// parseText makes one line of a text: runs of white space become one space.
func parseText(s string) (string, *flaw) {
	switch {
	case !utf8.ValidString(s):
		return "", &flaw{"is not UTF-8 text", "save the file as UTF-8"}
	case len(s) > maxText:
		return "", &flaw{"is longer than " + strconv.Itoa(maxText) + " bytes", "shorten it"}
	}
	s = strings.Join(strings.Fields(s), " ")
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return "", &flaw{"contains the invisible character " + strconv.QuoteRuneToASCII(r), "type it anew without that character"}
	}
	return s, nil
}

func parseID(s string) (string, *flaw) {
	const mend = "write lower-case letters, digits and single hyphens, 64 at most, such as "
	good := len(s) <= 64 && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-") && !strings.Contains(s, "--")
	for i := 0; good && i < len(s); i++ {
		good = s[i] == '-' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9'
	}
	if good && s != "" {
		return s, nil
	}
	return "", &flaw{quote(s) + " is not an id", mend + strconv.Quote(suggestID(s))}
}

// suggestID makes an id of a name.
func suggestID(s string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return -1
	}, Fold(s[:min(len(s), 256)]))
	for strings.Contains(id, "--") {
		id = strings.ReplaceAll(id, "--", "-")
	}
	if id = strings.Trim(id[:min(len(id), 64)], "-"); id == "" {
		return "so-noi-vu"
	}
	return id
}

// parseDate reads 2006-01-02 of the years 1900 to 2199.
func parseDate(s string) (Date, *flaw) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1900 || t.Year() > 2199 {
		return Date{}, &flaw{quote(s) + " is not a date", "write year-month-day, such as 2025-06-30"}
	}
	return Date{t}, nil
}

func parsePort(s string) (uint16, *flaw) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, &flaw{quote(s) + " is not a port", "write a number from 1 to 65535"}
	}
	return uint16(n), nil
}

// parseASN reads "AS64500" or "64500" and refuses the numbers no network can
// have: 0 (RFC 7607), 23456 (RFC 6793), 65535 and 4294967295 (RFC 7300).
func parseASN(s string) (uint32, *flaw) {
	digits := s
	if len(s) > 2 && strings.EqualFold(s[:2], "AS") {
		digits = s[2:]
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || digits[0] == '+' {
		return 0, &flaw{quote(s) + " is not an AS number", "write it as AS64500"}
	}
	if slices.Contains([]uint64{0, 23456, 65535, 4294967295}, n) {
		return 0, &flaw{quote(s) + " is a reserved AS number that no network has", "write the network's own number"}
	}
	return uint32(n), nil
}

// parseMail reads a bare mail address: an ASCII dot-atom (RFC 5322 3.4.1) before
// the sign and a host name after it, which comes back as A-labels.
func parseMail(s string) (string, *flaw) {
	wrong := &flaw{quote(s) + " is not a mail address", "write it as cntt@example.gov.vn, without a name"}
	local, host, found := strings.Cut(s, "@")
	if !found || local == "" || len(local) > 64 || strings.Trim(local, ".") != local || strings.Contains(local, "..") {
		return "", wrong
	}
	for _, c := range []byte(local) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>@[\]`, c) >= 0 {
			return "", wrong
		}
	}
	host, f := parseHost(host)
	if _, err := netip.ParseAddr(host); f != nil || err == nil {
		return "", wrong
	}
	return local + "@" + host, nil
}

func formatASN(n uint32) string { return "AS" + strconv.FormatUint(uint64(n), 10) }

func parsePrefix(s string) (netip.Prefix, *flaw) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, &flaw{quote(s) + " is not an address block", "write it as 2001:db8::/32 or 192.0.2.0/24"}
	case p.Addr().Is4In6():
		return p, &flaw{quote(s) + " is an IPv4-mapped block", "write the IPv4 block itself"}
	case p != p.Masked():
		return p, &flaw{quote(s) + " has bits set after the prefix length", "write " + p.Masked().String() + ", or the length that is meant"}
	}
	return p, nil
}

// parsePercent reads a share, 0 to 100.
func parsePercent(s string) (float64, *flaw) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 100) {
		return 0, &flaw{quote(s) + " is not a share in percent", "write a number from 0 to 100, without sign"}
	}
	return f + 0, nil // minus zero becomes zero
}

func parseOption(s string, options []string) (string, *flaw) {
	if slices.Contains(options, s) {
		return s, nil
	}
	return "", &flaw{quote(s) + " is not known", oneOf(s, options)}
}
