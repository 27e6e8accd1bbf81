package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes"
	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner"
	"ready6/scanner/history"
)

// measuring are the settings of every command that goes out to the network.
var measuring = []string{"root-hints", "trust-anchor", "vrps", "vrps-max-age", "routes", "routes-max-age", "min-peers", "ca", "allow", "only", "step-timeout", "host-timeout", "lead-time",
	"per-address", "per-network", "connections", "queries-per-address", "queries-per-network", "queries", "opt-out", "helo-name", "edns-contact", "qname-minimisation", "vantage", "vantage-internal", "nat64", "contact", "lang", "color", "lab", "world", "loopback", "inventory"}

func scanCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "scan",
		Short: "Measure every service of the inventory and report how ready each agency is",
		Long: `scan measures every service of an inventory, keeps the run in the history, writes
reports (HTML in both languages, JSON, CSV) and prints a table of the agencies.
With --format jsonl it prints one JSON object per service as each finishes, and
keeps a run and reports only where --out or --store says so.

A service that failed, could not be measured for a reason that may pass, or is
worse than in the last published run is looked at again after all others, up to
--retests times, --retest-after and then twice as long apart. A failure stands if
two looks found it and none found the contrary; else the service is told to be
flapping, recovered or unconfirmed.

The scanner proves its own connection before the run, at half of it, every
--canaries-every, and at its end. A run during which a canary failed is kept in
the history and not published: no reports, nothing is compared with it, exit
code 1. A run that was interrupted, killed or ran out of disk is gone on with by
--resume: what it has is not measured again.`,
		Example: "  ready6 scan --lab\n  ready6 scan --inventory inventory.yaml --vrps rtr://127.0.0.1:8282 --routes rib.mrt.gz\n" +
			"  ready6 scan --names names.txt --only aaaa,dnssec --format jsonl\n  ready6 scan --inventory inventory.yaml --resume",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.Flags().Changed("plan") {
				return usagef("--plan takes no file: it prints what would be sent%s", renamed("plan"))
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return scan(cmd.Context(), cfg, s)
		},
	}
	c = withSettings(c, append([]string{"names", "plan-file", "plan", "seed", "debug-listen", "out", "store", "format", "signatures", "workers", "run-timeout", "fail-on", "log-level", "log-format", "browser",
		"resume", "retests", "retest-after", "canaries-every"}, append(telling, measuring...)...)...)
	return withUsage(c, "format", "table or jsonl (default: table); with --plan text or json")
}

// job is one scan under way.
type job struct {
	cfg        config
	s          streams
	log        zerolog.Logger
	set        *setup
	env        *probes.Env
	whole      inventory.Inventory // of all days
	inv        inventory.Inventory // of the run's day
	plan       inventory.Plan
	rawInv     []byte
	rawPlan    []byte
	kind       string
	preflight  []verdict.Result
	lost       []string       // what the vantage cannot back
	store      *history.Store // nil: results are only streamed
	writer     *history.Writer
	last       history.Header  // the run to go on with, if it has an ID
	base       context.Context // of the run: what is shared between services is asked under it
	canaries   *canaries
	id         int64
	thresholds []threshold
	crossed    int
	watch      *watch
	seed       uint64              // of the order of the services
	differed   [len(differing)]int // services whose looks did not agree
	began      time.Time
	inputs     *inputs           // read beforehand, or nil
	status     *status           // of the nightly process, or nil
	night      time.Duration     // how long ago the nightly process was due to scan; 0: this is another scan
	checked    *dnssec.Validator // whose good signatures are remembered; nil: none
}

func scan(ctx context.Context, cfg config, s streams) error {
	if f := cfg.text("format"); f != "" && f != "table" && f != "jsonl" && ((f != "json" && f != "text") || !cfg.on("plan")) {
		return usagef("format: %q is not one of table, jsonl (and json with --plan)", f)
	}
	j := &job{cfg: cfg, s: s, log: logger(cfg, s), began: time.Now()}
	h, err := newHooks(cfg, &setup{}, j.log)
	if err != nil {
		return err
	}
	if cfg.on("plan") {
		return j.showPlan()
	}
	err = j.scan(ctx)
	h.tell(ctx, s, j.id)
	return err
}

// scan does the whole job.
func (j *job) scan(ctx context.Context) error {
	defer j.close()
	hugePages()
	if err := j.ready(ctx); err != nil {
		return err
	}
	var err error
	if j.watch, err = newWatch(j.cfg, j.set); err != nil {
		return err
	}
	defer j.watch.close()
	if at := j.watch.at; at != "" {
		fmt.Fprintf(j.s.err, "ready6: http://%s/metrics and http://%s/debug/pprof/ while this lasts\n", at, at)
	}
	return j.run(ctx)
}

// ready brings everything together that the scan needs, before it asks anybody
// anything.
func (j *job) ready(ctx context.Context) (err error) {
	if j.set, err = newSetup(j.cfg); err != nil {
		return err
	}
	if err := j.read(); err != nil {
		return err
	}
	if err := j.open(ctx, false); err != nil {
		return err
	}
	if err := j.resume(ctx); err != nil {
		return err
	}
	j.seed = keptSeed(j.last.Sources, seed(j.cfg))
	j.set.source(orderSource, strconv.FormatUint(j.seed, 10), time.Time{}, 0)
	if err := j.set.prepare(ctx, j.cfg, j.inv); err != nil {
		return err
	}
	return j.open(ctx, true)
}

// read takes in inventory and plan, and says at once what is wrong with them.
func (j *job) read() error {
	var faults []error
	var err error
	if j.whole, j.rawInv, j.kind, err = j.inputs.inventory(j.cfg, j.s, j.set.lab); err != nil {
		faults = append(faults, err)
	}
	if j.plan, j.rawPlan, err = j.inputs.planned(j.cfg); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return usage(err)
	}
	j.thresholds, _ = parseThresholds(j.cfg.list("fail-on")) // checked by load
	if j.kind == "names" && !j.streamed() {
		if j.rawInv, err = asYAML(j.whole); err != nil {
			return failed(err)
		}
	}
	j.inv = j.whole.At(j.set.clock(j.cfg)())
	for range j.inv.All() {
		return nil
	}
	return usagef("the inventory lists no services, so there is nothing to scan; add services to its agencies, or bring in a table with: ready6 inventory import")
}

// storePath is where the history is.
func storePath(c config) string {
	if p := c.text("store"); p != "" {
		return p
	}
	return filepath.Join(outDir(c), "history.db")
}

const provinceWorld = "province"

// outDir is where reports go. The lab's never mix with real ones, nor one
// world's with another's.
func outDir(c config) string {
	if c.on("lab") && !c.given["out"] {
		dir := filepath.Join(c.text("out"), "lab")
		if w := c.text("world"); w != provinceWorld {
			dir += "-" + filepath.Base(w)
		}
		return dir
	}
	return c.text("out")
}

// run measures and reports.
func (j *job) run(ctx context.Context) error {
	// What is shared between services lives as long as the run; what ends a
	// service early must not end it for the others.
	runCtx, cancel := context.WithTimeoutCause(ctx, j.cfg.duration("run-timeout"), scanner.ErrDeadline)
	defer cancel()
	if err := j.guard(ctx); err != nil {
		return err
	}
	j.base = runCtx
	j.set.config.Brief, j.set.config.Once = j.streamed(), j.cfg.number("retests") == 0
	j.env = probes.New(runCtx, j.set.config)
	j.set.config.Brief = false // where further looks see something else, what each saw is told
	j.set.forget()
	_, j.preflight = j.env.Preflight(runCtx)
	if runCtx.Err() != nil { // what an end cut short says nothing about the vantage
		j.preflight = nil
	}
	j.lost = tellPreflight(j.s.err, j.preflight, j.cfg.lang())
	if err := j.begin(ctx); err != nil {
		return err
	}
	j.recall()
	stopped := j.measure(runCtx)
	j.remember()
	j.tellDiffering()
	if err := j.finish(stopped); err != nil {
		return err
	}
	doubt, err := j.canaries.verdict(j.cfg.lang())
	if err != nil {
		return failed(err)
	}
	if j.store != nil && doubt == "" {
		if err := j.report(); err != nil {
			return err
		}
	}
	if stopped == nil {
		if err := j.recount(ctx); err != nil {
			return err
		}
	}
	return j.outcome(stopped, doubt)
}

// measure scans and hands every record on as it comes.
func (j *job) measure(ctx context.Context) error {
	before := j.last.Preflight
	if len(before) == 0 {
		before = j.preflight
	}
	j.canaries = newCanaries(j, before)
	j.canaries.withhold(j.canaries.faults(j.preflight))
	worse, err := j.worse(context.WithoutCancel(ctx)) // a run whose time is over already has its records all the same
	if err != nil {
		return err
	}
	total := 0
	for range j.inv.All() {
		total++
	}
	bar := newProgress(j.s, total, progressLog(j.cfg, j.log))
	if j.status != nil { // a line every ten seconds, night after night, is too much for a log
		bar.w = io.Discard
	}
	defer j.tellTiming()
	defer bar.done()
	atOnce, waiting := workers(j.cfg)
	sc := scanner.Scan{
		Probe: j.probe, Checks: j.set.config.Only, Workers: atOnce, Waiting: waiting, Held: j.set.held(atOnce),
		HostTimeout: j.cfg.duration("host-timeout"), RunTimeout: j.cfg.duration("run-timeout"),
		Retests: j.retests(), RetestAfter: j.retestAfter(), Renew: j.renew, Worse: worse, Resumed: j.last.ID != 0,
		Progress: func(p scanner.Progress) { bar.show(p); j.status.show(p); j.watch.show(p); j.canaries.progress(p) }, Total: total, Now: j.set.clock(j.cfg), Log: j.log,
	}
	if j.writer != nil {
		sc.Book = j.writer
	} else {
		s := &spool{}
		defer s.close()
		sc.Book = s
	}
	own := &blocks{looks: map[verdict.ServiceKey][]verdict.Record{}}
	if err := own.look(j.base, j); err != nil {
		return err
	}
	stop := j.canaries.watch(j.base, j.cfg.duration("canaries-every"))
	stopped := sc.Run(j.base, shuffled(j.inv, j.seed), j.emit)
	if stopped == nil {
		stopped = own.confirm(j.base, j, total)
	}
	stop()
	if stopped == nil {
		j.canaries.check(j.base)
	}
	return stopped
}

// tellTiming says, after the run, what was sent and where the time went.
func (j *job) tellTiming() {
	took := time.Since(j.began)
	if l := progressLog(j.cfg, j.log); l != nil {
		j.set.logTiming(l, took)
		return
	}
	if said := j.set.timing(took, j.cfg.lang()); said != "" {
		fmt.Fprintln(j.s.err, said)
	}
}

// probe measures with the eyes of the round.
func (j *job) probe(ctx context.Context, agency string, svc inventory.Service) verdict.Record {
	return j.env.Service(ctx, agency, svc)
}

// renew gives a round of further looks eyes that have seen nothing yet, and lets
// go of what the round before remembers.
func (j *job) renew(ctx context.Context, _ int) func(context.Context, string, inventory.Service) verdict.Record {
	j.env = j.canaries.prove(ctx, j.set.fresh)
	return j.probe
}

// withBrowser is how many services are measured at once where each of them is
// shown to a browser: more would only wait for their turn, at the cost of their
// own time.
const withBrowser = 4

// waitingForDNS is how many services may be under way beside the workers where each
// costs some questions to name servers and nothing else: it waits for the network most
// of its time, and those of silent servers for seconds.
const waitingForDNS = 1216

// workers is how many services are measured at once, and how many more may wait.
func workers(c config) (most, waiting int) {
	switch n := c.number("workers"); {
	case c.browser() != "":
		return min(withBrowser, n), 0
	case c.given["workers"] || len(c.list("only")) == 0 || slices.ContainsFunc(checksOf(c.list("only")), beyondDNS):
		return n, 0
	default:
		return n, waitingForDNS
	}
}

// held reports whether more questions and connections than half the services measured
// at once wait for a turn that our own limits give them, or much waits for a processor:
// what is begun then takes memory and is over no sooner.
func (s *setup) held(atOnce int) func() bool {
	return func() bool { return s.meter.Now(dial.Waiting) > atOnce/2 || crowded() }
}

// crowded reports whether so many goroutines are ready to run that one waits for some
// milliseconds before it does.
func crowded() bool {
	const each = 16 // a processor
	ready := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(ready)
	return ready[0].Value.Kind() == metrics.KindUint64 && ready[0].Value.Uint64() > uint64(each*runtime.GOMAXPROCS(0))
}

func beyondDNS(c verdict.Check) bool { return c != verdict.AAAA && c != verdict.DNSSEC }

// finish closes the run in the history. The run's own context may be over.
func (j *job) finish(stopped error) error {
	if j.writer == nil {
		return nil
	}
	status := history.Complete
	if stopped != nil {
		status = history.Interrupted
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := j.writer.Finish(ctx, status); err != nil {
		return failed(err)
	}
	return nil
}

// report writes the files and prints the table.
func (j *job) report() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	rep, err := buildReport(ctx, j.store, j.id, j.inv, j.plan)
	if err != nil {
		return failed(err)
	}
	files, err := writeReports(outDir(j.cfg), rep, reports.Formats, scanFormats, []verdict.Lang{verdict.VI, verdict.EN})
	if err != nil {
		return failed(fmt.Errorf("%w; the run itself is kept: ready6 report %d writes its reports again", err, j.id))
	}
	out := j.s.out
	if j.cfg.text("format") == "jsonl" {
		out = io.Discard // stdout carries data
	}
	if err := reports.WriteTable(out, rep, screen(j.cfg, j.s, j.s.out)); err != nil {
		return failed(err)
	}
	slices.Sort(files)
	return wrapFailed(reports.WriteFiles(out, append(files, storePath(j.cfg)), screen(j.cfg, j.s, j.s.out)))
}

// outcome is the exit code: what could not be measured outranks what was found.
func (j *job) outcome(stopped error, doubt string) error {
	var end *scanner.Stopped
	switch {
	case errors.As(stopped, &end):
		said := fmt.Sprintf(sayKept.in(j.cfg.lang()), why(end).in(j.cfg.lang()), end.Measured, end.Unmeasured)
		if end.Open > 0 {
			said += "; " + fmt.Sprintf(sayOpen.in(j.cfg.lang()), end.Open)
		}
		if j.store != nil {
			said += "; " + sayGoOn.in(j.cfg.lang())
		}
		return failed(errors.New(said))
	case stopped != nil:
		return failed(stopped)
	case doubt != "" && j.store == nil:
		return failed(fmt.Errorf(sayDoubt.in(j.cfg.lang()), doubt))
	case doubt != "":
		return failed(fmt.Errorf(sayWithheld.in(j.cfg.lang()), j.id, doubt, j.id))
	}
	if len(j.lost) > 0 {
		return failed(fmt.Errorf(sayVantage.in(j.cfg.lang()), strings.Join(j.lost, ", ")))
	}
	if j.crossed > 0 {
		return &failure{code: exitFindings, err: fmt.Errorf(sayUnder.in(j.cfg.lang()), j.crossed)}
	}
	return nil
}

// why words what ended a scan.
func why(end *scanner.Stopped) saying {
	switch {
	case errors.Is(end, scanner.ErrDeadline):
		return sayDeadline
	case errors.Is(end, scanner.ErrStuck):
		return sayStuck
	}
	return sayInterrupted
}
