package resolve

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// how is the manner of one exchange.
type how struct {
	tcp    bool
	edns   bool // with an OPT record: DO bit and udpSize (RFC 6891, RFC 3225)
	cookie bool // in which there is a COOKIE option (RFC 7873)
	rd     bool // recursion desired: the server is asked as a resolver
	wary   bool // cookie is not set since the server was silent about one with it
	cut    bool // over TCP since the reply over UDP was truncated
}

// exchange is one question to one server address and what became of it: the
// raw material of evidence, worded only when somebody asks.
type exchange struct {
	at     time.Time
	server string // its name, empty if unknown
	to     netip.AddrPort
	how    how
	q      question
	cause  verdict.Cause // empty: a reply came
	err    error
	note   string // what the reply was taken for
	took   time.Duration

	// Of the reply. Thousands of exchanges are kept, so this is what evidence needs.
	id         uint16
	rcode      uint16    // with the OPT record's upper bits
	counts     [2]uint16 // records in answer and authority
	size       uint16    // bytes
	aa, tc, ra bool
	cookie     cookieNote
	unheard    bool // asked without EDNS since questions with it brought silence
}

var (
	errMalformed = errors.New("the reply could not be parsed")
	errForeign   = errors.New("the reply has another id, question or cookie")
	errNoCookie  = errors.New("the reply is without the cookie that this server gives (RFC 7873 5.3)")
	errCut       = errors.New("the reply is truncated although it came over TCP")
)

// exchange asks once, when it is this question's turn. It returns an error when
// no reply to the question came; a context's own error when that was over. x is
// always filled in.
func (r *Resolver) exchange(ctx context.Context, name string, srv *server, q question, h how) (x exchange, m *dns.Msg, err error) {
	x = exchange{at: r.cfg.Now(), server: name, to: netip.AddrPortFrom(srv.addr, r.cfg.Port), how: h, q: q}
	turn, err := r.turn(ctx, name, srv.addr, q)
	if err != nil {
		x.err, x.cause = err, causeOf(ctx, err)
		return x, nil, err
	}
	x.at = r.cfg.Now()
	got, sent, sealed, err := r.send(ctx, srv, q, h)
	m, x.size = got.m, uint16(got.n) // a message over TCP has no more (RFC 1035 4.2.2)
	x.cookie = srv.noteCookie(sealed, m, err)
	x.took = time.Since(sent)
	if err != nil {
		x.err, x.cause = err, causeOf(ctx, err)
	} else {
		x.id, x.rcode, x.aa, x.tc, x.ra = m.Id, uint16(m.Rcode), m.Authoritative, m.Truncated, m.RecursionAvailable
		x.counts = [2]uint16{uint16(len(m.Answer)), uint16(len(m.Ns))}
	}
	turn.Done(r.echo(ctx, srv, x))
	if err == nil && h.cut && x.size <= dns.MinMsgSize { // every server may send as much over UDP
		r.cfg.Pace.Needless(srv.addr)
	}
	return x, m, err
}

// turn waits for the leave to ask. Nobody who asked to be left alone is asked, nor
// is anybody about them.
func (r *Resolver) turn(ctx context.Context, name string, server netip.Addr, q question) (dial.Turn, error) {
	for _, n := range []string{q.name, name} {
		if r.cfg.OptedOut == nil {
			break
		}
		if entry := r.cfg.OptedOut(n); entry != "" {
			return dial.Turn{}, &dial.OptedOut{Target: n, Entry: entry}
		}
	}
	return r.cfg.Pace.Turn(ctx, server)
}

// echo is what an exchange says of the pace at which the server is asked. That
// it does not take TCP says nothing; that another one answered first does, if it
// had its usual time.
func (r *Resolver) echo(ctx context.Context, srv *server, x exchange) dial.Echo {
	switch {
	case x.err == nil && (x.rcode == dns.RcodeRefused || x.rcode == dns.RcodeServerFailure):
		return dial.Pushed
	case x.err == nil || x.cause == verdict.Malformed:
		return dial.Heard
	case x.how.tcp:
		return dial.Void
	case ctx.Err() != nil && x.took < srv.rto(r.cfg.Timeout):
		return dial.Void
	case ctx.Err() != nil || x.cause == verdict.Timeout:
		return dial.Silence
	case x.cause == verdict.Refused || x.cause == verdict.Unreachable:
		return dial.Pushed
	}
	return dial.Void
}

// causeOf classifies the error of a try, whose own time is part of ctx's. The
// connection's deadline may strike a moment before the context's own.
func causeOf(ctx context.Context, err error) verdict.Cause {
	d, timed := ctx.Deadline()
	switch {
	case timed && ctx.Err() == nil && !time.Now().Before(d):
		return verdict.Deadline
	case ctx.Err() != nil:
		return dial.Classify(ctx.Err())
	case errors.Is(err, errMalformed), errors.Is(err, errForeign), errors.Is(err, errNoCookie), errors.Is(err, errCut):
		return verdict.Malformed
	}
	c := dial.Classify(err)
	if c == verdict.Deadline {
		return verdict.Timeout
	}
	return c
}

// send asks one question. Waiting for a socket, where they are limited, is not
// part of its time, nor is connecting part of what the question took.
func (r *Resolver) send(ctx context.Context, srv *server, q question, h how) (got received, sent time.Time, k cookie, err error) {
	if h.tcp {
		return r.sendTCP(ctx, srv, q, h)
	}
	wait := r.cfg.Timeout
	if !h.rd { // a resolver may have to ask others first
		wait = wait * 3 / 5
	}
	for again := true; ; again = false {
		s, w, err := r.seat(ctx, srv, wait)
		sent = time.Now() // without a seat: never, and no time of the server's was taken
		if err != nil {
			return received{}, sent, k, err
		}
		if k = (cookie{}); h.edns && h.cookie {
			k = srv.filled(s.jar)
		}
		query := asked{id: w.id, q: q, cookie: k, udp: true, from: r.cfg.Contact}
		wire, err := pack(query, h)
		if err != nil {
			s.leave(w, false)
			r.free(w)
			return received{}, sent, k, err
		}
		got, unsent, err := s.ask(ctx, w, wait, wire, query)
		r.free(w)
		if !unsent || !again {
			return got, sent, k, err
		}
	}
}

// sendTCP opens a connection for one question, and closes it when the reply is
// in or the time is over.
func (r *Resolver) sendTCP(ctx context.Context, srv *server, q question, h how) (got received, sent time.Time, k cookie, err error) {
	sent = time.Now()
	ctx, cancel := dial.Step(ctx, r.cfg.Timeout)
	defer cancel()
	c, err := r.cfg.Dial(ctx, network(srv.addr, true), netip.AddrPortFrom(srv.addr, r.cfg.Port).String())
	if err != nil {
		return received{}, sent, k, err
	}
	defer c.Close()
	sent = time.Now()
	if h.edns && h.cookie {
		k = srv.filled(r.cookieFor(c.LocalAddr(), srv.addr))
	}
	query := asked{id: uint16(rand.Uint32()), q: q, cookie: k, from: r.cfg.Contact}
	wire, err := pack(query, h)
	if err != nil {
		return received{}, sent, k, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	got, err = overTCP(c, wire, query)
	if err == nil && got.m.Truncated { // what it lacks must not pass for absent
		return received{n: got.n}, sent, k, errCut
	}
	return got, sent, k, err
}

func network(a netip.Addr, tcp bool) string {
	switch {
	case tcp && a.Is4():
		return "tcp4"
	case tcp:
		return "tcp6"
	case a.Is4():
		return "udp4"
	}
	return "udp6"
}
