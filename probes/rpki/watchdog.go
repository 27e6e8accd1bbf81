package rpki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// watchdog is a connection that gives up when ctx ends or nothing moves for
// rtrIdle. It interrupts a blocked call by a deadline in the past, so no clock
// has to be read here.
type watchdog struct {
	conn net.Conn
	ctx  context.Context
	idle *time.Timer
	stop func() bool
}

func newWatchdog(ctx context.Context, conn net.Conn) *watchdog {
	past := time.Unix(1, 0)
	// A connection that can't take a deadline is closed instead.
	interrupt := func() {
		if conn.SetDeadline(past) != nil {
			conn.Close()
		}
	}
	w := &watchdog{conn: conn, ctx: ctx, idle: time.AfterFunc(rtrIdle, interrupt)}
	undo := context.AfterFunc(ctx, interrupt)
	w.stop = func() bool { w.idle.Stop(); return undo() }
	return w
}

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	return n, w.moved(n, err)
}

func (w *watchdog) Write(p []byte) (int, error) {
	n, err := w.conn.Write(p)
	return n, w.moved(n, err)
}

func (w *watchdog) moved(n int, err error) error {
	if n > 0 {
		w.idle.Reset(rtrIdle)
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the cache was silent for %s: %w", rtrIdle, err)
	}
	return err
}
