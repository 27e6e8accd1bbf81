package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner"
	"ready6/scanner/history"
	"ready6/scanner/nightly"
)

func nightlyCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "nightly",
		Short: "Stay, and scan the inventory every night",
		Long: `nightly stays and scans the inventory once a day at --nightly-at in --zone. A night
that was missed is caught up when it begins, unless that is more than --catch-up
late; a run of that night that was ended early is gone on with. After each run old ones go as --keep says, and webhook, mail and metrics file
are told, where they are set up.

SIGHUP reads settings and inventory anew; where anything in them is wrong, all of it
is told and the old ones stay in force. SIGTERM and Ctrl-C end it; a scan under way is
ended, what it measured is kept, and the exit code is 1. Under systemd it says how it
is (Type=notify). Two of them on one history are refused.`,
		Example: "  ready6 nightly --inventory inventory.yaml --vrps rtr://127.0.0.1:8282 --keep daily=14,monthly=24\n" +
			"  ready6 nightly --lab --at-once",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n := &nights{cmd: cmd, s: s}
			return n.run(cmd.Context())
		},
	}
	own := []string{"nightly-at", "zone", "jitter", "catch-up", "at-once", "keep", "plan-file", "seed", "debug-listen", "out", "store", "workers", "run-timeout",
		"retests", "retest-after", "canaries-every", "log-level", "log-format", "browser"}
	return withSettings(c, append(append(own, telling...), measuring...)...)
}

// nights is the nightly process. What is in force is replaced whole.
type nights struct {
	cmd *cobra.Command
	s   streams
	log zerolog.Logger

	mu    sync.Mutex
	force *force
}

// force is one set of settings with what hangs on it.
type force struct {
	cfg     config
	inputs  *inputs
	hooks   *hooks
	release func() // gives the history up
	stop    func() // ends the delivery of messages, and waits for it
}

func (n *nights) run(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	cfg, err := load(n.cmd, n.s)
	if err != nil {
		return err
	}
	n.log = logger(cfg, n.s)
	if n.force, err = n.take(ctx, cfg, nil); err != nil {
		return err
	}
	defer func() { n.now().stop(); n.now().release() }()
	if h := n.force.hooks; h != nil {
		if err := h.catchUp(ctx); err != nil {
			n.log.Error().Err(err).Msg("nobody could be told of the last run")
		}
	}
	loop := nightly.Loop{
		Schedule: schedule(cfg), AtOnce: cfg.on("at-once"), Scan: n.scan, Past: n.past, Hangup: hangup, Log: n.log,
		Reload: func() (nightly.Schedule, error) { return n.reload(ctx) },
	}
	return wrapFailed(loop.Run(ctx))
}

func (n *nights) now() *force {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.force
}

// take makes a set of settings that can be put in force in the place of another.
func (n *nights) take(ctx context.Context, cfg config, old *force) (*force, error) {
	cfg.v.Set("format", "table") // what the file says of other commands' output would stream results away
	cfg.v.Set("resume", false)   // each night is a run of its own, and goes on with that one only
	f := &force{cfg: cfg}
	log := logger(cfg, n.s)
	var inputErr, hookErr error
	if !cfg.on("lab") || cfg.text("inventory") != "" { // the lab brings its own
		f.inputs, inputErr = readInputs(cfg, n.s)
	}
	f.hooks, hookErr = newHooks(cfg, &setup{}, log)
	if err := errors.Join(inputErr, hookErr); err != nil {
		return nil, usage(err)
	}
	if old != nil && storePath(old.cfg) == storePath(cfg) {
		f.release = old.release
	} else {
		release, err := claimAll(storePath(cfg))
		if err != nil {
			return nil, failed(err)
		}
		f.release = release
	}
	if old != nil {
		old.stop()
	}
	f.stop = f.hooks.deliver(ctx)
	return f, nil
}

// claimAll takes the rights to be the nightly scan of a history, and to deliver
// what its outbox has.
func claimAll(path string) (func(), error) {
	scans, err := history.Claim(path, "nightly")
	if err != nil {
		return nil, err
	}
	mails, err := history.Claim(path, "outbox")
	if err != nil {
		scans()
		return nil, err
	}
	return func() { mails(); scans() }, nil
}

// deliver hands messages out until it is stopped.
func (h *hooks) deliver(ctx context.Context) (stop func()) {
	if h == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { h.outbox.Run(ctx) })
	return func() { cancel(); wg.Wait() }
}

// reload puts new settings in force, or says all that is wrong with them.
func (n *nights) reload(ctx context.Context) (nightly.Schedule, error) {
	cfg, err := load(n.cmd, n.s)
	if err != nil {
		return nightly.Schedule{}, err
	}
	old := n.now()
	f, err := n.take(ctx, cfg, old)
	if err != nil {
		return nightly.Schedule{}, err
	}
	if storePath(old.cfg) != storePath(cfg) {
		old.release()
	}
	n.mu.Lock()
	n.force = f
	n.mu.Unlock()
	return schedule(cfg), nil
}

// past is what the history knows of earlier nights. The lab's days are not ours.
func (n *nights) past(ctx context.Context) ([]nightly.Past, error) {
	f := n.now()
	path := storePath(f.cfg)
	if _, err := os.Stat(path); f.cfg.on("lab") || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	store, err := history.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	runs, err := store.Runs(ctx)
	var list []nightly.Past
	for _, r := range runs {
		if r.Kind == f.inputs.kind {
			list = append(list, nightly.Past{Started: r.Started, Tries: 1 + len(r.Resumed), Complete: published(r)})
		}
	}
	return list, err
}

// scan is one night, by the settings in force when it begins.
func (n *nights) scan(ctx context.Context) (ran bool, err error) {
	f := n.now()
	log := logger(f.cfg, n.s)
	j := &job{cfg: f.cfg, s: streams{in: n.s.in, out: io.Discard, err: n.s.err, env: n.s.env}, log: log, began: time.Now(),
		inputs: f.inputs, status: &status{log: log}}
	j.night = j.began.Sub(schedule(f.cfg).Last(j.began))
	err = j.scan(ctx)
	if j.id == 0 {
		return false, err
	}
	log.Info().Int64("run", j.id).Str("history", storePath(f.cfg)).Str("reports", outDir(f.cfg)).Msg("the run is kept")
	if pruneErr := n.afterwards(context.WithoutCancel(ctx), f, j.id); pruneErr != nil {
		log.Error().Err(pruneErr).Int64("run", j.id).Msg("after the run")
	}
	return true, err
}

// afterwards tells of the run and removes those that are no longer to be kept.
func (n *nights) afterwards(ctx context.Context, f *force, id int64) error {
	store, err := history.Open(ctx, storePath(f.cfg))
	if err != nil {
		return err
	}
	defer store.Close()
	var errs []error
	if f.hooks != nil {
		errs = append(errs, f.hooks.put(ctx, store, id))
	}
	keep, _ := parseKeep(f.cfg.list("keep")) // checked by load
	if keep == (history.Keep{}) {
		return errors.Join(errs...)
	}
	keep.Zone = reports.Zone
	gone, err := store.Prune(ctx, keep)
	if len(gone) > 0 {
		n.log.Info().Ints64("runs", gone).Msg("old runs removed")
	}
	return errors.Join(append(errs, err)...)
}

// inputs are an inventory and a plan that were read and checked beforehand.
type inputs struct {
	inv     inventory.Inventory
	plan    inventory.Plan
	rawInv  []byte
	rawPlan []byte
	kind    string
}

func readInputs(c config, s streams) (*inputs, error) {
	in := &inputs{}
	var invErr, planErr error
	in.inv, in.rawInv, in.kind, invErr = readInventory(c, s, nil)
	in.plan, in.rawPlan, planErr = readPlan(c)
	return in, errors.Join(invErr, planErr)
}

// inventory is what was read beforehand, or else what is there now.
func (in *inputs) inventory(c config, s streams, l *lab.Lab) (inventory.Inventory, []byte, string, error) {
	if in == nil {
		return readInventory(c, s, l)
	}
	return in.inv, in.rawInv, in.kind, nil
}

func (in *inputs) planned(c config) (inventory.Plan, []byte, error) {
	if in == nil {
		return readPlan(c)
	}
	return in.plan, in.rawPlan, nil
}

// status tells the service manager and the log how far a nightly scan is. A nil
// one tells nobody.
type status struct {
	log       zerolog.Logger
	line, say time.Time
}

// How often it does.
const (
	statusEvery = 5 * time.Second
	logEvery    = 10 * time.Minute
)

func (st *status) show(p scanner.Progress) {
	if st == nil {
		return
	}
	now := time.Now()
	if now.After(st.line) {
		st.line = now.Add(statusEvery)
		nightly.Status(fmt.Sprintf("scanning: %d of %d services", p.Done, p.Total))
	}
	if st.say.IsZero() {
		st.say = now.Add(logEvery)
	}
	if now.After(st.say) {
		st.say = now.Add(logEvery)
		st.log.Info().Int("done", p.Done).Int("total", p.Total).Int("fail", p.Worst[verdict.Fail]).Int("unknown", p.Worst[verdict.Unknown]).Msg("scanning")
	}
}
