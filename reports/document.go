package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ready6/probes/verdict"
	"ready6/reports/docx"
	"ready6/reports/draw"
)

// What a document shows at most; the workbook and the JSON have everything.
const (
	maxDocStandings = 150
	maxDocServices  = 2000
	maxDocChanges   = 60 // of each kind
	maxDocCauses    = 20
	maxDocSheets    = 60
	maxDocActions   = 30 // per sheet
	maxDocChains    = 8
)

// WriteDOCX writes the progress report as a Word document, by the built-in
// template of language l.
func WriteDOCX(w io.Writer, r Report, l verdict.Lang) error {
	return FillDOCX(w, DOCXTemplate(l), r, l)
}

// FillDOCX writes the progress report by a template that an office has edited:
// see DOCXTemplate for one, and package docx for what may stand in it. All
// faults of the template are told at once.
func FillDOCX(w io.Writer, template []byte, r Report, l verdict.Lang) error {
	d := &document{pager: pager{r, l}}
	s := d.scope()
	if d.err != nil {
		return d.err
	}
	return docx.Fill(w, template, s)
}

// document gathers what the template's names stand for.
type document struct {
	pager
	err error // of a picture
}

func (d *document) scope() docx.Scope {
	r := d.r
	v := map[string]string{
		"title": d.say("page.title"), "made": r.At.UTC().Format(time.RFC3339), "period": d.period(), "period-note": d.noteSentence(), "unjudged": d.unjudged(),
		"day": dateText(d.l, r.Day), "day-long": longDay(d.l, asDay(r.Day)), "from": dateText(d.l, r.Period.From), "to": dateText(d.l, r.Period.To),
		"run": strconv.FormatInt(r.Run.ID, 10), "measured-at": moment(d.l, r.Run.Started), "vantage": r.Run.Vantage, "programmes": d.programmeNames(),
		"listed": strconv.Itoa(r.Total.Listed), "counted": strconv.Itoa(r.Total.Counted), "measured": strconv.Itoa(r.Total.Measured), "unknown": strconv.Itoa(r.Total.Unknown),
		"exempt": strconv.Itoa(r.Total.Exempt), "not-applicable": strconv.Itoa(r.Total.NotApplicable), "compared": d.compared(), "services-more": "", "sheets-more": "",
	}
	if n := len(r.Services) - maxDocServices; n > 0 {
		v["services-more"] = d.say("doc.more", n)
	}
	if n := len(r.Actions) - maxDocSheets; n > 0 {
		v["sheets-more"] = d.say("doc.more", n)
	}
	heat, _ := d.heatMaps()
	reasons, whole := d.reasons()
	s := docx.Scope{
		Values: v,
		Lists: map[string][]docx.Scope{
			"headline": texts(d.headline(whole)), "lines": texts(d.lines()[1:]), "standings": d.standings(), "reasons": reasons, "targets": d.targetItems(), "agencies": d.agencyItems(), "effects": d.effects(),
			"rose": d.wayward("way.rose"), "fell": d.wayward("way.fell"), "pauses": texts(d.pauses()), "rules": texts(d.ruleChanges()), "obstacles": texts(d.obstacles()),
			"blockers": d.blockers(), "acts": d.acts(), "outside": texts(d.outside()), "sheets": d.sheets(), "chains": d.chainPictures(),
			"trajectories": d.trajectories(), "heatmaps": d.pictures(heat),
			"gaps":       d.grid("gaps", maxDocCauses, map[string]string{"title": "title", "services": "services", "owner": "owner"}),
			"lists":      d.grid("lists", maxDocChanges, map[string]string{"service": "host", "agency": "agency_name", "what": "class"}),
			"flapping":   d.grid("flapping", maxDocChanges, map[string]string{"service": "host", "agency": "agency_name", "turns": "turns", "low": "low", "high": "high"}),
			"unmeasured": d.grid("unmeasured", maxDocChanges, map[string]string{"service": "host", "agency": "agency_name", "since": "since", "level": "level"}),
			"services": d.grid("services", maxDocServices, map[string]string{"no": "no", "agency": "agency_name", "host": "host", "service": "service", "ipv4": "ipv4", "ipv6": "ipv6",
				"dual": "dual_stack", "only": "ipv6_only", "dnssec": "dnssec", "roa": "roa", "remarks": "note"}),
			"exemptions": d.exemptionItems(), "about": d.grid("about", maxDocCauses, map[string]string{"name": "name", "value": "value"}),
		},
		Pictures: map[string]docx.Picture{"stack": d.paint(d.ladderStack()), "blockers-picture": d.paint(d.blockerBars())},
	}
	return s
}

// noteSentence is what has to be known of the period, as sentences after another.
func (d *document) noteSentence() string {
	var out string
	for _, s := range strings.Split(d.periodNote("\n"), "\n") {
		if s != "" {
			out += " " + upperFirst(s) + "."
		}
	}
	return out
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// unjudged says how many agencies with services nothing can be said of.
func (d *document) unjudged() string {
	n := 0
	for _, a := range d.r.Agencies {
		if a.Tally.Listed > 0 && a.Until == "" && (a.State == Unclear || a.State == NotMeasured) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return " " + d.say("doc.unjudged", n)
}

func texts(lines []string) []docx.Scope {
	var out []docx.Scope
	for _, s := range lines {
		out = append(out, docx.Scope{Values: map[string]string{"text": s}})
	}
	return out
}

func values(pairs ...string) docx.Scope {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return docx.Scope{Values: m}
}

// grid takes columns of a table as a list: the names in the template, and those
// of the columns.
func (d *document) grid(id string, most int, columns map[string]string) (out []docx.Scope) {
	g := gridNamed(id)
	at := map[string]int{}
	for name, column := range columns {
		at[name] = slices.IndexFunc(g.cols, func(c col) bool { return c.id == column })
	}
	for row := range g.rows(d.pager) {
		if len(out) == most {
			break
		}
		m := map[string]string{}
		for name, i := range at {
			m[name] = cellText(d.l, g.cols[i].kind, row[i])
		}
		out = append(out, docx.Scope{Values: m})
	}
	return out
}

// paint makes a picture of the document, as wide as the text; nothing where
// there is nothing to draw.
func (d *document) paint(c *draw.Canvas) docx.Picture {
	if c == nil {
		return docx.Picture{}
	}
	const width, height, scale = 165.0, 225.0, 2.0 // mm, mm, pixels to a unit: some 220 to the inch
	png, err := c.PNG(scale)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("the picture “%s”: %w", c.Title, err)
	}
	p := docx.Picture{PNG: png, Width: min(width, c.W*width/720), Alt: strings.TrimSpace(c.Title + ". " + c.Desc)}
	p.Height = p.Width * c.H / c.W
	if p.Height > height {
		p.Width, p.Height = p.Width*height/p.Height, height
	}
	return p
}

func (d *document) pictures(list []*draw.Canvas) (out []docx.Scope) {
	for _, c := range list {
		s := values("name", c.Title)
		s.Pictures = map[string]docx.Picture{"picture": d.paint(c)}
		out = append(out, s)
	}
	return out
}

func (d *document) trajectories() []docx.Scope {
	var list []*draw.Canvas
	for _, prog := range d.r.Programmes {
		for _, t := range prog.Targets {
			if c := d.trajectory(t); c != nil {
				list = append(list, c)
			}
		}
	}
	return d.pictures(list)
}

func (d *document) programmeNames() string {
	var names []string
	for _, p := range d.r.Programmes {
		names = append(names, p.Name.In(d.l))
	}
	return strings.Join(names, "; ")
}

// longDay writes a day in words: ngày 14 tháng 11 năm 2026, 14 November 2026.
func longDay(l verdict.Lang, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if l == verdict.VI {
		// Nghị định 30/2020/NĐ-CP writes a nought before days below 10 and the months 1 and 2.
		month := "tháng %d"
		if t.Month() < time.March {
			month = "tháng %02d"
		}
		return fmt.Sprintf("ngày %02d "+month+" năm %d", t.Day(), int(t.Month()), t.Year())
	}
	return t.Format("2 January 2006")
}

// lines are the sentences of the first page.
func (p pager) lines() []string {
	if len(p.r.Summary.Lines) == 0 {
		return p.summary()
	}
	var out []string
	for _, t := range p.r.Summary.Lines {
		out = append(out, t.In(p.l))
	}
	return out
}

func (d *document) standings() (out []docx.Scope) {
	list := d.r.Summary.Agencies
	for i, s := range list[:min(len(list), maxDocStandings)] {
		var short, why []string
		for _, x := range s.Short {
			short = append(short, d.shortfall(x))
		}
		for _, w := range s.Why {
			why = append(why, d.why(w, s.Agency))
		}
		if s.More > 0 {
			why = append(why, d.say("why.more", s.More))
		}
		if len(why) == 0 {
			why = []string{d.say("why.none")}
		}
		item := values("no", strconv.Itoa(i+1), "agency", s.Name.In(d.l), "state", stateSigns[s.State]+" "+d.say("state."+string(s.State)))
		item.Lists = map[string][]docx.Scope{"short": texts(short), "why": texts(why)}
		out = append(out, item)
	}
	return out
}

// What the first page names at most, so that it stays one page for a province of
// any size; the tables behind it have everything.
const (
	maxFirstNames   = 12 // agencies of a sentence or a row
	maxFirstReasons = 9  // rows
)

// headline is the first sentence, and where the first table cannot name every
// agency of which it speaks, sentences that name those behind.
func (d *document) headline(whole bool) []string {
	head := d.lines()[:1]
	if whole {
		return head
	}
	return slices.Concat(head, d.named(Behind, "first.behind"), d.named(AtRisk, "first.at-risk"))
}

// named lists the agencies that are in a state, in a sentence.
func (d *document) named(state State, key string) []string {
	var names []string
	for _, s := range d.r.Summary.Agencies {
		if s.State == state {
			names = append(names, s.Name.In(d.l))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{d.say(key, d.firstNames(names))}
}

func (d *document) firstNames(names []string) string {
	if more := len(names) - maxFirstNames; more > 0 {
		return strings.Join(names[:maxFirstNames], "; ") + d.say("first.more", more)
	}
	return strings.Join(names, "; ")
}

// reason is one cause of the first page, with the agencies it holds back.
type reason struct {
	why, owner string
	due        Due
	agencies   []string
	services   int
}

// reasons are the rows of the first page: what is wrong, where, who must act by
// when; what concerns most agencies first. whole: every cause and agency has room.
func (d *document) reasons() (out []docx.Scope, whole bool) {
	var list []*reason
	whole = true
	add := func(why, owner string, due Due, s Standing, services int) {
		i := slices.IndexFunc(list, func(r *reason) bool { return r.why == why && r.owner == owner && r.due == due })
		if i < 0 {
			i = len(list)
			list = append(list, &reason{why: why, owner: owner, due: due})
		}
		agency := s.Name.In(d.l)
		if s.State == AtRisk {
			agency = d.say("reason.agency", agency, d.say("state.at-risk"))
		}
		if services > 1 {
			agency = d.say("first.agency", agency, services)
		}
		list[i].agencies, list[i].services = append(list[i].agencies, agency), list[i].services+services
	}
	for _, s := range d.r.Summary.Agencies {
		whole = whole && s.More == 0
		for _, w := range s.Why {
			owner := upperFirst(w.By.In(d.l))
			if w.Owner.Role == verdict.Agency && w.Owner.Name == s.Agency {
				owner = d.say("reason.self")
			}
			add(upperFirst(w.Plain.In(d.l)), owner, w.Due, s, w.Services)
		}
		if len(s.Why) == 0 {
			add(upperFirst(d.say("why.none")), d.say("reason.self"), Due{}, s, s.missing())
		}
	}
	slices.SortStableFunc(list, func(a, b *reason) int {
		return cmp.Or(cmp.Compare(len(b.agencies), len(a.agencies)), cmp.Compare(b.services, a.services))
	})
	if len(list) > maxFirstReasons {
		whole, list = false, list[:maxFirstReasons]
	}
	all := whole
	for i, r := range list {
		whole = whole && len(r.agencies) <= maxFirstNames
		out = append(out, values("no", strconv.Itoa(i+1), "why", r.why, "agency", d.firstNames(r.agencies), "owner", r.owner, "due", d.dueCell(r.due)))
	}
	if !all {
		out = append(out, values("no", "", "why", d.say("first.rest"), "agency", "", "owner", d.say("reason.more"), "due", ""))
	}
	return out, whole
}

// shortfall words a target that an agency misses.
func (p pager) shortfall(s Shortfall) string {
	text := p.say("short.line", s.Name.In(p.l), s.Met, s.Total)
	if s.Due.Day != "" {
		text += ", " + dueText(p.l, s.Due)
	}
	return text
}

// why words one cause for a reader without DNS: what, how many, who, until when.
func (p pager) why(w Why, agency string) string {
	text := p.say("why.line", upperFirst(w.Plain.In(p.l)), w.Services)
	by := w.By.In(p.l)
	if w.Owner.Role == verdict.Agency && w.Owner.Name == agency {
		by = p.say("why.self")
	}
	if by != "" {
		text += " " + p.say("why.by", by)
	}
	if w.Due.Day != "" {
		text += ", " + dueText(p.l, w.Due)
	}
	return text
}

// targets are the rows of the document's first table in part II.
func (d *document) targetItems() (out []docx.Scope) {
	for _, prog := range d.r.Programmes {
		for _, t := range prog.Targets {
			no := strconv.Itoa(len(out) + 1)
			s := values("no", no, "id", t.ID, "name", t.Name.In(d.l), "clause", t.Clause, "programme", prog.Name.In(d.l), "n", d.say("unit."+t.Unit), "value", "–", "start", "–", "required", "–",
				"goal", d.say("target.gradual"), "due", dateText(d.l, t.Due), "state", d.say("state."+string(t.State)), "forecast", "")
			m := s.Values
			switch {
			case t.Gradual:
			case t.Goal == 0:
				m["goal"] = "–"
			default:
				m["goal"] = percentText(d.l, t.Goal)
			}
			if t.Unit != "" {
				m["n"] = d.nOfTarget(t)
				m["value"] = d.percentOr(t.Share)
				if t.Start != nil {
					m["start"] = d.percentOr(t.Start.Share) + "\n(" + nThen(t) + ")"
				}
				if !t.Gradual {
					m["required"] = percentText(d.l, t.Required)
				}
			}
			if f := t.Forecast; f.State != "met" && f.State != "not-applicable" && f.State != "" {
				m["forecast"] = d.say("doc.forecast", forecastText(d.l, f))
			}
			out = append(out, s)
		}
	}
	return out
}

// nOfTarget is what a target's value is made of, and what is left out of it.
func (d *document) nOfTarget(t Target) string {
	out := fmt.Sprintf("%d/%d %s", t.Share.Met, t.Share.Measured(), d.say("unit."+t.Unit))
	for _, x := range []struct {
		key string
		n   int
	}{{"n.unknown", t.Share.Unknown}, {"n.exempt", t.Share.Exempt}, {"n.na", t.Share.NotApplicable}, {"n.empty", t.Share.Empty}} {
		if x.n > 0 {
			out += "\n" + d.say(x.key, x.n)
		}
	}
	return out
}

func (p pager) percentOr(s Share) string {
	if v, ok := s.Percent(); ok {
		return percentText(p.l, v)
	}
	return "–"
}

func (d *document) agencyItems() (out []docx.Scope) {
	for _, a := range d.r.Agencies {
		if a.Tally.Listed == 0 {
			continue
		}
		t := a.Tally
		s := values("no", strconv.Itoa(len(out)+1), "name", a.Name.In(d.l), "counted", strconv.Itoa(t.Counted), "measured", strconv.Itoa(t.Measured),
			"dnssec", ratio(t.DNSSEC["secure"], t.Counted-t.DNSSEC["indeterminate"]), "roa", ratio(t.RPKI["valid"], t.Counted-t.RPKI["unknown"]), "state", d.agencyState(a))
		for level := range TopLevel + 1 {
			s.Values[fmt.Sprintf("level-%d", level)] = strconv.Itoa(t.AtLevel[level])
		}
		out = append(out, s)
	}
	return out
}

func (d *document) exemptionItems() []docx.Scope {
	var out []docx.Scope
	for i, e := range d.r.Exemptions {
		until, expired := d.say("doc.noend"), ""
		if e.Until != "" {
			until = dateText(d.l, e.Until)
		}
		if e.Expired {
			expired = d.say("page.expired")
		}
		out = append(out, values("no", strconv.Itoa(i+1), "agency", e.Name.In(d.l), "service", e.Host+" ("+serviceName(e.Service, e.Port)+")", "reason", e.Reason, "approver", e.Approver, "until", until, "expired", expired))
	}
	return out
}
