package dnssec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// refusedBySource stands for the resolver's own error type.
type refusedBySource struct{ cause verdict.Cause }

func (e refusedBySource) Error() string               { return "no server answered" }
func (e refusedBySource) VerdictCause() verdict.Cause { return e.cause }

var aliasCases = []brokenCase{
	{"CNAME broken", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at("web.nsec.vn.", dns.TypeA, eachSig(dns.TypeCNAME, flip)) }},
	{"CNAME unsigned", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at("web.nsec.vn.", dns.TypeA, stripSig(dns.TypeCNAME)) }},
	{"CNAME changed", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[0].(*dns.CNAME).Target = "evil.vn." })
	}},
	{"CNAME with its target in one message", "web.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer = append(m.Answer, w.z("nsec.vn.").answer(mustName(www), dns.TypeA).Answer...) })
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
	{"DNAME with another CNAME", "www.d.nsec.vn.", 0, Bogus, "dnssec.bogus.dname-mismatch", func(w *world) {
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

func anchorsOf(t *testing.T, text string) []dns.RR {
	t.Helper()
	a, err := ReadAnchors(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnchorChoice(t *testing.T) {
	w := newWorld(t, withExtras()...)
	at := func(apex string) dns.RR { return w.z(apex).ksk.rr.ToDS(dns.SHA256) }
	key := func(apex string) dns.RR { return dns.Copy(w.z(apex).ksk.rr) }
	wrong := func(apex string) dns.RR {
		d := w.z(apex).ksk.rr.ToDS(dns.SHA256)
		d.Digest = strings.Repeat("0", 64)
		return d
	}
	unsupportedAnchor := func(apex string) dns.RR {
		d := w.z(apex).ksk.rr.ToDS(dns.SHA256)
		d.Algorithm = dns.ED448
		return d
	}
	revoked := func(apex string) dns.RR {
		k := dns.Copy(w.z(apex).ksk.rr).(*dns.DNSKEY)
		k.PublicKey = w.z("vn.").ksk.rr.PublicKey
		return k
	}
	for _, c := range []struct {
		title   string
		anchors []dns.RR
		name    string
		qtype   uint16
		want    State
		code    string
	}{
		{"none", nil, www, dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"elsewhere", []dns.RR{at("plain3.nsec3.vn.")}[:0], "www.vn.", dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"of the zone", []dns.RR{at("nsec.vn.")}, www, dns.TypeA, Secure, ""},
		{"of the zone, for its apex", []dns.RR{at("nsec.vn.")}, "nsec.vn.", dns.TypeDNSKEY, Secure, ""},
		{"of the zone, for a signed child", []dns.RR{at("nsec.vn.")}, "www.child.nsec.vn.", dns.TypeA, Secure, ""},
		{"of the zone, for its DS", []dns.RR{at("nsec.vn.")}, "nsec.vn.", dns.TypeDS, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"of the zone and of the parent, for its DS", []dns.RR{at("nsec.vn."), at("vn.")}, "nsec.vn.", dns.TypeDS, Secure, ""},
		{"of the zone, for a sibling", []dns.RR{at("nsec.vn.")}, www3, dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"of the zone, for a name that only ends like it", []dns.RR{at("ec.vn.")}, www, dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"of the zone, alias out of it", []dns.RR{at("nsec.vn.")}, "far.nsec.vn.", dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"two islands, alias between them", []dns.RR{at("nsec.vn."), at("nsec3.vn.")}, "far.nsec.vn.", dns.TypeA, Secure, ""},
		{"of an island", []dns.RR{at("."), at("island.vn.")}, "www.island.vn.", dns.TypeA, Secure, ""},
		{"below an unsigned zone", []dns.RR{at("."), at("below.plain.vn.")}, "www.below.plain.vn.", dns.TypeA, Secure, ""},
		{"root only, same name", []dns.RR{at(".")}, "www.below.plain.vn.", dns.TypeA, Insecure, ""},
		{"as DNSKEY", []dns.RR{key(".")}, www, dns.TypeA, Secure, ""},
		{"as DNSKEY of an island", []dns.RR{key("island.vn.")}, "none.island.vn.", dns.TypeA, Secure, ""},
		{"wrong digest", []dns.RR{wrong(".")}, www, dns.TypeA, Bogus, "dnssec.bogus.anchor-mismatch"},
		{"wrong DNSKEY", []dns.RR{revoked(".")}, www, dns.TypeA, Bogus, "dnssec.bogus.anchor-mismatch"},
		{"wrong and right at one owner", []dns.RR{wrong("."), at(".")}, www, dns.TypeA, Secure, ""},
		{"closer one wrong", []dns.RR{at("."), wrong("nsec.vn.")}, www, dns.TypeA, Bogus, "dnssec.bogus.anchor-mismatch"},
		{"farther one wrong", []dns.RR{wrong("."), at("nsec.vn.")}, www, dns.TypeA, Secure, ""},
		{"unsupported algorithm", []dns.RR{unsupportedAnchor(".")}, www, dns.TypeA, Insecure, "dnssec.insecure.anchor-algorithm"},
		{"unsupported beside a good one", []dns.RR{unsupportedAnchor("."), at(".")}, www, dns.TypeA, Secure, ""},
		{"at a zone that is not signed", []dns.RR{rr("plain.vn. DS 1 13 2 " + strings.Repeat("AB", 32))}, "www.plain.vn.", dns.TypeA, Bogus, "dnssec.bogus.dnskey-missing"},
	} {
		t.Run(c.title, func(t *testing.T) {
			v := New(w, c.anchors, func() time.Time { return testNow })
			judge(t, v.Validate(context.Background(), c.name, c.qtype), c.want, c.code)
		})
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
