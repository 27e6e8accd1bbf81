package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ready6/probes/verdict"
)

// child is the process that TestKill9 kills: it writes a run without end.
func child(path string) {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err == nil {
		var w *Writer
		if w, err = s.Begin(ctx, Header{Kind: "inventory", Started: night, Planned: 1 << 30}); err == nil {
			for i := 0; err == nil; i++ {
				err = w.Put(record("child", fmt.Sprintf("h%07d.vn", i), result(verdict.Reach, "reach.ok", "x")))
				if i == 3*batchRecords {
					fmt.Println("three batches")
				}
			}
		}
	}
	fmt.Println("child:", err)
	os.Exit(1)
}

func startChild(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "READY6_TEST_CHILD="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "three batches\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("child said %q, %v", line, err)
	}
	return cmd
}

// A process killed in the middle of a run, again and again, loses no earlier
// run, and what it had committed can be read.
func TestKill9(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	first := store(t, s, Header{Kind: "inventory", Started: night}, Complete,
		record("a", "www.a.vn", result(verdict.Reach, "reach.ok", "x")))
	before, err := s.Load(ctx, first)
	if err != nil {
		t.Fatal(err)
	}

	for round := range 4 {
		cmd := startChild(t, path)
		// While it lives: it is running, nobody else may write, and everybody may read.
		hs, err := s.Runs(ctx)
		if err != nil || hs[0].Status != Running {
			t.Fatalf("newest run %+v, %v", hs[0], err)
		}
		start := time.Now()
		if _, err := s.Load(ctx, first); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("a reader was held up for %v", took)
		}
		_, err = s.Begin(ctx, Header{})
		if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint("process ", cmd.Process.Pid)) {
			t.Errorf("second writer: %v; want a refusal that names process %d", err, cmd.Process.Pid)
		}
		time.Sleep(time.Duration(round) * 37 * time.Millisecond) // another moment each time
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()

		checkCrashed(t, s, hs[0].ID) // the store that was open all along sees it
		again := open(t, path)
		checkCrashed(t, again, hs[0].ID)
		after, err := again.Load(ctx, first)
		if err != nil || len(after.Records) != len(before.Records) || after.Status != Complete {
			t.Fatalf("the earlier run: %+v, %v", after.Header, err)
		}
	}
	var ok string
	if err := s.read.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
	next := store(t, s, Header{Kind: "inventory", Started: night}, Complete)
	if prev, err := s.Previous(ctx, next); err != nil || prev.ID != first {
		t.Errorf("previous of %d is %d, %v; crashed runs are not compared with", next, prev.ID, err)
	}
}

func checkCrashed(t *testing.T, s *Store, id int64) {
	t.Helper()
	run, err := s.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if run.Status != Crashed || run.Finished.IsZero() {
		t.Errorf("status %s, last written %v", run.Status, run.Finished)
	}
	if n := len(run.Records); n < 3*batchRecords || n%batchRecords != 0 && run.Services != n {
		t.Errorf("%d records, at least %d were committed", n, 3*batchRecords)
	}
	for _, r := range run.Records {
		if len(r.Results) != 1 || len(r.Results[0].Evidence) != 1 {
			t.Fatalf("half a record: %+v", r)
		}
	}
}

func TestCloseWithoutFinish(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	s := open(t, path)
	w, err := s.Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put(record("a", "www.a.vn")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := open(t, path).Load(ctx, w.ID())
	if err != nil || run.Status != Crashed || len(run.Records) != 1 {
		t.Errorf("%s with %d records, %v", run.Status, len(run.Records), err)
	}
}

func TestTwoWritersInOneProcess(t *testing.T) {
	ctx := context.Background()
	path := temp(t)
	a, b := open(t, path), open(t, path)
	w, err := a.Begin(ctx, Header{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{a, b} {
		if _, err := s.Begin(ctx, Header{}); !errors.Is(err, ErrBusy) {
			t.Errorf("second writer: %v", err)
		}
	}
	if err := w.Finish(ctx, Complete); err != nil {
		t.Fatal(err)
	}
	store(t, b, Header{}, Complete)
}
