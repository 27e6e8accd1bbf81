package nightly

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// night is a Loop under test, in Vietnam, with what its scans were.
type night struct {
	Loop
	took   time.Duration // of a scan
	scans  []time.Time
	result func(n int) (bool, error) // of the nth scan, from 1; nil: all is well
	log    *safeText
	stop   context.CancelFunc
	over   chan error
}

type safeText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newNight(t *testing.T) *night {
	n := &night{took: time.Hour, log: &safeText{}, over: make(chan error, 1)}
	n.Schedule = Schedule{Hour: 2, Zone: zone(t, "Asia/Ho_Chi_Minh"), Late: 12 * time.Hour}
	n.Log = zerolog.New(n.log)
	n.Scan = func(ctx context.Context) (bool, error) {
		n.scans = append(n.scans, time.Now())
		count := len(n.scans)
		select {
		case <-time.After(n.took):
		case <-ctx.Done():
			return true, ctx.Err()
		}
		if n.result != nil {
			return n.result(count)
		}
		return true, nil
	}
	return n
}

func (n *night) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n.stop = cancel
	go func() { n.over <- n.Run(ctx) }()
}

// want compares the scans' beginnings, in Vietnam's time.
func (n *night) want(t *testing.T, times ...string) {
	t.Helper()
	var got []string
	for _, at := range n.scans {
		got = append(got, at.In(n.Schedule.Zone).Format("02 15:04"))
	}
	if !slices.Equal(got, times) {
		t.Errorf("scans at %q, want %q", got, times)
	}
}

// A week has seven scans at the same time of day, though each takes hours.
func TestWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.took = 5 * time.Hour
		n.start(t)
		time.Sleep(7 * 24 * time.Hour)
		n.stop()
		if err := <-n.over; err != nil {
			t.Error(err)
		}
		n.want(t, "02 02:00", "03 02:00", "04 02:00", "05 02:00", "06 02:00", "07 02:00", "08 02:00")
		if !strings.Contains(n.log.String(), `"next":"2000-01-02T02:00:00+07:00","in":"19h0m0s"`) {
			t.Errorf("the log does not tell the next scan: %s", n.log)
		}
	})
}

// A scan that outlasts the next due time leaves that out: two are never under way.
func TestLongScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.took = 30 * time.Hour
		n.start(t)
		time.Sleep(4 * 24 * time.Hour)
		n.stop()
		<-n.over
		n.want(t, "02 02:00", "04 02:00")
	})
}

// What the history says of the last night decides whether it is caught up at
// the start. The fake clock begins at 07:00 in Vietnam.
func TestMissedNight(t *testing.T) {
	ran := func(hours float64, complete bool) Past {
		return Past{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(hours * float64(time.Hour))), 1, complete}
	}
	for _, c := range []struct {
		name string
		past []Past
		late time.Duration
		err  error
		want []string
	}{
		{"no run ever: nothing was missed", nil, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"the last one is of the night before", []Past{ran(29, true)}, 12 * time.Hour, nil, []string{"01 07:00", "02 02:00"}},
		{"it ran", []Past{ran(5, true), ran(29, true)}, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"it ran late", []Past{ran(1, true)}, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"it began just before it was due", []Past{ran(5.1, true)}, 12 * time.Hour, nil, []string{"01 07:00", "02 02:00"}},
		{"it was cut short", []Past{ran(5, false), ran(29, true)}, 12 * time.Hour, nil, []string{"01 07:00", "02 02:00"}},
		{"it was cut short again and again", []Past{ran(2, false), ran(3, false), ran(4, false), ran(5, false), ran(29, true)}, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"it was gone on with again and again", []Past{{ran(5, false).Started, 4, false}, ran(29, true)}, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"it was gone on with twice", []Past{{ran(5, false).Started, 3, false}, ran(29, true)}, 12 * time.Hour, nil, []string{"01 07:00", "02 02:00"}},
		{"it was cut short and done again", []Past{ran(4, true), ran(5, false)}, 12 * time.Hour, nil, []string{"02 02:00"}},
		{"too long ago", []Past{ran(29, true)}, 4 * time.Hour, nil, []string{"02 02:00"}},
		{"never caught up", []Past{ran(29, true)}, 0, nil, []string{"02 02:00"}},
		{"the history cannot be read", nil, 12 * time.Hour, errors.New("no"), []string{"02 02:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNight(t)
				n.Schedule.Late = c.late
				n.Past = func(context.Context) ([]Past, error) { return c.past, c.err }
				n.start(t)
				time.Sleep(24 * time.Hour)
				n.stop()
				<-n.over
				n.want(t, c.want...)
			})
		})
	}
}

// Where the zone changes its clocks, the week has seven scans all the same.
func TestWeekWithDST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.Schedule.Zone = zone(t, "Europe/Berlin")
		n.Schedule.Hour, n.Schedule.Minute = 2, 30
		time.Sleep(time.Until(time.Date(2000, 3, 23, 12, 0, 0, 0, time.UTC))) // clocks go forward on the 26th
		n.start(t)
		time.Sleep(5 * 24 * time.Hour)
		n.stop()
		<-n.over
		n.want(t, "24 02:30", "25 02:30", "26 03:00", "27 02:30", "28 02:30")
	})
}

// A machine that slept over the time scans when it wakes, unless that is too
// long ago: the wall clock decides, not the timer.
func TestSleep(t *testing.T) {
	for _, c := range []struct {
		slept time.Duration
		want  []string // on the real clock's fake
	}{
		{6 * time.Hour, []string{"01 07:01"}}, // 07:01 + 6 h was due before, at 08:00
		{14 * time.Hour, nil},                 // 21:01 is too late for 08:00
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNight(t)
			n.Schedule.Hour = 8
			var asleep time.Duration
			var mu sync.Mutex
			n.Now = func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return time.Now().Add(asleep)
			}
			n.start(t)
			time.Sleep(30 * time.Second)
			mu.Lock()
			asleep = c.slept
			mu.Unlock()
			time.Sleep(2 * time.Minute)
			n.stop()
			<-n.over
			n.want(t, c.want...)
		})
	}
}

// A clock that is put back makes no second scan of the night.
func TestClockPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.took = time.Minute
		var back time.Duration
		var mu sync.Mutex
		n.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(-back)
		}
		n.start(t)
		time.Sleep(19*time.Hour + 30*time.Second) // the scan has begun
		mu.Lock()
		back = time.Hour
		mu.Unlock()
		time.Sleep(20 * time.Hour)
		n.stop()
		<-n.over
		n.want(t, "02 02:00")
	})
}

// A scan that could not begin is tried again the same night, ever less often; one
// that ran is not, however it ended.
func TestTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.took = 0
		n.result = func(count int) (bool, error) {
			switch {
			case count <= 3:
				return false, errors.New("another scan is writing")
			case count == 4:
				return true, errors.New("cut short")
			}
			// the night after it can never begin
			return false, errors.New("the disk is full")
		}
		n.start(t)
		time.Sleep(60 * time.Hour)
		n.stop()
		<-n.over
		night := n.scans[4:]
		n.scans = n.scans[:4]
		n.want(t, "02 02:00", "02 02:01", "02 02:03", "02 02:07")
		n.scans = night
		if first, last := n.scans[0], n.scans[len(n.scans)-1]; len(n.scans) != 17 || last.Sub(first) > 12*time.Hour {
			t.Errorf("%d attempts over %s", len(n.scans), last.Sub(first))
		}
	})
}

// SIGTERM ends a scan under way, waits for it, and says so; without one it ends
// at once.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.start(t)
		time.Sleep(19*time.Hour + 10*time.Minute)
		n.stop()
		if err := <-n.over; !errors.Is(err, ErrCut) {
			t.Errorf("%v", err)
		}
		n.want(t, "02 02:00")
	})
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		n.start(t)
		time.Sleep(time.Minute)
		n.stop()
		if err := <-n.over; err != nil {
			t.Errorf("%v", err)
		}
		n.want(t)
	})
}

// SIGHUP takes a new time; a bad one keeps the old; one during a scan leaves
// that scan alone.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t)
		hangup := make(chan os.Signal, 1)
		n.Hangup = hangup
		fault := errors.New("ready6.yaml: wrokers is not a setting\ninventory.yaml:3: the host is a URL")
		next, err := n.Schedule, error(nil)
		n.Reload = func() (Schedule, error) { return next, err }
		reload := func(hour int, e error) {
			next.Hour, err = hour, e
			hangup <- syscall.SIGHUP
			synctest.Wait()
		}
		n.start(t)
		time.Sleep(time.Hour)
		reload(9, nil) // 08:00 now
		time.Sleep(90 * time.Minute)
		reload(23, fault) // under way since 09:00
		reload(3, nil)
		time.Sleep(20 * time.Hour)
		reload(2, nil) // earlier than the scan that today has had
		reload(22, fault)
		time.Sleep(30 * time.Hour)
		n.stop()
		<-n.over
		n.want(t, "01 09:00", "02 03:00", "03 02:00")
		if said := n.log.String(); strings.Count(said, "the old settings stay in force") != 2 || !strings.Contains(said, "wrokers") || !strings.Contains(said, "inventory.yaml:3") {
			t.Errorf("not all faults are told: %s", said)
		}
	})
}

// The service manager hears what it is told in sd_notify(3), in that order.
func TestServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no datagram sockets here: ", err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "200000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	heard := make(chan string, 1000)
	go func() {
		defer close(heard)
		buf := make([]byte, 4096)
		for {
			k, err := socket.Read(buf)
			if err != nil {
				return
			}
			heard <- string(buf[:k])
		}
	}()
	expect := func(prefix string) string {
		t.Helper()
		for {
			select {
			case m, more := <-heard:
				if strings.HasPrefix(m, prefix) {
					return m
				}
				if !more {
					t.Fatalf("%q was not heard", prefix)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("%q was not heard", prefix)
			}
		}
	}
	n := newNight(t)
	hangup := make(chan os.Signal, 1)
	n.Hangup = hangup
	n.Reload = func() (Schedule, error) { return n.Schedule, nil }
	n.start(t)
	expect("READY=1")
	expect("STATUS=next scan at ")
	expect("WATCHDOG=1")
	hangup <- syscall.SIGHUP
	if m := expect("RELOADING=1\n"); !strings.Contains(m, "\nMONOTONIC_USEC=") {
		t.Errorf("%q", m)
	}
	expect("READY=1")
	Status("two\nlines\rin one")
	expect("STATUS=two lines in one")
	n.stop()
	expect("STOPPING=1")
	<-n.over
}
