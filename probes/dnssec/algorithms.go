package dnssec

import (
	_ "embed"
	"encoding/csv"
	"strconv"
	"strings"
)

//go:embed data/algorithms.csv
var algorithmsCSV string

// advice is what a column of the registries says (RFC 9904 2.2); empty where the
// registry has no such column for the number.
type advice string

const (
	mandatory      advice = "MUST"
	recommended    advice = "RECOMMENDED"
	may            advice = "MAY"
	notRecommended advice = "NOT RECOMMENDED"
	mustNot        advice = "MUST NOT"
)

// algorithm is one row of the registries; the zero value is an unassigned number.
type algorithm struct {
	mnemonic                       string
	name                           string // number and mnemonic
	sign, validate                 advice // use; for digests, sign is for delegation
	implementSign, implementVerify advice
	checked                        bool // this program has it, and the registry lets it be used
	ref                            string
}

// supported reports whether signatures or digests of the row are checked. What
// is not leaves a zone insecure, never bogus (RFC 4035 5.2).
func (a algorithm) supported() bool { return a.checked }

// outdated reports that nothing new is to be signed, or delegated, with it.
func (a algorithm) outdated() bool { return a.sign == mustNot || a.sign == notRecommended }

// registry is the dated table of both registries, by number.
type registry struct {
	asOf                string // "2006-01"
	algorithms, digests map[uint8]algorithm
}

var (
	iana                = readRegistry(algorithmsCSV)
	algorithms, digests = iana.algorithms, iana.digests
)

// readRegistry reads the embedded table strictly.
func readRegistry(text string) registry {
	r := registry{algorithms: make(map[uint8]algorithm), digests: make(map[uint8]algorithm)}
	in := csv.NewReader(strings.NewReader(text))
	in.Comment, in.FieldsPerRecord = '#', -1
	rows, err := in.ReadAll()
	if err != nil {
		panic("dnssec: embedded algorithm table: " + err.Error()) // our own file, covered by tests
	}
	for _, f := range rows {
		switch {
		case len(f) == 2 && f[0] == "as of":
			r.asOf = f[1]
		case len(f) != 9:
			panic("dnssec: embedded algorithm table: " + strings.Join(f, ","))
		case f[0] == "algorithm":
			r.algorithms[number(f[1])] = row(f)
		case f[0] == "digest":
			r.digests[number(f[1])] = row(f)
		}
	}
	return r
}

func number(text string) uint8 {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		panic("dnssec: embedded algorithm table: " + err.Error())
	}
	return uint8(n)
}

func row(f []string) algorithm {
	return algorithm{mnemonic: f[2], name: f[1] + " " + f[2], sign: advice(f[3]), validate: advice(f[4]), implementSign: advice(f[5]), implementVerify: advice(f[6]),
		checked: f[7] == "yes", ref: f[8]}
}

// algorithmName returns "8 RSASHA256", or "99" for an unassigned number.
func algorithmName(n uint8) string { return registryName(algorithms, n) }

// digestName returns "2 SHA-256", or "99".
func digestName(n uint8) string { return registryName(digests, n) }

func registryName(table map[uint8]algorithm, n uint8) string {
	if a, ok := table[n]; ok {
		return a.name
	}
	return strconv.Itoa(int(n))
}
