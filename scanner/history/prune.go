package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Keep says which runs Prune leaves: every one that any of its rules names. The
// rules apply to each kind of run apart. Whatever they say, the newest complete
// run of each kind stays, and so does the one that is being written.
type Keep struct {
	Last  int       // the newest runs, however they ended
	Since time.Time // every run that began then or later

	// The last complete run of each of the newest days, ISO weeks, months that
	// have one.
	Daily, Weekly, Monthly int

	Zone *time.Location // whose days and months; nil means UTC
}

// Prune removes the runs that keep does not name and returns their numbers,
// oldest first. A Keep without any rule is refused. Interrupted half-way, it
// leaves no half runs: the next Prune goes on.
func (s *Store) Prune(ctx context.Context, keep Keep) ([]int64, error) {
	if keep.Last <= 0 && keep.Since.IsZero() && keep.Daily <= 0 && keep.Weekly <= 0 && keep.Monthly <= 0 {
		return nil, errors.New("history: nothing was said about which runs to keep, so none is removed")
	}
	if s.write == nil {
		return nil, &Error{Path: s.path, Problem: "cannot be written", Next: "run this as the file's owner", Err: ErrReadOnly}
	}
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	gone := keep.remove(runs)
	if err := s.hide(ctx, gone); err != nil {
		return nil, explain(s.path, err)
	}
	return gone, explain(s.path, s.sweep(ctx))
}

// remove returns the ids of the runs to be removed, ascending; runs are newest
// first.
func (k Keep) remove(runs []Header) []int64 {
	zone := k.Zone
	if zone == nil {
		zone = time.UTC
	}
	buckets := []struct {
		n    int
		name func(time.Time) string
	}{
		{1, func(time.Time) string { return "the newest complete run" }},
		{k.Daily, func(t time.Time) string { return t.Format("2006-01-02") }},
		{k.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, "-", w) }},
		{k.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	}
	type slot struct {
		kind string
		rule int
	}
	seen := make(map[slot]map[string]bool)
	count := make(map[string]int)
	var gone []int64
	for _, h := range runs {
		stays := h.Status == Running || count[h.Kind] < k.Last || !k.Since.IsZero() && !h.Started.Before(k.Since)
		count[h.Kind]++
		for rule, b := range buckets {
			if h.Status != Complete {
				break
			}
			at := slot{h.Kind, rule}
			if seen[at] == nil {
				seen[at] = make(map[string]bool)
			}
			if name := b.name(h.Started.In(zone)); !seen[at][name] && len(seen[at]) < b.n {
				seen[at][name] = true
				stays = true
			}
		}
		if !stays {
			gone = append(gone, h.ID)
		}
	}
	slices.Sort(gone)
	return gone
}

// hide takes the runs out of sight in one transaction, before their records go
// piece by piece.
func (s *Store) hide(ctx context.Context, ids []int64) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "UPDATE run SET status = 'pruned' WHERE id = ? AND status <> 'running'", id); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// sweep deletes what hide has hidden, in steps short enough for a scan that
// writes at the same time, and gives the space back to the file system.
func (s *Store) sweep(ctx context.Context) error {
	for {
		res, err := s.write.ExecContext(ctx, `DELETE FROM record WHERE id IN
			(SELECT r.id FROM run CROSS JOIN record r ON r.run = run.id WHERE run.status = 'pruned' LIMIT 2000)`)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for _, step := range []string{
		"DELETE FROM look WHERE run IN (SELECT id FROM run WHERE status = 'pruned')",
		"DELETE FROM run WHERE status = 'pruned'",
		"DELETE FROM service WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.service = service.id)",
		"DELETE FROM text WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.inventory = text.sha256 OR run.plan = text.sha256)",
		"PRAGMA incremental_vacuum",
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if _, err := s.write.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	return nil
}
