package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"ready6/probes/verdict"
)

// NamesID is the id of the one agency that ReadNames makes.
const NamesID = "names"

const (
	maxNames    = 5_000_000
	maxNameLine = 4096 // bytes; a comment may be long, a name not
)

// ReadNames reads a list of host names or addresses, one a line; # begins a
// comment. All become web services of one agency, NamesID. A list put together
// from several may well name a host twice: it is measured once, and repeated is
// how many lines were left out for that. The error is a Faults with everything
// that is wrong, or another one if r could not be read.
//
// Time and memory grow in step with the number of names, some 150 bytes each.
func ReadNames(r io.Reader, name string) (inv Inventory, repeated int, err error) {
	var rep report
	services, repeated, err := readNames(r, name, &rep)
	if err != nil {
		return Inventory{}, 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := rep.err(); err != nil {
		return Inventory{}, 0, err
	}
	if len(services) == 0 {
		return Inventory{}, 0, nil
	}
	return Inventory{Agencies: []Agency{{
		ID:       NamesID,
		Name:     verdict.Text{EN: "List of names", VI: "Danh sách tên"},
		Kind:     Unit,
		Services: services,
	}}}, repeated, nil
}

// Host reads one host name or address as inventories have it: a name comes back
// in lower case, as A-labels (RFC 5890), without final dot. The error says what
// is wrong and what to write.
func Host(s string) (string, error) {
	host, f := readHost(s)
	if f != nil {
		return "", fmt.Errorf("%s; mend: %s", f.text, f.mend)
	}
	return host, nil
}

// readHost is parseHost for text that may be in any encoding: mapped as if it
// were UTF-8, a wrong byte would become another name.
func readHost(s string) (string, *flaw) {
	if !utf8.ValidString(s) {
		return "", &flaw{quote(s) + " is not in UTF-8", "save the text in UTF-8, or write the name as xn--…"}
	}
	return parseHost(s)
}

func readNames(r io.Reader, name string, rep *report) (services []Service, repeated int, err error) {
	seen := make(map[string]struct{})
	lines := bufio.NewReaderSize(r, maxNameLine)
	for number := 1; ; number++ {
		line, long, err := nextLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		last := err != nil
		at := spot{name, number}
		if number == 1 {
			if bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) {
				rep.add(at, "save it in UTF-8", "the list is in UTF-16")
				return nil, 0, nil
			}
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
			host, f := readHost(entry)
			if !rep.flaw(at, "the host", f) {
				break
			}
			if _, twice := seen[host]; twice {
				repeated++
				break
			}
			if len(services) == maxNames {
				rep.add(at, "split it into several", "holds more than %d names", maxNames)
				return nil, 0, nil
			}
			seen[host] = struct{}{}
			services = append(services, Service{Host: host, Kind: "web", Visibility: public})
		}
		if last {
			return services, repeated, nil
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
