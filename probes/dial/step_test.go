package dial

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ready6/probes/verdict"
)

// never is a Func of addresses where nobody answers.
func never(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Whatever limit a dial waits at, and however many steps it is part of, the wait
// is not counted; the connecting itself is.
func TestStepDoesNotCountTheWait(t *testing.T) {
	for _, limit := range []Limits{{PerAddress: 1}, {PerNetwork: 1}, {Total: 1}, {PerAddress: 1, PerNetwork: 1, Total: 1}} {
		synctest.Test(t, func(t *testing.T) {
			var p pair
			silent := false
			d := Limit(func(ctx context.Context, network, address string) (net.Conn, error) {
				if silent {
					return never(ctx, network, address)
				}
				return p.dial(ctx, network, address)
			}, limit)
			const length = 2 * time.Second
			for _, then := range []bool{false, true} {
				silent = false
				first, err := d(t.Context(), "tcp", "192.0.2.1:1")
				if err != nil {
					t.Fatal(err)
				}
				silent = then
				time.AfterFunc(10*time.Second, func() { _ = first.Close() })
				began := time.Now()
				outer, end := Step(t.Context(), length+time.Second)
				inner, cancel := Step(outer, length)
				c, err := d(inner, "tcp", "192.0.2.1:2")
				took := time.Since(began)
				switch {
				case !silent && (err != nil || took != 10*time.Second):
					t.Errorf("%+v: %v after %v", limit, err, took)
				case !silent:
					_ = c.Close()
				case Classify(err) != verdict.Deadline || took != 10*time.Second+length:
					t.Errorf("%+v: a silent host: %v after %v", limit, err, took)
				}
				cancel()
				end()
			}
		})
	}
}

func TestStepEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cancel := Step(t.Context(), time.Second)
		<-s.Done()
		if !errors.Is(s.Err(), context.DeadlineExceeded) {
			t.Errorf("its own end: %v", s.Err())
		}
		hold(s)() // a step that is over stays over
		cancel()
		if !errors.Is(s.Err(), context.DeadlineExceeded) {
			t.Errorf("its own end, cancelled later: %v", s.Err())
		}

		s, cancel = Step(t.Context(), time.Second)
		cancel()
		if !errors.Is(s.Err(), context.Canceled) {
			t.Errorf("cancelled: %v", s.Err())
		}
		hold(s)()
		time.Sleep(time.Minute)

		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		s, cancel = Step(short, time.Minute)
		defer cancel()
		began := time.Now()
		<-s.Done()
		if !errors.Is(s.Err(), context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("its parent's end: %v after %v", s.Err(), time.Since(began))
		}
	})
}

// The real stack must understand this context as it does its own.
func TestStepReal(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, cancel := Step(t.Context(), time.Minute)
	defer cancel()
	c, err := System()(s, "tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	over, end := Step(t.Context(), time.Nanosecond)
	defer end()
	<-over.Done()
	if _, err := System()(over, "tcp4", l.Addr().String()); Classify(err) != verdict.Timeout && Classify(err) != verdict.Deadline {
		t.Errorf("%v is %q", err, Classify(err))
	}
}
