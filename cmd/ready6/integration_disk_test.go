//go:build integration

package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk fills a real file system in the midst of a scan: the scan ends with
// one clear sentence, what it has stored stays whole, and once there is space it is
// gone on with to the end.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		leaveOut(t, "no file system can be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	store, reports := filepath.Join(dir, "history.db"), t.TempDir()
	ready6 := func(watch io.Writer, args ...string) (stdout, stderr string, code int) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(exe, append(args, "--lang", "en", "--store", store, "--out", reports)...)
		c.Env = append(os.Environ(), "R6TEST_PROGRAM=1")
		var out, told strings.Builder
		c.Stdout, c.Stderr = io.MultiWriter(&out, watch), &told
		_ = c.Run() // the exit code says it
		return out.String(), told.String(), c.ProcessState.ExitCode()
	}
	scan := []string{"scan", "--lab", "--format", "jsonl", "--workers", "1"} // so few that they do not end all in one batch
	ballast := filepath.Join(dir, "ballast")
	_, told, code := ready6(&fill{path: ballast, after: 3}, scan...)
	t.Logf("exit %d: %s", code, told)
	if code != 1 || strings.Count("\n"+told, "\nready6: ") != 1 || !strings.Contains(told, "the disk is full (what was stored before is safe)") || !strings.Contains(told, "ready6 scan --resume") {
		t.Fatalf("exit %d: %s", code, told)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	type header struct {
		ID                int
		Status            string
		Planned, Services int
	}
	runs := func() (list []header) {
		out, told, code := ready6(io.Discard, "history", "--format", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 1 {
			t.Fatalf("exit %d, %v: %s%s", code, err, out, told)
		}
		return list
	}
	before := runs()[0]
	if before.Status != "crashed" || before.Services == 0 {
		t.Errorf("after the full disk: %+v", before)
	}
	out, told, code := ready6(io.Discard, append(scan, "--resume")...)
	if after := runs()[0]; code != 0 || after.Status != "complete" || after.Services != after.Planned || after.ID != before.ID {
		t.Errorf("resumed: exit %d, %+v\n%s", code, after, told)
	}
	again := strings.Count(out, "\n")
	if again == 0 || again >= before.Planned {
		t.Errorf("the resumed scan printed %d services", again)
	}
	t.Logf("%d of %d services were stored; the resumed scan printed %d", before.Services, before.Planned, again)
}

// fill fills the disk when so many services have been printed, and have had the
// time to be stored.
type fill struct {
	path  string
	after int
	once  sync.Once
}

func (f *fill) Write(p []byte) (int, error) {
	if f.after -= bytes.Count(p, []byte("\n")); f.after <= 0 {
		f.once.Do(func() {
			time.Sleep(700 * time.Millisecond)
			ballast, err := os.Create(f.path)
			if err != nil {
				return // the scan then ends well, which the test does not take
			}
			defer ballast.Close()
			for _, size := range []int{1 << 20, 4 << 10} {
				for block := make([]byte, size); err == nil; {
					_, err = ballast.Write(block)
				}
				err = nil
			}
		})
	}
	return len(p), nil
}
