package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// rich is a zone with everything that a denial has to speak of.
const rich = `a rich zone
-- include --
base
-- zones --
tinh.gov.vn        ns1.dc.gov.vn ns2.dc.gov.vn  OPTIONS
ky.tinh.gov.vn     ns1.dc.gov.vn
tran.tinh.gov.vn   ns1.dc.gov.vn  unsigned
xa.tran.tinh.gov.vn ns2.dc.gov.vn unsigned
-- zone tinh.gov.vn --
a.b.c      TXT    "below two empty non-terminals"
*.w        A      198.51.100.7
*.alias    CNAME  www
here.w     TXT    "hides the wildcard"
cu         DNAME  moi
x.moi      A      198.51.100.8
cname      CNAME  www
out        CNAME  www.dc.gov.vn.
loop       CNAME  loop
\000.nul   A      198.51.100.9
`

func richLab(t testing.TB, options string, o Options) *Lab {
	return start(t, strings.Replace(rich, "OPTIONS", options, 1), o)
}

// TestProofs compares what a server answers with RFC 4035 3.1, RFC 5155 7.2 and
// RFC 6672 3, section by section, and lets delv judge whether the denials prove
// what they should.
func TestProofs(t *testing.T) {
	delv, err := exec.LookPath("delv")
	if err != nil {
		delv = ""
	}
	for _, options := range []string{"", "nsec3=1:ab", "optout"} {
		t.Run(options, func(t *testing.T) {
			l := richLab(t, options, Options{Loopback: true})
			anchors := filepath.Join(t.TempDir(), "anchors")
			if err := os.WriteFile(anchors, []byte(delvAnchors(t, l)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, c := range proofs {
				m := mustAsk(t, l, "udp", dcServer, c.name+".tinh.gov.vn.", c.qtype)
				if got := counted(m); got != c.want {
					t.Errorf("%s %s:\n got %s\nwant %s\n%v", c.name, dns.TypeToString[c.qtype], got, c.want, m)
				}
				want := "secure"
				if options == "optout" && strings.Contains(c.want, "|n") && strings.Contains(c.want, "aa|") {
					want = "insecure" // an unsigned delegation might hide in the span (RFC 5155 6)
				}
				if delv == "" || c.name == "loop" || c.name == "tran" && options == "optout" {
					continue
				}
				if got := runDelv(t, l, delv, anchors, [2]string{c.name + ".tinh.gov.vn.", dns.TypeToString[c.qtype]}); got != want {
					t.Errorf("%s %s: delv says %s, want %s", c.name, dns.TypeToString[c.qtype], got, want)
				}
			}
		})
	}
}

var proofs = []struct {
	name  string
	qtype uint16
	want  string
}{
	{"www", dns.TypeTXT, "NOERROR aa||SOA n|"},
	{"b.c", dns.TypeA, "NOERROR aa||SOA n|"},
	{"c", dns.TypeA, "NOERROR aa||SOA n|"},
	{"nothing", dns.TypeA, "NXDOMAIN aa||SOA n|"},
	{"x.y.www", dns.TypeA, "NXDOMAIN aa||SOA n|"},
	{"x.w", dns.TypeA, "NOERROR aa|A|n|"},
	{"x.y.w", dns.TypeA, "NOERROR aa|A|n|"},
	{"x.w", dns.TypeAAAA, "NOERROR aa||SOA n|"},
	{"here.w", dns.TypeA, "NOERROR aa||SOA n|"},
	{"x.here.w", dns.TypeA, "NXDOMAIN aa||SOA n|"},
	{"x.alias", dns.TypeA, "NOERROR aa|CNAME A|n|"},
	{"x.alias", dns.TypeTXT, "NOERROR aa|CNAME|n SOA n|"},
	{"x.cu", dns.TypeA, "NOERROR aa|DNAME CNAME A||"},
	{"y.cu", dns.TypeA, "NXDOMAIN aa|DNAME CNAME|SOA n|"},
	{"cu", dns.TypeDNAME, "NOERROR aa|DNAME||"},
	{"cname", dns.TypeA, "NOERROR aa|CNAME A||"},
	{"cname", dns.TypeCNAME, "NOERROR aa|CNAME||"},
	{"out", dns.TypeA, "NOERROR aa|CNAME||"},
	{"loop", dns.TypeA, "NOERROR aa|CNAME||"},
	{"ky", dns.TypeDS, "NOERROR aa|DS||"},
	{"tran", dns.TypeDS, "NOERROR aa||SOA n|"},
}

// counted is summary with each run of denial records as one n: how many there
// are hangs on which of them do double duty.
func counted(m *dns.Msg) string {
	s := strings.NewReplacer("NSEC3", "n", "NSEC", "n").Replace(summary(m))
	for strings.Contains(s, "n n") {
		s = strings.ReplaceAll(s, "n n", "n")
	}
	return s
}

// TestWholeZones lets the tools of BIND and ldns check every signature, bit map
// and link of whole zones.
func TestWholeZones(t *testing.T) {
	tools := [][]string{{"dnssec-verify", "-z", "-o", "ZONE", "FILE"}, {"ldns-verify-zone", "FILE"}}
	for _, options := range []string{"", "csk", "nsec3", "nsec3=3:beef", "optout", "alg=rsasha256", "alg=ecdsap384", "alg=ed25519 nsec3"} {
		t.Run(options, func(t *testing.T) {
			l := richLab(t, options, Options{})
			for _, z := range l.zones {
				if z.spec.unsigned {
					continue
				}
				file := filepath.Join(t.TempDir(), "zone")
				if err := os.WriteFile(file, []byte(zoneText(z)), 0o600); err != nil {
					t.Fatal(err)
				}
				for _, tool := range tools {
					path, err := exec.LookPath(tool[0])
					if err != nil {
						continue
					}
					var args []string
					for _, a := range tool[1:] {
						args = append(args, strings.NewReplacer("ZONE", z.name, "FILE", file).Replace(a))
					}
					out, err := exec.Command(path, args...).CombinedOutput()
					var exit *exec.ExitError
					if errors.As(err, &exit) {
						t.Errorf("%s of %s:\n%s", tool[0], z.name, out)
					} else if err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

func zoneText(z *zone) string {
	var b strings.Builder
	b.WriteString(z.get(z.name, dns.TypeSOA).rrs[0].String() + "\n")
	for _, node := range z.sets {
		for rtype, set := range node {
			for _, rr := range append(append([]dns.RR(nil), set.rrs...), set.sigs...) {
				if rtype != dns.TypeSOA || rr.Header().Rrtype == dns.TypeRRSIG {
					b.WriteString(rr.String() + "\n")
				}
			}
		}
	}
	return b.String()
}

// TestSameServer asks a server that has both sides of a cut.
func TestSameServer(t *testing.T) {
	l := richLab(t, "", Options{})
	for _, c := range []struct {
		server, name string
		qtype        uint16
		want         string
	}{
		{dcServer, "ky.tinh.gov.vn.", dns.TypeDS, "NOERROR aa|DS||"},                       // the parent's
		{dcServer, "ky.tinh.gov.vn.", dns.TypeNS, "NOERROR aa|NS||"},                       // the child's
		{dcServer, "xa.tran.tinh.gov.vn.", dns.TypeA, "NOERROR||NS|"},                      // child elsewhere
		{"[2001:db8:4:1::53]:53", "ky.tinh.gov.vn.", dns.TypeA, "NOERROR||NS DS|"},         // parent alone
		{"[2001:db8:4:1::53]:53", "xa.tran.tinh.gov.vn.", dns.TypeSOA, "NOERROR aa|SOA||"}, // child alone
		{"[2001:db8:4:1::53]:53", "xa.tran.tinh.gov.vn.", dns.TypeDS, "NOERROR||NS NSEC|"}, // grandparent
	} {
		if got := summary(mustAsk(t, l, "udp", c.server, c.name, c.qtype)); got != c.want {
			t.Errorf("%s %s at %s:\n got %s\nwant %s", c.name, dns.TypeToString[c.qtype], c.server, got, c.want)
		}
	}
}

// TestTruncation asks for a set that does not fit into a datagram.
func TestTruncation(t *testing.T) {
	l := start(t, "long\n-- include --\nbase\n-- zone tinh.gov.vn --\nlong TXT "+strings.Repeat("\""+strings.Repeat("x", 200)+"\" ", 8)+"\n", Options{})
	if m := mustAsk(t, l, "udp", dcServer, "long.tinh.gov.vn.", dns.TypeTXT); !m.Truncated || len(m.Answer) != 0 {
		t.Errorf("over UDP: %v", m)
	}
	if m := mustAsk(t, l, "tcp", dcServer, "long.tinh.gov.vn.", dns.TypeTXT); m.Truncated || len(m.Answer) != 2 {
		t.Errorf("over TCP: %v", m)
	}
}

func FuzzHandle(f *testing.F) {
	w, err := Open("base")
	if err != nil {
		f.Fatal(err)
	}
	l, err := Start(w, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	q := new(dns.Msg)
	q.SetQuestion("www.tinh.gov.vn.", dns.TypeAAAA)
	q.SetEdns0(1232, true)
	seed, err := q.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	s := &nameServer{zones: l.zones}
	r := &recursive{zones: l.zones}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, handle := range []func([]byte) []byte{
			func(b []byte) []byte { out, _ := s.handle(b, true); return out },
			func(b []byte) []byte { out, _ := r.handle(b, true); return out },
		} {
			if out := handle(b); out != nil && new(dns.Msg).Unpack(out) != nil {
				t.Fatalf("%x is answered by %x", b, out)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"base", "province", "level-1-mtu"} {
		data, err := worldFiles.ReadFile("worlds/" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := Parse(b)
		if err != nil || len(w.zones) > 20 {
			return
		}
		if _, err := w.build(); err != nil {
			return
		}
	})
}
