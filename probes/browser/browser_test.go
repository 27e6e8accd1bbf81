package browser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ready6/probes/verdict"
)

// Nothing that a load starts may outlive it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a web server in memory, reached through pipes that stand for IPv6.
type site struct {
	conns chan net.Conn
	gone  chan struct{}

	mu    sync.Mutex
	open  int
	most  int      // connections open at once
	hosts []string // that requests named
}

func (s *site) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.gone:
		return nil, net.ErrClosed
	}
}
func (s *site) Close() error   { close(s.gone); return nil }
func (s *site) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv6loopback, Port: 80} }

// conn counts itself.
type conn struct {
	net.Conn
	closed func()
}

func (c *conn) Close() error { c.closed(); return c.Conn.Close() }

func newSite(t *testing.T, pages map[string]string) *site {
	s := &site{conns: make(chan net.Conn), gone: make(chan struct{})}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.hosts = append(s.hosts, r.Host)
		s.mu.Unlock()
		text, ok := pages[r.Host+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if to, moved := strings.CutPrefix(text, "→"); moved {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if text == "never" {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "text/html")
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		fmt.Fprint(w, text)
	})}
	go srv.Serve(s)
	t.Cleanup(func() { srv.Close() })
	return s
}

func (s *site) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp6" || !strings.HasPrefix(address, "[2001:db8::") {
		return nil, fmt.Errorf("dialled %s %s", network, address)
	}
	a, b := net.Pipe()
	select {
	case s.conns <- b:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.most = max(s.most, s.open)
	return &conn{a, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	})}, nil
}

// config is a world in which .test has IPv6, all on one address, .v4 needs IPv4
// and the rest is not known.
func config(t *testing.T, s *site) Config {
	t.Helper()
	path, err := Find("auto")
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	return Config{
		Path: path, Step: 2 * time.Second, Limit: 40 * time.Second, PerAddr: 2, UserAgent: "ready6-test", Dial: s.dial,
		Lookup: func(_ context.Context, host string) ([]netip.Addr, *Fault) {
			switch {
			case strings.HasSuffix(host, ".test"):
				return []netip.Addr{netip.MustParseAddr("2001:db8::80")}, nil
			case strings.HasSuffix(host, ".v4"):
				return nil, &Fault{NeedsIPv4: true}
			}
			return nil, &Fault{Cause: verdict.Timeout}
		},
	}
}

// What a page asks for is told with what became of it, whoever asked for it; and
// what Chromium asks for by itself leaves nothing.
func TestLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"www.test/": `<html><link rel=preconnect href=http://pre.v4><body>
			<script>var s=document.createElement('script');s.src='http://built.v4/x.js';document.head.append(s);alert(1)</script>
			<iframe src=http://frame.test/></iframe><img src=http://127.0.0.1/x><img src=http://198.51.100.1/x><img src=http://lost.nowhere/x>
			<style>@font-face{font-family:f;src:url(http://font.v4/f.woff)} p{font-family:f}</style><p>text</p>
			<script>new WebSocket('ws://socket.v4/')</script>`,
		"frame.test/": `<script src=http://inner.v4/y.js></script>`,
	})
	p, err := Load(t.Context(), config(t, s), "http://www.test/")
	if err != nil || p.Cut != "" || p.Status != 200 || p.Final != "http://www.test/" {
		t.Fatalf("%v: %+v", err, p)
	}
	failed := map[string]bool{}
	for _, r := range p.Requests {
		if r.Open {
			t.Errorf("%s did not finish", r.URL)
		}
		if r.Failed != "" {
			failed[r.Host] = true
		}
	}
	for _, host := range []string{"built.v4", "127.0.0.1", "198.51.100.1", "lost.nowhere", "font.v4", "socket.v4", "inner.v4"} {
		if !failed[host] {
			t.Errorf("%s: no failed request", host)
		}
	}
	if len(failed) != 7 {
		t.Errorf("failed: %v", failed)
	}
	for _, h := range p.Hosts {
		needs := strings.HasSuffix(h.Name, ".v4") || h.Name == "127.0.0.1" || h.Name == "198.51.100.1"
		if strings.HasSuffix(h.Name, ".test") != (h.Fault == nil) || needs != (h.Fault != nil && h.Fault.NeedsIPv4) {
			t.Errorf("%+v: %+v", h, h.Fault)
		}
		if strings.Contains(h.Name, "google") || h.Name == "pre.v4" {
			t.Errorf("%s was let through, which no request asked for", h.Name)
		}
	}
}

// A page that sends its reader on by itself ends where it leads.
func TestLoadFollows(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"www.test/": "→http://two.test/", "two.test/": `<meta http-equiv=refresh content="2;url=http://login.v4/">`,
	})
	p, err := Load(t.Context(), config(t, s), "http://www.test/")
	if err != nil || p.Final != "http://login.v4/" || p.Status != 0 {
		t.Fatalf("%v: %+v", err, p)
	}
	var got []string
	for _, r := range p.Requests {
		if r.Main {
			got = append(got, fmt.Sprint(r.URL, " ", r.Status, " ", r.Failed != ""))
		}
	}
	want := []string{"http://www.test/ 302 false", "http://two.test/ 200 false", "http://login.v4/ 0 true"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Twenty hosts at one address share its two places: none starves, and no more
// are ever open.
func TestLoadKeepsToThePlaces(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	body := ""
	for i := range 20 {
		body += fmt.Sprintf("<script src=http://h%d.test/x.js></script>", i)
		pages[fmt.Sprintf("h%d.test/x.js", i)] = "1"
	}
	pages["www.test/"] = body
	s := newSite(t, pages)
	p, err := Load(t.Context(), config(t, s), "http://www.test/")
	if err != nil || p.Cut != "" {
		t.Fatalf("%v: %+v", err, p)
	}
	for _, r := range p.Requests {
		if r.Failed != "" || r.Open {
			t.Errorf("%+v", r)
		}
	}
	if s.most > 2 {
		t.Errorf("%d connections at once, want at most 2", s.most)
	}
}

// What never ends is ended, and said to be.
func TestLoadBounds(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"slow.test/": "<script src=/never.js></script>", "slow.test/never.js": "never",
		"many.test/": "<script>for(let i=0;i<2000;i++)fetch('http://x.v4/'+i).catch(()=>0)</script>",
	})
	c := config(t, s)
	c.Limit = 8 * time.Second
	p, err := Load(t.Context(), c, "http://slow.test/")
	if err != nil || !strings.HasPrefix(p.Cut, "not done within") || !slices.ContainsFunc(p.Requests, func(r Request) bool { return r.Open }) {
		t.Errorf("slow: %v: %+v", err, p)
	}
	c.Limit = 40 * time.Second
	if p, err = Load(t.Context(), c, "http://many.test/"); err != nil || !strings.HasPrefix(p.Cut, "more than") || len(p.Requests) > maxRequests {
		t.Errorf("many: %v: %d requests, cut %q", err, len(p.Requests), p.Cut)
	}
}

// What is no Chromium, or one that ends at once, is an error and not an opinion.
func TestLoadWithoutChromium(t *testing.T) {
	if _, err := Find(filepath.Join(t.TempDir(), "chromium")); err == nil {
		t.Error("a Chromium that is not there was found")
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no display >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Config{Path: broken, Limit: 20 * time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("dialled") }}
	if p, err := Load(t.Context(), c, "http://www.test/"); err == nil || !strings.Contains(err.Error(), "no display") {
		t.Errorf("%v: %+v", err, p)
	}
}

// The proxy reads what it is sent bit by bit and from anybody.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x03\x08www.test\x00\x50"))
	f.Add([]byte("\x05\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbb"))
	f.Add([]byte("\x05\x01\x00\x05\x02\x00\x04" + strings.Repeat("\x20", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := readRequest(&script{in: b})
		if err == nil && (k.name == "" || k.port == 0) {
			t.Errorf("%q: %+v", b, k)
		}
	})
}

// script is a peer that has said everything already.
type script struct{ in []byte }

func (s *script) Write(b []byte) (int, error) { return len(b), nil }
func (s *script) Read(b []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, errors.New("the end")
	}
	n := copy(b, s.in[:1])
	s.in = s.in[n:]
	return n, nil
}

func TestReadRequest(t *testing.T) {
	for in, want := range map[string]hostKey{
		"\x05\x01\x00\x05\x01\x00\x03\x08WWW.TEST\x00\x50":                                    {"www.test", 80},
		"\x05\x02\x00\x02\x05\x01\x00\x01\xc6\x33\x64\x07\x01\xbb":                            {"198.51.100.7", 443},
		"\x05\x01\x00\x05\x01\x00\x03\x0b[2001:db8:]\x00\x50":                                 {"2001:db8:", 80},
		"\x05\x01\x00\x05\x01\x00\x04 \x01\x0d\xb8" + strings.Repeat("\x00", 12) + "\x1f\x90": {"2001:db8::", 8080},
	} {
		if got, err := readRequest(&script{in: []byte(in)}); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "\x04\x01", "\x05\x01\x00\x05\x03\x00\x01\x7f\x00\x00\x01\x00\x35", "\x05\x01\x00\x05\x01\x00\x09xx\x00\x50",
		"\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50"} {
		if got, err := readRequest(&script{in: []byte(in)}); err == nil {
			t.Errorf("%q: taken as %+v", in, got)
		}
	}
}

func TestParseStat(t *testing.T) {
	pid, parent, pages, ok := parseStat("42 (a ) b) S 7 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0 99 1000 321 1 1 1")
	if pid != 42 || parent != 7 || pages != 321 || !ok {
		t.Error(pid, parent, pages, ok)
	}
	for _, s := range []string{"", "42", "42 (x S 7", "x (y) S 7 1"} {
		if _, _, _, ok := parseStat(s); ok {
			t.Errorf("%q was taken", s)
		}
	}
	if n := resident(os.Getpid()); n < 1<<20 || n > 1<<36 {
		t.Errorf("this test uses %d bytes", n)
	}
}
