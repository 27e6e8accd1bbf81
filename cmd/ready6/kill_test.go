package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

// asProgram makes a process of the test binary the program itself.
const asProgram = "R6TEST_PROGRAM"

// program is a process of ready6 with these arguments, not started yet.
func program(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := exec.Command(exe, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// scanOf is the scan that is killed: the whole province, with little time between
// looks, and patient enough for a busy machine.
func scanOf(path string, more ...string) []string {
	return append([]string{"scan", "--lab", "--lang", "en", "--format", "jsonl", "--step-timeout", "1s", "--retest-after", "20ms",
		"--store", path, "--out", path + ".reports"}, more...)
}

// said is the verdict on one service or block.
type said struct {
	text  string
	noisy bool // looks did not agree: the machine was too busy for the time that the lab is waited for
}

// verdicts are what the newest run says of every service and block.
func verdicts(ctx context.Context, path string) (map[string]said, history.Header, error) {
	store, err := history.Open(ctx, path)
	if err != nil {
		return nil, history.Header{}, err
	}
	defer store.Close()
	runs, err := store.Runs(ctx)
	if err != nil || len(runs) == 0 {
		return nil, history.Header{}, err
	}
	found := map[string]said{}
	for rec, err := range store.Outlines(ctx, runs[0].ID) {
		if err != nil {
			return nil, runs[0], err
		}
		key := fmt.Sprint(rec.Key())
		if _, twice := found[key]; twice {
			return nil, runs[0], fmt.Errorf("%s is in the run twice", key)
		}
		j := reports.Judge(rec)
		v := said{text: fmt.Sprintf("level %d to %d, dnssec %s, rpki %s", j.Min, j.Max, j.DNSSEC, j.RPKI)}
		var faults []string
		for _, r := range rec.Results {
			if r.Outcome() == verdict.Fail {
				faults = append(faults, fmt.Sprintf("; %s of %s", r.Reason, r.Subject))
			}
			v.noisy = v.noisy || slices.Contains(differing[:], r.Reason)
		}
		slices.Sort(faults)
		v.text += strings.Join(faults, "")
		found[key] = v
	}
	return found, runs[0], nil
}

// differ lists what two runs of the same say differently, and counts what could
// not be compared.
func differ(want, got map[string]said) (lines []string, noisy int) {
	for key, w := range want {
		g, ok := got[key]
		switch {
		case !ok:
			lines = append(lines, key+" is lost")
		case w.noisy || g.noisy:
			noisy++
		case w.text != g.text:
			lines = append(lines, fmt.Sprintf("%s: %s; uninterrupted: %s", key, g.text, w.text))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			lines = append(lines, key+" is new")
		}
	}
	slices.Sort(lines)
	return lines, noisy
}

// A scan that is killed again and again, at any moment, and gone on with each
// time, ends with the run that an uninterrupted scan makes: the same verdicts, each
// service once, one run.
func TestKilledAndResumed(t *testing.T) {
	chains, kills := 5, 4
	ctx := t.Context()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	began := time.Now()
	if out, err := program(scanOf(whole)...).CombinedOutput(); err != nil {
		t.Fatalf("the scan that nobody kills: %v\n%s", err, tail(out))
	}
	took := time.Since(began)
	if testing.Short() || took > 20*time.Second { // under the race detector, on a machine that is busy with other things
		chains = 1
	}
	want, h, err := verdicts(ctx, whole)
	if err != nil || h.Status != history.Complete || h.Services != h.Planned || h.Services < 40 {
		t.Fatalf("the scan that nobody kills: %+v, %v", h, err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; a scan takes %s; %d moments", seed, took.Round(time.Millisecond), chains*kills)
	var wg sync.WaitGroup // subtests in parallel would be two at a time, and this waits more than it works
	for n := range chains {
		wg.Go(func() {
			k := killer{random: rand.New(rand.NewPCG(seed, uint64(n))), took: took, left: kills}
			for run := 1; k.left > 0; run++ { // a run may be complete before it was killed often enough
				path := filepath.Join(dir, fmt.Sprintf("chain%d-%d.db", n, run))
				if err := k.scan(ctx, path); err != nil {
					t.Errorf("killed%s: %v", k.moments, err)
					return
				}
				got, h, err := verdicts(ctx, path)
				if err != nil || h.Status != history.Complete || h.ID != 1 || h.Services != h.Planned {
					t.Errorf("killed%s: %+v, %v", k.moments, h, err)
				}
				lines, noisy := differ(want, got)
				if len(lines) > 0 || noisy > len(want)/4 {
					t.Errorf("killed%s; %d could not be compared:\n%s", k.moments, noisy, strings.Join(lines, "\n"))
				}
				t.Logf("killed%s; resumed %d times", k.moments, len(h.Resumed))
				k.moments = ""
			}
		})
	}
	wg.Wait()
}

// killer ends scans at random moments.
type killer struct {
	random  *rand.Rand
	took    time.Duration // that a scan takes
	left    int           // kills to come
	moments string
}

// scan scans until the run is complete, and kills the program on the way: half of
// the times somewhere in the time that a scan takes, half of the times soon after
// some number of results.
func (k *killer) scan(ctx context.Context, path string) error {
	for {
		status, services, err := standing(ctx, path)
		if err != nil || status == history.Complete {
			return err
		}
		var more []string
		if status != "" {
			more = []string{"--resume"}
		}
		c := program(scanOf(path, more...)...)
		var told strings.Builder
		out := &lines{more: make(chan bool, 1000)}
		c.Stdout, c.Stderr = out, &told
		if err := c.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		if err := k.kill(c, out, ended, services); err != nil {
			return fmt.Errorf("%v: %w\n%s", more, err, tail([]byte(told.String())))
		}
	}
}

// kill waits for the moment, or for the program's own end, whose error it returns.
func (k *killer) kill(c *exec.Cmd, out *lines, ended chan error, services int) error {
	if k.left == 0 {
		return <-ended
	}
	results, d := 0, time.Duration(k.random.Float64()*float64(k.took))
	if k.random.IntN(2) == 0 {
		results, d = 1+k.random.IntN(25), d/8
	}
	for range results {
		select {
		case <-out.more:
		case err := <-ended:
			return err
		}
	}
	select {
	case <-time.After(d):
	case err := <-ended:
		return err
	}
	k.left--
	k.moments += fmt.Sprintf(" %s after result %d (there were %d services)", d.Round(time.Millisecond), results, services)
	_ = c.Process.Kill() // it may have ended this instant
	<-ended
	return nil
}

// lines tells of each line that is written to it.
type lines struct{ more chan bool }

func (l *lines) Write(b []byte) (int, error) {
	for range bytes.Count(b, []byte("\n")) {
		l.more <- true
	}
	return len(b), nil
}

// standing is how far the newest run has come; empty where there is none.
func standing(ctx context.Context, path string) (history.Status, int, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", 0, nil
	}
	store, err := history.Open(ctx, path)
	if err != nil {
		return "", 0, err
	}
	runs, err := store.Runs(ctx)
	if err := errors.Join(err, store.Close()); err != nil || len(runs) == 0 {
		return "", 0, err
	}
	return runs[0].Status, runs[0].Services, nil
}

// tail is the end of a program's output.
func tail(out []byte) string {
	return string(out[max(0, len(out)-2000):])
}
