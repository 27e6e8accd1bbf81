package lab

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/textproto"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/osrg/gobgp/v3/pkg/packet/rtr"
)

// with is base with the given hosts in place of its own.
func with(hosts string) string { return "faulty\n-- include --\nbase\n-- hosts --\n" + hosts + "\n" }

// TestDNSFaults shows each fault on the wire, and the good answer where the
// fault does not reach.
func TestDNSFaults(t *testing.T) {
	const good = "NOERROR aa|AAAA||"
	both(t, func(t *testing.T, o Options) {
		for _, c := range []struct{ fault, udp, tcp string }{
			{"", good, good},
			{"drop", "timeout", "timeout"},
			{"servfail", "SERVFAIL|||", "SERVFAIL|||"},
			{"refused", "REFUSED|||", "REFUSED|||"},
			{"lame", "NOERROR||NS|", "NOERROR||NS|"},
			{"no-aa", "NOERROR|AAAA||", "NOERROR|AAAA||"},
			{"no-edns", "FORMERR|||", "FORMERR|||"},
			{"drop-edns", "timeout", "timeout"},
			{"drop-aaaa", "timeout", "timeout"},
			{"truncate", "NOERROR aa tc|||", good},
			{"wrong-id", "id", "id"},
			{"garbage", "unpack", "unpack"},
			{"no-tcp", good, "refused"},
			{"no-udp", "refused", good},
			{"tcp-only", "timeout", good},
			{"tcp/drop", good, "timeout"},
			{"tcp/reset", good, "reset"},
			{"slow:1ms", good, good},
			{"servfail@tinh.gov.vn", "SERVFAIL|||", "SERVFAIL|||"},
			{"servfail@dc.gov.vn", good, good},
			{"servfail@gov.vn", good, good},
		} {
			fault := c.fault
			if fault != "" {
				fault = "!" + fault
			}
			l := start(t, with("ns1.dc.gov.vn dns 2001:db8:4::53"+fault), o)
			for network, want := range map[string]string{"udp": c.udp, "tcp": c.tcp} {
				patience := 10 * time.Second
				if want == "timeout" {
					patience = 150 * time.Millisecond
				}
				m, err := ask(l, network, dcServer, "www.tinh.gov.vn.", dns.TypeAAAA, patience)
				if got := outcome(m, err); got != want {
					t.Errorf("fault %q over %s: %s, want %s", c.fault, network, got, want)
				}
			}
			l.Close()
		}
	})
}

// outcome is a message or an error in a word.
func outcome(m *dns.Msg, err error) string {
	switch {
	case err == nil:
		return summary(m)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, dns.ErrId):
		return "id"
	case strings.Contains(err.Error(), "unpack"), strings.Contains(err.Error(), "dns:"):
		return "unpack"
	}
	return err.Error()
}

func TestDNSFaultDetails(t *testing.T) {
	l := start(t, with("ns1.dc.gov.vn dns 2001:db8:4::53!wrong-question 198.51.100.53!strip-rrsig"), Options{})
	if m := mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeAAAA); m.Question[0].Name == "www.tinh.gov.vn." {
		t.Error("the question was not changed")
	}
	if m := mustAsk(t, l, "udp", "198.51.100.53:53", "www.tinh.gov.vn.", dns.TypeAAAA); len(m.Answer) != 1 {
		t.Errorf("signatures were not stripped: %v", m.Answer)
	}
	l = start(t, with("ns1.dc.gov.vn dns 2001:db8:4::53!slow:80ms"), Options{})
	began := time.Now()
	mustAsk(t, l, "udp", dcServer, "www.tinh.gov.vn.", dns.TypeAAAA)
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// webOutcome is a reply or an error in a word.
func webOutcome(l *Lab, address, want string) string {
	patience := 10 * time.Second
	if want == "timeout" {
		patience = 200 * time.Millisecond
	}
	r, body, err := get(l, address, "www.tinh.gov.vn", "/", patience)
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil && len(body) > 1280:
		return r.Status[:3] + " large"
	case err == nil:
		return r.Status[:3] + " small"
	case errors.As(err, &name):
		return "name"
	case errors.As(err, &invalid):
		return "date"
	case errors.As(err, &unknown):
		return "authority"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"), strings.Contains(err.Error(), "malformed HTTP"):
		return "protocol"
	}
	return outcome(nil, err)
}

func TestWebFaults(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for _, c := range []struct{ fault, https, http string }{
			{"", "200 large", "301 large"},
			{"drop", "timeout", "timeout"},
			{"refuse", "refused", "refused"},
			{"silent", "timeout", "timeout"},
			{"reset", "reset", "reset"},
			{"443/reset", "reset", "301 large"},
			{"mtu", "timeout", "timeout"},
			{"mtu,short", "200 small", "301 small"},
			{"plain", "protocol", "301 large"},
			{"garbage", "protocol", "protocol"},
			{"no-https", "refused", "301 large"},
			{"no-http", "200 large", "refused"},
			{"status:503", "503 large", "503 large"},
			{"cert:wrong", "name", "301 large"},
			{"cert:expired", "date", "301 large"},
			{"cert:future", "date", "301 large"},
			{"cert:untrusted", "authority", "301 large"},
			{"443/slow:1s", "timeout", "301 large"},
		} {
			fault := c.fault
			if fault != "" {
				fault = "!" + fault
			}
			l := start(t, with("www.tinh.gov.vn web 2001:db8:8000::80"+fault+" 198.51.100.80"), o)
			if got := webOutcome(l, "[2001:db8:8000::80]:443", c.https); got != c.https {
				t.Errorf("fault %q: https %s, want %s", c.fault, got, c.https)
			}
			if got := webOutcome(l, "[2001:db8:8000::80]:80", c.http); got != c.http {
				t.Errorf("fault %q: http %s, want %s", c.fault, got, c.http)
			}
			if got := webOutcome(l, "198.51.100.80:443", ""); got != "200 large" {
				t.Errorf("fault %q: over IPv4 %s", c.fault, got)
			}
			l.Close()
		}
	})
}

// TestNarrowPath checks that a path that loses large packets lets the TLS
// handshake and a short reply through, and then nothing of a long one.
func TestNarrowPath(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, with("www.tinh.gov.vn web 2001:db8:8000::80!mtu"), o)
		_, _, err := get(l, "[2001:db8:8000::80]:443", "www.tinh.gov.vn", "/", 2*time.Second)
		if err == nil || strings.Contains(err.Error(), "handshake") || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a long page: %v", err)
		}
	})
}

// TestDrip checks that bytes come one at a time.
func TestDrip(t *testing.T) {
	l := start(t, with("www.tinh.gov.vn web 2001:db8:8000::80!drip:1ms"), Options{})
	c := connect(t, l, "[2001:db8:8000::80]:80", 10*time.Second)
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	began := time.Now()
	if _, err := io.ReadFull(c, make([]byte, 50)); err != nil || time.Since(began) < 50*time.Millisecond {
		t.Errorf("50 bytes after %v: %v", time.Since(began), err)
	}
}

func TestMailFaults(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for _, c := range []struct {
			fault    string
			code     int // 0: nothing comes
			starttls bool
		}{
			{"code:421", 421, false},
			{"code:554", 554, false},
			{"no-starttls", 220, false},
			{"short", 220, true},
			{"mtu", 0, false},
			{"mtu,short", 220, true},
			{"silent", 0, false},
			{"slow:1s", 0, false},
			{"slow:10ms", 220, true},
		} {
			l := start(t, with("mx.tinh.gov.vn mail 2001:db8:8000::25!"+c.fault), o)
			patience := 10 * time.Second
			if c.code == 0 {
				patience = 200 * time.Millisecond
			}
			p := textproto.NewConn(connect(t, l, "[2001:db8:8000::25]:25", patience))
			code, _, err := p.ReadResponse(0)
			if code != c.code || (err != nil) != (c.code == 0) {
				t.Errorf("fault %q: %d %v, want %d", c.fault, code, err, c.code)
			}
			if code == 220 {
				p.PrintfLine("EHLO x.invalid")
				_, features, err := p.ReadResponse(250)
				if got := strings.Contains(features, "STARTTLS"); err != nil || got != c.starttls {
					t.Errorf("fault %q: STARTTLS %v, want %v (%v)", c.fault, got, c.starttls, err)
				}
			}
			l.Close()
		}
	})
}

func TestRTRFaults(t *testing.T) {
	query := []byte{1, pduResetQuery, 0, 0, 0, 0, 0, 8}
	read := func(fault string) []byte {
		l := start(t, with("rtr.lab rtr 2001:db8:6::323!"+fault), Options{})
		c := connect(t, l, l.RTRAddr(), 300*time.Millisecond)
		c.Write(query)
		b, _ := io.ReadAll(c)
		return b
	}
	whole := read("10/drop") // a fault of another port: none
	if len(whole) != 8+3*32+3*20+24 {
		t.Fatalf("%d bytes from a good cache", len(whole))
	}
	if b := read("cut"); len(b) == 0 || len(b) >= len(whole) || !bytes.HasPrefix(whole, b) {
		t.Errorf("cut: %d bytes", len(b))
	}
	if b := read("lying"); !bytes.Contains(b, []byte{1, pduIPv4Prefix, 0, 0, 0xc0, 0, 0, 0}) {
		t.Error("lying: no PDU of 3 GiB")
	}
	if b := read("no-data"); len(b) < 8 || b[1] != pduError || uint16(b[3]) != rtr.NO_DATA_AVAILABLE {
		t.Errorf("no-data: %x", b)
	}
	if b := read("only-v0"); len(b) != len(whole)-12 || b[0] != 0 {
		t.Errorf("only-v0: %d bytes, version %d", len(b), b[0])
	}
	if b := read("session"); bytes.Equal(b, whole) || b[len(b)-21] == b[3] {
		t.Errorf("session: %x", b[len(b)-24:])
	}
	if b := read("bad-prefix"); len(b) != len(whole)+20 || !bytes.Contains(b, []byte{1, 33, 33, 0}) {
		t.Errorf("bad-prefix: %d bytes", len(b))
	}
	if b := read("silent"); len(b) != 0 {
		t.Errorf("silent: %x", b)
	}
}
