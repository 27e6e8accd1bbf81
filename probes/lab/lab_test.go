package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs an embedded world, or an archive's text if it has a line break.
func start(t testing.TB, world string, o Options) *Lab {
	t.Helper()
	w, err := Open(world)
	if strings.Contains(world, "\n") {
		w, err = Parse([]byte(world))
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(w, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// both runs a test in memory and on loopback sockets.
func both(t *testing.T, f func(t *testing.T, o Options)) {
	t.Run("memory", func(t *testing.T) { f(t, Options{}) })
	t.Run("loopback", func(t *testing.T) { f(t, Options{Loopback: true}) })
}

// ask sends one question to a server of the world, with DO and CD.
func ask(l *Lab, network, server, name string, qtype uint16, patience time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := l.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(1232, true)
	conn := &dns.Conn{Conn: c, UDPSize: 1232}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	r, err := conn.ReadMsg()
	if err == nil && r.Id != m.Id {
		err = dns.ErrId
	}
	return r, err
}

func mustAsk(t testing.TB, l *Lab, network, server, name string, qtype uint16) *dns.Msg {
	t.Helper()
	r, err := ask(l, network, server, name, qtype, 10*time.Second)
	if err != nil {
		t.Fatalf("%s %s at %s over %s: %v", name, dns.TypeToString[qtype], server, network, err)
	}
	return r
}

// summary is a message in a few words, for tables.
func summary(m *dns.Msg) string {
	section := func(rrs []dns.RR) string {
		var out []string
		for _, rr := range rrs {
			t := dns.TypeToString[rr.Header().Rrtype]
			if t == "RRSIG" || t == "OPT" {
				continue
			}
			out = append(out, t)
		}
		return strings.Join(out, " ")
	}
	flags := ""
	if m.Authoritative {
		flags = " aa"
	}
	if m.Truncated {
		flags += " tc"
	}
	return fmt.Sprintf("%s%s|%s|%s|%s", dns.RcodeToString[m.Rcode], flags, section(m.Answer), section(m.Ns), section(m.Extra))
}

const (
	rootServer = "[2001:db8:1::53]:53"
	govServer  = "[2001:db8:3::53]:53"
	dcServer   = "[2001:db8:4::53]:53"
)

func TestBaseAnswers(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, "base", o)
		for _, c := range []struct {
			server, name string
			qtype        uint16
			want         string
		}{
			{rootServer, ".", dns.TypeDNSKEY, "NOERROR aa|DNSKEY DNSKEY||"},
			{rootServer, "www.tinh.gov.vn.", dns.TypeAAAA, "NOERROR||NS NS DS|A AAAA A AAAA"},
			{rootServer, "vn.", dns.TypeDS, "NOERROR aa|DS||"},
			{rootServer, "nowhere.", dns.TypeA, "NXDOMAIN aa||SOA NSEC NSEC|"},
			{rootServer, "lab.", dns.TypeA, "NOERROR aa||SOA NSEC|"},
			{govServer, "tinh.gov.vn.", dns.TypeDS, "NOERROR aa|DS||"},
			{govServer, "www.tinh.gov.vn.", dns.TypeA, "NOERROR||NS NS DS|A AAAA A AAAA"},
			{govServer, "x.y.gov.vn.", dns.TypeA, "NXDOMAIN aa||SOA NSEC3 NSEC3 NSEC3|"},
			{dcServer, "www.tinh.gov.vn.", dns.TypeAAAA, "NOERROR aa|AAAA||"},
			{dcServer, "WWW.tinh.gov.vn.", dns.TypeTXT, "NOERROR aa||SOA NSEC|"},
			{dcServer, "tinh.gov.vn.", dns.TypeMX, "NOERROR aa|MX||A AAAA"},
			{dcServer, "tinh.gov.vn.", dns.TypeDS, "NOERROR aa||SOA NSEC|"},
			{dcServer, "other.vn.", dns.TypeA, "REFUSED|||"},
		} {
			for _, network := range []string{"udp", "tcp"} {
				if got := summary(mustAsk(t, l, network, c.server, c.name, c.qtype)); got != c.want {
					t.Errorf("%s %s at %s over %s:\n got %s\nwant %s", c.name, dns.TypeToString[c.qtype], c.server, network, got, c.want)
				}
			}
		}
	})
}

func TestDialErrors(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, `broken network
-- include --
base
-- hosts --
b.root.lab     dns  2001:db8:1:1::53!drop 192.0.2.2!unreachable
b.dns.vn       dns  2001:db8:2:1::53!refuse 192.0.2.12!reset
`, o)
		for _, c := range []struct {
			network, address string
			want             error
		}{
			{"tcp", "[2001:db8:1:1::53]:53", os.ErrDeadlineExceeded},
			{"udp", "[2001:db8:1:1::53]:53", os.ErrDeadlineExceeded},
			{"tcp", "192.0.2.2:53", syscall.EHOSTUNREACH},
			{"udp", "192.0.2.2:53", syscall.EHOSTUNREACH},
			{"tcp", "[2001:db8:2:1::53]:53", syscall.ECONNREFUSED},
			{"udp", "[2001:db8:2:1::53]:53", syscall.ECONNREFUSED},
			{"tcp", "192.0.2.12:53", syscall.ECONNRESET},
			{"tcp", "[2001:db8:1::53]:54", syscall.ECONNREFUSED},
			{"tcp", "[2001:db8:999::1]:53", syscall.EHOSTUNREACH},
		} {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			conn, err := l.Dial(ctx, c.network, c.address)
			if err == nil {
				conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
				if c.network == "udp" {
					conn.Write([]byte("x"))
				}
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			cancel()
			var op *net.OpError
			if !errors.As(err, &op) || !errors.Is(err, c.want) {
				t.Errorf("%s %s: %v (%T), want %v inside *net.OpError", c.network, c.address, err, err, c.want)
			}
			var timeout net.Error
			if c.want == os.ErrDeadlineExceeded && (!errors.As(err, &timeout) || !timeout.Timeout()) {
				t.Errorf("%s %s: %v does not say Timeout()", c.network, c.address, err)
			}
		}
	})
}

// TestSignatures checks with miekg/dns that every signature of every zone fits
// its set and key, for each algorithm and both kinds of denial.
func TestSignatures(t *testing.T) {
	for _, opts := range []string{"", "nsec3=5:abcd", "optout", "csk", "alg=rsasha256", "alg=rsasha512 csk", "alg=ecdsap384", "alg=ed25519 nsec3", "alg=rsasha1"} {
		t.Run(opts, func(t *testing.T) {
			l := start(t, "signed\n-- include --\nbase\n-- zones --\ntinh.gov.vn ns1.dc.gov.vn ns2.dc.gov.vn "+opts+"\n", Options{})
			checked := 0
			for _, z := range l.zones {
				for owner, node := range z.sets {
					for rtype, set := range node {
						if len(set.sigs) == 0 {
							if !z.foreign(owner, rtype) && (rtype != dns.TypeNS || owner == z.name) {
								t.Errorf("%s %s is not signed", owner, dns.TypeToString[rtype])
							}
							continue
						}
						checked++
						sig := set.sigs[0].(*dns.RRSIG)
						key := z.signers(rtype)[0].public
						if err := sig.Verify(key, set.rrs); err != nil || !sig.ValidityPeriod(time.Now()) {
							t.Errorf("%s %s: %v", owner, dns.TypeToString[rtype], err)
						}
					}
				}
			}
			if checked < 50 {
				t.Errorf("only %d sets checked", checked)
			}
		})
	}
}
