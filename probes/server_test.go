package probes

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"ready6/probes/verdict"
)

// played is a connection that plays what the server sends and takes anything.
type played struct {
	net.Conn // nil: what is not below must not be called
	r        *bytes.Reader
}

func (p *played) Read(b []byte) (int, error) { return p.r.Read(b) }
func (*played) Write(b []byte) (int, error)  { return len(b), nil }
func (*played) Close() error                 { return nil }
func (*played) LocalAddr() net.Addr          { return &net.TCPAddr{IP: net.IPv6loopback, Port: 9} }
func (*played) SetDeadline(time.Time) error  { return nil }

// against runs one exchange with a server that sends these bytes, whatever it is
// told, and then hangs up.
func against(t testing.TB, kind string, port uint16, reply []byte) attempt {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e := New(ctx, Config{Step: time.Second, Dial: func(context.Context, string, string) (net.Conn, error) {
		return &played{r: bytes.NewReader(reply)}, nil
	}})
	a := attempt{endpoint: endpoint{addr: netip.MustParseAddr("2001:db8::1"), port: port, kind: kind, host: "www.a.vn"}, at: time.Now(), tries: 1}
	e.speak(ctx, &a)
	return a
}

func TestHTTPReplies(t *testing.T) {
	const head = "Content-Type: text/html\r\nConnection: close\r\n\r\n"
	for _, tc := range []struct {
		name, reply string
		check       func(attempt) bool
	}{
		{"a page", "HTTP/1.1 200 OK\r\n" + head + "x", func(a attempt) bool { return a.ok() && a.status == 200 && a.page.opaque == "" }},
		{"interim replies first", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n" + head, func(a attempt) bool { return a.ok() && a.status == 200 }},
		{"interim replies without end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 99), func(a attempt) bool { return !a.ok() }},
		{"a compressed page is not a page without references", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + head + "\x1f\x8b", func(a attempt) bool { return a.ok() && a.page.opaque != "" }},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx", func(a attempt) bool { return !a.ok() && a.cause == verdict.Reset }},
		{"another protocol", "220 mx ESMTP\r\n", func(a attempt) bool { return !a.ok() && a.protocol }},
		{"a header beyond our limit is ours", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxReply), func(a attempt) bool { return !a.ok() && ours(a.cause) && !a.protocol }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := against(t, "web", 80, []byte(tc.reply)); !tc.check(a) {
				t.Errorf("stage %d, status %d, cause %q (%s), protocol=%t, page %+v", a.stage, a.status, a.cause, a.detail, a.protocol, a.page)
			}
		})
	}
}

// What is said of an error leaves out where it was met, but not who found it.
func TestWords(t *testing.T) {
	for want, err := range map[string]error{
		"connection refused":                   &net.OpError{Op: "dial", Net: "tcp6", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"i/o timeout":                          &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded},
		"remote error: tls: handshake failure": &net.OpError{Op: "remote error", Err: tls.AlertError(40)},
	} {
		if got := words(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSMTPReplies(t *testing.T) {
	for _, tc := range []struct {
		name, reply string
		check       func(attempt) bool
	}{
		{"served", "220 mx\r\n250 mx\r\n", func(a attempt) bool { return a.ok() && !a.starttls }},
		{"a server named after the keyword does not offer it", "220 mx\r\n250-STARTTLS.vn\r\n250 STARTTLSX\r\n", func(a attempt) bool { return a.ok() && !a.starttls }},
		{"put off", "421 later\r\n", func(a attempt) bool { return a.busy && !a.protocol }},
		{"put off at EHLO", "220 mx\r\n554 no\r\n", func(a attempt) bool { return a.busy && !a.ok() }},
		{"a news server", "200 news\r\n", func(a attempt) bool { return a.protocol && !a.busy }},
		{"a web server", "HTTP/1.1 400 Bad Request\r\n\r\n", func(a attempt) bool { return a.protocol && !a.busy }},
		{"data before the handshake", "220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250 forged\r\n", func(a attempt) bool { return !a.ok() && a.protocol }},
		{"hangs up", "", func(a attempt) bool { return !a.ok() && a.cause == verdict.Reset }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := against(t, "mail", 25, []byte(tc.reply)); !tc.check(a) {
				t.Errorf("stage %d, cause %q (%s), busy=%t protocol=%t starttls=%t", a.stage, a.cause, a.detail, a.busy, a.protocol, a.starttls)
			}
		})
	}
}

// Whatever a server sends, the exchange ends without a panic, and only what
// begins like the protocol can pass for the service.
func FuzzHTTPReply(f *testing.F) {
	f.Add([]byte("HTTP/1.1 301 Moved\r\nLocation: //\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		a := against(t, "web", 80, reply)
		if a.ok() && !bytes.HasPrefix(reply, []byte("HTTP/")) {
			t.Fatalf("garbage passes: %+v", a)
		}
		if a.ok() && (a.page == nil || a.url == nil || a.status < 100) {
			t.Fatalf("finished without a page: %+v", a)
		}
		if !a.ok() && a.cause == "" {
			t.Fatal("no cause")
		}
	})
}

func FuzzSMTP(f *testing.F) {
	f.Add([]byte("220-a\r\n220 b\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"))
	f.Add([]byte("220 a\r\n250 b\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		a := against(t, "mail", 25, reply)
		if a.ok() && !bytes.HasPrefix(bytes.TrimLeft(reply, " \t\r\n"), []byte("220")) {
			t.Fatalf("garbage passes: %+v", a)
		}
		if !a.ok() && a.cause == "" {
			t.Fatal("no cause")
		}
	})
}

// TestHELOName: mail servers are told a name of the operator's, or the address
// that they see anyway.
func TestHELOName(t *testing.T) {
	for _, c := range []struct{ name, local, want string }{
		{"", "[2001:db8::7%eth0]:5", "[IPv6:2001:db8::7]"}, {"", "192.0.2.7:5", "[192.0.2.7]"}, {"", "pipe", "ready6.invalid"}, {"scan.example.vn", "192.0.2.7:5", "scan.example.vn"},
	} {
		e := &Env{Config: Config{EHLO: c.name}}
		if got := e.heloName(&wire{Conn: local(c.local)}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// local is a connection that only knows where it comes from.
type localConn struct {
	net.Conn
	at string
}

func local(at string) net.Conn          { return localConn{at: at} }
func (c localConn) LocalAddr() net.Addr { return c }
func (c localConn) Network() string     { return "tcp" }
func (c localConn) String() string      { return c.at }
