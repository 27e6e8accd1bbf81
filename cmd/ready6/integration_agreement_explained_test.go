//go:build integration

package main_test

// explanation is a difference of verdicts, with the text that ours rests on.
type explanation struct {
	questions string // pattern of path.Match over "case@server:signer name TYPE"
	who       string // "unbound" or "delv"
	says      string // a state, or of delv "unvalidated" or "hung"
	ours      string
	why       string
	sometimes bool // it hangs on the order in which a server puts records, or on which of delv's look-ups ends first
}

// explanations are all the differences there may be.
var explanations = []explanation{
	{"algorithm-ed448@*", "delv", "secure", "insecure",
		"RFC 4035 5.2: a resolver that supports none of a zone's algorithms treats it as unsigned; ready6 does not support Ed448", false},
	{"anchored-unknown@*", "delv", "bogus", "insecure",
		"RFC 4035 5.2: the same where a trust anchor's digest is not supported; delv is left without any anchor", false},
	{"full*@* www.dn CNAME", "unbound", "bogus", "secure",
		"RFC 6672 5.3.1: a synthesized CNAME is not signed, it is validated by its DNAME; unbound asks for a DS below the DNAME", false},
	{"*optout*@*", "delv", "secure", "insecure",
		"RFC 5155 9.2: a response that rests on an opt-out record must not be called authentic", false},
	{"alias-unsigned@* a A", "delv", "hung", "bogus",
		"RFC 4035 2.2: every set of a signed zone has a signature, the CNAME too; delv waits for its own look-up of a DS there, until it stops itself", true},
	{"sig-spoilt-and-good@*", "delv", "bogus", "secure",
		"RFC 6840 5.4: any valid RRSIG is enough, bogus is only what all fail for; BIND gives up after one failure", false},
	{"sig-expired-and-good@*", "delv", "bogus", "secure", "RFC 6840 5.4, as above", false},
	{"apex-unsigned@* www AAAA", "delv", "unvalidated", "bogus",
		"RFC 4035 3.2.3: all of the authority section has to be authentic, the SOA too; delv leaves it pending", false},
	{"soa-spoilt@* nothere A", "delv", "unvalidated", "bogus", "RFC 4035 3.2.3, as above", false},
	{"keys-of-one-tag@*", "delv", "bogus", "secure",
		"RFC 4035 5.3.1: every key that a signature's tag fits must be tried; BIND gives up after one failure", true},
	{"ksk-protocol@*", "delv", "secure", "bogus", "RFC 4034 2.1.2: a DNSKEY whose protocol is not 3 must be treated as invalid", false},
	{"ksk-no-zone-flag@*", "delv", "secure", "bogus", "RFC 4034 2.1.1: a DNSKEY without the zone flag must not be used to verify", false},
	{"ksk-revoked-ds@*", "unbound", "secure", "bogus", "RFC 5011 2.1: a revoked key is good for nothing but its own revocation", false},
	{"key-unusable-beside@*", "delv", "bogus", "secure",
		"RFC 4035 5.3.1: only a key of the signature's tag and algorithm is a candidate; BIND stops at any key it cannot read", false},
	{"ds-sha1-good-sha256-wrong@*", "unbound", "secure", "bogus",
		"RFC 4509 3: SHA-1 digests are ignored beside SHA-256; unbound does so with harden-algo-downgrade only", false},
	{"cut-proof-has-cname@*", "unbound", "insecure", "bogus", "RFC 6840 4.3: the CNAME bit has to be checked in every proof of no data", false},
	{"hash-flag-unknown@*", "delv", "secure", "bogus", "RFC 5155 8.2: NSEC3 records with other flags than opt-out must be ignored", false},
}
