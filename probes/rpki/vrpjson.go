package rpki

import (
	"fmt"
	"io"
	"time"
)

// readVRPJSON reads an object with a list named "roas" and, before or behind
// it, "metadata" with the time of making.
func readVRPJSON(r io.Reader, name string) (*Snapshot, error) {
	f := vrpFile{faults: faults{name: name}, from: Source{Name: name, Over: "file"}}
	l := newLexer(r, name)
	var roas, slurm bool
	err := l.object(func(key []byte) error {
		switch string(key) {
		case "roas":
			roas = true
			return l.array(func() error { return f.roa(l) })
		case "metadata":
			return metadata(l, &f.from)
		case "slurmVersion":
			slurm = true
		}
		return l.skip(0)
	})
	if err == nil {
		err = l.finish()
	}
	switch {
	case err != nil:
		return nil, err
	case slurm:
		return nil, fmt.Errorf("%s: local exceptions (SLURM, RFC 8416), not an export of VRPs: give this file to the validator, and its output here", name)
	case !roas:
		return nil, fmt.Errorf("%s: no list named \"roas\" in it: not an export of VRPs", name)
	}
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	return f.whole(), nil
}

// metadata reads when the export was made and until when it counts.
// rpki-client writes buildtime, Routinator generated and generatedTime, GoRTR
// generated and valid.
func metadata(l *lexer, from *Source) error {
	if c, err := l.token(); err != nil || c != '{' {
		if err != nil {
			return err
		}
		return l.skip(0)
	}
	return l.object(func(key []byte) error {
		var into *time.Time
		switch string(key) {
		case "buildtime", "generatedTime", "generated":
			into = &from.At
		case "valid":
			into = &from.Until
		default:
			return l.skip(0)
		}
		c, err := l.token()
		if err != nil {
			return err
		}
		if c != '"' && (c < '0' || c > '9') {
			return l.skip(0)
		}
		b, err := l.scalar()
		if err != nil {
			return err
		}
		// A zero is how an exporter without a clock says "not known".
		if t, ok := parseTime(b); ok && t.Unix() > 0 {
			*into = t
		}
		return nil
	})
}

// roa reads one entry of the list. Faults of syntax end the reading, faults of
// content are collected.
func (f *vrpFile) roa(l *lexer) error {
	if _, err := l.token(); err != nil {
		return err
	}
	line, offset := l.line, l.offset()
	e := vrpEntry{maxLen: -1}
	err := l.object(func(key []byte) error {
		var set func([]byte)
		switch string(key) {
		case "prefix":
			set = e.setPrefix
		case "asn":
			set = e.setASN
		case "maxLength", "max_length", "max-length": // read over, it would narrow the ROA unseen
			set = e.setMaxLen
		case "expires":
			set = e.setExpires
		case "ta":
			set = func(b []byte) { e.ta = f.ta(label(b)) }
		case "source":
			return f.sources(l, &e)
		default:
			return l.skip(0)
		}
		b, err := l.scalar()
		if err == nil && b != nil {
			set(b)
		}
		return err
	})
	if err != nil {
		return err
	}
	return f.keep(&e, line, offset)
}

// sources reads Routinator's jsonext: per ROA behind the VRP its trust anchor
// and the validity of its chain. The VRP lives as long as the longest of them.
func (f *vrpFile) sources(l *lexer, e *vrpEntry) error {
	if c, err := l.token(); err != nil || c != '[' {
		if err != nil {
			return err
		}
		return l.skip(0)
	}
	return l.array(func() error {
		return l.object(func(key []byte) error {
			switch string(key) {
			case "tal":
				b, err := l.scalar()
				if err == nil {
					e.ta = f.ta(label(b))
				}
				return err
			case "chainValidity":
				return l.object(func(key []byte) error {
					if string(key) != "notAfter" {
						return l.skip(0)
					}
					b, err := l.scalar()
					if t, ok := parseTime(b); ok {
						e.expires = max(e.expires, unix32(t))
					}
					return err
				})
			}
			return l.skip(0)
		})
	})
}
