package main

import (
	"fmt"
	"io"
	"time"

	"ready6/probes/dnssec"
	"ready6/probes/rpki"
	"ready6/probes/verdict"
	"ready6/reports"
)

// marks tell states apart without colour.
var marks = map[string]string{
	"secure": "✓", "valid": "✓", "insecure": "!", "not-found": "!", "bogus": "✗", "invalid": "✗",
}

// ink colours a state's line where colour is wanted.
func ink(state, text string, sc reports.Screen) string {
	code := map[string]string{"✓": "32", "!": "33", "✗": "31"}[mark(state)]
	if !sc.Colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func mark(state string) string {
	if m, ok := marks[state]; ok {
		return m
	}
	return "?"
}

func withCause(r dnssec.Reason) map[string]string {
	args := map[string]string{"cause": string(r.Cause), "detail": r.Detail, "zone": r.Zone, "record": r.Record}
	for k, v := range r.Args {
		args[k] = v
	}
	return args
}

// writeValidity prints one route's validation. The stable words of state and
// reason stand in every language: they are what other tools say.
func writeValidity(w io.Writer, v rpki.Validity, s *rpki.Snapshot, sc reports.Screen) error {
	p := &printer{w: w}
	state := v.State().String()
	said := state
	if why := v.Reason(); why != "" {
		said += " (" + why + ")"
	}
	if sc.Lang == verdict.VI {
		said = routeStates[state].vi + ": " + said
	}
	p.line("%s", ink(state, fmt.Sprintf("%s %s %s: %s", mark(state), v.Prefix, v.Origin, said), sc))
	for _, group := range []struct {
		name saying
		list []rpki.VRP
	}{{sayVRPMatched, v.Matched}, {sayVRPOrigin, v.WrongOrigin}, {sayVRPLength, v.TooSpecific}} {
		for _, vrp := range group.list {
			p.line("  %-12s  %s", group.name.in(sc.Lang), withTA(vrp))
		}
	}
	src := s.Source()
	made := ""
	if !src.At.IsZero() {
		made = fmt.Sprintf(sayMade.in(sc.Lang), src.At.UTC().Format(time.RFC3339))
	}
	p.line("  "+sayCompared.in(sc.Lang)+"%s", s.Len(), reports.Clean(src.Name), made)
	return p.err
}

// printer writes lines until the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(form string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, form+"\n", a...)
	}
}
