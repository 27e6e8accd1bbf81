package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"ready6/probes/verdict"
)

const headerColumns = `id, started, finished, status, kind, services, coalesce(inventory, ''), coalesce(plan, ''), withheld, header`

// Runs returns the headers of all runs, newest first, without the texts of
// inventory and plan.
func (s *Store) Runs(ctx context.Context) ([]Header, error) {
	return s.headers(ctx, "status <> 'pruned' ORDER BY id DESC")
}

// Header returns one run's header, as Runs does, or ErrNoRun.
func (s *Store) Header(ctx context.Context, id int64) (Header, error) {
	return s.only(fmt.Sprintf("there is no run %d", id))(s.headers(ctx, "status <> 'pruned' AND id = ?", id))
}

// Previous returns the run that run id is to be compared with: the last
// complete one before it of the same kind that was asked for at least the same
// checks. ErrNoRun if there is none.
func (s *Store) Previous(ctx context.Context, id int64) (Header, error) {
	h, err := s.Header(ctx, id)
	if err != nil {
		return Header{}, err
	}
	older, err := s.headers(ctx, "kind = ? AND status = 'complete' AND withheld = '' AND id < ? ORDER BY id DESC", h.Kind, id)
	if err != nil {
		return Header{}, err
	}
	for _, o := range older {
		if covers(o, h) {
			return o, nil
		}
	}
	return Header{}, s.noRun(fmt.Sprintf("there is no complete run before run %d to compare it with", id))
}

// covers reports whether a was asked for every check that b was asked for.
func covers(a, b Header) bool {
	if len(b.Checks) == 0 {
		return len(a.Checks) == 0
	}
	for _, c := range b.Checks {
		if !a.Asked(c) {
			return false
		}
	}
	return true
}

func (s *Store) noRun(problem string) error {
	return &Error{Path: s.path, Problem: problem, Next: "list the runs with: ready6 history", Err: ErrNoRun}
}

// only takes the single header of a list.
func (s *Store) only(problem string) func([]Header, error) (Header, error) {
	return func(hs []Header, err error) (Header, error) {
		if err == nil && len(hs) == 0 {
			err = s.noRun(problem)
		}
		if err != nil {
			return Header{}, err
		}
		return hs[0], nil
	}
}

func (s *Store) headers(ctx context.Context, where string, args ...any) ([]Header, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT "+headerColumns+" FROM run WHERE "+where, args...)
	if err != nil {
		return nil, explain(s.path, err)
	}
	defer rows.Close()
	var hs []Header
	for rows.Next() {
		h, err := scanHeader(rows)
		if err != nil {
			return nil, explain(s.path, err)
		}
		if h.Status == Running && s.write == nil && s.dead() {
			h.Status = Crashed
		}
		hs = append(hs, h)
	}
	return hs, explain(s.path, rows.Err())
}

// scanHeader reads headerColumns. The columns hold what changes after Begin
// and outrank the JSON text.
func scanHeader(rows *sql.Rows) (Header, error) {
	var h, cols Header
	var started, finished int64
	var withheld, text []byte
	err := rows.Scan(&cols.ID, &started, &finished, &cols.Status, &cols.Kind, &cols.Services,
		&cols.InventorySHA256, &cols.PlanSHA256, &withheld, &text)
	if err != nil {
		return Header{}, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return Header{}, fmt.Errorf("header of run %d: %w", cols.ID, err)
	}
	if len(withheld) > 0 {
		if err := json.Unmarshal(withheld, &h.Withheld); err != nil {
			return Header{}, fmt.Errorf("header of run %d: %w", cols.ID, err)
		}
		if cols.Status == Complete {
			cols.Status = Withheld
		}
	}
	h.ID, h.Status, h.Kind, h.Services = cols.ID, cols.Status, cols.Kind, cols.Services
	h.InventorySHA256, h.PlanSHA256 = cols.InventorySHA256, cols.PlanSHA256
	h.Started, h.Finished = at(started), time.Time{}
	if h.Status != Running {
		h.Finished = at(finished)
	}
	return h, nil
}

// Load returns a run whole: header with texts, and every record in the order
// of Records. Of a running or crashed run it is what there is so far.
func (s *Store) Load(ctx context.Context, id int64) (Run, error) {
	h, err := s.Header(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if h.Inventory, err = s.Text(ctx, h.InventorySHA256); err != nil {
		return Run{}, err
	}
	if h.Plan, err = s.Text(ctx, h.PlanSHA256); err != nil {
		return Run{}, err
	}
	run := Run{Header: h, Records: make([]verdict.Record, 0, h.Services)}
	for rec, err := range s.Records(ctx, id) {
		if err != nil {
			return Run{}, err
		}
		run.Records = append(run.Records, rec)
	}
	run.Services = 0 // more than the header had, if it is still being written
	for _, rec := range run.Records {
		if rec.Key().OfService() {
			run.Services++
		}
	}
	return run, nil
}

// Text returns the inventory or plan with a digest of a header, as it was; nothing
// for an empty digest.
func (s *Store) Text(ctx context.Context, digest string) ([]byte, error) {
	if digest == "" {
		return nil, nil
	}
	var body []byte
	err := s.read.QueryRowContext(ctx, "SELECT body FROM text WHERE sha256 = ?", digest).Scan(&body)
	return body, explain(s.path, err)
}

// Records streams a run's records, ordered by agency, host, kind and port. An
// error ends the stream. An unknown run has no records.
func (s *Store) Records(ctx context.Context, id int64) iter.Seq2[verdict.Record, error] {
	return s.records(ctx, "r.evidence", id)
}

// Outlines is Records without the evidence, which is most of the reading:
// enough to judge, compare and count.
func (s *Store) Outlines(ctx context.Context, id int64) iter.Seq2[verdict.Record, error] {
	return s.records(ctx, "''", id)
}

// recordsOf reads services in their order and each one's record of the run by
// index; CROSS JOIN keeps SQLite from sorting the records instead.
const recordsOf = ` FROM service s CROSS JOIN record r ON r.service = s.id AND r.run = ? ORDER BY s.agency, s.host, s.kind, s.port`

func (s *Store) records(ctx context.Context, evidence string, id int64) iter.Seq2[verdict.Record, error] {
	return func(yield func(verdict.Record, error) bool) {
		rows, err := s.read.QueryContext(ctx,
			"SELECT s.agency, s.host, s.kind, s.port, r.at, r.took, r.results, "+evidence+recordsOf, id)
		if err != nil {
			yield(verdict.Record{}, explain(s.path, err))
			return
		}
		defer rows.Close()
		var dec decoder
		for rows.Next() {
			rec, err := scanRecord(rows, &dec)
			if err != nil {
				yield(verdict.Record{}, explain(s.path, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(verdict.Record{}, explain(s.path, err))
		}
	}
}

func scanRecord(row *sql.Rows, dec *decoder) (verdict.Record, error) {
	var rec verdict.Record
	var when, took int64
	var results, evidence sql.RawBytes
	if err := row.Scan(&rec.Agency, &rec.Host, &rec.Kind, &rec.Port, &when, &took, &results, &evidence); err != nil {
		return rec, err
	}
	rec.At, rec.Took = at(when), time.Duration(took)
	return rec, dec.decode(&rec, results, evidence)
}

// Latest returns a service's record in the newest complete run that has one,
// and that run's number; ErrNoRun if no such run has.
func (s *Store) Latest(ctx context.Context, key verdict.ServiceKey) (rec verdict.Record, run int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT r.run FROM service s CROSS JOIN record r ON r.service = s.id
		JOIN run ON run.id = r.run AND run.status = 'complete' AND run.withheld = ''
		WHERE s.agency = ? AND s.host = ? AND s.kind = ? AND s.port = ? ORDER BY r.run DESC LIMIT 1`,
		key.Agency, key.Host, key.Kind, key.Port).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return rec, 0, s.noRun("no complete run has the service " + key.Host + " (" + key.Kind + ")")
	}
	if err != nil {
		return rec, 0, explain(s.path, err)
	}
	rec, err = s.record(ctx, "r.evidence", run, key)
	return rec, run, err
}

// Outline returns one service's record of a run without its evidence; ErrNoRun
// if the run has none.
func (s *Store) Outline(ctx context.Context, run int64, key verdict.ServiceKey) (verdict.Record, error) {
	return s.record(ctx, "''", run, key)
}

func (s *Store) record(ctx context.Context, evidence string, run int64, key verdict.ServiceKey) (verdict.Record, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.agency, s.host, s.kind, s.port, r.at, r.took, r.results, `+evidence+`
		FROM service s CROSS JOIN record r ON r.service = s.id AND r.run = ?
		WHERE s.agency = ? AND s.host = ? AND s.kind = ? AND s.port = ?`,
		run, key.Agency, key.Host, key.Kind, key.Port)
	if err != nil {
		return verdict.Record{}, explain(s.path, err)
	}
	defer rows.Close()
	if !rows.Next() {
		return verdict.Record{}, errOr(explain(s.path, rows.Err()), s.noRun(fmt.Sprintf("run %d has no record of %s (%s)", run, key.Host, key.Kind)))
	}
	rec, err := scanRecord(rows, new(decoder))
	return rec, explain(s.path, err)
}
