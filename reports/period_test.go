package reports

import "testing"

// The cut is that of Nghị định 09/2019/NĐ-CP, article 12, unless a day is set.
func TestParsePeriod(t *testing.T) {
	for _, tt := range []struct {
		text     string
		first    int
		from, to string
	}{
		{"2026-11", 15, "2026-10-15", "2026-11-14"},
		{"2026-01", 15, "2025-12-15", "2026-01-14"},
		{"2026-03", 15, "2026-02-15", "2026-03-14"},
		{"2026-Q1", 15, "2025-12-15", "2026-03-14"},
		{"2026-Q3", 15, "2026-06-15", "2026-09-14"},
		{"2026-Q4", 15, "2026-09-15", "2026-12-14"},
		{"2026-H1", 15, "2025-12-15", "2026-06-14"},
		{"2026-H2", 15, "2026-06-15", "2026-12-14"},
		{"2026", 15, "2025-12-15", "2026-12-14"},
		{"2024-03", 21, "2024-02-21", "2024-03-20"},
		{"2026-11", 1, "2026-11-01", "2026-11-30"},
		{"2024-02", 1, "2024-02-01", "2024-02-29"},
		{"2026-Q3", 1, "2026-07-01", "2026-09-30"},
		{"2026", 1, "2026-01-01", "2026-12-31"},
		{"2026-06-15..2026-09-14", 15, "2026-06-15", "2026-09-14"},
		{"2026-06-15..2026-06-15", 1, "2026-06-15", "2026-06-15"},
	} {
		p, err := ParsePeriod(tt.text, tt.first)
		if err != nil || p.From != tt.from || p.To != tt.to {
			t.Errorf("%s from day %d: %+v, %v, want %s to %s", tt.text, tt.first, p, err, tt.from, tt.to)
		}
	}
	for _, text := range []string{"", "2026-", "2026-13", "2026-00", "2026-1", "2026-Q5", "2026-Q0", "2026-H3", "26-11", "2026-Q", "2026-q3", "x", "2026-09-14..2026-06-15", "2026-09-31..2026-10-14", "..", "2026-06-15..", "+026", "2026--1"} {
		if p, err := ParsePeriod(text, 15); err == nil {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
	for _, first := range []int{0, 29, -1} {
		if _, err := ParsePeriod("2026-11", first); err == nil {
			t.Errorf("day %d is taken", first)
		}
	}
}

// A day belongs to the period by the province's clock.
func TestPeriodBounds(t *testing.T) {
	p, err := ParsePeriod("2026-11", 15)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Begins().UTC().Format("2006-01-02 15:04:05"); got != "2026-10-14 17:00:00" {
		t.Errorf("begins at %s UTC", got)
	}
	if got := p.Ends().UTC().Format("2006-01-02 15:04:05"); got != "2026-11-14 16:59:59" {
		t.Errorf("ends at %s UTC", got)
	}
	if b := (Period{}).Begins(); !b.IsZero() {
		t.Errorf("a period without a first day begins at %v", b)
	}
}
