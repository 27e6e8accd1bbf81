//go:build integration

package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// service is what `scan --format jsonl` says of one service.
type service struct {
	Host    string    `json:"host"`
	Service string    `json:"service"`
	Agency  string    `json:"agency"`
	Level   *int      `json:"level"`
	DNSSEC  string    `json:"dnssec"`
	RPKI    string    `json:"rpki"`
	AAAA    []string  `json:"aaaa"`
	Reach6  string    `json:"reach6"`
	Found   []finding `json:"findings"`
}

type finding struct {
	Code    string `json:"code"`
	Subject string `json:"subject"`
	Outcome string `json:"outcome"`
}

func (s service) has(code string) bool {
	for _, f := range s.Found {
		if f.Code == code {
			return true
		}
	}
	return false
}

func (s service) codes() []string {
	var out []string
	for _, f := range s.Found {
		out = append(out, f.Code+" "+f.Subject)
	}
	return out
}

// unknownLevel stands for a level that could not be measured.
const unknownLevel = -1

func (s service) level() int {
	if s.Level == nil {
		return unknownLevel
	}
	return *s.Level
}

// wants is what a scan of the whole world must find, and for each fault the
// code that names it.
var wants = []struct {
	host, kind, agency   string
	level                int
	dnssec, rpki, reach6 string
	codes                []string
}{
	{"www.secure.gov.vn", "web", "so-secure", 3, "secure", "valid", "pass", nil},
	{"v4only.secure.gov.vn", "web", "so-secure", 0, "secure", "valid", "not-applicable", []string{"aaaa.nodata"}},
	{"silent.secure.gov.vn", "web", "so-secure", 1, "secure", "valid", "fail", []string{"reach.silent"}},
	{"refused.secure.gov.vn", "web", "so-secure", 1, "secure", "valid", "fail", []string{"reach.refused"}},
	{"v6only.secure.gov.vn", "web", "so-secure", 4, "secure", "valid", "pass", nil},
	{"half.secure.gov.vn", "web", "so-secure", 1, "secure", "valid", "fail", []string{"reach.silent"}},
	{"alias.secure.gov.vn", "web", "so-secure", 3, "insecure", "valid", "pass", []string{"dnssec.insecure.opt-out"}},
	{"secure.gov.vn", "mail", "so-secure", 3, "secure", "valid", "pass", nil},
	{"www.nsec3.gov.vn", "web", "so-nsec3", 2, "secure", "not-found", "pass", []string{"closure.zone-v4only", "rpki.not-found"}},
	{"www.insecure.gov.vn", "web", "so-insecure", 3, "insecure", "invalid", "pass", []string{"dnssec.insecure.unsigned", "rpki.invalid.origin"}},
	{"www.expired.gov.vn", "web", "so-expired", 3, "bogus", "invalid", "pass", []string{"dnssec.bogus.sig-expired", "rpki.invalid.length"}},
	{"www.mismatch.gov.vn", "web", "so-mismatch", 3, "bogus", "unrouted", "pass", []string{"dnssec.bogus.no-dnskey-for-ds", "rpki.unrouted"}},
	{"www.lame.gov.vn", "web", "so-lame", unknownLevel, "indeterminate", "unknown", "unknown", []string{"aaaa.unknown"}},
}

// build makes the ready6 under test.
func (w *world) build() {
	w.t.Helper()
	w.bin = filepath.Join(w.dir, "ready6")
	cmd := exec.Command("go", "build", "-o", w.bin, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("go build: %v\n%s", err, out)
	}
}

// network is what every command is told about the world.
func (w *world) network() []string {
	return []string{"--root-hints", w.files.hints, "--allow", "2001:db8::/32", "--allow", "198.18.0.0/15",
		"--allow", "198.51.100.0/24", "--allow", "203.0.113.0/24", "--allow", "192.0.2.0/24"}
}

// everything is a scan's arguments with all sources of the world.
func (w *world) everything(out string) []string {
	return slices.Concat([]string{"scan", "--inventory", w.files.inventory, "--trust-anchor", w.files.anchor, "--vrps", "rtr://" + rtrAddr,
		"--routes", w.files.routes, "--ca", w.files.ca, "--out", out, "--format", "jsonl",
		"--retest-after", "1s"}, w.network())
}

// services reads JSON lines, refusing a line that is not whole.
func services(t *testing.T, text string) map[string]service {
	t.Helper()
	got := map[string]service{}
	for line := range strings.Lines(text) {
		var s service
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Errorf("not a JSON line: %v: %q", err, line)
			continue
		}
		got[s.Host] = s
	}
	return got
}

// testScan is the main job against the whole world.
func testScan(t *testing.T, w *world) {
	out := filepath.Join(w.dir, "out")
	o := w.run(w.dual, 5*time.Minute, w.bin, w.everything(out)...)
	t.Logf("the scan took %v; it said on stderr:\n%s", o.took.Round(time.Millisecond), o.stderr)
	if o.code != 0 {
		t.Errorf("exit code %d, want 0", o.code)
	}
	got := services(t, o.stdout)
	if len(got) != len(wants) {
		t.Errorf("%d services, want %d", len(got), len(wants))
	}
	for _, want := range wants {
		t.Run(want.host, func(t *testing.T) {
			s, ok := got[want.host]
			if !ok {
				t.Fatal("not in the output")
			}
			if s.Service != want.kind || s.Agency != want.agency {
				t.Errorf("%s of %s, want %s of %s", s.Service, s.Agency, want.kind, want.agency)
			}
			if s.level() != want.level || s.DNSSEC != want.dnssec || s.RPKI != want.rpki || s.Reach6 != want.reach6 {
				t.Errorf("level %d, %s, %s, reach6 %s; want %d, %s, %s, %s; findings %q", s.level(), s.DNSSEC, s.RPKI, s.Reach6,
					want.level, want.dnssec, want.rpki, want.reach6, s.codes())
			}
			for _, code := range want.codes {
				if !s.has(code) {
					t.Errorf("no finding %s among %q", code, s.codes())
				}
			}
		})
	}
	t.Run("sources", func(t *testing.T) { testSources(t, w.with(t), out) })
}

// report is what is read from a JSON report.
type report struct {
	Run struct {
		Status  string `json:"status"`
		Sources []struct {
			Name  string `json:"name"`
			Count int    `json:"count"`
		} `json:"sources"`
		Trouble []finding `json:"trouble"`
	} `json:"run"`
	Agencies []json.RawMessage `json:"agencies"`
}

// readReport finds the one JSON report of an output folder.
func readReport(t *testing.T, out string) report {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no JSON report in %s: %v", out, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r report
		if bytes.Contains(text, []byte(`"agencies"`)) && json.Unmarshal(text, &r) == nil && r.Run.Status != "" {
			return r
		}
	}
	t.Fatalf("none of %q is a report", files)
	return report{}
}

// testSources compares what the report says of its sources with what rtrclient
// and the files say.
func testSources(t *testing.T, w *world, out string) {
	rep := readReport(t, out)
	if rep.Run.Status != "complete" || len(rep.Run.Trouble) > 0 {
		t.Errorf("the run is %s, with trouble %v", rep.Run.Status, rep.Run.Trouble)
	}
	vrps, _ := w.rtrCount()
	for kind, want := range map[string]int{"VRPs": vrps, "routes": len(announced)} {
		found := false
		for _, s := range rep.Run.Sources {
			if strings.HasPrefix(s.Name, kind) {
				found = true
				if s.Count != want {
					t.Errorf("%s: the report says %d, its source has %d", s.Name, s.Count, want)
				}
			}
		}
		if !found {
			t.Errorf("no %s among the report's sources %v", kind, rep.Run.Sources)
		}
	}
	for _, pattern := range []string{"*.html", "*.csv"} {
		if files, _ := filepath.Glob(filepath.Join(out, pattern)); len(files) == 0 {
			t.Errorf("no %s in %s", pattern, out)
		}
	}
}

// testValidator asks `ready6 dnssec` what the two other validators were asked.
func testValidator(t *testing.T, w *world) {
	for _, q := range questions {
		t.Run(q.name+" "+q.qtype, func(t *testing.T) {
			w := w.with(t)
			args := append([]string{"dnssec", q.name, q.qtype, "--trust-anchor", w.files.anchor, "--format", "json"}, w.network()...)
			o := w.run(w.dual, 2*time.Minute, w.bin, args...)
			var got struct{ Name, Type, Status, Rcode string }
			if err := json.Unmarshal([]byte(o.stdout), &got); err != nil || o.code != 0 {
				t.Fatalf("%v: %v", err, o)
			}
			if got.Status != q.state || got.Type != q.qtype || strings.TrimSuffix(got.Name, ".") != q.name {
				t.Errorf("%+v, want %s", got, q.state)
			}
		})
	}
}
