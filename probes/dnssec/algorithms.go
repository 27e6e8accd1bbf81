package dnssec

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed data/algorithms.csv
var algorithmsCSV string

// standing is how the registries (and this program's abilities) rank an
// algorithm or digest. The zero value is an unassigned number.
type standing string

const (
	current     standing = "current"
	deprecated  standing = "deprecated"
	forbidden   standing = "forbidden"
	unsupported standing = "unsupported"
)

// algorithm is one row of the registry.
type algorithm struct {
	mnemonic string
	standing standing
	ref      string
}

// supported reports whether signatures or digests of the row are checked. What
// is not leaves a zone insecure, never bogus (RFC 4035 5.2).
func (a algorithm) supported() bool { return a.standing == current || a.standing == deprecated }

// algorithms and digests are the registries by number; written only here.
var algorithms, digests = readAlgorithms(algorithmsCSV)

func readAlgorithms(text string) (algs, digs map[uint8]algorithm) {
	algs, digs = make(map[uint8]algorithm), make(map[uint8]algorithm)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, ",")
		number, err := strconv.ParseUint(f[1], 10, 8)
		if err != nil || len(f) != 5 {
			panic("dnssec: embedded algorithm table: " + line)
		}
		row := algorithm{f[2], standing(f[3]), f[4]}
		if f[0] == "digest" {
			digs[uint8(number)] = row
		} else {
			algs[uint8(number)] = row
		}
	}
	return algs, digs
}

// algorithmName returns "8 RSASHA256", or "99" for an unassigned number.
func algorithmName(n uint8) string { return registryName(algorithms, n) }

// digestName returns "2 SHA-256", or "99".
func digestName(n uint8) string { return registryName(digests, n) }

func registryName(table map[uint8]algorithm, n uint8) string {
	if a, ok := table[n]; ok {
		return fmt.Sprintf("%d %s", n, a.mnemonic)
	}
	return strconv.Itoa(int(n))
}
