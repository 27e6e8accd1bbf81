package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"ready6/probes/dial"
)

// relay is a mail server that keeps what it takes.
type relay struct {
	t       *testing.T
	addr    string
	cas     *x509.CertPool
	refuse  map[string]int // address: how often it is refused
	mu      sync.Mutex
	mails   []taken
	session int
}

type taken struct {
	from, user, data string
	to               []string
	secret           bool
}

// newRelay serves with TLS from the first byte, by STARTTLS, or without.
func newRelay(t *testing.T, kind string, password string) *relay {
	r := &relay{t: t, refuse: map[string]int{}}
	web := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	t.Cleanup(web.Close)
	r.cas = x509.NewCertPool()
	r.cas.AddCert(web.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.session++
		_, secret := c.TLSConnectionState()
		return &session{relay: r, password: password, mail: taken{secret: secret}}, nil
	}))
	s.Domain, s.ErrorLog = "relay.test", quiet{}
	s.ReadTimeout, s.WriteTimeout = 30*time.Second, 30*time.Second
	config := &tls.Config{Certificates: web.TLS.Certificates}
	switch kind {
	case StartTLS:
		s.TLSConfig = config
	case Implicit:
		l = tls.NewListener(l, config)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return r
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type session struct {
	relay    *relay
	password string
	mail     taken
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.password {
			return smtp.ErrAuthFailed
		}
		s.mail.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.password != "" && s.mail.user == "" {
		return smtp.ErrAuthRequired
	}
	s.mail.from, s.mail.to = from, nil
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	if s.relay.refuse[to] > 0 {
		s.relay.refuse[to]--
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.mail.data = string(b)
	s.relay.mails = append(s.relay.mails, s.mail)
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func mailer(t *testing.T, c MailConfig) *Mail {
	t.Helper()
	c.Dial = dial.System()
	m, err := NewMail(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var digest = Message{ID: "run-12-mail-0123abcd", Way: "mail", Run: 12, Made: time.Date(2026, 11, 28, 2, 30, 0, 0, time.UTC),
	To: "cntt@snv.lamdong.gov.vn", Subject: "Sở Nội vụ: 2 thay đổi", Body: "Kính gửi,\n.một dòng bắt đầu bằng dấu chấm\nMức độ: 2 → 3\n" + strings.Repeat("dài ", 300) + "\n"}

// A digest goes out over TLS of either kind, with a password, and is mail as mail
// programs read it: a subject in Vietnamese, the text as it was, marked as made
// by a machine.
func TestMail(t *testing.T) {
	for _, kind := range []string{StartTLS, Implicit} {
		t.Run(kind, func(t *testing.T) {
			r := newRelay(t, kind, "open")
			m := mailer(t, MailConfig{Server: r.addr, TLS: kind, User: "ready6", Password: "open", From: "Bộ quét ready6 <ready6@lamdong.gov.vn>", CAs: r.cas})
			if err := m.Deliver(t.Context(), digest); err != nil {
				t.Fatal(err)
			}
			m.Rest()
			got := r.mails[0]
			if !got.secret || got.user != "ready6" || got.from != "ready6@lamdong.gov.vn" || len(got.to) != 1 || got.to[0] != digest.To {
				t.Errorf("%+v", got)
			}
			read, err := netmail.ReadMessage(strings.NewReader(got.data))
			if err != nil {
				t.Fatal(err)
			}
			h := read.Header
			subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
			if err != nil || subject != digest.Subject || h.Get("Auto-Submitted") != "auto-generated" || !strings.HasSuffix(h.Get("Message-ID"), "@lamdong.gov.vn>") {
				t.Errorf("%v, %v", err, h)
			}
			if from, err := netmail.ParseAddress(h.Get("From")); err != nil || from.Name != "Bộ quét ready6" {
				t.Errorf("%v, %v", from, err)
			}
			if at, err := h.Date(); err != nil || !at.Equal(digest.Made) {
				t.Errorf("%v, %v", at, err)
			}
			if body := decoded(t, read); body != digest.Body {
				t.Errorf("%q", body)
			}
			for line := range strings.SplitSeq(got.data, "\r\n") {
				if len(line) > 78 || strings.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
					t.Errorf("not a line that every server carries: %q", line)
				}
			}
		})
	}
}

// What comes from elsewhere adds neither headers nor receivers.
func TestMailInjection(t *testing.T) {
	r := newRelay(t, NoTLS, "")
	m := mailer(t, MailConfig{Server: r.addr, TLS: NoTLS, From: "ready6@lamdong.gov.vn"})
	defer m.Rest()
	evil := digest
	evil.Subject = "a\r\nBcc: x@evil.example\r\n\r\nb\nX-A: c\rd\x00e"
	evil.Body = "a\r\n.\r\nMAIL FROM:<x@evil.example>\r\n\n.\nRCPT TO:<y@evil.example>\n"
	if err := m.Deliver(t.Context(), evil); err != nil {
		t.Fatal(err)
	}
	read, err := netmail.ReadMessage(strings.NewReader(r.mails[0].data))
	if err != nil {
		t.Fatal(err)
	}
	for name := range read.Header {
		switch name {
		case "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To":
		default:
			t.Errorf("header %s: %q", name, read.Header[name])
		}
	}
	if len(r.mails) != 1 || len(r.mails[0].to) != 1 || !strings.Contains(decoded(t, read), "RCPT TO:<y@evil.example>") {
		t.Errorf("%+v", r.mails)
	}
	for _, to := range []string{"a@b.vn\r\nRCPT TO:<x@evil.example>", "a@b.vn, x@evil.example", "A <a@b.vn>", "a@b.vn>\nX: y", ""} {
		evil.To = to
		if err := m.Deliver(t.Context(), evil); err == nil {
			t.Errorf("%q is taken", to)
		}
	}
	if len(r.mails) != 1 {
		t.Errorf("%d mails", len(r.mails))
	}
}

// decoded is a mail's text, which is in quoted-printable.
func decoded(t *testing.T, m *netmail.Message) string {
	t.Helper()
	if e := m.Header.Get("Content-Transfer-Encoding"); e != "quoted-printable" {
		t.Fatalf("encoding %q", e)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// No TLS where it is wanted, a certificate of nobody, a wrong password: nothing
// is sent, and the password is in no error.
func TestMailRefuses(t *testing.T) {
	bare, secret := newRelay(t, NoTLS, ""), newRelay(t, StartTLS, "open")
	for name, c := range map[string]MailConfig{
		"no STARTTLS offered":       {Server: bare.addr, TLS: StartTLS, From: "a@b.vn"},
		"a certificate of nobody":   {Server: secret.addr, TLS: StartTLS, From: "a@b.vn"},
		"TLS with a plain server":   {Server: bare.addr, TLS: Implicit, From: "a@b.vn"},
		"a wrong password":          {Server: secret.addr, TLS: StartTLS, From: "a@b.vn", CAs: secret.cas, User: "u", Password: "hidden"},
		"a password to nobody here": {Server: bare.addr, TLS: StartTLS, From: "a@b.vn", User: "u", Password: "hidden"},
	} {
		m := mailer(t, c)
		if err := m.Deliver(t.Context(), digest); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
		m.Rest()
	}
	if len(bare.mails)+len(secret.mails) > 0 {
		t.Error("a mail went out")
	}
	for _, c := range []MailConfig{{Server: "a", TLS: StartTLS, From: "a@b.vn"}, {Server: "a:0", TLS: StartTLS, From: "a@b.vn"}, {Server: "a:25", TLS: "maybe", From: "a@b.vn"},
		{Server: "a:25", TLS: StartTLS, From: "a"}, {Server: "a:25", TLS: StartTLS, From: "a@b.vn\r\nX: y"}, {Server: "a:25", TLS: NoTLS, From: "a@b.vn", User: "u"}} {
		if _, err := NewMail(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// All that is due goes over one connection; one receiver that is refused delays
// no other, and has its mail later.
func TestMailOutbox(t *testing.T) {
	r := newRelay(t, StartTLS, "")
	r.refuse["b@x.vn"] = 1
	m := mailer(t, MailConfig{Server: r.addr, TLS: StartTLS, From: "a@b.vn", CAs: r.cas})
	o := NewOutbox(t.TempDir(), map[string]Way{"mail": m}, zerolog.Nop())
	var list []Message
	for _, to := range []string{"a", "b", "c", "d"} {
		list = append(list, Message{ID: "mail-" + to, Way: "mail", To: to + "@x.vn", Subject: "s", Body: "b"})
	}
	put(t, o, 1, list...)
	if left, _ := o.pass(t.Context(), true); left != 1 {
		t.Errorf("%d left", left)
	}
	if n := r.session; n > 4 { // a STARTTLS makes a session of its own; the refused one costs a connection
		t.Errorf("%d sessions for 4 mails", n)
	}
	if left, _ := o.pass(t.Context(), true); left != 0 || len(r.mails) != 4 || r.mails[3].to[0] != "b@x.vn" {
		t.Errorf("%d left, %d mails", left, len(r.mails))
	}
}

// A server that is down is asked once for all that is due.
func TestMailDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls int
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls++
			io.WriteString(c, "421 4.3.2 not now\r\n")
			c.Close()
		}
	}()
	m := mailer(t, MailConfig{Server: l.Addr().String(), TLS: NoTLS, From: "a@b.vn"})
	first := m.Deliver(t.Context(), digest)
	second := m.Deliver(t.Context(), digest)
	l.Close()
	if first == nil || !errors.Is(second, first) || calls != 1 {
		t.Errorf("%v, %v, %d calls", first, second, calls)
	}
	m.Rest()
	if third := m.Deliver(t.Context(), digest); third == nil || errors.Is(third, first) {
		t.Errorf("after the rest: %v", third)
	}
}
