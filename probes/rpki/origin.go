package rpki

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ASN is an autonomous system number, 0..4294967295 (RFC 6793). AS 0 in a VRP
// authorises nobody and never matches (RFC 6483 section 4).
type ASN uint32

// String returns the number in asplain form with prefix, "AS64500" (RFC 5396).
func (a ASN) String() string { return "AS" + strconv.FormatUint(uint64(a), 10) }

// Reserved names the special registry range of a, or returns "" for a number
// that may originate public routes (IANA AS numbers registry, RFC 7300). The
// documentation numbers (RFC 5398) are not among them: they occur together with
// documentation addresses, in worlds made for tests.
func (a ASN) Reserved() string {
	switch {
	case a == 0:
		return "AS 0" // RFC 7607
	case a == 23456:
		return "AS_TRANS" // RFC 6793
	case a >= 64512 && a <= 65534, a >= 4200000000 && a <= 4294967294:
		return "private" // RFC 6996
	case a == 65535, a == 4294967295:
		return "last ASN" // RFC 7300
	case a >= 65552 && a <= 131071:
		return "unallocated"
	}
	return ""
}

// Origin is the origin of a route. The zero Origin is NONE, the origin of a
// path that ends in an AS_SET: no VRP matches it (RFC 6811 section 2).
type Origin struct {
	ASN   ASN
	Known bool // false: NONE, and ASN means nothing
}

// From returns the origin a.
func From(a ASN) Origin { return Origin{ASN: a, Known: true} }

// String returns "AS64500", or "none".
func (o Origin) String() string {
	if !o.Known {
		return "none"
	}
	return o.ASN.String()
}

// MarshalText writes the form of String.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// ParseASN reads "AS64500" or "64500" (letters in either case), or "none" for
// a route whose path ends in an AS_SET. The error is one sentence for the user.
func ParseASN(s string) (a ASN, none bool, err error) {
	t := strings.TrimSpace(s)
	if strings.EqualFold(t, "none") {
		return 0, true, nil
	}
	digits := t
	if len(t) > 2 && strings.EqualFold(t[:2], "as") {
		digits = t[2:]
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, false, fmt.Errorf("%q is no AS number: write AS64500, 64500 (0 to 4294967295) or none", s)
	}
	return ASN(n), false, nil
}

// ParseOrigin is ParseASN with an Origin as result.
func ParseOrigin(s string) (Origin, error) {
	a, none, err := ParseASN(s)
	if err != nil || none {
		return Origin{}, err
	}
	return From(a), nil
}

// ParsePrefix reads a route prefix in CIDR form. Host bits and bare addresses are
// refused with a sentence that says what to write: which prefix is announced must
// not be guessed. ::ffff:192.0.2.0/120 is the IPv6 prefix that it says: routes
// and ROAs have no mapped form (RFC 4291 section 2.5.5.2 has it for hosts alone),
// so it has nothing to do with 192.0.2.0/24.
func ParsePrefix(s string) (netip.Prefix, error) {
	t := strings.TrimSpace(s)
	p, err := netip.ParsePrefix(t)
	if err != nil {
		if a, aerr := netip.ParseAddr(t); aerr == nil && a.Zone() == "" {
			return netip.Prefix{}, fmt.Errorf("%q is an address: add the length of the prefix that is announced, such as %s/%d", s, a, a.BitLen())
		}
		return netip.Prefix{}, fmt.Errorf("%q is no prefix: write it as 192.0.2.0/24 or 2001:db8::/32", s)
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits set behind its length: the prefix is %s, or write a longer length", s, m)
	}
	return p, nil
}

// canonical returns p masked, or an invalid prefix.
func canonical(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return netip.Prefix{}
	}
	return p.Masked()
}
