package dnssec

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const www = "www.nsec.vn."

// brokenCase is the province with one thing changed.
type brokenCase struct {
	title string
	name  string // default www.nsec.vn.
	qtype uint16 // default A
	want  State
	code  string
	do    func(w *world)
}

var signatureCases = []brokenCase{
	{"expired", "", 0, Bogus, "dnssec.bogus.sig-expired", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 1 })
	}},
	{"expires this very second", "", 0, Secure, "", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Expiration = unix(testNow) })
	}},
	{"not yet valid", "", 0, Bogus, "dnssec.bogus.sig-not-yet-valid", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Inception = unix(testNow) + 1 })
	}},
	{"valid from this second", "", 0, Secure, "", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Inception = unix(testNow) })
	}},
	{"ends before it begins", "", 0, Bogus, "dnssec.bogus.sig-dates", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Inception, s.Expiration = s.Expiration, s.Inception })
	}},
	{"inception half the circle back", "", 0, Bogus, "", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Inception = unix(testNow) - 1<<31 - 10 })
	}},
	{"dates changed after signing", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Expiration++ }))
	}},
	{"data changed", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer[0].(*dns.A).A[3]++ })
	}},
	{"record added", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer = append(m.Answer, rr(www+" A 203.0.113.66")) })
	}},
	{"record twice", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer = append(m.Answer, dns.Copy(m.Answer[0])) })
	}},
	{"signature bit flipped", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at(www, dns.TypeA, eachSig(dns.TypeA, flip)) }},
	{"empty signature", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Signature = "" }))
	}},
	{"odd signature", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Signature = "AAAA" }))
	}},
	{"no signature", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at(www, dns.TypeA, stripSig(dns.TypeA)) }},
	{"signature of another type", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.TypeCovered = dns.TypeAAAA }))
	}},
	{"signature of another owner", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Hdr.Name = "ns.nsec.vn." }))
	}},
	{"signature of class CH", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Hdr.Class = dns.ClassCHAOS }))
	}},
	{"signer is a suffix but no ancestor", "", 0, Bogus, "dnssec.bogus.signer-wrong", func(w *world) {
		w.z("nsec.vn.").signingAs(www, dns.TypeA, func(s *dns.RRSIG, k *tkey) {
			*k = w.z("ec.vn.").zsk
			s.SignerName, s.KeyTag = "ec.vn.", k.rr.KeyTag()
		})
	}},
	{"signer below the owner", "", 0, Bogus, "dnssec.bogus.signer-wrong", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.SignerName = "sub.www.nsec.vn." })
	}},
	{"signer is no zone", "", 0, Bogus, "dnssec.bogus.signer-wrong", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.SignerName = www })
	}},
	{"signer in odd case", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.SignerName = "NSec.vN." }))
	}},
	{"too many labels", "", 0, Bogus, "dnssec.bogus.sig-labels", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Labels = 4 }))
	}},
	{"fewer labels than the apex", "", 0, Bogus, "dnssec.bogus.sig-labels", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Labels = 1 }))
	}},
	{"labels of a wildcard that was never signed", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Labels = 2 }))
	}},
	{"unsupported algorithm only", "", 0, Bogus, "dnssec.bogus.sig-unsupported", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Algorithm = dns.ED448 }))
	}},
	{"unsupported algorithm beside a good one", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, beside(func(s *dns.RRSIG) { s.Algorithm = 99 }))
	}},
	{"expired beside a good one", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, beside(func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 9 }))
	}},
	{"broken beside a good one", "", 0, Secure, "", func(w *world) { w.at(www, dns.TypeA, beside(flip)) }},
	{"foreign signer beside a good one", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, beside(func(s *dns.RRSIG) { s.SignerName = "plain.vn." }))
	}},
	{"insecure-looking signer beside a good one", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, beside(func(s *dns.RRSIG) { s.SignerName = "www.nsec.vn." }))
	}},
	{"unknown key tag", "", 0, Bogus, "dnssec.bogus.key-missing", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.KeyTag++ }))
	}},
	{"algorithm does not fit the key", "", 0, Bogus, "dnssec.bogus.key-missing", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.Algorithm = dns.ECDSAP384SHA384 }))
	}},
	{"original TTL changed", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, eachSig(dns.TypeA, func(s *dns.RRSIG) { s.OrigTtl++ }))
	}},
	{"TTL below the original", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer[0].Header().Ttl = 17 })
	}},
	{"owner in odd case", "", 0, Secure, "", func(w *world) { w.at(www, dns.TypeA, rename(www, "wWw.NSEC.vn.")) }},
	{"name in the data in odd case", "mx.nsec.vn.", dns.TypeMX, Secure, "", func(w *world) {
		w.at("mx.nsec.vn.", dns.TypeMX, func(m *dns.Msg) { m.Answer[0].(*dns.MX).Mx = "mail.EXAMPLE.vn." })
	}},
	{"records of unrelated owners beside", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer = append(m.Answer, rr("evil.nsec.vn. A 203.0.113.66")) })
	}},
	{"unsigned NS set in the authority section", "", 0, Secure, "", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Ns = append(m.Ns, rr("nsec.vn. NS evil.vn.")) })
	}},
	{"unsigned CNAME beside the records", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer = append(m.Answer, rr(www+" CNAME evil.vn.")) })
	}},
	{"one of two records gone", "two.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("two.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer = m.Answer[1:] })
	}},
	{"two records in the other order", "two.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("two.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[0], m.Answer[1] = m.Answer[1], m.Answer[0] })
	}},
	{"revoked key", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reflag("nsec.vn.", 256|dns.REVOKE, 3) }},
	{"key without the zone flag", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reflag("nsec.vn.", 0, 3) }},
	{"key of another protocol", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reflag("nsec.vn.", 256, 2) }},
	{"ANY with one set changed", "", dns.TypeANY, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeANY, func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if a, ok := rr.(*dns.AAAA); ok {
					a.AAAA[15]++
				}
			}
		})
	}},
	{"ANY with one set unsigned", "", dns.TypeANY, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at(www, dns.TypeANY, stripSig(dns.TypeTXT)) }},
	{"ANY with one set only (RFC 8482)", "", dns.TypeANY, Secure, "", func(w *world) { w.at(www, dns.TypeANY, do(strip(dns.TypeTXT), strip(dns.TypeA))) }},
	{"ANY answered with nothing", "", dns.TypeANY, Bogus, "dnssec.bogus.denial-invalid", func(w *world) { w.at(www, dns.TypeANY, w.prove("nsec.vn.", 0, www)) }},
	{"positive answer with code NXDOMAIN", "", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })
	}},
}

// beside adds a changed copy of each signature before the good one.
func beside(f func(*dns.RRSIG)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		both(m, func(s []dns.RR) []dns.RR {
			var out []dns.RR
			for _, rr := range s {
				if sig, ok := rr.(*dns.RRSIG); ok {
					bad := dns.Copy(sig).(*dns.RRSIG)
					f(bad)
					out = append(out, bad)
				}
				out = append(out, rr)
			}
			return out
		})
	}
}

// reflag gives the zone-signing key other flags and protocol, and lets the zone
// be signed by it all the same.
func (w *world) reflag(apex string, flags uint16, protocol uint8) {
	z := w.z(apex)
	z.zsk.rr.Flags, z.zsk.rr.Protocol = flags, protocol
	z.signed = map[setKey][]dns.RR{}
}

func withExtras() []spec {
	specs := province()
	for i := range specs {
		switch specs[i].apex {
		case "nsec.vn.", "nsec3.vn.", "plain.vn.":
			specs[i].text += "two A 192.0.2.21\ntwo A 192.0.2.22\nback CNAME www.nsec.vn.\ntobad CNAME www.bad.vn.\ngone CNAME www.gone.vn.\n"
		}
	}
	return append(specs, spec{apex: "ec.vn.", text: "www A 192.0.2.1"}, spec{apex: "bad.vn.", text: "www A 192.0.2.1"}, spec{apex: "gone.vn.", text: "www A 192.0.2.1"})
}

func runCases(t *testing.T, cases []brokenCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t, withExtras()...)
			c.do(w)
			name, qtype := c.name, c.qtype
			if name == "" {
				name = www
			}
			if qtype == 0 {
				qtype = dns.TypeA
			}
			res := w.validator().Validate(context.Background(), name, qtype)
			judge(t, res, c.want, c.code)
			checkBrief(t, w, name, qtype)
		})
	}
}

func judge(t testing.TB, res Result, want State, code string) {
	t.Helper()
	got := ""
	if len(res.Reasons) > 0 {
		got = string(res.Reasons[0].Code)
	}
	if res.State != want || code != "" && got != code {
		t.Errorf("%v %s, want %v %s\n%s", res.State, got, want, code, reasonsText(res))
	}
	for i, r := range res.Reasons {
		if r.Detail == "" || strings.Contains(r.Detail, "…") {
			t.Errorf("%s: detail with gaps: %q", r.Code, r.Detail)
		}
		if res.State == Bogus && i == 0 && (r.Zone == "" || r.Owner.Role == "") {
			t.Errorf("%s: bogus without zone or owner", r.Code)
		}
	}
}

func TestSignatures(t *testing.T) { runCases(t, signatureCases) }

// The library's own serial arithmetic is not used; 2106 is where 32 bits end.
func TestSignatureDatesWrap(t *testing.T) {
	for _, c := range []struct {
		title    string
		from, to time.Duration
		want     State
		code     string
	}{
		{"valid over the wrap", -10 * 24 * time.Hour, 10 * 24 * time.Hour, Secure, ""},
		{"expired before the wrap", -20 * 24 * time.Hour, -3 * 24 * time.Hour, Bogus, "dnssec.bogus.sig-expired"},
		{"begins after it", 24 * time.Hour, 48 * time.Hour, Bogus, "dnssec.bogus.sig-not-yet-valid"},
	} {
		t.Run(c.title, func(t *testing.T) {
			wrap := time.Unix(1<<32, 0).Add(36 * time.Hour)
			w := newWorld(t, province()...)
			for _, z := range w.zones {
				z.from, z.to = wrap.Add(-24*time.Hour*7), wrap.Add(24*time.Hour*7)
			}
			w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) {
				s.Inception, s.Expiration = unix(wrap.Add(c.from)), unix(wrap.Add(c.to))
			})
			v := New(w, w.anchors, func() time.Time { return wrap })
			res := v.Validate(context.Background(), www, dns.TypeA)
			judge(t, res, c.want, c.code)
			if c.want == Secure && res.Expires.Before(wrap) {
				t.Errorf("expires %v", res.Expires)
			}
		})
	}
}

func TestTTLNeverOutlivesSignature(t *testing.T) {
	w := newWorld(t, province()...)
	w.z("nsec.vn.").signing(www, dns.TypeA, func(s *dns.RRSIG) { s.Expiration = unix(testNow) + 60 })
	w.at("www.nsec3.vn.", dns.TypeA, func(m *dns.Msg) { m.Answer[0].Header().Ttl = 99999 })
	v := w.validator()
	for name, want := range map[string]uint32{www: 60, "www.nsec3.vn.": 3600} {
		res := v.Validate(context.Background(), name, dns.TypeA)
		if res.State != Secure || res.Answer[0].Header().Ttl != want {
			t.Errorf("%s: %v, TTL %d, want %d", name, res.State, res.Answer[0].Header().Ttl, want)
		}
	}
}
