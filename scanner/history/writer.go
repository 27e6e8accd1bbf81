package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"ready6/probes/verdict"
)

// A batch is written when it has this many records or bytes, or is this old:
// what a crash can lose.
const (
	batchRecords = 500
	batchBytes   = 8 << 20
	batchDelay   = 500 * time.Millisecond
)

// Writer adds records to one run. Put, Look, Cut and Finish are for one goroutine,
// the other methods for any.
type Writer struct {
	s     *Store
	id    int64
	began time.Time // real time of Begin: what the run's clock is measured by
	start time.Time // Header.Started, which may be a simulated day
	lock  *lock

	addService, addRecord, setRecord, redoRecord, addLook, dropLooks *sql.Stmt
	enc                                                              encoder

	mu    sync.Mutex // guards what follows: a timer flushes too
	batch []row
	bytes int
	timer *time.Timer
	err   error // first failure; nothing is written after it
	done  bool

	withheld []verdict.Result
}

// Begin starts a run. It fails with ErrBusy while another process, or another
// Writer, writes to the file, and with ErrReadOnly if it cannot be written. Of
// h, Begin ignores ID, Status, Finished, Services, Resumed, Withheld and the
// digests; Started may be zero for now.
func (s *Store) Begin(ctx context.Context, h Header) (*Writer, error) {
	return s.writerOf(ctx, h.Started, func(w *Writer) error { return w.begin(ctx, h) })
}

// writerOf opens a Writer with what start does under the lock.
func (s *Store) writerOf(ctx context.Context, now time.Time, start func(*Writer) error) (*Writer, error) {
	if err := s.Reserve(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	w := &Writer{s: s, lock: s.reserved, began: time.Now(), start: now}
	s.reserved = nil
	s.mu.Unlock()
	if w.start.IsZero() {
		w.start = w.began
	}
	err := start(w)
	if err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		w.lock.release()
		return nil, explain(s.path, err)
	}
	s.mu.Lock()
	s.writer = w
	s.mu.Unlock()
	return w, nil
}

// Reserve takes the right to write before there is a run, so that whoever comes
// second is refused before it has done any work. Begin and Resume use it up,
// Close gives it back. Its errors are Begin's.
func (s *Store) Reserve(ctx context.Context) error {
	if s.write == nil {
		return &Error{Path: s.path, Problem: "cannot be written",
			Next: "give this user write access to the file and its directory, or name another history file", Err: ErrReadOnly}
	}
	s.mu.Lock()
	held := s.reserved != nil
	s.mu.Unlock()
	if held {
		return nil
	}
	l, err := takeLock(s.lockPath, 300*time.Millisecond)
	if err != nil {
		return s.refuse(err)
	}
	l.sign(time.Now())
	if err := s.markCrashed(ctx); err != nil { // whoever wrote before is gone: we have the lock
		l.release()
		return err
	}
	s.mu.Lock()
	s.reserved = l
	s.mu.Unlock()
	return nil
}

// ID is the run's number.
func (w *Writer) ID() int64 { return w.id }

func (w *Writer) begin(ctx context.Context, h Header) error {
	tx, err := w.s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	h.Resumed, h.Withheld = nil, nil
	h.Started, h.Finished, h.Status, h.Services = w.start, time.Time{}, Running, 0
	if h.InventorySHA256, err = putText(ctx, tx, h.Inventory); err != nil {
		return err
	}
	if h.PlanSHA256, err = putText(ctx, tx, h.Plan); err != nil {
		return err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("header of the run: %w", err)
	}
	res, err := tx.ExecContext(ctx,
		`INSERT INTO run (started, finished, status, kind, inventory, plan, header)
		 VALUES (?, ?, 'running', ?, nullif(?, ''), nullif(?, ''), ?)`,
		w.start.UnixNano(), w.start.UnixNano(), h.Kind, h.InventorySHA256, h.PlanSHA256, string(text))
	if err != nil {
		return err
	}
	if w.id, err = res.LastInsertId(); err != nil {
		return err
	}
	return tx.Commit()
}

// putText stores a text once, whatever number of runs share it.
func putText(ctx context.Context, tx *sql.Tx, body []byte) (string, error) {
	if len(body) == 0 {
		return "", nil
	}
	sum := digest(body)
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO text (sha256, body) VALUES (?, ?)", sum, body)
	return sum, err
}

const thatService = `(SELECT id FROM service WHERE agency = ?6 AND host = ?7 AND kind = ?8 AND port = ?9)`

func (w *Writer) prepare(ctx context.Context) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.addService, `INSERT OR IGNORE INTO service (agency, host, kind, port) VALUES (?, ?, ?, ?)`},
		{&w.addRecord, `INSERT OR IGNORE INTO record (run, service, at, took, results, evidence, open)
			SELECT ?1, id, ?2, ?3, ?4, ?5, ?10 FROM service WHERE agency = ?6 AND host = ?7 AND kind = ?8 AND port = ?9`},
		{&w.setRecord, `UPDATE record SET at = ?2, took = ?3, results = ?4, evidence = ?5, open = ?10 WHERE run = ?1 AND service = ` + thatService},
		// What was cut short counts for nothing once it is measured.
		{&w.redoRecord, `UPDATE record SET at = ?2, took = ?3, results = ?4, evidence = ?5, open = ?10 WHERE run = ?1 AND open = 2 AND service = ` + thatService},
		{&w.addLook, `INSERT INTO look (run, service, at, took, results, evidence)
			SELECT ?1, id, ?2, ?3, ?4, ?5 FROM service WHERE agency = ?6 AND host = ?7 AND kind = ?8 AND port = ?9`},
		{&w.dropLooks, `DELETE FROM look WHERE run = ?1 AND service = ` + thatService},
	} {
		var err error
		if *p.stmt, err = w.s.write.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return nil
}

// Put adds the final record of one service and replaces whatever the run has of
// it. It is on disk at the latest half a second later. After an error, nothing
// more is taken.
func (w *Writer) Put(rec verdict.Record) error { return w.add(rec, settled) }

func (w *Writer) add(rec verdict.Record, s stage) error {
	r, err := w.enc.encode(rec)
	if err != nil {
		return fmt.Errorf("record of %s: %w", rec.Host, err)
	}
	r.stage = s
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case w.done:
		return errors.New("history: the run has been finished")
	}
	w.batch = append(w.batch, r)
	w.bytes += len(r.results) + len(r.evidence)
	if len(w.batch) >= batchRecords || w.bytes >= batchBytes {
		return w.flush(context.Background())
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(batchDelay, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			_ = w.flush(context.Background()) // kept in w.err for the next call
		})
	}
	return nil
}

// flush writes the batch in one transaction; w.mu is held.
func (w *Writer) flush(ctx context.Context) error {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if w.err != nil || w.done || len(w.batch) == 0 {
		return w.err
	}
	if err := w.commit(ctx); err != nil {
		w.err = explain(w.s.path, err)
		return w.err
	}
	clear(w.batch) // let go of the texts
	w.batch, w.bytes = w.batch[:0], 0
	return nil
}

func (w *Writer) commit(ctx context.Context) error {
	tx, err := w.s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	added := int64(0)
	for _, r := range w.batch {
		k := r.key
		if _, err := tx.StmtContext(ctx, w.addService).ExecContext(ctx, k.Agency, k.Host, k.Kind, k.Port); err != nil {
			return err
		}
		n, err := w.place(ctx, tx, r)
		if err != nil {
			return err
		}
		if k.OfService() {
			added += n
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE run SET services = services + ?, finished = ? WHERE id = ?",
		added, w.now().UnixNano(), w.id); err != nil {
		return err
	}
	return tx.Commit()
}

// place writes one row where its stage wants it, and returns how many records
// the run has more by that.
func (w *Writer) place(ctx context.Context, tx *sql.Tx, r row) (added int64, err error) {
	k := r.key
	args := []any{w.id, r.at, r.took, r.results, r.evidence, k.Agency, k.Host, k.Kind, k.Port}
	do := func(stmt *sql.Stmt, args ...any) (rows int64) {
		if err != nil {
			return 0
		}
		var res sql.Result
		if res, err = tx.StmtContext(ctx, stmt).ExecContext(ctx, args...); err == nil {
			rows, err = res.RowsAffected()
		}
		return rows
	}
	staged := append(args, int(r.stage))
	if added = do(w.addRecord, staged...); added > 0 || err != nil {
		return added, err
	}
	switch {
	case r.stage == settled:
		do(w.setRecord, staged...)
		do(w.dropLooks, args...)
	case do(w.redoRecord, staged...) == 0 && r.stage == again: // a look after the first
		do(w.addLook, args...)
	}
	return 0, err
}

// now is the time by the run's own clock.
func (w *Writer) now() time.Time { return w.start.Add(time.Since(w.began)) }

// Finish ends the run as Complete or Interrupted and gives up the right to
// write. It works although ctx has ended: an interrupted scan is the usual case.
func (w *Writer) Finish(ctx context.Context, status Status) error {
	if status != Complete && status != Interrupted {
		return fmt.Errorf("history: a run is finished as complete or interrupted, not as %q", status)
	}
	ctx = context.WithoutCancel(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errors.New("history: the run has been finished already")
	}
	err := w.flush(ctx)
	if err == nil {
		_, err = w.s.write.ExecContext(ctx, "UPDATE run SET status = ?, finished = ? WHERE id = ?", string(status), w.now().UnixNano(), w.id)
		err = explain(w.s.path, err)
	}
	if err == nil {
		// Power may fail now: the run is on the platter. A reader in the way is no error.
		_, _ = w.s.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return errors.Join(err, w.end())
}

// abandon writes what there is and leaves the run as it is.
func (w *Writer) abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	return errors.Join(w.flush(context.Background()), w.end())
}

// end releases everything; w.mu is held.
func (w *Writer) end() error {
	w.done = true
	var errs []error
	for _, stmt := range []*sql.Stmt{w.addService, w.addRecord, w.setRecord, w.redoRecord, w.addLook, w.dropLooks} {
		errs = append(errs, stmt.Close())
	}
	w.lock.release()
	w.s.mu.Lock()
	w.s.writer = nil
	w.s.mu.Unlock()
	return explain(w.s.path, errors.Join(errs...))
}
