package reports

import (
	"testing"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// A mark is worth in every count what the judged service is worth.
func TestMarkIsTheService(t *testing.T) {
	metrics := []inventory.Metric{
		inventory.AgenciesDualStack, inventory.AgenciesIPv6OnlyReady, inventory.ServicesDualStack, inventory.ServicesIPv6OnlyReady, inventory.ServicesIPv6Only,
	}
	for _, rec := range records() {
		m := mark(MarkOf(rec).Value)
		if !rec.Key().OfService() {
			want := verdict.NotApplicable
			if rec.Kind == verdict.PrefixKind {
				want = roa(rec.Results)
			}
			if got := m.outcome(inventory.PrefixesROA); got != want || m.outcome(inventory.ServicesSecure) != verdict.NotApplicable {
				t.Errorf("%s: %v, want %v", rec.Host, got, want)
			}
			continue
		}
		s := Judge(rec)
		if m != newMark(s) {
			t.Errorf("%s: marked %b, judged %b", rec.Host, m, newMark(s))
		}
		level, known := s.Level()
		if l, k := m.level(); l != level || k != known {
			t.Errorf("%s: level %d, %v", rec.Host, l, k)
		}
		for _, metric := range metrics {
			if got := m.outcome(metric); got != s.Reached(levelOf(metric)) {
				t.Errorf("%s %s: %v", rec.Host, metric, got)
			}
		}
		if dnssecOrder[m.dnssec()] != s.DNSSEC || rpkiOrder[m.rpki()] != s.RPKI || m.outcome(inventory.PrefixesROA) != verdict.NotApplicable {
			t.Errorf("%s: %s, %s", rec.Host, dnssecOrder[m.dnssec()], rpkiOrder[m.rpki()])
		}
	}
}

// A damaged history may hold any number: none of them panics.
func TestAnyMark(t *testing.T) {
	for v := range uint32(1 << 17) {
		var s sum
		m := mark(v | v<<15)
		s.add(m, false)
		s.blocks.add(m.roa())
		if s.listed != 1 || s.na+s.measured+s.unknown != 1 {
			t.Fatalf("mark %b is counted as %+v", m, s)
		}
	}
}

// A service whose level cannot be told is no turn; three turns are flapping.
func TestFollow(t *testing.T) {
	at := func(low, high int) mark { return newMark(Service{Min: low, Max: high, Applicable: true}) }
	for _, tt := range []struct {
		name  string
		seen  []mark
		turns int
	}{
		{"steady", []mark{at(3, 3), at(3, 3), at(3, 3)}, 0},
		{"better", []mark{at(1, 1), at(3, 3), at(4, 4)}, 0},
		{"one bad night", []mark{at(3, 3), at(1, 1), at(3, 3)}, 1},
		{"a blind night", []mark{at(3, 3), at(1, 4), at(0, 4), at(3, 3)}, 0},
		{"perhaps", []mark{at(3, 3), at(1, 3), at(1, 2), at(1, 4), at(3, 3)}, 1},
		{"up and down", []mark{at(3, 3), at(1, 1), at(3, 3), at(1, 1), at(3, 3)}, 3},
	} {
		var s tracked
		for _, m := range tt.seen {
			s.follow(m, "2026-01-01")
		}
		if s.path.turns != tt.turns {
			t.Errorf("%s: %d turns, want %d", tt.name, s.path.turns, tt.turns)
		}
	}
}
