package reports

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ready6/scanner/history"
)

// Rejudged is what today's rules make otherwise of a stored run.
type Rejudged struct {
	Run     int64     `json:"run"`
	Started time.Time `json:"started"`
	// Then are the rules that it is compared with: those of its own day where
	// their judgement is kept, else the newest earlier ones that are; 0: none is.
	Then     int `json:"rules_then"`
	Now      int `json:"rules_now"`
	Services int `json:"services"`
	Up       int `json:"up"`    // services that today's rules put higher
	Down     int `json:"down"`  // and lower
	Other    int `json:"other"` // known to one and not to the other
}

// Rejudge compares a run's marks by the rules of this build with those that
// other rules made of it, nil if none are kept.
func Rejudge(h history.Header, now int, marks []history.Mark, then int, was []history.Mark) Rejudged {
	out := Rejudged{Run: h.ID, Started: h.Started.UTC(), Now: now}
	for _, m := range marks {
		if m.Key.OfService() {
			out.Services++
		}
	}
	if was != nil {
		c := rejudged(marks, was)
		out.Then, out.Up, out.Down, out.Other = then, c.Up, c.Down, c.Other
	}
	return out
}

// WriteRejudged prints what today's rules make of runs, one row each.
func WriteRejudged(w io.Writer, list []Rejudged, sc Screen) error {
	p := printer{w: w}
	t := plainTable(sc.width())
	t.AppendHeader(table.Row{"#", sc.say("col.started"), sc.say("rejudge.then"), sc.say("rejudge.now"), sc.say("col.services"), sc.say("rejudge.up"), sc.say("rejudge.down"), sc.say("rejudge.other")})
	var right []table.ColumnConfig
	for _, n := range []int{1, 3, 4, 5, 6, 7, 8} {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	for _, r := range list {
		row := table.Row{r.Run, moment(sc.Lang, r.Started), r.Then, r.Now, r.Services, r.Up, r.Down, r.Other}
		if r.Then == 0 {
			for i, v := range []any{"–", r.Now, r.Services, "–", "–", "–"} {
				row[2+i] = v
			}
		}
		t.AppendRow(row)
	}
	p.put(t.Render() + "\n")
	p.put(sc.wrap("", "", fmt.Sprint(sc.say("rejudge.legend"))))
	return p.err
}
