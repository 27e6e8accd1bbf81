package lab

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A site that offers HTTP/2 gives the same page over it, and one whose fault it is
// takes the connection and goes away.
func TestHTTP2(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, `HTTP/2
-- include --
base
-- hosts --
www.tinh.gov.vn web 2001:db8:8000::80!h2-reset 198.51.100.80 h2
-- zone tinh.gov.vn --
-- want --
`, o)
		for address, want := range map[string]bool{"198.51.100.80:443": true, "[2001:db8:8000::80]:443": false} {
			tr := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				c, err := l.Dial(ctx, "tcp", address)
				if err != nil {
					return nil, err
				}
				s := tls.Client(c, &tls.Config{ServerName: "www.tinh.gov.vn", RootCAs: l.CAs(), Time: l.Now, NextProtos: []string{"h2"}})
				return s, s.HandshakeContext(ctx)
			}}
			defer tr.CloseIdleConnections()
			reply, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get("https://www.tinh.gov.vn/")
			if (err == nil) != want {
				t.Errorf("%s: %v", address, err)
			}
			if err != nil {
				continue
			}
			body, err := io.ReadAll(reply.Body)
			reply.Body.Close()
			if err != nil || reply.ProtoMajor != 2 || !strings.Contains(string(body), "<h1>www.tinh.gov.vn</h1>") || reply.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s: %s, %d bytes, %v", address, reply.Proto, len(body), err)
			}
		}
	})
}

// Pages and headers may be one family's own, and a bomb is small until it is opened.
func TestPagesOfOneFamily(t *testing.T) {
	l := start(t, `pages
-- include --
base
-- hosts --
www.tinh.gov.vn web 2001:db8:8000::80!body:bomb 198.51.100.80 hsts=off
-- page www.tinh.gov.vn/@4 --
<title>bốn</title>
-- headers www.tinh.gov.vn/@6 --
X-Six: 6
-- headers www.tinh.gov.vn/ --
X-Both: 1
-- want --
`, Options{})
	r4, body4, err := get(l, "198.51.100.80:443", "www.tinh.gov.vn", "/", 5*time.Second)
	if err != nil || !strings.Contains(string(body4), "bốn") || r4.Header.Get("X-Six") != "" || r4.Header.Get("X-Both") != "1" || r4.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("IPv4: %v, %v", r4, err)
	}
	r6, body6, err := get(l, "[2001:db8:8000::80]:443", "www.tinh.gov.vn", "/", 5*time.Second)
	if err != nil || r6.Header.Get("X-Six") != "6" || len(body6) > 64<<10 {
		t.Fatalf("IPv6: %v, %d bytes, %v", r6, len(body6), err)
	}
	z, err := gzip.NewReader(strings.NewReader(string(body6)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, z); err != nil || n != bombSize {
		t.Errorf("it grows to %d bytes, %v", n, err)
	}
}
