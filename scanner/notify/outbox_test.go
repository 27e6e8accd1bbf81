package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// desk is a Way that takes messages, or not, as told.
type desk struct {
	took   []string
	times  []time.Time
	answer func(m Message) error
	rests  int
}

func (d *desk) Deliver(_ context.Context, m Message) error {
	d.times = append(d.times, time.Now())
	if d.answer != nil {
		if err := d.answer(m); err != nil {
			return err
		}
	}
	d.took = append(d.took, fmt.Sprintf("%s of run %d: %s", m.ID, m.Run, m.Body))
	return nil
}

func (d *desk) Rest() { d.rests++ }

func newDesk(dir string) (*Outbox, *desk) {
	d := &desk{}
	return NewOutbox(dir, map[string]Way{"desk": d}, zerolog.Nop()), d
}

func news(ids ...string) (list []Message) {
	for _, id := range ids {
		list = append(list, Message{ID: id, Way: "desk", Body: "news"})
	}
	return list
}

func lastPut(o *Outbox) string {
	run, as := o.LastPut()
	return fmt.Sprint(run, " ", as)
}

func put(t *testing.T, o *Outbox, run int64, list ...Message) {
	t.Helper()
	if err := o.Put(run, "complete", list...); err != nil {
		t.Fatal(err)
	}
}

// What was put is delivered once, also by a process that begins later; the
// newer run's message takes the place of an older one under the same name.
func TestOutbox(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "outbox")
	o, d := newDesk(dir)
	if o.Flush(t.Context(), time.Second) != 0 || lastPut(o) != "0 " {
		t.Error("an outbox that is not there is not empty")
	}
	put(t, o, 7, news("a", "b", "latest")...)
	later, d2 := newDesk(dir)
	put(t, later, 8, news("latest", "c")...)
	put(t, later, 7, news("latest")...) // late news
	if left := later.Flush(t.Context(), time.Second); left != 0 || lastPut(later) != "8 complete" {
		t.Errorf("%d left, last put is run %s", left, lastPut(later))
	}
	want := []string{"a of run 7: news", "b of run 7: news", "c of run 8: news", "latest of run 8: news"}
	slices.Sort(d2.took)
	if !slices.Equal(d2.took, want) || len(d.took) > 0 || d2.rests == 0 {
		t.Errorf("delivered %q, by the other %q, %d rests", d2.took, d.took, d2.rests)
	}
	if o.Flush(t.Context(), time.Second); len(d.took) > 0 {
		t.Errorf("delivered twice: %q", d.took)
	}
}

// A crash while a run's messages are put leaves none of them half told: they
// wait until the same are put again, and then go out once each.
func TestCrashWhilePutting(t *testing.T) {
	dir := t.TempDir()
	o, _ := newDesk(dir)
	put(t, o, 3, news("old")...)
	put(t, o, 4, news("a", "b")...)
	// As it is when the power fails between two messages: no mark, one missing,
	// a file of which nothing but its beginning was written.
	if err := errors.Join(os.Remove(filepath.Join(dir, "b.json")), os.WriteFile(filepath.Join(dir, "put"), []byte("3\n"), 0o600),
		os.WriteFile(filepath.Join(dir, ".b.json.123"), []byte(`{"id":"b`), 0o600)); err != nil {
		t.Fatal(err)
	}
	o, d := newDesk(dir)
	o.Flush(t.Context(), time.Second)
	if !slices.Equal(d.took, []string{"old of run 3: news"}) || lastPut(o) != "3 " {
		t.Fatalf("delivered %q, last put %s", d.took, lastPut(o))
	}
	put(t, o, 4, news("a", "b")...)
	o.Flush(t.Context(), time.Second)
	if want := []string{"old of run 3: news", "a of run 4: news", "b of run 4: news"}; !slices.Equal(d.took, want) {
		t.Errorf("delivered %q", d.took)
	}
}

// A receiver that is down is asked again in doubling waits, for a day and not
// for ever; what it did not take is kept to be looked at. Others do not wait.
func TestDoublingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		o, d := newDesk(dir)
		d.answer = func(m Message) error {
			if m.ID == "down" {
				return errors.New("connection refused")
			}
			return nil
		}
		put(t, o, 1, news("down")...)
		ctx, cancel := context.WithCancel(t.Context())
		go o.Run(ctx)
		time.Sleep(10*time.Minute + 30*time.Second)
		put(t, o, 2, news("up")...)
		synctest.Wait()
		if len(d.took) != 1 {
			t.Error("the other receiver had to wait")
		}
		time.Sleep(72 * time.Hour)
		cancel()
		synctest.Wait()
		var waits []string
		for i := 1; i < len(d.times); i++ {
			waits = append(waits, d.times[i].Sub(d.times[i-1]).Round(time.Minute).String())
		}
		waits = slices.DeleteFunc(waits, func(w string) bool { return w == "1h0m0s" })
		if got := strings.Join(waits[:4], " "); got != "1m0s 2m0s 4m0s 4m0s" || len(d.times) != maxTries+1 { // 4 to the other's, and the rest of 8
			t.Errorf("%d tries, first waits %s", len(d.times), got)
		}
		if span := d.times[len(d.times)-1].Sub(d.times[0]); span < 20*time.Hour || span > 30*time.Hour {
			t.Errorf("tried over %s", span)
		}
		kept, err := os.ReadFile(filepath.Join(dir, asideDir, "down.json"))
		if err != nil || !strings.Contains(string(kept), "connection refused") {
			t.Errorf("what was given up: %s, %v", kept, err)
		}
	})
}

// Tries are counted over restarts, and a restart does not make the wait short.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		o, d := newDesk(dir)
		fail := errors.New("503")
		d.answer = func(Message) error { return fail }
		put(t, o, 1, news("a")...)
		o.pass(t.Context(), false)
		o, d2 := newDesk(dir)
		left, next := o.pass(t.Context(), false)
		if left != 1 || time.Until(next) != time.Minute || len(d2.times) != 0 {
			t.Errorf("%d left, next in %s, tried %d times after the restart", left, time.Until(next), len(d2.times))
		}
		time.Sleep(time.Minute)
		if left, _ := o.pass(t.Context(), false); left != 0 || len(d2.took) != 1 {
			t.Errorf("%d left, %q", left, d2.took)
		}
	})
}

// Flush asks again while it has time, and gives up when it is over or the user
// has enough.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, d := newDesk(t.TempDir())
		d.answer = func(Message) error {
			if len(d.times) < 3 {
				return errors.New("500")
			}
			return nil
		}
		put(t, o, 1, news("a")...)
		if left := o.Flush(t.Context(), 2*time.Minute); left != 0 || len(d.times) != 3 {
			t.Errorf("%d left after %d tries", left, len(d.times))
		}
		d.answer = func(Message) error { return errors.New("500") }
		put(t, o, 2, news("b")...)
		began := time.Now()
		if left := o.Flush(t.Context(), 2*time.Minute); left != 1 || time.Since(began) != 2*time.Minute {
			t.Errorf("%d left after %s", left, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if left := o.Flush(ctx, 2*time.Minute); left != 1 || time.Since(began) > 3*time.Second {
			t.Errorf("interrupted: %d left after %s", left, time.Since(began))
		}
	})
}

// What is no message is put aside, what is somebody else's is left alone, and
// neither keeps a message from being delivered.
func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	o, d := newDesk(dir)
	put(t, o, 1, append(news("good"), Message{ID: "later", Way: "not-set-up-now"})...)
	for name, text := range map[string]string{"cut.json": `{"id":"cu`, "other.json": `{"id":"x","way":"desk","run":1}`, "empty.json": "", "README": "x",
		"..json": "x", "UPPER.json": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if left := o.Flush(t.Context(), time.Second); left != 0 || len(d.took) != 1 {
		t.Errorf("%d left, delivered %q", left, d.took)
	}
	for name, there := range map[string]bool{"cut.json": false, "other.json": false, "empty.json": false, "README": true, "later.json": true,
		asideDir + "/cut.json": true, asideDir + "/other.json": true, asideDir + "/empty.json": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names are made of what cannot leave the folder.
func TestIDs(t *testing.T) {
	o, _ := newDesk(t.TempDir())
	for _, id := range []string{"", "../a", "a/b", "A", "a.b", "a b", strings.Repeat("a", 129), "đ"} {
		if err := o.Put(1, "complete", Message{ID: id, Way: "desk"}); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}

// Addresses and what is said of agencies are no business of other users.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	o, _ := newDesk(dir)
	put(t, o, 1, news("a")...)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "a.json"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
