package reports

import "fmt"

// form writes the progress report's outline: the heads of Nghị định 30/2020,
// the first page for those who decide, parts I to V, and annexes.
func (b *formBuilder) form() {
	b.formHead()
	b.firstPage()
	b.say("Heading1", "doc.1")
	b.p("", b.blank("doc.blank.steering"))
	b.say("Heading1", "doc.2")
	b.results()
	b.formChanges()
	b.obstacles()
	b.tasks()
	b.formEnd()
	b.section(false, false)
	b.annexes()
}

func (b *formBuilder) formHead() {
	left := paragraphXML("ND30Parent", "", b.blank("doc.blank.parent")) + paragraphXML("ND30Issuer", "", b.blank("doc.blank.issuer")) + rule(1150) +
		paragraphXML("ND30Number", "", runXML(b.word("doc.number")+" ")+b.blank("doc.blank.number"))
	right := paragraphXML("ND30Country", "", b.word("doc.country")) + paragraphXML("ND30Motto", "", b.word("doc.motto")) + rule(1220) +
		paragraphXML("ND30Date", "", b.blank("doc.blank.date"))
	b.beside(uprightWidth-5900, 5900, left, right)
	b.say("Title", "doc.title")
	b.p("Subtitle", b.word("doc.about"))
	b.p("Subtitle", "{{period}}")
	b.p("ND30TitleRule", "")
}

// firstPage tells who is behind, why, and who must act.
func (b *formBuilder) firstPage() {
	b.p("", b.word("doc.intro")+"{{period-note}}")
	b.say("Heading1", "doc.summary")
	b.p("", "{{headline.text}}")
	b.do("if standings")
	b.caption("Caption", "doc.label.table", b.word("doc.reasons"))
	b.table(uprightWidth,
		column{11, b.word("doc.no"), "{{reasons.no}}", true}, column{54, b.word("doc.why"), "{{reasons.why}}", false},
		column{71, b.word("doc.where"), "{{reasons.agency}}", false}, column{36, b.word("doc.who"), "{{reasons.owner}}", false}, column{28, b.word("col.due"), "{{reasons.due}}", true})
	b.do("else")
	b.say("", "doc.nobody")
	b.do("end")
	b.say("Heading2", "doc.main")
	b.p("ListParagraph", "- {{lines.text}}")
}

func (b *formBuilder) results() {
	b.say("Heading2", "doc.2.1")
	b.caption("Caption", "doc.label.table", b.word("page.targets"))
	b.table(uprightWidth,
		column{8, b.word("doc.no"), "{{targets.no}}", true},
		column{26, b.word("page.target"), "{{targets.name}}", false},
		column{25, b.word("doc.n"), "{{targets.n}}", true},
		column{13, b.word("doc.start"), "{{targets.start}}", true},
		column{13, b.word("col.value"), "{{targets.value}}", true},
		column{16, b.word("col.required"), "{{targets.required}}", true},
		column{20, b.word("doc.goal"), "{{targets.goal}}\n{{targets.due}}", true},
		column{25, b.word("doc.state"), "{{targets.state}}\n{{targets.forecast}}", false})
	b.p("TableNote", b.word("doc.shares"))
	b.do("each trajectories")
	b.p("Picture", "{{picture trajectories.picture}}")
	b.caption("PictureCaption", "doc.label.picture", "{{trajectories.name}}")
	b.do("end")
	b.say("Heading2", "doc.2.2")
	b.do("if stack")
	b.p("Picture", "{{picture stack}}")
	b.caption("PictureCaption", "doc.label.picture", b.word("chart.stack"))
	b.do("end")
	cols := []column{
		{10, b.word("doc.no"), "{{agencies.no}}", true}, {32, b.word("col.agency"), "{{agencies.name}}", false},
		{16, b.word("doc.counted"), "{{agencies.counted}}", true}, {14, b.word("doc.measured"), "{{agencies.measured}}", true},
	}
	for level := range TopLevel + 1 {
		cols = append(cols, column{10, fmt.Sprintf(b.word("col.level"), level), fmt.Sprintf("{{agencies.level-%d}}", level), true})
	}
	cols = append(cols, column{21, "DNSSEC", "{{agencies.dnssec}}", true}, column{14, "ROA", "{{agencies.roa}}", true}, column{22, b.word("col.state"), "{{agencies.state}}", false})
	b.caption("Caption", "doc.label.table", b.word("doc.agencies"))
	b.table(uprightWidth, cols...)
	b.p("TableNote", b.word("doc.levels"))
	b.optional("standings", "doc.missed", uprightWidth,
		column{9, b.word("doc.no"), "{{standings.no}}", true}, column{36, b.word("col.agency"), "{{standings.agency}}", false},
		column{18, b.word("col.state"), "{{standings.state}}", false}, column{70, b.word("doc.short"), "{{short.text}}", false})
	b.do("each heatmaps")
	b.p("Picture", "{{picture heatmaps.picture}}")
	b.caption("PictureCaption", "doc.label.picture", "{{heatmaps.name}}")
	b.do("end")
}

// formChanges is what changed in the period, and why a percentage did.
func (b *formBuilder) formChanges() {
	b.say("Heading2", "doc.2.3")
	b.do("if compared")
	b.p("", "{{compared}}")
	b.optional("effects", "doc.effects", uprightWidth,
		column{28, b.word("page.target"), "{{effects.name}}", false}, column{16, b.word("doc.from"), "{{effects.from}}", true},
		column{17, b.word("doc.by.changed"), "{{effects.changed}}", true}, column{17, b.word("doc.by.listed"), "{{effects.listed}}", true}, column{17, b.word("doc.by.measured"), "{{effects.measured}}", true},
		column{16, b.word("doc.by.rules"), "{{effects.rules}}", true}, column{17, b.word("doc.by.tree"), "{{effects.tree}}", true}, column{16, b.word("doc.to"), "{{effects.to}}", true})
	service := []column{{40, b.word("doc.service"), "{{%s.service}}", false}, {36, b.word("col.agency"), "{{%s.agency}}", false}}
	of := func(list string, more ...column) []column {
		var cols []column
		for _, c := range service {
			c.cell = fmt.Sprintf(c.cell, list)
			cols = append(cols, c)
		}
		return append(cols, more...)
	}
	b.optional("rose", "doc.rose", uprightWidth, of("rose", column{12, b.word("doc.was"), "{{rose.was}}", true}, column{12, b.word("doc.is"), "{{rose.is}}", true})...)
	b.optional("fell", "doc.fell", uprightWidth, of("fell", column{12, b.word("doc.was"), "{{fell.was}}", true}, column{12, b.word("doc.is"), "{{fell.is}}", true})...)
	b.optional("lists", "doc.lists", uprightWidth, of("lists", column{34, b.word("diff.what"), "{{lists.what}}", false})...)
	b.optional("flapping", "doc.flapping", uprightWidth, of("flapping", column{14, b.word("doc.turns"), "{{flapping.turns}}", true}, column{14, b.word("page.level"), "{{flapping.low}}–{{flapping.high}}", true})...)
	b.optional("unmeasured", "doc.unmeasured", uprightWidth, of("unmeasured", column{20, b.word("doc.since"), "{{unmeasured.since}}", true}, column{12, b.word("doc.was"), "{{unmeasured.level}}", true})...)
	b.p("ListParagraph", "- {{pauses.text}}")
	b.p("ListParagraph", "- {{rules.text}}")
	b.do("else")
	b.say("", "doc.nocompare")
	b.do("end")
}

// optional is a table with its caption, left out where it has no rows.
func (b *formBuilder) optional(list, title string, width int, cols ...column) {
	b.do("if " + list)
	b.caption("Caption", "doc.label.table", b.word(title))
	b.table(width, cols...)
	b.do("end")
}

func (b *formBuilder) obstacles() {
	b.say("Heading1", "doc.3")
	b.p("ListParagraph", "- {{obstacles.text}}")
	b.do("if blockers")
	b.p("Picture", "{{picture blockers-picture}}")
	b.caption("PictureCaption", "doc.label.picture", b.word("chart.blockers"))
	b.caption("Caption", "doc.label.table", b.word("doc.blockers"))
	b.table(uprightWidth,
		column{8, b.word("doc.no"), "{{blockers.no}}", true}, column{54, b.word("page.cause"), "{{blockers.plain}}", false},
		column{13, b.word("doc.services"), "{{blockers.services}}", true}, column{13, b.word("doc.held"), "{{blockers.held}}", true}, column{15, b.word("doc.lifted"), "{{blockers.lifted}}", true},
		column{32, b.word("page.owner"), "{{blockers.owner}}", false})
	b.do("else")
	b.say("", "blockers.none")
	b.do("end")
	b.optional("gaps", "gaps", uprightWidth,
		column{60, b.word("page.cause"), "{{gaps.title}}", false}, column{12, b.word("doc.services"), "{{gaps.services}}", true}, column{32, b.word("page.owner"), "{{gaps.owner}}", false})
	b.p("", b.blank("doc.blank.obstacles"))
}

func (b *formBuilder) tasks() {
	b.say("Heading1", "doc.4")
	b.optional("acts", "doc.acts", uprightWidth,
		column{8, b.word("doc.no"), "{{acts.no}}", true}, column{32, b.word("doc.who"), "{{acts.owner}}", false}, column{58, b.word("page.mend"), "{{acts.plain}}", false},
		column{15, b.word("doc.lifted"), "{{acts.lifted}}", true}, column{22, b.word("col.due"), "{{acts.due}}", true})
	b.p("", b.blank("doc.blank.tasks"))
	b.say("Heading1", "doc.5")
	b.p("ListParagraph", "- {{outside.text}}")
	b.p("", b.blank("doc.blank.proposals"))
	b.p("BeforeTable", b.word("doc.close")) // a signature does not stand alone on a page
}

func (b *formBuilder) formEnd() {
	left := paragraphXML("ND30RecipientsHead", "", b.word("doc.recipients")) + paragraphXML("ND30Recipients", "", b.blank("doc.blank.recipients")) +
		paragraphXML("ND30Recipients", "", runXML(b.word("doc.file")+" ")+b.blank("doc.blank.file"))
	right := paragraphXML("ND30Signer", "", b.blank("doc.blank.title")) + paragraphXML("ND30Signer", "", "") + paragraphXML("ND30Signer", "", "") + paragraphXML("ND30Signer", "", "") +
		paragraphXML("ND30Signer", "", "") + paragraphXML("ND30Signer", "", b.blank("doc.blank.signer"))
	b.beside(uprightWidth/2, uprightWidth-uprightWidth/2, left, right)
}

// annex writes the head of an annex.
func (b *formBuilder) annex(number, title string) {
	b.p("AnnexNumber", b.word("doc.annex")+" "+number)
	b.say("AnnexTitle", title)
	b.p("AnnexWith", b.word("doc.with"))
}

func (b *formBuilder) annexes() {
	b.annex("I", "doc.annex.services")
	b.table(acrossWidth,
		column{8, b.word("doc.no"), "{{services.no}}", true}, column{34, b.word("col.agency"), "{{services.agency}}", false}, column{40, b.word("doc.system"), "{{services.host}} ({{services.service}})", false},
		column{14, "IPv4", "{{services.ipv4}}", true}, column{14, "IPv6", "{{services.ipv6}}", true}, column{13, b.word("doc.dual"), "{{services.dual}}", true}, column{14, b.word("doc.only"), "{{services.only}}", true},
		column{17, "DNSSEC", "{{services.dnssec}}", true}, column{16, "ROA", "{{services.roa}}", true}, column{46, b.word("doc.remarks"), "{{services.remarks}}", false})
	b.do("if services-more")
	b.p("TableNote", "{{services-more}}")
	b.do("end")
	b.section(true, true)
	b.annex("II", "doc.annex.actions")
	b.do("each sheets")
	b.p("Heading2", "{{sheets.no}}. {{sheets.owner}}")
	b.p("BeforeTable", "{{sheets.text}}")
	b.table(acrossWidth,
		column{8, b.word("doc.no"), "{{actions.no}}", true}, column{60, b.word("doc.wrong"), "{{actions.plain}}\n{{actions.found}}", false}, column{60, b.word("page.mend"), "{{actions.do}}", false},
		column{36, b.word("doc.verify"), "{{verify.command}}", false}, column{14, b.word("doc.services"), "{{actions.services}}", true}, column{15, b.word("doc.lifted"), "{{actions.lifted}}", true}, column{20, b.word("col.due"), "{{actions.due}}", true})
	b.do("end")
	b.do("if sheets-more")
	b.p("TableNote", "{{sheets-more}}")
	b.do("end")
	b.section(true, true)
	b.annex("III", "doc.annex.exemptions")
	b.do("if exemptions")
	b.table(acrossWidth,
		column{8, b.word("doc.no"), "{{exemptions.no}}", true}, column{36, b.word("col.agency"), "{{exemptions.agency}}", false}, column{36, b.word("doc.service"), "{{exemptions.service}}", false},
		column{56, b.word("col.reason"), "{{exemptions.reason}}", false}, column{34, b.word("col.approver"), "{{exemptions.approver}}", false}, column{30, b.word("col.until"), "{{exemptions.until}}\n{{exemptions.expired}}", false})
	b.do("else")
	b.say("", "page.noexempt")
	b.do("end")
	b.section(true, true)
	b.annex("IV", "doc.annex.about")
	b.table(uprightWidth, column{36, b.word("doc.what"), "{{about.name}}", false}, column{70, b.word("doc.value"), "{{about.value}}", false})
	b.p("", b.word("page.shares"))
	b.p("", b.word("doc.milestones"))
	b.do("each chains")
	b.p("Picture", "{{picture chains.picture}}")
	b.caption("PictureCaption", "doc.label.picture", "{{chains.name}}")
	b.do("end")
}
