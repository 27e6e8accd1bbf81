package probes

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ready6/probes/verdict"
)

// maxPage bounds how much of a page is looked through for what it refers to.
const maxPage = 1 << 20

// maxHeader bounds the header of a reply; browsers give up there, too.
const maxHeader = 256 << 10

var errHeader = fmt.Errorf("a header of over %d kB: %w", maxHeader>>10, errTooMuch)

// speakWeb makes one request and reads the whole reply, over TLS on every port
// but those that are plain HTTP by custom. A port of the operator's choice that
// turns out not to speak TLS is asked in the clear.
func (e *Env) speakWeb(ctx context.Context, a *attempt) {
	plain := a.port == 80 || a.port == 8080
	e.converse(ctx, a, plain)
	if a.protocol && a.stage == handshaking && !plain && a.port != 443 {
		*a = attempt{endpoint: a.endpoint, at: a.at, tries: a.tries}
		e.converse(ctx, a, true)
	}
}

// converse opens one connection and makes the request on it.
func (e *Env) converse(ctx context.Context, a *attempt, plain bool) {
	c, err := e.connect(ctx, a)
	if err != nil {
		return
	}
	defer c.Close()
	if plain {
		e.request(ctx, a, c, c)
		return
	}
	if t, err := e.handshake(ctx, a, c); err == nil {
		e.request(ctx, a, c, t)
	}
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
	if target, err := url.ParseRequestURI(a.path); err == nil {
		u.Path, u.RawPath, u.RawQuery = target.Path, target.RawPath, target.RawQuery
	}
	a.url = u
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {e.UserAgent}, "Accept": {"text/html,*/*;q=0.5"}}, Close: true}
	c.step(e.Step)
	if err := req.Write(over); err != nil {
		a.fail(ctx, err)
		return
	}
	head := &io.LimitedReader{R: over, N: maxHeader}
	reply, err := finalReply(bufio.NewReader(head), req)
	if err != nil {
		if head.N <= 0 {
			err = errHeader
		}
		a.fail(ctx, err)
		var alert tls.AlertError
		a.busy = errors.As(err, &alert) && alert == certificateRequired
		a.protocol = !a.busy && a.cause == verdict.OtherCause
		return
	}
	defer reply.Body.Close()
	a.hsts, a.altSvc = reply.Header.Get("Strict-Transport-Security"), shorten(strings.Join(reply.Header.Values("Alt-Svc"), ", "), maxTitle)
	head.N = 2 * maxReply // the wire has its own end
	a.status, a.location = reply.StatusCode, reply.Header.Get("Location")
	body, err := drain(&paced{reply.Body, c, e.Step, time.Now().Add(3 * e.Step)}, maxPage)
	if err != nil && !errors.Is(err, errTooMuch) && !errors.Is(err, errTooSlow) {
		a.fail(ctx, err)
		return
	}
	defer a.settle()
	a.page = readReply(u, reply.Header, body, err != nil || len(body) == maxPage)
	a.proof = append(a.proof, "HTTP "+strconv.Itoa(a.status))
	a.stage = finished
}

// settle keeps of a page what is remembered of it.
func (a *attempt) settle() {
	a.hsts = shorten(a.hsts, maxTitle)
	a.page.mark()
	if !a.whole {
		a.page.pieces = nil
	}
}

// readReply looks through the body of a reply; cut says that it goes on.
func readReply(u *url.URL, header http.Header, body []byte, cut bool) *page {
	text, more, err := unpack(body, header)
	if err != nil && !cut {
		return &page{opaque: brief("Content-Encoding " + header.Get("Content-Encoding"))}
	}
	p := readPage(u, header, text)
	p.cut, p.swollen = cut || more, more && !cut
	return p
}

// unpack undoes the compression that servers apply although nobody asked for it
// (RFC 9110 section 12.5.3), up to maxPage bytes; more says that there is more.
// The error is of what is damaged, or coded in another way.
func unpack(body []byte, header http.Header) (text []byte, more bool, err error) {
	var r io.Reader
	switch strings.ToLower(strings.Join(header.Values("Content-Encoding"), ",")) {
	case "", "identity":
		return body, false, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	default:
		err = errors.ErrUnsupported
	}
	if err != nil {
		return nil, false, err
	}
	text, err = drain(r, maxPage)
	return text, len(text) == maxPage, err
}

// certificateRequired is the TLS alert of a server that serves known clients
// only (RFC 8446 section 6.2): it works, but not for us.
const certificateRequired = 116

// finalReply reads the reply, passing over interim ones (RFC 9110 section 15.2).
func finalReply(r *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range 5 {
		reply, err := http.ReadResponse(r, req)
		if err != nil || reply.StatusCode >= 200 || reply.StatusCode == http.StatusSwitchingProtocols {
			return reply, err
		}
	}
	return nil, errors.New("interim replies without end")
}

// paced reads a body as long as it keeps coming: each read has its own step,
// the whole has an end.
type paced struct {
	r    io.Reader
	c    *wire
	step time.Duration
	end  time.Time
}

var errTooSlow = errors.New("the reply comes too slowly to be read to its end")

func (p *paced) Read(b []byte) (int, error) {
	if time.Now().After(p.end) {
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
