package rpki

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ReadVRPs reads an export of VRPs: the JSON of rpki-client, Routinator (json
// and jsonext) and StayRTR or GoRTR, or the CSV of rpki-client and Routinator
// (csv, csvcompat, csvext), plain or packed with gzip or bzip2. It reads in a
// stream. The file is taken whole or not at all: a truncated one or one with
// impossible entries is an error that says where, ten faults at most.
func ReadVRPs(r io.Reader, name string) (*Snapshot, error) {
	in, stop, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer stop()
	br := bufio.NewReaderSize(in, 1<<16)
	// A shorter file than 512 bytes is fine here; what stopped it comes again below.
	head, headErr := br.Peek(512)
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(text) == 0 && headErr != nil && !errors.Is(headErr, io.EOF):
		return nil, readErr(name, int64(len(head)), headErr)
	case len(text) == 0:
		return nil, fmt.Errorf("%s: empty: no VRPs in it", name)
	case text[0] == '{':
		if bytes.HasPrefix(head, []byte("\ufeff")) {
			_, err = br.Discard(3)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return readVRPJSON(br, name)
	case text[0] == '[':
		return nil, fmt.Errorf("%s: a JSON list; a VRP export is an object with a list named \"roas\"", name)
	case text[0] < ' ' || text[0] >= 0x7f:
		return nil, fmt.Errorf("%s: neither JSON nor CSV (it begins with %q)", name, text[:min(8, len(text))])
	}
	return readVRPCSV(br, name)
}

// vrpFile collects the entries of one file.
type vrpFile struct {
	snapshotBuilder
	faults
	from Source
}

// vrpEntry is one entry as far as it has been read.
type vrpEntry struct {
	prefix  netip.Prefix
	asn     ASN
	maxLen  int // -1: not given, the prefix's own
	ta      uint16
	expires uint32
	has     struct{ prefix, asn bool }
	bad     string // first thing that is wrong with it
}

func (e *vrpEntry) fault(format string, args ...any) {
	if e.bad == "" {
		e.bad = fmt.Sprintf(format, args...)
	}
}

func (e *vrpEntry) setPrefix(b []byte) {
	p, err := ParsePrefix(string(b))
	if err != nil {
		e.fault("%v", err)
		return
	}
	e.prefix, e.has.prefix = p, true
}

func (e *vrpEntry) setASN(b []byte) {
	n, ok := parseUint(bytes.TrimPrefix(bytes.TrimPrefix(b, []byte("AS")), []byte("as")), 1<<32-1)
	if !ok {
		e.fault("%q is no AS number", b)
		return
	}
	e.asn, e.has.asn = ASN(n), true
}

func (e *vrpEntry) setMaxLen(b []byte) {
	n, ok := parseUint(b, 128)
	if !ok {
		e.fault("maxLength %q is no number from 0 to 128", b)
		return
	}
	e.maxLen = int(n)
}

// setExpires reads Unix seconds or a date of RFC 3339.
func (e *vrpEntry) setExpires(b []byte) {
	t, ok := parseTime(b)
	if !ok {
		e.fault("%q is no time: Unix seconds or RFC 3339 expected", b)
		return
	}
	e.expires = unix32(t)
}

// keep adds a finished entry, or its fault.
func (f *vrpFile) keep(e *vrpEntry, line int, offset int64) error {
	switch {
	case e.bad != "":
	case !e.has.prefix:
		e.fault("entry without prefix")
	case !e.has.asn:
		e.fault("entry without AS number")
	default:
		if e.maxLen < 0 {
			e.maxLen = e.prefix.Bits()
		}
		e.bad = VRP{Prefix: e.prefix, MaxLen: e.maxLen}.fault()
	}
	if e.bad != "" {
		f.faults.add(line, offset, e.bad)
		return nil
	}
	if f.rows.len() == maxVRPs {
		return at(f.name, line, offset, "more than %d VRPs: not a real export", maxVRPs)
	}
	f.rows.add(e.prefix, payload{uint32(e.asn), e.expires, e.ta, uint8(e.maxLen)})
	return nil
}

// whole is the snapshot of a file without faults. Where every VRP says when it
// ends, all of the data has ended with the last of them.
func (f *vrpFile) whole() *Snapshot {
	last, dated := uint32(0), f.rows.len() > 0
	for _, r := range f.v4 {
		last, dated = max(last, r.val.expiry), dated && r.val.expiry > 0
	}
	for _, r := range f.v6 {
		last, dated = max(last, r.val.expiry), dated && r.val.expiry > 0
	}
	if dated && f.from.Until.IsZero() {
		f.from.Until = time.Unix(int64(last), 0).UTC()
	}
	return f.snapshot(f.from)
}

// label makes a name from a file safe to show: no control characters, 64 bytes.
func label(b []byte) []byte {
	plain := len(b) <= 64
	for _, c := range b {
		plain = plain && c >= ' ' && c < 0x7f
	}
	if plain { // as good as always
		return b
	}
	clean := bytes.ToValidUTF8(b, []byte("?"))
	clean = bytes.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, clean)
	return bytes.ToValidUTF8(clean[:min(len(clean), 64)], nil)
}

func parseUint(b []byte, most uint64) (uint64, bool) {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > most {
			return 0, false
		}
	}
	return n, len(b) > 0
}

// parseTime reads Unix seconds or RFC 3339.
func parseTime(b []byte) (time.Time, bool) {
	if n, ok := parseUint(b, 1<<40); ok {
		return time.Unix(int64(n), 0).UTC(), true
	}
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, string(b)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// readVRPCSV reads "ASN,IP Prefix,Max Length,Trust Anchor[,Expires]" and its
// relatives. The header names the columns; without one these four are taken.
func readVRPCSV(r *bufio.Reader, name string) (*Snapshot, error) {
	f := vrpFile{faults: faults{name: name}, from: Source{Name: name, Over: "file"}}
	cols := columns{asn: 0, prefix: 1, maxLen: 2, ta: 3, expires: 4}
	var fields [][]byte
	in := lines{r: r, name: name}
	for in.next() {
		line := bytes.TrimSpace(bytes.TrimPrefix(in.text, []byte("\ufeff")))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		fields = splitCSV(line, fields[:0])
		if !in.seen {
			in.seen = true
			if header, ok := readHeader(fields); ok {
				cols = header
				continue
			}
			if len(fields) < 2 || !bytes.Contains(fields[1], []byte("/")) {
				return nil, at(name, in.no, in.start, "neither JSON nor a CSV of VRPs: the first line should be ASN,IP Prefix,Max Length,Trust Anchor")
			}
		}
		if cols.n > 0 && len(fields) != cols.n {
			f.faults.add(in.no, in.start, fmt.Sprintf("%d fields where the header has %d", len(fields), cols.n))
			continue
		}
		if len(fields) < 3 || len(fields) > 16 {
			f.faults.add(in.no, in.start, fmt.Sprintf("%d fields where ASN, prefix and maxLength belong", len(fields)))
			continue
		}
		e := cols.entry(fields, &f)
		if err := f.keep(&e, in.no, in.start); err != nil {
			return nil, err
		}
	}
	if in.err != nil {
		return nil, in.err
	}
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	return f.whole(), nil
}

// columns gives the place of each field, -1 for none.
type columns struct{ asn, prefix, maxLen, ta, expires, n int }

// readHeader takes the column names that the exporters write.
func readHeader(fields [][]byte) (columns, bool) {
	c := columns{-1, -1, -1, -1, -1, len(fields)}
	for i, f := range fields {
		switch strings.ToLower(string(f)) {
		case "asn":
			c.asn = i
		case "ip prefix", "prefix":
			c.prefix = i
		case "max length", "maxlength", "max_length":
			c.maxLen = i
		case "trust anchor", "ta":
			c.ta = i
		case "expires", "not after":
			c.expires = i
		}
	}
	return c, c.asn >= 0 && c.prefix >= 0
}

func (c columns) entry(fields [][]byte, f *vrpFile) vrpEntry {
	e := vrpEntry{maxLen: -1}
	get := func(i int) []byte {
		if i < 0 || i >= len(fields) {
			return nil
		}
		return fields[i]
	}
	e.setASN(get(c.asn))
	e.setPrefix(get(c.prefix))
	if b := get(c.maxLen); len(b) > 0 {
		e.setMaxLen(b)
	}
	if b := get(c.expires); len(b) > 0 {
		e.setExpires(b)
	}
	e.ta = f.ta(label(get(c.ta)))
	return e
}

// splitCSV splits a line at its commas; quotes around a field are taken off.
// The exporters never write commas or quotes inside one.
func splitCSV(line []byte, into [][]byte) [][]byte {
	for field := range bytes.SplitSeq(line, []byte(",")) {
		field = bytes.TrimSpace(field)
		if n := len(field); n >= 2 && field[0] == '"' && field[n-1] == '"' {
			field = field[1 : n-1]
		}
		into = append(into, field)
	}
	return into
}

// lines reads text line by line with positions. A line over 64 KiB is an error.
type lines struct {
	r     *bufio.Reader
	name  string
	text  []byte // without the line end, good until the next call
	no    int    // from 1
	start int64  // offset of the line's first byte
	seen  bool   // for the caller: a first line that counts was met
	used  int64
	err   error
}

func (l *lines) next() bool {
	text, err := l.r.ReadSlice('\n')
	l.no++
	l.start = l.used
	l.used += int64(len(text))
	switch {
	case err == nil:
		l.text = text[:len(text)-1]
		return true
	case errors.Is(err, bufio.ErrBufferFull):
		l.err = at(l.name, l.no, l.start, "line of over %s bytes", strconv.Itoa(len(text)))
	case !errors.Is(err, io.EOF):
		l.err = readErr(l.name, l.used, err)
	case len(text) > 0:
		l.text = text
		return true
	}
	return false
}
