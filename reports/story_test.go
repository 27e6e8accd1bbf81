package reports

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// storyReport is the fixture's night at the end of a period, with 119 nights
// before it: one service gets its IPv6 address, one loses its IPv4, one goes up
// and down, one came to the list, a week was not measured, an exemption ended,
// and the rules changed.
func storyReport() Report {
	scope := Scope{
		Inventory: province(), Plan: testPlan(), At: night.Add(12 * time.Hour),
		Period: Period{Name: "2026-12", From: "2026-10-25", To: "2026-12-14", Open: true},
	}
	trend := scope.Trend()
	var since *Earlier
	for i := 119; i > 0; i-- {
		if i >= 20 && i < 27 {
			continue
		}
		run := pastRun(i)
		marks := Marks(run.Records)
		var was []history.Mark
		if i == 15 {
			was = slices.Clone(marks)
			was[2].Value = marks[0].Value // by the rules of then it stood where the first one stands
		}
		trend.Add(run.Header, scope.Inventory, marks, was)
		if i == 30 {
			since = &Earlier{Run: run, Inventory: scope.Inventory}
		}
	}
	return scope.Report(testRun(), since, trend)
}

// pastRun is the night i days ago.
func pastRun(i int) history.Run {
	run := testRun()
	run.ID, run.Started, run.Finished = int64(200-i), night.AddDate(0, 0, -i), night.AddDate(0, 0, -i).Add(time.Minute)
	if i >= 15 {
		run.Rules--
	}
	run.Records = records()
	if i > 12 {
		run.Records[1].Results = []verdict.Result{res("aaaa.nodata", "dichvucong.example.vn"), hasA, secure}
	}
	if i > 70 {
		run.Records[0].Results = base("www.example.vn", hasA, secure, valid)
	}
	if i%6 < 3 || i > 29 {
		run.Records[7].Results = base("syt.example.vn", hasA, secure, valid)
	}
	if i > 40 {
		run.Records[9].Results = []verdict.Result{res("aaaa.unknown", "het.syt.example.vn", "cause", "timeout")}
	}
	if i > 8 {
		run.Records = append(run.Records[:6:6], run.Records[7:]...) // tuyensinh was not listed yet
	}
	return run
}

var lookDir = flag.String("look", "", "folder into which TestLook writes every format, for eyes")

// TestLook writes the story in every format and its pictures, where a folder is
// named: what a reader sees has to be looked at.
func TestLook(t *testing.T) {
	if *lookDir == "" {
		t.Skip("no -look FOLDER")
	}
	for name, v := range chains() {
		png, err := chainPicture(v, verdict.VI).PNG(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*lookDir, "chain."+name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]Report{"story": storyReport(), "hostile": hostileReport()} {
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			for _, f := range Formats {
				if err := os.WriteFile(filepath.Join(*lookDir, name+"."+string(l)+f.Ext), render(t, f, r, l), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			p := pager{r, l}
			heat, _ := p.heatMaps()
			pictures := append(heat, p.ladderStack(), p.blockerBars())
			for _, prog := range r.Programmes {
				for _, x := range prog.Targets {
					pictures = append(pictures, p.trajectory(x))
				}
			}
			for i, c := range pictures {
				if c == nil {
					continue
				}
				png, err := c.PNG(1.5)
				if err != nil {
					t.Fatal(err)
				}
				base := filepath.Join(*lookDir, fmt.Sprintf("%s.%s.%02d", name, l, i))
				if err := os.WriteFile(base+".png", png, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(base+".svg", []byte(c.SVG()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
