package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// ChainView is a chain of trust to be shown: as a tree on a terminal or as a
// picture.
type ChainView struct {
	Chain verdict.Chain
	// Why are the reasons, the deciding one first; Args as the validator gives
	// them, Evidence saying who was asked.
	Why []verdict.Result
	// Planned says that what is shown is not published: "DS of a.vn. from plan.ds".
	Planned string
}

// zoneNode is one zone in the tree of delegations.
type zoneNode struct {
	verdict.ChainZone
	children []*zoneNode
	hops     []numbered
}

// numbered is a step of the chain of aliases with its number, from 1.
type numbered struct {
	verdict.ChainHop
	n int
}

// grow makes the tree: zones under their parents, steps in their zones. Loose
// are steps that no zone stands for.
func grow(c verdict.Chain) (tops []*zoneNode, loose []numbered) {
	byName := map[string]*zoneNode{}
	for _, z := range c.Zones {
		if byName[z.Zone] != nil {
			continue
		}
		n := &zoneNode{ChainZone: z}
		if p := byName[z.Parent]; z.Parent != "" && p != nil {
			p.children = append(p.children, n)
		} else {
			tops = append(tops, n)
		}
		byName[z.Zone] = n
	}
	for i, h := range c.Hops {
		if z := byName[h.Zone]; z != nil {
			z.hops = append(z.hops, numbered{h, i + 1})
		} else {
			loose = append(loose, numbered{h, i + 1})
		}
	}
	return tops, loose
}

// about finds the reason told of a zone, or of a name in it, by its code.
func (v ChainView) about(code verdict.Reason, arg, name string) (verdict.Result, bool) {
	for _, w := range v.Why {
		if w.Reason == code && (w.Args[arg] == "" || plainDot(w.Args[arg]) == plainDot(name)) {
			return w, true
		}
	}
	return verdict.Result{Reason: code}, false
}

func plainDot(name string) string {
	return strings.ToLower(cmp.Or(strings.TrimSuffix(name, "."), "."))
}

// chainMark is the sign of a state, different in form for each.
func chainMark(state string) string {
	switch state {
	case "secure":
		return "✓"
	case "insecure":
		return "!"
	case "bogus":
		return "✗"
	}
	return "?"
}

// keyRole names what a key is for: KSK by its SEP flag, CSK where it is the only
// kind there is, revoked where it says so (RFC 4034 2.1.1, RFC 5011 7).
func keyRole(l verdict.Lang, k verdict.ChainKey, all []verdict.ChainKey) string {
	switch {
	case k.Flags&0x0080 != 0:
		return word(l, "chain.revoked")
	case k.Flags&0x0100 == 0:
		return word(l, "chain.nozone")
	case len(all) == 1:
		return "CSK"
	case k.Flags&1 != 0:
		return "KSK"
	}
	return "ZSK"
}

// mnemonic leaves the number of "13 ECDSAP256SHA256" out, if there is a name.
func mnemonic(algorithm string) string {
	if _, name, ok := strings.Cut(algorithm, " "); ok {
		return Clean(name)
	}
	return Clean(algorithm)
}

// left says how long a signature still holds, or how long ago it did.
func left(l verdict.Lang, s verdict.Signature, at time.Time) string {
	switch {
	case at.After(s.Expiration):
		return fmt.Sprintf(word(l, "chain.ago"), span(l, at.Sub(s.Expiration)))
	case at.Before(s.Inception):
		return fmt.Sprintf(word(l, "chain.future"), span(l, s.Inception.Sub(at)))
	}
	return fmt.Sprintf(word(l, "svc.expires"), span(l, s.Expiration.Sub(at)))
}

// window writes the validity of a signature, days in UTC as the record has them.
func window(l verdict.Lang, s verdict.Signature) string {
	return day(l, s.Inception.UTC()) + " – " + day(l, s.Expiration.UTC())
}

// brief names a reason in two or three words, for a label.
func brief(l verdict.Lang, code verdict.Reason) string {
	if t, ok := chainBriefs[code]; ok {
		return t.In(l)
	}
	return stateWord(l, verdict.DNSSEC, verdict.Lookup(code).State)
}

// stop is the label where a chain ends: BROKEN, ENDS or NOT KNOWN.
func stop(l verdict.Lang, state string) string { return word(l, "chain.stop."+state) }

// own lists a zone's signatures on its key set, and above those on its DS set or
// the denial of it.
func own(z verdict.ChainZone) (keys, above []verdict.Signature) {
	for _, s := range z.Signatures {
		if s.Type == "DNSKEY" {
			keys = append(keys, s)
		} else {
			above = append(above, s)
		}
	}
	return keys, above
}

// headline is the first line: what was asked and what came out.
func (v ChainView) headline(l verdict.Lang) string {
	c := v.Chain
	s := Clean(c.Name) + " " + Clean(c.Type) + ": " + stateWord(l, verdict.DNSSEC, c.State)
	if len(c.Hops) > 0 && c.State != "bogus" && c.Hops[len(c.Hops)-1].Kind == "denial" {
		switch c.Rcode {
		case "NXDOMAIN":
			s += " · " + fmt.Sprintf(word(l, "chain.noname"), c.Rcode)
		case "NOERROR":
			s += " · " + fmt.Sprintf(word(l, "chain.norecord"), Clean(c.Type))
		}
	}
	return s
}

// hopTitle names a step, numbered where there are several.
func (v ChainView) hopTitle(l verdict.Lang, h numbered) string {
	s := Clean(h.Name)
	if len(v.Chain.Hops) > 1 {
		s = fmt.Sprintf("%d. %s", h.n, s)
	}
	switch h.Kind {
	case "alias":
		kind := "CNAME"
		if slices.ContainsFunc(h.Sets, func(x verdict.ChainSet) bool { return x.Type == "DNAME" }) {
			kind = "DNAME"
		}
		return s + " " + kind + " → " + Clean(h.Target)
	case "denial":
		return s + " " + Clean(v.Chain.Type) + ": " + word(l, "chain.denied")
	case "none":
		return s + " " + Clean(v.Chain.Type) + ": " + word(l, "chain.noanswer")
	}
	return s + " " + Clean(v.Chain.Type)
}
