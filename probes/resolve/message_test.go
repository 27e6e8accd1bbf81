package resolve

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// What a reply of a server of vn means for www.x.vn AAAA, beyond the cases that
// the tests on servers cover.
func TestRead(t *testing.T) {
	sections := func(answer, authority []dns.RR) *dns.Msg { return &dns.Msg{Answer: answer, Ns: authority} }
	none := []dns.RR(nil)
	soa, ns := rr("vn. SOA a. b. 1 2 3 4 5"), rr("x.vn. NS ns.x.vn.")
	nsec := rr("www.x.vn. NSEC y.vn. A")
	for name, c := range map[string]struct {
		m     *dns.Msg
		aa    bool
		ra    bool
		rcode int
		qtype uint16
		want  kind
	}{
		"referral":                       {m: sections(none, []dns.RR{ns}), want: referral},
		"referral with AA":               {m: sections(none, []dns.RR{ns}), aa: true, want: referral},
		"referral by a recursive server": {m: sections(none, []dns.RR{ns}), ra: true, want: weak},
		"referral with a foreign SOA":    {m: sections(none, []dns.RR{ns, rr("net. SOA a. b. 1 2 3 4 5")}), want: useless},
		"NODATA":                         {m: sections(none, []dns.RR{soa}), aa: true, want: authority},
		"NODATA with the zone's NS":      {m: sections(none, []dns.RR{rr("vn. NS ns.vn."), soa}), aa: true, want: authority},
		"NODATA, no AA":                  {m: sections(none, []dns.RR{soa}), want: weak},
		"denial without SOA, no AA":      {m: sections(none, []dns.RR{nsec}), want: weak},
		"denial of another zone":         {m: sections(none, []dns.RR{rr("a.net. NSEC b.net. A")}), want: useless},
		"NXDOMAIN":                       {m: sections(none, []dns.RR{soa}), aa: true, rcode: dns.RcodeNameError, want: authority},
		"NXDOMAIN with NS of a child":    {m: sections(none, []dns.RR{ns}), rcode: dns.RcodeNameError, want: useless},
		"NXDOMAIN by a cache":            {m: sections(none, []dns.RR{soa}), ra: true, rcode: dns.RcodeNameError, want: weak},
		"alias to nowhere":               {m: sections([]dns.RR{rr("www.x.vn. CNAME a.vn.")}, []dns.RR{soa}), aa: true, rcode: dns.RcodeNameError, want: authority},
		"DNAME":                          {m: sections([]dns.RR{rr("x.vn. DNAME net.")}, none), aa: true, want: authority},
		"DNAME too long":                 {m: sections([]dns.RR{rr("x.vn. DNAME net.")}, none), aa: true, rcode: dns.RcodeYXDomain, want: authority},
		"DNAME of the name itself":       {m: sections([]dns.RR{rr("www.x.vn. DNAME net.")}, []dns.RR{ns}), want: referral},
		"another class":                  {m: sections([]dns.RR{rr("www.x.vn. CH AAAA 2001:db8::1")}, none), want: useless},
		"another type":                   {m: sections([]dns.RR{rr("www.x.vn. A 192.0.2.1")}, none), want: useless},
		"child side":                     {m: sections(none, []dns.RR{rr("www.x.vn. SOA a. b. 1 2 3 4 5")}), aa: true, qtype: dns.TypeDS, want: childSide},
		"DS denied by the parent":        {m: sections(none, []dns.RR{soa, nsec}), aa: true, qtype: dns.TypeDS, want: authority},
		"NOTIMP":                         {m: sections(none, none), rcode: dns.RcodeNotImplemented, want: useless},
	} {
		c.m.Authoritative, c.m.RecursionAvailable, c.m.Rcode = c.aa, c.ra, c.rcode
		q := question{"www.x.vn.", dns.TypeAAAA}
		if c.qtype != 0 {
			q.qtype = c.qtype
		}
		got := read("vn.", q, c.m)
		if got.kind != c.want {
			t.Errorf("%s: kind %d (%s), want %d", name, got.kind, got.note, c.want)
		}
		if (got.kind == useless || got.kind == weak) != (got.cause != "") {
			if got.kind != childSide {
				t.Errorf("%s: kind %d with cause %q", name, got.kind, got.cause)
			}
		}
	}
}

// TestPack holds our own packing of a query against the library's.
func TestPack(t *testing.T) {
	for _, name := range []string{".", "vn.", "www.example.gov.vn.", `a\.b\032c.vn.`, `\000\255.vn.`, strings.Repeat("a23456789.", 25)} {
		for i, k := range []cookie{{}, {client: "12345678"}, {client: "12345678", server: "0123456789abcdef"}} {
			from := [...]string{"https://example.vn/", "", "https://example.vn/"}[i]
			for _, h := range []how{{}, {edns: true}, {edns: true, rd: true}, {rd: true}} {
				m := dns.Msg{
					MsgHdr:   dns.MsgHdr{Id: 4711, CheckingDisabled: true, RecursionDesired: h.rd},
					Question: []dns.Question{{Name: name, Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}},
				}
				if h.edns {
					m.SetEdns0(udpSize, true)
					if k.sent() {
						opt := m.IsEdns0()
						opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex.EncodeToString([]byte(k.client + k.server))})
						if from != "" {
							opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: contactCode, Data: []byte(from)})
						}
					}
				}
				want, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				got, err := pack(asked{id: 4711, q: question{name, dns.TypeAAAA}, cookie: k, from: from}, h)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, cookie %q, %+v:\n got %x %v\nwant %x", name, k.client+k.server, h, got, err, want)
				}
			}
		}
	}
	if _, err := pack(asked{q: question{strings.Repeat("a", 64) + ".", dns.TypeA}}, how{}); err == nil {
		t.Error("a label of 64 octets was packed")
	}
}
