package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ready6/probes/verdict"
)

// ask sends n questions by so many askers, each to the address that to gives, and
// counts what left in each second. server says what becomes of each.
func ask(t *testing.T, p *Pace, askers, n int, to func(i int) netip.Addr, server func(netip.Addr) (Echo, time.Duration)) (perSecond map[int]int, took time.Duration) {
	t.Helper()
	began := time.Now()
	perSecond = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range askers {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n {
					return
				}
				turn, err := p.Turn(t.Context(), to(i))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				perSecond[int(time.Since(began)/time.Second)]++
				mu.Unlock()
				e, d := server(to(i))
				time.Sleep(d)
				turn.Done(e)
			}
		})
	}
	wg.Wait()
	return perSecond, time.Since(began)
}

var one = netip.MustParseAddr("2001:db8::1")

func sameAddr(int) netip.Addr { return one }

// A server that answers promptly is not held back for long.
func TestPaceLetsTheAbleRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(Rates{}, nil)
		_, took := ask(t, p, 400, 28000, sameAddr, func(netip.Addr) (Echo, time.Duration) { return Heard, 20 * time.Millisecond })
		// 400 askers and 20 ms make 20,000 a second: 1.4 s without any pace.
		if took > 1900*time.Millisecond {
			t.Errorf("28,000 questions took %v", took)
		}
		if p.Slowed() != 0 {
			t.Error("it was slowed")
		}
	})
}

// limiter20 answers as servers with a limit of so many a second do.
func limitOf(rate float64, beyond Echo, after time.Duration) func(netip.Addr) (Echo, time.Duration) {
	var mu sync.Mutex
	tokens, last := rate, time.Now()
	return func(netip.Addr) (Echo, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		tokens = min(rate, tokens+rate*now.Sub(last).Seconds())
		last = now
		if tokens < 1 {
			return beyond, after
		}
		tokens--
		return Heard, 5 * time.Millisecond
	}
}

// A server with a limit of 20 a second is asked at about that pace, and not far
// below it, however it says so.
func TestPaceFindsTheLimit(t *testing.T) {
	for _, c := range []struct {
		beyond Echo
		after  time.Duration
	}{{Pushed, 5 * time.Millisecond}, {Silence, 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPace(Rates{}, nil)
			seconds, _ := ask(t, p, 64, 3000, sameAddr, limitOf(20, c.beyond, c.after))
			sent := 0
			for s := 20; s < 80; s++ {
				sent += seconds[s]
			}
			if sent < 60*8 || sent > 60*26 {
				t.Errorf("echo %d: %d questions in a minute: %v", c.beyond, sent, seconds)
			}
			if p.Slowed() != 1 {
				t.Errorf("echo %d: %d slowed", c.beyond, p.Slowed())
			}
		})
	}
}

// Loss that has nothing to do with the pace slows down and never stops; a little
// of it means nothing; servers that never answer are not waited for.
func TestPaceUnderLoss(t *testing.T) {
	for _, c := range []struct {
		loss float64
		most time.Duration
	}{{0.01, 5 * time.Second}, {0.36, 1200 * time.Second}, {1, 300 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var mu sync.Mutex
			lost := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return rng.Float64() < c.loss
			}
			p := NewPace(Rates{}, nil)
			_, took := ask(t, p, 64, 6000, sameAddr, func(netip.Addr) (Echo, time.Duration) {
				if lost() {
					return Silence, 2 * time.Second
				}
				return Heard, 5 * time.Millisecond
			})
			if took > c.most {
				t.Errorf("loss %v: took %v", c.loss, took)
			}
		})
	}
}

// After a bad hour the pace comes back.
func TestPaceRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(Rates{}, nil)
		began := time.Now()
		seconds, _ := ask(t, p, 64, 60000, sameAddr, func(netip.Addr) (Echo, time.Duration) {
			if at := time.Since(began); at > 5*time.Second && at < 8*time.Second {
				return Pushed, 20 * time.Millisecond
			}
			return Heard, 20 * time.Millisecond
		})
		if before, after := seconds[3], seconds[60]; after < before/4 && len(seconds) > 60 {
			t.Errorf("%d a second before, %d a minute later", before, after)
		}
	})
}

// The operator's limits hold whatever servers can take.
func TestPaceKeepsTheOperatorsLimits(t *testing.T) {
	spread := func(i int) netip.Addr { // 40 addresses in 4 networks
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::%x", i%4, i/4%10))
	}
	for _, c := range []struct {
		rates Rates
		to    func(int) netip.Addr
		want  int // a second
	}{
		{Rates{PerAddress: 50}, sameAddr, 50},
		{Rates{PerAddress: 50}, spread, 2000},
		{Rates{PerNetwork: 100}, spread, 400},
		{Rates{PerNetwork: 100, Total: 250, PerAddress: 1000}, spread, 250},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPace(c.rates, nil)
			seconds, _ := ask(t, p, 64, 10*c.want, c.to, func(netip.Addr) (Echo, time.Duration) { return Heard, time.Millisecond })
			for s, n := range seconds {
				if n > c.want*11/10+c.want/5+5 || s > 1 && s < 8 && n < c.want*8/10 {
					t.Errorf("%+v: %d questions in second %d", c.rates, n, s)
				}
			}
		})
	}
}

// Waiting is no silence: the clock of a step stands still, and who gives up takes
// no place from the others.
func TestPaceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Meter{}
		p := NewPace(Rates{PerAddress: 1}, m)
		if _, err := p.Turn(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		step, cancel := Step(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := p.Turn(step, one); err != nil || time.Since(began) < 800*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		short, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer end()
		if _, err := p.Turn(short, one); Classify(err) != verdict.OverBudget {
			t.Errorf("waited too long: %v", err)
		}
		stopped, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, stop)
		if _, err := p.Turn(stopped, one); Classify(err) != verdict.Cancelled {
			t.Errorf("stopped: %v", err)
		}
		began = time.Now()
		if _, err := p.Turn(t.Context(), one); err != nil || time.Since(began) > 1100*time.Millisecond {
			t.Errorf("%v after %v: the places of those who left were not given back", err, time.Since(began))
		}
		if n, took := m.Spent(Waiting); n != 4 || took < time.Second {
			t.Errorf("waited %d times, %v", n, took)
		}
		if n, _, busiest, most := m.Peers(); n != 1 || busiest != one || most != 3 {
			t.Errorf("%d addresses, %v was asked %d times", n, busiest, most)
		}
	})
}

// What servers do with questions tells how much is lost on the way to those that
// do answer; those that never did, and too few questions, tell nothing.
func TestPaceLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(Rates{}, nil)
		other := netip.MustParseAddr("192.0.2.1")
		say := func(a netip.Addr, echoes ...Echo) {
			for _, e := range echoes {
				turn, err := p.Turn(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				turn.Done(e)
			}
		}
		for range 30 {
			say(other, Silence)
		}
		if p.Loss(other) != 0 || p.Answers(other) || p.PushedBack(other) {
			t.Error("a server that never answered counts")
		}
		for range 5 {
			say(one, Heard, Heard, Heard, Silence)
		}
		if got := p.Loss(one); got < 0.2 || got > 0.3 || !p.Answers(one) {
			t.Errorf("loss %v", got)
		}
		for range 100 {
			say(other, Heard)
			time.Sleep(time.Millisecond)
		}
		if all, here := p.Loss(other), p.Loss(one); all > 0.1 || here < 0.2 {
			t.Errorf("loss %v on all paths, %v on one", all, here)
		}
		var none *Pace
		if none.Loss(one) != 0 || none.Busy(one) || none.PushedBack(one) || none.Answers(one) || none.Slowed() != 0 {
			t.Error("no pace knows something")
		}
	})
}

func TestSpare(t *testing.T) {
	asked := ""
	d := Spare(func(_ context.Context, _, address string) (net.Conn, error) { asked = address; return nil, io.EOF },
		func(a netip.Addr) string {
			if a == one {
				return "2001:db8::/64"
			}
			return ""
		})
	if _, err := d(t.Context(), "tcp", "[2001:db8::1]:80"); Classify(err) != verdict.OptedOut || asked != "" {
		t.Errorf("%v, asked %q", err, asked)
	}
	if _, err := d(t.Context(), "tcp", "[2001:db8::2]:80"); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48"} {
		if got := Network(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: %s", a, got)
		}
	}
}

func BenchmarkPaceTurn(b *testing.B) {
	p := NewPace(Rates{PerNetwork: 1 << 30, Total: 1 << 30}, &Meter{})
	ctx := context.Background()
	var addrs [1024]netip.Addr
	for i := range addrs {
		addrs[i] = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::1", i))
		p.lane(addrs[i], time.Now()).rate = 1e9
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		turn, _ := p.Turn(ctx, addrs[i%len(addrs)])
		turn.Done(Heard)
	}
}
