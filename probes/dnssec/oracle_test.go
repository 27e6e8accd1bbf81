package dnssec

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// explained are the cases where unbound says something else, each with the text
// that ours rests on.
var explained = map[string]string{
	"www.d.nsec.vn. CNAME": "RFC 6672 5.3.1: the unsigned CNAME is validated by its DNAME; unbound asks for DS below the DNAME instead",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaa.long.nsec.vn. A": "RFC 6672 2.2: the signed DNAME proves YXDOMAIN; unbound does not validate that code",
	"signature: foreign signer beside a good one":                                            "RFC 4035 5.3.3: any valid RRSIG is enough; unbound looks at the first one's signer only",
	"signature: insecure-looking signer beside a good one":                                   "RFC 4035 5.3.3, as above",
	"signature: revoked key":                                                                 "RFC 5011 2.1: a revoked key is used for nothing but its own revocation",
	"key: DS names a revoked key":                                                            "RFC 5011 2.1",
	"key: SHA-1 good, SHA-256 wrong":                                                         "RFC 4509 3: SHA-1 digests are ignored beside SHA-256; unbound does so only with harden-algo-downgrade",
	"signature: ANY answered with nothing":                                                   "RFC 4035 5.4: the NSEC shows types at the name, so NODATA to a question for all of them is disproved",
	"nsec: proof of another zone beside":                                                     "RFC 4035 5.4: the denial stands on the zone's own records; the Source has dropped others",
}

// serve answers from a world on loopback, over UDP and TCP, for programs that
// are told to forward to it.
func serve(t *testing.T, current func() *world) (port string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback: ", err)
	}
	_, port, _ = net.SplitHostPort(pc.LocalAddr().String())
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Skip("no loopback: ", err)
	}
	handler := dns.HandlerFunc(func(rw dns.ResponseWriter, q *dns.Msg) {
		m, err := current().Query(context.Background(), q.Question[0].Name, q.Question[0].Qtype)
		if err != nil {
			m = new(dns.Msg)
			m.Rcode = dns.RcodeServerFailure
		}
		rcode := m.Rcode
		out := m.Copy()
		out.SetReply(q)
		out.Rcode, out.RecursionAvailable, out.Answer, out.Ns = rcode, true, m.Answer, m.Ns
		out.SetEdns0(4096, true)
		if rw.LocalAddr().Network() == "udp" {
			out.Truncate(4096)
		}
		_ = rw.WriteMsg(out)
	})
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return port
}

// TestAgreesWithUnbound puts our verdict beside that of unbound, where it is
// installed, on every case of this package.
func TestAgreesWithUnbound(t *testing.T) {
	bin, err := exec.LookPath("unbound-host")
	if err != nil {
		t.Skip("unbound-host is not installed")
	}
	var w *world
	port := serve(t, func() *world { return w })
	dir := t.TempDir()
	ask := func(t *testing.T, name string, qtype uint16) (State, string) {
		t.Helper()
		var anchors strings.Builder
		for _, a := range w.anchors {
			fmt.Fprintln(&anchors, a)
		}
		conf := filepath.Join(dir, "conf")
		must(t, os.WriteFile(filepath.Join(dir, "anchors"), []byte(anchors.String()), 0o600))
		must(t, os.WriteFile(conf, []byte(fmt.Sprintf(`server:
 module-config: "validator iterator"
 trust-anchor-file: %q
 val-override-date: %q
 val-sig-skew-min: 0
 val-sig-skew-max: 0
 do-not-query-localhost: no
 qname-minimisation: no
 local-zone: "." transparent
 edns-buffer-size: 4096
forward-zone:
 name: "."
 forward-addr: 127.0.0.1@%s
`, filepath.Join(dir, "anchors"), testNow.Format("20060102150405"), port)), 0o600))
		out, _ := exec.Command(bin, "-C", conf, "-v", "-t", typeName(qtype), name).CombinedOutput()
		text := string(out)
		switch {
		case strings.Contains(text, "(BOGUS"), strings.Contains(text, "SERVFAIL"):
			return Bogus, text
		case strings.Contains(text, "(secure)"):
			return Secure, text
		case strings.Contains(text, "(insecure)"):
			return Insecure, text
		}
		return Indeterminate, text
	}
	agree := func(t *testing.T, title, name string, qtype uint16) {
		ours := w.validator().Validate(context.Background(), name, qtype)
		theirs, text := ask(t, name, qtype)
		if ours.State != theirs && !(ours.State == Indeterminate && theirs == Bogus) && explained[title] == "" {
			t.Errorf("%s (%s %s): ours %v, unbound %v\n%s\n%.600s", title, name, typeName(qtype), ours.State, theirs, reasonsText(ours), text)
		}
	}
	w = newWorld(t, province()...)
	for _, c := range goodCases {
		if c.qtype != dns.TypeRRSIG {
			agree(t, c.name+" "+typeName(c.qtype), c.name, c.qtype)
		}
	}
	for set, cases := range map[string][]brokenCase{"signature": signatureCases, "key": keyCases, "nsec": nsecCases, "nsec3": nsec3Cases, "alias": aliasCases} {
		for _, c := range cases {
			w = newWorld(t, withExtras()...)
			c.do(w)
			name, qtype := c.name, c.qtype
			if name == "" {
				name = www
			}
			if qtype == 0 {
				qtype = dns.TypeA
			}
			agree(t, set+": "+c.title, name, qtype)
		}
	}
	w = newWorld(t, withExtras()...)
	for _, c := range anchorCases(w) {
		if w.anchors = c.anchors; len(c.anchors) > 0 && c.code != "dnssec.indeterminate.no-anchor" {
			agree(t, "anchor: "+c.title, c.name, c.qtype)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
