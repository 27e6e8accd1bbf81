package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"ready6/probes/verdict"
)

// tellPreflight says loudly what the vantage could not prove, and what in it is
// worth a warning. It returns what of the measurement is lost by that: what
// failed, and what could not be found out.
func tellPreflight(w io.Writer, results []verdict.Result, l verdict.Lang) (lost []string) {
	signs := map[verdict.Outcome]string{verdict.Fail: "✗", verdict.Unknown: "?", verdict.Warn: "!"}
	for _, r := range results {
		sign, tell := signs[r.Outcome()]
		if !tell {
			continue
		}
		said := r.Title(l) + "."
		if advice := r.Advice(l); advice != "" {
			said += " " + advice
		}
		fmt.Fprintf(w, "ready6: %s %s\n", sign, said)
		name := cmp.Or(r.Subject, string(r.Reason))
		switch r.Reason {
		case "vantage.anchor-missing", "vantage.anchor-bad", "vantage.anchor-unknown":
			name = "DNSSEC" // which no anchor's name, "." above all, would say
		}
		if r.Outcome() != verdict.Warn && !slices.Contains(lost, name) {
			lost = append(lost, name)
		}
	}
	return lost
}
