package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// pageSize is the least size of a page in bytes, unless the host says
// otherwise: more than the smallest IPv6 MTU.
const pageSize = 4096

// site is one web host at one address.
type site struct {
	names  []string // without final dot
	family string   // "6" or "4": which of the pages are for this address alone
	host   host
	faults faults
	cert   *tls.Certificate
	bomb   string // what a page that grows without measure is sent as
	world  World
}

// webServer is the sites at one address: port 80 and 443 share it.
type webServer struct {
	sites []*site
}

// webEndpoints adds a host to the web server at a place, making it on the first.
func (l *Lab) webEndpoints(h host, p place) ([]*endpoint, error) {
	s := &site{names: []string{plain(h.name)}, family: "6", host: h, faults: p.faults, world: l.world}
	if p.addr.Is4() {
		s.family = "4"
	}
	for _, a := range h.aliases() {
		s.names = append(s.names, plain(a))
	}
	kind := h.options["cert"]
	if f, ok := p.faults.find("cert", "tcp", 443); ok {
		kind = f.arg
	}
	cert, err := l.ca.shared(s.names, kind, h.options["ocsp"])
	if err != nil {
		return nil, err
	}
	s.cert = cert
	if f, ok := p.faults.find("body", "tcp", 443); ok && f.arg == "bomb" {
		s.bomb = packed(io.LimitReader(spaces{}, bombSize))
	}
	if w := l.webs[p.addr]; w != nil {
		w.sites = append(w.sites, s)
		return nil, nil
	}
	w := &webServer{sites: []*site{s}}
	l.webs[p.addr] = w
	var out []*endpoint
	if _, off := p.faults.find("no-http", "tcp", 80); !off && h.options["http"] != "off" {
		out = append(out, &endpoint{at: netip.AddrPortFrom(p.addr, 80), tcp: w.serveHTTP})
	}
	if _, off := p.faults.find("no-https", "tcp", 443); !off {
		serve := w.serveHTTPS
		if _, ok := p.faults.find("plain", "tcp", 443); ok {
			serve = w.serveHTTP
		}
		e := &endpoint{at: netip.AddrPortFrom(p.addr, 443), tcp: serve}
		if _, ok := h.options["h3"]; ok {
			e.quic = w.serveH3
		}
		out = append(out, e)
	}
	return out, nil
}

// site returns the virtual host of a name; the first one answers for strangers.
func (w *webServer) site(name string) *site {
	for _, s := range w.sites {
		for _, n := range s.names {
			if strings.EqualFold(n, name) {
				return s
			}
		}
	}
	return w.sites[0]
}

func (w *webServer) serveHTTP(ctx context.Context, c net.Conn) { w.requests(ctx, c, false) }

func (w *webServer) serveHTTPS(ctx context.Context, c net.Conn) {
	t := tls.Server(c, w.tls())
	c.SetDeadline(time.Now().Add(idleTime))
	if err := t.HandshakeContext(ctx); err != nil {
		return
	}
	if t.ConnectionState().NegotiatedProtocol == "h2" {
		w.serveH2(ctx, t)
	} else {
		w.requests(ctx, t, true)
	}
	t.Close()
}

// tls completes a server's configuration: each site has its own certificate and
// its own protocols.
func (w *webServer) tls() *tls.Config {
	c := serverTLS(func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return w.site(h.ServerName).cert, nil })
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		s := w.site(h.ServerName)
		_, off := s.faults.find("no-h2", "tcp", 443)
		if _, ok := s.host.options["h2"]; !ok || off {
			return nil, nil
		}
		own := c.Clone()
		own.GetConfigForClient, own.NextProtos = nil, []string{"h2", "http/1.1"}
		return own, nil
	}
	return c
}

// serverTLS makes servers whose handshake fits into small packets (no
// post-quantum key share, which alone has over 1,000 bytes) and whose replies
// come in full-sized ones, as with most servers of today.
func serverTLS(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{GetCertificate: certificate, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}, DynamicRecordSizingDisabled: true}
}

// requests answers HTTP/1.1 requests on one connection.
func (w *webServer) requests(ctx context.Context, c net.Conn, secure bool) {
	r := bufio.NewReader(io.LimitReader(c, 1<<20))
	for {
		c.SetDeadline(time.Now().Add(idleTime))
		req, err := http.ReadRequest(r)
		if err != nil {
			if !errors.Is(err, io.EOF) { // such as a TLS handshake sent to a plain port
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			}
			return
		}
		io.Copy(io.Discard, req.Body)
		name := req.Host
		if h, _, err := net.SplitHostPort(req.Host); err == nil {
			name = h
		}
		s := w.site(name)
		slow, _ := s.faults.find("slow", "tcp", port(secure))
		if !sleep(ctx, slow.wait()) {
			return
		}
		reply := s.reply(req, name, secure)
		if _, err := c.Write(reply); err != nil || s.endless(ctx, c, req) || req.Close || req.ProtoMinor == 0 {
			return
		}
	}
}

func port(secure bool) uint16 {
	if secure {
		return 443
	}
	return 80
}

// reply makes the whole response to one request, but for a body without end.
func (s *site) reply(req *http.Request, name string, secure bool) []byte {
	status, location, body := s.content(req.URL.Path, name, secure)
	head := s.head(req.URL.Path, name, secure)
	if location != "" && head.Get("Location") == "" {
		head.Set("Location", location)
	}
	if req.Close {
		head.Set("Connection", "close")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	open := false
	if status == http.StatusOK {
		body, open = s.bend(req.URL.Path, head, body)
	}
	if !open { // else the end of the connection ends the body
		head.Set("Content-Length", strconv.Itoa(len(body)))
	}
	head.Write(&b)
	b.WriteString("\r\n")
	if req.Method != http.MethodHead {
		b.WriteString(body)
	}
	return b.Bytes()
}

// head is the header of a reply: what every site sends, then what the world says
// of this page, of both families and then of this one's alone.
func (s *site) head(path, name string, secure bool) http.Header {
	h := http.Header{"Server": {"lab"}, "Content-Type": {contentType(path)}}
	if secure && s.host.options["hsts"] != "off" {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	if _, ok := s.host.options["h3"]; ok && secure {
		h.Set("Alt-Svc", `h3=":443"; ma=86400`)
	}
	for _, n := range append([]string{name}, s.names...) {
		for _, key := range []string{n + path, n + path + "@" + s.family} {
			own, err := textproto.NewReader(bufio.NewReader(strings.NewReader(strings.TrimSpace(s.world.headers[key]) + "\n\n"))).ReadMIMEHeader()
			if err != nil {
				continue // there is none
			}
			for k, v := range own {
				h[k] = v
			}
		}
	}
	return h
}

// content decides what a path gives.
func (s *site) content(path, name string, secure bool) (status int, location, body string) {
	if f, ok := s.faults.find("status", "tcp", port(secure)); ok {
		status, _ = strconv.Atoi(f.arg)
	} else if v := s.host.options["status"]; v != "" {
		status, _ = strconv.Atoi(v)
	}
	switch {
	case status != 0:
		return status, "", s.pad("<!doctype html><title>" + strconv.Itoa(status) + "</title><p>" + http.StatusText(status) + "\n")
	case !secure && s.host.options["http"] != "page":
		return http.StatusMovedPermanently, "https://" + name + path, s.pad("<!doctype html><title>301</title>\n")
	case s.host.options["redirect"] != "" && path == "/":
		return http.StatusFound, s.host.options["redirect"], s.pad("<!doctype html><title>302</title>\n")
	}
	for _, n := range append([]string{name}, s.names...) {
		for _, key := range []string{n + path + "@" + s.family, n + path} {
			if text, ok := s.world.pages[key]; ok {
				return http.StatusOK, "", s.pad(text)
			}
		}
	}
	if path != "/" {
		return http.StatusNotFound, "", s.pad("<!doctype html><title>404</title>\n")
	}
	return http.StatusOK, "", s.pad("<!doctype html><html lang=\"vi\"><meta charset=\"utf-8\"><title>" + s.names[0] + "</title>\n<h1>" + s.names[0] + "</h1>\n")
}

// pad makes a page at least as large as the host's size option says.
func (s *site) pad(body string) string {
	if _, ok := s.faults.find("short", "tcp", 443); ok {
		return body
	}
	size := pageSize
	if n, err := strconv.Atoi(s.host.options["size"]); err == nil {
		size = n
	}
	if missing := size - len(body); missing > 0 {
		body += "<!--" + strings.Repeat(" ", missing) + "-->\n"
	}
	return body
}

func contentType(path string) string {
	switch {
	case strings.HasSuffix(path, ".css"):
		return "text/css"
	case strings.HasSuffix(path, ".js"):
		return "text/javascript"
	}
	return "text/html; charset=utf-8"
}
