package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// refusals is a network on which connections to some addresses are refused: the
// n-th to each, as deny says.
type refusals struct {
	mu   sync.Mutex
	seen map[string]int
	deny func(address string, n int) bool
}

// into puts the refusals into a scan's only way out.
func (f *refusals) into(j *job) {
	next := j.set.config.Dial
	f.seen = map[string]int{}
	j.set.config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(network, "tcp") {
			f.mu.Lock()
			f.seen[address]++
			no := f.deny(address, f.seen[address])
			f.mu.Unlock()
			if no {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
		}
		return next(ctx, network, address)
	}
}

// scanned runs a scan of the lab over a network with refusals and returns what it
// said and how it ended.
func scanned(t *testing.T, f *refusals, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, told bytes.Buffer
	j := labJob(t, &out, &told, args...)
	defer j.close()
	if err := j.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.into(j)
	err = j.run(t.Context())
	return out.String(), told.String(), err
}

// labJob is a scan of the lab that has not begun.
func labJob(t *testing.T, out, told io.Writer, args ...string) *job {
	t.Helper()
	s := streams{in: strings.NewReader(""), out: out, err: told}
	c := scanCommand(s)
	c.Flags().String("config", "", "")
	if err := c.ParseFlags(append([]string{"--lab", "--world", "base", "--lang", "en"}, args...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := load(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return &job{cfg: cfg, s: s, log: logger(cfg, s), began: time.Now()}
}

// A refusal that another look the same night does not confirm is not published as
// a failure: it is told as flapping, or, where two looks do not confirm it, as gone.
func TestRefusedOnce(t *testing.T) {
	names := writeTemp(t, "names.txt", "www.tinh.gov.vn\n")
	for retests, want := range map[string]struct{ code, not string }{
		"0": {"reach.refused", "scan."},
		"1": {"scan.flapping", `"code":"reach.refused"`},
		"2": {"scan.recovered", `"code":"reach.refused"`},
	} {
		f := &refusals{deny: func(address string, n int) bool { return strings.HasPrefix(address, "[2001:db8:8000::80]") && n == 1 }}
		out, told, err := scanned(t, f, "--names", names, "--only", "reach", "--format", "jsonl", "--retests", retests)
		if err != nil {
			t.Fatalf("%v\n%s", err, told)
		}
		if !strings.Contains(out, `"code":"`+want.code+`"`) || strings.Contains(out, want.not) || strings.Count(out, "\n") != 1 {
			t.Errorf("--retests %s: want %s and no %s in %s", retests, want.code, want.not, out)
		}
	}
}

// First looks of a scan that is only streamed word no evidence that no line has; further
// looks, which may differ from the first, do.
func TestOnlyFirstLooksAreBrief(t *testing.T) {
	for format, want := range map[string]bool{"jsonl": true, "table": false} {
		args := []string{"--names", writeTemp(t, "names.txt", "www.tinh.gov.vn\n"), "--only", "dnssec", "--format", format}
		if format == "table" {
			args = append(args, "--out", t.TempDir())
		}
		var out, told bytes.Buffer
		j := labJob(t, &out, &told, args...)
		defer j.close()
		if err := j.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := j.run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, told.String())
		}
		if first, further := j.env.Brief, j.set.fresh().Brief; first != want || further {
			t.Errorf("%s: first look brief: %v, further ones: %v", format, first, further)
		}
	}
}

// The reports count what flaps, with the reason and what either side saw.
func TestFlappingIsReported(t *testing.T) {
	dir := t.TempDir()
	names := writeTemp(t, "names.txt", "www.tinh.gov.vn\n")
	f := &refusals{deny: func(address string, n int) bool { return address == "[2001:db8:8000::80]:443" && n == 1 }}
	out, told, err := scanned(t, f, "--names", names, "--retests", "1", "--out", dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, told)
	}
	if !strings.Contains(told, "failed at some looks and not at others: 1 flapping, 0 that could not be confirmed, 0 recovered") {
		t.Errorf("told: %s", told)
	}
	for where, want := range map[string]string{"report.en.html": "Fails and works by turns (1 of 2 looks", "report.vi.html": "Lúc lỗi lúc không (1 trên 2 lần đo", "report.json": `"scan.flapping"`} {
		text, err := os.ReadFile(filepath.Join(dir, where))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s (%v) does not say %q", where, err, want)
		}
	}
	if said := strings.Join(strings.Fields(out), " "); !strings.Contains(said, "Fails and works by turns (1 of 2 looks in one night failed): [2001:db8:8000::80]:443: connection refused services whose level hangs on it: 1") {
		t.Errorf("table: %s", out)
	}
}

// A canary that fails in the midst of the run withholds it, and one at its end.
func TestCanaryFailsLater(t *testing.T) {
	inv := writeTemp(t, "inventory.yaml", `agencies:
  - id: a
    name: {vi: A, en: A}
    kind: department
    services:
      - {kind: web, host: www.tinh.gov.vn}
      - {kind: dns, host: ns1.dc.gov.vn}
canaries:
  - {host: mx.tinh.gov.vn, kind: reach, want: up, port: 25}
`)
	dir := t.TempDir()
	for run, deny := range []func(string, int) bool{
		func(address string, n int) bool { return address == "[2001:db8:8000::25]:25" && n > 1 },
		func(address string, n int) bool { return address == "[2001:db8:8000::25]:25" && n == 2 }, // once only: a hiccup
	} {
		f := &refusals{deny: deny}
		_, told, err := scanned(t, f, "--inventory", inv, "--only", "reach", "--out", dir)
		withheld := run == 0
		if (err != nil) != withheld || withheld && !strings.Contains(err.Error(), "run 1 is kept and not published") {
			t.Fatalf("run %d: %v\n%s", run, err, told)
		}
		store, err := history.Open(t.Context(), filepath.Join(dir, "history.db"))
		if err != nil {
			t.Fatal(err)
		}
		runs, err := store.Runs(t.Context())
		if err := errors.Join(err, store.Close()); err != nil {
			t.Fatal(err)
		}
		h := runs[0]
		if want := map[bool]history.Status{true: history.Withheld, false: history.Complete}[withheld]; h.Status != want || h.Services != 2 {
			t.Errorf("run %d is %s with %d services", run, h.Status, h.Services)
		}
		for _, why := range h.Withheld {
			if why.Outcome() != verdict.Fail || why.At.IsZero() || len(why.Evidence) == 0 {
				t.Errorf("withheld without a proof: %+v", why)
			}
		}
	}
}

// What the first part of a run lost is not forgotten when it is gone on with: it
// stays withheld, and no reports are written. A night begins a new run instead.
func TestWithheldAndResumed(t *testing.T) {
	const first = `agencies:
  - id: a
    name: {vi: A, en: A}
    kind: department
    services:
      - {kind: web, host: www.tinh.gov.vn}
canaries:
  - {host: mx.tinh.gov.vn, kind: reach, want: up, port: 25}
`
	inv, dir := writeTemp(t, "inventory.yaml", first), t.TempDir()
	path := filepath.Join(dir, "history.db")
	args := []string{"--inventory", inv, "--only", "reach", "--out", dir}
	down := &refusals{deny: func(address string, n int) bool { return address == "[2001:db8:8000::25]:25" }}
	if _, told, err := scanned(t, down, args...); err == nil {
		t.Fatalf("the canary is down: %s", told)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE run SET status = 'crashed'"); errors.Join(err, db.Close()) != nil {
		t.Fatal(err)
	}
	night := labJob(t, io.Discard, io.Discard, args...)
	night.night = time.Hour
	if err := night.ready(t.Context()); err != nil || night.last.ID != 0 {
		t.Errorf("a night goes on with run %d, %v", night.last.ID, err)
	}
	night.close()
	up := &refusals{deny: func(string, int) bool { return false }}
	_, told, err := scanned(t, up, append(args, "--resume")...)
	if err == nil || !strings.Contains(err.Error(), "run 1 is kept and not published") {
		t.Errorf("gone on with: %v\n%s", err, told)
	}
	if _, err := os.Stat(filepath.Join(dir, "report.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a report of a withheld run: %v", err)
	}
}

// A second scan of the same history is refused at once: before it has asked
// anybody anything, with who is first and since when.
func TestSecondScanIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	store, err := history.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--resume"}} {
		var told bytes.Buffer
		args := append([]string{"scan", "--lab", "--lang", "en", "--store", path, "--vrps", "rtr://[2001:db8::dead]:1"}, more...)
		code := run(t.Context(), args, nil, strings.NewReader(""), &told, &told)
		if said := told.String(); code != exitFailed || !strings.Contains(said, fmt.Sprintf("another scan (process %d on ", syscall.Getpid())) ||
			!strings.Contains(said, ", since 2") || strings.Contains(said, "VRPs") {
			t.Errorf("exit %d, %s", code, said)
		}
	}
}

// writeTemp writes a file that goes with the test.
func writeTemp(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
