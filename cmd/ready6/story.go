package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"ready6/inventory"
	"ready6/probes/lab"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

// writeStory fills a new history with the lab's simulated nights.
func writeStory(ctx context.Context, s streams, path string) error {
	if _, err := os.Stat(path); err == nil {
		return usagef("history: %s is there already; name a file that is not", path)
	}
	nights, err := lab.Story(verdict.RulesVersion)
	if err != nil {
		return failed(err)
	}
	var plan bytes.Buffer
	if err := inventory.WritePlan(&plan, inventory.ProvincePlan()); err != nil {
		return failed(err)
	}
	store, err := history.Open(ctx, path)
	if err != nil {
		return failed(err)
	}
	defer store.Close()
	for _, n := range nights {
		if err := ctx.Err(); err != nil {
			return failed(err)
		}
		if err := writeNight(ctx, store, n, plan.Bytes()); err != nil {
			return failed(err)
		}
	}
	_, err = fmt.Fprintf(s.out, "%s: %d runs in %d nights, from %s to %s\n", path, len(nights), lab.StoryNights,
		nights[0].Started.Format(time.DateOnly), nights[len(nights)-1].Started.Format(time.DateOnly))
	return wrapFailed(err)
}

func writeNight(ctx context.Context, store *history.Store, n lab.StoryNight, plan []byte) error {
	var inv bytes.Buffer
	if err := inventory.Write(&inv, n.Inventory); err != nil {
		return err
	}
	w, err := store.Begin(ctx, history.Header{
		Started: n.Started, Kind: "lab", Tool: toolVersion(), Rules: n.Rules, Vantage: "lab", Planned: len(n.Records), Inventory: inv.Bytes(), Plan: plan,
	})
	if err != nil {
		return err
	}
	for _, rec := range n.Records {
		if err := w.Put(rec); err != nil {
			return err
		}
	}
	if err := w.Finish(ctx, history.Complete); err != nil {
		return err
	}
	return store.KeepMarks(ctx, w.ID(), n.Rules, judgedThen(n))
}

// judgedThen are the marks that the rules of the night itself made.
func judgedThen(n lab.StoryNight) []history.Mark {
	lower := map[verdict.ServiceKey]bool{}
	for _, key := range n.Lower {
		lower[key] = true
	}
	var marks []history.Mark
	for _, rec := range n.Records {
		if lower[rec.Key()] { // what is beside the ladder today kept it from level 3 then
			rec.Results = append(rec.Results[:len(rec.Results):len(rec.Results)], verdict.Result{Check: verdict.Closure, Reason: "closure.literal"})
		}
		marks = append(marks, reports.MarkOf(rec))
	}
	return marks
}
