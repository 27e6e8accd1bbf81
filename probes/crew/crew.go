// Package crew runs functions side by side in goroutines that are used again.
package crew

import "sync"

// Crew runs functions side by side in goroutines that it uses again while there is
// work: each question needs several for a moment, and a new goroutine's stack grows
// by being copied. When the last work is done, all of them end. The zero value is
// ready; safe for concurrent use.
type Crew struct {
	mu   sync.Mutex
	busy int
	idle []chan func()
}

// maxIdle bounds the goroutines kept for work to come.
const maxIdle = 256

// Do runs f in a goroutine of its own. f must not panic.
func (c *Crew) Do(f func()) {
	c.mu.Lock()
	c.busy++
	last := len(c.idle) - 1
	if last < 0 {
		c.mu.Unlock()
		go c.work(f)
		return
	}
	hand := c.idle[last]
	c.idle = c.idle[:last]
	c.mu.Unlock()
	hand <- f
}

func (c *Crew) work(f func()) {
	next := make(chan func(), 1)
	over := false
	defer func() {
		if !over {
			c.rest(nil) // f has ended this goroutine
		}
	}()
	for f != nil {
		f()
		if !c.rest(next) {
			break
		}
		f = <-next
	}
	over = true
}

// rest reports whether a goroutine that is done is to wait for more, which next
// brings; nil: it is not.
func (c *Crew) rest(next chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy--; c.busy == 0 {
		for _, hand := range c.idle {
			close(hand)
		}
		c.idle = nil
		return false
	}
	if next == nil || len(c.idle) >= maxIdle {
		return false
	}
	c.idle = append(c.idle, next)
	return true
}
