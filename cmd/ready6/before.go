package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
	"ready6/probes/verdict"
	"ready6/reports"
)

// readPlanned reads the files of --before; without any there is no plan. The
// faults of all files are told at once.
func readPlanned(files []string) (*dnssec.Plan, error) {
	if len(files) == 0 {
		return nil, nil
	}
	plan := &dnssec.Plan{}
	var faults []string
	for _, path := range files {
		f, err := openFile(path)
		if err != nil {
			faults = append(faults, "before: "+err.Error())
			continue
		}
		if err := plan.Read(f, path); err != nil {
			faults = append(faults, err.Error())
		}
		f.Close()
	}
	if len(faults) > 0 {
		return nil, usagef("%s", strings.Join(faults, "\n"))
	}
	return plan, nil
}

// judgePlan judges the name as if the plan were published, and the planned zones
// whole.
func (q *inquiry) judgePlan(ctx context.Context) {
	v := dnssec.WithPlan(q.plan, q.source, q.anchors, q.now)
	q.result = v.Validate(ctx, q.name, q.qtype)
	q.checked = v.CheckPlan(ctx)
}

// planned says in a line what is not published, empty without a plan.
func (q *inquiry) planned() string {
	if q.plan == nil {
		return ""
	}
	l := q.cfg.lang()
	var parts []string
	if list := q.plan.DS(); len(list) > 0 {
		parts = append(parts, fmt.Sprintf(sayPlanDS.in(l), strings.Join(list, ", ")))
	}
	if list := q.plan.Zones(); len(list) > 0 {
		parts = append(parts, fmt.Sprintf(sayPlanZone.in(l), strings.Join(list, ", ")))
	}
	return strings.Join(parts, "; ")
}

// evidence is who answered a question: servers, or a planned file.
func (q *inquiry) evidence(name string, qtype uint16) []verdict.Evidence {
	if q.plan != nil {
		if at := q.plan.At(name, qtype); at != "" {
			return []verdict.Evidence{{At: q.result.At, Asked: at, Over: "file", Query: name + " " + dns.Type(qtype).String()}}
		}
	}
	return q.resolver.Evidence(name, qtype)
}

func (q *inquiry) planFaulty() bool {
	for _, z := range q.checked {
		if len(z.Faults) > 0 {
			return true
		}
	}
	return false
}

// writePlan prints what was found in the planned zones as a whole.
func (q *inquiry) writePlan() error {
	p := &printer{w: q.s.out}
	sc := screen(q.cfg, q.s, q.s.out)
	for _, z := range q.checked {
		state, said := "secure", fmt.Sprintf(sayPlanGood.in(sc.Lang), z.Sets)
		switch {
		case len(z.Faults) > 0:
			state, said = "bogus", fmt.Sprintf(sayPlanBad.in(sc.Lang), len(z.Faults)+z.More)
		case z.Unsigned:
			state, said = "insecure", sayPlanUnsigned.in(sc.Lang)
		}
		p.line("")
		zone := fmt.Sprintf(sayPlanZone.in(sc.Lang), reports.Clean(z.Zone)+" ("+reports.Clean(z.File)+")")
		p.line("%s", ink(state, mark(state)+" "+zone+": "+said, sc))
		for _, r := range z.Faults {
			said := r.Result(r.Name, q.result.At)
			p.line("  ✗ %s", reports.Clean(r.Args["at"]))
			p.line("    %s  [%s]", reports.Clean(said.Title(sc.Lang)), r.Code)
		}
		if z.More > 0 {
			p.line("  "+sayPlanMore.in(sc.Lang), z.More)
		}
	}
	return p.err
}

// withPlan adds what is planned to the JSON form.
func (q *inquiry) withPlan(whole []byte) ([]byte, error) {
	if q.plan == nil {
		return whole, nil
	}
	part, err := json.Marshal(struct {
		DS    []string             `json:"ds"`
		Zones []dnssec.PlannedZone `json:"zones"`
	}{append([]string{}, q.plan.DS()...), append([]dnssec.PlannedZone{}, q.checked...)})
	if err != nil {
		return nil, err
	}
	whole = append(bytes.TrimSuffix(whole, []byte("}")), `,"planned":`...)
	return append(append(whole, part...), '}'), nil
}
