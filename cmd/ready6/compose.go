package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/reports"
	"ready6/scanner/history"
)

// order is what a report is to be made of.
type order struct {
	run   history.Header
	since history.Header // that it is compared with; ID 0: none
	scope reports.Scope  // its inventory and plan are read from the runs unless given
	given bool           // the scope's inventory was named by the user
}

// orderOf is the report of one run beside the comparable one before it.
func orderOf(runs []history.Header, run history.Header) order {
	o := order{run: run}
	o.scope.At = run.Started
	o.scope.Period.To = dayIn(run.Started)
	if before := history.Comparable(runs, run); len(before) > 0 {
		o.since = before[0]
		o.scope.Period.From = dayIn(o.since.Started)
	}
	return o
}

func dayIn(t time.Time) string { return t.In(reports.Zone).Format(time.DateOnly) }

// orderFor is the report of a period: its last complete run, compared with the
// last one before the period, or failing that with the period's first. A period
// that is not over ends with now.
func orderFor(runs []history.Header, p reports.Period, now time.Time) (order, error) {
	o := order{scope: reports.Scope{At: p.Ends(), Period: p}}
	if o.scope.At.After(now) {
		o.scope.At, o.scope.Period.Open = now, true
	}
	whole := slices.DeleteFunc(slices.Clone(runs), func(h history.Header) bool {
		return h.Status != history.Complete || h.Started.After(o.scope.At)
	})
	if len(whole) == 0 {
		return o, usagef("the history has no complete run up to %s", dayIn(o.scope.At))
	}
	o.run = whole[0]
	if o.run.Started.Before(p.Begins()) {
		return o, usagef("no complete run lies in the period from %s to %s; the last one before its end is run %d of %s",
			p.From, p.To, o.run.ID, dayIn(o.run.Started))
	}
	for _, h := range history.Comparable(runs, o.run) {
		o.since = h
		if h.Started.Before(p.Begins()) {
			return o, nil
		}
	}
	o.scope.Period.Late = true
	return o, nil
}

// orderBetween compares two runs.
func orderBetween(runs []history.Header, a, b int64) (order, error) {
	var o order
	for _, h := range runs {
		if h.ID == a {
			o.since = h
		}
		if h.ID == b {
			o.run = h
		}
	}
	switch {
	case o.since.ID == 0 || o.run.ID == 0:
		return o, usagef("there is no run %d or no run %d; ready6 history lists them", a, b)
	case a >= b:
		return o, usagef("compare: the earlier run comes first: --compare %d %d", b, a)
	case o.since.Kind != o.run.Kind:
		return o, usagef("compare: run %d is of kind %s and run %d of kind %s, which have nothing to do with each other", a, o.since.Kind, b, o.run.Kind)
	}
	o.scope.At = o.run.Started
	o.scope.Period = reports.Period{From: dayIn(o.since.Started), To: dayIn(o.run.Started)}
	return o, nil
}

// composer reads what a report needs out of the history.
type composer struct {
	ctx    context.Context
	store  *history.Store
	tell   io.Writer // progress and warnings
	read   map[string]inventory.Inventory
	told   time.Time
	newest inventory.Inventory // in place of one that cannot be read any more

	patience time.Duration // for judging runs of before a change of rules; 0: whatever it takes
	unkept   bool          // the history cannot keep what is judged
}

func newComposer(ctx context.Context, store *history.Store, tell io.Writer) *composer {
	return &composer{ctx: ctx, store: store, tell: tell, read: map[string]inventory.Inventory{}, told: time.Now()}
}

// progress says now and then how far the reading of stored runs has come.
func (c *composer) progress(done, total int) {
	if time.Since(c.told) > linesEvery {
		c.told = time.Now()
		fmt.Fprintf(c.tell, "%d/%d\n", done, total)
	}
}

// compose makes the report.
func (c *composer) compose(o order) (reports.Report, error) {
	ctx, store := c.ctx, c.store
	run, err := store.Load(ctx, o.run.ID)
	if err != nil {
		return reports.Report{}, err
	}
	if !o.given {
		if o.scope.Inventory, err = inventoryOf(run); err != nil {
			return reports.Report{}, usage(err)
		}
	}
	c.newest = o.scope.Inventory
	runs, err := store.Runs(ctx)
	if err != nil {
		return reports.Report{}, err
	}
	t := o.scope.Trend()
	if err := c.nights(t, history.Comparable(runs, o.run)); err != nil {
		return reports.Report{}, err
	}
	since, err := c.start(o.since)
	if err != nil {
		return reports.Report{}, err
	}
	if err := c.keep(o.run, reports.Marks(run.Records)); err != nil {
		return reports.Report{}, err
	}
	return o.scope.Report(run, since, t), nil
}

// inventoryOf reads the inventory that a run was made with; a run without one
// has none.
func inventoryOf(run history.Run) (inventory.Inventory, error) {
	if len(run.Inventory) == 0 {
		return inventory.Inventory{}, nil
	}
	return inventory.Read(bytes.NewReader(run.Inventory), fmt.Sprintf("inventory of run %d", run.ID))
}

// start loads the run that the period starts from.
func (c *composer) start(h history.Header) (*reports.Earlier, error) {
	if h.ID == 0 {
		return nil, nil
	}
	run, err := c.store.Load(c.ctx, h.ID)
	if err != nil {
		return nil, err
	}
	e := &reports.Earlier{Run: run}
	if e.Inventory, err = c.inventory(h); err != nil {
		return nil, err
	}
	e.Was, err = c.was(h)
	return e, err
}

// nights adds the runs to a trend, oldest first; newest come first in list.
// Those that patience did not last for are told to the trend as skipped.
func (c *composer) nights(t *reports.Trend, list []history.Header) error {
	skipped, err := c.ready(list)
	if err != nil {
		return err
	}
	ids := make([]int64, len(list))
	for i, h := range list {
		ids[len(list)-1-i] = h.ID
	}
	i := len(list)
	for m, err := range c.store.Marks(c.ctx, verdict.RulesVersion, ids) {
		if err != nil {
			return err
		}
		i--
		if skipped[m.Run] {
			t.Skip(list[i])
			continue
		}
		if err := c.night(t, list, i, m.Marks); err != nil {
			return err
		}
		c.progress(len(list)-i, len(list))
	}
	return nil
}

// ready sees to it that the runs have marks by today's rules, newest first, and
// says which have none when patience ends.
func (c *composer) ready(list []history.Header) (skipped map[int64]bool, err error) {
	skipped = map[int64]bool{}
	began := time.Now()
	for i, h := range list {
		rules, err := c.store.MarkedBy(c.ctx, h.ID)
		if err != nil {
			return nil, err
		}
		if slices.Contains(rules, verdict.RulesVersion) {
			continue
		}
		if c.patience > 0 && time.Since(began) > c.patience {
			skipped[h.ID] = true
			continue
		}
		if _, err := c.judge(h); err != nil {
			return nil, err
		}
		if c.unkept { // judged again one by one, when their turn comes
			break
		}
		c.progress(i+1, len(list))
	}
	return skipped, nil
}

// night adds one run.
func (c *composer) night(t *reports.Trend, list []history.Header, i int, marks []history.Mark) (err error) {
	if marks == nil {
		if marks, err = c.judge(list[i]); err != nil {
			return err
		}
	}
	inv, err := c.inventory(list[i])
	if err != nil {
		return err
	}
	var was []history.Mark
	if i == 0 || list[i-1].Rules != list[i].Rules { // the last one under its rules
		if was, err = c.was(list[i]); err != nil {
			return err
		}
	}
	t.Add(list[i], inv, marks, was)
	return nil
}

// judge makes a run's marks by the rules of this build, and keeps them.
func (c *composer) judge(h history.Header) ([]history.Mark, error) {
	marks := []history.Mark{}
	for rec, err := range c.store.Outlines(c.ctx, h.ID) {
		if err != nil {
			return nil, err
		}
		marks = append(marks, reports.MarkOf(rec))
	}
	return marks, c.keep(h, marks)
}

// keep stores marks. A history that may only be read, or that a scan writes to
// without a pause, goes without: they can be made again.
func (c *composer) keep(h history.Header, marks []history.Mark) error {
	err := c.store.KeepMarks(c.ctx, h.ID, verdict.RulesVersion, marks)
	if errors.Is(err, history.ErrReadOnly) || errors.Is(err, history.ErrBusy) {
		c.unkept = true
		return nil
	}
	return err
}

// was are a run's marks under the rules of its own day, nil where these are
// today's or are not kept.
func (c *composer) was(h history.Header) ([]history.Mark, error) {
	if h.Rules == verdict.RulesVersion {
		return nil, nil
	}
	return c.marks(h.ID, h.Rules)
}

// marks are those that are kept of a run for some rules, else nil.
func (c *composer) marks(run int64, rules int) ([]history.Mark, error) {
	for m, err := range c.store.Marks(c.ctx, rules, []int64{run}) {
		if err != nil || m.Marks != nil {
			return slices.Clone(m.Marks), err
		}
	}
	return nil, nil
}

// inventory reads the inventory of an earlier run once, whatever number of runs
// share it. One that cannot be read any more is replaced by the newest, and that
// is said.
func (c *composer) inventory(h history.Header) (inventory.Inventory, error) {
	if inv, ok := c.read[h.InventorySHA256]; ok {
		return inv, nil
	}
	body, err := c.store.Text(c.ctx, h.InventorySHA256)
	if err != nil {
		return inventory.Inventory{}, err
	}
	inv, err := inventoryOf(history.Run{Header: history.Header{ID: h.ID, Inventory: body}})
	if err != nil {
		fmt.Fprintf(c.tell, "ready6: %v\nready6: the inventory of the run reported stands in for it\n", err)
		inv = c.newest
	}
	c.read[h.InventorySHA256] = inv
	return inv, nil
}
