package dial

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"net/netip"
	"strings"
)

// SpecialDate is the day the embedded IANA special-purpose registries
// (RFC 6890, RFC 8190) were fetched. To refresh them, replace the two CSV files
// with iana-ipv4-special-registry-1.csv and iana-ipv6-special-registry-1.csv
// from iana.org/assignments and set this date.
const SpecialDate = "2026-07-18"

//go:embed special-ipv4.csv
var specialIPv4 string

//go:embed special-ipv6.csv
var specialIPv6 string

// block is one address block and whether an address in it can be a public host.
type block struct {
	prefix netip.Prefix
	name   string
	global bool
}

// notInRegistry are blocks that no public host can have an address in, but that
// stand in other registries, and the one that the registry calls reachable
// though its addresses are IPv4 hosts behind somebody's translator.
var notInRegistry = []block{
	{netip.MustParsePrefix("224.0.0.0/4"), "Multicast (RFC 5771)", false},
	{netip.MustParsePrefix("ff00::/8"), "Multicast (RFC 4291)", false},
	{netip.MustParsePrefix("fec0::/10"), "Site-Local, deprecated (RFC 3879)", false},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible, deprecated (RFC 4291)", false},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64 well-known prefix (RFC 6052)", false},
	{netip.MustParsePrefix("::/0"), "not global unicast: outside 2000::/3 (RFC 4291)", false},
	{netip.MustParsePrefix("2000::/3"), "Global Unicast", true},
	{netip.MustParsePrefix("0.0.0.0/0"), "Unicast", true},
}

// blocks is read-only after start-up: the registries and notInRegistry.
var blocks = readBlocks()

func readBlocks() []block {
	all := append([]block(nil), notInRegistry...)
	for _, text := range []string{specialIPv4, specialIPv6} {
		b, err := parseRegistry(text)
		if err != nil {
			panic("dial: embedded registry: " + err.Error()) // our own file, covered by tests
		}
		all = append(all, b...)
	}
	return all
}

// parseRegistry reads IANA's CSV form. A block counts as reachable only where
// the registry says True; False, N/A and blank (deprecated) do not.
func parseRegistry(text string) ([]block, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []block
	for i, row := range rows {
		if i == 0 {
			if len(row) < 9 || row[0] != "Address Block" || row[8] != "Globally Reachable" {
				return nil, fmt.Errorf("unexpected header %q", row)
			}
			continue
		}
		for part := range strings.SplitSeq(row[0], ",") {
			text, _, _ := strings.Cut(strings.TrimSpace(part), " ") // drops a footnote: "2002::/16 [3]"
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i+1, err)
			}
			rfc := strings.Join(strings.Fields(row[2]), " ")
			out = append(out, block{p, row[1] + " " + rfc, row[8] == "True"})
		}
	}
	return out, nil
}

// Special says whether addr lies in a block that no public service can live in
// (private, documentation, loopback, link-local, multicast, unique-local,
// IPv4-mapped, NAT64, 6to4, Teredo, …, or IPv6 space that is not global
// unicast), and the name of that block with its RFC. The longest matching block
// decides, so the reachable anycast addresses inside 192.0.0.0/24 and
// 2001::/23 are not special. An IPv4-mapped address is special as such: it is
// not looked at as the IPv4 address inside. An invalid addr is special.
func Special(addr netip.Addr) (name string, special bool) {
	if !addr.IsValid() {
		return "not an address", true
	}
	addr = addr.WithZone("")
	best := block{}
	for _, b := range blocks {
		// Ties go to the first, which is ours.
		if b.prefix.Contains(addr) && (!best.prefix.IsValid() || b.prefix.Bits() > best.prefix.Bits()) {
			best = b
		}
	}
	if best.global {
		return "", false
	}
	return best.name, true
}
