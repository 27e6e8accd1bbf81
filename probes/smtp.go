package probes

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
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
	if a.starttls = offers(features, "STARTTLS"); a.starttls {
		secured := e.startTLS(ctx, a, c, t)
		if secured == nil {
			return
		}
		t = textproto.NewConn(secured)
	}
	a.stage = finished
	c.step(e.Step)
	_ = t.PrintfLine("QUIT")
}

// greetingSteps is how many steps a greeting may take: servers let strangers
// wait to find out who cannot (RFC 5321 section 4.5.3.2.1 grants five minutes).
const greetingSteps = 3

// offers reports whether an EHLO reply lists a keyword. Its first line is the
// server's name (RFC 5321 section 4.1.1.1).
func offers(features, keyword string) bool {
	_, lines, _ := strings.Cut(features, "\n")
	for line := range strings.Lines(lines) {
		if f := strings.Fields(line); len(f) > 0 && strings.EqualFold(f[0], keyword) {
			return true
		}
	}
	return false
}

// greeting reads the banner; 220 alone means that we are served.
func (e *Env) greeting(ctx context.Context, a *attempt, c *wire, t *textproto.Conn) bool {
	c.step(greetingSteps * e.Step)
	code, banner, err := t.ReadResponse(0)
	if err != nil {
		e.smtpFault(ctx, a, err)
		return false
	}
	a.status = code
	if code != 220 {
		a.cause, a.busy = verdict.OtherCause, code >= 400 && code < 600
		a.protocol = !a.busy
		a.detail = brief(strconv.Itoa(code) + " " + banner)
		return false
	}
	a.proof = append(a.proof, "SMTP 220")
	return true
}

func (e *Env) ehlo(c *wire, t *textproto.Conn) (features string, err error) {
	c.step(e.Step)
	if err := t.PrintfLine("EHLO %s", e.heloName(c)); err != nil {
		return "", err
	}
	_, features, err = t.ReadResponse(250)
	return features, err
}

// heloName is the name the operator gave, else the address we come from, as a
// literal (RFC 5321 sections 4.1.1.1 and 4.1.3).
func (e *Env) heloName(c *wire) string {
	if e.EHLO != "" {
		return e.EHLO
	}
	at, err := netip.ParseAddrPort(c.LocalAddr().String())
	switch a := at.Addr().Unmap().WithZone(""); {
	case err != nil:
		return "ready6.invalid"
	case a.Is4():
		return "[" + a.String() + "]"
	default:
		return "[IPv6:" + a.String() + "]"
	}
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
	a.stage = replying
	if _, err := e.ehlo(c, textproto.NewConn(secured)); err != nil {
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
		a.busy, a.detail = reply.Code >= 400 && reply.Code < 600, brief(reply.Error())
		a.protocol = !a.busy
	case errors.As(err, &syntax), errors.Is(err, bufio.ErrTooLong):
		a.protocol = true
	}
}
