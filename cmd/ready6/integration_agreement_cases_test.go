//go:build integration

package main_test

import (
	"time"

	"github.com/miekg/dns"
)

// everyKind asks for every kind of answer of a zone in order.
var everyKind = []string{"www A secure", "www AAAA secure", "nothere A secure", "x.wild A secure", "x.wild AAAA secure", "ent A secure", "@ SOA secure", "@ DS secure"}

var agreeCases = []agreeCase{
	{name: "good", ask: everyKind},
	{name: "good-rsa", algorithm: "RSASHA256", ask: everyKind},
	{name: "good-nsec3", nsec3: &chain3{}, ask: everyKind},
	{name: "good-under-nsec3", in: "n3", ask: everyKind},
	{name: "plain", unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS secure"}},
	{name: "plain-optout", in: "oo", unsigned: true, ask: []string{"www A insecure", "nothere A insecure", "@ DS insecure"}},
	{name: "unsigned-set", breaks: func(z *madeZone) { z.unsign("www", dns.TypeA) }, ask: []string{"www A bogus", "other A secure"}},
	{name: "expired", shift: -60 * 24 * time.Hour, ask: []string{"www A bogus"}},
	{name: "no-nsec", breaks: func(z *madeZone) { z.unsign(z.covering("nothere").Header().Name, dns.TypeNSEC) }, ask: []string{"nothere A bogus bind=indeterminate", "www A secure"}},
	{name: "ds-wrong", ds: func(z *madeZone) { d := z.ds[0].(*dns.DS); d.Digest = flip(d.Digest) }, ask: []string{"www A bogus"}},
}
