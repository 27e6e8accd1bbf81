package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ready6/reports"
	"ready6/scanner/history"
)

func historyPruneCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove old runs from the history",
		Long: `prune removes the runs that --keep does not name, and prints their numbers. The
rules add up, and hold for each kind of run (inventory, names, lab) apart:

  last=N     the newest N runs, however they ended
  daily=N    the last complete run of each of the newest N days that have one
  weekly=N   the same by weeks, from Monday to Sunday
  monthly=N  the same by months

The newest complete run of each kind always stays.`,
		Example: "  ready6 history prune --keep daily=14,weekly=8,monthly=24",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return pruneRuns(cmd.Context(), cfg, s)
		},
	}
	return withSettings(historySettings(c), "keep")
}

func pruneRuns(ctx context.Context, cfg config, s streams) error {
	if err := textOrJSON(cfg); err != nil {
		return err
	}
	keep, _ := parseKeep(cfg.list("keep")) // checked by load
	if keep == (history.Keep{}) {
		return usagef("keep: say which runs to keep, as in --keep daily=14,monthly=24; nothing was removed")
	}
	keep.Zone = reports.Zone // days and months as the reports word them
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	gone, err := store.Prune(ctx, keep)
	if err != nil {
		return failed(err)
	}
	if cfg.text("format") == "json" {
		return writeJSON(s, append([]int64{}, gone...))
	}
	for _, id := range gone {
		if _, err := fmt.Fprintln(s.out, id); err != nil {
			return failed(err)
		}
	}
	fmt.Fprintf(s.err, sayPruned.in(cfg.lang())+"\n", len(gone))
	return nil
}

// parseKeep reads the words of --keep.
func parseKeep(words []string) (history.Keep, error) {
	var k history.Keep
	for _, w := range words {
		rule, number, _ := strings.Cut(w, "=")
		into := map[string]*int{"last": &k.Last, "daily": &k.Daily, "weekly": &k.Weekly, "monthly": &k.Monthly}[rule]
		if into == nil {
			return k, fmt.Errorf("%q is not one of last=N, daily=N, weekly=N, monthly=N", w)
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return k, fmt.Errorf("%q: a whole number from 1 up is wanted, as in %s=14", w, rule)
		}
		*into = n
	}
	return k, nil
}
