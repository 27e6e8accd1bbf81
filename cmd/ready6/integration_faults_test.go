//go:build integration

package main_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testOnly4 scans from a vantage without IPv6: that says nothing about anybody.
func testOnly4(t *testing.T, w *world) {
	out := filepath.Join(w.dir, "out4")
	args := w.everything(out)
	args[slices.Index(args, "--vrps")+1] = w.files.vrps // the RTR cache is on the other vantage's loopback
	o := w.run(w.only4, 5*time.Minute, w.bin, args...)
	t.Logf("the scan took %v; it said on stderr:\n%s", o.took.Round(time.Millisecond), o.stderr)
	if o.code != 1 {
		t.Errorf("exit code %d, want 1", o.code)
	}
	if !strings.Contains(o.stderr, "IPv6") {
		t.Error("stderr does not speak of IPv6")
	}
	got := services(t, o.stdout)
	for _, want := range wants {
		s, ok := got[want.host]
		switch {
		case !ok:
			t.Errorf("%s is not in the output", want.host)
			continue
		case want.level == 0: // no AAAA: known without IPv6
			if s.level() != 0 || s.Reach6 != "not-applicable" {
				t.Errorf("%s: level %d, reach6 %s", s.Host, s.level(), s.Reach6)
			}
			continue
		case s.Reach6 != "unknown":
			t.Errorf("%s: reach6 %s, want unknown", s.Host, s.Reach6)
		case want.level != unknownLevel && (s.level() != 1 || !s.has("reach.no-vantage")):
			t.Errorf("%s: level %d, want 1 proven; findings %q", s.Host, s.level(), s.codes())
		}
		if s.DNSSEC != want.dnssec || s.RPKI != want.rpki {
			t.Errorf("%s: %s, %s; want %s, %s: they need no IPv6", s.Host, s.DNSSEC, s.RPKI, want.dnssec, want.rpki)
		}
		for _, f := range s.Found {
			if strings.HasPrefix(f.Code, "reach.") && f.Outcome == "fail" {
				t.Errorf("%s: %s is a fail", s.Host, f.Code)
			}
		}
	}
	rep := readReport(t, out)
	if !slices.Contains(rep.Run.Trouble, finding{Code: "vantage.no-family", Subject: "IPv6", Outcome: "fail"}) {
		t.Errorf("the report's trouble is %v", rep.Run.Trouble)
	}
}

// testNobody scans where nothing at all answers: it ends in its time, and
// everything is unknown.
func testNobody(t *testing.T, w *world) {
	for _, c := range []struct{ name, ns, hints string }{
		{"silent root servers", w.dual, w.files.silentHints},
		{"no network", w.cut, w.files.hints},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := w.with(t)
			args := w.everything(filepath.Join(w.dir, "nobody-"+c.ns))
			args[slices.Index(args, "--root-hints")+1] = c.hints
			args[slices.Index(args, "--vrps")+1] = w.files.vrps
			args = append(args, "--run-timeout", "20s", "--host-timeout", "10s")
			o := w.run(c.ns, 2*time.Minute, w.bin, args...)
			t.Logf("ended after %v", o.took.Round(time.Millisecond))
			if o.code != 1 || o.took > 40*time.Second {
				t.Errorf("want exit 1 after at most 40 s: %v", o)
			}
			got := services(t, o.stdout)
			if len(got) != len(wants) {
				t.Errorf("%d services, want %d: none may be left out", len(got), len(wants))
			}
			for _, s := range got {
				if s.level() != unknownLevel || s.Reach6 != "unknown" || s.DNSSEC != "indeterminate" || s.RPKI != "unknown" {
					t.Errorf("%s: level %d, reach6 %s, %s, %s", s.Host, s.level(), s.Reach6, s.DNSSEC, s.RPKI)
				}
			}
		})
	}
}

// testBadData gives a scan one bad source at a time: one sentence says so, what
// rests on it is unknown, and the rest comes out as ever.
func testBadData(t *testing.T, w *world) {
	table, err := os.ReadFile(w.files.routes)
	if err != nil {
		t.Fatal(err)
	}
	names := w.write("names", "www.secure.gov.vn\n")
	for _, c := range []struct {
		name, flag, value, says string
		dnssec, rpki            string
	}{
		{"RTR cache down", "--vrps", "rtr://127.0.0.1:9", "127.0.0.1:9", "secure", "unknown"},
		{"VRPs expired", "--vrps", w.vrps("old.json", time.Now().Add(-72*time.Hour)), "old.json", "secure", "unknown"},
		{"MRT cut short", "--routes", w.write("cut.mrt", string(table[:len(table)-7])), "cut.mrt", "secure", "unknown"},
		{"no trust anchor", "--trust-anchor", filepath.Join(w.dir, "nowhere.ds"), "nowhere.ds", "indeterminate", "valid"},
		{"empty trust anchor", "--trust-anchor", w.write("empty.ds", "; nothing\n"), "empty.ds", "indeterminate", "valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := w.with(t)
			args := w.everything(filepath.Join(w.dir, "bad-"+strings.ReplaceAll(c.name, " ", "-")))
			i := slices.Index(args, "--inventory")
			args[i], args[i+1] = "--names", names
			args[slices.Index(args, c.flag)+1] = c.value
			o := w.run(w.dual, time.Minute, w.bin, args...)
			said := 0
			for line := range strings.Lines(o.stderr) {
				if strings.Contains(line, c.says) {
					t.Logf("it says: %s", strings.TrimSpace(line))
					said++
				}
			}
			if said != 1 {
				t.Errorf("%d sentences about %s, want 1:\n%s", said, c.says, o.stderr)
			}
			s, ok := services(t, o.stdout)["www.secure.gov.vn"]
			if !ok || o.code != 1 {
				t.Fatalf("want the service and exit 1: %v", o)
			}
			if s.DNSSEC != c.dnssec || s.RPKI != c.rpki || s.level() != 3 || s.Reach6 != "pass" {
				t.Errorf("level %d, reach6 %s, %s, %s; want 3, pass, %s, %s", s.level(), s.Reach6, s.DNSSEC, s.RPKI, c.dnssec, c.rpki)
			}
		})
	}
}

// runs are the states of the runs of a history, oldest first.
func (w *world) runs(out string) []string {
	w.t.Helper()
	o := w.run(w.dual, time.Minute, w.bin, "history", "--out", out, "--format", "json")
	type header struct {
		ID     int64  `json:"id"`
		Status string `json:"status"`
	}
	var headers []header
	if err := json.Unmarshal([]byte(o.stdout), &headers); err != nil || o.code != 0 {
		w.t.Fatalf("history: %v: %v", err, o)
	}
	slices.SortFunc(headers, func(a, b header) int { return cmp.Compare(a.ID, b.ID) })
	var status []string
	for _, h := range headers {
		status = append(status, h.Status)
	}
	return status
}

// testEnds stops a scan in its middle in both ways: an earlier run stays whole.
func testEnds(t *testing.T, w *world) {
	out := filepath.Join(w.dir, "ends")
	// Every host is quick but the lame one, which keeps the run in its middle.
	args := append(w.everything(out), "--step-timeout", "5s", "--host-timeout", "1m")
	if o := w.run(w.dual, 5*time.Minute, w.bin, args...); o.code != 0 {
		t.Fatalf("the first run: %v", o)
	}
	stop := func(signal syscall.Signal) (string, string, int, time.Duration) {
		t.Helper()
		c, stdout, stderr := w.begin(w.dual, w.bin, args...)
		w.await("the first result", func() error {
			if strings.Count(stdout.String(), "\n") == 0 {
				return os.ErrNotExist
			}
			return nil
		})
		if n := strings.Count(stdout.String(), "\n"); n >= len(wants) {
			t.Fatalf("the run was over before it could be stopped (%d services)", n)
		}
		begun := time.Now()
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		return stdout.String(), stderr.String(), c.ProcessState.ExitCode(), time.Since(begun)
	}

	stop(syscall.SIGKILL)
	if got := w.runs(out); !slices.Equal(got, []string{"complete", "crashed"}) {
		t.Errorf("after kill -9 the runs are %q", got)
	}
	if o := w.run(w.dual, time.Minute, w.bin, "report", "--out", out); o.code != 0 {
		t.Errorf("no report after kill -9: %v", o)
	}

	stdout, stderr, code, took := stop(syscall.SIGTERM)
	t.Logf("SIGTERM: exit %d after %v, saying:\n%s", code, took.Round(time.Millisecond), stderr)
	if code != 1 || took > 10*time.Second {
		t.Errorf("SIGTERM: exit %d after %v, want 1 within 10 s", code, took)
	}
	if got := services(t, stdout); len(got) == 0 {
		t.Error("SIGTERM: no result was kept")
	}
	if got := w.runs(out); !slices.Equal(got, []string{"complete", "crashed", "interrupted"}) {
		t.Errorf("after SIGTERM the runs are %q", got)
	}
}
