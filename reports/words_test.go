package reports

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// composed are the beginnings of keys that the code completes from a value.
var composed = []string{
	"chain.ds.", "links.for.", "links.nat64.", "chain.stop.", "severity.", "level.", "outcome.", "dnssec.", "rpki.", "state.", "role.", "check.", "status.", "unit.", "forecast.", "sum.reached.", "sum.agencies.",
	"heat.", "list.", "doc.blank.",
}

// allWords are both tables of labels; no key may be in both.
func allWords(t *testing.T) map[string]verdict.Text {
	t.Helper()
	all := maps.Clone(words)
	for key, x := range documentWords {
		if _, twice := all[key]; twice {
			t.Errorf("%s is in both tables of words", key)
		}
		all[key] = x
	}
	return all
}

// Every label exists in both languages, with the same places to fill; every
// label that is asked for exists; none is left over.
func TestWords(t *testing.T) {
	verb := regexp.MustCompile(`%[a-z]`)
	all := allWords(t)
	for key, x := range all {
		if x.EN == "" || x.VI == "" {
			t.Errorf("%s lacks a language", key)
		}
		if a, b := strings.Join(verb.FindAllString(x.EN, -1), ""), strings.Join(verb.FindAllString(x.VI, -1), ""); a != b {
			t.Errorf("%s is filled with %s in English, %s in Vietnamese", key, a, b)
		}
	}
	var code strings.Builder
	for _, pattern := range []string{"*.go", "html/*.tmpl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") || f == "words.go" || f == "documentwords.go" {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:say\(|word\([a-zA-Z.]+, |words\[|\{\{-? ?t |[( ]t )"([a-z0-9.-]+)"`).FindAllStringSubmatch(code.String(), -1) {
		asked[m[1]] = true
		if _, ok := all[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("%s is asked for and not there", m[1])
		}
	}
	for key := range all {
		known := asked[key] || strings.Contains(code.String(), `"`+key+`"`)
		for _, c := range composed {
			known = known || strings.HasPrefix(key, c)
		}
		if !known {
			t.Errorf("%s is there and never asked for", key)
		}
	}
}

// Every value that is shown has a word.
func TestWordsCoverValues(t *testing.T) {
	var keys []string
	add := func(prefix string, values ...string) {
		for _, v := range values {
			keys = append(keys, prefix+v)
		}
	}
	for l := range TopLevel + 1 {
		keys = append(keys, "level."+string(rune('0'+l)), "level."+string(rune('0'+l))+".long")
	}
	for _, o := range []verdict.Outcome{verdict.Unknown, verdict.NotApplicable, verdict.Pass, verdict.Warn, verdict.Fail} {
		add("outcome.", o.String())
	}
	add("dnssec.", dnssecOrder...)
	add("rpki.", rpkiOrder...)
	for _, s := range byWorse {
		add("state.", string(s))
		if stateSigns[s] == "" {
			t.Errorf("state %s has no sign", s)
		}
	}
	for _, r := range []verdict.Role{verdict.Agency, verdict.DataCentre, verdict.Registrar, verdict.DNSOperator, verdict.Hosting, verdict.ISP, verdict.VNNIC, verdict.Operator, ""} {
		add("role.", string(r))
	}
	for _, c := range []verdict.Check{verdict.AAAA, verdict.Reach, verdict.Reach4, verdict.Web, verdict.DNSSEC, verdict.Posture, verdict.RPKI, verdict.Closure, verdict.Mail, verdict.Reverse, verdict.Vantage} {
		add("check.", string(c))
	}
	for _, s := range []history.Status{history.Running, history.Complete, history.Interrupted, history.Crashed} {
		add("status.", string(s))
	}
	add("forecast.", "met", "forecast", "none", "not-enough-history", "not-applicable")
	add("severity.", "", "info", "low", "medium", "high", "critical")
	add("unit.", "agency", "service", "prefix", "")
	for _, k := range keys {
		if _, ok := words[k]; !ok {
			t.Errorf("no word for %s", k)
		}
	}
}

func TestNumbersAndDates(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{decimal(verdict.VI, 66.666), "66,7"}, {decimal(verdict.EN, 66.666), "66.7"}, {decimal(verdict.VI, 50), "50"}, {decimal(verdict.VI, -0.02), "0"},
		{day(verdict.VI, night), "22/11/2026"}, {moment(verdict.VI, night), "02:14 23/11/2026"}, {moment(verdict.EN, night), "2026-11-23 02:14 +07:00"},
		{dateText(verdict.VI, "2030-12-31"), "31/12/2030"}, {dateText(verdict.EN, "2030-12-31"), "2030-12-31"}, {dateText(verdict.EN, ""), "–"},
		{whole(0, 0), "–"}, {whole(0, 3), "0%"}, {whole(1, 300), "<1%"}, {whole(299, 300), ">99%"}, {whole(300, 300), "100%"}, {whole(1, 3), "33%"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestOwnerNames(t *testing.T) {
	d := newDirectory(somebody)
	for _, tt := range []struct {
		o    verdict.Owner
		want string
	}{
		{verdict.Owner{Role: verdict.Hosting, Name: "AS64501"}, "the hosting provider: ExampleCDN (AS64501)"},
		{verdict.Owner{Role: verdict.Hosting, Name: "AS64502"}, "the hosting provider: AS64502"},
		{verdict.Owner{Role: verdict.Agency, Name: "so-tttt"}, "the agency: Department of Information and Communications"},
		{verdict.Owner{Role: verdict.VNNIC}, "VNNIC"},
		{verdict.Owner{Name: "x\x1b"}, `x\x1b`},
		{verdict.Owner{}, "not known"},
	} {
		if got := d.owner(tt.o, verdict.EN); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.o, got, tt.want)
		}
	}
}
