package reports

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ready6/inventory"
)

// Period is the span of days that a report covers, both ends included. By
// Nghị định 09/2019/NĐ-CP, article 12, a month's figures run from the 15th of
// the month before to the 14th of the month reported, and quarters and years
// are cut the same way; article 8(5) lets whoever orders a report set another day.
type Period struct {
	Name string `json:"name"` // as asked for: 2026-11, 2026-Q3, 2026-H1, 2026; empty: from one run to another, or two days
	From string `json:"from"` // the first day, 2006-01-02; empty: the report is of one run without an earlier one
	To   string `json:"to"`   // the last day, 2006-01-02
	// Open marks a period that was not over when the report was made: its
	// figures are those of Report.Day, which lies before To.
	Open bool `json:"open"`
	// Late marks a period whose first day is before the first run there is: its
	// starting values are those of that run, which Changes.Since dates.
	Late bool `json:"late"`
}

// PeriodDay is the first day of a month's figures unless another one is asked for.
const PeriodDay = 15

// ParsePeriod reads a period: 2026-11 (a month), 2026-Q3 (a quarter), 2026-H1 (a
// half-year), 2026 (a year), or 2026-06-15..2026-09-14 (two days, both included).
// first is the day, 1..28, on which a month's figures begin; the month is then
// the one in which they end: with 15, 2026-11 runs from 15 October to 14
// November. With 1 it is the calendar month.
func ParsePeriod(s string, first int) (Period, error) {
	if first < 1 || first > 28 {
		return Period{}, fmt.Errorf("%d is not a day from 1 to 28", first)
	}
	if from, to, ok := strings.Cut(s, ".."); ok {
		return spanOf(from, to)
	}
	text, rest, cut := strings.Cut(s, "-")
	year, err := strconv.Atoi(text)
	if err != nil || len(text) != 4 || year < 1970 {
		return Period{}, notPeriod(s)
	}
	month, months := 1, 12
	switch {
	case !cut:
	case len(rest) == 2 && rest[0] == 'Q' && rest[1] >= '1' && rest[1] <= '4':
		month, months = 3*int(rest[1]-'1')+1, 3
	case len(rest) == 2 && rest[0] == 'H' && rest[1] >= '1' && rest[1] <= '2':
		month, months = 6*int(rest[1]-'1')+1, 6
	default:
		if month, err = strconv.Atoi(rest); err != nil || len(rest) != 2 || month < 1 || month > 12 {
			return Period{}, notPeriod(s)
		}
		months = 1
	}
	if first > 1 {
		month-- // figures begin in the month before
	}
	from := time.Date(year, time.Month(month), first, 0, 0, 0, 0, time.UTC)
	return Period{Name: s, From: from.Format(time.DateOnly), To: from.AddDate(0, months, -1).Format(time.DateOnly)}, nil
}

func notPeriod(s string) error {
	return fmt.Errorf("%q is not a period such as 2026-11, 2026-Q3, 2026-H1, 2026 or 2026-06-15..2026-09-14", s)
}

func spanOf(from, to string) (Period, error) {
	a, errA := time.Parse(time.DateOnly, from)
	b, errB := time.Parse(time.DateOnly, to)
	switch {
	case errA != nil || errB != nil:
		return Period{}, notPeriod(from + ".." + to)
	case b.Before(a):
		return Period{}, errors.New("the period ends, on " + to + ", before it begins, on " + from)
	}
	return Period{From: from, To: to}, nil
}

// Begins is the first moment of the period in the province, the zero time for a
// period without a first day.
func (p Period) Begins() time.Time { return startOf(p.From) }

// Ends is the last second of the period in the province.
func (p Period) Ends() time.Time {
	t := startOf(p.To)
	if t.IsZero() {
		return t
	}
	return t.AddDate(0, 0, 1).Add(-time.Second)
}

// startOf is the first moment of a day in the province.
func startOf(day string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, day, Zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// dayOf is the day in the province, 2006-01-02.
func dayOf(t time.Time) string { return inventory.DayOf(t.In(Zone)).String() }
