package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ready6/probes/verdict"
)

// stage says how far a service has come in a run: what the column record.open
// holds.
type stage int

const (
	settled stage = iota // its record is final
	again                // its record is the first look, and others are to follow
	cut                  // its record is what there was when the run ended
)

// Look adds a look at a service that is to be looked at again in this run.
// Until Put brings the final record, the first look stands for the service.
func (w *Writer) Look(rec verdict.Record) error { return w.add(rec, again) }

// Cut adds the record of a service that the end of the run kept from being
// measured, or measured in full. A resumed run measures it anew.
func (w *Writer) Cut(rec verdict.Record) error { return w.add(rec, cut) }

// Settled reports whether the run has the final record of a service.
func (w *Writer) Settled(key verdict.ServiceKey) (bool, error) {
	rows, err := w.read(`SELECT 1 FROM record r WHERE r.open = 0 AND `+oneService, key)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	found := rows.Next()
	return found, explain(w.s.path, rows.Err())
}

// Looks returns the looks at a service that has no final record yet, oldest
// first.
func (w *Writer) Looks(key verdict.ServiceKey) ([]verdict.Record, error) {
	const columns = "SELECT ?2, ?4, ?3, ?5, r.at, r.took, r.results, r.evidence"
	var looks []verdict.Record
	for _, query := range []string{
		columns + " FROM record r WHERE r.open = 1 AND " + oneService,
		columns + " FROM look r WHERE " + oneService + " ORDER BY r.id",
	} {
		rows, err := w.read(query, key)
		if err != nil {
			return nil, err
		}
		looks, err = appendRecords(looks, rows)
		if err != nil {
			return nil, explain(w.s.path, err)
		}
	}
	return looks, nil
}

// oneService picks one service's rows of the run by the arguments of read.
const oneService = `r.run = ?1 AND r.service = (SELECT id FROM service WHERE agency = ?2 AND kind = ?3 AND host = ?4 AND port = ?5)`

// read asks about a service once everything that was given of it is written.
func (w *Writer) read(query string, key verdict.ServiceKey) (*sql.Rows, error) {
	w.mu.Lock()
	err := w.err
	if slices.ContainsFunc(w.batch, func(r row) bool { return r.key == key }) {
		err = w.flush(context.Background())
	}
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	rows, err := w.s.read.Query(query, w.id, key.Agency, key.Kind, key.Host, key.Port)
	return rows, explain(w.s.path, err)
}

func appendRecords(list []verdict.Record, rows *sql.Rows) ([]verdict.Record, error) {
	defer rows.Close()
	var dec decoder
	for rows.Next() {
		rec, err := scanRecord(rows, &dec)
		if err != nil {
			return list, err
		}
		list = append(list, rec)
	}
	return list, rows.Err()
}

// Withhold marks the run as not to be published, and says why: what the vantage
// could not prove of itself. It holds at once, and once and for all; what is said
// later adds to it.
func (w *Writer) Withhold(why ...verdict.Result) error {
	if len(why) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errors.New("history: the run has been finished")
	}
	text, err := json.Marshal(append(w.withheld, why...))
	if err != nil {
		return fmt.Errorf("why the run is withheld: %w", err)
	}
	if _, err := w.s.write.Exec("UPDATE run SET withheld = ? WHERE id = ?", string(text), w.id); err != nil {
		return explain(w.s.path, err)
	}
	w.withheld = append(w.withheld, why...)
	return nil
}
