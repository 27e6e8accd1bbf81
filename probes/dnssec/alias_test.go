package dnssec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// refusedBySource stands for the resolver's own error type.
type refusedBySource struct{ cause verdict.Cause }

func (e refusedBySource) Error() string               { return "no server answered" }
func (e refusedBySource) VerdictCause() verdict.Cause { return e.cause }

// emptySource is servers that disclaim authority and say nothing.
type emptySource struct{ refusedBySource }

func (emptySource) Disclaimed() *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Question: []dns.Question{{Name: "x.", Qtype: dns.TypeA, Qclass: dns.ClassINET}}}
}

// An empty answer without authority counts as one where the zone is known to be
// unsigned, or nothing is known of it; never where a proof is due.
func TestEmptyAnswers(t *testing.T) {
	w := newWorld(t, province()...)
	lame := emptySource{refusedBySource{verdict.Lame}}
	for _, c := range []struct {
		name  string
		state State
		code  verdict.Reason
		rcode int
		empty bool
	}{
		{www, Indeterminate, codeUnreachable, dns.RcodeServerFailure, false},
		{"www.plain.vn.", Insecure, codeUnsigned, dns.RcodeSuccess, true},
	} {
		w.errs[c.name+" A"] = lame
		res := w.validator().Validate(context.Background(), c.name, dns.TypeA)
		told := slices.ContainsFunc(res.Reasons, func(r Reason) bool { return r.Code == codeEmpty })
		if res.State != c.state || res.Reasons[0].Code != c.code || res.clientRcode() != c.rcode || told != c.empty || len(res.Answer) > 0 {
			t.Errorf("%s: %v %s %v", c.name, res.State, dns.RcodeToString[res.clientRcode()], res.Reasons)
		}
	}
	res := New(w, nil, func() time.Time { return testNow }).Validate(context.Background(), www, dns.TypeA)
	if res.State != Indeterminate || res.Reasons[0].Code != codeNoAnchor || res.clientRcode() != dns.RcodeSuccess {
		t.Errorf("without an anchor: %v %v", res.State, res.Reasons)
	}
}

var aliasCases = []brokenCase{
	{"CNAME broken", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at("web.nsec.vn.", dns.TypeA, eachSig(dns.TypeCNAME, flip)) }},
	{"CNAME unsigned", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at("web.nsec.vn.", dns.TypeA, stripSig(dns.TypeCNAME)) }},
	{"CNAME changed", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[0].(*dns.CNAME).Target = "evil.vn." })
	}},
	{"CNAME with its target in one message", "web.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = append(m.Answer, w.z("nsec.vn.").answer(mustName(www), dns.TypeA).Answer...)
		})
	}},
	{"CNAME with a broken target in one message, good when asked", "web.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			for _, rr := range w.z("nsec.vn.").answer(mustName(www), dns.TypeA).Answer {
				rr = dns.Copy(rr)
				if a, ok := rr.(*dns.A); ok {
					a.A[0]++
				}
				m.Answer = append(m.Answer, rr)
			}
		})
	}},
	{"CNAME into a broken zone", "tobad.nsec.vn.", 0, Bogus, "dnssec.bogus.ds-mismatch", func(w *world) { w.badDigest("bad.vn.", 0) }},
	{"CNAME from an unsigned zone into a broken one", "tobad.plain.vn.", 0, Bogus, "dnssec.bogus.ds-mismatch", func(w *world) { w.badDigest("bad.vn.", 0) }},
	{"CNAME from an unsigned zone into a signed one", "back.plain.vn.", 0, Insecure, "dnssec.insecure.unsigned", func(w *world) {}},
	{"CNAME to a name without the type", "web.nsec.vn.", dns.TypeMX, Secure, "", func(w *world) {}},
	{"CNAME to a name that is denied wrongly", "web.nsec.vn.", dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at(www, dns.TypeMX, strip(dns.TypeNSEC))
	}},
	{"CNAME to a zone out of reach", "gone.nsec.vn.", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) {
		w.errs["www.gone.vn. A"] = refusedBySource{verdict.Timeout}
	}},
	{"CNAME from an unsigned zone to one out of reach", "gone.plain.vn.", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) {
		w.errs["www.gone.vn. A"] = refusedBySource{verdict.Timeout}
	}},
	{"DNAME broken", "www.d.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at("www.d.nsec.vn.", dns.TypeA, eachSig(dns.TypeDNAME, flip)) }},
	{"DNAME unsigned", "www.d.nsec.vn.", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at("www.d.nsec.vn.", dns.TypeA, stripSig(dns.TypeDNAME)) }},
	{"DNAME without the CNAME", "www.d.nsec.vn.", 0, Secure, "", func(w *world) { w.at("www.d.nsec.vn.", dns.TypeA, strip(dns.TypeCNAME)) }},
	{"DNAME with another CNAME", "www.d.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("www.d.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[len(m.Answer)-1].(*dns.CNAME).Target = "evil.vn." })
	}},
	{"DNAME with the CNAME in odd case", "www.d.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("www.d.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[len(m.Answer)-1].(*dns.CNAME).Target = "WWW.nsec3.VN." })
	}},
	{"DNAME gone, its CNAME left", "www.d.nsec.vn.", 0, Bogus, "", func(w *world) { w.at("www.d.nsec.vn.", dns.TypeA, strip(dns.TypeDNAME)) }},
	{"DNAME of another owner", "www.nsec.vn.", 0, Bogus, "", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { w.from("nsec.vn.", "www.d.nsec.vn.", dns.TypeA)(m) })
	}},
}

func TestAliases(t *testing.T) { runCases(t, aliasCases) }

var sourceCases = []brokenCase{
	{"no answer", "", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) { w.errs[www+" A"] = refusedBySource{verdict.Timeout} }},
	{"no answer for DS", "", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) { w.errs["nsec.vn. DS"] = refusedBySource{verdict.Lame} }},
	{"no answer for DNSKEY", "", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) { w.errs["nsec.vn. DNSKEY"] = refusedBySource{verdict.Reset} }},
	{"no answer for the root's DNSKEY", "", 0, Indeterminate, "dnssec.indeterminate.unreachable", func(w *world) { w.errs[". DNSKEY"] = errors.New("?") }},
	{"SERVFAIL", "", 0, Indeterminate, "dnssec.indeterminate.servfail", func(w *world) { w.at(www, dns.TypeA, code(dns.RcodeServerFailure)) }},
	{"REFUSED", "", 0, Indeterminate, "dnssec.indeterminate.servfail", func(w *world) { w.at(www, dns.TypeA, code(dns.RcodeRefused)) }},
	{"SERVFAIL for DS", "", 0, Indeterminate, "dnssec.indeterminate.servfail", func(w *world) { w.at("nsec.vn.", dns.TypeDS, code(dns.RcodeServerFailure)) }},
	{"SERVFAIL for DNSKEY", "", 0, Indeterminate, "dnssec.indeterminate.servfail", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, code(dns.RcodeServerFailure)) }},
	{"no answer for DS below an unsigned zone", "www.below.plain.vn.", 0, Insecure, "", func(w *world) { w.errs["below.plain.vn. DS"] = errors.New("?") }},
}

func code(rcode int) func(*dns.Msg) {
	return func(m *dns.Msg) { m.Answer, m.Ns, m.Rcode = nil, nil, rcode }
}

func TestSourceFailures(t *testing.T) { runCases(t, sourceCases) }

func TestCauses(t *testing.T) {
	w := newWorld(t, province()...)
	v := w.validator()
	for _, c := range []struct {
		err  error
		want verdict.Cause
	}{
		{refusedBySource{verdict.Timeout}, verdict.Timeout},
		{fmt.Errorf("asking: %w", refusedBySource{verdict.Lame}), verdict.Lame},
		{context.DeadlineExceeded, verdict.Deadline},
		{context.Canceled, verdict.Cancelled},
		{errors.New("something"), verdict.OtherCause},
	} {
		w.errs[www+" A"] = c.err
		res := v.Validate(context.Background(), www, dns.TypeA)
		if res.State != Indeterminate || res.Reasons[0].Cause != c.want || res.Rcode != dns.RcodeServerFailure {
			t.Errorf("%v: %v, cause %q, want %q", c.err, res.State, res.Reasons[0].Cause, c.want)
		}
	}
}

// twoServers answers badly first and well when asked again.
type twoServers struct {
	*world
	good *world
	n    int
}

func (s *twoServers) Retry(ctx context.Context, name string, qtype uint16, _ *dns.Msg) (*dns.Msg, error) {
	if s.n++; s.n > 1 {
		return nil, nil
	}
	return s.good.Query(ctx, name, qtype)
}

func TestBogusAnswerIsTriedElsewhere(t *testing.T) {
	for _, c := range []struct {
		title string
		do    func(*world)
		want  State
		code  string // among the reasons
	}{
		{"answer", func(w *world) { w.at(www, dns.TypeA, eachSig(dns.TypeA, flip)) }, Secure, "dnssec.servers-disagree"},
		{"DNSKEY", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, flip)) }, Secure, "dnssec.servers-disagree"},
		{"DS", func(w *world) { w.at("nsec.vn.", dns.TypeDS, strip(dns.TypeDS)) }, Secure, "dnssec.servers-disagree"},
		{"two things", func(w *world) {
			w.at(www, dns.TypeA, eachSig(dns.TypeA, flip))
			w.at("nsec.vn.", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, flip))
		}, Bogus, ""},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t, province()...)
			bad := &world{zones: w.zones, asked: map[string]int{}}
			c.do(bad)
			src := &twoServers{world: bad, good: w}
			v := New(src, w.anchors, func() time.Time { return testNow })
			res := v.Validate(context.Background(), www, dns.TypeA)
			found := c.code == ""
			for _, r := range res.Reasons {
				found = found || string(r.Code) == c.code
			}
			if res.State != c.want || !found {
				t.Errorf("%v, want %v with %s\n%s", res.State, c.want, c.code, reasonsText(res))
			}
		})
	}
}
