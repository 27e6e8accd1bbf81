package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// maxTaste is how much of a page is read to see that another protocol carries it.
const maxTaste = 64 << 10

// multiplexed says whether HTTP/2 works over IPv6 where the server offers it. It
// costs one connection, and one over IPv4 where there is something to compare.
// Browsers fall back to HTTP/1.1, so it is never a fault.
func (v *pair) multiplexed(ctx context.Context, six, four attempt, with4 bool) {
	a := v.e.http2(ctx, six.endpoint)
	if ours(a.cause) {
		return
	}
	if a.ok() {
		v.note("web.h2", six.String(), []attempt{a}, "proof", a.proof[len(a.proof)-1])
		return
	}
	var b attempt
	if with4 {
		b = v.e.http2(ctx, four.endpoint)
	}
	heard := a.stage >= replying && !a.offered // it answered, and chose another protocol
	switch {
	case heard && !b.offered:
		v.note("web.h2-none", six.String(), []attempt{a})
	case heard:
		v.note("web.h2-missing", six.String(), tried(a, b), "other", "IPv4")
	case b.ok() || b.stage >= replying && !b.offered: // of two that were offered the same, this one failed
		v.note("web.h2-fails", six.String(), tried(a, b), "other", "IPv4", "detail", describe(a))
	default:
		v.note("web.h2-unknown", six.String(), tried(a, b), "detail", describe(a))
	}
}

var errNoH2 = errors.New("HTTP/2 is not offered")

// http2 makes one request over HTTP/2, if the server agrees to it (RFC 7301, RFC
// 9113 section 3.2), once a run.
func (e *Env) http2(ctx context.Context, at endpoint) attempt {
	return e.also(ctx, &e.multis, at, e.speakH2)
}

// also speaks to an endpoint in another way, once a run, and once more where
// silence or a cut may be of the moment.
func (e *Env) also(ctx context.Context, known *memo[endpoint, attempt], at endpoint, speak func(context.Context, *attempt)) attempt {
	got, err := known.get(ctx, e.base, at, func(ctx context.Context) (a attempt) {
		for n := 1; ; n++ {
			a = attempt{endpoint: at, at: e.Now(), tries: n}
			leave, err := e.gate.enter(ctx, at.addr)
			if err != nil {
				a.fail(ctx, err)
				return a
			}
			began := time.Now()
			speak(ctx, &a)
			leave()
			// Silence to UDP is mostly a firewall's, and a connection has tried again by itself.
			if a.took = time.Since(began); a.ok() || a.udp || n >= min(max(2, e.patience(at.addr)-1), e.triesOf(a)) {
				return a
			}
		}
	})
	if err != nil {
		return attempt{endpoint: at, at: e.Now(), cause: dial.Classify(err), detail: err.Error()}
	}
	return got
}

func (e *Env) speakH2(ctx context.Context, a *attempt) {
	c, err := e.connect(ctx, a)
	if err != nil {
		return
	}
	defer c.Close()
	t, err := e.handshake(ctx, a, c, "h2", "http/1.1")
	if err != nil {
		return
	}
	a.stage = replying
	if t.ConnectionState().NegotiatedProtocol != "h2" {
		a.cause, a.detail = verdict.OtherCause, errNoH2.Error()
		return
	}
	a.offered = true
	a.proof = append(a.proof, "ALPN h2")
	carrier := &http.Transport{Protocols: new(http.Protocols), MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
		DialTLSContext: once(t)}
	carrier.Protocols.SetHTTP2(true)
	defer carrier.CloseIdleConnections()
	c.received = new(int64) // counted by the carrier's own goroutine from here on
	c.step(3 * e.Step)
	e.taste(ctx, a, carrier)
}

// once is a dial function for one connection that is there already.
func once(t *tls.Conn) func(context.Context, string, string) (net.Conn, error) {
	left := make(chan net.Conn, 1)
	left <- t
	return func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-left:
			return c, nil
		default:
			return nil, net.ErrClosed
		}
	}
}

// taste makes one request over a carrier and reads the beginning of the reply.
func (e *Env) taste(ctx context.Context, a *attempt, carrier http.RoundTripper) {
	inner, cancel := context.WithTimeout(ctx, 3*e.Step)
	defer cancel()
	u := &url.URL{Scheme: "https", Host: hostPort(a.host, a.port, "https"), Path: "/"}
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{"User-Agent": {e.UserAgent}, "Accept": {"text/html,*/*;q=0.5"}}}).WithContext(inner)
	reply, err := carrier.RoundTrip(req)
	if err != nil {
		a.fail(ctx, err)
		return
	}
	defer reply.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(reply.Body, maxTaste))
	if a.received += n; err != nil {
		a.fail(ctx, err)
		return
	}
	a.status, a.stage = reply.StatusCode, finished
	a.proof = append(a.proof, reply.Proto+" "+reply.Status[:min(3, len(reply.Status))])
}
