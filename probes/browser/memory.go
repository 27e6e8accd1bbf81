package browser

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// resident is the memory in use, in bytes, by a process and all its
// descendants; 0 where the system does not tell (proc(5)).
func resident(pid int) int64 {
	parents := map[int]int{}
	pages := map[int]int64{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		id, parent, rss, ok := parseStat(string(text))
		if ok {
			parents[id], pages[id] = parent, rss
		}
	}
	var sum int64
	for id, n := range pages {
		for at, hops := id, 0; at > 1 && hops < 64; at, hops = parents[at], hops+1 {
			if at == pid {
				sum += n
				break
			}
		}
	}
	return sum * int64(os.Getpagesize())
}

// parseStat reads a process's id, its parent's, and its resident pages. The
// command's name may hold anything but ends at the last parenthesis.
func parseStat(s string) (pid, parent int, pages int64, ok bool) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 1 || end < open {
		return 0, 0, 0, false
	}
	f := strings.Fields(s[end+1:])
	if len(f) < 22 {
		return 0, 0, 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(s[:open]))
	parent, err2 := strconv.Atoi(f[1])
	pages, err3 := strconv.ParseInt(f[21], 10, 64)
	return pid, parent, pages, err == nil && err2 == nil && err3 == nil && pages >= 0
}
