package inventory

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// planWith is a plan whose only target has the lines given besides its id and
// name, from line 7 on.
func planWith(lines string) string {
	return "programmes:\n- id: p\n  name: P\n  source: S\n  targets:\n  - {id: first, name: T, clause: C, metric: not-measured, due: 2030-12-31}\n  - id: t\n    name: T\n" +
		indent(lines, "    ")
}

func TestReadPlanFaults(t *testing.T) {
	const good = "clause: C\nmetric: services.ipv6-only\ndue: 2030-12-31\n"
	for _, c := range []struct{ yaml, want string }{
		{"programs: []", `1: the plan has the unknown key "programs"; mend: did you mean "programmes"?`},
		{"programmes:\n- {id: p, name: P, source: S}\n- {id: p, name: P, source: S}", `3: the id "p" of a programme is already taken in line 2`},
		{"programmes:\n- {id: p, name: P, source: ' '}", `2: programme "p" has no source`}, // found by fuzzing
		{"programmes:\n- {id: p, name: P}", `2: programme "p" has no source`},
		{"programmes:\n- {id: p, name: P, source: S, valid: {from: 2025-01-01, to: 2024-01-01}}", `ends on 2024-01-01, before it begins on 2025-01-01`},
		{planWith(good + "goal: 120"), `12: the goal of target "t": "120" is not a share in percent; mend: write a number from 0 to 100`},
		{planWith(good + "goal: -1"), `is not a share in percent`},
		{planWith(good + "goal: .nan"), `is not a share in percent`},
		{planWith(good + "goal: 80%"), `12: the goal of target "t" is the text "80%"; mend: write a number from 0 to 100, without quotes or sign`},
		{planWith(good), `7: target "t" has no goal; mend: add goal: in percent, or gradual: true`},
		{planWith(good + "goal: 100\ngradual: true"), `12: target "t" is gradual and has a goal`},
		{planWith(good + "gradual: maybe\ngoal: 1"), `12: gradual of target "t" is the text "maybe"; mend: write true or false`},
		{planWith("clause: C\nmetric: services.ipv6only\ndue: 2030-12-31\ngoal: 100"), `10: the metric of target "t": "services.ipv6only" is not known; mend: did you mean "services.ipv6-only"?`},
		{planWith("clause: C\nmetric: not-measured"), `7: target "t" has no due`},
		{planWith("metric: not-measured\ndue: 2030-12-31"), `7: target "t" has neither clause nor source`},
		{planWith("clause: C\nmetric: not-measured\ndue: 2030"), `11: due of target "t" is the number "2030"; mend: write year-month-day`},
		{planWith(good + "goal: 100\nkinds: [town]"), `a kind of agency in target "t": "town" is not known`},
		{planWith(good + "goal: 100\nmilestones: [{date: 2031-01-01, goal: 50}]"), `13: a milestone of target "t", 2031-01-01, comes after due, 2030-12-31`},
		{planWith(good + "goal: 100\nmilestones:\n- {date: 2028-01-01, goal: 50}\n- {date: 2027-01-01, goal: 60}"), `15: a milestone of target "t", 2027-01-01, does not come after the one before it, 2028-01-01`},
		{planWith(good + "goal: 100\nmilestones:\n- {date: 2027-01-01, goal: 50}\n- {date: 2028-01-01, goal: 40}"), `15: a milestone of target "t" asks 40 percent, less than the one before it, 50`},
		{planWith(good + "goal: 80\nmilestones: [{date: 2028-01-01, goal: 90}]"), `asks 90 percent, more than the goal of 80`},
		{planWith(good + "goal: 80\nmilestones: [{goal: 10}]"), `a milestone of target "t" has no date`},
		{planWith(good + "goal: 80\nmilestones: [{date: 2028-01-01}]"), `a milestone of target "t" has neither goal nor name`},
		{"programmes:\n- id: p\n  name: P\n  source: S\n  valid: {from: 2026-01-01}\n  targets: [{id: t, name: T, clause: C, metric: not-measured, due: 2025-12-31}]",
			`6: due of target "t", 2025-12-31, lies outside the programme's validity`},
		{strings.Replace(planWith(good+"goal: 1"), "id: t\n", "id: first\n", 1), `7: the id "first" of a target is already taken in line 6`},
	} {
		p, err := ReadPlan(strings.NewReader(c.yaml), "f")
		var faults Faults
		if !errors.As(err, &faults) || len(p.Programmes) > 0 {
			t.Errorf("%q: no faults: %v", c.yaml, err)
			continue
		}
		if len(faults) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.yaml, err, c.want)
		}
	}
}

func TestReadPlanTakesSeveralProgrammes(t *testing.T) {
	p, err := ReadPlan(strings.NewReader(planWith("source: S\nmetric: services.ipv6-only\ndue: 2030-12-31\ngoal: 99.5\nmilestones: [{date: 2028-12-31, goal: 50}]")+
		"- {id: q, name: Q, source: S}\n"), "f")
	if err != nil || len(p.Programmes) != 2 || p.Programmes[0].Targets[1].Goal != 99.5 {
		t.Errorf("%+v %v", p, err)
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(planYAML)
	f.Add([]byte(planWith("clause: C\nmetric: services.ipv6-only\ndue: 2030-12-31\ngoal: 1e1\nmilestones: [{date: 2028-01-01, goal: 0x1}]")))
	f.Add([]byte(planWith("clause: C\nmetric: prefixes.roa-valid\ndue: 2030-12-31\ngradual: true\nkinds: [unit, unit]")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadPlan(bytes.NewReader(data), "f")
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("not a Faults: %v", err)
			}
			return
		}
		writtenPlanReadsEqual(t, p)
	})
}
