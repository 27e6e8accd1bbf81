package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ready6/probes/verdict"
)

// WriteChain prints a chain of trust as a tree: what came out, then zone by zone
// from the anchor down its DS records, keys and signatures, with the answer in
// its zone. Where the chain breaks, the sentence, the mend, who can do it, the
// record and who was asked stand at that very place.
func WriteChain(w io.Writer, v ChainView, sc Screen) error {
	p := &chainPrinter{printer{w: w}, v, sc, map[int]bool{}}
	c := v.Chain
	p.put(sc.wrap("", "  ", p.tint(c.State, chainMark(c.State)+" "+v.headline(sc.Lang))))
	if v.Planned != "" {
		p.put(sc.wrap("  ", "  ", sc.paint(bold, sc.say("chain.planned", Clean(v.Planned)))))
	}
	if len(v.Why) > 0 && c.State != "secure" {
		p.put(sc.wrap("  ", "  ", Clean(v.Why[0].Title(sc.Lang))))
	}
	p.put("\n")
	tops, loose := grow(c)
	for _, z := range tops {
		p.zone(z, "", "")
	}
	for _, h := range loose {
		p.hop(h, "", "  ")
	}
	p.remarks()
	return p.err
}

type chainPrinter struct {
	printer
	v ChainView
	Screen
	told map[int]bool // reasons printed, by index
}

// tint colours text by state.
func (p *chainPrinter) tint(state, text string) string {
	switch state {
	case "secure":
		return p.paint(green, text)
	case "bogus":
		return p.paint(red, text)
	}
	return p.paint(yellow, text)
}

// maxBars bounds the indentation: below it, zones stand side by side.
const maxBars = 12

// zone prints one zone; first stands before its name, rest before everything
// that belongs to it.
func (p *chainPrinter) zone(z *zoneNode, first, rest string) {
	name := Clean(z.Zone)
	if name == "." {
		name += " " + p.say("chain.root")
	}
	p.put(p.wrap(first, rest+"  ", p.paint(bold, name)+"  "+p.tint(z.State, chainMark(z.State)+" "+stateWord(p.Lang, verdict.DNSSEC, z.State))))
	body := rest + "│ "
	last := len(z.children) + len(z.hops)
	if last == 0 {
		body = rest + "  "
	}
	keys, above := own(z.ChainZone)
	p.digests(z, body)
	for _, s := range above {
		p.signature(s, body)
	}
	if z.Place == verdict.AtDS || z.Place == verdict.AtMatch {
		p.why(z.State, z.Reason, "zone", z.Zone, body)
	}
	for _, k := range z.Keys {
		p.key(k, z, body)
	}
	for _, s := range keys {
		p.signature(s, body)
	}
	if z.Place == verdict.AtKeys {
		p.why(z.State, z.Reason, "zone", z.Zone, body)
	}
	step := func() (string, string) {
		if last--; last == 0 {
			return rest + "└ ", rest + "  "
		}
		return rest + "├ ", rest + "│ "
	}
	for _, h := range z.hops {
		a, b := step()
		p.hop(h, a, b)
	}
	for _, c := range z.children {
		a, b := step()
		if columns(b) > 2*maxBars {
			b = rest
		}
		p.zone(c, a, b)
	}
}

func (p *chainPrinter) digests(z *zoneNode, body string) {
	label := "DS"
	if z.Parent == "" {
		label = p.say("chain.anchor")
	}
	for _, d := range z.DS {
		said := word(p.Lang, "chain.ds."+d.Match)
		if strings.Contains(said, "%d") {
			said = fmt.Sprintf(said, d.Tag)
		}
		switch d.Match {
		case "match":
			said = p.paint(green, "✓ "+said)
		case "mismatch", "no-key":
			said = p.paint(red, "✗ "+said)
		default:
			said = "· " + said
		}
		p.put(p.wrap(body, body+"    ", fmt.Sprintf("%s %d %s %s %s", label, d.Tag, mnemonic(d.Algorithm), mnemonic(d.Digest), said)))
	}
}

func (p *chainPrinter) key(k verdict.ChainKey, z *zoneNode, body string) {
	parts := []string{fmt.Sprintf("%s %d %s", keyRole(p.Lang, k, z.Keys), k.Tag, mnemonic(k.Algorithm))}
	if k.Bits > 0 {
		parts = append(parts, p.say("chain.bits", k.Bits))
	}
	parts = append(parts, p.say("chain.flags", k.Flags))
	if k.Trusted && z.Parent == "" {
		parts = append(parts, p.say("chain.trusted.anchor"))
	} else if k.Trusted {
		parts = append(parts, p.say("chain.trusted.ds"))
	}
	if k.Signs {
		parts = append(parts, p.say("chain.signskeys"))
	}
	p.put(p.wrap(body, body+"    ", strings.Join(parts, ", ")))
}

// signature prints one signature: by whom, from when to when, and how long it
// holds or why it does not.
func (p *chainPrinter) signature(s verdict.Signature, body string) {
	said := p.say("chain.signed", Clean(s.Type), Clean(s.Signer), s.Tag) + ": " + window(p.Lang, s) + ", "
	at := p.v.Chain.At
	switch {
	case s.Valid:
		said = p.paint(green, "✓") + " " + said + left(p.Lang, s, at)
	case s.Reason == "dnssec.bogus.sig-expired" || s.Reason == "dnssec.bogus.sig-not-yet-valid":
		said = p.paint(red, "✗") + " " + said + p.paint(red, left(p.Lang, s, at))
	case s.Reason != "":
		said = p.paint(red, "✗") + " " + said + p.paint(red, brief(p.Lang, s.Reason))
	default:
		said = "· " + said + left(p.Lang, s, at) + "; " + p.say("chain.unneeded")
	}
	p.put(p.wrap(body, body+"    ", said))
}

// hop prints one step: the name, its records and who signed them.
func (p *chainPrinter) hop(h numbered, first, rest string) {
	p.put(p.wrap(first, rest+"  ", p.tint(h.State, chainMark(h.State)+" "+p.v.hopTitle(p.Lang, h))))
	body := rest + "  "
	for _, set := range h.Sets {
		owner := ""
		if plainDot(set.Name) != plainDot(h.Name) {
			owner = Clean(set.Name) + " "
		}
		if set.Reason != "" && h.Reason == "" {
			h.Reason = set.Reason
		}
		for _, r := range set.Records {
			p.put(p.wrap(body, body+"    ", owner+Clean(set.Type)+" "+Clean(r)))
		}
		if set.More > 0 {
			p.put(body + p.say("chain.more", set.More) + "\n")
		}
		for _, s := range set.Signatures {
			if !s.Valid && s.Reason == "" && h.State != "secure" {
				p.put(p.wrap(body, body+"    ", "· "+p.say("chain.signed", Clean(s.Type), Clean(s.Signer), s.Tag)+": "+window(p.Lang, s)+"; "+p.say("chain.unchecked")))
				continue
			}
			p.signature(s, body)
		}
	}
	if h.Reason != "" && h.State != "secure" {
		p.why(h.State, h.Reason, "name", h.Name, body)
	}
}

// why prints where the chain stops, and what to do about it.
func (p *chainPrinter) why(state string, code verdict.Reason, arg, name, body string) {
	w, ok := p.v.about(code, arg, name)
	if !ok {
		w, ok = p.v.about(code, "zone", name)
	}
	title := brief(p.Lang, code)
	if ok {
		title = Clean(w.Title(p.Lang))
	}
	in := body + "  "
	p.put(p.wrap(body, in, p.tint(state, chainMark(state)+" "+stop(p.Lang, state)+": "+title)))
	p.put(p.wrap(in, in, p.paint(faint, "["+Clean(string(code))+"]")))
	if ok {
		p.detail(w, in)
	}
}

// detail prints mend, owner, record and who was asked, once a reason.
func (p *chainPrinter) detail(w verdict.Result, in string) {
	i := slices.IndexFunc(p.v.Why, func(x verdict.Result) bool {
		return x.Reason == w.Reason && x.Args["name"] == w.Args["name"] && x.Args["zone"] == w.Args["zone"]
	})
	if p.told[i] {
		return
	}
	p.told[i] = true
	if a := Clean(w.Advice(p.Lang)); a != "" {
		if ref := verdict.Lookup(w.Reason).Ref; ref != "" {
			a += " [" + ref + "]"
		}
		p.put(p.wrap(in, in+"  ", p.say("svc.mend", a)))
	}
	if w.Owner.Role != "" {
		p.put(p.wrap(in, in+"  ", p.say("svc.owner", directory{}.owner(w.Owner, p.Lang))))
	}
	if r := w.Args["record"]; r != "" {
		p.put(p.wrap(in, in+"  ", p.say("chain.record", Clean(r))))
	}
	shown := w.Evidence
	if n := len(shown) - maxEvidence; n > 0 { // the last are the zone's own servers
		shown = shown[n:]
		p.put(in + p.say("svc.more", n) + "\n")
	}
	for _, e := range shown {
		e = cleanEvidence([]verdict.Evidence{e})[0]
		p.put(p.wrap(in, in+"  ", p.paint(faint, observation(p.Lang, e))))
	}
}

// remarks prints the reasons that have no place in the tree.
func (p *chainPrinter) remarks() {
	for i, w := range p.v.Why {
		if p.told[i] || w.Outcome() == verdict.Pass {
			continue
		}
		p.put("\n" + p.wrap(p.sign(w.Outcome())+" ", "  ", Clean(w.Title(p.Lang))))
		p.put(p.wrap("  ", "  ", p.paint(faint, "["+Clean(string(w.Reason))+"]")))
		p.detail(w, "  ")
	}
}
