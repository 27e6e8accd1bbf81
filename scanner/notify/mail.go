package notify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"ready6/probes/dial"
)

// How the connection to the mail server is made secret.
const (
	StartTLS = "starttls" // must be offered (RFC 3207), or nothing is sent
	Implicit = "implicit" // from the first byte (RFC 8314)
	NoTLS    = "none"     // in the clear, and then without a password: a relay on this host
)

// MailConfig is how to submit mail (RFC 6409).
type MailConfig struct {
	Server         string // host:port
	TLS            string // StartTLS, Implicit or NoTLS
	User, Password string // User empty: no authentication
	From           string // bare, or "Name <a@b.vn>"
	Dial           dial.Func
	CAs            *x509.CertPool // nil: the system's
}

// Mail sends messages through one mail server, over one connection for all that
// are due at a time.
type Mail struct {
	c      MailConfig
	host   string
	from   *netmail.Address
	client *mail.Client
	conn   *smtp.Client // nil: not connected
	down   error        // why there is no connection, until Rest
}

// NewMail checks the settings.
func NewMail(c MailConfig) (*Mail, error) {
	host, port, err := net.SplitHostPort(c.Server)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || host == "" || number == 0 {
		return nil, fmt.Errorf("%q is not a mail server such as mail.example.gov.vn:587", c.Server)
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("the sender %q is not a mail address", c.From)
	}
	if c.TLS == NoTLS && c.User != "" {
		return nil, errors.New("a password is not sent in the clear: use starttls or implicit, or leave the user out")
	}
	config := &tls.Config{ServerName: host, RootCAs: c.CAs, MinVersion: tls.VersionTLS12}
	out := c.Dial
	policy := mail.TLSMandatory
	switch c.TLS {
	case StartTLS:
	case NoTLS:
		policy = mail.NoTLS
	case Implicit:
		policy, out = mail.NoTLS, secret(c.Dial, config)
	default:
		return nil, fmt.Errorf("%q is not one of starttls, implicit, none", c.TLS)
	}
	options := []mail.Option{mail.WithPort(int(number)), mail.WithTimeout(30 * time.Second), mail.WithTLSPolicy(policy), mail.WithTLSConfig(config),
		mail.WithDialContextFunc(mail.DialContextFunc(out))}
	if c.User != "" {
		options = append(options, mail.WithUsername(c.User), mail.WithPassword(c.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, err
	}
	return &Mail{c: c, host: host, from: from, client: client}, nil
}

// secret makes TLS connections (RFC 8314 3.3).
func secret(next dial.Func, config *tls.Config) dial.Func {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := next(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := tls.Client(plain, config)
		if err := c.HandshakeContext(ctx); err != nil {
			plain.Close()
			return nil, err
		}
		return c, nil
	}
}

// Deliver hands one message over. A server that cannot be reached is not tried
// again before Rest: the others need not wait for it.
func (m *Mail) Deliver(ctx context.Context, msg Message) error {
	letter, err := m.letter(msg)
	if err != nil {
		return err
	}
	if m.down != nil {
		return m.down
	}
	if m.conn == nil {
		if m.conn, err = m.client.DialToSMTPClientWithContext(ctx); err != nil {
			m.conn, m.down = nil, fmt.Errorf("mail server %s: %w", m.c.Server, err)
			return m.down
		}
	}
	err = m.client.SendWithSMTPClient(m.conn, letter)
	if letter.IsDelivered() { // what failed after the server took it is no reason to send it twice
		if err != nil {
			m.hangUp()
		}
		return nil
	}
	if err != nil {
		m.hangUp()
		return fmt.Errorf("mail server %s: %w", m.c.Server, err)
	}
	return nil
}

// Rest says goodbye to the server.
func (m *Mail) Rest() {
	m.down = nil
	m.hangUp()
}

func (m *Mail) hangUp() {
	if m.conn != nil {
		_ = m.client.CloseWithSMTPClient(m.conn) // nothing depends on the goodbye
		m.conn = nil
	}
}

// letter makes the mail. Nothing in it can add a header or a receiver: the
// library encodes what is not plain text, and control characters are taken out
// before it sees them.
func (m *Mail) letter(msg Message) (*mail.Msg, error) {
	to, err := netmail.ParseAddress(msg.To)
	if err != nil || to.Name != "" || strings.ContainsFunc(msg.To, control) {
		return nil, fmt.Errorf("the receiver %q is not a mail address", msg.To)
	}
	l := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	if err := errors.Join(l.FromFormat(m.from.Name, m.from.Address), l.To(to.Address)); err != nil {
		return nil, err
	}
	l.Subject(strings.Join(strings.FieldsFunc(msg.Subject, control), " "))
	l.SetDateWithValue(msg.Made)
	l.SetMessageIDWithValue(m.messageID(msg))
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 5: nobody is to answer automatically
	l.SetBodyString(mail.TypeTextPlain, msg.Body)
	return l, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// messageID is the same for each try, so that a receiver who got a message twice
// can tell.
func (m *Mail) messageID(msg Message) string {
	sum := sha256.Sum256([]byte(msg.ID + " " + msg.Made.Format(time.RFC3339Nano)))
	_, domain, _ := strings.Cut(m.from.Address, "@")
	return msg.ID + "." + hex.EncodeToString(sum[:8]) + "@" + domain
}
