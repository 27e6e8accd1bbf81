package probes_test

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

// ownElsewhere says, of every reason on own resources that no world gives, which
// test does instead: the lab's RTR cache tells neither ends nor trust anchors,
// and its table has too few peers for a leak to drown in.
var ownElsewhere = map[verdict.Reason]string{"rpki.own.hidden": "TestAudit", "rpki.own.expiring": "TestAuditExpires"}

// TestOwnWorlds protects what is said of the agencies' own blocks and AS
// numbers, and of the networks where services stand: in each world one thing is
// wrong, and the report names just that, with its owner.
func TestOwnWorlds(t *testing.T) {
	seen := &reasons{have: map[verdict.Reason]bool{}}
	if flag.Lookup("test.run").Value.String() == "" { // all worlds are run
		t.Cleanup(func() { completeOwn(t, seen) })
	}
	for _, name := range lab.Worlds() {
		w, err := lab.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.WantsOwn()) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkOwn(t, w, seen)
		})
	}
}

func completeOwn(t *testing.T, seen *reasons) {
	for _, e := range verdict.Catalogue() {
		own := strings.HasPrefix(string(e.Reason), "rpki.own.") || strings.HasPrefix(string(e.Reason), "rpki.asn.") || strings.HasPrefix(string(e.Reason), "rpki.hosting.")
		if own && !seen.have[e.Reason] && ownElsewhere[e.Reason] == "" {
			t.Errorf("no world gives %s", e.Reason)
		}
	}
}

func checkOwn(t *testing.T, w lab.World, seen *reasons) {
	l, inv := started(t, w, lab.Options{})
	defer l.Close()
	env := environment(t, t.Context(), l, inv)
	run := history.Run{Records: env.Resources(t.Context())}
	for _, rec := range run.Records {
		seen.check(t, rec.Results)
	}
	for a, svc := range inv.All() {
		run.Records = append(run.Records, env.Service(t.Context(), a.ID, svc))
	}
	report := reports.Build(run, nil, inv, inventory.Plan{}, l.Now())
	for _, h := range report.Hosting {
		for _, f := range h.Findings {
			seen.mu.Lock()
			seen.have[f.Code] = true
			seen.mu.Unlock()
		}
	}
	for _, want := range w.WantsOwn() {
		state, got := found(t, run, report, want)
		if want.RPKI != "-" && want.RPKI != state {
			t.Errorf("%s: %s, want %s", want.Host, state, want.RPKI)
		}
		var codes []string
		for _, r := range want.Reasons {
			code, owner, _ := strings.Cut(r, "=")
			role, who, _ := strings.Cut(owner, ":")
			codes = append(codes, code)
			if !slices.ContainsFunc(got, func(x told) bool {
				return x.code == code && string(x.owner.Role) == role && x.owner.Name == who
			}) {
				t.Errorf("%s: reason %s is not there: %v", want.Host, r, got)
			}
		}
		for _, x := range got {
			if x.severity > verdict.Info && !slices.Contains(codes, x.code) {
				t.Errorf("%s: reason %v is not wanted", want.Host, x)
			}
		}
	}
}

// told is one thing that is said of a resource.
type told struct {
	code     string
	owner    verdict.Owner
	severity verdict.Severity
}

// found gives the state of a resource in the report, and all that the run says
// of it; of a network, the report's findings.
func found(t *testing.T, run history.Run, report reports.Report, want lab.Want) (state string, out []told) {
	t.Helper()
	known := false
	for _, h := range report.Hosting {
		if want.Service == "hosting" && h.AS == want.Host {
			known = true
			for _, f := range h.Findings {
				out = append(out, told{string(f.Code), f.Owner, f.Severity})
			}
		}
	}
	for _, r := range report.Resources {
		if r.Kind == want.Service && r.Resource == want.Host {
			state = r.State
		}
	}
	for _, rec := range run.Records {
		if rec.Kind != want.Service || rec.Host != want.Host {
			continue
		}
		known = true
		for _, r := range rec.Results {
			if r.Check == verdict.Reverse { // its worlds say what is wanted of that
				continue
			}
			out = append(out, told{string(r.Reason), r.Owner, r.Reason.Severity()})
		}
	}
	if !known {
		t.Errorf("nothing is told of %s %s", want.Service, want.Host)
	}
	return state, out
}
