package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// csvGrids are the tables that have a CSV file of their own; services,
// resources and hosting have older forms.
var csvGrids = []string{"targets", "effects", "agencies", "agency_targets", "actions", "changes", "lists", "exemptions", "nights", "values"}

// gridCSV writes one table as CSV: heads that never change, days as 2006-01-02,
// numbers with a point; words in language l.
func gridCSV(id string) func(io.Writer, Report, verdict.Lang) error {
	return func(w io.Writer, r Report, l verdict.Lang) error {
		g := gridNamed(id)
		heads := make([]string, len(g.cols))
		for i, c := range g.cols {
			heads[i] = c.id
		}
		rows := [][]string{heads}
		for row := range g.rows(pager{r, l}) {
			out := make([]string, len(row))
			for i, v := range row {
				out[i] = cellText("", g.cols[i].kind, v)
			}
			rows = append(rows, out)
		}
		return writeRows(w, rows, l)
	}
}

// csvFormats are the formats of csvGrids.
func csvFormats() []Format {
	var out []Format
	for _, id := range csvGrids {
		name := strings.ReplaceAll(id, "_", "-")
		out = append(out, Format{"csv-" + name, "." + name + ".csv", true, gridCSV(id)})
	}
	return out
}

// TableSchema describes every table of a report for programs that read its CSV
// files or its workbook: a JSON text in the manner of Frictionless Table Schema,
// tables by their ids. Columns may be added at the end; none is renamed,
// moved or given another type.
func TableSchema() string {
	type field struct {
		Name  string       `json:"name"`
		Type  cellKind     `json:"type"`
		Title verdict.Text `json:"title"`
	}
	type table struct {
		Name   string       `json:"name"`
		Title  verdict.Text `json:"title"`
		CSV    string       `json:"csv,omitempty"` // the format's name
		Fields []field      `json:"fields"`
	}
	var list []table
	for _, g := range grids() {
		t := table{Name: g.id, Title: g.title}
		if slices.Contains(csvGrids, g.id) {
			t.CSV = "csv-" + strings.ReplaceAll(g.id, "_", "-")
		}
		for _, c := range g.cols {
			t.Fields = append(t.Fields, field{c.id, c.kind, c.head})
		}
		list = append(list, t)
	}
	b, err := json.MarshalIndent(struct {
		Schema string  `json:"schema"`
		Tables []table `json:"tables"`
	}{"ready6-tables/1", list}, "", " ")
	if err != nil {
		panic(err) // strings only
	}
	return string(b) + "\n"
}

// markdownGrids are the tables of the Markdown form, and how many rows each
// shows at most: it is for reading, the others are for counting.
var markdownGrids = []struct {
	id   string
	cols []string // those shown; nil: all
	most int
}{
	{"targets", []string{"target_name", "percent", "met", "measured", "unknown", "exempt", "start_percent", "start_met", "start_measured", "required_percent", "goal_percent", "due", "state", "forecast_date"}, 100},
	{"standings", []string{"agency_name", "state", "why", "services", "owner", "due"}, 200},
	{"actions", []string{"owner", "plain", "do", "services", "lifted", "due", "verify"}, 200},
	{"agencies", []string{"agency_name", "counted", "measured", "level_0", "level_1", "level_2", "level_3", "level_4", "dnssec_secure", "routes_valid", "state"}, 500},
	{"effects", []string{"target_name", "from_percent", "n_from", "to_percent", "n_now", "rules", "tree", "listed", "measured", "changed"}, 100},
	{"changes", []string{"host", "service", "agency_name", "level_was", "level_is", "way"}, 300},
	{"lists", []string{"host", "service", "agency_name", "class", "from"}, 300},
	{"flapping", []string{"host", "service", "agency_name", "turns", "nights", "low", "high"}, 100},
	{"unmeasured", []string{"host", "service", "agency_name", "since", "nights", "level"}, 100},
	{"pauses", nil, 100},
	{"rules", nil, 100},
	{"exemptions", []string{"host", "agency_name", "reason", "approver", "until", "expired"}, 300},
	{"about", nil, 100},
}

// WriteMarkdown writes a report for reading: the summary, then the tables that
// matter, bounded; foreign text cannot become a link, a picture or markup.
func WriteMarkdown(w io.Writer, r Report, l verdict.Lang) error {
	p := pager{r, l}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s\n\n%s\n\n", p.say("page.title"), markdown(p.periodLine()))
	for _, line := range p.lines() {
		fmt.Fprintf(b, "- %s\n", markdown(line))
	}
	for _, m := range markdownGrids {
		p.markdownTable(b, gridNamed(m.id), m.cols, m.most)
	}
	return b.Flush()
}

func (p pager) markdownTable(b *bufio.Writer, g grid, cols []string, most int) {
	var at []int
	for i, c := range g.cols {
		if cols == nil || slices.Contains(cols, c.id) {
			at = append(at, i)
		}
	}
	n, more := 0, 0
	for row := range g.rows(p) {
		if n == most {
			more++
			continue
		}
		if n++; n == 1 {
			fmt.Fprintf(b, "\n## %s\n\n|", g.title.In(p.l))
			for _, i := range at {
				fmt.Fprintf(b, " %s |", markdown(g.cols[i].head.In(p.l)))
			}
			b.WriteString("\n|")
			for _, i := range at {
				rule := " --- |"
				if k := g.cols[i].kind; k == countCell || k == percentCell {
					rule = " ---: |"
				}
				b.WriteString(rule)
			}
			b.WriteByte('\n')
		}
		b.WriteByte('|')
		for _, i := range at {
			fmt.Fprintf(b, " %s |", markdown(cellText(p.l, g.cols[i].kind, row[i])))
		}
		b.WriteByte('\n')
	}
	if more > 0 {
		fmt.Fprintf(b, "\n%s\n", markdown(p.say("page.more", more)))
	}
}

// periodLine says what the report covers, and what has to be known of that.
func (p pager) periodLine() string { return p.period() + p.periodNote("; ") }

func (p pager) period() string {
	r := p.r.Period
	if r.From == "" {
		return p.say("period.day", dateText(p.l, p.r.Day))
	}
	return p.say("period.span", dateText(p.l, r.From), dateText(p.l, r.To))
}

// staleDays is how long before the day of a report its last run may lie without
// being told of: no longer than from one weekly scan to the next.
const staleDays = 7

// periodNote says that a period is not over, or was not measured to its last or
// from its first day; each part after before.
func (p pager) periodNote(before string) (s string) {
	if p.r.Period.Open {
		s += before + p.say("period.open", dateText(p.l, p.r.Day))
	}
	if days := gapDays(dayOf(p.r.Run.Started), p.r.Day); p.r.Period.From != "" && days > staleDays {
		s += before + p.say("period.stale", dateText(p.l, dayOf(p.r.Run.Started)), days)
	}
	if p.r.Period.Late && p.r.Changes != nil {
		s += before + p.say("period.late", moment(p.l, p.r.Changes.Since.Started))
	}
	return s
}
