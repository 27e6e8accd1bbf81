package dnssec

import (
	"context"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// plainly is an answer as it comes without EDNS; after silence to it, where told.
func plainly(m *dns.Msg, silent bool) *dns.Msg {
	m = m.Copy()
	for _, t := range []uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3} {
		strip(t)(m)
	}
	m.Extra = nil
	if silent {
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNetworkError}}
	}
	return m
}

// several servers answer one question each in its way, the first to Query.
type several struct {
	*world
	q    string
	ways []func(*dns.Msg) *dns.Msg
	next int
}

func (s *several) Query(ctx context.Context, n string, t uint16) (*dns.Msg, error) {
	m, err := s.world.Query(ctx, n, t)
	if err == nil && key16(mustName(n), t) == s.q {
		m = s.ways[0](m)
	}
	return m, err
}

func (s *several) Retry(ctx context.Context, n string, t uint16, _ *dns.Msg) (*dns.Msg, error) {
	if s.next++; key16(mustName(n), t) != s.q || s.next >= len(s.ways) {
		return nil, nil
	}
	m, err := s.world.Query(ctx, n, t)
	return s.ways[s.next](m), err
}

// TestSilenceToEDNS: what an answer lacks that could be had only without EDNS, since
// the path or the server loses the rest, makes nothing bogus; what another server
// lacks that does hear us does.
func TestSilenceToEDNS(t *testing.T) {
	good := func(m *dns.Msg) *dns.Msg { return m }
	silent := func(m *dns.Msg) *dns.Msg { return plainly(m, true) }
	unsigned := func(m *dns.Msg) *dns.Msg { return plainly(m, false) }
	for _, c := range []struct {
		title string
		ways  []func(*dns.Msg) *dns.Msg
		want  State
		code  string
	}{
		{"silence", []func(*dns.Msg) *dns.Msg{silent}, Indeterminate, "dnssec.indeterminate.edns-silence"},
		{"silence everywhere", []func(*dns.Msg) *dns.Msg{silent, silent}, Indeterminate, "dnssec.indeterminate.edns-silence"},
		{"silence, then heard", []func(*dns.Msg) *dns.Msg{silent, good}, Secure, "dnssec.secure"},
		{"silence, then unsigned", []func(*dns.Msg) *dns.Msg{silent, unsigned}, Bogus, ""},
		{"unsigned, then silence", []func(*dns.Msg) *dns.Msg{unsigned, silent}, Bogus, ""},
		{"unsigned, silence, then heard", []func(*dns.Msg) *dns.Msg{unsigned, silent, good}, Secure, "dnssec.secure"},
	} {
		for _, q := range []question{{name: www, qtype: dns.TypeA}, {name: "nsec.vn.", qtype: dns.TypeDNSKEY}, {name: "nsec.vn.", qtype: dns.TypeDS},
			{name: "none.nsec.vn.", qtype: dns.TypeA}, {name: "plain.vn.", qtype: dns.TypeDS}} {
			w := newWorld(t, province()...)
			s := &several{world: w, q: key16(mustName(q.name), q.qtype), ways: c.ways}
			asked := question{name: www, qtype: dns.TypeA}
			if q.name == "none.nsec.vn." {
				asked = q
			}
			if q.name == "plain.vn." {
				asked = question{name: "www.plain.vn.", qtype: dns.TypeA}
			}
			got := New(s, w.anchors, func() time.Time { return testNow }).Validate(t.Context(), asked.name, asked.qtype)
			want, code := c.want, c.code
			if q.name == "plain.vn." && want == Secure {
				want, code = Insecure, "dnssec.insecure.unsigned"
			}
			if got.State != want || code != "" && string(got.Reasons[0].Code) != code {
				t.Errorf("%s, %s %s: %v\n%s", c.title, q.name, typeName(q.qtype), got.State, reasonsText(got))
			}
			disagree := false
			for _, r := range got.Reasons {
				disagree = disagree || r.Code == codeDisagree
			}
			if disagree != (c.title == "unsigned, silence, then heard") {
				t.Errorf("%s, %s %s: that servers disagree: %v", c.title, q.name, typeName(q.qtype), disagree)
			}
		}
	}
}
