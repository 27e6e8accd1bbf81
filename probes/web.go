package probes

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"ready6/probes/verdict"
)

// maxPage bounds how much of a page is looked through for what it refers to.
const maxPage = 1 << 20

// speakWeb makes one request and reads the whole reply, over TLS on every port
// but those that are plain HTTP by custom.
func (e *Env) speakWeb(ctx context.Context, a *attempt) {
	plain := a.port == 80 || a.port == 8080
	c, err := e.connect(ctx, a)
	if err != nil {
		return
	}
	defer c.Close()
	if plain {
		e.request(ctx, a, c, c)
		return
	}
	t, err := e.handshake(ctx, a, c)
	if err == nil {
		e.request(ctx, a, c, t)
		return
	}
	if a.protocol && a.port != 443 {
		e.retryPlain(ctx, a)
	}
}

// retryPlain speaks plain HTTP to a port of the operator's choice that turned
// out not to speak TLS.
func (e *Env) retryPlain(ctx context.Context, a *attempt) {
	*a = attempt{endpoint: a.endpoint, at: a.at, tries: a.tries}
	c, err := e.connect(ctx, a)
	if err != nil {
		return
	}
	defer c.Close()
	e.request(ctx, a, c, c)
}

// request sends one GET and reads the reply. over is the connection that carries
// HTTP, c the one below it, whose deadlines and counts hold.
func (e *Env) request(ctx context.Context, a *attempt, c *wire, over net.Conn) {
	a.stage = replying
	scheme := "http"
	if _, ok := over.(*tls.Conn); ok {
		scheme = "https"
	}
	u := &url.URL{Scheme: scheme, Host: hostPort(a.host, a.port, scheme), Path: "/"}
	if target, err := u.Parse(a.path); err == nil && a.path != "" {
		u = target
	}
	a.url = u
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {e.UserAgent}, "Accept": {"text/html,*/*;q=0.5"}}, Close: true}
	c.step(e.Step)
	if err := req.Write(over); err != nil {
		a.fail(ctx, err)
		return
	}
	reply, err := http.ReadResponse(bufio.NewReader(over), req)
	if err != nil {
		a.fail(ctx, err)
		a.protocol = a.cause == verdict.OtherCause || a.cause == verdict.Malformed
		return
	}
	defer reply.Body.Close()
	a.status, a.location = reply.StatusCode, reply.Header.Get("Location")
	body, err := drain(&paced{reply.Body, c, e.Step, e.Now().Add(3 * e.Step), e.Now}, maxPage)
	if err != nil && !errors.Is(err, errTooMuch) && !errors.Is(err, errTooSlow) {
		a.fail(ctx, err)
		return
	}
	a.page = readPage(u, reply.Header.Get("Content-Type"), body)
	a.page.cut = err != nil || len(body) == maxPage
	a.proof = append(a.proof, "HTTP "+strconv.Itoa(a.status))
	a.stage = finished
}

// paced reads a body as long as it keeps coming: each read has its own step,
// the whole has an end.
type paced struct {
	r    io.Reader
	c    *wire
	step time.Duration
	end  time.Time
	now  func() time.Time
}

var errTooSlow = errors.New("the reply comes too slowly to be read to its end")

func (p *paced) Read(b []byte) (int, error) {
	if p.now().After(p.end) {
		return 0, errTooSlow
	}
	p.c.step(p.step)
	return p.r.Read(b)
}

// hostPort is the Host header of a request (RFC 9110 section 7.2).
func hostPort(host string, port uint16, scheme string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	if (scheme == "https" && port == 443) || (scheme == "http" && port == 80) {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}
