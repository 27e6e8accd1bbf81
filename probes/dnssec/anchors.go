package dnssec

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/miekg/dns"
)

//go:embed data/root-anchors.txt
var rootAnchorsText string

// RootAnchors returns IANA's trust anchors of the root zone as DS records:
// KSK-2017 (20326) and KSK-2024 (38696).
func RootAnchors() []dns.RR {
	anchors, err := ReadAnchors(strings.NewReader(rootAnchorsText))
	if err != nil {
		panic("dnssec: embedded root anchors: " + err.Error())
	}
	return anchors
}

// maxAnchorFile bounds a trust anchor file, in bytes; the root's has 1 KiB.
const maxAnchorFile = 1 << 20

// ReadAnchors reads trust anchors in zone-file form: DS and DNSKEY records of
// class IN, any owners, ";" comments, parentheses over several lines, $ORIGIN
// and $TTL. Every fault is reported, each with the line it is on; a file
// without any anchor is a fault too.
func ReadAnchors(r io.Reader) ([]dns.RR, error) {
	var anchors []dns.RR
	var faults []error
	in := bufio.NewReader(io.LimitReader(r, maxAnchorFile+1))
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	if len(text) > maxAnchorFile {
		return nil, fmt.Errorf("longer than %d bytes: this is no trust anchor file", maxAnchorFile)
	}
	origin := "."
	for _, e := range entries(string(text)) {
		if o, ok := strings.CutPrefix(e.text, "$ORIGIN"); ok {
			origin = dns.Fqdn(strings.TrimSpace(o))
			continue
		}
		if strings.HasPrefix(e.text, "$TTL") {
			continue
		}
		zp := dns.NewZoneParser(strings.NewReader(e.text+"\n"), origin, "")
		zp.SetDefaultTTL(3600)
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			if fault := anchorFault(rr); fault != "" {
				faults = append(faults, fmt.Errorf("line %d: %s", e.line, fault))
			} else {
				anchors = append(anchors, rr)
			}
		}
		if err := zp.Err(); err != nil {
			faults = append(faults, fmt.Errorf("line %d: not a record in zone-file form: %s", e.line, strings.TrimPrefix(err.Error(), "dns: ")))
		}
	}
	if len(anchors) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("no DS or DNSKEY record in it"))
	}
	return anchors, errors.Join(faults...)
}

// anchorFault says in words what keeps a record from being a trust anchor.
func anchorFault(rr dns.RR) string {
	if rr.Header().Class != dns.ClassINET {
		return "a trust anchor must be of class IN"
	}
	if _, ok := parseName(rr.Header().Name); !ok {
		return "the owner is not a domain name"
	}
	switch a := rr.(type) {
	case *dns.DS:
		want := map[uint8]int{dns.SHA1: 40, dns.SHA256: 64, dns.SHA384: 96}[a.DigestType]
		if want != 0 && len(a.Digest) != want {
			return fmt.Sprintf("a digest of type %s has %d hexadecimal digits, not %d", digestName(a.DigestType), want, len(a.Digest))
		}
	case *dns.DNSKEY:
		k := newKey(a)
		switch {
		case !k.zoneKey():
			return "the DNSKEY is not a zone key (flags 256 or 257, protocol 3)"
		case k.revoked():
			return "the DNSKEY is revoked"
		case k.check == nil && algorithms[a.Algorithm].supported():
			return "the public key cannot be read"
		}
	default:
		return fmt.Sprintf("a trust anchor is a DS or DNSKEY record, not %s", dns.TypeToString[rr.Header().Rrtype])
	}
	return ""
}

// entry is one record of a zone file with the line it starts on.
type entry struct {
	text string
	line int
}

// entries cuts zone-file text into records: comments dropped, parentheses
// joined, so that one bad record does not hide the faults after it.
func entries(text string) []entry {
	var out []entry
	var b strings.Builder
	depth, line, start, quoted := 0, 1, 1, false
	flush := func() {
		if s := b.String(); strings.TrimSpace(s) != "" {
			out = append(out, entry{strings.TrimRight(s, " \t\r"), start})
		}
		b.Reset()
		start = line
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] != '\n':
			b.WriteString(text[i : i+2])
			i++
		case c == '"':
			quoted = !quoted
			b.WriteByte(c)
		case quoted && c != '\n':
			b.WriteByte(c)
		case c == ';':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == '(':
			if depth++; b.Len() > 0 { // a blank in front would mean "the owner before"
				b.WriteByte(' ')
			}
		case c == ')':
			depth = max(0, depth-1)
			b.WriteByte(' ')
		case c == '\n':
			line++
			quoted = false
			if depth == 0 {
				flush()
			} else if b.Len() > 0 {
				b.WriteByte(' ')
			}
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return out
}
