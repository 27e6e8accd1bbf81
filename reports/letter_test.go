package reports

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"ready6/probes/verdict"
)

// The sheets of the fixture, letters and all.
func TestSheetsGolden(t *testing.T) {
	r := testReport()
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		var b bytes.Buffer
		for i := range r.Actions {
			fmt.Fprintf(&b, "<!-- %s -->\n\n", r.SheetName(i+1))
			if err := WriteSheet(&b, r, i+1, l); err != nil {
				t.Fatal(err)
			}
			b.WriteString("\n")
		}
		golden(t, "sheets."+string(l)+".md", b.Bytes())
	}
}

// Every fault and every step is on one sheet, that of its owner.
func TestSheetsHaveEverything(t *testing.T) {
	r, _ := tell(t).report(t, "2026-Q2", nil)
	causes, steps := map[int]int{}, map[int]int{}
	for i, s := range r.Actions {
		for _, a := range s.Actions {
			switch {
			case a.Cause > 0:
				causes[a.Cause]++
				if r.Blockers[a.Cause-1].Owner != s.Owner {
					t.Errorf("sheet %d has the cause of another", i)
				}
			case a.Step > 0:
				steps[a.Step]++
				if r.Steps[a.Step-1].Owner != s.Owner {
					t.Errorf("sheet %d has the step of another", i)
				}
			}
			if a.Plain.EN == "" || a.Plain.VI == "" || a.What.VI == "" || len(a.Verify) == 0 {
				t.Errorf("sheet %d: %+v", i, a)
			}
		}
		if _, ok := r.Draft(i+1, verdict.VI); ok != s.Outside {
			t.Errorf("sheet %d: a letter %v, outside %v", i, ok, s.Outside)
		}
	}
	if len(causes) != len(r.Blockers) || len(steps) != len(r.Steps) {
		t.Errorf("%d of %d causes, %d of %d steps", len(causes), len(r.Blockers), len(steps), len(r.Steps))
	}
	for n, times := range causes {
		if times != 1 {
			t.Errorf("cause %d is on %d sheets", n, times)
		}
	}
}

// The names that an attacker chose are text in a sheet, and no path in its name.
func TestSheetsHostile(t *testing.T) {
	const evil = "../../x|[a](javascript:alert(1)) `<img src=x onerror=1>` # *b*\n## head"
	r := testReport()
	r.Actions[0].Owner.Name, r.Actions[0].Name = evil, verdict.Text{EN: evil, VI: evil}
	a := &r.Actions[0].Actions[0]
	a.What, a.Do, a.Verify = verdict.Text{EN: evil, VI: evil}, verdict.Text{EN: evil, VI: evil}, []string{"ready6 probe " + shellWord(evil)}
	if name := r.SheetName(1); !regexp.MustCompile(`^001-[a-z0-9.-]+$`).MatchString(name) || strings.Contains(name, "..") {
		t.Errorf("file name %q", name)
	}
	var b strings.Builder
	if err := WriteSheet(&b, r, 1, verdict.EN); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(`+)[^\n]*?[^`](`+)(\n|$)").ReplaceAllString(b.String(), "") // code spans are inert
	for _, bad := range []string{"\n## head", "<img", "](javascript", "*b*"} {
		if strings.Contains(strings.ReplaceAll(text, `\`+bad, ""), bad) {
			t.Errorf("%q is live:\n%s", bad, text)
		}
	}
}
