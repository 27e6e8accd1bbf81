//go:build integration

package main_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// agreeCases is every zone that the three validators are asked about. {S} in a
// record stands for the server program's top-level domain.
var agreeCases = slices.Concat(algorithmCases(), goodZones, insecureZones, aliasZones, signatureZones, keyZones, dsZones, cutZones,
	nsecZones, nsec3Zones, iterationCases())

// everyKind asks for every kind of answer of a zone in order.
var everyKind = []string{"www A secure", "www AAAA secure", "nothere A secure", "x.wild A secure", "x.wild AAAA secure", "ent A secure", "@ SOA secure", "@ DS secure"}

// algorithmCases are zones in order of every algorithm, with NSEC and NSEC3.
func algorithmCases() []agreeCase {
	var out []agreeCase
	ask := []string{"www A secure", "www AAAA secure", "nothere A secure", "x.wild A secure"}
	for _, a := range []string{"RSASHA1", "RSASHA1-NSEC3-SHA1", "RSASHA256", "RSASHA512", "ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519"} {
		name := strings.ToLower(a)
		if a != "RSASHA1-NSEC3-SHA1" {
			out = append(out, agreeCase{name: "good-" + name, algorithm: a, ask: ask})
		}
		if a != "RSASHA1" {
			out = append(out, agreeCase{name: "good-" + name + "-hashed", algorithm: a, nsec3: &chain3{}, ask: ask})
		}
	}
	// algorithms that are not (or no more) to be used leave a zone unsigned (RFC 4035 5.2)
	for _, n := range []int{1, 3, 6, 12, 17, 23, 200, 252, 253, 254} {
		out = append(out, agreeCase{name: fmt.Sprintf("algorithm-%d", n), algorithm: fmt.Sprint(n), signers: "ours",
			ask: []string{"www A insecure", "nothere A insecure"}})
	}
	return append(out, agreeCase{name: "algorithm-ed448", algorithm: "ED448", signers: "knot", ask: []string{"www A insecure", "nothere A insecure"}})
}

// fullRecords have every kind of name.
var fullRecords = `alias	CNAME	www
chain	CNAME	alias
dangle	CNAME	nothere
*.wcn	CNAME	www
dn	DNAME	target
www.target	A	192.0.2.90
sub	NS	ns.sub
ns.sub	A	192.0.2.91
multi	A	192.0.2.92
multi	A	192.0.2.93
multi	A	192.0.2.94
MiXed	A	192.0.2.95
srv	SRV	1 2 53 WWW
caa	CAA	0 issue "example.net"
https	HTTPS	1 . alpn=h2
unknown	TYPE65400	\# 4 01020304
big	TXT	"` + strings.Repeat("a", 250) + `"
` + manyTexts

var manyTexts = func() (out string) {
	for i := range 12 {
		out += fmt.Sprintf("big\tTXT\t%q\n", fmt.Sprint(i)+strings.Repeat("b", 240))
	}
	return out
}()

var fullQuestions = []string{"alias A secure", "chain A secure", "dangle A secure", "x.wcn A secure", "www.dn A secure", "x.dn A secure",
	"dn DNAME secure", "dn A secure", "sub DS secure", "multi A secure", "mixed A secure", "MIXED AAAA secure", "srv SRV secure", "caa CAA secure",
	"https HTTPS secure", "unknown TYPE65400 secure", "big TXT secure", "@ DNSKEY secure", "@ NS secure", "@ TXT secure", "*.wild A secure", "wild A secure",
	"a.b.wild A secure", "x.www A secure", "ent A secure", "x.ent A secure", "x.deep.ent A secure", "alias CNAME secure", "alias TXT secure", "x.wcn CNAME secure",
	"@ DS secure", "@ SOA secure", "zz A secure", "zzz A secure", "www.dn CNAME secure", "@ ANY secure", "www ANY secure", "nothere ANY secure"}

var goodZones = []agreeCase{
	{name: "good", ask: everyKind},
	{name: "good-hashed", nsec3: &chain3{salt: "cafe"}, ask: everyKind},
	{name: "good-under-hashed", in: "n3", ask: everyKind},
	{name: "good-under-optout", in: "oo", ask: everyKind},
	{name: "good-beside", beside: true, ask: everyKind},
	{name: "good-beside-hashed", in: "n3", beside: true, nsec3: &chain3{}, ask: everyKind},
	{name: "good-below-empty", in: "ent", ask: everyKind},
	{name: "full", more: fullRecords, ask: fullQuestions},
	{name: "full-hashed", more: fullRecords, nsec3: &chain3{}, ask: fullQuestions},
	{name: "full-optout", more: fullRecords, nsec3: &chain3{optOut: true}, signers: "ours bind knot",
		ask: []string{"www A secure", "www AAAA secure", "nothere A insecure", "x.wild A insecure", "sub DS insecure", "dangle A insecure", "www.dn A secure", "big TXT secure"}},
	{name: "escaped", signers: "ldns bind knot", more: "a\\.b A 192.0.2.1\nnul\\000x A 192.0.2.2\n\\255 A 192.0.2.3\n",
		ask: []string{"a\\.b A secure", "nul\\000x A secure", "\\255 A secure", "a\\.b AAAA secure", "a\\.c A secure", "\\001 A secure"}},
	{name: "anchored", in: "un", anchored: true, ask: everyKind[:5]},
	{name: "anchored-hashed", in: "un", anchored: true, nsec3: &chain3{}, ask: everyKind[:5]},
	{name: "anchored-wrong", in: "un", anchored: true, ds: func(z *madeZone) { wrongDigest(z) }, ask: []string{"www A bogus", "nothere A bogus"}},
	{name: "anchored-unknown", in: "un", anchored: true, ds: func(z *madeZone) { z.ds[0].(*dns.DS).DigestType = 99 }, ask: []string{"www A insecure"}},
	{name: "lame-second", lame: "@ NS ns2.@\nns2.@ A " + rootAddr + "\n", ask: everyKind[:4]},
	{name: "silent-second", lame: "@ NS ns2.@\nns2.@ A 192.0.2.53\n", ask: everyKind[:4]},
	{name: "not-served", nowhere: true, ask: []string{"www A indeterminate"}},
	{name: "not-served-unsigned", nowhere: true, unsigned: true, ask: []string{"www A indeterminate"}},
}

var insecureZones = []agreeCase{
	{name: "plain", unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS secure", "www AAAA insecure", "x.wild A insecure"}},
	{name: "plain-hashed", in: "n3", unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS secure"}},
	{name: "plain-optout", in: "oo", unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS insecure"}},
	{name: "plain-below-empty", in: "ent", unsigned: true, ask: []string{"www A insecure", "@ DS secure"}},
	{name: "plain-below-plain", in: "un", unsigned: true, ask: []string{"www A insecure", "@ DS insecure"}},
	{name: "plain-beside", beside: true, unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS secure"}},
	{name: "plain-beside-optout", in: "oo", beside: true, unsigned: true, ask: []string{"www A insecure", "@ DS insecure"}},
	{name: "island", ds: func(z *madeZone) { z.ds = nil }, ask: []string{"www A insecure", "nothere A insecure", "@ DNSKEY insecure", "@ DS secure"}},
	{name: "island-optout", in: "oo", ds: func(z *madeZone) { z.ds = nil }, ask: []string{"www A insecure", "@ DS insecure"}},
	{name: "signed-below-plain", in: "un", ask: []string{"www A insecure", "nothere A insecure", "@ DS insecure"}},
	{name: "island-expired", shift: longAgo, ds: func(z *madeZone) { z.ds = nil }, ask: []string{"www A insecure", "nothere A insecure"}},
}

var aliasZones = []agreeCase{
	{name: "cross", more: `ins	CNAME	www.plain.{S}.
bog	CNAME	www.expired.{S}.
sec	CNAME	www.good.{S}.
nx	CNAME	nothere.good.{S}.
insnx	CNAME	nothere.plain.{S}.
*.w	CNAME	www.plain.{S}.
*.s	CNAME	www.good.{S}.
via	CNAME	back.back.{S}.
dins	DNAME	plain.{S}.
dbog	DNAME	expired.{S}.
dsec	DNAME	good.{S}.
`, ask: []string{"ins A insecure", "bog A bogus", "sec A secure", "nx A secure", "insnx A insecure", "x.w A insecure", "x.s A secure", "via A insecure",
		"www.dins A insecure", "www.dbog A bogus", "www.dsec A secure", "nothere.dsec A secure", "ins CNAME secure", "www.dsec AAAA secure"}},
	{name: "cross-hashed", nsec3: &chain3{}, in: "n3", more: `ins	CNAME	www.plain.{S}.
sec	CNAME	www.good.{S}.
*.s	CNAME	www.good.{S}.
dsec	DNAME	good.{S}.
`, ask: []string{"ins A insecure", "sec A secure", "x.s A secure", "www.dsec A secure"}},
	{name: "back", unsigned: true, more: "back CNAME www.good.{S}.\nd DNAME good.{S}.\n", ask: []string{"back A insecure", "www.d A insecure"}},
	{name: "alias-unsigned", more: "a CNAME www\n", breaks: func(z *madeZone) { z.unsign("a", dns.TypeCNAME) }, ask: []string{"a A bogus"}},
	{name: "alias-turned", more: "a CNAME www\n", breaks: func(z *madeZone) { z.find("a", dns.TypeCNAME)[0].(*dns.CNAME).Target = z.abs("other") }, ask: []string{"a A bogus"}},
	{name: "alias-target-unsigned", more: "a CNAME www\n", breaks: func(z *madeZone) { z.unsign("www", dns.TypeA) }, ask: []string{"a A bogus"}},
	{name: "alias-wild-unproven", more: "*.w CNAME www\n", breaks: func(z *madeZone) { spoil(z, z.covering("x.w")) }, ask: []string{"x.w A bogus"}},
	{name: "dname-unsigned", more: "d DNAME target\nwww.target A 192.0.2.1\n", breaks: func(z *madeZone) { z.unsign("d", dns.TypeDNAME) }, ask: []string{"www.d A bogus"}},
	{name: "dname-turned", more: "d DNAME target\nwww.target A 192.0.2.1\n", breaks: func(z *madeZone) { z.find("d", dns.TypeDNAME)[0].(*dns.DNAME).Target = z.apex }, ask: []string{"www.d A bogus"}},
	{name: "dname-target-unsigned", more: "d DNAME target\nwww.target A 192.0.2.1\n", breaks: func(z *madeZone) { z.unsign("www.target", dns.TypeA) }, ask: []string{"www.d A bogus"}},
	{name: "loop", more: "a CNAME b\nb CNAME a\n", ask: []string{"a A indeterminate"}},
}
