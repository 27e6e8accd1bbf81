package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ready6/probes/verdict"
	"ready6/scanner/history"
)

// Letter is one mail's words.
type Letter struct {
	Subject, Body string
	// Changed is false where nothing became better, worse or other. What could
	// not be measured this time, or could again, is no change.
	Changed bool
}

const (
	maxLetterServices = 100
	maxLetterFindings = 3
	letterWidth       = 76 // RFC 5322 2.1.1 wants 78 characters at most
)

// Digest is what changed at one agency, or at all of them for an empty id.
func (n News) Digest(agency string, l verdict.Lang) Letter {
	sc := Screen{Lang: l, Width: letterWidth}
	name, tally := sc.say("letter.province"), n.rep.Total
	for _, a := range n.rep.Agencies {
		if a.ID == agency {
			name, tally = n.rep.dir.agency(agency, l), a.Tally
		}
	}
	mine, count := n.of(agency)
	var b strings.Builder
	run := n.rep.Run
	if n.changes == nil {
		b.WriteString(sc.wrap("", "", sc.say("letter.first", run.ID, moment(l, run.Started), name)))
	} else {
		since := n.changes.Since
		b.WriteString(sc.wrap("", "", sc.say("letter.about", run.ID, moment(l, run.Started), since.ID, moment(l, since.Started), name)))
	}
	said := classCounts(l, &Changes{Count: count})
	b.WriteString("\n" + sc.wrap("", "", cmp.Or(said, sc.say("letter.unchanged"))))
	for i, s := range mine {
		if i == maxLetterServices {
			b.WriteString("\n" + sc.say("letter.more", len(mine)-i) + "\n")
			break
		}
		b.WriteString("\n" + n.service(s, agency == "", sc))
	}
	b.WriteString("\n" + stand(tally, sc) + "\n-- \n" + sc.wrap("", "", sc.say("letter.sent")))
	return Letter{
		Subject: sc.say("letter.subject", name, cmp.Or(said, sc.say("letter.unchanged")), day(l, run.Started.In(Zone))), Body: b.String(), Changed: len(mine) > 0,
	}
}

// of lists an agency's services that changed, those that got worse first, and
// counts all its changes by class.
func (n News) of(agency string) ([]ServiceChange, map[history.Class]int) {
	count := map[history.Class]int{}
	if n.changes == nil {
		return nil, count
	}
	var list []ServiceChange
	for _, s := range n.changes.Services {
		if agency != "" && s.Agency != agency {
			continue
		}
		seen := map[history.Class]bool{}
		for _, ch := range s.Checks {
			if !seen[ch.Class] {
				seen[ch.Class] = true
				count[ch.Class]++
			}
		}
		if classOf(s) != history.Lost && classOf(s) != history.Found {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b ServiceChange) int {
		return slices.Index(classes, classOf(a)) - slices.Index(classes, classOf(b))
	})
	return list, count
}

// classOf is the first class of a service's changes, in the order of classes:
// the one to be told. Not to be known comes last.
func classOf(s ServiceChange) history.Class {
	best := history.Class("")
	for _, class := range classes {
		for _, ch := range s.Checks {
			unclear := class == history.Lost || class == history.Found
			if ch.Class == class && (best == "" || (best == history.Lost || best == history.Found) && !unclear) {
				best = class
			}
		}
	}
	return best
}

// service words one service's changes, with what is wrong with it now.
func (n News) service(s ServiceChange, named bool, sc Screen) string {
	head := []string{s.Host, serviceName(s.Service, s.Port)}
	if named {
		head = append(head, s.Name.In(sc.Lang))
	}
	if level := levelChange(s, sc); level != "" {
		head = append(head, level)
	}
	out := sc.wrap(sc.classSign(classOf(s))+" ", "  ", strings.Join(head, " · "))
	for _, ch := range s.Checks {
		if ch.Check == "" {
			out += sc.wrap("    ", "    ", ch.Class.Text().In(sc.Lang))
			continue
		}
		out += sc.wrap("    ", "    ", word(sc.Lang, "check."+string(ch.Check))+": "+ch.Class.Text().In(sc.Lang))
		if ch.Class == history.Regressed || ch.Class == history.Changed {
			out += n.faults(s, ch.Check, sc)
		}
	}
	return out
}

func levelChange(s ServiceChange, sc Screen) string {
	if s.Was == nil && s.Is == nil || s.Was != nil && s.Is != nil && *s.Was == *s.Is {
		return ""
	}
	mark := func(level *int) string {
		if level == nil {
			return "–"
		}
		return fmt.Sprint(*level)
	}
	return sc.say("changes.level", mark(s.Was), mark(s.Is))
}

// faults words what a check finds wrong with a service now, and the mend.
func (n News) faults(s ServiceChange, check verdict.Check, sc Screen) (out string) {
	i, ok := n.rows[s.key]
	if !ok {
		return ""
	}
	told := 0
	for _, f := range n.rep.Services[i].Judged.Findings {
		if f.Check != check || f.Outcome != verdict.Fail && f.Outcome != verdict.Warn || told == maxLetterFindings {
			continue
		}
		told++
		out += sc.wrap("    "+sc.sign(f.Outcome)+" ", "      ", f.Title.In(sc.Lang))
		if advice := f.Advice.In(sc.Lang); advice != "" {
			out += sc.wrap("      ", "      ", sc.say("letter.mend", advice))
		}
		out += sc.wrap("      ", "      ", sc.say("letter.owner", n.rep.dir.owner(f.Owner, sc.Lang)))
	}
	return out
}

// stand is how many services are at each level.
func stand(t Tally, sc Screen) string {
	out := sc.wrap("", "", sc.say("letter.stand"))
	for level, n := range t.AtLevel {
		out += sc.wrap("  ", "  ", sc.say("letter.level", level, LevelName(sc.Lang, level), n))
	}
	return out + sc.wrap("  ", "  ", sc.say("letter.rest", t.Unknown, t.Exempt, t.NotApplicable))
}

// Notice tells whoever runs the scanner of a run that is not published.
func Notice(h history.Header, l verdict.Lang) Letter {
	sc := Screen{Lang: l, Width: letterWidth}
	run := header(h)
	status := word(l, "status."+string(h.Status))
	body := sc.wrap("", "", sc.say("notice.about", h.ID, moment(l, h.Started), status)) +
		sc.wrap("", "", sc.say("notice.services", h.Services, h.Planned))
	if len(run.Trouble) > 0 {
		body += "\n" + sc.wrap("", "", sc.say("notice.vantage"))
		for _, f := range run.Trouble {
			body += sc.wrap("  "+sc.sign(f.Outcome)+" ", "    ", f.Title.In(l))
		}
	}
	return Letter{Subject: sc.say("notice.subject", h.ID, status, day(l, run.Started.In(Zone))), Body: body, Changed: true}
}
