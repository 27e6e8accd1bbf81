package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// held is what the process holds on to.
type held struct {
	heap       uint64 // bytes in use after a collection
	files      int    // open file descriptors; 0 where /proc does not tell
	goroutines int
}

// holding waits until what a run has started has ended: closed connections linger
// for a moment.
func holding() (h held) {
	for last := -1; ; {
		time.Sleep(100 * time.Millisecond)
		if h.goroutines = runtime.NumGoroutine(); h.goroutines == last {
			break
		}
		last = h.goroutines
	}
	runtime.GC()
	debug.FreeOSMemory() // collects what finalizers have let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.heap = m.HeapAlloc
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.files = len(list)
	}
	return h
}

// TestSoak does a few runs of a small world; the integration tier fifty of the
// province.
func TestSoak(t *testing.T) { soak(t, "base", 12) }

// soak scans a world n times one after the other in one process, as a nightly
// process does, with one history: nothing is left behind, no memory, no open
// files, no goroutines.
func soak(t *testing.T, world string, n int) {
	dir := t.TempDir()
	warm := n / 4
	var before, after held
	for i := range n {
		var told strings.Builder
		args := []string{"scan", "--lab", "--world", world, "--lang", "en", "--retest-after", "1ms", "--out", filepath.Join(dir, "out")}
		if code := run(context.Background(), args, nil, strings.NewReader(""), io.Discard, &told); code != exitDone {
			t.Fatalf("run %d: exit %d, %s", i+1, code, told.String())
		}
		switch i + 1 {
		case warm:
			before = holding()
		case n:
			after = holding()
		}
	}
	t.Logf("after %d runs %+v, after %d runs %+v", warm, before, n, after)
	if after.files > before.files {
		t.Errorf("open files grew from %d to %d in %d runs", before.files, after.files, n-warm)
	}
	if after.goroutines > before.goroutines {
		t.Errorf("goroutines grew from %d to %d in %d runs", before.goroutines, after.goroutines, n-warm)
	}
	const slack = 4 << 20 // one run leaves much more in use while it goes on
	if after.heap > before.heap+slack {
		t.Errorf("heap grew from %d to %d bytes in %d runs", before.heap, after.heap, n-warm)
	}
}
