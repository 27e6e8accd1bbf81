package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"ready6/reports"
	"ready6/scanner/history"
)

func historyCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "history",
		Short: "List the stored runs",
		Long: `history lists the stored runs. A run that was interrupted or crashed is gone on
with by ready6 scan --resume. One that is withheld is kept and not published: no
report is written of it and nothing is compared with it unasked; why is told below
the list.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return listRuns(cmd.Context(), cfg, s)
		},
	}
	c.AddCommand(historyDiffCommand(s), historyPruneCommand(s), historyRejudgeCommand(s))
	return historySettings(c)
}

// historySettings are the settings of commands that look into the history.
func historySettings(c *cobra.Command) *cobra.Command {
	withSettings(c, "out", "store", "lab", "world", "format", "lang", "color")
	withUsage(c, "out", "folder in which a scan put its history")
	withUsage(c, "lab", "the history of scan --lab")
	return withUsage(c, "format", "text or json (default: text)")
}

func textOrJSON(cfg config) error {
	if f := cfg.text("format"); f != "" && f != "text" && f != "json" {
		return usagef("format: %q is not one of text, json", f)
	}
	return nil
}

func historyDiffCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff [[OLD] NEW]",
		Short: "Show what changed between two runs",
		Long: `diff shows what changed between two runs: those named, the one named and the
comparable one before it, or the last run and the comparable one before it. Runs
that were withheld are compared only when they are named.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return diffRuns(cmd.Context(), cfg, s, args)
		},
	}
	return historySettings(c)
}

// openStore opens a history that must exist already.
func openStore(ctx context.Context, cfg config) (*history.Store, error) {
	path := storePath(cfg)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, usagef("there is no history at %s; a scan makes one, or name another with --store", path)
	}
	store, err := history.Open(ctx, path)
	if err != nil {
		return nil, failed(err)
	}
	return store, nil
}

// loadRun reads a run that the user named.
func loadRun(ctx context.Context, store *history.Store, id int64) (history.Run, error) {
	run, err := store.Load(ctx, id)
	if errors.Is(err, history.ErrNoRun) {
		return run, usage(err)
	}
	return run, wrapFailed(err)
}

func listRuns(ctx context.Context, cfg config, s streams) error {
	if err := textOrJSON(cfg); err != nil {
		return err
	}
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := store.Runs(ctx)
	if err != nil {
		return failed(err)
	}
	if cfg.text("format") == "json" {
		return writeJSON(s, runs)
	}
	return wrapFailed(reports.WriteRuns(s.out, runs, screen(cfg, s, s.out)))
}

func diffRuns(ctx context.Context, cfg config, s streams, args []string) error {
	if err := textOrJSON(cfg); err != nil {
		return err
	}
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	older, newer, err := pickRuns(ctx, store, args)
	if err != nil {
		return err
	}
	before, err := loadRun(ctx, store, older)
	if err != nil {
		return err
	}
	after, err := loadRun(ctx, store, newer)
	if err != nil {
		return err
	}
	changes := history.Diff(before, after)
	if cfg.text("format") == "json" {
		return writeJSON(s, changes)
	}
	return wrapFailed(reports.WriteDiff(s.out, before.Header, after.Header, changes, screen(cfg, s, s.out)))
}

// pickRuns turns the arguments into two run ids: none means the last two
// comparable runs, one means that run and the one before it.
func pickRuns(ctx context.Context, store *history.Store, args []string) (older, newer int64, err error) {
	var ids []int64
	for _, a := range args {
		n, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return 0, 0, usagef("%q is not a run's number; ready6 history lists them", a)
		}
		ids = append(ids, n)
	}
	if len(ids) == 2 {
		return ids[0], ids[1], nil
	}
	if len(ids) == 0 {
		runs, err := store.Runs(ctx)
		if err != nil {
			return 0, 0, failed(err)
		}
		if len(runs) == 0 {
			return 0, 0, usagef("the history has no runs yet")
		}
		var last history.Header
		for _, r := range runs {
			if r.ID > last.ID && r.Status != history.Withheld {
				last = r
			}
		}
		if last.ID == 0 {
			return 0, 0, usagef("the history has no published run yet; name two of those that ready6 history lists")
		}
		ids = append(ids, last.ID)
	}
	previous, err := store.Previous(ctx, ids[0])
	if errors.Is(err, history.ErrNoRun) {
		return 0, 0, usagef("run %d has no comparable run before it", ids[0])
	}
	if err != nil {
		return 0, 0, failed(fmt.Errorf("the run before %d: %w", ids[0], err))
	}
	return previous.ID, ids[0], nil
}
