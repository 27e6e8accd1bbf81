package history

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"ready6/probes/verdict"
)

// maxEvidence bounds the evidence of one record, inflated, in bytes.
const maxEvidence = 64 << 20

// row is a record as the database holds it: results in plain JSON, for whoever
// looks at the file with SQL, and their evidence, several times the size, as
// deflated JSON.
type row struct {
	key      verdict.ServiceKey
	stage    stage
	at, took int64
	results  string
	evidence []byte
}

// encoder makes rows; it is for one goroutine.
type encoder struct {
	buf     bytes.Buffer
	deflate *flate.Writer
}

func (e *encoder) encode(rec verdict.Record) (row, error) {
	bare := make([]verdict.Result, len(rec.Results))
	proof := make([][]verdict.Evidence, len(rec.Results))
	some := false
	for i, r := range rec.Results {
		proof[i], r.Evidence = r.Evidence, nil
		bare[i] = r
		some = some || len(proof[i]) > 0
	}
	results, err := json.Marshal(bare)
	if err != nil {
		return row{}, err
	}
	out := row{key: rec.Key(), at: nanos(rec.At), took: int64(rec.Took), results: string(results), evidence: []byte{}}
	if some {
		out.evidence, err = e.pack(proof)
	}
	return out, err
}

func (e *encoder) pack(proof [][]verdict.Evidence) ([]byte, error) {
	text, err := json.Marshal(proof)
	if err != nil {
		return nil, err
	}
	if len(text) > maxEvidence {
		return nil, fmt.Errorf("evidence of %d bytes is more than the %d allowed", len(text), maxEvidence)
	}
	e.buf.Reset()
	if e.deflate == nil {
		if e.deflate, err = flate.NewWriter(&e.buf, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	e.deflate.Reset(&e.buf)
	if _, err := e.deflate.Write(text); err != nil {
		return nil, err
	}
	if err := e.deflate.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(e.buf.Bytes()), nil
}

// decoder reads rows; it is for one goroutine.
type decoder struct {
	src     bytes.Reader
	inflate io.ReadCloser
}

// decode fills rec.Results from a row's columns. The file may be damaged or
// made by anybody: every fault is an error.
func (d *decoder) decode(rec *verdict.Record, results, evidence []byte) error {
	if err := json.Unmarshal(results, &rec.Results); err != nil {
		return fmt.Errorf("stored results of %s: %w", rec.Host, err)
	}
	if len(evidence) == 0 {
		return nil
	}
	text, err := d.unpack(evidence)
	if err != nil {
		return fmt.Errorf("stored evidence of %s: %w", rec.Host, err)
	}
	var proof [][]verdict.Evidence
	if err := json.Unmarshal(text, &proof); err != nil {
		return fmt.Errorf("stored evidence of %s: %w", rec.Host, err)
	}
	if len(proof) != len(rec.Results) {
		return fmt.Errorf("stored evidence of %s is of %d results, not %d", rec.Host, len(proof), len(rec.Results))
	}
	for i := range proof {
		rec.Results[i].Evidence = proof[i]
	}
	return nil
}

func (d *decoder) unpack(evidence []byte) ([]byte, error) {
	d.src.Reset(evidence)
	if d.inflate == nil {
		d.inflate = flate.NewReader(&d.src)
	} else if err := d.inflate.(flate.Resetter).Reset(&d.src, nil); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(d.inflate, maxEvidence+1))
	if err == nil && len(text) > maxEvidence {
		err = fmt.Errorf("more than the %d bytes allowed", maxEvidence)
	}
	return text, err
}

// nanos is Unix time in nanoseconds; the zero time stays zero.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// at is the reverse of nanos, in UTC.
func at(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
