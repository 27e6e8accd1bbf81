package rpki

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// maxShown bounds the VRPs, origins and routes that a sentence or evidence names.
const maxShown = 8

// Results turns the finding into results: first the one whose reason stands for
// the state, then notes on what else was seen (several origins, leaks, what
// remains if an invalid route is dropped), each with the same evidence.
//
// The owner is the origin AS in the role of a hosting provider, or the operator
// where data is missing. For an address of an agency's own block the caller
// knows better and replaces it.
func (f Finding) Results() []verdict.Result {
	main := f.result(f.Code(), f.args())
	out := []verdict.Result{main}
	add := func(code verdict.Reason, args map[string]string) {
		out = append(out, f.result(code, args))
	}
	if main.Owner.Role == verdict.Operator {
		return out
	}
	f.noteOrigins(add)
	f.noteDropped(add)
	f.noteOthers(add)
	if len(f.Advisory) > 0 {
		add("rpki.note.as0-advisory", map[string]string{"vrps": list(f.Advisory)})
	}
	if f.Old && main.Reason != "rpki.special" {
		old := f.result("rpki.note.vrps-old", map[string]string{"age": age(f.At, f.From.At)})
		old.Subject, old.Owner = f.From.Name, verdict.Owner{Role: verdict.Operator}
		out = append(out, old)
	}
	return out
}

func (f Finding) result(code verdict.Reason, args map[string]string) verdict.Result {
	return verdict.Result{
		Check: verdict.RPKI, Reason: code, Subject: f.Addr.String(), Args: args,
		Owner: f.owner(), Evidence: f.evidence(), At: f.At,
	}
}

func (f Finding) owner() verdict.Owner {
	if f.State() == Unknown {
		return verdict.Owner{Role: verdict.Operator}
	}
	owner := verdict.Owner{Role: verdict.Hosting}
	if j, ok := f.Worst(); ok && j.Origin.Known && j.Origin.ASN.Reserved() == "" {
		owner.Name = j.Origin.String()
	}
	return owner
}

// args fill the sentence of the main result.
func (f Finding) args() map[string]string {
	a := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	set("vrps", list(f.VRPs))
	set("source", f.From.Name)
	set("table", f.Table.Name)
	if !f.From.At.IsZero() {
		set("age", age(f.At, f.From.At))
	}
	if f.Code() == "rpki.unknown.routes-stale" {
		set("age", age(f.At, f.Table.At))
	}
	for _, j := range f.Routes {
		if j.Use == Unnamed {
			set("prefix", j.Prefix.String())
		}
	}
	j, ok := f.Worst()
	if !ok {
		return a
	}
	set("prefix", j.Prefix.String())
	set("origin", j.Origin.String())
	set("length", strconv.Itoa(j.Prefix.Bits()))
	if j.Peers > 0 {
		set("peers", strconv.Itoa(j.Peers))
	}
	switch v := j.Validity; {
	case v.State() == Valid:
		set("vrps", list(v.Matched))
	case v.Reason() == "length":
		set("vrps", list(v.TooSpecific))
		set("max", strconv.Itoa(v.TooSpecific[0].MaxLen))
	case v.State() == Invalid:
		set("vrps", list(v.WrongOrigin))
	}
	return a
}

// noteOrigins: several origins, and origins that cannot be anybody's.
func (f Finding) noteOrigins(add func(verdict.Reason, map[string]string)) {
	deciding := f.Deciding()
	if len(deciding) > 1 {
		var names []string
		for _, j := range deciding {
			names = append(names, fmt.Sprintf("%s (%s)", j.Origin, j.Validity.State()))
		}
		add("rpki.note.moas", map[string]string{
			"prefix": deciding[0].Prefix.String(), "origins": strings.Join(names[:min(len(names), maxShown)], ", ")})
	}
	for _, j := range deciding[:min(len(deciding), maxShown)] {
		args := map[string]string{"prefix": j.Prefix.String(), "origin": j.Origin.String()}
		switch {
		case !j.Origin.Known:
			add("rpki.note.as-set", args)
		case j.Origin.ASN.Reserved() != "":
			add("rpki.note.reserved-asn", args)
		}
	}
}

// noteDropped says what is left for networks that drop the invalid route.
func (f Finding) noteDropped(add func(verdict.Reason, map[string]string)) {
	j, ok := f.Worst()
	if !ok || f.State() != Invalid {
		return
	}
	for _, other := range f.Routes {
		if (other.Use == Decides || other.Use == Backup || other.Use == Unnamed) && other.Validity.State() != Invalid {
			add("rpki.note.dropped-covered", map[string]string{"prefix": j.Prefix.String(), "other": other.name()})
			return
		}
	}
	add("rpki.note.dropped-dark", map[string]string{"prefix": j.Prefix.String()})
}

// noteOthers: covering routes that do not decide and deserve a word.
func (f Finding) noteOthers(add func(verdict.Reason, map[string]string)) {
	codes := map[Use]verdict.Reason{
		Hidden: "rpki.note.hidden", Narrow: "rpki.note.narrow", Default: "rpki.note.default",
	}
	n := 0
	for _, j := range f.Routes {
		code := codes[j.Use]
		if j.Use == Backup && j.Validity.State() == Invalid {
			code = "rpki.note.less-specific-invalid"
		}
		if code == "" || j.Local || n == maxShown {
			continue
		}
		n++
		add(code, map[string]string{"prefix": j.Prefix.String(), "origin": j.Origin.String(),
			"peers": strconv.Itoa(j.Peers), "state": j.Validity.State().String()})
	}
}

// evidence: which routes the table holds for the address, and which VRPs were
// compared with those that decide.
func (f Finding) evidence() []verdict.Evidence {
	var out []verdict.Evidence
	if f.Table.Name != "" {
		var routes []string
		for _, j := range f.Routes[:min(len(f.Routes), maxShown)] {
			text := j.name()
			if j.Peers > 0 {
				text += fmt.Sprintf(" (%d peers)", j.Peers)
			}
			routes = append(routes, text)
		}
		out = append(out, verdict.Evidence{At: f.Table.At, Asked: f.Table.Name, Over: f.Table.Over,
			Query: f.Addr.String(), Answer: orNone(strings.Join(routes, ", "))})
	}
	if f.From.Name == "" {
		return out
	}
	ask := verdict.Evidence{At: f.From.At, Asked: f.From.Name, Over: f.From.Over}
	for _, j := range f.Deciding()[:min(len(f.Deciding()), maxShown)] {
		e := ask
		e.Query = j.Prefix.String() + " " + j.Origin.String()
		e.Answer = j.Validity.State().String() + ": " + orNone(list(j.Validity.covering()))
		out = append(out, e)
	}
	if len(f.Deciding()) == 0 {
		ask.Query, ask.Answer = f.Addr.String(), orNone(list(f.VRPs))
		out = append(out, ask)
	}
	return out
}

// name is "192.0.2.0/24 AS64500".
func (r Route) name() string {
	if r.Local {
		return r.Prefix.String() + " local"
	}
	return r.Prefix.String() + " " + r.Origin.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// list names VRPs, each once, "…" standing for more than maxShown.
func list(vrps []VRP) string {
	var names []string
	for _, v := range vrps {
		if s := v.String(); !slices.Contains(names, s) {
			names = append(names, s)
		}
		if len(names) > maxShown {
			names[maxShown] = "…"
			break
		}
	}
	return strings.Join(names, ", ")
}

// age words a span in whole hours, or minutes under three hours.
func age(now, then time.Time) string {
	d := now.Sub(then)
	if d < 3*time.Hour {
		return strconv.Itoa(int(d/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/time.Hour)) + " h"
}
