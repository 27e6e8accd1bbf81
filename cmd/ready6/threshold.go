package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
	"ready6/reports"
)

// threshold is one condition of --fail-on.
type threshold func(reports.Service) bool

// parseThresholds reads the words of --fail-on.
func parseThresholds(words []string) ([]threshold, error) {
	var out []threshold
	for _, w := range words {
		word, level, given := strings.Cut(w, "=")
		var t threshold
		switch word {
		case "fail":
			t = func(s reports.Service) bool { return s.Counts.Fail > 0 }
		case "warn":
			t = func(s reports.Service) bool { return s.Counts.Fail+s.Counts.Warn > 0 }
		case "unknown":
			t = func(s reports.Service) bool { return s.Counts.Unknown > 0 }
		case "bogus":
			t = func(s reports.Service) bool { return s.DNSSEC == "bogus" }
		case "invalid":
			t = func(s reports.Service) bool { return s.RPKI == "invalid" }
		case "below":
			n, err := strconv.Atoi(level)
			if err != nil || n < 1 || n > reports.TopLevel {
				return nil, fmt.Errorf("%q: a level from 1 to %d is wanted, as in below=2", w, reports.TopLevel)
			}
			// Only a level that was measured can be too low: unknown is no finding.
			t = func(s reports.Service) bool { return s.Reached(n) == verdict.Fail }
		default:
			return nil, fmt.Errorf("%q is not one of fail, warn, unknown, bogus, invalid, below=LEVEL", w)
		}
		if given && word != "below" {
			return nil, fmt.Errorf("%q takes no value", word)
		}
		out = append(out, t)
	}
	return out, nil
}

// onlyWords refuses words typed after --fail-on that mean nothing for what the
// command looks at: a gate that cannot close is worse than none. Those that come
// from the environment or the file are for other commands.
func onlyWords(c config, words ...string) error {
	for _, w := range c.list("fail-on") {
		if c.typed["fail-on"] && !slices.Contains(words, w) {
			return usagef("fail-on: %q means nothing here; there are %s", w, strings.Join(words, ", "))
		}
	}
	return nil
}

// crossed reports whether any threshold holds of a service.
func crossed(ts []threshold, s reports.Service) bool {
	for _, t := range ts {
		if t(s) {
			return true
		}
	}
	return false
}
