package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong in an input file.
type Fault struct {
	File string
	Line int    // from 1, a table's row in spreadsheets; 0: the file as a whole
	Text string // one sentence without full stop
	Mend string // what to do, an imperative
}

// String gives "file:line: text; mend: mend".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
	}
	b.WriteString(": " + f.Text)
	if f.Mend != "" {
		b.WriteString("; mend: " + f.Mend)
	}
	return b.String()
}

// Faults are all faults of an input, in the order of its lines, and the error
// that the readers of this package return for bad input.
type Faults []Fault

// Error lists the faults, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// maxFaults bounds what a hostile or wholly wrong file (a list of a million
// e-mail addresses) can make us keep and print.
const maxFaults = 1000

// spot is a place in an input; the zero spot is nowhere, for what an earlier,
// already checked input gave.
type spot struct {
	file string
	line int
}

// flaw is what is wrong with one value: a clause that follows the value's name,
// and the mend.
type flaw struct{ text, mend string }

// report gathers faults.
type report struct {
	list Faults
	more int
	last string // file of the latest fault
}

func (r *report) add(at spot, mend, text string, args ...any) {
	r.last = at.file
	if len(r.list) >= maxFaults {
		r.more++
		return
	}
	r.list = append(r.list, Fault{File: at.file, Line: at.line, Text: fmt.Sprintf(text, args...), Mend: mend})
}

// flaw adds a flaw of the thing called what, if there is one, and reports
// whether the value is good.
func (r *report) flaw(at spot, what string, f *flaw) bool {
	if f == nil {
		return true
	}
	if strings.HasPrefix(f.text, `"`) && strings.ContainsAny(what[len(what)-1:], `")`) {
		what += ":" // two quoted words on end are hard to read
	}
	r.add(at, f.mend, "%s %s", what, f.text)
	return false
}

// err returns the faults in order, or nil if there are none.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	slices.SortStableFunc(r.list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(uint(a.Line-1), uint(b.Line-1)),
			cmp.Compare(a.Text, b.Text))
	})
	if r.more > 0 {
		r.list = append(r.list, Fault{File: r.last, Text: fmt.Sprintf("has %d more faults that are not listed", r.more),
			Mend: "mend these first, then check again"})
	}
	return r.list
}

// quote shows a foreign value in a sentence: in quotes, control characters
// escaped, cut to a readable length.
func quote(s string) string {
	const most = 80
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		s = string(r[:most]) + "…"
	} else if len(s) > 4*most {
		s = string(r) + "…"
	}
	return strconv.Quote(s)
}

// nearest returns the option that word is probably a misspelling of.
func nearest(word string, options []string) (string, bool) {
	word = Fold(word[:min(len(word), 64)])
	best, least := "", 3
	for _, o := range options {
		folded := Fold(o)
		if len(folded)-len(word) > 2 || len(word)-len(folded) > 2 {
			continue
		}
		if d := distance(word, folded); d < least && 3*d <= len(folded) {
			best, least = o, d
		}
	}
	return best, best != ""
}

// distance is the number of bytes to add, remove, change or exchange with their
// neighbour to make b of a, two short strings.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := range len(a) {
		for j := range len(b) {
			change := d[i][j]
			if a[i] != b[j] {
				change++
			}
			least := min(change, d[i][j+1]+1, d[i+1][j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				least = min(least, d[i-1][j-1]+1)
			}
			d[i+1][j+1] = least
		}
	}
	return d[len(a)][len(b)]
}

// oneOf is the mend for a value outside a closed list.
func oneOf(given string, options []string) string {
	list := strings.Join(options, ", ")
	if o, ok := nearest(given, options); ok {
		return "did you mean " + strconv.Quote(o) + "? Allowed are " + list
	}
	return "write one of " + list
}
