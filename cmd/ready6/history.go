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
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return listRuns(cmd.Context(), cfg, s)
		},
	}
	c.AddCommand(historyDiffCommand(s))
	return withSettings(c, "out", "store", "lab", "format", "lang", "color")
}

func historyDiffCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff [OLD NEW]",
		Short: "Show what changed between two runs; default: the last run and the one before it",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return diffRuns(cmd.Context(), cfg, s, args)
		},
	}
	return withSettings(c, "out", "store", "lab", "format", "lang", "color")
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

func listRuns(ctx context.Context, cfg config, s streams) error {
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
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	older, newer, err := pickRuns(ctx, store, args)
	if err != nil {
		return err
	}
	before, err := store.Load(ctx, older)
	if err != nil {
		return failed(err)
	}
	after, err := store.Load(ctx, newer)
	if err != nil {
		return failed(err)
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
		last := runs[0]
		for _, r := range runs {
			if r.ID > last.ID {
				last = r
			}
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
