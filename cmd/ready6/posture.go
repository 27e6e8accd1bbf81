package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/verdict"
	"ready6/reports"
)

// postureLine is one finding about the zone's upkeep, as --format json has it.
type postureLine struct {
	Code     verdict.Reason     `json:"code"`
	Outcome  verdict.Outcome    `json:"outcome"`
	Detail   string             `json:"detail"` // English sentence
	Advice   string             `json:"advice,omitempty"`
	Ref      string             `json:"ref,omitempty"`
	Zone     string             `json:"zone"`
	Owner    verdict.Owner      `json:"owner"`
	Args     map[string]string  `json:"args,omitempty"`
	Evidence []verdict.Evidence `json:"evidence,omitempty"`
}

// examine asks every server of the name's zone, where --posture is given.
func (q *inquiry) examine(ctx context.Context) {
	if !q.cfg.given["posture"] {
		return
	}
	env := probes.New(ctx, probes.Config{
		Dial: dial.Limit(q.set.network(q.cfg), dial.Limits{PerAddress: 64, Total: q.cfg.number("connections")}), DNS: q.resolver, Allow: q.set.allow(q.cfg), OptOut: q.set.optOut, Pace: q.set.pace,
		Name: vantageName(q.cfg), Now: q.now, Step: q.set.step(q.cfg), Lead: q.cfg.duration("lead-time"),
	})
	q.posture = env.Posture(ctx, q.name)
	for i := range q.posture {
		if o := &q.posture[i].Owner; o.Role == "" {
			*o = verdict.Owner{Role: verdict.Operator, Name: vantageName(q.cfg)}
		}
	}
}

// shown is what --format json prints: the validation, and the posture where it
// was asked for.
func (q *inquiry) shown() (any, error) {
	if q.posture == nil && q.plan == nil {
		return q.result, nil
	}
	lines := make([]postureLine, 0, len(q.posture))
	for _, r := range q.posture {
		lines = append(lines, postureLine{Code: r.Reason, Outcome: r.Outcome(), Detail: r.Title(verdict.EN), Advice: r.Advice(verdict.EN),
			Ref: verdict.Lookup(r.Reason).Ref, Zone: r.Subject, Owner: r.Owner, Args: r.Args, Evidence: r.Evidence})
	}
	whole, err := json.Marshal(q.result)
	if err != nil {
		return nil, err
	}
	if whole, err = q.withPlan(whole); err != nil || q.posture == nil {
		return json.RawMessage(whole), err
	}
	part, err := json.Marshal(lines)
	if err != nil {
		return nil, err
	}
	whole = append(bytes.TrimSuffix(whole, []byte("}")), `,"posture":`...)
	return json.RawMessage(append(append(whole, part...), '}')), nil
}

// postureMarks tell outcomes apart without colour.
var postureMarks = map[verdict.Outcome]string{verdict.Pass: "✓", verdict.Warn: "!", verdict.Fail: "✗", verdict.NotApplicable: "·"}

// postureStates are the states whose colours the outcomes have.
var postureStates = map[verdict.Outcome]string{verdict.Pass: "secure", verdict.Warn: "insecure", verdict.Fail: "bogus"}

// writePosture prints the zone's upkeep below the chain.
func (q *inquiry) writePosture() error {
	p, sc := &printer{w: q.s.out}, screen(q.cfg, q.s, q.s.out)
	for i, r := range q.posture {
		if i == 0 {
			p.line("\n%s %s", sayPosture.in(sc.Lang), reports.Clean(r.Subject))
		}
		m, ok := postureMarks[r.Outcome()]
		if !ok {
			m = "?"
		}
		p.line("%s  [%s]", ink(postureStates[r.Outcome()], m+" "+reports.Clean(r.Title(sc.Lang)), sc), r.Reason)
		if r.Outcome() == verdict.Pass || r.Outcome() == verdict.NotApplicable {
			continue
		}
		if role, ok := roles[r.Owner.Role]; ok {
			p.line("  %s %s: %s", sayOwner.in(sc.Lang), role.in(sc.Lang), reports.Clean(r.Owner.Name))
		}
		if a := r.Advice(sc.Lang); a != "" {
			p.line("  %s %s", sayMend.in(sc.Lang), reports.Clean(a))
		}
		for _, e := range r.Evidence {
			if e.Query != "" {
				p.line("  "+sayAsked.in(sc.Lang), reports.Clean(e.Asked), reports.Clean(e.Query), e.Over, reports.Clean(e.Answer))
			} else {
				p.line("  %s", reports.Clean(e.Answer))
			}
		}
	}
	return p.err
}

// postureCrosses reports whether a finding has the outcome that a word of
// --fail-on names; a fault is worth a warning too.
func (q *inquiry) postureCrosses(word string) bool {
	return slices.ContainsFunc(q.posture, func(r verdict.Result) bool {
		o := r.Outcome()
		return o.String() == word || word == "warn" && o == verdict.Fail
	})
}
