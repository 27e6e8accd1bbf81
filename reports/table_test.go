package reports

import (
	"bytes"
	"strings"
	"testing"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func TestWriteTable(t *testing.T) {
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		for name, width := range map[string]int{"40": 40, "80": 80, "120": 120} {
			var b bytes.Buffer
			if err := WriteTable(&b, testReport(), Screen{Lang: l, Width: width}); err != nil {
				t.Fatal(err)
			}
			golden(t, "table-"+name+"."+string(l)+".txt", b.Bytes())
			for _, line := range strings.Split(b.String(), "\n") {
				if columns(line) > width {
					t.Errorf("%d columns: %q", columns(line), line)
				}
			}
		}
	}
}

func TestWriteRuns(t *testing.T) {
	runs := []history.Header{testRun().Header, earlier().Header, {ID: 10, Started: night.AddDate(0, 0, -2), Finished: night.AddDate(0, 0, -2).Add(3e9), Status: history.Crashed, Rules: 1, Services: 4, Planned: 13, Vantage: "dn-dc1\x1b[2J"}}
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		var b bytes.Buffer
		if err := WriteRuns(&b, runs, Screen{Lang: l}); err != nil {
			t.Fatal(err)
		}
		checkInert(t, b.String(), false)
		golden(t, "runs."+string(l)+".txt", b.Bytes())
		b.Reset()
		if err := WriteRuns(&b, nil, Screen{Lang: l}); err != nil || !strings.Contains(b.String(), "ready6 scan") {
			t.Errorf("an empty history: %q, %v", b.String(), err)
		}
	}
}

func TestWriteDiff(t *testing.T) {
	before, after := earlier(), testRun()
	before.Rules = 0
	before.Status = history.Interrupted
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		var b bytes.Buffer
		if err := WriteDiff(&b, before.Header, after.Header, history.Diff(before, after), Screen{Lang: l}); err != nil {
			t.Fatal(err)
		}
		golden(t, "diff."+string(l)+".txt", b.Bytes())
		b.Reset()
		if err := WriteDiff(&b, after.Header, after.Header, nil, Screen{Lang: l}); err != nil || !strings.Contains(b.String(), word(l, "diff.same")) {
			t.Errorf("no change: %q, %v", b.String(), err)
		}
	}
}
