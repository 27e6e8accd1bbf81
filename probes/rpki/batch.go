package rpki

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxBatchLine is far more than a question needs.
const maxBatchLine = 1 << 16

// Batch answers JSON lines {"prefix":…,"asn":…}, the asn as number or string
// ("AS64500", "64500", "none"), with one Validity a line in the same order.
// Other keys are ignored, empty lines skipped. A line that cannot be understood
// is answered in its place by {"line":n,"error":"…"}; it does not stop the rest,
// but makes an error at the end that counts such lines. Answers are written out
// whenever the input has to be waited for.
func Batch(ctx context.Context, s *Snapshot, r io.Reader, w io.Writer) error {
	br, bw := bufio.NewReaderSize(r, maxBatchLine), bufio.NewWriterSize(w, 1<<16)
	var bad, line int
	var firstBad error
	var out []byte
	for {
		text, rerr := readLine(br)
		if rerr != nil && !errors.Is(rerr, errLongLine) && len(text) == 0 {
			return finishBatch(bw, rerr, bad, firstBad)
		}
		line++
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
		}
		if line%256 == 1 && ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), bw.Flush())
		}
		if text = bytes.TrimSpace(text); len(text) > 0 || rerr != nil {
			v, err := answer(s, text, rerr)
			if err != nil {
				if bad++; firstBad == nil {
					firstBad = fmt.Errorf("line %d: %w", line, err)
				}
				out = appendBad(out[:0], line, err)
			} else {
				out = v.appendJSON(out[:0])
			}
			if _, err := bw.Write(append(out, '\n')); err != nil {
				return err
			}
		}
		if br.Buffered() == 0 {
			if err := bw.Flush(); err != nil {
				return err
			}
		}
	}
}

func finishBatch(bw *bufio.Writer, rerr error, bad int, firstBad error) error {
	if err := bw.Flush(); err != nil {
		return err
	}
	switch {
	case !errors.Is(rerr, io.EOF):
		return fmt.Errorf("reading the batch: %w", rerr)
	case bad == 1:
		return firstBad
	case bad > 1:
		return fmt.Errorf("%d lines could not be understood; %w", bad, firstBad)
	}
	return nil
}

// question is one line of input. Pointers tell a missing key from an empty one.
type question struct {
	Prefix *string         `json:"prefix"`
	ASN    json.RawMessage `json:"asn"`
}

func answer(s *Snapshot, text []byte, rerr error) (Validity, error) {
	if errors.Is(rerr, errLongLine) {
		return Validity{}, rerr
	}
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return Validity{}, fmt.Errorf("no JSON object with \"prefix\" and \"asn\": %w", err)
	}
	if q.Prefix == nil {
		return Validity{}, errors.New("\"prefix\" is missing")
	}
	prefix, err := ParsePrefix(*q.Prefix)
	if err != nil {
		return Validity{}, err
	}
	origin, err := originJSON(q.ASN)
	if err != nil {
		return Validity{}, err
	}
	v := s.Validate(prefix, origin)
	if v.State() == Unknown {
		return Validity{}, errors.New("no VRPs to compare with")
	}
	return v, nil
}

// originJSON reads the asn as a JSON number or string.
func originJSON(raw json.RawMessage) (Origin, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return Origin{}, errors.New("\"asn\" is missing: write a number, or \"none\" for a route that ends in an AS_SET")
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return Origin{}, err
		}
	}
	return ParseOrigin(text)
}

func appendBad(b []byte, line int, err error) []byte {
	text, merr := json.Marshal(err.Error())
	if merr != nil { // no string fails to marshal
		text = []byte(`""`)
	}
	return fmt.Appendf(b, `{"line":%d,"error":%s}`, line, text)
}

var errLongLine = fmt.Errorf("line of over %d bytes", maxBatchLine)

// readLine returns the next line; of one that does not fit the buffer it reads
// over the rest and says errLongLine.
func readLine(br *bufio.Reader) ([]byte, error) {
	text, err := br.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return text, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = br.ReadSlice('\n')
	}
	return nil, errLongLine
}
