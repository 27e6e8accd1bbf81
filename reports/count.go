package reports

import (
	"slices"

	"ready6/inventory"
	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// mark is what one record is worth in the counts, packed: a year of runs is
// added up from marks alone. The layout may change with verdict.RulesVersion only.
//
//	bit 0      there is something to judge
//	bits 1-3   the least level that is proven
//	bits 4-6   the greatest that no fault rules out
//	bits 7-8   DNSSEC state, place in dnssecOrder
//	bits 9-11  route-origin state, place in rpkiOrder
//	bits 12-14 of an own address block: whether a ROA covers it, an Outcome
//	bit 15     it is an own address block
type mark uint32

// MarkOf judges a record and returns the number that trends are made from, for
// history.Store.KeepMarks. Evidence is not looked at.
func MarkOf(rec verdict.Record) history.Mark {
	out := history.Mark{Key: rec.Key()}
	switch rec.Kind {
	case verdict.PrefixKind:
		out.Value = uint32(blockMark(roa(rec.Results)))
	case verdict.ASNKind:
	default:
		b := ladder(rec.Results, nil)
		out.Value = uint32(newMark(Service{
			Min: b.Min, Max: b.Max, Applicable: applicable(rec.Results),
			DNSSEC: worstState(rec.Results, verdict.DNSSEC, false), RPKI: worstState(rec.Results, verdict.RPKI, false),
		}))
	}
	return out
}

// Marks are the marks of a run's records, in their order.
func Marks(records []verdict.Record) []history.Mark {
	out := make([]history.Mark, len(records))
	for i, rec := range records {
		out[i] = MarkOf(rec)
	}
	return out
}

func newMark(s Service) mark {
	m := mark(s.Min)<<1 | mark(s.Max)<<4 | mark(max(0, slices.Index(dnssecOrder, s.DNSSEC)))<<7 | mark(max(0, slices.Index(rpkiOrder, s.RPKI)))<<9
	if s.Applicable {
		m |= 1
	}
	return m
}

func blockMark(o verdict.Outcome) mark { return 1<<15 | mark(o)<<12 }

func (m mark) applicable() bool { return m&1 != 0 }
func (m mark) min() int         { return min(TopLevel, int(m>>1&7)) }
func (m mark) max() int         { return min(TopLevel, int(m>>4&7)) }
func (m mark) dnssec() int      { return int(m >> 7 & 3) }
func (m mark) rpki() int        { return min(len(rpkiOrder)-1, int(m>>9&7)) }
func (m mark) roa() verdict.Outcome {
	return min(verdict.Fail, verdict.Outcome(m>>12&7))
}

// level is the proven level, as Service.Level has it.
func (m mark) level() (int, bool) { return m.min(), m.applicable() && (m.min() > 0 || m.max() == 0) }

// reached says whether level l is, as Service.Reached does.
func (m mark) reached(l int) verdict.Outcome {
	return Service{Min: m.min(), Max: m.max(), Applicable: m.applicable()}.Reached(l)
}

// outcome says what a record is worth for a metric.
func (m mark) outcome(metric inventory.Metric) verdict.Outcome {
	switch l := levelOf(metric); {
	case l > 0:
		return m.reached(l)
	case metric == inventory.PrefixesROA && m>>15&1 == 1:
		return m.roa()
	case metric != inventory.ServicesSecure || !m.applicable():
		return verdict.NotApplicable
	}
	switch dnssecOrder[m.dnssec()] {
	case "secure":
		return verdict.Pass
	case "indeterminate":
		return verdict.Unknown
	}
	return verdict.Fail
}

// sum counts the services and own blocks of an agency, or of all.
type sum struct {
	listed, exempt, na int
	measured, unknown  int
	open               int
	atLevel            [TopLevel + 1]int
	reached            [TopLevel + 1]Share
	dnssec             [4]int
	rpki               [5]int
	blocks             Share // own address blocks by whether a ROA covers them
}

// add counts one service.
func (s *sum) add(m mark, exempt bool) {
	s.listed++
	switch {
	case exempt:
		s.exempt++
		return
	case !m.applicable():
		s.na++
		return
	}
	s.dnssec[m.dnssec()]++
	s.rpki[m.rpki()]++
	for l := 1; l <= TopLevel; l++ {
		s.reached[l].add(m.reached(l))
	}
	level, known := m.level()
	if !known {
		s.unknown++
		return
	}
	s.measured++
	s.atLevel[level]++
	if m.max() > level {
		s.open++
	}
}

// share is what a metric makes of the sum: the services or blocks in it.
func (s *sum) share(metric inventory.Metric) Share {
	switch l := levelOf(metric); {
	case l > 0:
		return s.atLeast(l)
	case metric == inventory.ServicesSecure:
		d := s.dnssec // secure, insecure, indeterminate, bogus
		return Share{Met: d[0], Missed: d[1] + d[3], Unknown: d[2], Exempt: s.exempt, NotApplicable: s.na}
	case metric == inventory.PrefixesROA:
		return s.blocks
	}
	return Share{}
}

// atLeast is how many services have reached a level.
func (s *sum) atLeast(level int) Share {
	out := s.reached[level]
	out.Exempt, out.NotApplicable = s.exempt, s.na
	return out
}

// include adds an agency's sum to what a metric has made of the others: as one
// agency where the metric counts agencies, else its services or blocks.
func (s *Share) include(metric inventory.Metric, own *sum) {
	part := own.share(metric)
	if unitOf(metric) == "agency" {
		s.addAgency(own.listed, part)
		return
	}
	s.Met += part.Met
	s.Missed += part.Missed
	s.Unknown += part.Unknown
	s.Exempt += part.Exempt
	s.NotApplicable += part.NotApplicable
}

// addAgency counts an agency as one: all of its counted services have reached
// the mark, one has not, or it is not known. One whose services are all exempt
// or not applicable, or that has none listed, is outside the denominator.
func (s *Share) addAgency(listed int, own Share) {
	switch {
	case listed == 0:
		s.Empty++
	case own.Missed > 0:
		s.Missed++
	case own.Unknown > 0:
		s.Unknown++
	case own.Met > 0:
		s.Met++
	case own.Exempt > 0:
		s.Exempt++
	default:
		s.NotApplicable++
	}
}

// tally is the sum as a report shows it.
func (s *sum) tally() Tally {
	t := Tally{
		Listed: s.listed, Exempt: s.exempt, NotApplicable: s.na, Counted: s.measured + s.unknown, Measured: s.measured, Unknown: s.unknown,
		AtLevel: s.atLevel, Open: s.open, DNSSEC: map[string]int{}, RPKI: map[string]int{},
	}
	for l := range t.Reached {
		t.Reached[l] = s.atLeast(l)
	}
	for i, state := range dnssecOrder {
		t.DNSSEC[state] = s.dnssec[i]
	}
	for i, state := range rpkiOrder {
		t.RPKI[state] = s.rpki[i]
	}
	return t
}
