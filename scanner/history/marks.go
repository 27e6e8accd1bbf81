package history

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"ready6/probes/verdict"
)

// Mark is a number that a reader made out of one record of a run by the rules of
// some version. What it means is the reader's business.
type Mark struct {
	Key   verdict.ServiceKey
	Value uint32
}

// Marked is one run with its marks. The slice is the iterator's own: it is valid
// until the next step.
type Marked struct {
	Run   int64
	Marks []Mark // nil: none are kept for these rules
}

// maxMarks bounds the marks of one run, inflated, in bytes.
const maxMarks = 64 << 20

// KeepMarks stores the marks of a run under a version of the rules, in place of
// any there were. They are a cache that spares reading every record of a year
// again, and the memory of what was made of a run under rules that have changed
// since; Prune removes them with their run. Every key must have a record in the
// file. It fails with ErrReadOnly where the file cannot be written.
func (s *Store) KeepMarks(ctx context.Context, run int64, rules int, marks []Mark) error {
	if s.write == nil {
		return &Error{Path: s.path, Problem: "cannot be written", Next: "run this as the file's owner", Err: ErrReadOnly}
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return explain(s.path, err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	keys, err := services(ctx, tx)
	if err != nil {
		return explain(s.path, err)
	}
	ids := make(map[verdict.ServiceKey]int64, len(keys))
	for id, key := range keys {
		ids[key] = id
	}
	body, err := packMarks(marks, ids)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO mark (run, rules, body) VALUES (?, ?, ?)", run, rules, body); err != nil {
		return explain(s.path, err)
	}
	return explain(s.path, tx.Commit())
}

// Marks yields the runs in the order given, each with the marks that are kept
// for it under a version of the rules, those of one run always in the same
// order. An error ends the stream.
func (s *Store) Marks(ctx context.Context, rules int, runs []int64) iter.Seq2[Marked, error] {
	return func(yield func(Marked, error) bool) {
		// One transaction: the numbers of services hold within it.
		tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			yield(Marked{}, explain(s.path, err))
			return
		}
		defer tx.Rollback() //nolint:errcheck // nothing was written
		keys, err := services(ctx, tx)
		var buf []Mark
		for _, run := range runs {
			var body []byte
			if err == nil {
				err = tx.QueryRowContext(ctx, "SELECT body FROM mark WHERE run = ? AND rules = ?", run, rules).Scan(&body)
			}
			out := Marked{Run: run}
			switch {
			case errors.Is(err, sql.ErrNoRows):
				err = nil
			case err == nil:
				if buf, err = unpackMarks(body, keys, buf[:0]); err != nil {
					err = fmt.Errorf("stored marks of run %d: %w", run, err)
				}
				out.Marks = buf
			}
			if err != nil {
				yield(Marked{}, explain(s.path, err))
				return
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// MarkedBy lists the versions of the rules under which a run's marks are kept,
// newest first.
func (s *Store) MarkedBy(ctx context.Context, run int64) ([]int, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT rules FROM mark WHERE run = ? ORDER BY rules DESC", run)
	if err != nil {
		return nil, explain(s.path, err)
	}
	defer rows.Close()
	var list []int
	for rows.Next() {
		var rules int
		if err := rows.Scan(&rules); err != nil {
			return nil, explain(s.path, err)
		}
		list = append(list, rules)
	}
	return list, explain(s.path, rows.Err())
}

// services maps the numbers of all services ever seen to their keys.
func services(ctx context.Context, tx *sql.Tx) (map[int64]verdict.ServiceKey, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, agency, host, kind, port FROM service")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[int64]verdict.ServiceKey{}
	same := map[string]string{} // agencies and kinds repeat: one copy of each
	one := func(s string) string {
		if have, ok := same[s]; ok {
			return have
		}
		same[s] = s
		return s
	}
	for rows.Next() {
		var id int64
		var k verdict.ServiceKey
		if err := rows.Scan(&id, &k.Agency, &k.Host, &k.Kind, &k.Port); err != nil {
			return nil, err
		}
		k.Agency, k.Kind = one(k.Agency), one(k.Kind)
		keys[id] = k
	}
	return keys, rows.Err()
}

func packMarks(marks []Mark, ids map[verdict.ServiceKey]int64) ([]byte, error) {
	type pair struct {
		id    int64
		value uint32
	}
	pairs := make([]pair, len(marks))
	for i, m := range marks {
		id, ok := ids[m.Key]
		if !ok {
			return nil, fmt.Errorf("history: a mark is for %s (%s) of %q, which has no record", m.Key.Host, m.Key.Kind, m.Key.Agency)
		}
		pairs[i] = pair{id, m.Value}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.id, b.id) })
	var plain []byte
	last := int64(0)
	for _, p := range pairs {
		plain = binary.AppendUvarint(plain, uint64(p.id-last))
		plain = binary.AppendUvarint(plain, uint64(p.value))
		last = p.id
	}
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// unpackMarks appends the marks of a body to list. The file may be damaged or
// made by anybody: every fault is an error.
func unpackMarks(body []byte, keys map[int64]verdict.ServiceKey, list []Mark) ([]Mark, error) {
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), maxMarks+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxMarks {
		return nil, fmt.Errorf("more than the %d bytes allowed", maxMarks)
	}
	id := int64(0)
	for len(plain) > 0 {
		step, n := binary.Uvarint(plain)
		if n <= 0 || step == 0 || step > 1<<40 {
			return nil, errors.New("not in ascending order")
		}
		plain = plain[n:]
		value, n := binary.Uvarint(plain)
		if n <= 0 || value > 1<<32-1 {
			return nil, errors.New("cut short")
		}
		plain = plain[n:]
		id += int64(step)
		key, ok := keys[id]
		if !ok {
			return nil, fmt.Errorf("no service has the number %d", id)
		}
		list = append(list, Mark{key, uint32(value)})
	}
	if list == nil {
		list = []Mark{}
	}
	return list, nil
}
