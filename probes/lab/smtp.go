package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// mailServer greets, offers STARTTLS, and takes no mail.
type mailServer struct {
	name   string // without final dot
	faults faults
	cert   tls.Certificate
}

func (l *Lab) mailEndpoints(h host, p place) ([]*endpoint, error) {
	m := &mailServer{name: plain(h.name), faults: p.faults}
	var err error
	if f, ok := p.faults.find("cert", "tcp", 25); ok {
		m.cert, err = l.ca.issue([]string{m.name}, f.arg, "")
	} else {
		m.cert, err = l.mailCert(h)
	}
	if err != nil {
		return nil, err
	}
	return []*endpoint{{at: netip.AddrPortFrom(p.addr, 25), tcp: m.serve}}, nil
}

func (m *mailServer) has(name string) (fault, bool) { return m.faults.find(name, "tcp", 25) }

// greeting is a 220 of several lines, larger than the smallest IPv6 MTU, as
// from servers that state their policy first.
func (m *mailServer) greeting() string {
	if f, ok := m.has("code"); ok {
		return fmt.Sprintf("%s %s too busy or not for you, try again later\r\n", f.arg, m.name)
	}
	if _, ok := m.has("short"); ok {
		return "220 " + m.name + " ESMTP\r\n"
	}
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "220-%s rule %2d: this server is watched, and takes no mail from strangers\r\n", m.name, i+1)
	}
	return b.String() + "220 " + m.name + " ESMTP\r\n"
}

// serve speaks SMTP (RFC 5321) with STARTTLS (RFC 3207).
func (m *mailServer) serve(ctx context.Context, c net.Conn) {
	slow, _ := m.has("slow")
	if !sleep(ctx, slow.wait()) {
		return
	}
	if _, err := io.WriteString(c, m.greeting()); err != nil {
		return
	}
	if _, refused := m.has("code"); refused {
		return
	}
	if m.dialogue(c, false) {
		t := tls.Server(c, serverTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &m.cert, nil }))
		if err := t.HandshakeContext(ctx); err == nil {
			m.dialogue(t, true)
			t.Close()
		}
	}
}

// dialogue answers commands; it returns true if TLS shall begin.
func (m *mailServer) dialogue(c net.Conn, secure bool) bool {
	_, withoutTLS := m.has("no-starttls")
	r := bufio.NewReaderSize(c, 1024)
	for {
		c.SetDeadline(time.Now().Add(idleTime))
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(string(line))), " ")
		reply := "502 5.5.2 not here\r\n"
		switch verb {
		case "EHLO":
			reply = m.features(secure || withoutTLS)
		case "HELO":
			reply = "250 " + m.name + "\r\n"
		case "STARTTLS":
			if !secure && !withoutTLS {
				_, err := io.WriteString(c, "220 2.0.0 go ahead\r\n")
				return err == nil
			}
		case "NOOP", "RSET":
			reply = "250 2.0.0 ok\r\n"
		case "MAIL", "RCPT", "DATA", "VRFY":
			reply = "554 5.7.1 the lab takes no mail\r\n"
		case "QUIT":
			io.WriteString(c, "221 2.0.0 bye\r\n")
			return false
		}
		if _, err := io.WriteString(c, reply); err != nil {
			return false
		}
	}
}

func (m *mailServer) features(noTLS bool) string {
	lines := []string{m.name + " at your service", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "PIPELINING"}
	if !noTLS {
		lines = append(lines, "STARTTLS")
	}
	var b strings.Builder
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		b.WriteString("250" + sep + l + "\r\n")
	}
	return b.String()
}
