package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

func historyRejudgeCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "rejudge [RUN...]",
		Short: "Judge stored runs by today's rules, and show what that changes",
		Long: `rejudge derives the level of every service in the runs named (default: all) anew
from the evidence that was stored, by the rules of this program, and tells how
many services these put higher or lower than the rules of the run's own day did,
as far as that judgement is kept. Nothing that was measured is changed: what is
stored are the levels that reports take their trends from.`,
		Example: "  ready6 history rejudge\n  ready6 history rejudge 12 13 --format json",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return rejudgeRuns(cmd.Context(), cfg, s, args)
		},
	}
	return historySettings(c)
}

func rejudgeRuns(ctx context.Context, cfg config, s streams, args []string) error {
	if err := textOrJSON(cfg); err != nil {
		return err
	}
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := runsNamed(ctx, store, args)
	if err != nil {
		return err
	}
	c := newComposer(ctx, store, s.err)
	list := []reports.Rejudged{}
	for i, h := range runs {
		r, err := c.rejudge(h)
		if err != nil {
			return failed(err)
		}
		list = append(list, r)
		c.progress(i+1, len(runs))
	}
	if cfg.text("format") == "json" {
		return writeJSON(s, list)
	}
	return wrapFailed(reports.WriteRejudged(s.out, list, screen(cfg, s, s.out)))
}

// runsNamed are the headers of the runs asked for, else of all that have ended,
// oldest first.
func runsNamed(ctx context.Context, store *history.Store, args []string) ([]history.Header, error) {
	runs, err := store.Runs(ctx)
	if err != nil {
		return nil, failed(err)
	}
	slices.Reverse(runs)
	if len(args) == 0 {
		return slices.DeleteFunc(runs, func(h history.Header) bool { return h.Status == history.Running }), nil
	}
	var list []history.Header
	var faults []error
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		i := slices.IndexFunc(runs, func(h history.Header) bool { return h.ID == id })
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("%q is not a run's number; ready6 history lists them", arg))
		case i < 0:
			faults = append(faults, fmt.Errorf("there is no run %d; ready6 history lists them", id))
		default:
			list = append(list, runs[i])
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, usage(err)
	}
	return list, nil
}

// rejudge judges a run anew and compares that with what earlier rules made of it.
func (c *composer) rejudge(h history.Header) (reports.Rejudged, error) {
	marks, err := c.judge(h)
	if err != nil {
		return reports.Rejudged{}, err
	}
	kept, err := c.store.MarkedBy(c.ctx, h.ID)
	if err != nil {
		return reports.Rejudged{}, err
	}
	then := 0
	for _, rules := range kept { // newest first
		if rules != verdict.RulesVersion && (then == 0 || rules == h.Rules) {
			then = rules
		}
	}
	var was []history.Mark
	if then != 0 {
		if was, err = c.marks(h.ID, then); err != nil {
			return reports.Rejudged{}, err
		}
	}
	return reports.Rejudge(h, verdict.RulesVersion, marks, then, was), nil
}
