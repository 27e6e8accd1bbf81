package dnssec

import (
	"slices"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// unheard reports that an answer came without EDNS after silence to questions with
// it, as the Source says by the extended error "network error" (RFC 8914 4.24).
// What it lacks may have been lost on the way, so it makes nothing bogus.
func unheard(m *dns.Msg) bool {
	opt := m.IsEdns0()
	return opt != nil && slices.ContainsFunc(opt.Option, func(o dns.EDNS0) bool {
		e, ok := o.(*dns.EDNS0_EDE)
		return ok && e.InfoCode == dns.ExtendedErrorCodeNetworkError
	})
}

// silence words that an answer's signatures could not be had.
func silence(instead Reason, n name, qtype uint16) Reason {
	zone, _ := parseName(instead.Zone)
	return newReason(codeUnheard, zone, n, qtype, "cause", string(verdict.Timeout))
}

// doubted takes back what an answer without EDNS cannot show.
func (f finding) doubted(m *dns.Msg, n name, qtype uint16) finding {
	if f.state == Bogus && unheard(m) {
		f.state, f.reason = Indeterminate, silence(f.reason, n, qtype)
	}
	return f
}

// unsettled reports that another server's answer may be better.
func (f finding) unsettled() bool { return f.state == Bogus || f.reason.Code == codeUnheard }

func (c cut) doubted(m *dns.Msg, n name) cut {
	if c.kind == cutBogus && unheard(m) {
		return cut{kind: cutUnheard, reason: silence(c.reason, n, dns.TypeDS)}
	}
	return c
}

func (c cut) unsettled() bool { return c.kind == cutBogus || c.kind == cutUnheard }

func (r *run) doubted(z *zone, m *dns.Msg) *zone {
	if z.state == Bogus && unheard(m) {
		return r.failed(z.apex, z.parent, Indeterminate, silence(z.reason(), z.apex, dns.TypeDNSKEY))
	}
	return z
}

func (z *zone) unsettled() bool { return z.state == Bogus || z.reason().Code == codeUnheard }
