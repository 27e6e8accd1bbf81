package scanner

import (
	"maps"
	"slices"
	"strconv"

	"ready6/probes/verdict"
)

// A service that failed is looked at again in the same run. What two looks agree
// on stands. What one look alone has seen is not published as a failure:
//
//   - failed at every look that could tell, twice at least: the failure stands;
//   - failed at some looks and not at others: scan.flapping, unknown;
//   - failed once, and at two looks after it no more: scan.recovered, a warning,
//     beside what those looks found;
//   - failed once, and no other look could tell: scan.unconfirmed, unknown.
//
// Of everything that failed at no look, the look that measured most of a check
// counts, of several the last.

// enough is how many looks have to agree.
const enough = 2

// Opinion is what the looks at a service or block so far, oldest first and at
// least one, say together, and whether a further look could change it.
func Opinion(looks []verdict.Record) (rec verdict.Record, open bool) {
	if len(looks) == 1 {
		return looks[0], doubtful(looks[0])
	}
	return merge(looks), !settled(looks)
}

// doubtful reports whether a first look has to be confirmed: it found a failure,
// or could not measure what another time it might. Route origins are judged from
// data, which another look would not change.
func doubtful(rec verdict.Record) bool {
	return slices.ContainsFunc(rec.Results, func(r verdict.Result) bool {
		return fault(r) || r.Outcome() == verdict.Unknown && (passing[verdict.Cause(r.Args["cause"])] || passingReasons[r.Reason])
	})
}

// passing are the causes that may be gone a few minutes later.
var passing = map[verdict.Cause]bool{
	verdict.Timeout: true, verdict.Refused: true, verdict.Unreachable: true, verdict.Reset: true, verdict.OverBudget: true,
	verdict.Deadline: true, verdict.ServFail: true, verdict.Lame: true, verdict.Malformed: true, verdict.OtherCause: true,
}

// passingReasons are those of the same kind that carry no cause.
var passingReasons = map[verdict.Reason]bool{
	"reach.busy": true, "reach.broken": true, "reach.walled": true, "dnssec.indeterminate.servfail": true,
}

func fault(r verdict.Result) bool { return r.Outcome() == verdict.Fail && r.Check != verdict.RPKI }

// point is what looks agree or disagree on.
type point struct {
	check   verdict.Check
	subject string
}

// tally is how often a point failed, and was seen not to.
type tally struct{ failed, held int }

// settled reports whether a further look could change nothing.
func settled(looks []verdict.Record) bool {
	for _, p := range points(looks) {
		if t := count(looks, p); t.failed < enough && t.held < enough {
			return false
		}
	}
	return true
}

// points lists what failed at any look, in the order of the looks.
func points(looks []verdict.Record) (list []point) {
	seen := map[point]bool{}
	for _, rec := range looks {
		for _, r := range rec.Results {
			if p := (point{r.Check, r.Subject}); fault(r) && !seen[p] {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	return list
}

// at is what a look found at a point.
func (p point) at(rec verdict.Record) (results []verdict.Result) {
	for _, r := range rec.Results {
		if p == (point{r.Check, r.Subject}) {
			results = append(results, r)
		}
	}
	return results
}

// reasons are those for which a point failed, at any look.
func (p point) reasons(looks []verdict.Record) map[verdict.Reason]bool {
	m := map[verdict.Reason]bool{}
	for _, rec := range looks {
		for _, r := range p.at(rec) {
			if fault(r) {
				m[r.Reason] = true
			}
		}
	}
	return m
}

func count(looks []verdict.Record, p point) (t tally) {
	reasons := p.reasons(looks)
	for _, rec := range looks {
		switch opinion(rec, p, reasons) {
		case verdict.Fail:
			t.failed++
		case verdict.Pass:
			t.held++
		}
	}
	return t
}

// opinion is what one look says of a point: Fail, Pass if it was seen not to
// fail, Unknown if this look cannot tell. A look that does not have the point at
// all tells that it is gone only where it measured the whole check; the same
// failure elsewhere (addresses and servers may change from look to look) is the
// same failure.
func opinion(rec verdict.Record, p point, reasons map[verdict.Reason]bool) verdict.Outcome {
	if own := p.at(rec); len(own) > 0 {
		switch o := worst(own); o {
		case verdict.Fail, verdict.Unknown:
			return o
		}
		return verdict.Pass
	}
	all := ofCheck(rec, p.check)
	switch {
	case moved(all, reasons):
		return verdict.Fail
	case len(all) == 0 || worst(all) == verdict.Unknown:
		return verdict.Unknown
	}
	return verdict.Pass
}

// moved reports whether one of the failures is among results.
func moved(results []verdict.Result, reasons map[verdict.Reason]bool) bool {
	return slices.ContainsFunc(results, func(r verdict.Result) bool { return fault(r) && reasons[r.Reason] })
}

func ofCheck(rec verdict.Record, c verdict.Check) (results []verdict.Result) {
	for _, r := range rec.Results {
		if r.Check == c {
			results = append(results, r)
		}
	}
	return results
}

func worst(results []verdict.Result) verdict.Outcome {
	o := verdict.NotApplicable
	for _, r := range results {
		o = verdict.Worst(o, r.Outcome())
	}
	return o
}

// merge makes one record of all looks at a service, oldest first.
func merge(looks []verdict.Record) verdict.Record {
	rec := looks[len(looks)-1]
	if len(looks) == 1 {
		return rec
	}
	rec.Results = nil
	for _, c := range checksOf(looks) {
		rec.Results = append(rec.Results, best(looks, c)...)
	}
	for _, p := range points(looks) {
		rec.Results = decide(rec.Results, looks, p)
	}
	return rec
}

// checksOf lists the checks that any look has, those of the last first.
func checksOf(looks []verdict.Record) (list []verdict.Check) {
	for _, rec := range slices.Backward(looks) {
		for _, r := range rec.Results {
			if !slices.Contains(list, r.Check) {
				list = append(list, r.Check)
			}
		}
	}
	return list
}

// best is a check's results at the look that measured most of it, of several the
// last.
func best(looks []verdict.Record, c verdict.Check) (results []verdict.Result) {
	fewest := -1
	for _, rec := range slices.Backward(looks) {
		own := ofCheck(rec, c)
		gaps := 0
		for _, r := range own {
			if r.Outcome() == verdict.Unknown {
				gaps++
			}
		}
		if len(own) > 0 && (fewest < 0 || gaps < fewest) {
			results, fewest = own, gaps
		}
	}
	return results
}

// decide puts into results what the looks together say of a point that failed at
// one of them.
func decide(results []verdict.Result, looks []verdict.Record, p point) []verdict.Result {
	reasons := p.reasons(looks)
	failed, held := last(looks, p, reasons, verdict.Fail), last(looks, p, reasons, verdict.Pass)
	switch t := count(looks, p); {
	case t.held == 0 && t.failed >= enough:
		if len(p.at(verdict.Record{Results: results})) == 0 && moved(results, reasons) {
			return results // under another name
		}
		return replace(results, p, failed...)
	case t.held == 0:
		return replace(results, p, summary("scan.unconfirmed", t, len(looks), failed, nil))
	case t.failed < enough && t.held >= enough:
		return replace(results, p, append(held, summary("scan.recovered", t, len(looks), failed, nil))...)
	default:
		return replace(results, p, summary("scan.flapping", t, len(looks), failed, held))
	}
}

// last is what the last look that has the given opinion of a point, and has the
// point, found at it.
func last(looks []verdict.Record, p point, reasons map[verdict.Reason]bool, o verdict.Outcome) []verdict.Result {
	for _, rec := range slices.Backward(looks) {
		if own := p.at(rec); len(own) > 0 && opinion(rec, p, reasons) == o {
			return own
		}
	}
	return nil
}

// summary words the looks that did not agree, with the evidence of both sides.
// The place {fault} of its sentence is the sentence of the failure.
func summary(reason verdict.Reason, t tally, looks int, failed, held []verdict.Result) verdict.Result {
	r := failed[slices.IndexFunc(failed, fault)]
	r.Args = maps.Clone(r.Args)
	if r.Args == nil {
		r.Args = map[string]string{}
	}
	r.Args["fault"] = string(r.Reason)
	r.Args["failed"], r.Args["held"], r.Args["looks"] = strconv.Itoa(t.failed), strconv.Itoa(t.held), strconv.Itoa(looks)
	r.Reason, r.Evidence = reason, nil
	for _, x := range slices.Concat(failed, held) {
		r.Evidence = append(r.Evidence, x.Evidence...)
	}
	return r
}

// replace puts other results where those of a point are, or after those of its
// check.
func replace(results []verdict.Result, p point, by ...verdict.Result) []verdict.Result {
	var out []verdict.Result
	at := -1
	for _, r := range results {
		if p == (point{r.Check, r.Subject}) {
			if at < 0 {
				at = len(out)
			}
			continue
		}
		out = append(out, r)
	}
	if at < 0 {
		at = len(out)
		for i, r := range out {
			if r.Check == p.check {
				at = i + 1
			}
		}
	}
	return slices.Insert(out, at, by...)
}
