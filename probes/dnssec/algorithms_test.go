package dnssec

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The table must be whole, dated, and never check what the registry forbids.
func TestRegistry(t *testing.T) {
	if _, err := time.Parse("2006-01", iana.asOf); err != nil {
		t.Errorf("the table has no date: %v", err)
	}
	use := []advice{may, recommended, notRecommended, mustNot}
	implement := append([]advice{mandatory}, use...)
	for kind, table := range map[string]map[uint8]algorithm{"algorithm": algorithms, "digest": digests} {
		for n, a := range table {
			if kind == "algorithm" && n == dns.INDIRECT { // reserved: without advice
				continue
			}
			if !slices.Contains(use, a.sign) || !slices.Contains(use, a.validate) ||
				!slices.Contains(implement, a.implementSign) || !slices.Contains(implement, a.implementVerify) {
				t.Errorf("%s %d: %+v", kind, n, a)
			}
			if a.mnemonic == "" || a.ref == "" || a.checked && a.validate == mustNot {
				t.Errorf("%s %d: %+v", kind, n, a)
			}
			if a.implementVerify == mandatory && !a.checked {
				t.Errorf("%s %d MUST be implemented for validation", kind, n)
			}
		}
	}
	checked := func(table map[uint8]algorithm) (out []uint8) {
		for n, a := range table {
			if a.checked {
				out = append(out, n)
			}
		}
		slices.Sort(out)
		return out
	}
	if got := checked(algorithms); !slices.Equal(got, []uint8{5, 7, 8, 10, 13, 14, 15}) {
		t.Errorf("algorithms checked: %v", got)
	}
	if got := checked(digests); !slices.Equal(got, []uint8{1, 2, 4}) {
		t.Errorf("digests checked: %v", got)
	}
}
