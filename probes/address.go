package probes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/resolve"
	"ready6/probes/verdict"
)

// maxAliases bounds a CNAME chain; real ones have three or four links.
const maxAliases = 10

// maxAddresses bounds how many addresses of one family of one host are used.
const maxAddresses = 32

// maxMailHosts bounds the MX hosts of one domain.
const maxMailHosts = 20

// addresses is what the DNS says of one host name, per family.
type addresses struct {
	host string
	v6   family
	v4   family
}

// family is one address RRset at the end of its CNAME chain.
type family struct {
	usable   []netip.Addr  // global unicast, or opened by --allow
	special  []netip.Addr  // published, but not to be contacted from here
	aliases  []string      // CNAME targets, in order
	loop     bool          // the CNAME chain leads in a circle
	more     bool          // there are more addresses than are looked at
	missing  bool          // an authoritative NODATA or NXDOMAIN
	nxdomain bool          // the name, or the end of its CNAME chain, is not there
	cause    verdict.Cause // set when the question could not be answered
	evidence []verdict.Evidence
}

// present reports whether any address at all is published.
func (f family) present() bool { return len(f.usable)+len(f.special) > 0 }

// addresses looks a host up in both families, once a run. A literal address is
// its own answer.
func (e *Env) addresses(ctx context.Context, host string) addresses {
	if a, err := netip.ParseAddr(host); err == nil {
		return e.literal(host, a.Unmap())
	}
	return e.lookup(ctx, host)
}

// lookup asks the DNS for a name, even one that looks like an address: an MX or
// NS record can only name a host (RFC 5321 section 5.1, RFC 1035 section 3.3.11).
func (e *Env) lookup(ctx context.Context, host string) addresses {
	got, err := e.hosts.get(ctx, e.base, host, func(ctx context.Context) addresses {
		found := addresses{host: host, v6: e.family(ctx, host, dns.TypeAAAA)}
		if e.wantsIPv4() || found.v6.nxdomain { // a name with an A record is there, whatever its server says
			found.v4 = e.family(ctx, host, dns.TypeA)
		}
		return found
	})
	if err != nil {
		f := family{cause: dial.Classify(err)}
		return addresses{host: host, v6: f, v4: f}
	}
	return got
}

// literal is the "look-up" of a host given as an address.
func (e *Env) literal(host string, a netip.Addr) addresses {
	out := addresses{host: host, v6: family{missing: true}, v4: family{missing: true}}
	f := &out.v6
	if a.Is4() {
		f = &out.v4
	}
	f.missing = false
	e.sort(f, a)
	said := []verdict.Evidence{{At: e.Now(), Asked: "the service's entry", Over: "file", Query: host, Answer: "an address, not a name"}}
	out.v6.evidence, out.v4.evidence = said, said
	return out
}

// sort puts a published address where it belongs.
func (e *Env) sort(f *family, a netip.Addr) {
	list := &f.usable
	_, special := dial.Special(a)
	if _, _, nat64 := e.nat64(a); nat64 || special && !e.allowed(a) {
		list = &f.special
	}
	switch {
	case slices.Contains(*list, a):
	case len(*list) == maxAddresses:
		f.more = true
	default:
		*list = append(*list, a)
	}
}

// family asks for one address RRset, following CNAME records from zone to zone.
func (e *Env) family(ctx context.Context, host string, qtype uint16) family {
	var f family
	name := dns.CanonicalName(host)
	seen := []string{name}
	for {
		m, err := e.DNS.Query(ctx, name, qtype)
		if err != nil {
			f.cause = causeOf(err)
			f.evidence = append(f.evidence, evidenceOf(err)...)
			return f
		}
		next, found := e.follow(&f, m, name, qtype)
		switch {
		case found:
			f.evidence = append(f.evidence, e.DNS.Evidence(name, qtype)...)
			return f
		case next == "":
			f.missing, f.nxdomain = true, m.Rcode == dns.RcodeNameError
			f.evidence = append(f.evidence, e.DNS.Evidence(name, qtype)...)
			if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
				f.missing, f.cause = false, verdict.ServFail
			}
			return f
		case slices.Contains(seen, next), len(seen) > maxAliases:
			// A long chain is more work than we do; only a circle is a fault.
			if f.loop = slices.Contains(seen, next); !f.loop {
				f.cause = verdict.OverBudget
			}
			f.evidence = append(f.evidence, e.DNS.Evidence(name, qtype)...)
			return f
		}
		seen = append(seen, next)
		f.aliases = append(f.aliases, strings.TrimSuffix(next, "."))
		name = next
	}
}

// follow takes the addresses of name out of an answer, or else returns the
// CNAME target at which to go on; "" means that there is neither.
func (e *Env) follow(f *family, m *dns.Msg, name string, qtype uint16) (next string, found bool) {
	for range maxAliases {
		next = ""
		for _, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			switch rr := rr.(type) {
			case *dns.AAAA:
				if a, ok := netip.AddrFromSlice(rr.AAAA); ok && qtype == dns.TypeAAAA {
					e.sort(f, a)
					found = true
				}
			case *dns.A:
				if a, ok := netip.AddrFromSlice(rr.A.To4()); ok && qtype == dns.TypeA {
					e.sort(f, a)
					found = true
				}
			case *dns.CNAME:
				next = dns.CanonicalName(rr.Target)
			}
		}
		if found || next == "" || !owns(m, next) {
			return next, found
		}
		if slices.Contains(f.aliases, strings.TrimSuffix(next, ".")) {
			return next, false
		}
		f.aliases = append(f.aliases, strings.TrimSuffix(next, "."))
		name = next
	}
	return next, false
}

// owns reports whether the answer section goes on at name.
func owns(m *dns.Msg, name string) bool {
	return slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
		t := rr.Header().Rrtype
		return dns.CanonicalName(rr.Header().Name) == name && t != dns.TypeRRSIG && t != dns.TypeNSEC
	})
}

// mailHosts is where a domain's mail goes.
type mailHosts struct {
	names    []string
	null     bool // RFC 7505: takes no mail
	implicit bool // no MX: the domain's own addresses (RFC 5321 5.1)
	more     bool // there are more MX hosts than are looked at
	cause    verdict.Cause
	evidence []verdict.Evidence
}

// mailHosts looks up a domain's MX hosts, once a run, sorted by preference.
func (e *Env) mailHosts(ctx context.Context, domain string) mailHosts {
	got, err := e.mails.get(ctx, e.base, domain, func(ctx context.Context) mailHosts { return e.askMX(ctx, domain) })
	if err != nil {
		return mailHosts{cause: dial.Classify(err)}
	}
	return got
}

// askMX asks for the MX set, following aliases: mail for an alias goes where
// mail for its target goes (RFC 5321 section 5.1).
func (e *Env) askMX(ctx context.Context, domain string) mailHosts {
	var out mailHosts
	name := dns.CanonicalName(domain)
	for range maxAliases {
		m, err := e.DNS.Query(ctx, name, dns.TypeMX)
		if err != nil {
			out.cause, out.evidence = causeOf(err), append(out.evidence, evidenceOf(err)...)
			return out
		}
		out.evidence = append(out.evidence, e.DNS.Evidence(name, dns.TypeMX)...)
		if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
			out.cause = verdict.ServFail
			return out
		}
		mx, end := mxAt(m, name)
		if len(mx) > 0 || end == name || m.Rcode == dns.RcodeNameError {
			out.take(mx, domain)
			return out
		}
		name = end
	}
	out.cause = verdict.OverBudget
	return out
}

// mxAt returns the MX records of name in an answer, and the name at the end of
// the aliases in it.
func mxAt(m *dns.Msg, name string) (mx []*dns.MX, end string) {
	for range maxAliases {
		next := ""
		for _, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			switch rr := rr.(type) {
			case *dns.MX:
				mx = append(mx, rr)
			case *dns.CNAME:
				next = dns.CanonicalName(rr.Target)
			}
		}
		if len(mx) > 0 || next == "" {
			break
		}
		name = next
	}
	return mx, name
}

// take notes the hosts of an MX set. A null MX beside others means nothing
// (RFC 7505 section 3).
func (h *mailHosts) take(mx []*dns.MX, domain string) {
	slices.SortStableFunc(mx, func(a, b *dns.MX) int { return int(a.Preference) - int(b.Preference) })
	for _, rr := range mx {
		n := plainName(dns.CanonicalName(rr.Mx))
		switch {
		case n == "":
			h.null = true
		case slices.Contains(h.names, n):
		case len(h.names) == maxMailHosts:
			h.more = true
		default:
			h.names = append(h.names, n)
		}
	}
	switch {
	case len(h.names) > 0:
		h.null = false
	case !h.null:
		h.implicit, h.names = true, []string{domain}
	}
}

// TakesMail reports whether a domain publishes MX hosts.
func (e *Env) TakesMail(ctx context.Context, domain string) bool {
	m := e.mailHosts(ctx, domain)
	return len(m.names) > 0 && !m.implicit
}

// addressResults says which addresses are published, and which cannot be used.
func addressResults(_ context.Context, e *Env, s *subject) []verdict.Result {
	var out []verdict.Result
	if s.Kind == "mail" {
		one := func(r verdict.Reason, subject string, args map[string]string) {
			out = append(out, verdict.Result{Reason: r, Subject: subject, Args: args, Evidence: s.mail.evidence})
		}
		switch {
		case s.mail.cause != "":
			one("aaaa.unknown", s.Host+" (MX)", map[string]string{"cause": string(s.mail.cause)})
		case s.mail.null:
			one("aaaa.null-mx", s.Host, nil)
		case s.mail.implicit:
			one("aaaa.no-mx", s.Host, nil)
		default:
			for _, n := range s.mail.names {
				one("aaaa.mx", n, map[string]string{"host": s.Host})
			}
		}
		if s.mail.more {
			one("aaaa.unknown", s.Host+" (MX)", map[string]string{"cause": string(verdict.OverBudget)})
		}
	}
	out = slices.Grow(out, len(s.hosts))
	for _, h := range s.hosts {
		v6 := h.v6
		v6.nxdomain = v6.nxdomain && !h.v4.present()
		out = e.familyResults(out, h.host, v6, "aaaa")
		if e.wantsIPv4() || h.v4.present() {
			out = e.familyResults(out, h.host, h.v4, "a")
		}
	}
	return out
}

// familyResults words one family of one host, after what is in out; prefix is
// "aaaa" or "a".
func (e *Env) familyResults(out []verdict.Result, host string, f family, prefix string) []verdict.Result {
	before := len(out)
	add := func(what, subject string, args map[string]string) {
		out = append(out, verdict.Result{
			Check: verdict.AAAA, Reason: verdict.Reason(prefix + "." + what), Subject: subject, Args: args, Evidence: f.evidence,
		})
	}
	for _, a := range f.usable {
		add("present", a.String(), map[string]string{"host": host, "via": strings.Join(f.aliases, " → ")})
	}
	for _, a := range f.special {
		if p, v4, ok := e.nat64(a); ok {
			add("nat64", a.String(), map[string]string{"host": host, "range": p.String(), "v4": v4.String()})
			continue
		}
		name, _ := dial.Special(a)
		add("special", a.String(), map[string]string{"host": host, "range": name})
	}
	if f.more {
		add("unknown", host, map[string]string{"cause": string(verdict.OverBudget)})
	}
	switch {
	case len(out) > before:
	case f.cause != "":
		add("unknown", host, map[string]string{"cause": string(f.cause)})
	case prefix == "a":
		add("none", host, nil)
	case f.loop:
		add("cname-loop", host, nil)
	case f.nxdomain && len(f.aliases) > 0:
		add("dangling", host, map[string]string{"target": f.aliases[len(f.aliases)-1]})
	case f.nxdomain:
		add("nxdomain", host, nil)
	default:
		add("nodata", host, nil)
	}
	return out
}

// causeOf says why a look-up failed, in the catalogue's terms.
func causeOf(err error) verdict.Cause {
	var f *resolve.Failure
	if errors.As(err, &f) && f.Cause != "" {
		return f.Cause
	}
	return dial.Classify(err)
}

// evidenceOf is what a failed look-up kept of its attempts.
func evidenceOf(err error) []verdict.Evidence {
	var f *resolve.Failure
	if errors.As(err, &f) {
		return f.Evidence
	}
	return nil
}
