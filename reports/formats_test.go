package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func render(t *testing.T, f Format, r Report, l verdict.Lang) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, r, l); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return b.Bytes()
}

func TestFormatsGolden(t *testing.T) {
	unlessShort(t)
	for _, f := range Formats {
		for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
			got := render(t, f, testReport(), l)
			if !bytes.Equal(got, render(t, f, testReport(), l)) {
				t.Errorf("%s: the same report gives other bytes", f.Name)
			}
			if other := render(t, f, testReport(), verdict.EN); l == verdict.VI && bytes.Equal(got, other) == f.Worded {
				t.Errorf("%s: Worded is %v", f.Name, f.Worded)
			}
			if f.Name != "docx" && f.Name != "xlsx" { // these are read back in documents_test.go
				golden(t, "report."+string(l)+f.Ext, got)
			}
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestFormatsWriteErrors(t *testing.T) {
	for _, f := range Formats {
		if err := f.Write(&failing{100}, testReport(), verdict.EN); err == nil {
			t.Errorf("%s: a full disk goes unnoticed", f.Name)
		}
	}
	if err := WriteTable(&failing{100}, testReport(), Screen{}); err == nil {
		t.Error("table: a broken pipe goes unnoticed")
	}
}

func TestJSONSchema(t *testing.T) {
	var schema, doc any
	if err := json.Unmarshal([]byte(ReportSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	var past []history.Run
	for i := range 40 { // the further back, the more services there were without IPv6
		run := testRun()
		run.ID, run.Started = int64(100-i), night.AddDate(0, 0, -1-i)
		for n := range i {
			host := fmt.Sprint("cu", n, ".sgddt.example.vn")
			run.Records = append(run.Records, rec("so-gddt", "web", host, res("aaaa.nodata", host), hasA))
		}
		past = append(past, run)
	}
	forecasting := Build(testRun(), past, province(), testPlan(), night)
	if f := targetOf(t, forecasting, "only-2030").Forecast; f.State != "forecast" {
		t.Errorf("no forecast to check the schema with: %+v", f)
	}
	hostile := hostileReport()
	for name, r := range map[string]Report{"fixture": testReport(), "forecast": forecasting, "no prior": Build(testRun(), nil, province(), testPlan(), night), "hostile": hostile} {
		if err := json.Unmarshal(render(t, Formats[1], r, verdict.EN), &doc); err != nil {
			t.Fatal(err)
		}
		c := checker{root: schema.(map[string]any)}
		c.check(name, schema.(map[string]any), doc)
		for _, f := range c.faults {
			t.Error(f)
		}
	}
}

// What is streamed is byte for byte what the encoder would have made of it.
func TestJSONIsStreamed(t *testing.T) {
	for _, r := range []Report{testReport(), hostileReport(), Build(history.Run{}, nil, inventory.Inventory{}, inventory.Plan{}, night)} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetIndent("", " ")
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
		if got := render(t, Formats[1], r, verdict.EN); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%d bytes streamed, %d encoded", len(got), want.Len())
		}
	}
}

func TestCSV(t *testing.T) {
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		b := render(t, Formats[2], testReport(), l)
		text, bom := strings.CutPrefix(string(b), "\ufeff")
		if bom != (l == verdict.VI) {
			t.Errorf("%s: byte-order mark %v", l, bom)
		}
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 14 || !slices.Equal(rows[0], csvColumns) {
			t.Errorf("%s: %d rows, heads %v", l, len(rows), rows[0])
		}
	}
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+84": "'+84", "-1": "'-1", "@x": "'@x", " =x": "' =x", "＝x": "'＝x", "|cmd": "'|cmd", "a=1": "a=1", "": "", "2001:db8::1": "2001:db8::1", "Đắk": "Đắk",
	} {
		if got := unformula(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

const evil = "=HYPERLINK(\"http://evil.example/\")<script>alert(1)</script>\x1b[2J\u202egnp.\u200b</style>'\"><img src=x onerror=alert(2)>\x00\r\n"

// hostileReport has foreign text everywhere that foreign text can come from.
func hostileReport() Report {
	inv, plan, run := province(), testPlan(), testRun()
	for i := range inv.Agencies {
		inv.Agencies[i].Name = verdict.Text{EN: evil, VI: evil}
		for j := range inv.Agencies[i].Services {
			if e := inv.Agencies[i].Services[j].Exempt; e != nil {
				e.Reason, e.Approver = evil, evil
			}
		}
	}
	inv.Providers[0].Name = verdict.Text{EN: evil, VI: evil}
	for i := range plan.Programmes {
		p := &plan.Programmes[i]
		p.Name, p.Source = verdict.Text{EN: evil, VI: evil}, evil
		for j := range p.Targets {
			p.Targets[j].Name, p.Targets[j].Clause, p.Targets[j].Source = verdict.Text{EN: evil, VI: evil}, evil, evil
		}
	}
	run.Tool, run.Vantage = evil, evil
	run.Sources = append(run.Sources, history.SourceInfo{Name: evil})
	for _, rec := range run.Records {
		for i := range rec.Results {
			r := &rec.Results[i]
			r.Args = map[string]string{}
			for _, key := range []string{"detail", "server", "servers", "use", "host", "zone", "name", "type", "vrps", "prefix", "origin", "proof", "rcode", "other"} {
				r.Args[key] = evil
			}
			if r.Check != verdict.AAAA && r.Check != verdict.Reach {
				r.Subject = evil
			}
			r.Owner.Name, r.Via = evil, []string{evil, evil}
			r.Evidence = []verdict.Evidence{{At: night, Asked: evil, Over: evil, Query: evil, Answer: evil}}
		}
	}
	run.Records = append(run.Records, verdict.Record{Agency: evil, Host: evil, Kind: evil, Results: []verdict.Result{res("aaaa.nodata", evil), res("a.present", evil)}})
	old := earlier()
	old.Vantage = evil
	return Build(run, []history.Run{old}, inv, plan, night)
}

func TestFormatsHostile(t *testing.T) {
	unlessShort(t)
	r := hostileReport()
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		for _, f := range Formats {
			text := strings.TrimPrefix(string(render(t, f, r, l)), "\ufeff")
			switch f.Name {
			case "docx", "xlsx":
				text = unpacked(t, []byte(text))
			case "md":
				checkMarkdown(t, text)
				continue
			}
			checkInert(t, strings.ReplaceAll(text, "\r\n", "\n"), false)
			if f.Name == "html" {
				checkPage(t, text)
			}
			if f.Name == "csv" {
				rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					for _, cell := range row {
						if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
							t.Errorf("a formula: %q", cell)
						}
					}
				}
			}
		}
		var b bytes.Buffer
		if err := WriteTable(&b, r, Screen{Lang: l, Colour: true}); err != nil {
			t.Fatal(err)
		}
		checkInert(t, b.String(), true)
	}
}

// checkPage parses a page as a browser does and looks for anything that runs or
// loads.
func checkPage(t *testing.T, text string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	styles := 0
	var links []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "img", "iframe", "link", "object", "embed", "base", "form", "input", "image", "use", "foreignObject":
			t.Errorf("the page has a <%s>", n.Data)
		case "style":
			styles++
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "srcset":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href":
				links = append(links, a.Val)
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("two elements have the id %q", a.Val)
				}
				ids[a.Val] = true
			}
		}
	}
	if styles != 1 {
		t.Errorf("%d style elements", styles)
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") {
			t.Errorf("a link leads out: %q", l)
		}
	}
	if strings.Contains(strings.ToLower(pageStyle), "@import") || strings.Contains(pageStyle, "url(") && strings.Contains(strings.ReplaceAll(pageStyle, "url(#hatch)", ""), "url(") {
		t.Error("the style loads something")
	}
}

func TestPageLinks(t *testing.T) {
	text := string(render(t, Formats[0], testReport(), verdict.VI))
	checkPage(t, text)
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, `id="`+m[1]+`"`) {
			t.Errorf("a link to %q, which is not there", m[1])
		}
	}
}

// Every percentage that a page or a table shows has its n beside it.
func TestPercentagesShowN(t *testing.T) {
	percent := regexp.MustCompile(`\d[\d.,]*%`)
	for _, l := range []verdict.Lang{verdict.VI, verdict.EN} {
		doc, err := html.Parse(bytes.NewReader(render(t, Formats[0], testReport(), l)))
		if err != nil {
			t.Fatal(err)
		}
		n := regexp.MustCompile(`n = \d+|\d+ (of|trên) \d+|\d+/\d+`)
		seen := 0
		for e := range doc.Descendants() {
			if e.Type != html.ElementNode || (e.Data != "tr" && e.Data != "li" && e.Data != "p") {
				continue
			}
			text := visible(e)
			if strings.Contains(text, "100%") && strings.Contains(text, word(l, "page.clause")) {
				text = strings.ReplaceAll(text, "100%", "")
			}
			if percent.MatchString(text) {
				seen++
				if !n.MatchString(text) {
					t.Errorf("%s: a percentage without its n: %q", l, text)
				}
			}
		}
		if seen < 15 {
			t.Errorf("%s: only %d percentages found; the test looks in the wrong place", l, seen)
		}
		var b bytes.Buffer
		if err := WriteTable(&b, testReport(), Screen{Lang: l, Width: 400}); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if percent.MatchString(line) && !n.MatchString(line) {
				t.Errorf("%s: a percentage without its n: %q", l, line)
			}
		}
	}
}

func visible(n *html.Node) string {
	var b strings.Builder
	for x := range n.Descendants() {
		if x.Type == html.TextNode {
			b.WriteString(x.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestFormatsLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	inv, run := inventory.Inventory{}, testRun()
	run.Records = nil
	for a := range 20 {
		ag := inventory.Agency{ID: fmt.Sprintf("a%d", a), Name: verdict.Text{VI: "Cơ quan", EN: "Agency"}, Kind: inventory.Department}
		for s := range 500 {
			h := fmt.Sprintf("h%d.a%d.example.vn", s, a)
			ag.Services = append(ag.Services, web(h))
			run.Records = append(run.Records, rec(ag.ID, "web", h, base(h, nsFault(), hasA, secure, valid)...))
		}
		inv.Agencies = append(inv.Agencies, ag)
	}
	r := Build(run, nil, inv, testPlan(), night)
	if len(r.Blockers) != 1 || r.Blockers[0].Held != 10000 || r.Blockers[0].Lifted != 10000 {
		t.Errorf("one cause with 10,000 victims is %d causes", len(r.Blockers))
	}
	if n := len(render(t, Formats[0], r, verdict.VI)); n > 20<<20 {
		t.Errorf("a page of %d bytes", n)
	}
}

// unlessShort leaves a test out of a short run: the race detector makes drawing
// take minutes, and nothing here runs side by side.
func unlessShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: draws whole documents; runs without -short")
	}
}
