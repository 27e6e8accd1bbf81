package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

func reportCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Write the reports of a stored run again, judged by today's rules",
		Long: `report judges a stored run (default: the last complete one) and writes it in the
formats asked for: html, json, csv, or table on standard output.`,
		Example: "  ready6 report --format html,json --lang vi\n  ready6 report 12 --format table",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return report(cmd.Context(), cfg, s, args)
		},
	}
	withSettings(c, "out", "store", "plan-file", "lab", "world", "format", "lang", "color")
	withUsage(c, "out", "folder in which a scan put its history, and where the reports go")
	withUsage(c, "plan-file", "plan file (YAML) to measure against; default: the run's own plan")
	withUsage(c, "lab", "the history of scan --lab")
	withUsage(c, "lang", "reports in vi or en only; default: both (table: from LC_ALL, LC_MESSAGES or LANG)")
	return withUsage(c, "format", "html, json, csv (several with commas), or table; default: all the files")
}

func report(ctx context.Context, cfg config, s streams, args []string) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	id, err := pickRun(ctx, store, args)
	if err != nil {
		return err
	}
	run, err := loadRun(ctx, store, id)
	if err != nil {
		return err
	}
	inv, plan, err := asItWas(cfg, run)
	if err != nil {
		return err
	}
	rep, err := buildReport(ctx, store, id, inv, plan)
	if err != nil {
		return failed(err)
	}
	formats := strings.FieldsFunc(cfg.text("format"), func(r rune) bool { return r == ',' })
	if len(formats) == 1 && formats[0] == "table" {
		return wrapFailed(reports.WriteTable(s.out, rep, screen(cfg, s, s.out)))
	}
	langs := []verdict.Lang{verdict.VI, verdict.EN}
	if cfg.given["lang"] {
		langs = []verdict.Lang{cfg.lang()}
	}
	files, err := writeReports(outDir(cfg), rep, formats, langs)
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(s.out, f)
	}
	return nil
}

// pickRun is the run asked for, or the last complete one.
func pickRun(ctx context.Context, store *history.Store, args []string) (int64, error) {
	if len(args) == 1 {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return 0, usagef("%q is not a run's number; ready6 history lists them", args[0])
		}
		return id, nil
	}
	runs, err := store.Runs(ctx)
	if err != nil {
		return 0, failed(err)
	}
	var last int64
	for _, r := range runs {
		if r.Status == history.Complete {
			last = max(last, r.ID)
		}
	}
	if last == 0 {
		return 0, usagef("the history has no complete run; name one of those that ready6 history lists")
	}
	return last, nil
}

// asItWas reads the inventory and plan that a run was made with; a plan named
// on the command line stands in for the stored one.
func asItWas(cfg config, run history.Run) (inventory.Inventory, inventory.Plan, error) {
	var inv inventory.Inventory
	var err error
	if len(run.Inventory) > 0 {
		if inv, err = inventory.Read(bytes.NewReader(run.Inventory), fmt.Sprintf("inventory of run %d", run.ID)); err != nil {
			return inv, inventory.Plan{}, usage(err)
		}
	}
	plan := inventory.ProvincePlan()
	switch {
	case cfg.text("plan-file") != "":
		plan, _, err = readPlan(cfg)
	case len(run.Plan) > 0:
		plan, err = inventory.ReadPlan(bytes.NewReader(run.Plan), fmt.Sprintf("plan of run %d", run.ID))
	}
	return inv.At(run.Started), plan, wrapUsage(err)
}

// buildReport judges a stored run beside the comparable one before it.
func buildReport(ctx context.Context, store *history.Store, id int64, inv inventory.Inventory, plan inventory.Plan) (reports.Report, error) {
	run, err := store.Load(ctx, id)
	if err != nil {
		return reports.Report{}, err
	}
	var prior []history.Run
	previous, err := store.Previous(ctx, id)
	switch {
	case err == nil:
		p, err := store.Load(ctx, previous.ID)
		if err != nil {
			return reports.Report{}, err
		}
		prior = append(prior, p)
	case !errors.Is(err, history.ErrNoRun):
		return reports.Report{}, err
	}
	return reports.Build(run, prior, inv, plan, run.Started), nil
}

// writeReports writes one file per format and language; no formats means all.
// A file is seen whole or not at all.
func writeReports(dir string, rep reports.Report, formats []string, langs []verdict.Lang) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, failed(fmt.Errorf("reports: %w; name another folder with --out", err))
	}
	var files []string
	for _, name := range formats {
		if _, ok := formatNamed(name); !ok {
			return nil, usagef("format: %q is not one of %s", name, formatNames())
		}
	}
	for _, f := range reports.Formats {
		if len(formats) > 0 && !contains(formats, f.Name) {
			continue
		}
		for _, l := range langs {
			path := filepath.Join(dir, "report."+string(l)+f.Ext)
			if !f.Worded {
				path = filepath.Join(dir, "report"+f.Ext)
				if l != langs[0] {
					continue
				}
			}
			if err := writeWhole(path, func(w io.Writer) error { return f.Write(w, rep, l) }); err != nil {
				return files, failed(fmt.Errorf("reports: %w", err))
			}
			files = append(files, path)
		}
	}
	return files, nil
}

func formatNamed(name string) (reports.Format, bool) {
	for _, f := range reports.Formats {
		if f.Name == name {
			return f, true
		}
	}
	return reports.Format{}, false
}

func formatNames() string {
	var names []string
	for _, f := range reports.Formats {
		names = append(names, f.Name)
	}
	return strings.Join(append(names, "table"), ", ")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// writeWhole writes a file beside its place, then moves it there.
func writeWhole(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	if err := write(tmp); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
