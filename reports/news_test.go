package reports

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

func testNews() News {
	before := earlier()
	return NewNews(testReport(), testRun(), &before)
}

// The words of the mails, whole: an agency's in both languages, the province's,
// and what the operator is told of a run that is not published.
func TestDigest(t *testing.T) {
	n := testNews()
	cut := testRun().Header
	cut.Status, cut.Services = history.Interrupted, 5
	for name, l := range map[string]Letter{
		"digest.vi.txt": n.Digest("so-yt", verdict.VI), "digest.en.txt": n.Digest("so-yt", verdict.EN),
		"digest-all.vi.txt": n.Digest("", verdict.VI), "notice.en.txt": Notice(cut, verdict.EN), "notice.vi.txt": Notice(cut, verdict.VI),
	} {
		golden(t, name, []byte("Subject: "+l.Subject+"\n\n"+l.Body))
		for line := range strings.SplitSeq(l.Body, "\n") {
			if n := utf8.RuneCountInString(line); n > 78 {
				t.Errorf("%s: a line of %d: %s", name, n, line)
			}
		}
		if !l.Changed {
			t.Errorf("%s: nothing has changed", name)
		}
	}
}

// An agency hears of its own services alone; one without a change, of none.
func TestDigestIsTheAgencysOwn(t *testing.T) {
	n := testNews()
	if l := n.Digest("so-yt", verdict.EN); strings.Contains(l.Body, "dichvucong.example.vn") || !strings.Contains(l.Body, "syt.example.vn") {
		t.Errorf("%s", l.Body)
	}
	if l := n.Digest("so-gddt", verdict.EN); l.Changed || !strings.Contains(l.Subject, "no change") || strings.Contains(l.Body, "syt.example.vn") {
		t.Errorf("%s\n%s", l.Subject, l.Body)
	}
	if l := NewNews(testReport(), testRun(), nil).Digest("so-yt", verdict.EN); l.Changed || !strings.Contains(l.Body, "earlier run to compare it with") {
		t.Errorf("%s", l.Body)
	}
}

// A night that could not measure something is no news of an agency: nothing
// became better or worse by it.
func TestDigestUnknownIsNoChange(t *testing.T) {
	before, now := earlier(), testRun()
	before.Records = records()
	for i := range now.Records {
		now.Records[i].Results = nil
		for _, r := range before.Records[i].Results {
			now.Records[i].Results = append(now.Records[i].Results, verdict.Result{Check: r.Check, Reason: "scan.deadline", Subject: now.Records[i].Host, At: night})
		}
	}
	for _, pair := range [][2]history.Run{{before, now}, {now, before}} {
		n := NewNews(Build(pair[1], nil, province(), testPlan(), night), pair[1], &pair[0])
		if l := n.Digest("so-tttt", verdict.EN); l.Changed || n.changes == nil || len(n.changes.Services) == 0 {
			t.Errorf("%s\n%s", l.Subject, l.Body)
		}
	}
}

// Those that got worse come first, and a mail has bounds.
func TestDigestOrder(t *testing.T) {
	n := testNews()
	mine, _ := n.of("")
	var order []history.Class
	for _, s := range mine {
		order = append(order, classOf(s))
	}
	if len(mine) < 2 || order[0] != history.Regressed || !slices.IsSortedFunc(order, func(a, b history.Class) int { return slices.Index(classes, a) - slices.Index(classes, b) }) {
		t.Errorf("%v", order)
	}
	for len(n.changes.Services) < 3*maxLetterServices {
		n.changes.Services = append(n.changes.Services, n.changes.Services[0])
	}
	if body := n.Digest("", verdict.EN).Body; !strings.Contains(body, "further services: ") || strings.Count(body, "\n") > 40*maxLetterServices {
		t.Errorf("%d lines", strings.Count(body, "\n"))
	}
}

// What a hostile host makes the scanner say is harmless in subject and body.
func TestDigestIsClean(t *testing.T) {
	before, now := earlier(), testRun()
	const evil = "a.vn\r\nBcc: x@evil.example\x1b[2J"
	now.Records[7].Host = evil
	before.Records[7].Host = evil
	inv := province()
	inv.Agencies[3].Name = verdict.Text{VI: evil, EN: evil}
	l := NewNews(Build(now, nil, inv, testPlan(), night), now, &before).Digest("so-yt", verdict.VI)
	if strings.ContainsAny(l.Subject, "\r\n\x1b") || strings.ContainsAny(l.Body, "\r\x1b") || strings.Contains(l.Body, "\nBcc:") {
		t.Errorf("%q\n%q", l.Subject, l.Body)
	}
}

// The webhook's form, whole; of a run that is not published it tells nothing of
// anybody's services.
func TestEvent(t *testing.T) {
	n := testNews()
	b, err := NewEvent(testRun().Header, &n)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "event.json", indented(t, b))
	h := testRun().Header
	h.Status = history.Interrupted
	if b, err = NewEvent(h, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "event-unpublished.json", indented(t, b))
	if strings.Contains(string(b), "example.vn") {
		t.Errorf("%s", b)
	}
}

func indented(t *testing.T, b []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// An event stays within what receivers take, and says what it leaves out.
func TestEventBounds(t *testing.T) {
	n := testNews()
	for len(n.changes.Services) < maxEventChanges+7 {
		n.changes.Services = append(n.changes.Services, n.changes.Services[0])
	}
	b, err := NewEvent(testRun().Header, &n)
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	if err := json.Unmarshal(b, &struct{ Changes **EventChanges }{&e.Changes}); err != nil || len(e.Changes.Services) != maxEventChanges || e.Changes.Omitted != 7 {
		t.Errorf("%v, %d listed, %d left out", err, len(e.Changes.Services), e.Changes.Omitted)
	}
}

// Prometheus' own parser reads the file, and finds what the report says.
func TestMetrics(t *testing.T) {
	rep, h := testReport(), testRun().Header
	rep.Agencies[0].Name.EN = "quote \" backslash \\ newline \n, ệ, bad \xff"
	var b bytes.Buffer
	if err := WriteMetrics(&b, h, &rep, "ready6 test"); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	get := func(name string, labels ...string) float64 {
		t.Helper()
		f := families[name]
		if f == nil || f.GetHelp() == "" {
			t.Fatalf("%s is not there, or without help", name)
		}
		for _, m := range f.Metric {
			same := 0
			for _, l := range m.Label {
				for i := 0; i < len(labels); i += 2 {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						same += 2
					}
				}
			}
			if same == len(labels) {
				return m.GetGauge().GetValue()
			}
		}
		t.Fatalf("%s%q is not there:\n%s", name, labels, b.Bytes())
		return 0
	}
	if get("ready6_run_published") != 1 || get("ready6_run_number") != 12 || get("ready6_run_duration_seconds") != 95 || get("ready6_run_vantage_faults") != 1 ||
		get("ready6_run_started_timestamp_seconds") != float64(night.Unix()) || get("ready6_run_services", "count", "planned") != 13 {
		t.Errorf("the run: %s", b.Bytes())
	}
	get("ready6_agency_info", "agency", "ubnd", "name_en", "quote \" backslash \\ newline \n, ệ, bad \uFFFD")
	for _, a := range rep.Agencies {
		sum := 0.0
		for _, level := range []string{"0", "1", "2", "3", "4", "unknown", "exempt", "not-applicable"} {
			sum += get("ready6_agency_services", "agency", a.ID, "level", level)
		}
		if sum != float64(a.Tally.Listed) || get("ready6_agency_services", "agency", a.ID, "level", "2") != float64(a.Tally.AtLevel[2]) {
			t.Errorf("%s: the levels add up to %v, listed are %d", a.ID, sum, a.Tally.Listed)
		}
		for _, s := range dnssecOrder {
			if get("ready6_agency_services_dnssec", "agency", a.ID, "state", s) != float64(a.Tally.DNSSEC[s]) {
				t.Errorf("%s: dnssec %s", a.ID, s)
			}
		}
		for _, s := range rpkiOrder {
			if get("ready6_agency_services_rpki", "agency", a.ID, "state", s) != float64(a.Tally.RPKI[s]) {
				t.Errorf("%s: rpki %s", a.ID, s)
			}
		}
	}
}

// A run that is not published moves no agency's figures: they are those of the
// last one that was, or not there at all.
func TestMetricsUnpublished(t *testing.T) {
	h, rep := testRun().Header, testReport()
	h.ID, h.Status = 13, history.Interrupted
	var b bytes.Buffer
	if err := WriteMetrics(&b, h, &rep, "t"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nready6_run_number 13\n", "\nready6_run_published 0\n", "\nready6_published_run_number 12\n", `ready6_agency_services{agency="so-yt",level="1"} 2`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not there:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := WriteMetrics(&b, h, nil, "t"); err != nil || strings.Contains(b.String(), "agency") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
