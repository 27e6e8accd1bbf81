package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/mrt"
	"github.com/osrg/gobgp/v3/pkg/packet/rtr"

	"ready6/inventory"
)

// connect dials the world with a deadline on everything.
func connect(t testing.TB, l *Lab, address string, patience time.Duration) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := l.Dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// get makes one request over TLS (port 443) or without.
func get(l *Lab, address, host, path string, patience time.Duration) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := l.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if strings.HasSuffix(address, ":443") {
		t := tls.Client(c, &tls.Config{ServerName: host, RootCAs: l.CAs(), Time: l.Now})
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, nil, err
		}
		c = t
	}
	req, err := http.NewRequest("GET", "http://"+host+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Close = true
	if err := req.Write(c); err != nil {
		return nil, nil, err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return nil, nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func TestBaseWeb(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, "base", o)
		for _, address := range []string{"[2001:db8:8000::80]", "198.51.100.80"} {
			r, body, err := get(l, address+":443", "www.tinh.gov.vn", "/", 10*time.Second)
			if err != nil || r.StatusCode != 200 || len(body) < 1280 || !strings.Contains(string(body), "<h1>www.tinh.gov.vn</h1>") {
				t.Errorf("%s: %v %v, %d bytes", address, r, err, len(body))
			}
			r, _, err = get(l, address+":80", "tinh.gov.vn", "/x", 10*time.Second)
			if err != nil || r.StatusCode != 301 || r.Header.Get("Location") != "https://tinh.gov.vn/x" {
				t.Errorf("%s port 80: %v %v", address, r, err)
			}
		}
	})
}

func TestBaseSMTP(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, "base", o)
		c := connect(t, l, "[2001:db8:8000::25]:25", 10*time.Second)
		p := textproto.NewConn(c)
		if _, greeting, err := p.ReadResponse(220); err != nil || len(greeting) <= 1280 {
			t.Fatalf("greeting of %d bytes: %v", len(greeting), err)
		}
		p.PrintfLine("EHLO test.invalid")
		if _, features, err := p.ReadResponse(250); err != nil || !strings.Contains(features, "STARTTLS") {
			t.Fatalf("EHLO: %q %v", features, err)
		}
		p.PrintfLine("STARTTLS")
		if _, _, err := p.ReadResponse(220); err != nil {
			t.Fatal(err)
		}
		s := tls.Client(c, &tls.Config{ServerName: "mx.tinh.gov.vn", RootCAs: l.CAs(), Time: l.Now})
		p = textproto.NewConn(s)
		p.PrintfLine("EHLO test.invalid")
		if _, features, err := p.ReadResponse(250); err != nil || strings.Contains(features, "STARTTLS") {
			t.Fatalf("EHLO over TLS: %q %v", features, err)
		}
		p.PrintfLine("MAIL FROM:<a@test.invalid>")
		if _, _, err := p.ReadResponse(554); err != nil {
			t.Fatal(err)
		}
	})
}

// readPDUs reads until End of Data or an error and decodes with gobgp.
func readPDUs(t *testing.T, r io.Reader) []rtr.RTRMessage {
	t.Helper()
	var out []rtr.RTRMessage
	for {
		h := make([]byte, 8)
		if _, err := io.ReadFull(r, h); err != nil {
			t.Fatalf("after %d PDUs: %v", len(out), err)
		}
		b := append(h, make([]byte, binary.BigEndian.Uint32(h[4:])-8)...)
		if _, err := io.ReadFull(r, b[8:]); err != nil {
			t.Fatal(err)
		}
		m, err := rtr.ParseRTR(b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
		if h[1] == pduEndOfData || h[1] == pduError {
			return out
		}
	}
}

func TestBaseRTR(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, "base", o)
		for version := range byte(3) {
			c := connect(t, l, l.RTRAddr(), 10*time.Second)
			c.Write([]byte{version, pduResetQuery, 0, 0, 0, 0, 0, 8})
			got := readPDUs(t, c)
			last := got[len(got)-1]
			if version == 2 {
				if e, ok := last.(*rtr.RTRErrorReport); !ok || e.ErrorCode != rtrUnsupported || e.Version != 1 {
					t.Errorf("version 2 got %#v", last)
				}
				continue
			}
			var prefixes []string
			for _, m := range got {
				if p, ok := m.(*rtr.RTRIPPrefix); ok {
					prefixes = append(prefixes, p.Prefix.String())
					if p.Version != version || p.Flags != 1 {
						t.Errorf("version %d: %+v", version, p)
					}
				}
			}
			if len(prefixes) != len(l.world.vrps) || prefixes[0] != "2001:db8::" {
				t.Errorf("version %d: prefixes %v", version, prefixes)
			}
		}
	})
}

func TestBaseData(t *testing.T) {
	l := start(t, "base", Options{})
	var vrps struct {
		Metadata struct{ Buildtime time.Time }
		ROAs     []struct {
			ASN       int
			Prefix    string
			MaxLength int
		}
	}
	if err := json.Unmarshal(l.VRPs(), &vrps); err != nil {
		t.Fatal(err)
	}
	if got := vrps.ROAs[0]; len(vrps.ROAs) != 6 || got.ASN != 64500 || got.MaxLength != 36 || time.Since(vrps.Metadata.Buildtime) > time.Minute {
		t.Errorf("VRPs: %+v", vrps)
	}
	dump, err := l.RoutesMRT()
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for s := bytes.NewReader(dump); s.Len() > 0; records++ {
		b := make([]byte, mrt.MRT_COMMON_HEADER_LEN)
		if _, err := io.ReadFull(s, b); err != nil {
			t.Fatal(err)
		}
		h := &mrt.MRTHeader{}
		if err := h.DecodeFromBytes(b); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, h.Len)
		if _, err := io.ReadFull(s, body); err != nil {
			t.Fatal(err)
		}
	}
	if records != 1+6 {
		t.Errorf("%d MRT records", records)
	}
	y, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(bytes.NewReader(y), "lab")
	if err != nil || len(inv.Agencies) != 1 || len(inv.Agencies[0].Services) != len(l.Wants()) {
		t.Errorf("inventory: %v\n%s", err, y)
	}
}
