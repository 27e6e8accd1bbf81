package reports

import (
	"fmt"
	"io"
	"strings"

	"ready6/probes/verdict"
)

// Draft is the draft of a letter to an owner outside the province, in one
// language. What only the sender knows is left as dots.
type Draft struct {
	Subject string
	To      string
	Body    []string // paragraphs before the list
	Items   []DraftItem
	Close   []string // paragraphs after it
	Sign    []string // lines to be filled in
}

// DraftItem is one thing that the letter asks for.
type DraftItem struct {
	What     string // what was found
	Do       string // what is asked for
	Services string // whose services wait for it
	Verify   []string
	Due      string
}

// dots stand for what only the sender knows.
const dots = "……………………"

// maxSheetServices bounds the services named in one item of a letter or sheet.
const maxSheetServices = 20

// Draft drafts the letter to the owner of a sheet, place from 1; false where
// the owner belongs to the province and is simply told.
func (r Report) Draft(place int, l verdict.Lang) (Draft, bool) {
	s := r.Actions[place-1]
	if !s.Outside {
		return Draft{}, false
	}
	say := func(key string, args ...any) string { return fmt.Sprintf(word(l, key), args...) }
	out := Draft{
		Subject: say("draft.subject", len(s.Actions)),
		To:      say("draft.to", addressee(r, s, l)),
		Body:    []string{say("draft.why", dateText(l, r.Day), s.Services, len(s.Agencies), strings.Join(namesOf(s.Agencies, l), "; ")), say("draft.ask")},
		Close:   []string{say("draft.check"), say("draft.answer", dots), say("draft.thanks")},
		Sign:    []string{say("draft.sender", dots), say("draft.contact", dots), say("draft.number", dots, dots)},
	}
	if why := r.planWords(s, l); why != "" {
		out.Body = append(out.Body[:1:1], why, out.Body[1])
	}
	for _, a := range s.Actions {
		out.Items = append(out.Items, DraftItem{
			What: a.What.In(l), Do: a.Do.In(l), Services: r.servicesOf(a, l), Verify: a.Verify, Due: dueText(l, a.Due),
		})
	}
	return out, true
}

// addressee is the name of an owner as a letter has it: without the role where
// there is a name.
func addressee(r Report, s Sheet, l verdict.Lang) string {
	name := r.dir.owner(verdict.Owner{Name: s.Owner.Name}, l)
	if s.Owner.Name == "" {
		return r.dir.owner(s.Owner, l)
	}
	if s.Owner.Role == verdict.DNSOperator || s.Owner.Role == verdict.Registrar {
		return r.dir.owner(s.Owner, l) // the name is the zone's
	}
	return name
}

// planWords names the target that sets a sheet's day.
func (r Report) planWords(s Sheet, l verdict.Lang) string {
	for _, p := range r.Programmes {
		for _, t := range p.Targets {
			if t.ID == s.Due.Target {
				return fmt.Sprintf(word(l, "draft.plan"), p.Name.In(l), p.Source, t.Name.In(l), dateText(l, t.Due))
			}
		}
	}
	return ""
}

func namesOf(list []Party, l verdict.Lang) (out []string) {
	for i, p := range list {
		if i == maxNamed {
			return append(out, fmt.Sprintf(word(l, "chain.more"), len(list)-i))
		}
		out = append(out, p.Name.In(l))
	}
	return out
}

// servicesOf names the services that wait for an action.
func (r Report) servicesOf(a Action, l verdict.Lang) string {
	var out []string
	var victims []Victim
	switch {
	case a.Cause > 0:
		victims = r.Blockers[a.Cause-1].Victims
	case a.Step > 0:
		victims = r.Steps[a.Step-1].Victims
	}
	for i, v := range victims {
		if i == maxSheetServices {
			out = append(out, fmt.Sprintf(word(l, "chain.more"), len(victims)-i))
			break
		}
		out = append(out, v.Host+" ("+serviceName(v.Service, v.Port)+")")
	}
	return strings.Join(out, ", ")
}

// WriteSheet writes what one owner has to do, and the draft of the letter to one
// outside, as Markdown. place is the sheet's, from 1.
func WriteSheet(w io.Writer, r Report, place int, l verdict.Lang) error {
	s := r.Actions[place-1]
	p := printer{w: w}
	say := func(key string, args ...any) string { return fmt.Sprintf(word(l, key), args...) }
	p.put("# " + markdown(say("sheet.title", s.Name.In(l))) + "\n\n")
	p.put(say("sheet.sum", dateText(l, r.Day), len(s.Actions), s.Services, len(s.Agencies), s.Held, s.Lifted) + "\n\n")
	p.put(say("sheet.due", dueText(l, s.Due)) + "\n\n")
	p.put(markdown(say("sheet.agencies", strings.Join(namesOf(s.Agencies, l), "; "))) + "\n")
	for i, a := range s.Actions {
		p.put(fmt.Sprintf("\n## %d. %s\n\n", i+1, markdown(a.What.In(l))))
		for _, line := range [][2]string{
			{"sheet.plain", markdown(a.Plain.In(l))}, {"sheet.do", markdown(a.Do.In(l))}, {"sheet.when", dueText(l, a.Due)},
			{"sheet.services", markdown(r.servicesOf(a, l))}, {"sheet.lifted", fmt.Sprint(a.Lifted)}, {"sheet.code", code(string(a.Code))},
		} {
			if line[1] != "" {
				p.put("- " + word(l, line[0]) + " " + line[1] + "\n")
			}
		}
		for _, v := range a.Verify {
			p.put("- " + word(l, "sheet.verify") + " " + code(v) + "\n")
		}
	}
	if letter, ok := r.Draft(place, l); ok {
		p.letter(letter, l)
	}
	return p.err
}

func (p *printer) letter(t Draft, l verdict.Lang) {
	p.put("\n---\n\n## " + word(l, "draft.title") + "\n\n**" + markdown(t.Subject) + "**\n\n" + markdown(t.To) + "\n")
	for _, s := range t.Body {
		p.put("\n" + markdown(s) + "\n")
	}
	for i, x := range t.Items {
		p.put(fmt.Sprintf("\n%d. %s\n", i+1, markdown(x.What)))
		for _, line := range [][2]string{{"draft.do", markdown(x.Do)}, {"draft.services", markdown(x.Services)}, {"draft.due", x.Due}} {
			if line[1] != "" {
				p.put("   - " + word(l, line[0]) + " " + line[1] + "\n")
			}
		}
	}
	for _, s := range t.Close {
		p.put("\n" + markdown(s) + "\n")
	}
	p.put("\n")
	for _, s := range t.Sign {
		p.put(markdown(s) + "  \n")
	}
}

// markdown keeps foreign text from being read as markup (CommonMark 2.4), and
// addresses from becoming links by themselves (GitHub Flavored Markdown 6.9).
func markdown(s string) string {
	var b strings.Builder
	for _, r := range Clean(s) {
		if strings.ContainsRune("\\`*_{}[]<>#|~!&$@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return unlinked.Replace(b.String())
}

var unlinked = strings.NewReplacer("://", `:\//`, "www.", `www\.`)

// code is a code span that its content cannot end (CommonMark 6.1).
func code(s string) string {
	s = Clean(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// SheetName is a file name for a sheet, without its ending: its place and
// whose it is, of plain letters only.
func (r Report) SheetName(place int) string {
	o := r.Actions[place-1].Owner
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, string(o.Role)+"-"+o.Name)
	return strings.Trim(fmt.Sprintf("%03d-%.60s", place, strings.ReplaceAll(name, "..", "-")), "-.")
}
