package probes

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// mailResults looks at what decides whether mail that leaves over IPv6 is taken
// elsewhere (SPF, reverse DNS), and whether mail that comes in is delivered by
// servers that follow DANE. None of it is a link of the dependency closure.
func mailResults(ctx context.Context, e *Env, s *subject) []verdict.Result {
	if s.Kind != "mail" || s.mail.null {
		return nil
	}
	m := &mailCheck{e: e, s: s}
	m.spf(ctx)
	m.reverse(ctx)
	m.aliases()
	m.dane(ctx)
	return m.out
}

// mailCheck collects the results about one mail domain.
type mailCheck struct {
	e       *Env
	s       *subject
	senders []spfRule // what SPF passes over IPv6
	out     []verdict.Result
}

// note adds a result; an owner without role is the service's own.
func (m *mailCheck) note(code, subject string, owner verdict.Owner, ev []verdict.Evidence, pairs ...string) *verdict.Result {
	r := result(verdict.Reason("mail."+code), pairs...)
	r.Check, r.Subject, r.Owner, r.At = verdict.Mail, subject, owner, m.e.Now()
	r.Evidence = ev[:min(len(ev), maxMailEvidence)]
	m.out = append(m.out, r)
	return &m.out[len(m.out)-1]
}

// maxMailEvidence bounds the observations kept with one result.
const maxMailEvidence = 12

// maxNamed bounds what a sentence lists.
const maxNamed = 6

// few joins names, of many the first ones and how many there are more.
func few(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + ", +" + strconv.Itoa(len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// whose is who runs a domain that the mail domain's records lead to.
func (m *mailCheck) whose(domain string) verdict.Owner {
	if sameSite(domain, m.s.Host) {
		return m.s.owner()
	}
	return verdict.Owner{Role: verdict.Hosting, Name: domain}
}

// spf judges the domain's SPF record by its structure, as receivers read it for
// senders over IPv6, and beside that over IPv4.
func (m *mailCheck) spf(ctx context.Context) {
	domain := m.s.Host
	six, four := m.e.spf(ctx, domain, true), m.e.spf(ctx, domain, false)
	m.senders = six.passed
	if end := six.end; end != nil && end.domain == domain && end.what == "spf-missing" {
		m.note("spf-none", domain, verdict.Owner{}, six.evidence)
		return
	}
	if six.end != nil {
		m.ends(six, four)
	} else if four.end != nil {
		m.ends(four, six)
	}
	for _, inc := range six.includes {
		m.include(inc, four, six.evidence)
	}
	if six.ptr {
		m.note("spf-ptr", domain, verdict.Owner{}, six.evidence)
	}
	m.passes(six, four)
}

// ends says why a record cannot be followed to its end.
func (m *mailCheck) ends(v, other spfView) {
	what := v.end.what
	if what == "spf-voids" && v.v6 && other.end == nil {
		what = "spf-voids6"
	}
	m.note(what, m.s.Host, m.whose(v.end.domain), v.evidence, "zone", v.end.domain, "detail", v.end.detail, "cause", string(v.end.cause))
}

// include judges the part of a record that somebody else runs.
func (m *mailCheck) include(inc spfInclude, four spfView, ev []verdict.Evidence) {
	owner := verdict.Owner{Role: verdict.Hosting, Name: inc.domain}
	i := slices.IndexFunc(four.includes, func(o spfInclude) bool { return o.domain == inc.domain })
	switch {
	case inc.ranges > 0:
		m.note("spf-include", m.s.Host, owner, ev, "zone", inc.domain, "count", strconv.Itoa(inc.ranges))
	case inc.done && i >= 0 && four.includes[i].ranges > 0:
		m.note("spf-include-v4", m.s.Host, owner, append(slices.Clip(ev), four.evidence...), "zone", inc.domain)
	}
}

// passes says whom the record passes over IPv6.
func (m *mailCheck) passes(six, four spfView) {
	domain, ev := m.s.Host, append(slices.Clip(six.evidence), four.evidence...)
	others := allResult(six.all)
	own := func(v spfView) (list []spfRule) {
		for _, r := range v.passed {
			if sameSite(r.by, domain) {
				list = append(list, r)
			}
		}
		return list
	}
	switch {
	case slices.ContainsFunc(slices.Concat(six.passed, four.passed), func(r spfRule) bool { return r.prefix.Bits() == 0 }):
		m.note("spf-all", domain, verdict.Owner{}, ev)
	case len(six.passed) > 0 && len(own(six)) == 0 && len(own(four)) > 0 && six.end == nil && len(six.untold) == 0:
		m.note("spf-own-v4", domain, verdict.Owner{}, ev, "ranges", few(blocks(own(four))), "zone", six.passed[0].by)
	case len(six.passed) > 0:
		m.note("spf-ok", domain, verdict.Owner{}, ev, "ranges", few(blocks(six.passed)))
	case six.end != nil:
	case len(six.untold) > 0:
		m.note("spf-untold", domain, verdict.Owner{}, ev, "terms", few(six.untold))
	case len(four.passed) > 0:
		m.note("spf-v4-only", domain, verdict.Owner{}, ev, "ranges", few(blocks(four.passed)), "others", others)
	case four.end == nil && len(four.untold) == 0:
		m.note("spf-nobody", domain, verdict.Owner{}, ev, "others", others)
	}
}

// allResult is what RFC 7208 2.6 calls the result of a qualifier.
func allResult(q byte) string {
	switch q {
	case '-':
		return "fail"
	case '~':
		return "softfail"
	}
	return "neutral"
}

func blocks(rules []spfRule) []string {
	var out []string
	for _, r := range rules {
		if r.prefix.IsSingleIP() {
			out = append(out, r.prefix.Addr().String())
		} else {
			out = append(out, r.prefix.String())
		}
	}
	return out
}

// aliases notes MX hosts that are aliases (RFC 2181 10.3).
func (m *mailCheck) aliases() {
	if m.s.mail.implicit {
		return
	}
	for _, h := range m.s.hosts {
		for _, f := range []family{h.v6, h.v4} {
			if len(f.aliases) > 0 {
				m.note("mx-alias", m.s.Host, verdict.Owner{}, append(slices.Clip(m.s.mail.evidence), f.evidence...), "host", h.host, "target", f.aliases[len(f.aliases)-1])
				break
			}
		}
	}
}
