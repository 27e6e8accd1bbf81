package resolve

import (
	"errors"

	"github.com/miekg/dns"
)

// insist asks with ask, and again as long as the reply itself says how: over TCP,
// where that is open to it, after truncation or a reply without its cookie; with
// the cookie that BADCOOKIE brings, then over TCP (RFC 7873 5.3); without a cookie
// and then without EDNS where the server refuses what it does not know (RFC 6891
// 7). It returns how the last question was asked and its error; forgot says that
// a cookie was missing on the way.
func insist(h how, tcp bool, ask func(how) (*dns.Msg, error)) (used how, forgot bool, err error) {
	bad := 0 // BADCOOKIE replies
	for {
		m, err := ask(h)
		next := h
		switch {
		case errors.Is(err, errNoCookie):
			forgot = true
			next.tcp = h.tcp || tcp
		case err != nil:
		case m.Rcode == dns.RcodeBadCookie:
			bad++
			switch {
			case bad == 1 && h.edns:
				next.cookie, next.wary = true, false
				if next == h {
					continue // the same again, with what it gave us
				}
			case tcp:
				next.tcp = true
			}
		case rejectsCookie(m) && h.edns && h.cookie:
			next.cookie = false
		case rejectsEDNS(m) && h.edns:
			next.edns, next.cookie = false, false
		case m.Truncated && tcp && !h.tcp:
			next.tcp, next.cut = true, true
		}
		if next == h {
			return h, forgot, err
		}
		h = next
	}
}

// rejectsCookie says whether a reply may refuse the COOKIE option rather than
// the question: servers should pass over options that they do not know (RFC 6891
// 6.1.2), and some do not.
func rejectsCookie(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || rejectsEDNS(m)
}

// rejectsEDNS says whether a reply refuses the OPT record rather than the
// question (RFC 6891 7): an error without an OPT record of its own, or BADVERS.
func rejectsEDNS(m *dns.Msg) bool {
	switch m.Rcode {
	case dns.RcodeFormatError, dns.RcodeNotImplemented:
		return m.IsEdns0() == nil
	case dns.RcodeBadVers:
		return true
	}
	return false
}
