package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"
)

// The heap that grows after hugePages is where the kernel was asked for huge pages,
// whether it gives them or not. In a process of its own, whose heap has no room left
// from other tests.
func TestHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("the kernel has no transparent huge pages")
	}
	if mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory"); err != nil || mode[0] == '2' {
		t.Skip("memory that is asked for counts as taken here")
	}
	const alone = "TEST_HUGE_PAGES"
	if os.Getenv(alone) == "" {
		again := exec.Command(os.Args[0], "-test.run=^TestHugePages$")
		again.Env = append(os.Environ(), alone+"=1")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	hugePages()
	heap := make([]byte, 64<<20) // more than is free of what the heap had before
	flags := mappingFlags(t, uintptr(unsafe.Pointer(&heap[0])))
	if !strings.Contains(flags+" ", " hg ") {
		t.Errorf("new heap lies in memory with the flags%s, without hg", flags)
	}
}

// mappingFlags are those of the mapping that an address is in (proc_pid_smaps(5)).
func mappingFlags(t *testing.T, at uintptr) string {
	t.Helper()
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	inside := false
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && inside {
			return flags
		}
	}
	t.Fatal("the heap is in no mapping")
	return ""
}
