package dnssec

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

type anchorCase struct {
	title   string
	anchors []dns.RR
	name    string
	qtype   uint16
	want    State
	code    string
}

// anchorCases are trust anchors of every sort for the keys of one world.
func anchorCases(w *world) []anchorCase {
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
	return []anchorCase{
		{"none", nil, www, dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
		{"elsewhere", []dns.RR{at("nsec3.vn.")}, "www.vn.", dns.TypeA, Indeterminate, "dnssec.indeterminate.no-anchor"},
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
		{"at a zone that is not signed", []dns.RR{rr("plain.vn. DS 1 13 2 " + strings.Repeat("AB", 32))}, "www.plain.vn.", dns.TypeA, Bogus, "dnssec.bogus.anchor-mismatch"},
	}
}

func TestAnchorChoice(t *testing.T) {
	w := newWorld(t, withExtras()...)
	for _, c := range anchorCases(w) {
		t.Run(c.title, func(t *testing.T) {
			v := New(w, c.anchors, func() time.Time { return testNow })
			judge(t, v.Validate(context.Background(), c.name, c.qtype), c.want, c.code)
		})
	}
}

func TestReadAnchors(t *testing.T) {
	if got := RootAnchors(); len(got) != 2 || got[0].(*dns.DS).KeyTag != 20326 || got[1].(*dns.DS).KeyTag != 38696 {
		t.Errorf("root anchors: %v", got)
	}
	good := "; comment\n$TTL 60\n. IN DS 20326 8 2 (\n  " + strings.Repeat("AB", 16) + " ; half\n  " + strings.Repeat("CD", 16) + " )\n\n" +
		"example.vn. 3600 IN DNSKEY 257 3 13 " + spec{apex: "example.vn."}.key(903, 257).rr.PublicKey + "\n$ORIGIN vn.\nsub DS 1 13 2 " + strings.Repeat("AB", 32) + "\n"
	got, err := ReadAnchors(strings.NewReader(good))
	if err != nil || len(got) != 3 || got[2].Header().Name != "sub.vn." {
		t.Errorf("%v, %v", got, err)
	}
	bad := "vn. IN A 192.0.2.1\nvn. IN DS 1 13 2 ABCD\nvn. IN DS x 13 2 ABCD\n\nvn. DNSKEY 0 3 13 AAAA\nvn. DNSKEY 385 3 13 AAAA\nvn. DNSKEY 257 3 13 AAAA\nvn. CH DS 1 13 2 " +
		strings.Repeat("AB", 32) + "\n(\nvn. DS 1 13 2 " + strings.Repeat("AB", 32) + " )\n"
	got, err = ReadAnchors(strings.NewReader(bad))
	if err == nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, line := range []string{"line 1: ", "line 2: ", "line 3: ", "line 5: ", "line 6: ", "line 7: ", "line 8: "} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("no fault for %sin\n%v", line, err)
		}
	}
	if _, err = ReadAnchors(strings.NewReader("; nothing\n")); err == nil {
		t.Error("an empty file is taken for anchors")
	}
	if _, err = ReadAnchors(strings.NewReader(strings.Repeat("; long\n", 200000))); err == nil {
		t.Error("an endless file is taken for anchors")
	}
}
