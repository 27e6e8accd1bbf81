package dnssec

import (
	"context"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// province is the world that most cases start from: one zone for each way of
// being signed, and names for each way of answering.
func province() []spec {
	data := `
www A 192.0.2.1
www AAAA 2001:db8::1
www TXT "one" "two"
web CNAME www
far CNAME www.nsec3.vn.
out CNAME www.plain.vn.
loop1 CNAME loop2
loop2 CNAME loop1
*.wild A 192.0.2.2
*.wild TXT "w"
host.wild A 192.0.2.3
sub.host.wild A 192.0.2.4
a.ent.deep A 192.0.2.5
d DNAME nsec3.vn.
odd\.dot A 192.0.2.6
tab\009x A 192.0.2.7
MiXeD A 192.0.2.8
mx MX 10 MAIL.example.VN.
srv SRV 0 0 443 WWW
uri TYPE65280 \# 3 abcdef
ns A 192.0.2.53
*.wc CNAME www
long DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.nsec3.vn.
`
	return []spec{
		{apex: ".", text: "ns A 192.0.2.53"},
		{apex: "vn.", text: "ns A 192.0.2.53"},
		{apex: "nsec.vn.", text: data},
		{apex: "nsec3.vn.", text: data, nsec3: true, iter: 0},
		{apex: "salted.vn.", text: data, nsec3: true, iter: 12, salt: "aabbccdd"},
		{apex: "opt.vn.", text: data, nsec3: true, optOut: true},
		{apex: "signed.opt.vn.", text: "www A 192.0.2.1"},
		{apex: "unsigned.opt.vn.", text: "www A 192.0.2.1", unsigned: true},
		{apex: "x.empty.opt.vn.", text: "www A 192.0.2.1", unsigned: true},
		{apex: "plain.vn.", text: data, unsigned: true},
		{apex: "below.plain.vn.", text: "www A 192.0.2.1"},
		{apex: "island.vn.", text: "www A 192.0.2.1", noDS: true},
		{apex: "plain3.nsec3.vn.", text: "www A 192.0.2.1", unsigned: true},
		{apex: "plainn.nsec.vn.", text: "www A 192.0.2.1", unsigned: true},
		{apex: "child.nsec.vn.", text: "www A 192.0.2.1\n@ A 192.0.2.9"},
		{apex: "deep.er.nsec.vn.", text: "www A 192.0.2.1"},
		{apex: "sha1.vn.", text: "www A 192.0.2.1", alg: dns.RSASHA1},
		{apex: "sha1n3.vn.", text: "www A 192.0.2.1", alg: dns.RSASHA1NSEC3SHA1, nsec3: true},
		{apex: "rsa256.vn.", text: "www A 192.0.2.1", alg: dns.RSASHA256, bits: 2048},
		{apex: "rsa512.vn.", text: "www A 192.0.2.1", alg: dns.RSASHA512},
		{apex: "small.vn.", text: "www A 192.0.2.1", alg: dns.RSASHA256, bits: 512},
		{apex: "p384.vn.", text: "www A 192.0.2.1", alg: dns.ECDSAP384SHA384},
		{apex: "ed.vn.", text: "www A 192.0.2.1", alg: dns.ED25519},
		{apex: "ds1.vn.", text: "www A 192.0.2.1", digests: []uint8{dns.SHA1}},
		{apex: "ds4.vn.", text: "www A 192.0.2.1", digests: []uint8{dns.SHA384}},
		{apex: "ds12.vn.", text: "www A 192.0.2.1", digests: []uint8{dns.SHA1, dns.SHA256}},
		{apex: "csk.vn.", text: "www A 192.0.2.1", oneKey: true},
	}
}

type question struct {
	name  string
	qtype uint16
	want  State
	rcode int
	n     int    // records in the answer
	code  string // of the first reason, when not secure
}

var goodCases = []question{
	{"www.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"WWW.nSec.VN", dns.TypeAAAA, Secure, 0, 1, ""},
	{"www.nsec.vn.", dns.TypeTXT, Secure, 0, 1, ""},
	{"mixed.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"mx.nsec.vn.", dns.TypeMX, Secure, 0, 1, ""},
	{"srv.nsec.vn.", dns.TypeSRV, Secure, 0, 1, ""},
	{"uri.nsec.vn.", 65280, Secure, 0, 1, ""},
	{`odd\.dot.nsec.vn.`, dns.TypeA, Secure, 0, 1, ""},
	{`tab\009x.nsec.vn.`, dns.TypeA, Secure, 0, 1, ""},
	{`w\119w.nsec.vn.`, dns.TypeA, Secure, 0, 1, ""},
	{"nsec.vn.", dns.TypeSOA, Secure, 0, 1, ""},
	{"nsec.vn.", dns.TypeNS, Secure, 0, 1, ""},
	{"nsec.vn.", dns.TypeDNSKEY, Secure, 0, 2, ""},
	{"nsec.vn.", dns.TypeDS, Secure, 0, 1, ""},
	{".", dns.TypeSOA, Secure, 0, 1, ""},
	{".", dns.TypeDS, Secure, 0, 0, ""},
	{".", dns.TypeDNSKEY, Secure, 0, 2, ""},
	{"vn.", dns.TypeDS, Secure, 0, 1, ""},
	{"nsec.vn.", dns.TypeANY, Secure, 0, 4, ""},
	{"www.nsec.vn.", dns.TypeANY, Secure, 0, 3, ""},
	{"www.nsec.vn.", dns.TypeMX, Secure, 0, 0, ""},
	{"nsec.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"none.nsec.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"x.y.none.nsec.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"zzz.nsec.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"none.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"none.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"ent.deep.nsec.vn.", dns.TypeA, Secure, 0, 0, ""},
	{"deep.nsec.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"deep.nsec.vn.", dns.TypeANY, Secure, 0, 0, ""},
	{"any.wild.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"a.b.c.wild.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"*.wild.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"any.wild.nsec.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"any.wild.nsec.vn.", dns.TypeANY, Secure, 0, 2, ""},
	{"*.wild.nsec.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"x.host.wild.nsec.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"wild.nsec.vn.", dns.TypeA, Secure, 0, 0, ""},
	{"web.nsec.vn.", dns.TypeA, Secure, 0, 2, ""},
	{"web.nsec.vn.", dns.TypeCNAME, Secure, 0, 1, ""},
	{"web.nsec.vn.", dns.TypeMX, Secure, 0, 1, ""},
	{"web.nsec.vn.", dns.TypeDS, Secure, 0, 1, ""},
	{"q.wc.nsec.vn.", dns.TypeA, Secure, 0, 2, ""},
	{"far.nsec.vn.", dns.TypeA, Secure, 0, 2, ""},
	{"www.d.nsec.vn.", dns.TypeA, Secure, 0, 3, ""},
	{"none.d.nsec.vn.", dns.TypeA, Secure, dns.RcodeNameError, 2, ""},
	{"www.d.nsec.vn.", dns.TypeCNAME, Secure, 0, 2, ""},
	{"d.nsec.vn.", dns.TypeDNAME, Secure, 0, 1, ""},
	{"d.nsec.vn.", dns.TypeA, Secure, 0, 0, ""},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaa.long.nsec.vn.", dns.TypeA, Secure, dns.RcodeYXDomain, 1, ""},
	{"child.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"child.nsec.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"www.child.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.deep.er.nsec.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"er.nsec.vn.", dns.TypeA, Secure, 0, 0, ""},

	{"www.nsec3.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.nsec3.vn.", dns.TypeMX, Secure, 0, 0, ""},
	{"nsec3.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"nsec3.vn.", dns.TypeNSEC3PARAM, Secure, 0, 1, ""},
	{"none.nsec3.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"a.b.c.none.nsec3.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"ent.deep.nsec3.vn.", dns.TypeA, Secure, 0, 0, ""},
	{"deep.nsec3.vn.", dns.TypeA, Secure, 0, 0, ""},
	{"any.wild.nsec3.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"a.b.wild.nsec3.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"any.wild.nsec3.vn.", dns.TypeAAAA, Secure, 0, 0, ""},
	{"*.wild.nsec3.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"x.host.wild.nsec3.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"q.wc.nsec3.vn.", dns.TypeA, Secure, 0, 2, ""},
	{"www.nsec3.vn.", dns.TypeDS, Secure, 0, 0, ""},
	{"none.nsec3.vn.", dns.TypeDS, Secure, dns.RcodeNameError, 0, ""},
	{"www.salted.vn.", dns.TypeMX, Secure, 0, 0, ""},
	{"none.salted.vn.", dns.TypeA, Secure, dns.RcodeNameError, 0, ""},
	{"any.wild.salted.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"any.wild.salted.vn.", dns.TypeAAAA, Secure, 0, 0, ""},

	{"www.opt.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.opt.vn.", dns.TypeMX, Secure, 0, 0, ""},
	{"www.signed.opt.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"signed.opt.vn.", dns.TypeDS, Secure, 0, 1, ""},
	{"none.opt.vn.", dns.TypeA, Insecure, dns.RcodeNameError, 0, "dnssec.insecure.opt-out"},
	{"any.wild.opt.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.opt-out"},
	{"any.wild.opt.vn.", dns.TypeAAAA, Insecure, 0, 0, "dnssec.insecure.opt-out"},
	{"www.unsigned.opt.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.opt-out"},
	{"none.unsigned.opt.vn.", dns.TypeA, Insecure, dns.RcodeNameError, 0, "dnssec.insecure.opt-out"},
	{"unsigned.opt.vn.", dns.TypeDS, Insecure, 0, 0, "dnssec.insecure.opt-out"},
	{"empty.opt.vn.", dns.TypeA, Insecure, 0, 0, "dnssec.insecure.opt-out"},
	{"www.x.empty.opt.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.opt-out"},

	{"www.plain.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.unsigned"},
	{"www.plain.vn.", dns.TypeMX, Insecure, 0, 0, "dnssec.insecure.unsigned"},
	{"none.plain.vn.", dns.TypeA, Insecure, dns.RcodeNameError, 0, "dnssec.insecure.unsigned"},
	{"web.plain.vn.", dns.TypeA, Insecure, 0, 2, "dnssec.insecure.unsigned"},
	{"www.d.plain.vn.", dns.TypeA, Insecure, 0, 3, "dnssec.insecure.unsigned"},
	{"far.plain.vn.", dns.TypeA, Insecure, 0, 2, "dnssec.insecure.unsigned"},
	{"out.nsec.vn.", dns.TypeA, Insecure, 0, 2, "dnssec.insecure.unsigned"},
	{"plain.vn.", dns.TypeDS, Secure, 0, 0, ""},
	{"www.below.plain.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.unsigned"},
	{"below.plain.vn.", dns.TypeDNSKEY, Insecure, 0, 2, "dnssec.insecure.unsigned"},
	{"www.island.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.island"},
	{"none.island.vn.", dns.TypeA, Insecure, dns.RcodeNameError, 0, "dnssec.insecure.island"},
	{"www.plainn.nsec.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.unsigned"},
	{"www.plain3.nsec3.vn.", dns.TypeA, Insecure, 0, 1, "dnssec.insecure.unsigned"},
	{"plain3.nsec3.vn.", dns.TypeDS, Secure, 0, 0, ""},

	{"www.sha1.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.sha1n3.vn.", dns.TypeMX, Secure, 0, 0, ""},
	{"www.rsa256.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.rsa512.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.small.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.p384.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.ed.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.ds1.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.ds4.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.ds12.vn.", dns.TypeA, Secure, 0, 1, ""},
	{"www.csk.vn.", dns.TypeA, Secure, 0, 1, ""},

	{"loop1.nsec.vn.", dns.TypeA, Indeterminate, 0, 2, "dnssec.indeterminate.cname-loop"},
	{"loop1.plain.vn.", dns.TypeA, Indeterminate, 0, 2, "dnssec.indeterminate.cname-loop"},
	{"loop1.nsec.vn.", dns.TypeCNAME, Secure, 0, 1, ""},
	{"www.nsec.vn.", dns.TypeRRSIG, Secure, 0, 0, ""}, // the test server has none to give: a NODATA, see below
}

func TestGoodWorld(t *testing.T) {
	w := newWorld(t, province()...)
	shared := w.validator()
	for _, c := range goodCases {
		if c.qtype == dns.TypeRRSIG {
			continue
		}
		t.Run(c.name+" "+typeName(c.qtype), func(t *testing.T) {
			check(t, w.validator().Validate(context.Background(), c.name, c.qtype), c)
			check(t, shared.Validate(context.Background(), c.name, c.qtype), c)
			checkBrief(t, w, c.name, c.qtype)
		})
	}
}

// checkBrief: what is left out for want of a viewer changes no judgement, and there
// is nothing left of it.
func checkBrief(t *testing.T, w *world, name string, qtype uint16) {
	t.Helper()
	v := w.validator()
	want := v.Validate(context.Background(), name, qtype)
	v = w.validator()
	v.Brief = true
	got := v.Validate(context.Background(), name, qtype)
	if reasonsText(got) != reasonsText(want) || got.State != want.State || got.Rcode != want.Rcode || got.Negative != want.Negative ||
		got.Canonical != want.Canonical || !got.Expires.Equal(want.Expires) || !slices.Equal(texts(got.Answer), texts(want.Answer)) {
		t.Errorf("%s %s, brief: %v\n%s\nwant %v\n%s", name, typeName(qtype), got.State, reasonsText(got), want.State, reasonsText(want))
	}
	if len(want.Hops) == 0 || len(got.Hops) > 0 || len(got.Chain) != len(want.Chain) {
		t.Errorf("%s %s: %d steps and %d zones, brief %d and %d", name, typeName(qtype), len(want.Hops), len(want.Chain), len(got.Hops), len(got.Chain))
	}
	for _, l := range got.Chain {
		if l.State == Secure && len(l.Keys)+len(l.Digests)+len(l.Signatures) > 0 {
			t.Errorf("%s, brief: %+v", l.Zone, l)
		}
	}
}

// texts are records as text; the test server does not keep to an order.
func texts(rrs []dns.RR) (out []string) {
	for _, rr := range rrs {
		out = append(out, rr.String())
	}
	slices.Sort(out)
	return out
}

func check(t *testing.T, got Result, c question) {
	t.Helper()
	code := ""
	if len(got.Reasons) > 0 {
		code = string(got.Reasons[0].Code)
	}
	if got.State != c.want || (c.code != "" && code != c.code) {
		t.Errorf("%s %s: %v, want %v %s\n%s", c.name, typeName(c.qtype), got.State, c.want, c.code, reasonsText(got))
	}
	if got.Rcode != c.rcode {
		t.Errorf("rcode %s, want %s", rcodeName(got.Rcode), rcodeName(c.rcode))
	}
	if len(got.Answer) != c.n {
		t.Errorf("%d records in the answer, want %d: %v", len(got.Answer), c.n, got.Answer)
	}
	if got.State == Secure && got.Expires.IsZero() {
		t.Error("a secure result without expiry")
	}
	if len(got.Reasons) == 0 {
		t.Error("no reason given")
	}
}

func reasonsText(r Result) string {
	s := ""
	for _, reason := range r.Reasons {
		s += "  " + string(reason.Code) + ": " + reason.Detail + " [" + reason.Args["why"] + "]\n    " + reason.Record + "\n"
	}
	return s
}
