package history

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// errHeld means another process (or another Store of this one) has the lock.
var errHeld = errors.New("lock is held")

// lock is the right to write runs: an operating system lock on a file beside
// the database. It goes when its process goes, however that ends, so there are
// no stale ones; the file itself stays.
type lock struct{ f *os.File }

// takeLock waits up to patience for the lock. A reader that looks whether a
// writer is alive holds it for an instant, so a writer asks more than once.
func takeLock(path string, patience time.Duration) (*lock, error) {
	give := time.Now().Add(patience)
	for {
		f, err := openLock(path)
		if err == nil {
			return &lock{f}, nil
		}
		if !errors.Is(err, errHeld) || time.Now().After(give) {
			return nil, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// sign writes who holds the lock, for the one who is refused.
func (l *lock) sign(now time.Time) {
	host, _ := os.Hostname()
	who := fmt.Sprintf("process %d on %s, since %s", os.Getpid(), host, now.Format(time.RFC3339))
	if l.f.Truncate(0) == nil {
		_, _ = l.f.WriteAt([]byte(who), 0) // only a courtesy: the lock holds without it
	}
}

// release gives the lock back.
func (l *lock) release() {
	_ = l.f.Truncate(0)
	_ = l.f.Close() // closing unlocks
}

// holder reads what sign wrote; empty if that cannot be known.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 200))
	if err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, string(b))
}
