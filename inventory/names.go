package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"ready6/probes/verdict"
)

// NamesID is the id of the one agency that ReadNames makes.
const NamesID = "names"

const (
	maxNames    = 5_000_000
	maxNameLine = 4096 // bytes; a comment may be long, a name not
)

// ReadNames reads a list of host names or addresses, one a line; # begins a
// comment. All become web services of one agency, NamesID. The error is a Faults
// with everything that is wrong, or another one if r could not be read.
//
// Time and memory grow in step with the number of names, some 150 bytes each.
func ReadNames(r io.Reader, name string) (Inventory, error) {
	var rep report
	services, err := readNames(r, name, &rep)
	if err != nil {
		return Inventory{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := rep.err(); err != nil {
		return Inventory{}, err
	}
	if len(services) == 0 {
		return Inventory{}, nil
	}
	return Inventory{Agencies: []Agency{{
		ID:       NamesID,
		Name:     verdict.Text{EN: "List of names", VI: "Danh sách tên"},
		Kind:     Unit,
		Services: services,
	}}}, nil
}

func readNames(r io.Reader, name string, rep *report) ([]Service, error) {
	var services []Service
	seen := make(map[string]int32)
	lines := bufio.NewReaderSize(r, maxNameLine)
	for number := 1; ; number++ {
		line, long, err := nextLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		last := err != nil
		at := spot{name, number}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line, long = line[:i], false
		}
		entry := string(bytes.TrimSpace(line))
		switch {
		case long:
			rep.add(at, "write one host name a line", "the line is longer than %d bytes", maxNameLine)
		case entry != "":
			host, f := parseHost(entry)
			if !rep.flaw(at, "the host", f) {
				break
			}
			if first, twice := seen[host]; twice {
				rep.add(at, "delete the line", "the host %s is already listed in line %d", quote(host), first)
				break
			}
			if len(services) == maxNames {
				rep.add(at, "split it into several", "holds more than %d names", maxNames)
				return nil, nil
			}
			seen[host] = int32(number)
			services = append(services, Service{Host: host, Kind: "web", Visibility: public})
		}
		if last {
			return services, nil
		}
	}
}

// nextLine returns the next line without its end, or the beginning of a long
// one; the slice holds until the next call.
func nextLine(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, long = bytes.Clone(line), true
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
	}
	return bytes.TrimRight(line, "\r\n"), long, err
}

// blank reports whether s is nothing but white space.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
