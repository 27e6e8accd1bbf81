package dnssec

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var nsecCases = []brokenCase{
	{"NODATA without proof", "", dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) { w.at(www, dns.TypeMX, strip(dns.TypeNSEC)) }},
	{"NODATA without anything", "", dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at(www, dns.TypeMX, func(m *dns.Msg) { m.Ns = nil })
	}},
	{"NODATA, proof without SOA", "", dns.TypeMX, Secure, "", func(w *world) { w.at(www, dns.TypeMX, strip(dns.TypeSOA)) }},
	{"NODATA, proof unsigned", "", dns.TypeMX, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at(www, dns.TypeMX, stripSig(dns.TypeNSEC)) }},
	{"NODATA, SOA unsigned", "", dns.TypeMX, Bogus, "dnssec.bogus.no-signature", func(w *world) { w.at(www, dns.TypeMX, stripSig(dns.TypeSOA)) }},
	{"NODATA, SOA changed", "", dns.TypeMX, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeMX, func(m *dns.Msg) { m.Ns[0].(*dns.SOA).Minttl++ })
	}},
	{"NODATA, proof broken", "", dns.TypeMX, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at(www, dns.TypeMX, eachSig(dns.TypeNSEC, flip)) }},
	{"NODATA, proof expired", "", dns.TypeMX, Bogus, "dnssec.bogus.sig-expired", func(w *world) {
		w.z("nsec.vn.").signing(www, dns.TypeNSEC, func(s *dns.RRSIG) { s.Expiration = unix(testNow) - 1 })
	}},
	{"NODATA although the bit is set", "", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) { w.at(www, dns.TypeA, w.prove("nsec.vn.", 0, www)) }},
	{"NODATA although there is a CNAME", "web.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("web.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", 0, "web.nsec.vn."))
	}},
	{"NODATA with the bit taken out", "", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www, dns.TypeA, do(w.prove("nsec.vn.", 0, www), func(m *dns.Msg) {
			for _, rr := range m.Ns {
				if n, ok := rr.(*dns.NSEC); ok {
					n.TypeBitMap = slices.DeleteFunc(n.TypeBitMap, func(t uint16) bool { return t == dns.TypeA })
				}
			}
		}))
	}},
	{"NODATA with another name's proof", "", dns.TypeMX, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www, dns.TypeMX, w.prove("nsec.vn.", 0, "mx.nsec.vn."))
	}},
	{"NXDOMAIN for a name that is there", "", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www, dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "wwv.nsec.vn.", "*.nsec.vn."))
	}},
	{"NXDOMAIN without proof", "none.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, strip(dns.TypeNSEC))
	}},
	{"NXDOMAIN without the name denied", "none.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "*.nsec.vn."))
	}},
	{"NXDOMAIN without the wildcard denied", "none.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "none.nsec.vn."))
	}},
	{"NXDOMAIN although a wildcard stands for the name", "any.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "any.wild.nsec.vn.", "*.wild.nsec.vn."))
	}},
	{"NXDOMAIN for an empty non-terminal", "ent.deep.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("ent.deep.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })
	}},
	{"NXDOMAIN for a name without the type", "", dns.TypeMX, Secure, "", func(w *world) {
		w.at(www, dns.TypeMX, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })
	}},
	{"NOERROR for a name that is not there", "none.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Rcode = 0 })
	}},
	{"child's name denied by the cut's NSEC", "www.child.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("www.child.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "child.nsec.vn.", "*.child.nsec.vn."))
	}},
	{"child's apex data denied by the parent", "child.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("child.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", 0, "child.nsec.vn."))
	}},
	{"unsigned child's name denied by the cut's NSEC", "www.plainn.nsec.vn.", 0, Insecure, "dnssec.insecure.unsigned", func(w *world) {
		w.at("www.plainn.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "plainn.nsec.vn.", "*.plainn.nsec.vn."))
	}},
	{"unsigned child's apex data denied by the parent", "plainn.nsec.vn.", 0, Insecure, "dnssec.insecure.unsigned", func(w *world) {
		w.at("plainn.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", 0, "plainn.nsec.vn."))
	}},
	{"unsigned child's data signed by the parent", "www.plainn.nsec.vn.", 0, Secure, "", func(w *world) {
		z := w.z("nsec.vn.")
		w.at("www.plainn.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			set := []dns.RR{rr("www.plainn.nsec.vn. 60 A 192.0.2.99")}
			m.Answer = append(set, z.signWith(z.zsk, set))
		})
	}},
	{"signed child's data signed by the parent", "www.child.nsec.vn.", 0, Secure, "", func(w *world) {
		z := w.z("nsec.vn.")
		w.at("www.child.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			set := []dns.RR{rr("www.child.nsec.vn. 60 A 192.0.2.99")}
			m.Answer = append(set, z.signWith(z.zsk, set))
		})
	}},
	{"name below a DNAME denied by its NSEC", "www.d.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("www.d.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", dns.RcodeNameError, "d.nsec.vn.", "*.d.nsec.vn."))
	}},
	{"name denied by the parent of the zone", "none.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, w.prove("vn.", dns.RcodeNameError, "nsec.vn.", "*.vn."))
	}},
	{"proof of another zone only", "none.nsec.vn.", 0, Bogus, "", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, w.prove("ec.vn.", dns.RcodeNameError, "none.ec.vn."))
	}},
	{"proof of another zone beside", "none.nsec.vn.", 0, Secure, "", func(w *world) {
		w.at("none.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			extra := new(dns.Msg)
			w.prove("vn.", 0, "ec.vn.")(extra)
			m.Ns = append(m.Ns, extra.Ns...)
		})
	}},
	{"NSEC made from a wildcard", "any.wild.nsec.vn.", 0, Bogus, "", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, do(w.prove("nsec.vn.", 0, "*.wild.nsec.vn."), rename("*.wild.nsec.vn.", "any.wild.nsec.vn.")))
	}},
	{"NSEC made from a wildcard, for a type it lacks", "any.wild.nsec.vn.", dns.TypeMX, Secure, "", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeMX, do(w.prove("nsec.vn.", 0, "*.wild.nsec.vn."), rename("*.wild.nsec.vn.", "any.wild.nsec.vn.")))
	}},
	{"wildcard answer without proof", "any.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Ns = nil })
	}},
	{"wildcard answer with a proof of something else", "any.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			extra := new(dns.Msg)
			w.prove("nsec.vn.", 0, www)(extra)
			m.Ns = extra.Ns
		})
	}},
	{"wildcard answer, proof broken", "any.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, eachSig(dns.TypeNSEC, flip))
	}},
	{"wildcard answer for a name that has a closer one", "x.host.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("x.host.wild.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			w.from("nsec.vn.", "*.wild.nsec.vn.", dns.TypeA)(m)
			rename("*.wild.nsec.vn.", "x.host.wild.nsec.vn.")(m)
			extra := new(dns.Msg)
			w.prove("nsec.vn.", 0, "x.host.wild.nsec.vn.")(extra)
			m.Ns = extra.Ns
		})
	}},
	{"wildcard answer for a name that exists", "host.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("host.wild.nsec.vn.", dns.TypeA, func(m *dns.Msg) {
			w.from("nsec.vn.", "*.wild.nsec.vn.", dns.TypeA)(m)
			rename("*.wild.nsec.vn.", "host.wild.nsec.vn.")(m)
			extra := new(dns.Msg)
			w.prove("nsec.vn.", 0, "host.wild.nsec.vn.", "hosa.wild.nsec.vn.")(extra)
			m.Ns = extra.Ns
		})
	}},
	{"wildcard NODATA without the wildcard's NSEC", "any.wild.nsec.vn.", dns.TypeAAAA, Bogus, "", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeAAAA, stripOwner("*.wild.nsec.vn.", dns.TypeNSEC))
	}},
	{"wildcard NODATA although the wildcard has the type", "any.wild.nsec.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("any.wild.nsec.vn.", dns.TypeA, w.prove("nsec.vn.", 0, "*.wild.nsec.vn.", "any.wild.nsec.vn."))
	}},
	{"wildcard CNAME without proof", "q.wc.nsec.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("q.wc.nsec.vn.", dns.TypeA, func(m *dns.Msg) { m.Ns = nil })
	}},
	{"unsigned answer in a signed zone", "", 0, Bogus, "dnssec.bogus.no-signature", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer = []dns.RR{rr(www + " A 203.0.113.1")} })
	}},
	{"unsigned NXDOMAIN in a signed zone", "", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at(www, dns.TypeA, func(m *dns.Msg) { m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeNameError })
	}},
}

func TestNSEC(t *testing.T) { runCases(t, nsecCases) }

const www3 = "www.nsec3.vn."

// each3 changes the NSEC3 records of an answer after signing, or with resign
// before it.
func each3(f func(*dns.NSEC3)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		for _, rr := range m.Ns {
			if n, ok := rr.(*dns.NSEC3); ok {
				f(n)
			}
		}
	}
}

// resign3 changes the NSEC3 records of an answer and signs them again.
func (w *world) resign3(apex string, f func(*dns.NSEC3)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		z := w.z(apex)
		stripSig(dns.TypeNSEC3)(m)
		for _, rr := range slices.Clone(m.Ns) {
			if n, ok := rr.(*dns.NSEC3); ok {
				f(n)
				m.Ns = append(m.Ns, z.signWith(z.zsk, []dns.RR{n}))
			}
		}
	}
}

var nsec3Cases = []brokenCase{
	{"NODATA without proof", www3, dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) { w.at(www3, dns.TypeMX, strip(dns.TypeNSEC3)) }},
	{"NODATA although the bit is set", www3, 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) { w.at(www3, dns.TypeA, w.prove("nsec3.vn.", 0, www3)) }},
	{"NODATA although there is a CNAME", "web.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("web.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", 0, "web.nsec3.vn."))
	}},
	{"NODATA, proof broken", www3, dns.TypeMX, Bogus, "dnssec.bogus.sig-invalid", func(w *world) { w.at(www3, dns.TypeMX, eachSig(dns.TypeNSEC3, flip)) }},
	{"NODATA, proof of another name", www3, dns.TypeMX, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www3, dns.TypeMX, w.prove("nsec3.vn.", 0, "mx.nsec3.vn."))
	}},
	{"NXDOMAIN without the closest encloser", "a.none.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("a.none.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", dns.RcodeNameError, "none.nsec3.vn.", "*.nsec3.vn."))
	}},
	{"NXDOMAIN without the next closer name", "a.none.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("a.none.nsec3.vn.", dns.TypeA, w.only3("nsec3.vn.", "none.nsec3.vn.", "nsec3.vn.", "*.nsec3.vn."))
	}},
	{"NXDOMAIN without the wildcard", "a.none.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("a.none.nsec3.vn.", dns.TypeA, w.only3("nsec3.vn.", "*.nsec3.vn.", "nsec3.vn.", "none.nsec3.vn."))
	}},
	{"NXDOMAIN although a wildcard stands for the name", "any.wild.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("any.wild.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", dns.RcodeNameError, "wild.nsec3.vn.", "any.wild.nsec3.vn.", "*.wild.nsec3.vn."))
	}},
	{"NXDOMAIN for a name that is there", www3, 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www3, dns.TypeA, w.prove("nsec3.vn.", dns.RcodeNameError, "nsec3.vn.", "none.nsec3.vn.", "*.nsec3.vn."))
	}},
	{"NOERROR for a name that is not there", "none.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("none.nsec3.vn.", dns.TypeA, func(m *dns.Msg) { m.Rcode = 0 })
	}},
	{"NXDOMAIN for an empty non-terminal", "ent.deep.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("ent.deep.nsec3.vn.", dns.TypeA, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })
	}},
	{"unknown hash algorithm", www3, dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at(www3, dns.TypeMX, w.resign3("nsec3.vn.", func(n *dns.NSEC3) { n.Hash = 2 }))
	}},
	{"unknown flags", www3, dns.TypeMX, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at(www3, dns.TypeMX, w.resign3("nsec3.vn.", func(n *dns.NSEC3) { n.Flags = 2 }))
	}},
	{"salt changed", www3, dns.TypeMX, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www3, dns.TypeMX, each3(func(n *dns.NSEC3) { n.Salt, n.SaltLength = "ab", 1 }))
	}},
	{"salt that was never hashed with", www3, dns.TypeMX, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at(www3, dns.TypeMX, w.resign3("nsec3.vn.", func(n *dns.NSEC3) { n.Salt, n.SaltLength = "ab", 1 }))
	}},
	{"iterations at the limit", www3, dns.TypeMX, Secure, "", func(w *world) { w.z("nsec3.vn.").iter = 150 }},
	{"iterations above the limit", www3, dns.TypeMX, Insecure, "dnssec.insecure.nsec3-iterations", func(w *world) { w.z("nsec3.vn.").iter = 151 }},
	{"iterations far above the limit", "none.nsec3.vn.", 0, Insecure, "dnssec.insecure.nsec3-iterations", func(w *world) { w.z("nsec3.vn.").iter = 2500 }},
	{"iterations above the limit, positive answer", www3, 0, Secure, "", func(w *world) { w.z("nsec3.vn.").iter = 2500 }},
	{"iterations above the limit, wildcard answer", "any.wild.nsec3.vn.", 0, Insecure, "dnssec.insecure.nsec3-iterations", func(w *world) { w.z("nsec3.vn.").iter = 2500 }},
	{"iterations above the limit, broken", www3, dns.TypeMX, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at(www3, dns.TypeMX, each3(func(n *dns.NSEC3) { n.Iterations = 3000 }))
	}},
	{"iterations above the limit, delegation", "www.plain3.nsec3.vn.", 0, Insecure, "dnssec.insecure.nsec3-iterations", func(w *world) { w.z("nsec3.vn.").iter = 400 }},
	{"child's name denied across the cut", "www.plain3.nsec3.vn.", 0, Insecure, "dnssec.insecure.unsigned", func(w *world) {
		w.at("www.plain3.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", dns.RcodeNameError, "plain3.nsec3.vn.", "www.plain3.nsec3.vn.", "*.plain3.nsec3.vn."))
	}},
	{"unsigned child's apex data denied by the parent", "plain3.nsec3.vn.", 0, Insecure, "dnssec.insecure.unsigned", func(w *world) {
		w.at("plain3.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", 0, "plain3.nsec3.vn."))
	}},
	{"signed child's name denied across the cut", "www.signed.opt.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("www.signed.opt.vn.", dns.TypeA, w.prove("opt.vn.", dns.RcodeNameError, "signed.opt.vn.", "www.signed.opt.vn.", "*.signed.opt.vn."))
	}},
	{"child's apex data denied by the parent", "signed.opt.vn.", 0, Bogus, "dnssec.bogus.denial-missing", func(w *world) {
		w.at("signed.opt.vn.", dns.TypeA, w.prove("opt.vn.", 0, "signed.opt.vn."))
	}},
	{"name below a DNAME denied", "www.d.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("www.d.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", dns.RcodeNameError, "d.nsec3.vn.", "www.d.nsec3.vn.", "*.d.nsec3.vn."))
	}},
	{"DS denied in a span without opt-out", "www.plain3.nsec3.vn.", 0, Bogus, "", func(w *world) {
		w.at("plain3.nsec3.vn.", dns.TypeDS, w.only3("nsec3.vn.", "plain3.nsec3.vn.", "nsec3.vn.", "none.nsec3.vn."))
	}},
	{"opt-out span, covering record broken", "www.unsigned.opt.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("unsigned.opt.vn.", dns.TypeDS, eachSig(dns.TypeNSEC3, flip))
	}},
	{"opt-out flag taken away", "www.unsigned.opt.vn.", 0, Bogus, "dnssec.bogus.sig-invalid", func(w *world) {
		w.at("unsigned.opt.vn.", dns.TypeDS, each3(func(n *dns.NSEC3) { n.Flags = 0 }))
	}},
	{"opt-out proof without its closest encloser", "www.unsigned.opt.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("unsigned.opt.vn.", dns.TypeDS, func(m *dns.Msg) {
			w.only3("opt.vn.", "opt.vn.", "unsigned.opt.vn.")(m)
		})
	}},
	{"signed delegation passed off as opted out", "www.signed.opt.vn.", 0, Bogus, "", func(w *world) {
		w.at("signed.opt.vn.", dns.TypeDS, w.prove("opt.vn.", 0, "opt.vn.", "unsigned.opt.vn."))
	}},
	{"signed data in an opt-out span is secure", "www.opt.vn.", 0, Secure, "", func(w *world) {}},
	{"wildcard answer without proof", "any.wild.nsec3.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("any.wild.nsec3.vn.", dns.TypeA, func(m *dns.Msg) { m.Ns = nil })
	}},
	{"wildcard answer for a name that exists", "host.wild.nsec3.vn.", 0, Bogus, "dnssec.bogus.wildcard-unproven", func(w *world) {
		w.at("host.wild.nsec3.vn.", dns.TypeA, func(m *dns.Msg) {
			w.from("nsec3.vn.", "*.wild.nsec3.vn.", dns.TypeA)(m)
			rename("*.wild.nsec3.vn.", "host.wild.nsec3.vn.")(m)
			extra := new(dns.Msg)
			w.prove("nsec3.vn.", 0, "wild.nsec3.vn.", "host.wild.nsec3.vn.")(extra)
			m.Ns = extra.Ns
		})
	}},
	{"wildcard NODATA although the wildcard has the type", "any.wild.nsec3.vn.", 0, Bogus, "dnssec.bogus.denial-invalid", func(w *world) {
		w.at("any.wild.nsec3.vn.", dns.TypeA, w.prove("nsec3.vn.", 0, "wild.nsec3.vn.", "any.wild.nsec3.vn.", "*.wild.nsec3.vn."))
	}},
	{"records of the parent's chain", "none.nsec3.vn.", 0, Bogus, "", func(w *world) {
		w.at("none.nsec3.vn.", dns.TypeA, func(m *dns.Msg) {
			for _, rr := range m.Ns {
				if strings.HasSuffix(rr.Header().Name, ".nsec3.vn.") {
					rr.Header().Name = strings.TrimSuffix(rr.Header().Name, "nsec3.vn.") + "vn."
				}
			}
		})
	}},
}

// only3 is prove, without the record that matches or covers one name.
func (w *world) only3(apex, without string, names ...string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		w.prove(apex, dns.RcodeNameError, names...)(m)
		rr, _ := w.z(apex).nsec3At(mustName(without))
		stripOwner(rr.Hdr.Name, dns.TypeNSEC3)(m)
	}
}

func TestNSEC3(t *testing.T) { runCases(t, nsec3Cases) }
