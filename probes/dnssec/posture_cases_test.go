package dnssec

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func mends(code verdict.Reason, role verdict.Role, name string) map[verdict.Reason]verdict.Owner {
	return map[verdict.Reason]verdict.Owner{code: {Role: role, Name: name}}
}

var serverCases = []postureCase{
	{"healthy", func(*served) {}, "ok", "ns1.a.vn, ns2.a.vn", nil},
	{"unsigned", func(w *served) {
		onBoth(func(v *version) { v.keys, v.bare = nil, true })(w)
		w.in.DS = nil
	}, "unsigned", "", nil},
	{"unsigned, one silent", func(w *served) {
		onBoth(func(v *version) { v.keys, v.bare = nil, true })(w)
		w.in.DS = nil
		w.then = func(in *PostureInput) {
			in.Servers[1] = ServerView{Server: "ns2.a.vn.", SOA: ServerAnswer{Cause: verdict.Timeout}}
		}
	}, "unsigned", "", nil},
	{"all silent", func(w *served) {
		w.then = func(in *PostureInput) {
			for i := range in.Servers {
				in.Servers[i] = ServerView{Server: in.Servers[i].Server, SOA: ServerAnswer{Cause: verdict.Timeout}}
			}
		}
	}, "unknown", "no answer in time", mends("posture.unknown", verdict.DNSOperator, "a.vn")},
	{"our own limit", func(w *served) {
		w.then = func(in *PostureInput) {
			for i := range in.Servers {
				in.Servers[i] = ServerView{Server: in.Servers[i].Server, SOA: ServerAnswer{Cause: verdict.NoFamily}}
			}
		}
	}, "unknown", "", mends("posture.unknown", verdict.Operator, "")},
	{"one silent", func(w *served) {
		w.then = func(in *PostureInput) {
			in.Servers[1] = ServerView{Server: "ns2.a.vn.", SOA: ServerAnswer{Cause: verdict.Timeout}}
		}
	}, "server-unknown", "ns2.a.vn", nil},
	{"one silent address of a server with another", func(w *served) {
		w.then = func(in *PostureInput) {
			in.Servers = append(in.Servers, ServerView{Server: "ns2.a.vn.", Addr: "192.0.2.1", SOA: ServerAnswer{Cause: verdict.Timeout}})
		}
	}, "ok", "", nil},
	{"one refuses", func(w *served) {
		w.then = func(in *PostureInput) { in.Servers[1].SOA.Msg.Rcode = dns.RcodeRefused }
	}, "server-unknown", "", nil},
	{"parent silent", func(w *served) { w.in.DS, w.in.DSCause = nil, verdict.Timeout }, "parent-unknown", "",
		mends("posture.parent-unknown", verdict.DNSOperator, "vn")},
	{"one without signatures", func(w *served) { w.b.bare = true }, "sigs-missing", "from ns2.a.vn", mends("posture.sigs-missing", verdict.DNSOperator, "a.vn")},
	{"one without signatures, an island", func(w *served) { w.b.bare, w.in.DS = true, nil }, "island-broken island", "", nil},
	{"one without signatures, parent silent", func(w *served) { w.b.bare, w.in.DS, w.in.DSCause = true, nil, verdict.Timeout }, "parent-unknown", "", nil},
	{"one sends a damaged signature", func(w *served) {
		w.then = func(in *PostureInput) { damage(in.Servers[1].NS.Msg) }
	}, "sig-invalid", "on NS by key " + fmt.Sprint(zskA.KeyTag()) + " do not fit the records that ns2.a.vn send", mends("posture.sig-invalid", verdict.DNSOperator, "a.vn")},
	{"one sends damaged signatures on its keys", func(w *served) {
		w.then = func(in *PostureInput) { damage(in.Servers[0].DNSKEY.Msg) }
	}, "sig-invalid", "on DNSKEY by key " + fmt.Sprint(kskA.KeyTag()) + " do not fit the records that ns1.a.vn send", nil},
	{"one changes a signed record", func(w *served) {
		w.then = func(in *PostureInput) {
			for _, a := range []ServerAnswer{in.Servers[1].SOA, in.Servers[1].Later} {
				a.Msg.Answer[0].(*dns.SOA).Minttl++
			}
		}
	}, "sig-invalid", "on SOA", nil},
	{"a good signature beside a damaged one", func(w *served) {
		w.b.keys, w.a.keys = []*dns.DNSKEY{kskA, zskA, zskB}, []*dns.DNSKEY{kskA, zskA, zskB}
		w.b.zsk = []*dns.DNSKEY{zskB, zskA}
		w.then = func(in *PostureInput) { damage(in.Servers[1].NS.Msg) }
	}, "ok", "", nil},
	{"one damages signatures, an island", func(w *served) {
		w.in.DS = nil
		w.then = func(in *PostureInput) { damage(in.Servers[1].NS.Msg) }
	}, "island-broken island", "", nil},
	{"one signs with a key that is gone", func(w *served) { w.b.zsk = []*dns.DNSKEY{zskB} }, "sig-no-key",
		"at ns2.a.vn were made by key " + fmt.Sprint(zskB.KeyTag()), mends("posture.sig-no-key", verdict.DNSOperator, "a.vn")},
	{"one unsigned version", func(w *served) { w.b.bare, w.b.keys = true, nil }, "server-unsigned", "from ns2.a.vn", nil},
	{"one without EDNS", func(w *served) { w.b.bare, w.b.plain = true, true }, "server-no-edns", "ns2.a.vn", nil},
	{"one leaves the OPT record out, but sends signatures", func(w *served) { w.b.plain = true }, "ok", "", nil},
	{"one behind", func(w *served) { w.b.serial = 7 }, "serial-behind", "serial 7 at ns2.a.vn, 10 elsewhere: 3 behind", mends("posture.serial-behind", verdict.DNSOperator, "a.vn")},
	{"one behind across the wrap", func(w *served) { w.a.serial, w.b.serial = 1, 1<<32-2 }, "serial-behind", "3 behind", nil},
	{"one behind at the first look only", func(w *served) {
		w.b.serial = 9
		w.then = func(in *PostureInput) { in.Servers[1].Later = in.Servers[0].SOA }
	}, "ok", "", nil},
	{"the primary went on meanwhile", func(w *served) {
		w.b.serial = 9
		w.then = func(in *PostureInput) {
			in.Servers[1].Later = in.Servers[0].SOA
			next := healthy()
			next.serial = 11
			in.Servers[0].Later = next.at("ns1.a.vn.").SOA
		}
	}, "ok", "", nil},
	{"one behind, and silent at the second look", func(w *served) {
		w.b.serial = 9
		w.then = func(in *PostureInput) { in.Servers[1].Later = ServerAnswer{Cause: verdict.Timeout} }
	}, "ok", "", nil},
	{"two primaries count for themselves", func(w *served) { w.b.serial, w.b.primary = 5, "ns9.b.vn." }, "ok", "", nil},
	{"no order", func(w *served) { w.b.serial = 10 + 1<<31 }, "serial-unordered", "10, 2147483658", nil},
	{"other keys", func(w *served) { w.b.keys = []*dns.DNSKEY{kskA, zskA, zskB} }, "keys-differ", "", nil},
	{"other keys in an older version", func(w *served) { w.b.keys, w.b.serial = []*dns.DNSKEY{kskA, zskA, zskB}, 9 }, "serial-behind", "", nil},
	{"no TCP", func(w *served) {
		w.then = func(in *PostureInput) { in.Servers[1].DNSKEYTCP = ServerAnswer{Cause: verdict.Refused} }
	}, "dnskey-no-tcp", "from ns2.a.vn", nil},
	{"TCP not tried for a limit of ours", func(w *served) {
		w.then = func(in *PostureInput) { in.Servers[1].DNSKEYTCP = ServerAnswer{Cause: verdict.OverBudget} }
	}, "server-unknown", "", mends("posture.server-unknown", verdict.Operator, "")},
	{"1232 octets", func(w *served) { w.then = sized(1232) }, "ok", "", nil},
	{"1233 octets", func(w *served) { w.then = sized(1233) }, "dnskey-large", "1233", nil},
	{"truncated, yet small over TCP", func(w *served) {
		w.then = func(in *PostureInput) {
			for i := range in.Servers {
				in.Servers[i].DNSKEY = ServerAnswer{Msg: &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true, Truncated: true}}, Size: 23}
			}
		}
	}, "ok", "", nil},
}

// damage changes the first signature in an answer.
func damage(m *dns.Msg) {
	for i, rr := range m.Answer {
		if sig, ok := rr.(*dns.RRSIG); ok {
			bad := *sig
			raw := mustBase64(sig.Signature)
			raw[len(raw)-1] ^= 1
			bad.Signature = base64.StdEncoding.EncodeToString(raw)
			m.Answer[i] = &bad
			return
		}
	}
	panic("no signature to damage")
}

func sized(n int) func(*PostureInput) {
	return func(in *PostureInput) {
		for i := range in.Servers {
			in.Servers[i].DNSKEY.Size, in.Servers[i].DNSKEYTCP.Size = n, n
		}
	}
}

func life(from, to time.Duration) func(*served) {
	return onBoth(func(v *version) { v.from, v.to = from, to })
}

var timeCases = []postureCase{
	{"expired at one", func(w *served) { w.b.from, w.b.to = -14*day, -time.Second }, "sig-expired", "at ns2.a.vn", mends("posture.sig-expired", verdict.DNSOperator, "a.vn")},
	{"expired in an old version", func(w *served) { w.b.from, w.b.to, w.b.serial = -14*day, -time.Second, 4 }, "sig-expired serial-behind", "", nil},
	{"expired, an island", func(w *served) { w.b.from, w.b.to, w.in.DS = -14*day, -time.Second, nil }, "island-broken island", "", nil},
	{"not begun at one", func(w *served) { w.b.from = time.Second }, "sig-future", "ns2.a.vn", nil},
	{"begins now", func(w *served) { w.b.from = 0 }, "ok", "", nil},
	{"an expired signature beside a good one", func(w *served) {
		w.then = func(in *PostureInput) {
			m := in.Servers[0].SOA.Msg
			old := dns.Copy(m.Answer[1]).(*dns.RRSIG)
			old.Expiration = uint32(kept.Add(-day).Unix())
			m.Answer = append(m.Answer, old)
		}
	}, "ok", "", nil},
	{"a long signature by a key that is not published does not count", func(w *served) {
		onBoth(func(v *version) { v.from, v.to = -14*day, day })(w)
		w.then = func(in *PostureInput) {
			for i := range in.Servers {
				for _, a := range []ServerAnswer{in.Servers[i].SOA} {
					strange := dns.Copy(a.Msg.Answer[1]).(*dns.RRSIG)
					strange.KeyTag, strange.Expiration = 1, uint32(kept.Add(99*day).Unix())
					a.Msg.Answer = append(a.Msg.Answer, strange)
				}
			}
		}
	}, "expires-soon", "SOA", nil},
	{"within the lead time", life(-12*day, 3*day-time.Second), "expires-soon", "2.9 days", nil},
	{"at the lead time", func(w *served) {
		life(-12*day, 3*day)(w)
		onBoth(func(v *version) { v.expire = 3600 })(w)
	}, "ok", "", nil},
	{"one signature type alone", onBoth(func(v *version) { v.types[dns.TypeNSEC] = [2]time.Duration{-12 * day, 2 * day} }), "expires-soon", "NSEC", nil},
	{"a longer lead time", func(w *served) { life(-26*day, 9*day)(w); w.in.Lead = 10 * day }, "expires-soon", "", nil},
	{"signatures for two days, in the first two thirds of their life", func(w *served) {
		onBoth(func(v *version) { v.from, v.to, v.expire = -day, day, 3600 })(w)
	}, "ok", "", nil},
	{"signatures for two days, past that", func(w *served) {
		onBoth(func(v *version) { v.from, v.to, v.expire = -36*time.Hour, 12*time.Hour, 3600 })(w)
	}, "expires-soon", "", nil},
	{"SOA expire just longer", onBoth(func(v *version) { v.expire = 14*86400 + 1 }), "expires-before-soa", "14.0 days", nil},
	{"SOA expire just as long", onBoth(func(v *version) { v.expire = 14 * 86400 }), "ok", "", nil},
	{"signed as questions come", onBoth(func(v *version) { v.expire, v.next = 99*86400, `\000.a.vn.` }), "ok", "", nil},
	{"TTL longer", onBoth(func(v *version) { v.ttl = 14*86400 + 1 }), "ttl-exceeds-validity", "1209601", nil},
	{"TTL as long", onBoth(func(v *version) { v.ttl = 14 * 86400 }), "ok", "", nil},
}

func keysAre(ksk, zsk *dns.DNSKEY) func(*served) {
	return func(w *served) {
		onBoth(func(v *version) {
			v.keys, v.ksk, v.zsk = []*dns.DNSKEY{ksk, zsk}, []*dns.DNSKEY{ksk}, []*dns.DNSKEY{zsk}
		})(w)
		w.in.DS = []dns.RR{dsOf(ksk, dns.SHA256)}
	}
}

func single(k *dns.DNSKEY) func(*served) {
	return func(w *served) {
		onBoth(func(v *version) { v.keys, v.ksk, v.zsk = []*dns.DNSKEY{k}, []*dns.DNSKEY{k}, []*dns.DNSKEY{k} })(w)
		w.in.DS = []dns.RR{dsOf(k, dns.SHA256)}
	}
}

var signerCases = []postureCase{
	{"island", func(w *served) { w.in.DS = nil }, "island", "nobody can check", mends("posture.island", verdict.Registrar, "a.vn")},
	{"parent unsigned", func(w *served) { w.in.DS, w.in.ParentSigned = nil, false }, "parent-unsigned", "", mends("posture.parent-unsigned", verdict.DNSOperator, "vn")},
	{"a DS record in an unsigned parent", func(w *served) { w.in.ParentSigned = false }, "parent-unsigned", "", nil},
	{"one without signatures below an unsigned parent", func(w *served) { w.in.ParentSigned, w.b.bare = false, true }, "island-broken parent-unsigned", "", nil},
	{"the root has no parent", func(w *served) { w.in.Parent, w.in.DS = "", nil }, "ok", "", nil},
	{"no key for the DS", func(w *served) { w.in.DS = []dns.RR{dsOf(kskB, dns.SHA256)} }, "ds-no-key", "ns1.a.vn, ns2.a.vn", mends("posture.ds-no-key", verdict.Registrar, "a.vn")},
	{"no key for the DS at one", func(w *served) {
		w.b.keys, w.b.ksk, w.b.serial = []*dns.DNSKEY{kskB, zskA}, []*dns.DNSKEY{kskB}, 9
	}, "ds-no-key serial-behind", "ns2.a.vn", nil},
	{"keys signed by another", onBoth(func(v *version) { v.ksk = []*dns.DNSKEY{zskA} }), "dnskey-unlinked", "", nil},
	{"remnant", func(w *served) { w.in.DS = append(w.in.DS, dsOf(kskB, dns.SHA256)) }, "ds-remnant", "", mends("posture.ds-remnant", verdict.Registrar, "a.vn")},
	{"the same key twice is no remnant", func(w *served) { w.in.DS = append(w.in.DS, dsOf(kskA, dns.SHA384)) }, "ok", "", nil},
	{"a digest unknown here is no remnant", func(w *served) {
		ds := dsOf(kskB, dns.SHA256)
		ds.DigestType = 200
		w.in.DS = append(w.in.DS, ds)
	}, "ok", "", nil},
	{"a DS ahead of its key", func(w *served) {
		w.in.DS = append(w.in.DS, dsOf(kskB, dns.SHA256))
		onBoth(func(v *version) { v.cds = []dns.RR{cdsOf(kskA), cdsOf(kskB)} })(w)
	}, "ok rollover-ds-ahead", "", nil},
	{"SHA-1 only", func(w *served) { w.in.DS = []dns.RR{dsOf(kskA, dns.SHA1)} }, "ds-sha1", "", mends("posture.ds-sha1", verdict.Registrar, "a.vn")},
	{"SHA-1 beside SHA-256", func(w *served) { w.in.DS = append(w.in.DS, dsOf(kskA, dns.SHA1)) }, "ok", "", nil},
	{"RSASHA1", single(rsaKey(dns.RSASHA1, 2048)), "algorithm-sha1", "5 RSASHA1", nil},
	{"RSASHA512", single(rsaKey(dns.RSASHA512, 2048)), "algorithm-deprecated", "", nil},
	{"RSASHA256, 2048 bits", single(rsaKey(dns.RSASHA256, 2048)), "ok", "", nil},
	{"RSASHA256, 2047 bits", single(rsaKey(dns.RSASHA256, 2047)), "rsa-short", "2047", nil},
	{"a number nobody has", func(w *served) {
		keysAre(keyOf(1, 257, 200), keyOf(3, 256, 200))(w)
		w.in.DS = nil
	}, "island algorithm-unknown", "", nil},
	{"Ed448 is not checked here, and well", func(w *served) {
		keysAre(keyOf(1, 257, 16), keyOf(3, 256, 16))(w)
	}, "ok", "", nil},
	{"NSEC3 as it should be", onBoth(func(v *version) { v.nsec3 = &dns.NSEC3{Hash: 1} }), "ok", "", nil},
	{"NSEC3 iterations", onBoth(func(v *version) { v.nsec3 = &dns.NSEC3{Hash: 1, Iterations: 1} }), "nsec3-iterations", " 1 more", nil},
	{"NSEC3 salt", onBoth(func(v *version) { v.nsec3 = &dns.NSEC3{Hash: 1, Salt: "AB", SaltLength: 1} }), "nsec3-salt", "AB", nil},
	{"NSEC3 opt-out", onBoth(func(v *version) { v.nsec3 = &dns.NSEC3{Hash: 1, Flags: 1} }), "ok opt-out", "", nil},
	{"double DS", func(w *served) {
		onBoth(func(v *version) { v.keys = append(v.keys, kskB) })(w)
		w.in.DS = append(w.in.DS, dsOf(kskB, dns.SHA256))
	}, "ok rollover-double-ds", "", nil},
	{"double KSK", onBoth(func(v *version) { v.keys = append(v.keys, kskB) }), "ok rollover-double-ksk", "", nil},
	{"pre-published ZSK", onBoth(func(v *version) { v.keys = append(v.keys, zskB) }), "ok rollover-zsk", "", nil},
	{"double signature", onBoth(func(v *version) {
		v.keys = append(v.keys, zskB)
		v.zsk = append(v.zsk, zskB)
	}), "ok", "", nil},
	{"two algorithms", onBoth(func(v *version) { v.keys = append(v.keys, keyOf(7, 257, 15)) }), "ok rollover-double-ksk rollover-algorithm", "", nil},
}

func cdsAre(cds, cdnskey []dns.RR) func(*served) {
	return onBoth(func(v *version) { v.cds, v.cdnskey = cds, cdnskey })
}

func rrs(list ...dns.RR) []dns.RR { return list }

var cdsCases = []postureCase{
	{"CDS as it is", cdsAre(rrs(cdsOf(kskA)), rrs(cdnskeyOf(kskA))), "ok", "", nil},
	{"CDS alone", cdsAre(rrs(cdsOf(kskA)), nil), "ok", "", nil},
	{"CDS of the next key", func(w *served) {
		onBoth(func(v *version) { v.keys, v.ksk = append(v.keys, kskB), append(v.ksk, kskB) })(w)
		cdsAre(rrs(cdsOf(kskB)), rrs(cdnskeyOf(kskB)))(w)
	}, "ok cds-pending rollover-double-ksk", "", nil},
	{"an island that asks for its DS", func(w *served) {
		w.in.DS = nil
		cdsAre(rrs(cdsOf(kskA)), nil)(w)
	}, "island cds-pending", "", nil},
	{"CDS of a key that does not sign", func(w *served) {
		onBoth(func(v *version) { v.keys = append(v.keys, kskB) })(w)
		cdsAre(rrs(cdsOf(kskB)), nil)(w)
	}, "cds-unsafe rollover-double-ksk", "", nil},
	{"CDS of no key", cdsAre(rrs(cdsOf(kskB)), nil), "cds-unsafe", "", nil},
	{"delete", cdsAre(rrs(deleteCDS()), rrs(deleteCDNSKEY())), "cds-delete", "", mends("posture.cds-delete", verdict.DNSOperator, "a.vn")},
	{"delete by CDS alone", cdsAre(rrs(deleteCDS()), nil), "cds-delete", "", nil},
	{"delete and another", cdsAre(rrs(deleteCDS(), cdsOf(kskA)), nil), "cds-invalid", "", nil},
	{"delete in one, not in the other", cdsAre(rrs(deleteCDS()), rrs(cdnskeyOf(kskA))), "cds-cdnskey-differ", "DELETE", nil},
	{"CDS and CDNSKEY of two keys", func(w *served) {
		onBoth(func(v *version) { v.keys, v.ksk = append(v.keys, kskB), append(v.ksk, kskB) })(w)
		cdsAre(rrs(cdsOf(kskA)), rrs(cdnskeyOf(kskB)))(w)
	}, "cds-cdnskey-differ rollover-double-ksk", "", nil},
	{"servers differ", func(w *served) { w.a.cds = rrs(cdsOf(kskA)) }, "cds-servers-differ", "", nil},
	{"servers differ, one of them behind", func(w *served) { w.a.cds, w.b.serial = rrs(cdsOf(kskA)), 9 }, "serial-behind", "", nil},
}
