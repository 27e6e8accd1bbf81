package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

func reportCommand(s streams) *cobra.Command {
	var compare bool
	c := &cobra.Command{
		Use:   "report [RUN] | report --compare OLD NEW",
		Short: "Write the reports of a stored run or of a period, judged by today's rules",
		Long: `report judges a stored run (default: the last complete one), compares it with the
one before it, and writes it in the formats asked for: html, json, csv, docx (the progress report in the official
form), xlsx (its annex), md, pdf (where LibreOffice is installed), actions (a
sheet for each owner, with the draft of a letter), or table on standard output.

With --period it reports the period's last complete run, compared with the last
one before the period: 2026-11, 2026-Q3, 2026-H1, 2026, or 2026-06-15..2026-09-14.
A month runs from the 15th of the month before to the 14th (Nghị định
09/2019/NĐ-CP, article 12), quarters and years likewise; --period-day sets
another day. Agencies are those of the last day of the period, and what they were
before a merger is counted as theirs; --as-it-was leaves it where it was.`,
		Example: "  ready6 report --period 2026-Q3 --lang vi\n  ready6 report 12 --format table\n  ready6 report --compare 30 60 --format html,json --agency so-yt",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			return report(cmd.Context(), cfg, s, args, compare)
		},
	}
	c.Flags().BoolVar(&compare, "compare", false, "report what changed from one run to another")
	c.AddCommand(templateCommand(s), schemaCommand(s))
	withSettings(c, "template", "period", "period-day", "programme", "agency", "as-it-was", "inventory", "out", "store", "plan-file", "lab", "world", "format", "lang", "color", "at")
	withUsage(c, "inventory", "inventory file to take the agencies, their successions and the exemptions from; default: the run's own")
	withUsage(c, "out", "folder in which a scan put its history, and where the reports go")
	withUsage(c, "plan-file", "plan file (YAML) to measure against; default: the run's own plan")
	withUsage(c, "lab", "the history of scan --lab")
	withUsage(c, "lang", "reports in vi or en only; default: both (table: from LC_ALL, LC_MESSAGES or LANG)")
	withUsage(c, "at", "the time it is (RFC 3339), up to which a period that is not over is reported; default: now")
	return withUsage(c, "format", "html, json, csv, docx, xlsx, md, pdf, actions (several with commas), or table; default: all the files but pdf and actions")
}

func report(ctx context.Context, cfg config, s streams, args []string, compare bool) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	o, err := readOrder(ctx, cfg, s, store, args, compare)
	if err != nil {
		return err
	}
	if programmes, agencies := o.scope.Unknown(); len(programmes)+len(agencies) > 0 {
		return unknownIDs(o.scope, programmes, agencies)
	}
	rep, err := newComposer(ctx, store, s.err).compose(o)
	if err != nil {
		return wrapFailed(err)
	}
	formats := strings.FieldsFunc(cfg.text("format"), func(r rune) bool { return r == ',' })
	if len(formats) == 1 && formats[0] == "table" {
		return wrapFailed(reports.WriteTable(s.out, rep, screen(cfg, s, s.out)))
	}
	langs := []verdict.Lang{verdict.VI, verdict.EN}
	if cfg.given["lang"] {
		langs = []verdict.Lang{cfg.lang()}
	}
	list, err := forms(ctx, cfg.text("template"))
	if err != nil {
		return err
	}
	files, err := writeReports(outDir(cfg), rep, list, formats, langs)
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(s.out, f)
	}
	return nil
}

// readOrder says which runs a report is made of, and about what.
func readOrder(ctx context.Context, cfg config, s streams, store *history.Store, args []string, compare bool) (order, error) {
	runs, err := store.Runs(ctx)
	if err != nil {
		return order{}, failed(err)
	}
	o, err := whichRuns(cfg, runs, args, compare)
	if err != nil {
		return o, err
	}
	run := history.Run{Header: o.run}
	if run.Inventory, err = store.Text(ctx, run.InventorySHA256); err != nil {
		return o, failed(err)
	}
	if run.Plan, err = store.Text(ctx, run.PlanSHA256); err != nil {
		return o, failed(err)
	}
	if cfg.typed["inventory"] {
		o.given = true
		o.scope.Inventory, _, _, err = readInventory(cfg, s, nil)
	} else {
		o.scope.Inventory, err = inventoryOf(run)
	}
	plan, planErr := planOf(cfg, run)
	if err := errors.Join(err, planErr); err != nil {
		return o, usage(err)
	}
	o.given = true // read already
	o.scope.Plan, o.scope.AsItWas = plan, cfg.on("as-it-was")
	o.scope.Programmes, o.scope.Agencies = cfg.list("programme"), cfg.list("agency")
	return o, nil
}

// whichRuns picks the runs by what was asked for.
func whichRuns(cfg config, runs []history.Header, args []string, compare bool) (order, error) {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return order{}, usagef("%q is not a run's number; ready6 history lists them", arg)
		}
		ids = append(ids, id)
	}
	period := cfg.text("period")
	switch {
	case compare && (len(ids) != 2 || period != ""):
		return order{}, usagef("compare: name two runs, the earlier one first, and no period: ready6 report --compare 30 60")
	case compare:
		return orderBetween(runs, ids[0], ids[1])
	case len(ids) == 2:
		return order{}, usagef("two runs are compared with: ready6 report --compare %d %d", ids[0], ids[1])
	case period != "" && len(ids) > 0:
		return order{}, usagef("period: a period picks its runs itself; leave out the run's number, or the period")
	case period != "":
		p, err := reports.ParsePeriod(period, cfg.number("period-day"))
		if err != nil {
			return order{}, usagef("period: %w", err)
		}
		return orderFor(runs, p, cfg.now()())
	case len(ids) == 1:
		i := slices.IndexFunc(runs, func(h history.Header) bool { return h.ID == ids[0] })
		if i < 0 {
			return order{}, usagef("there is no run %d; ready6 history lists them", ids[0])
		}
		return orderOf(runs, runs[i]), nil
	}
	i := slices.IndexFunc(runs, func(h history.Header) bool { return h.Status == history.Complete })
	if i < 0 {
		return order{}, usagef("the history has no complete run; name one of those that ready6 history lists")
	}
	return orderOf(runs, runs[i]), nil
}

// unknownIDs tells what the scope names and neither plan nor inventory has.
func unknownIDs(s reports.Scope, programmes, agencies []string) error {
	var faults []error
	for _, id := range programmes {
		var have []string
		for _, p := range s.Plan.Programmes {
			have = append(have, p.ID)
		}
		faults = append(faults, fmt.Errorf("programme: the plan has no %q; it has %s", id, strings.Join(have, ", ")))
	}
	for _, id := range agencies {
		hint := ""
		if found := s.Inventory.Find(id); len(found) > 0 {
			hint = "; is " + found[0].ID + " meant?"
		}
		faults = append(faults, fmt.Errorf("agency: the inventory has no agency with the id %q%s", id, hint))
	}
	return usage(errors.Join(faults...))
}

// planOf is the plan named, else the run's own, else the province's.
func planOf(cfg config, run history.Run) (inventory.Plan, error) {
	switch {
	case cfg.text("plan-file") != "":
		plan, _, err := readPlan(cfg)
		return plan, err
	case len(run.Plan) > 0:
		return inventory.ReadPlan(bytes.NewReader(run.Plan), fmt.Sprintf("plan of run %d", run.ID))
	}
	return inventory.ProvincePlan(), nil
}

// buildReport judges a stored run beside the comparable one before it. inv
// stands in where the run has no inventory of its own. After a change of rules
// it does not wait for all earlier runs to be judged anew: see Report.Skipped.
func buildReport(ctx context.Context, store *history.Store, id int64, inv inventory.Inventory, plan inventory.Plan) (reports.Report, error) {
	runs, err := store.Runs(ctx)
	if err != nil {
		return reports.Report{}, err
	}
	run, err := store.Header(ctx, id)
	if err != nil {
		return reports.Report{}, err
	}
	o := orderOf(runs, run)
	o.scope.Plan = plan
	if run.InventorySHA256 == "" {
		o.scope.Inventory, o.given = inv, true
	}
	c := newComposer(ctx, store, io.Discard)
	c.patience = 2 * time.Minute
	return c.compose(o)
}

// writeReports writes one file per format and language; no formats means all but
// PDF. A file is seen whole or not at all.
func writeReports(dir string, rep reports.Report, forms []reports.Format, formats []string, langs []verdict.Lang) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, failed(fmt.Errorf("reports: %w; name another folder with --out", err))
	}
	var files []string
	for _, name := range formats {
		if !slices.ContainsFunc(forms, func(f reports.Format) bool { return f.Name == name }) && name != actionSheets {
			return nil, usagef("format: %q is not one of %s", name, formatNames(forms))
		}
	}
	if contains(formats, actionSheets) {
		for _, l := range langs {
			sheets, err := writeSheets(filepath.Join(dir, actionSheets+"."+string(l)), rep, l)
			files = append(files, sheets...)
			if err != nil {
				return files, failed(fmt.Errorf("reports: %w", err))
			}
		}
	}
	for _, f := range forms {
		if len(formats) > 0 && !contains(formats, f.Name) || len(formats) == 0 && f.Name == pdfForm {
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

// actionSheets is the form of one file an owner, in a folder of their own.
const actionSheets = "actions"

// writeSheets writes a sheet for each owner. Sheets of an earlier report in the
// folder are removed: their places mean nothing any more.
func writeSheets(dir string, rep reports.Report, l verdict.Lang) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	old, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9]-*.md"))
	if err != nil {
		return nil, err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	var files []string
	for i := range rep.Actions {
		path := filepath.Join(dir, rep.SheetName(i+1)+".md")
		if err := writeWhole(path, func(w io.Writer) error { return reports.WriteSheet(w, rep, i+1, l) }); err != nil {
			return files, err
		}
		files = append(files, path)
	}
	return files, nil
}

func formatNames(forms []reports.Format) string {
	var names []string
	for _, f := range forms {
		names = append(names, f.Name)
	}
	return strings.Join(append(names, actionSheets, "table"), ", ")
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
