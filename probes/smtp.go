package probes

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"ready6/probes/verdict"
)

// speakSMTP reads the greeting, says EHLO, and starts TLS where it is offered.
// No mail transaction is ever begun (RFC 5321 section 4.1.4 allows QUIT here).
func (e *Env) speakSMTP(ctx context.Context, a *attempt, c *wire) {
	a.stage = replying
	t := textproto.NewConn(c)
	if !e.greeting(ctx, a, c, t) {
		return
	}
	features, err := e.ehlo(c, t)
	if err != nil {
		e.smtpFault(ctx, a, err)
		return
	}
	a.proof = append(a.proof, "EHLO")
	if a.starttls = strings.Contains(strings.ToUpper(features), "STARTTLS"); a.starttls {
		if secured := e.startTLS(ctx, a, c, t); secured == nil {
			return
		} else {
			t = textproto.NewConn(secured)
		}
	}
	a.stage = finished
	c.step(e.Step)
	_ = t.PrintfLine("QUIT")
}

// greeting reads the banner; 220 alone means that we are served.
func (e *Env) greeting(ctx context.Context, a *attempt, c *wire, t *textproto.Conn) bool {
	c.step(e.Step)
	code, banner, err := t.ReadResponse(0)
	if err != nil {
		e.smtpFault(ctx, a, err)
		return false
	}
	a.status = code
	if code != 220 {
		a.cause, a.busy = verdict.OtherCause, true
		a.detail = brief(strconv.Itoa(code) + " " + banner)
		return false
	}
	a.proof = append(a.proof, "SMTP 220")
	return true
}

func (e *Env) ehlo(c *wire, t *textproto.Conn) (features string, err error) {
	c.step(e.Step)
	if err := t.PrintfLine("EHLO ready6.invalid"); err != nil {
		return "", err
	}
	_, features, err = t.ReadResponse(250)
	return features, err
}

// startTLS returns the secured connection, nil after noting why there is none.
func (e *Env) startTLS(ctx context.Context, a *attempt, c *wire, t *textproto.Conn) net.Conn {
	c.step(e.Step)
	if err := t.PrintfLine("STARTTLS"); err != nil {
		e.smtpFault(ctx, a, err)
		return nil
	}
	if _, _, err := t.ReadResponse(220); err != nil {
		e.smtpFault(ctx, a, err)
		return nil
	}
	// Bytes that came before the handshake would be read as if they were
	// secured (command injection, CVE-2011-0411): nothing may be pending.
	if t.R.Buffered() > 0 {
		a.cause, a.detail, a.protocol = verdict.Malformed, "data before the TLS handshake", true
		return nil
	}
	secured, err := e.handshake(ctx, a, c)
	if err != nil {
		a.stage = handshaking
		return nil
	}
	st := textproto.NewConn(struct {
		*tls.Conn
	}{secured})
	if _, err := e.ehlo(c, st); err != nil {
		e.smtpFault(ctx, a, err)
		return nil
	}
	return secured
}

// smtpFault notes a broken exchange: a 4xx or 5xx reply puts us off, anything
// that is no SMTP reply is another protocol.
func (e *Env) smtpFault(ctx context.Context, a *attempt, err error) {
	a.fail(ctx, err)
	var reply *textproto.Error
	var syntax textproto.ProtocolError
	switch {
	case errors.As(err, &reply):
		a.busy, a.detail = true, brief(reply.Error())
	case errors.As(err, &syntax), errors.Is(err, bufio.ErrTooLong):
		a.protocol = true
	}
}
