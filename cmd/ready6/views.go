package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/miekg/dns"

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

// writeChain prints a validation: the state, the chain zone by zone, what
// decides with who was asked and the mend, and the answer.
func writeChain(w io.Writer, v dnssec.Result, asked []verdict.Evidence, sc reports.Screen) error {
	p := &printer{w: w}
	rrtype := dns.Type(v.Type).String()
	p.line("%s", ink(v.State.String(), fmt.Sprintf("%s %s %s: %s%s",
		mark(v.State.String()), v.Name, rrtype, states[v.State].in(sc.Lang), absence(v, rrtype, sc.Lang)), sc))
	for i, l := range v.Chain {
		p.line("%s", ink(l.State.String(), strings.Repeat("  ", i+1)+link(l, sc.Lang), sc))
	}
	for _, r := range v.Reasons {
		said := verdict.Result{Reason: r.Code, Subject: v.Name + " " + rrtype, Args: withCause(r)}
		p.line("")
		p.line("%s  [%s]", said.Title(sc.Lang), r.Code)
		if r.Detail != "" && r.Detail != said.Title(verdict.EN) { // the detail is English, and mostly the title
			p.line("  %s", reports.Clean(r.Detail))
		}
		if r.Record != "" {
			p.line("  %s", reports.Clean(r.Record))
		}
		if role, ok := roles[r.Owner.Role]; ok {
			p.line("  %s %s: %s", sayOwner.in(sc.Lang), role.in(sc.Lang), reports.Clean(r.Owner.Name))
		}
		if a := said.Advice(sc.Lang); a != "" {
			p.line("  %s %s", sayMend.in(sc.Lang), a)
		}
	}
	if v.State != dnssec.Secure {
		for _, e := range asked {
			p.line("  "+sayAsked.in(sc.Lang), reports.Clean(e.Asked), reports.Clean(e.Query), e.Over, reports.Clean(e.Answer))
		}
	}
	if len(v.Answer) > 0 {
		p.line("")
	}
	for _, rr := range v.Answer {
		p.line("%s", reports.Clean(rr.String()))
	}
	return p.err
}

// absence says that there is no such name or record, where that is the answer.
func absence(v dnssec.Result, rrtype string, l verdict.Lang) string {
	switch {
	case v.Rcode == dns.RcodeNameError:
		return " · " + fmt.Sprintf(sayNoName.in(l), dns.RcodeToString[v.Rcode])
	case v.Negative && v.Rcode == dns.RcodeSuccess:
		return " · " + fmt.Sprintf(sayNoRecord.in(l), rrtype)
	}
	return ""
}

func withCause(r dnssec.Reason) map[string]string {
	args := map[string]string{"cause": string(r.Cause), "detail": r.Detail, "zone": r.Zone, "record": r.Record}
	for k, v := range r.Args {
		args[k] = v
	}
	return args
}

// link is one zone of a chain in a line.
func link(l dnssec.Link, lang verdict.Lang) string {
	var keys []string
	for _, k := range l.Keys {
		role := "ZSK"
		if k.Flags&dns.SEP != 0 {
			role = "KSK"
		}
		use := ""
		if k.Trusted {
			use = ", " + map[bool]string{true: "anchor", false: "DS"}[len(l.Anchor) > 0]
		}
		keys = append(keys, fmt.Sprintf("%s %d (%s%s)", role, k.Tag, k.Algorithm, use))
	}
	out := fmt.Sprintf("%s %s %s", mark(l.State.String()), l.Zone, states[l.State].in(lang))
	if len(keys) > 0 {
		out += "  " + strings.Join(keys, "; ")
	}
	if !l.Expires.IsZero() {
		out += "  " + sayUntil.in(lang) + " " + l.Expires.UTC().Format(time.RFC3339)
	}
	if l.Reason != nil {
		out += "  [" + string(l.Reason.Code) + "]"
	}
	return out
}

// writeValidity prints one route's validation.
func writeValidity(w io.Writer, v rpki.Validity, s *rpki.Snapshot, sc reports.Screen) error {
	p := &printer{w: w}
	state := v.State().String()
	why := ""
	if r := v.Reason(); r != "" {
		why = " (" + r + ")"
	}
	p.line("%s", ink(state, fmt.Sprintf("%s %s %s: %s%s", mark(state), v.Prefix, v.Origin, state, why), sc))
	for _, group := range []struct {
		name string
		list []rpki.VRP
	}{{"matched", v.Matched}, {"wrong origin", v.WrongOrigin}, {"too specific", v.TooSpecific}} {
		for _, vrp := range group.list {
			p.line("  %-12s  %s  %s", group.name, vrp, reports.Clean(vrp.TA))
		}
	}
	src := s.Source()
	made := ""
	if !src.At.IsZero() {
		made = ", made " + src.At.UTC().Format(time.RFC3339)
	}
	p.line("  compared with %d VRPs of %s%s", s.Len(), src.Name, made)
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
