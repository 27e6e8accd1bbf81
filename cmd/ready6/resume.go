package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner"
	"ready6/scanner/history"
)

// open opens the history and takes the right to write to it. A history that is
// there is taken before anything else is done, so that a second scan is refused at
// once; a new one is made when all that was asked for has proven usable. Results
// that are only streamed have none.
func (j *job) open(ctx context.Context, create bool) error {
	if j.store != nil || j.streamed() {
		return nil
	}
	path := storePath(j.cfg)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	var err error
	if j.store, err = history.Open(ctx, path); err != nil {
		return failed(err)
	}
	return wrapFailed(j.store.Reserve(ctx))
}

func (j *job) close() {
	if j.store != nil {
		j.store.Close()
	}
	if j.set != nil {
		j.set.close()
	}
}

// streamed reports whether results go to standard output and nowhere else.
func (j *job) streamed() bool {
	return j.cfg.text("format") == "jsonl" && !j.cfg.given["out"] && !j.cfg.given["store"]
}

// resume finds the run to go on with, and what it set out to measure. A night
// goes on with its own run where it can and that may still be published; who asks
// for it must get it.
func (j *job) resume(ctx context.Context) error {
	asked := j.cfg.on("resume")
	switch {
	case !asked && (j.night == 0 || j.store == nil):
		return nil
	case j.streamed():
		return usagef("resume: results that are only streamed are kept nowhere; name the history of the run with --out or --store")
	case j.store == nil:
		return usagef("resume: there is nothing to resume: there is no history at %s; scan without --resume to begin a new run", storePath(j.cfg))
	}
	now := j.set.clock(j.cfg)()
	last, err := j.store.Resumable(ctx, j.header(), now)
	switch {
	case errors.Is(err, history.ErrNoResume) && !asked, err == nil && !asked && (now.Sub(last.Started) > j.night || len(last.Withheld) > 0):
		return nil
	case errors.Is(err, history.ErrNoResume):
		return usage(err)
	case err != nil:
		return failed(err)
	}
	if !asked {
		j.log.Info().Int64("run", last.ID).Time("began", last.Started).Msg("going on with this night's run, which was ended early")
	}
	j.last = last
	j.inv = j.whole.At(last.Started) // the services of the day on which it began
	return nil
}

// header says what this scan sets out to do, as far as that is known before
// anything was asked.
func (j *job) header() history.Header {
	return history.Header{
		Started: j.set.clock(j.cfg)(), Kind: j.kind, Tool: toolVersion(), Rules: verdict.RulesVersion, Vantage: vantageName(j.cfg),
		Checks: checksOf(j.cfg.list("only")), Inventory: j.rawInv, Plan: j.rawPlan,
	}
}

// asYAML is a list of names as the inventory it stands for: a report of the run
// has to count those that were never reached.
func asYAML(inv inventory.Inventory) ([]byte, error) {
	var b bytes.Buffer
	err := inventory.Write(&b, inv)
	return b.Bytes(), err
}

// begin begins a run in the history, or goes on with the one to be resumed.
func (j *job) begin(ctx context.Context) error {
	if j.store == nil {
		return nil
	}
	h := j.header()
	var err error
	if j.last.ID != 0 {
		j.writer, err = j.store.Resume(ctx, j.last.ID, h.Started, j.preflight)
	} else {
		for range j.inv.All() {
			h.Planned++
		}
		h.Preflight, h.Sources = j.preflight, j.set.sources
		j.writer, err = j.store.Begin(ctx, h)
	}
	if err != nil {
		return failed(err)
	}
	j.id = j.writer.ID()
	return nil
}

// emit takes one record: into the history, onto stdout, against the thresholds.
func (j *job) emit(rec verdict.Record, end scanner.End) error {
	if len(j.thresholds) > 0 && crossed(j.thresholds, reports.Judge(rec)) {
		j.crossed++
	}
	j.differ(rec)
	if j.cfg.text("format") == "jsonl" {
		if err := reports.WriteLine(j.s.out, rec); err != nil {
			return err
		}
	}
	switch {
	case j.writer == nil || end == scanner.Open: // its looks are in the history already
		return nil
	case end == scanner.Cut:
		return j.writer.Cut(rec)
	}
	return j.writer.Put(rec)
}

// differ counts services whose looks did not agree, each by what is worst.
func (j *job) differ(rec verdict.Record) {
	for i, reason := range differing {
		if slices.ContainsFunc(rec.Results, func(r verdict.Result) bool { return r.Reason == reason }) {
			j.differed[i]++
			return
		}
	}
}

var differing = [...]verdict.Reason{"scan.flapping", "scan.unconfirmed", "scan.recovered"}

// tellDiffering says how many there were.
func (j *job) tellDiffering() {
	if d := j.differed; d != [len(differing)]int{} {
		fmt.Fprintf(j.s.err, "ready6: "+sayDiffering.in(j.cfg.lang())+"\n", d[0], d[1], d[2])
	}
}

// recount holds the whole of a resumed run against the thresholds.
func (j *job) recount(ctx context.Context) error {
	if j.last.ID == 0 || len(j.thresholds) == 0 {
		return nil
	}
	j.crossed = 0
	for rec, err := range j.store.Outlines(ctx, j.id) {
		if err != nil {
			return failed(err)
		}
		if rec.Key().OfService() && crossed(j.thresholds, reports.Judge(rec)) {
			j.crossed++
		}
	}
	return nil
}

// The waits before further looks where nobody scans a whole night: the lab is not
// far, and who lists names or reads results one by one waits for them.
const (
	labRetestAfter = 200 * time.Millisecond
	nowRetestAfter = 5 * time.Second
)

// retests is how often a service may be looked at again. Without any network,
// another look would see as little as the first.
func (j *job) retests() int {
	lacking := 0
	for _, r := range j.preflight {
		if r.Reason == "vantage.no-family" {
			lacking++
		}
	}
	if lacking == 2 {
		return 0
	}
	return j.cfg.number("retests")
}

func (j *job) retestAfter() time.Duration {
	switch {
	case j.cfg.given["retest-after"]:
	case j.set.lab != nil:
		return labRetestAfter
	case j.kind == "names" || j.cfg.text("format") == "jsonl":
		return nowRetestAfter
	}
	return j.cfg.duration("retest-after")
}

// worse compares first looks with the last published run; nil where there is
// none.
func (j *job) worse(ctx context.Context) (func(verdict.Record) bool, error) {
	if j.store == nil {
		return nil, nil
	}
	before, err := j.store.Previous(ctx, j.id)
	if errors.Is(err, history.ErrNoRun) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return func(rec verdict.Record) bool {
		was, err := j.store.Outline(ctx, before.ID, rec.Key())
		return err == nil && history.Worse(was, rec) // a service that is new is not worse
	}, nil
}
