package crew

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// All work is done, each piece beside the others, and no goroutine is left: the
// bubble's end would tell.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Crew
		var done atomic.Int32
		for range 3 {
			var wg sync.WaitGroup
			begun := time.Now()
			for i := range 1000 {
				wg.Add(1)
				c.Do(func() {
					defer wg.Done()
					time.Sleep(time.Duration(i%7) * time.Second)
					done.Add(1)
				})
			}
			wg.Wait()
			if took := time.Since(begun); took > 6*time.Second {
				t.Errorf("took %v, so some waited for others", took)
			}
		}
		if n := done.Load(); n != 3000 {
			t.Errorf("%d of 3000 were done", n)
		}
		synctest.Wait()
		if c.busy != 0 || len(c.idle) != 0 {
			t.Errorf("%d busy and %d idle after the end", c.busy, len(c.idle))
		}
	})
}
