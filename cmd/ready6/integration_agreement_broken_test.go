//go:build integration

package main_test

import (
	"crypto"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const longAgo = -60 * 24 * time.Hour

// spoil changes the last byte of the signatures over a record's set: unlike a
// signature that is missing, every server serves that.
func spoil(z *madeZone, rr dns.RR) {
	z.must(rr != nil, "record")
	z.edit(rr.Header().Name, rr.Header().Rrtype, spoilt)
}

func spoilt(s *dns.RRSIG) {
	b := []byte(s.Signature)
	i := len(b) / 2
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	s.Signature = string(b)
}

func wrong(rr dns.RR) { d := rr.(*dns.DS); d.Digest = flip(d.Digest) }

func wrongDigest(z *madeZone) {
	for _, rr := range z.ds {
		wrong(rr)
	}
}

// www signs the A set of www anew.
func www(change func(*dns.RRSIG)) func(*madeZone) {
	return func(z *madeZone) { z.resign("www", dns.TypeA, change) }
}

func edit(change func(*dns.RRSIG)) func(*madeZone) {
	return func(z *madeZone) { z.edit("www", dns.TypeA, change) }
}

// beside puts a copy of the signature, changed, beside the good one.
func besideGood(change func(*dns.RRSIG)) func(*madeZone) {
	return func(z *madeZone) {
		list := z.sigs("www", dns.TypeA)
		z.must(len(list) > 0, "signature")
		s := dns.Copy(list[0]).(*dns.RRSIG)
		change(s)
		z.rrs = append([]dns.RR{s}, z.rrs...)
	}
}

var bad, good = []string{"www A bogus", "other A secure"}, []string{"www A secure", "other A secure"}

func at(d time.Duration) uint32 { return uint32(time.Now().Add(d).Unix()) }

const day = 24 * time.Hour

var signatureZones = []agreeCase{
	{name: "unsigned-set", breaks: func(z *madeZone) { z.unsign("www", dns.TypeA) }, ask: bad},
	{name: "expired", shift: longAgo, ask: []string{"www A bogus", "nothere A bogus", "@ DNSKEY bogus"}},
	{name: "not-yet", shift: 60 * day, ask: []string{"www A bogus", "nothere A bogus"}},
	{name: "sig-expired", breaks: www(func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-9*day), at(-time.Hour) }), ask: bad},
	{name: "sig-not-yet", breaks: www(func(s *dns.RRSIG) { s.Inception, s.Expiration = at(time.Hour), at(9*day) }), ask: bad},
	{name: "sig-dates-swapped", breaks: www(func(s *dns.RRSIG) { s.Inception, s.Expiration = at(day), at(-day) }), ask: bad},
	{name: "sig-span-of-wrap", breaks: www(func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-day)-1<<30, at(day)+1<<29 }), ask: good},
	{name: "sig-span-over-wrap", breaks: www(func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-day)-1<<30, at(day)+1<<30 }), ask: bad},
	{name: "sig-until-after-wrap", breaks: www(func(s *dns.RRSIG) { s.Expiration = s.Inception + 1<<31 - 1 }), ask: good},
	{name: "sig-labels-more", breaks: edit(func(s *dns.RRSIG) { s.Labels++ }), ask: bad},
	{name: "sig-labels-less", breaks: edit(func(s *dns.RRSIG) { s.Labels-- }), ask: bad},
	{name: "sig-labels-none", breaks: edit(func(s *dns.RRSIG) { s.Labels = 0 }), ask: bad},
	{name: "sig-ttl-changed", breaks: edit(func(s *dns.RRSIG) { s.OrigTtl++ }), ask: bad},
	{name: "sig-tag-wrong", breaks: edit(func(s *dns.RRSIG) { s.KeyTag++ }), ask: bad},
	{name: "sig-algorithm-wrong", breaks: edit(func(s *dns.RRSIG) { s.Algorithm = dns.ED25519 }), ask: bad},
	{name: "sig-algorithm-unknown", breaks: edit(func(s *dns.RRSIG) { s.Algorithm = 200 }), ask: bad},
	{name: "sig-signer-parent", breaks: edit(func(s *dns.RRSIG) { s.SignerName = above(s.SignerName) }), ask: bad},
	{name: "sig-signer-root", breaks: edit(func(s *dns.RRSIG) { s.SignerName = "." }), ask: bad},
	{name: "sig-signer-child", breaks: edit(func(s *dns.RRSIG) { s.SignerName = s.Hdr.Name }), ask: bad},
	{name: "sig-signer-sibling", breaks: edit(func(s *dns.RRSIG) { s.SignerName = "good." + above(s.SignerName) }), ask: bad},
	{name: "sig-signer-case", breaks: edit(func(s *dns.RRSIG) { s.SignerName = strings.ToUpper(s.SignerName) }), ask: good},
	{name: "sig-spoilt", breaks: edit(spoilt), ask: bad},
	{name: "sig-short", breaks: edit(func(s *dns.RRSIG) { s.Signature = s.Signature[:20] }), ask: bad},
	{name: "sig-long", breaks: edit(func(s *dns.RRSIG) { s.Signature = "AAAA" + s.Signature }), ask: bad},
	{name: "sig-of-other-type", breaks: edit(func(s *dns.RRSIG) { s.TypeCovered = dns.TypeAAAA }), ask: bad},
	{name: "sig-spoilt-and-good", breaks: besideGood(spoilt), ask: good},
	{name: "sig-expired-and-good", breaks: besideGood(func(s *dns.RRSIG) { s.Expiration = at(-day); s.Inception = at(-9 * day) }), ask: good},
	{name: "sig-unknown-and-good", breaks: besideGood(func(s *dns.RRSIG) { s.Algorithm = 200 }), ask: good},
	{name: "sig-foreign-tag-and-good", breaks: besideGood(func(s *dns.RRSIG) { s.KeyTag++ }), ask: good},
	{name: "sig-by-ksk", breaks: func(z *madeZone) { z.keys[len(z.keys)-1] = z.keys[0]; z.resign("www", dns.TypeA, nil) }, ask: good},
	{name: "data-changed", breaks: func(z *madeZone) { z.find("www", dns.TypeA)[0].(*dns.A).A[15]++ }, ask: bad},
	{name: "data-added", breaks: func(z *madeZone) { z.add("www A 192.0.2.99\n") }, ask: bad},
	{name: "data-removed", more: "www A 192.0.2.77\n", breaks: func(z *madeZone) {
		gone := z.find("www", dns.TypeA)[0]
		z.remove(func(rr dns.RR) bool { return rr == gone }, "www")
	}, ask: bad},
	{name: "data-ttl-lower", breaks: func(z *madeZone) { setTTL(z, 60) }, ask: good},
	{name: "data-ttl-higher", breaks: func(z *madeZone) { setTTL(z, 86400) }, ask: good},
	{name: "data-owner-case", breaks: func(z *madeZone) {
		for _, rr := range z.rrs {
			if strings.EqualFold(rr.Header().Name, z.abs("www")) {
				rr.Header().Name = "wWw." + z.apex
			}
		}
	}, ask: good},
	{name: "data-target-case", breaks: func(z *madeZone) { m := z.find("", dns.TypeMX)[0].(*dns.MX); m.Mx = strings.ToUpper(m.Mx) }, ask: []string{"@ MX secure"}},
	{name: "apex-unsigned", breaks: func(z *madeZone) { z.unsign("", dns.TypeSOA) }, ask: []string{"@ SOA bogus", "www A secure knot=bogus", "www AAAA bogus"}},
	{name: "text-reordered", more: "t TXT \"a\" \"bc\"\n", breaks: func(z *madeZone) { z.find("t", dns.TypeTXT)[0].(*dns.TXT).Txt = []string{"ab", "c"} }, ask: []string{"t TXT bogus"}},
	{name: "wild-unsigned", breaks: func(z *madeZone) { z.unsign("*.wild", dns.TypeA) }, ask: []string{"x.wild A bogus", "*.wild A bogus"}},
	{name: "wild-labels-more", breaks: func(z *madeZone) { z.edit("*.wild", dns.TypeA, func(s *dns.RRSIG) { s.Labels++ }) }, ask: []string{"x.wild A bogus"}},
	{name: "wild-unproven", breaks: func(z *madeZone) { spoil(z, z.covering("x.wild")) }, ask: []string{"x.wild A bogus", "www A secure"}},
	{name: "wild-unproven-hashed", nsec3: &chain3{}, breaks: func(z *madeZone) { spoil(z, z.covering("x.wild")) }, ask: []string{"x.wild A bogus", "www A secure"}},
}

func setTTL(z *madeZone, ttl uint32) {
	for _, rr := range z.rrs {
		if strings.EqualFold(rr.Header().Name, z.abs("www")) && rr.Header().Rrtype == dns.TypeA || len(z.sigs("www", dns.TypeA)) > 0 && rr == dns.RR(z.sigs("www", dns.TypeA)[0]) {
			rr.Header().Ttl = ttl
		}
	}
}

// rekeyed changes the DNSKEY set and signs it again.
func rekeyed(change func(z *madeZone, ksk, zsk *dns.DNSKEY)) func(*madeZone) {
	return func(z *madeZone) {
		var ksk, zsk *dns.DNSKEY
		for _, rr := range z.find("", dns.TypeDNSKEY) {
			if k := rr.(*dns.DNSKEY); k.Flags&1 != 0 {
				ksk = k
			} else {
				zsk = k
			}
		}
		z.must(ksk != nil && zsk != nil, "keys")
		z.keys[0].public, z.keys[1].public = ksk, zsk
		change(z, ksk, zsk)
		z.resign("", dns.TypeDNSKEY, nil)
	}
}

// redo makes the DS of the key-signing key as it is now.
func redo(z *madeZone, digests ...uint8) {
	z.ds = nil
	for _, d := range digests {
		z.ds = append(z.ds, z.keys[0].public.ToDS(d))
	}
}

// keyCase changes the keys before the parent gets the DS.
func keyCase(name string, change func(z *madeZone, ksk, zsk *dns.DNSKEY), ask ...string) agreeCase {
	return agreeCase{name: name, ds: func(z *madeZone) { rekeyed(change)(z) }, ask: ask}
}

var keyZones = []agreeCase{
	{name: "keys-unsigned", breaks: func(z *madeZone) { z.unsign("", dns.TypeDNSKEY) }, ask: []string{"www A bogus", "@ DNSKEY bogus"}},
	{name: "keys-spoilt", breaks: func(z *madeZone) { z.edit("", dns.TypeDNSKEY, spoilt) }, ask: []string{"www A bogus", "nothere A bogus"}},
	{name: "keys-expired", breaks: func(z *madeZone) {
		z.resign("", dns.TypeDNSKEY, func(s *dns.RRSIG) { s.Inception, s.Expiration = at(-9*day), at(-time.Hour) })
	}, ask: []string{"www A bogus"}},
	{name: "keys-not-yet", breaks: func(z *madeZone) {
		z.resign("", dns.TypeDNSKEY, func(s *dns.RRSIG) { s.Inception, s.Expiration = at(time.Hour), at(9*day) })
	}, ask: []string{"www A bogus"}},
	{name: "keys-by-zsk-only", breaks: func(z *madeZone) { z.keys[0] = z.keys[1]; z.resign("", dns.TypeDNSKEY, nil) }, ask: []string{"www A bogus"}},
	{name: "keys-gone", breaks: func(z *madeZone) { z.drop("", dns.TypeDNSKEY); z.unsign("", dns.TypeDNSKEY) }, ask: []string{"www A bogus"}},
	keyCase("ksk-protocol", func(z *madeZone, k, _ *dns.DNSKEY) { k.Protocol = 2; redo(z, dns.SHA256) }, "www A bogus"),
	keyCase("ksk-no-zone-flag", func(z *madeZone, k, _ *dns.DNSKEY) { k.Flags = 1; redo(z, dns.SHA256) }, "www A bogus"),
	keyCase("ksk-no-sep-flag", func(z *madeZone, k, _ *dns.DNSKEY) { k.Flags = 256; redo(z, dns.SHA256) }, "www A secure"),
	keyCase("ksk-revoked", func(z *madeZone, k, _ *dns.DNSKEY) { k.Flags |= dns.REVOKE }, "www A bogus"),
	keyCase("ksk-revoked-ds", func(z *madeZone, k, _ *dns.DNSKEY) { k.Flags |= dns.REVOKE; redo(z, dns.SHA256) }, "www A bogus"),
	keyCase("zsk-gone", func(z *madeZone, _, k *dns.DNSKEY) { z.remove(func(rr dns.RR) bool { return rr == dns.RR(k) }, "zsk") }, "www A bogus", "@ DNSKEY secure"),
	keyCase("zsk-revoked", func(z *madeZone, _, k *dns.DNSKEY) { k.Flags |= dns.REVOKE }, "www A bogus"),
	keyCase("zsk-changed", func(z *madeZone, _, k *dns.DNSKEY) { k.PublicKey = otherKey(k.PublicKey) }, "www A bogus"),
	keyCase("key-unknown-beside", func(z *madeZone, k, _ *dns.DNSKEY) {
		n := dns.Copy(k).(*dns.DNSKEY)
		n.Algorithm = 200
		z.rrs = append(z.rrs, n)
	}, "www A secure"),
	keyCase("key-revoked-beside", func(z *madeZone, k, zsk *dns.DNSKEY) {
		n := dns.Copy(zsk).(*dns.DNSKEY)
		n.Flags, n.PublicKey = 257|dns.REVOKE, otherKey(zsk.PublicKey)
		z.rrs = append(z.rrs, n)
	}, "www A secure"),
	keyCase("key-unusable-beside", func(z *madeZone, k, zsk *dns.DNSKEY) {
		n := dns.Copy(zsk).(*dns.DNSKEY)
		n.PublicKey = "AAAA"
		z.rrs = append(z.rrs, n)
	}, "www A secure"),
	{name: "keys-of-one-tag", algorithm: "ED25519", signers: "ours", ds: func(z *madeZone) {
		rekeyed(func(z *madeZone, ksk, zsk *dns.DNSKEY) { z.rrs = append(z.rrs, twin(zsk)) })(z)
	}, ask: []string{"www A secure", "nothere A secure"}},
}

func otherKey(public string) string {
	b := []byte(public)
	b[1]++
	if b[1] == 'Z'+1 || b[1] == 'z'+1 || b[1] == '9'+1 || b[1] == '+'+1 {
		b[1] = 'Q'
	}
	return string(b)
}

// twin is another key of the same tag.
func twin(k *dns.DNSKEY) *dns.DNSKEY {
	for want := k.KeyTag(); ; {
		n := dns.Copy(k).(*dns.DNSKEY)
		private, err := n.Generate(256)
		if err != nil {
			panic(err)
		}
		if _, ok := private.(crypto.Signer); ok && n.KeyTag() == want {
			return n
		}
	}
}

// dsCase changes what the parent publishes.
func dsCase(name, state string, change func(z *madeZone, d *dns.DS)) agreeCase {
	return agreeCase{name: name, ds: func(z *madeZone) { change(z, z.ds[0].(*dns.DS)) }, ask: []string{"www A " + state}}
}

func sha(z *madeZone, digests ...uint8) {
	for _, rr := range z.find("", dns.TypeDNSKEY) {
		if k := rr.(*dns.DNSKEY); k.Flags&1 != 0 {
			z.ds = nil
			for _, d := range digests {
				z.ds = append(z.ds, k.ToDS(d))
			}
		}
	}
}

func another(z *madeZone, change func(*dns.DS)) {
	n := dns.Copy(z.ds[0]).(*dns.DS)
	change(n)
	z.ds = append(z.ds, n)
}

var dsZones = []agreeCase{
	dsCase("ds-digest-wrong", "bogus", func(z *madeZone, d *dns.DS) { d.Digest = flip(d.Digest) }),
	dsCase("ds-tag-wrong", "bogus", func(z *madeZone, d *dns.DS) { d.KeyTag++ }),
	dsCase("ds-algorithm-wrong", "bogus", func(z *madeZone, d *dns.DS) { d.Algorithm = dns.RSASHA256 }),
	dsCase("ds-algorithm-unknown", "insecure", func(z *madeZone, d *dns.DS) { d.Algorithm = 200 }),
	dsCase("ds-algorithm-md5", "insecure", func(z *madeZone, d *dns.DS) { d.Algorithm = 1 }),
	dsCase("ds-algorithm-gost", "insecure", func(z *madeZone, d *dns.DS) { d.Algorithm = 12 }),
	dsCase("ds-algorithm-none", "insecure", func(z *madeZone, d *dns.DS) { d.Algorithm = 0 }),
	dsCase("ds-digest-unknown", "insecure", func(z *madeZone, d *dns.DS) { d.DigestType = 99 }),
	dsCase("ds-digest-gost", "insecure", func(z *madeZone, d *dns.DS) { d.DigestType = 3 }),
	dsCase("ds-digest-none", "insecure", func(z *madeZone, d *dns.DS) { d.DigestType = 0 }),
	dsCase("ds-sha1", "secure", func(z *madeZone, d *dns.DS) { sha(z, dns.SHA1) }),
	dsCase("ds-sha384", "secure", func(z *madeZone, d *dns.DS) { sha(z, dns.SHA384) }),
	dsCase("ds-all-digests", "secure", func(z *madeZone, d *dns.DS) { sha(z, dns.SHA1, dns.SHA256, dns.SHA384) }),
	dsCase("ds-sha1-wrong", "bogus", func(z *madeZone, d *dns.DS) { sha(z, dns.SHA1); wrongDigest(z) }),
	dsCase("ds-sha384-wrong", "bogus", func(z *madeZone, d *dns.DS) { sha(z, dns.SHA384); wrongDigest(z) }),
	dsCase("ds-sha1-wrong-sha256-good", "secure", func(z *madeZone, _ *dns.DS) {
		sha(z, dns.SHA1, dns.SHA256)
		wrong(z.ds[0])
	}),
	dsCase("ds-sha1-good-sha256-wrong", "bogus", func(z *madeZone, _ *dns.DS) {
		sha(z, dns.SHA1, dns.SHA256)
		wrong(z.ds[1])
	}),
	dsCase("ds-sha256-good-sha384-wrong", "secure", func(z *madeZone, _ *dns.DS) {
		sha(z, dns.SHA256, dns.SHA384)
		wrong(z.ds[1])
	}),
	dsCase("ds-sha1-good-unknown-beside", "secure", func(z *madeZone, d *dns.DS) {
		sha(z, dns.SHA1)
		another(z, func(n *dns.DS) { n.DigestType = 99 })
	}),
	dsCase("ds-good-unknown-algorithm-beside", "secure", func(z *madeZone, d *dns.DS) { another(z, func(n *dns.DS) { n.Algorithm = 200 }) }),
	dsCase("ds-good-unknown-digest-beside", "secure", func(z *madeZone, d *dns.DS) { another(z, func(n *dns.DS) { n.DigestType = 99 }) }),
	dsCase("ds-good-wrong-beside", "secure", func(z *madeZone, d *dns.DS) { another(z, func(n *dns.DS) { n.Digest = flip(n.Digest) }) }),
	dsCase("ds-good-stale-beside", "secure", func(z *madeZone, d *dns.DS) { another(z, func(n *dns.DS) { n.KeyTag++; n.Digest = flip(n.Digest) }) }),
	dsCase("ds-wrong-unknown-beside", "bogus", func(z *madeZone, d *dns.DS) {
		another(z, func(n *dns.DS) { n.DigestType = 99 })
		d.Digest = flip(d.Digest)
	}),
	{name: "ds-for-unsigned", unsigned: true, ds: func(z *madeZone) {
		z.add("@ DS 1 13 2 " + fmt.Sprintf("%064x", 1) + "\n")
		z.ds = z.find("", dns.TypeDS)
		z.drop("", dns.TypeDS)
	}, ask: []string{"www A bogus", "nothere A bogus"}},
}
