package reports

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ready6/inventory"
	"ready6/probes/verdict"
)

// About is what the view of one service has to know beside its results.
type About struct {
	Inventory inventory.Inventory // names of agencies and providers; may be empty
	Vantage   string              // name of the place it was measured from
	Preflight []verdict.Result    // what the vantage could do
	At        time.Time           // now, for "expires in 9 d"
}

// maxEvidence bounds the observations printed under one finding.
const maxEvidence = 3

// WriteService prints what was found out about one service: first the answer,
// then what blocks it, each finding with its evidence, who mends it, how, and
// how to verify; last the counts and the vantage.
func WriteService(w io.Writer, s Service, about About, sc Screen) error {
	v := serviceView{printer{w: w}, s, about, sc, newDirectory(about.Inventory)}
	v.head()
	v.answer()
	v.findings()
	v.foot()
	return v.err
}

type serviceView struct {
	printer
	s     Service
	about About
	Screen
	dir directory
}

func (v *serviceView) head() {
	kind := v.s.Kind
	if v.s.Port != 0 {
		kind += fmt.Sprintf(" %d", v.s.Port)
	}
	parts := []string{v.paint(bold, v.s.Host), kind}
	if v.s.Agency != "" {
		parts = append(parts, v.dir.agency(v.s.Agency, v.Lang))
	}
	v.put(v.wrap("", "  ", strings.Join(parts, " · ")))
}

// answer prints the level and the states beside the ladder, on one line where
// they fit.
func (v *serviceView) answer() {
	items := []string{v.paint(bold, v.level())}
	if v.s.Applicable {
		items = append(items, v.dnssec(), v.route())
	}
	switch v.s.Browser {
	case "complete":
		items = append(items, v.say("svc.browser.complete"))
	case "failed":
		items = append(items, v.say("svc.browser.failed"))
	case "unknown":
		items = append(items, v.say("svc.browser.unknown"))
	}
	one := "  " + strings.Join(items, "     ")
	if columns(one) <= v.width() {
		v.put(one + "\n")
		return
	}
	for _, it := range items {
		v.put(v.wrap("  ", "    ", it))
	}
}

func (v *serviceView) level() string {
	level, known := v.s.Level()
	switch {
	case !v.s.Applicable:
		return v.say("svc.na")
	case !known:
		return v.say("svc.nolevel")
	case v.s.Min < v.s.Max:
		return v.say("svc.level.open", v.s.Min, v.s.Max) + "  " + v.say("svc.atleast") + " " + LevelName(v.Lang, level)
	}
	return v.say("svc.level", level) + "  " + LevelName(v.Lang, level)
}

func (v *serviceView) dnssec() string {
	s := v.say("svc.dnssec", stateWord(v.Lang, verdict.DNSSEC, v.s.DNSSEC))
	if v.s.DNSSEC == "bogus" {
		s = v.paint(red, s)
	}
	if v.s.DNSSEC != "secure" || v.s.Expires.IsZero() || v.about.At.IsZero() {
		return s
	}
	left := v.s.Expires.Sub(v.about.At)
	if left <= 0 {
		return s + " (" + v.say("svc.expired") + ")"
	}
	return s + " (" + v.say("svc.expires", span(v.Lang, left)) + ")"
}

func (v *serviceView) route() string {
	s := v.say("svc.route", stateWord(v.Lang, verdict.RPKI, v.s.RPKI))
	if v.s.RPKI == "invalid" {
		s = v.paint(red, s)
	}
	if len(v.s.Routes) == 1 {
		s += " (" + v.s.Routes[0] + ")"
	}
	return s
}

// findings prints them in groups, in the order that Judge gave them, after what
// a service near the top has left to do.
func (v *serviceView) findings() {
	level, known := v.s.Level()
	switch {
	case !known || v.s.Min < v.s.Max:
	case level == TopLevel:
		v.put(v.wrap("  ✓ ", "    ", v.say("svc.top")))
	case level == TopLevel-1 && len(v.s.A) > 0:
		v.put(v.wrap("  · ", "    ", v.say("svc.haveA", strings.Join(v.s.A, ", "))))
	}
	group := ""
	for _, f := range v.s.Findings {
		if g := v.group(f); g != group {
			group = g
			v.put(v.wrap("  ", "    ", g))
		}
		v.finding(f)
	}
}

func (v *serviceView) group(f Finding) string {
	if !v.s.Applicable {
		return v.say("svc.reason")
	}
	switch f.urgency() {
	case 0:
		return v.say("svc.blocks", v.s.Max+1)
	case 1:
		return v.say("svc.open", v.s.Min+1)
	case 2:
		return v.say("svc.further")
	case 3:
		return v.say("svc.beside")
	case 4:
		return v.say("svc.gaps")
	}
	return v.say("svc.also")
}

func (v *serviceView) finding(f Finding) {
	const indent = "      "
	title := f.Title.In(v.Lang)
	if o := v.dir.owner(f.Owner, v.Lang); f.Outcome != verdict.NotApplicable && f.Owner.Role != "" {
		title += "    " + v.say("svc.owner", o)
		if columns(title)+4 > v.width() {
			v.put(v.wrap("  "+v.sign(f.Outcome)+" ", indent, f.Title.In(v.Lang)))
			v.put(v.wrap(indent, indent+"  ", v.say("svc.owner", o)))
		} else {
			v.put("  " + v.sign(f.Outcome) + " " + title + "\n")
		}
	} else {
		v.put(v.wrap("  "+v.sign(f.Outcome)+" ", indent, title))
	}
	if len(f.Via) > 1 {
		v.put(v.wrap(indent, indent+"  ", v.say("svc.via", strings.Join(f.Via, " → "))))
	}
	most := maxEvidence
	if f.Outcome == verdict.Warn {
		most = 1
	}
	for i, e := range f.Evidence {
		if i == most {
			v.put(indent + v.say("svc.more", len(f.Evidence)-most) + "\n")
			break
		}
		v.put(v.wrap(indent, indent+"  ", v.paint(faint, observation(v.Lang, e))))
	}
	if a := f.Advice.In(v.Lang); a != "" {
		if f.Ref != "" {
			a += " [" + f.Ref + "]"
		}
		v.put(v.wrap(indent, indent+"  ", v.say("svc.mend", a)))
	}
	if f.Outcome == verdict.Fail || f.Outcome == verdict.Warn {
		v.put(v.wrap(indent, indent+"  ", v.say("svc.again", again(v.s, f))))
	}
}

// observation words one piece of evidence: who was asked for what, when, over
// what, and the answer.
func observation(l verdict.Lang, e verdict.Evidence) string {
	parts := []string{fmt.Sprintf(word(l, "svc.asked"), e.Asked)}
	if e.Query != "" {
		parts[0] += " " + fmt.Sprintf(word(l, "svc.for"), e.Query)
	}
	if !e.At.IsZero() {
		parts = append(parts, clock(e.At))
	}
	if e.Over != "" {
		parts = append(parts, fmt.Sprintf(word(l, "svc.over"), e.Over))
	}
	s := strings.Join(parts, ", ")
	if e.Answer != "" {
		s += ": " + e.Answer
	}
	return s
}

// again is the command that shows whether a finding has been mended.
func again(s Service, f Finding) string {
	host := shellWord(s.Host)
	switch {
	case f.Check == verdict.DNSSEC && f.Subject != "":
		name, qtype, typed := strings.Cut(f.Subject, " ") // "www.example.vn AAAA"
		command := "ready6 dnssec " + shellWord(strings.TrimSuffix(name, "."))
		if typed {
			command += " " + shellWord(qtype)
		}
		return command
	case f.Check == verdict.Posture && f.Subject != "":
		return "ready6 dnssec --posture " + shellWord(f.Subject)
	case f.Code == "closure.host-v4only" || f.Code == "closure.host-down6" || f.Code == "closure.third-party":
		return "ready6 probe " + shellWord(f.Subject)
	case f.Check == verdict.Browser || f.Code == "browser.differs":
		if s.Port != 0 {
			host += fmt.Sprintf(":%d", s.Port)
		}
		return "ready6 probe --browser " + host
	case s.Port != 0 && strings.Contains(s.Host, ":"):
		host = fmt.Sprintf("'[%s]:%d'", s.Host, s.Port)
	case s.Port != 0:
		host += fmt.Sprintf(":%d", s.Port)
	}
	if s.Kind != "" && s.Kind != "web" {
		return "ready6 probe --kind " + shellWord(s.Kind) + " " + host
	}
	return "ready6 probe " + host
}

// shellWord quotes what is not a plain host name or address: the command is
// meant to be copied, and its argument may come from a hostile page.
func shellWord(s string) string {
	ok := s != "" && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_:", r)
	}) < 0
	if ok {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (v *serviceView) foot() {
	c := v.s.Counts
	var parts []string
	for _, p := range []struct {
		key string
		n   int
	}{
		{"count.pass", c.Pass}, {"count.warn", c.Warn}, {"count.fail", c.Fail},
		{"count.unknown", c.Unknown}, {"count.not-applicable", c.NotApplicable},
	} {
		if p.n > 0 {
			parts = append(parts, v.say(p.key, p.n))
		}
	}
	s := v.say("svc.counts", c.Total(), strings.Join(parts, ", "))
	if v.s.Took >= 50*time.Millisecond {
		s += " · " + v.say("svc.took", decimal(v.Lang, v.s.Took.Seconds()))
	}
	if v.about.Vantage != "" {
		s += " · " + v.say("svc.vantage", Clean(v.about.Vantage))
	}
	if f := families(v.Lang, v.about.Preflight); f != "" {
		s += " (" + f + ")"
	}
	v.put(v.wrap("  ", "  ", s))
}

// families says which address families the vantage had, "IPv4 ok, IPv6 ok".
func families(l verdict.Lang, preflight []verdict.Result) string {
	var parts []string
	for _, r := range preflight {
		switch r.Reason {
		case "vantage.family-ok":
			parts = append(parts, Clean(r.Subject)+" "+word(l, "ok"))
		case "vantage.no-family":
			parts = append(parts, Clean(r.Subject)+" "+word(l, "notok"))
		}
	}
	return strings.Join(parts, ", ")
}
