package rpki

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Limits against sources that never end. The largest real ones are a tenth.
const (
	maxVRPs   = 10_000_000
	maxRoutes = 20_000_000 // (prefix, origin) pairs
)

// unpack looks at the first bytes of r and undoes gzip or bzip2. stop must be
// called when reading is over; after it r is not touched any more.
func unpack(r io.Reader) (out io.Reader, stop func(), err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, nil, fmt.Errorf("damaged gzip header: %w", err)
		}
		out, stop = readAhead(zr)
		return out, stop, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		out, stop = readAhead(bzip2.NewReader(br))
		return out, stop, nil
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return nil, nil, errors.New("packed with xz, which is not read here: unpack it first (xz -d)")
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, nil, errors.New("packed with zstd, which is not read here: unpack it first (zstd -d)")
	}
	return br, func() {}, nil
}

// readAhead reads r in a goroutine of its own, so that unpacking and parsing
// use two cores. At most four chunks of 256 KiB are ahead.
func readAhead(r io.Reader) (io.Reader, func()) {
	a := &ahead{
		full: make(chan chunk, 2),
		free: make(chan []byte, 4),
		quit: make(chan struct{}),
	}
	for range cap(a.free) {
		a.free <- make([]byte, 1<<18)
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.fill(r) })
	return a, sync.OnceFunc(func() { close(a.quit); wg.Wait() })
}

type chunk struct {
	buf []byte
	n   int
	err error
}

type ahead struct {
	full chan chunk
	free chan []byte
	quit chan struct{}
	cur  chunk
	pos  int
}

func (a *ahead) fill(r io.Reader) {
	for {
		var c chunk
		select {
		case c.buf = <-a.free:
		case <-a.quit:
			return
		}
		for c.n < len(c.buf) && c.err == nil {
			var n int
			n, c.err = r.Read(c.buf[c.n:])
			c.n += n
		}
		select {
		case a.full <- c:
		case <-a.quit:
			return
		}
		if c.err != nil {
			return
		}
	}
}

// Read gives what was read ahead; the error comes after the bytes before it.
func (a *ahead) Read(p []byte) (int, error) {
	for a.pos == a.cur.n {
		if a.cur.err != nil {
			return 0, a.cur.err
		}
		if a.cur.buf != nil {
			a.free <- a.cur.buf
		}
		a.cur, a.pos = <-a.full, 0
	}
	n := copy(p, a.cur.buf[a.pos:a.cur.n])
	a.pos += n
	return n, nil
}

// at words a fault with its place. offset counts unpacked bytes from 0.
func at(name string, line int, offset int64, format string, args ...any) error {
	return fmt.Errorf("%s:%d (byte %d): %w", name, line, offset, fmt.Errorf(format, args...))
}

// faults collects what is wrong with single entries of a file, so that one
// reading tells all of it.
type faults struct {
	name  string
	first []error
	n     int
}

func (f *faults) add(line int, offset int64, text string) {
	if f.n++; len(f.first) < 10 {
		f.first = append(f.first, at(f.name, line, offset, "%s", text))
	}
}

// err returns nil, or one error that names the first ten faults and counts the rest.
func (f *faults) err() error {
	if f.n == 0 {
		return nil
	}
	if more := f.n - len(f.first); more > 0 {
		return errors.Join(append(f.first, fmt.Errorf("%s: and %d more faults", f.name, more))...)
	}
	return errors.Join(f.first...)
}

// readErr words an error of the underlying reader.
func readErr(name string, offset int64, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: truncated: it ends after byte %d: %w", name, offset, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s: damaged or unreadable after byte %d: %w", name, offset, err)
}
