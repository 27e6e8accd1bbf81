package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// ResumeWithin is how old a run may be to be taken up again: what it measured
// and what it is going to measure shall be of one night.
const ResumeWithin = 24 * time.Hour

// Resumable returns the run that a scan with header h would go on with: the
// newest of its kind, if that was interrupted or crashed, is not older than
// ResumeWithin, and set out to measure the same services in the same way. Of h it
// reads Kind, Checks, Rules, Vantage, Inventory and Plan. ErrNoResume says why
// there is none.
func (s *Store) Resumable(ctx context.Context, h Header, now time.Time) (Header, error) {
	runs, err := s.headers(ctx, "kind = ? AND status <> 'pruned' ORDER BY id DESC LIMIT 1", h.Kind)
	if err != nil {
		return Header{}, err
	}
	no := func(form string, a ...any) (Header, error) {
		return Header{}, &Error{Path: s.path, Problem: "there is nothing to resume: " + fmt.Sprintf(form, a...),
			Next: "scan without --resume to begin a new run", Err: ErrNoResume}
	}
	if len(runs) == 0 {
		return no("it has no run of this kind (%s)", h.Kind)
	}
	last := runs[0]
	switch last.Status {
	case Interrupted, Crashed:
	case Running:
		return Header{}, s.refuse(errHeld)
	default:
		return no("the last run (%d) has measured everything", last.ID)
	}
	if age := now.Sub(last.Started); age > ResumeWithin {
		return no("the last run (%d) began %s ago, and only runs of the last %s are taken up again", last.ID, age.Round(time.Minute), ResumeWithin)
	}
	if differs := last.differs(h); len(differs) > 0 {
		return no("since run %d began, this has changed: %s", last.ID, strings.Join(differs, ", "))
	}
	return last, nil
}

// differs names what a run and a scan do not have in common, of what decides
// what is measured and how it is judged.
func (h Header) differs(scan Header) (names []string) {
	for _, part := range []struct {
		name string
		same bool
	}{
		{"the inventory", h.InventorySHA256 == digest(scan.Inventory)},
		{"the plan", h.PlanSHA256 == digest(scan.Plan)},
		{"the checks asked for", slices.Equal(h.Checks, scan.Checks)},
		{"the rules (another version of ready6)", h.Rules == scan.Rules},
		{"the vantage", h.Vantage == scan.Vantage},
	} {
		if !part.same {
			names = append(names, part.name)
		}
	}
	return names
}

// digest is the hex SHA-256 of a text, empty for an empty one.
func digest(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Resume goes on with an interrupted or crashed run; now is the time by the
// run's clock, preflight what the vantage proves of itself now: the run's own if
// it ended before it had one. Its errors are Begin's, and ErrNoRun.
func (s *Store) Resume(ctx context.Context, id int64, now time.Time, preflight []verdict.Result) (*Writer, error) {
	return s.writerOf(ctx, now, func(w *Writer) error { return w.resume(ctx, id, preflight) })
}

func (w *Writer) resume(ctx context.Context, id int64, preflight []verdict.Result) error {
	h, err := w.s.Header(ctx, id)
	if err != nil {
		return err
	}
	w.id, w.withheld = id, h.Withheld
	stored := h
	if len(stored.Preflight) == 0 {
		stored.Preflight = preflight
	}
	stored.Resumed = append(stored.Resumed, w.start)
	stored.Finished, stored.Status, stored.Services, stored.Withheld = time.Time{}, Running, 0, nil // columns have them
	text, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("header of the run: %w", err)
	}
	res, err := w.s.write.ExecContext(ctx,
		"UPDATE run SET status = 'running', header = ? WHERE id = ? AND status IN ('interrupted', 'crashed')", string(text), id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errOr(err, fmt.Errorf("history: run %d is %s and cannot be taken up again", id, h.Status))
	}
	return nil
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
