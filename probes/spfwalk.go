package probes

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// The limits of RFC 7208 4.6.4: terms that ask the DNS, answers of those that
// are empty, and MX hosts of one mx term.
const (
	spfLookups = 10
	spfVoids   = 2
	spfMX      = 10
)

// maxSPFRules bounds the address blocks that are kept of one record.
const maxSPFRules = 512

// spfRule is what becomes of senders in one block, in the order of the record.
type spfRule struct {
	prefix netip.Prefix
	pass   bool
	by     string // the domain whose record names it
	term   string
}

// spfEnd is why a record could not be followed further: what a receiver then
// finds is permerror or temperror, for everybody who has not matched before.
type spfEnd struct {
	what   string // the last part of the reason code
	domain string // whose record is at fault
	detail string
	cause  verdict.Cause // temperror
}

// spfInclude is an include of a domain that somebody else runs.
type spfInclude struct {
	domain string
	ranges int // blocks that it passes
	done   bool
}

// spfWalk follows one record as a receiver does for a sender, of one family,
// whom no term matches: every term is gone through.
type spfWalk struct {
	e              *Env
	sender         string // the domain that was asked about
	v6             bool
	lookups, voids int
	open           []string // domains being followed, outermost first
	includes       []spfInclude
	untold         []string // terms that depend on the message
	ptr            bool
	evidence       []verdict.Evidence
}

// spfView is what came of it.
type spfView struct {
	passed []spfRule // blocks whose senders pass
	all    byte      // what the others get: - ~ ? +
	end    *spfEnd   // nil: the record can be followed to its end
	*spfWalk
}

// spf follows the SPF record of a domain for senders of one family.
func (e *Env) spf(ctx context.Context, domain string, v6 bool) spfView {
	w := &spfWalk{e: e, sender: domain, v6: v6}
	rules, all, end := w.record(ctx, domain)
	return spfView{passed: passing(rules), all: all, end: end, spfWalk: w}
}

// passing are the rules whose senders pass: not those inside a block that an
// earlier rule refuses.
func passing(rules []spfRule) []spfRule {
	var out []spfRule
	for i, r := range rules {
		hidden := slices.ContainsFunc(rules[:i], func(o spfRule) bool {
			return !o.pass && o.prefix.Bits() <= r.prefix.Bits() && o.prefix.Contains(r.prefix.Addr())
		})
		if r.pass && !hidden && !slices.ContainsFunc(out, func(o spfRule) bool { return o.prefix == r.prefix }) {
			out = append(out, r)
		}
	}
	return out
}

// texts are a domain's SPF records.
func (w *spfWalk) texts(ctx context.Context, domain string) (found []string, got records) {
	got = w.e.records(ctx, domain, dns.TypeTXT)
	w.evidence = append(w.evidence, got.evidence...)
	for _, rr := range got.rrs {
		if text := strings.Join(rr.(*dns.TXT).Txt, ""); isSPF(text) {
			found = append(found, text)
		}
	}
	return found, got
}

// record goes through one domain's record. all is 0 if the record says nothing
// of the rest.
func (w *spfWalk) record(ctx context.Context, domain string) (rules []spfRule, all byte, end *spfEnd) {
	if slices.Contains(w.open, domain) {
		return nil, 0, &spfEnd{what: "spf-loop", domain: domain, detail: strings.Join(append(w.open, domain), " → ")}
	}
	w.open = append(w.open, domain)
	defer func() { w.open = w.open[:len(w.open)-1] }()
	texts, got := w.texts(ctx, domain)
	switch {
	case got.cause != "":
		return nil, 0, &spfEnd{what: "spf-unknown", domain: domain, cause: got.cause}
	case len(texts) == 0:
		return nil, 0, &spfEnd{what: "spf-missing", domain: domain, detail: w.from()}
	case len(texts) > 1:
		return nil, 0, &spfEnd{what: "spf-many", domain: domain}
	}
	terms, err := parseSPF(texts[0])
	if err != nil {
		return nil, 0, &spfEnd{what: "spf-syntax", domain: domain, detail: err.Error()}
	}
	for _, t := range terms {
		if t.qualifier == 0 {
			continue
		}
		if t.name == "all" {
			if t.qualifier == '+' {
				rules = append(rules, spfRule{everyone(w.v6), true, domain, t.text})
			}
			return rules, t.qualifier, nil
		}
		found, end := w.term(ctx, domain, t)
		rules = append(rules, found...)
		if len(rules) > maxSPFRules && end == nil {
			end = &spfEnd{what: "spf-unknown", domain: domain, cause: verdict.OverBudget}
		}
		if end != nil {
			return rules, 0, end
		}
	}
	return w.redirect(ctx, domain, terms, rules)
}

// from is the domain whose record led here.
func (w *spfWalk) from() string {
	if len(w.open) < 2 {
		return w.sender
	}
	return w.open[len(w.open)-2]
}

// redirect goes on where a record without "all" says (RFC 7208 6.1).
func (w *spfWalk) redirect(ctx context.Context, domain string, terms []spfTerm, rules []spfRule) ([]spfRule, byte, *spfEnd) {
	i := slices.IndexFunc(terms, func(t spfTerm) bool { return t.qualifier == 0 && t.name == "redirect" })
	if i < 0 {
		return rules, 0, nil
	}
	if end := w.count(domain); end != nil {
		return rules, 0, end
	}
	target, known := expandSPF(terms[i].domain, domain, w.sender)
	if !known {
		w.untold = append(w.untold, terms[i].text)
		return rules, 0, nil
	}
	more, all, end := w.record(ctx, target)
	return append(rules, more...), all, end
}

// count notes one more term that asks the DNS.
func (w *spfWalk) count(domain string) *spfEnd {
	if w.lookups++; w.lookups > spfLookups {
		return &spfEnd{what: "spf-lookups", domain: domain, detail: w.sender}
	}
	return nil
}

// empty notes an answer without records.
func (w *spfWalk) empty(domain, what string) *spfEnd {
	if w.voids++; w.voids > spfVoids {
		return &spfEnd{what: "spf-voids", domain: domain, detail: what}
	}
	return nil
}

func everyone(v6 bool) netip.Prefix {
	if v6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// term returns the blocks that one mechanism matches.
func (w *spfWalk) term(ctx context.Context, domain string, t spfTerm) ([]spfRule, *spfEnd) {
	rule := func(p netip.Prefix) []spfRule { return []spfRule{{p, t.qualifier == '+', domain, t.text}} }
	switch t.name {
	case "ip4", "ip6":
		if (t.name == "ip6") != w.v6 {
			return nil, nil
		}
		return rule(t.prefix), nil
	}
	if end := w.count(domain); end != nil {
		return nil, end
	}
	target, known := expandSPF(t.domain, domain, w.sender)
	if w.ptr = w.ptr || t.name == "ptr"; !known || t.name == "ptr" {
		w.untold = append(w.untold, t.text)
		return nil, nil
	}
	switch t.name {
	case "include":
		return w.include(ctx, domain, target, t)
	case "exists": // asks for an A record whatever the family
		h := w.e.lookup(ctx, target)
		w.evidence = append(w.evidence, h.v4.evidence...)
		switch {
		case h.v4.present():
			return rule(everyone(w.v6)), nil
		case h.v4.cause != "":
			return nil, &spfEnd{what: "spf-unknown", domain: domain, cause: h.v4.cause}
		}
		return nil, w.empty(domain, t.text)
	case "mx":
		return w.mx(ctx, domain, target, t)
	}
	found, empty, end := w.hosts(ctx, domain, target, t)
	if end == nil && empty {
		end = w.empty(domain, t.text)
	}
	return found, end
}

// include matches whom the other record passes (RFC 7208 5.2).
func (w *spfWalk) include(ctx context.Context, domain, target string, t spfTerm) ([]spfRule, *spfEnd) {
	mine := -1
	if !sameSite(target, w.sender) && sameSite(domain, w.sender) {
		mine = len(w.includes)
		w.includes = append(w.includes, spfInclude{domain: target})
	}
	inner, _, end := w.record(ctx, target)
	var out []spfRule
	for _, r := range passing(inner) {
		r.pass = t.qualifier == '+'
		out = append(out, r)
	}
	if mine >= 0 {
		w.includes[mine].ranges, w.includes[mine].done = len(out), end == nil
	}
	return out, end
}

// mx matches the addresses of a domain's MX hosts.
func (w *spfWalk) mx(ctx context.Context, domain, target string, t spfTerm) ([]spfRule, *spfEnd) {
	got := w.e.records(ctx, target, dns.TypeMX)
	w.evidence = append(w.evidence, got.evidence...)
	switch {
	case got.cause != "":
		return nil, &spfEnd{what: "spf-unknown", domain: domain, cause: got.cause}
	case len(got.rrs) == 0:
		return nil, w.empty(domain, t.text)
	case len(got.rrs) > spfMX:
		return nil, &spfEnd{what: "spf-lookups", domain: domain, detail: t.text}
	}
	var out []spfRule
	for _, rr := range got.rrs {
		host := plainName(dns.CanonicalName(rr.(*dns.MX).Mx))
		if host == "" {
			continue
		}
		found, _, end := w.hosts(ctx, domain, host, t)
		if out = append(out, found...); end != nil {
			return out, end
		}
	}
	return out, nil
}

// hosts matches the addresses of one host, widened as the term says.
func (w *spfWalk) hosts(ctx context.Context, domain, host string, t spfTerm) (out []spfRule, empty bool, end *spfEnd) {
	h := w.e.lookup(ctx, host)
	f, bits := h.v4, t.bits4
	if w.v6 {
		f, bits = h.v6, t.bits6
	}
	w.evidence = append(w.evidence, f.evidence...)
	if f.cause != "" {
		return nil, false, &spfEnd{what: "spf-unknown", domain: domain, cause: f.cause}
	}
	for _, a := range f.usable {
		out = append(out, spfRule{netip.PrefixFrom(a, bits).Masked(), t.qualifier == '+', domain, t.text})
	}
	return out, !f.present(), nil
}

// records is what the DNS has at a name, at the end of its aliases.
type records struct {
	rrs      []dns.RR // of the type asked for
	cause    verdict.Cause
	evidence []verdict.Evidence
}

// records asks for one RRset, following CNAME records.
func (e *Env) records(ctx context.Context, name string, qtype uint16) (out records) {
	name = dns.CanonicalName(name)
	for range maxAliases {
		m, err := e.DNS.Query(ctx, name, qtype)
		if err != nil {
			out.cause, out.evidence = causeOf(err), append(out.evidence, evidenceOf(err)...)
			return out
		}
		out.evidence = append(out.evidence, e.DNS.Evidence(name, qtype)...)
		if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
			out.cause = verdict.ServFail
			return out
		}
		end := name
		if out.rrs, end = typedAt(m, name, qtype); len(out.rrs) > 0 || end == name {
			return out
		}
		name = end
	}
	out.cause = verdict.OverBudget
	return out
}

// typedAt returns the records of a type at a name in an answer, and the name at
// the end of the aliases in it.
func typedAt(m *dns.Msg, name string, qtype uint16) (found []dns.RR, end string) {
	for range maxAliases {
		next := ""
		for _, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			if rr.Header().Rrtype == qtype {
				found = append(found, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				next = dns.CanonicalName(c.Target)
			}
		}
		if len(found) > 0 || next == "" {
			return found, name
		}
		name = next
	}
	return nil, name
}
