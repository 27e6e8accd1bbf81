package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// bombSize is what a bomb grows to, in bytes, from a thousandth of it.
const bombSize = 16 << 20

// bent is the fault of what is at a path: of the page, or of a style sheet.
func (s *site) bent(path string) (fault, bool) {
	switch {
	case path == "/":
		return s.faults.find("body", "tcp", 443)
	case strings.HasSuffix(path, ".css"):
		return s.faults.find("sheet", "tcp", 443)
	}
	return fault{}, false
}

// bend applies the body fault of an address to a page and its header; an open
// page has no length of its own.
func (s *site) bend(path string, head http.Header, body string) (bent string, open bool) {
	f, ok := s.bent(path)
	if !ok {
		return body, false
	}
	switch f.arg {
	case "endless", "drip":
		head.Set("Connection", "close")
		return body, true
	case "gzip":
		head.Set("Content-Encoding", "gzip")
		return packed(strings.NewReader(body)), false
	case "bomb":
		head.Set("Content-Encoding", "gzip")
		return s.bomb, false
	case "flood":
		for range 64 {
			head.Add("X-Flood", strings.Repeat("x", 16<<10))
		}
	case "token": // what differs from one reply to the next, by itself
		mark := "<p>Phiên " + strings.ToLower(rand.Text()) + "</p><p>Lúc " + time.Now().Format(time.RFC3339Nano) + "</p><p>Quảng cáo " + rand.Text()[:6] + " giảm giá</p>"
		return strings.Replace(body, "<!--token-->", mark, 1), false
	}
	return body, false
}

// endless goes on after the reply as its fault says, until the client has enough.
func (s *site) endless(ctx context.Context, c net.Conn, req *http.Request) bool {
	f, ok := s.bent(req.URL.Path)
	if !ok || f.arg != "endless" && f.arg != "drip" {
		return false
	}
	piece, pause := bytes.Repeat([]byte("<p>thêm nữa\n"), 1000), time.Duration(0)
	if f.arg == "drip" {
		piece, pause = []byte("."), 20*time.Millisecond
	}
	for sleep(ctx, pause) {
		c.SetDeadline(time.Now().Add(idleTime))
		if _, err := c.Write(piece); err != nil {
			break
		}
	}
	return true
}

// spaces is an endless blank page.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func packed(r io.Reader) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.Copy(z, r)
	z.Close()
	return b.String()
}

// serveH2 answers HTTP/2 on a connection that has agreed to it, with the same
// pages as HTTP/1.1.
func (w *webServer) serveH2(ctx context.Context, c *tls.Conn) {
	s := w.site(c.ConnectionState().ServerName)
	if _, ok := s.faults.find("h2-reset", "tcp", 443); ok {
		return
	}
	if _, ok := s.faults.find("h2-silent", "tcp", 443); ok {
		io.Copy(io.Discard, c)
		return
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	only := &single{conn: c, addr: c.LocalAddr(), over: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(w.answer), IdleTimeout: idleTime, Protocols: new(http.Protocols),
		ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				only.Close()
			}
		}}
	server.Protocols.SetHTTP2(true)
	server.Serve(only)
}

// single is a listener with one connection, there already.
type single struct {
	conn net.Conn
	addr net.Addr
	once sync.Once
	over chan struct{} // closed when the connection is
}

func (s *single) Accept() (net.Conn, error) {
	if c := s.conn; c != nil {
		s.conn = nil
		return c, nil
	}
	<-s.over
	return nil, net.ErrClosed
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.over) })
	return nil
}

func (s *single) Addr() net.Addr { return s.addr }

// answer gives a page over HTTP/2 or 3.
func (w *webServer) answer(out http.ResponseWriter, req *http.Request) {
	name := req.Host
	if h, _, err := net.SplitHostPort(req.Host); err == nil {
		name = h
	}
	s := w.site(name)
	status, location, body := s.content(req.URL.Path, name, true)
	for k, v := range s.head(req.URL.Path, name, true) {
		out.Header()[k] = v
	}
	if location != "" {
		out.Header().Set("Location", location)
	}
	out.WriteHeader(status)
	io.WriteString(out, body)
}
