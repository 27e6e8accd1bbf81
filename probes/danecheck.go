package probes

import (
	"context"
	"crypto/x509"
	"slices"

	"github.com/miekg/dns"

	"ready6/probes/dnssec"
	"ready6/probes/verdict"
)

// dane compares the certificates of the MX hosts with their TLSA records, where
// a sender that follows DANE would (RFC 7672 2.1, 2.2).
func (m *mailCheck) dane(ctx context.Context) {
	e, domain := m.e, m.s.Host
	if len(m.s.hosts) == 0 {
		return
	}
	if e.DNSSEC == nil || !e.vantage.DNSSEC || !e.anchored(domain) {
		m.note("dane-unjudged", domain, verdict.Owner{Role: verdict.Operator, Name: e.Name}, nil)
		return
	}
	mx := e.validate(ctx, domain, dns.TypeMX)
	switch mx.State {
	case dnssec.Bogus: // said by the check of the domain's own DNSSEC state
		return
	case dnssec.Indeterminate:
		m.unknown(domain+" MX", mx)
		return
	}
	for _, h := range m.s.hosts {
		m.daneHost(ctx, h, mx.State == dnssec.Secure)
	}
}

// unknown notes that a record set could not be validated, and why.
func (m *mailCheck) unknown(subject string, v dnssec.Result) {
	cause := verdict.OtherCause
	if len(v.Reasons) > 0 && v.Reasons[0].Cause != "" {
		cause = v.Reasons[0].Cause
	}
	m.note("dane-unknown", subject, verdict.Owner{}, m.e.DNS.Evidence(v.Name, v.Type), append(saidOf(v), "cause", string(cause))...)
}

// daneHost judges one MX host. secured: the MX records that name it are secure.
func (m *mailCheck) daneHost(ctx context.Context, h addresses, secured bool) {
	host := m.e.validate(ctx, h.host, dns.TypeAAAA)
	switch host.State {
	case dnssec.Bogus:
		return
	case dnssec.Indeterminate:
		m.unknown(h.host+" AAAA", host)
		return
	}
	v, name, asked := m.tlsa(ctx, h.host, host)
	if !asked {
		return
	}
	list := tlsaIn(v)
	owner, ev := m.whose(h.host), m.tlsaEvidence(v)
	switch {
	case v.State == dnssec.Bogus:
		r := m.note("dane-bogus", name, owner, ev, append(saidOf(v), "host", h.host)...)
		if len(v.Reasons) > 0 && v.Reasons[0].Owner.Role != "" {
			r.Owner = verdict.Owner{Role: v.Reasons[0].Owner.Role, Name: plainName(v.Reasons[0].Owner.Name)}
		}
	case v.State == dnssec.Indeterminate:
		m.unknown(name+" TLSA", v)
	case len(list) == 0:
		m.note("dane-none", h.host, owner, ev)
	case !secured:
		m.note("dane-mx-insecure", h.host, verdict.Owner{}, ev, "host", m.s.Host)
	case v.State != dnssec.Secure || host.State != dnssec.Secure:
		m.note("dane-insecure", h.host, owner, ev)
	default:
		m.daneRecords(ctx, h, list, ev)
	}
}

// tlsa asks for the records that hold for a host: at the end of a secure chain
// of aliases, or else at the host's own name (RFC 7672 2.2.2, 2.2.3).
func (m *mailCheck) tlsa(ctx context.Context, host string, at dnssec.Result) (v dnssec.Result, name string, asked bool) {
	bases := []string{host}
	if end := plainName(at.Canonical); end != "" && end != host && at.State == dnssec.Secure {
		bases = []string{end, host}
	}
	for _, base := range bases {
		name = "_25._tcp." + base
		if _, ok := dns.IsDomainName(name); !ok {
			continue
		}
		v, asked = m.e.validate(ctx, name, dns.TypeTLSA), true
		if v.State == dnssec.Bogus || v.State == dnssec.Indeterminate || len(tlsaIn(v)) > 0 {
			break
		}
	}
	return v, name, asked
}

func tlsaIn(v dnssec.Result) []*dns.TLSA {
	var out []*dns.TLSA
	for _, rr := range v.Answer {
		if t, ok := rr.(*dns.TLSA); ok {
			out = append(out, t)
		}
	}
	return out
}

// tlsaEvidence is the records as they stand in the zone, and who was asked.
func (m *mailCheck) tlsaEvidence(v dnssec.Result) []verdict.Evidence {
	var out []verdict.Evidence
	for _, t := range tlsaIn(v)[:min(len(tlsaIn(v)), 4)] {
		out = append(out, verdict.Evidence{At: m.e.Now(), Asked: "zone of " + plainName(t.Hdr.Name), Over: "dnssec", Query: plainName(v.Name) + " TLSA",
			Answer: v.State.String() + ": " + brief(t.String())})
	}
	ev := m.e.DNS.Evidence(v.Name, v.Type)
	return append(out, ev[:min(len(ev), 4)]...)
}

// daneRecords compares secure records with what the host presents.
func (m *mailCheck) daneRecords(ctx context.Context, h addresses, all []*dns.TLSA, ev []verdict.Evidence) {
	var list []*dns.TLSA
	for _, t := range all {
		if usableTLSA(t) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		m.note("dane-unusable", h.host, m.whose(h.host), ev, "records", tlsaTexts(all))
		return
	}
	list = strongest(list)
	e := m.e
	six := e.attemptAll(ctx, m.s, h.host, h.v6.usable, e.vantage.V6)
	four := e.attemptAll(ctx, m.s, h.host, h.v4.usable, e.vantage.V4)
	match := func(a attempt) *dns.TLSA {
		return matchesTLSA(list, a.cert.chain, []string{h.host, m.s.Host}, e.Now())
	}
	works4 := slices.ContainsFunc(four, func(a attempt) bool { return a.ok() && match(a) != nil })
	for _, a := range slices.Concat(six, four) {
		m.daneAttempt(a, list, match(a), works4, append(a.evidence(), ev...))
	}
}

// daneAttempt judges one address. What holds over IPv4 and not over IPv6 keeps
// the service from working over IPv6 as it does over IPv4; what fails over both
// is beside the ladder.
func (m *mailCheck) daneAttempt(a attempt, list []*dns.TLSA, matched *dns.TLSA, works4 bool, ev []verdict.Evidence) {
	owner, records := m.whose(a.host), tlsaTexts(list)
	shown, publish := "", ""
	if len(a.cert.chain) > 0 {
		want := keyRecord(a.cert.chain[0])
		shown, publish = tlsaText(want), "3 1 1 "+want.Certificate
		ev = append([]verdict.Evidence{{At: a.at, Asked: a.host + " " + a.String(), Over: "tls", Query: "STARTTLS", Answer: certText(a.cert.chain[0])}}, ev...)
	}
	switch {
	case matched != nil:
		m.note("dane-ok", a.String(), owner, ev, "host", a.host, "record", tlsaText(matched))
	case !a.ok():
		if a.addr.Is6() && a.cause != verdict.NoFamily { // why is said by the check of the service itself
			m.note("dane-unseen", a.String(), owner, ev, "host", a.host, "cause", string(a.cause))
		}
	case !a.starttls:
		m.note("dane-no-tls", a.String(), owner, ev, "host", a.host, "records", records)
	case hiddenAnchor(list):
		m.note("dane-unseen", a.String(), owner, ev, "host", a.host, "cause", string(verdict.OtherCause))
	case a.addr.Is6() && works4 && m.e.wants(verdict.Reach):
		r := m.note("dane-mismatch", a.String(), owner, ev, "host", a.host, "records", records, "shown", shown, "publish", publish)
		r.Check, r.Reason = verdict.Reach, "reach.dane"
	default:
		m.note("dane-mismatch", a.String(), owner, ev, "host", a.host, "records", records, "shown", shown, "publish", publish)
	}
}

// certText names a certificate as evidence.
func certText(c *x509.Certificate) string {
	return brief("subject " + c.Subject.String() + ", issuer " + c.Issuer.String() + ", until " + c.NotAfter.UTC().Format("2006-01-02") + ", " + tlsaText(keyRecord(c)))
}
