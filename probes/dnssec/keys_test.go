package dnssec

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var keyCases = []brokenCase{
	{"no DNSKEY", "", 0, Bogus, "dnssec.bogus.dnskey-missing", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, strip(dns.TypeDNSKEY)) }},
	{"no DNSKEY, proven", "", 0, Bogus, "dnssec.bogus.dnskey-missing", func(w *world) {
		w.at("nsec.vn.", dns.TypeDNSKEY, w.prove("nsec.vn.", 0, "nsec.vn."))
	}},
	{"DNSKEY answered NXDOMAIN", "", 0, Bogus, "dnssec.bogus.dnskey-missing", func(w *world) {
		w.at("nsec.vn.", dns.TypeDNSKEY, func(m *dns.Msg) { m.Answer, m.Rcode = nil, dns.RcodeNameError })
	}},
	{"DS for a key that is not there", "", 0, Bogus, "dnssec.bogus.no-dnskey-for-ds", func(w *world) {
		w.rekey("nsec.vn.", func(z *tzone) { z.z("vn.", w).sets[ds("nsec.vn.")][0].(*dns.DS).KeyTag++ })
	}},
	{"DS digest wrong", "", 0, Bogus, "dnssec.bogus.ds-mismatch", func(w *world) { w.badDigest("nsec.vn.", 0) }},
	{"DS algorithm wrong", "", 0, Bogus, "dnssec.bogus.no-dnskey-for-ds", func(w *world) {
		w.z("vn.").sets[ds("nsec.vn.")][0].(*dns.DS).Algorithm = dns.ECDSAP384SHA384
	}},
	{"DNSKEY set signed by the wrong key", "", 0, Bogus, "dnssec.bogus.dnskey-unsigned", func(w *world) { w.z("nsec.vn.").ksk = w.z("nsec.vn.").zsk }},
	{"DNSKEY signature expired", "", 0, Bogus, "dnssec.bogus.sig-expired", func(w *world) {
		w.z("nsec.vn.").signing("nsec.vn.", dns.TypeDNSKEY, func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 60 })
	}},
	{"DNSKEY signature gone", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, stripSig(dns.TypeDNSKEY)) }},
	{"DNSKEY signature broken", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at("nsec.vn.", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, flip)) }},
	{"DNSKEY signature of the parent's name", "", 0, Bogus, "dnssec.bogus.signer-wrong", func(w *world) {
		w.at("nsec.vn.", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, func(s *dns.RRSIG) { s.SignerName = "vn." }))
	}},
	{"key added to the set", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("nsec.vn.", dns.TypeDNSKEY, func(m *dns.Msg) { m.Answer = append(m.Answer, w.z("ec.vn.").renamed("nsec.vn.")) })
	}},
	{"DS names a revoked key", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reKSK("nsec.vn.", 257|dns.REVOKE, 3) }},
	{"DS names a key without the zone flag", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reKSK("nsec.vn.", 1, 3) }},
	{"DS names a key of another protocol", "", 0, Bogus, "dnssec.bogus.key-unusable", func(w *world) { w.reKSK("nsec.vn.", 257, 4) }},
	{"DS of unsupported algorithm only", "", 0, Insecure, "dnssec.insecure.algorithm", func(w *world) { w.dsAs("nsec.vn.", dns.ED448, dns.SHA256) }},
	{"DS of forbidden algorithm only", "", 0, Insecure, "dnssec.insecure.algorithm", func(w *world) { w.dsAs("nsec.vn.", dns.RSAMD5, dns.SHA256) }},
	{"DS of private algorithm only", "", 0, Insecure, "dnssec.insecure.algorithm", func(w *world) { w.dsAs("nsec.vn.", dns.PRIVATEDNS, dns.SHA256) }},
	{"DS of unassigned algorithm only", "", 0, Insecure, "dnssec.insecure.algorithm", func(w *world) { w.dsAs("nsec.vn.", 200, dns.SHA256) }},
	{"DS of GOST digest only", "", 0, Insecure, "dnssec.insecure.digest", func(w *world) { w.dsAs("nsec.vn.", dns.ECDSAP256SHA256, dns.GOST94) }},
	{"DS of unassigned digest only", "", 0, Insecure, "dnssec.insecure.digest", func(w *world) { w.dsAs("nsec.vn.", dns.ECDSAP256SHA256, 99) }},
	{"DS of unsupported algorithm beside a good one", "", 0, Secure, "", func(w *world) {
		w.moreDS("nsec.vn.", rr("nsec.vn. 3600 DS 1 16 2 "+strings.Repeat("AB", 32)))
	}},
	{"DS for a missing key beside a good one", "", 0, Secure, "", func(w *world) {
		w.moreDS("nsec.vn.", rr("nsec.vn. 3600 DS 1 13 2 "+strings.Repeat("AB", 32)))
	}},
	{"SHA-1 good, SHA-256 wrong", "www.ds12.vn.", 0, Bogus, "dnssec.bogus.ds-mismatch", func(w *world) { w.badDigest("ds12.vn.", 1) }},
	{"SHA-1 wrong, SHA-256 good", "www.ds12.vn.", 0, Secure, "", func(w *world) { w.badDigest("ds12.vn.", 0) }},
	{"SHA-1 good, SHA-256 of an unsupported algorithm", "www.ds12.vn.", 0, Secure, "", func(w *world) {
		w.z("vn.").sets[ds("ds12.vn.")][1].(*dns.DS).Algorithm = dns.ED448
	}},
	{"SHA-384 wrong, SHA-256 good", "", 0, Secure, "", func(w *world) {
		w.moreDS("nsec.vn.", w.z("nsec.vn.").ksk.rr.ToDS(dns.SHA384))
		w.badDigest("nsec.vn.", 1)
	}},
	{"DS signature broken", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at("nsec.vn.", dns.TypeDS, eachSig(dns.TypeDS, flip)) }},
	{"DS signature expired", "", 0, Bogus, "dnssec.bogus.sig-expired", func(w *world) {
		w.z("vn.").signing("nsec.vn.", dns.TypeDS, func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 60 })
	}},
	{"DS unsigned", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at("nsec.vn.", dns.TypeDS, stripSig(dns.TypeDS)) }},
	{"DS signed by the child", "", 0, Bogus, "dnssec.bogus.signer-wrong", func(w *world) {
		z := w.z("nsec.vn.")
		w.z("vn.").signingAs("nsec.vn.", dns.TypeDS, func(s *dns.RRSIG, k *tkey) {
			*k = z.ksk
			s.SignerName, s.KeyTag = "nsec.vn.", k.rr.KeyTag()
		})
	}},
	{"DS gone without proof", "", 0, Bogus, "dnssec.bogus.ds-unproven", func(w *world) { w.at("nsec.vn.", dns.TypeDS, strip(dns.TypeDS)) }},
	{"DS gone, denial shows it", "", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("nsec.vn.", dns.TypeDS, w.prove("vn.", 0, "nsec.vn."))
	}},
	{"DS denied by the child's apex", "", 0, Bogus, "", func(w *world) {
		w.at("nsec.vn.", dns.TypeDS, w.prove("nsec.vn.", 0, "nsec.vn."))
	}},
	{"DS in the authority section, as in a referral", "", 0, Secure, "", func(w *world) {
		w.everywhere(func(m *dns.Msg) {
			if m.Question[0].Qtype == dns.TypeDS && len(m.Answer) > 0 {
				m.Ns, m.Answer = append(m.Answer, rr(m.Question[0].Name+" NS ns.elsewhere.")), nil
			}
		})
	}},
	{"unsigned delegation, NSEC without NS", "www.plain.vn.", 0, Bogus, "", func(w *world) {
		w.at("plain.vn.", dns.TypeDS, w.prove("vn.", 0, "ns.vn."))
	}},
	{"unsigned delegation without proof", "www.plain.vn.", 0, Bogus, "dnssec.bogus.ds-unproven", func(w *world) {
		w.at("plain.vn.", dns.TypeDS, func(m *dns.Msg) { m.Ns = nil })
	}},
	{"unsigned delegation, proof unsigned", "www.plain.vn.", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at("plain.vn.", dns.TypeDS, stripSig(dns.TypeNSEC))
	}},
	{"unsigned delegation, proof expired", "www.plain.vn.", 0, Bogus, "dnssec.bogus.sig-expired", func(w *world) {
		w.z("vn.").signing("plain.vn.", dns.TypeNSEC, func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 60 })
	}},
	{"DS answered with a CNAME", "www.nsec.vn.", 0, Bogus, "", func(w *world) {
		w.at("nsec.vn.", dns.TypeDS, func(m *dns.Msg) { m.Answer = []dns.RR{rr("nsec.vn. CNAME plain.vn.")} })
	}},
	{"unreadable key beside the good ones", "", 0, Secure, "", func(w *world) {
		w.moreKeys("nsec.vn.", rr("nsec.vn. 3600 DNSKEY 256 3 13 AAAA").(*dns.DNSKEY), rr("nsec.vn. 3600 DNSKEY 256 3 8 AAEC").(*dns.DNSKEY))
	}},
	{"key of an unknown algorithm beside the good ones", "", 0, Secure, "", func(w *world) {
		w.moreKeys("nsec.vn.", rr("nsec.vn. 3600 DNSKEY 257 3 253 AQIDBAUG").(*dns.DNSKEY))
	}},
	{"two keys with one tag", "", 0, Secure, "", func(w *world) { w.collide("nsec.vn.") }},
	{"root key set broken", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at(".", dns.TypeDNSKEY, eachSig(dns.TypeDNSKEY, flip)) }},
	{"parent broken: the child of it too", "www.child.nsec.vn.", 0, Bogus, "dnssec.bogus.ds-mismatch", func(w *world) { w.badDigest("nsec.vn.", 0) }},
}

func ds(owner string) setKey { return setKey{mustName(owner), dns.TypeDS} }

func (z *tzone) z(apex string, w *world) *tzone { return w.z(apex) }

// rekey applies a change and forgets signatures made before it.
func (w *world) rekey(apex string, f func(*tzone)) {
	f(w.z(apex))
	for _, z := range w.zones {
		z.signed = map[setKey][]dns.RR{}
	}
}

// badDigest changes the i-th DS of a zone, before it is signed.
func (w *world) badDigest(apex string, i int) {
	set := w.above(mustName(apex)).sets[ds(apex)]
	d := set[i].(*dns.DS)
	d.Digest = strings.Repeat("0", len(d.Digest))
}

func (w *world) dsAs(apex string, alg, digest uint8) {
	for _, rr := range w.above(mustName(apex)).sets[ds(apex)] {
		rr.(*dns.DS).Algorithm, rr.(*dns.DS).DigestType = alg, digest
	}
}

func (w *world) moreDS(apex string, more ...dns.RR) {
	z := w.above(mustName(apex))
	z.sets[ds(apex)] = append(z.sets[ds(apex)], more...)
}

func (w *world) moreKeys(apex string, more ...*dns.DNSKEY) {
	z := w.z(apex)
	k := setKey{z.apex, dns.TypeDNSKEY}
	for _, rr := range more {
		z.sets[k] = append(z.sets[k], rr)
	}
}

// reKSK gives the key-signing key other flags and the DS that fits.
func (w *world) reKSK(apex string, flags uint16, protocol uint8) {
	z := w.z(apex)
	z.ksk.rr.Flags, z.ksk.rr.Protocol = flags, protocol
	w.above(z.apex).sets[ds(apex)] = []dns.RR{z.ksk.rr.ToDS(dns.SHA256)}
}

func (z *tzone) renamed(apex string) dns.RR {
	k := dns.Copy(z.zsk.rr)
	k.Header().Name = apex
	return k
}

// collide publishes, before the zone-signing key, another key with its tag.
func (w *world) collide(apex string) {
	z := w.z(apex)
	k := setKey{z.apex, dns.TypeDNSKEY}
	z.sets[k] = slices.Insert(z.sets[k], 0, dns.RR(sameTag(z.zsk.rr, 1)[0]))
}

func TestKeys(t *testing.T) { runCases(t, keyCases) }
