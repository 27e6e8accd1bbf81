package rpki

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// end is an End of Data of version 1 with a serial number and timers.
func end(session uint16, serial uint32, timers ...uint32) []byte {
	body := binary.BigEndian.AppendUint32(nil, serial)
	if timers == nil {
		timers = []uint32{3600, 600, 7200}
	}
	for _, t := range timers {
		body = binary.BigEndian.AppendUint32(body, t)
	}
	return frame(1, pduEndOfData, session, body...)
}

// first is what the cache of TestRTRUpdate gives at the first Sync.
func first() []byte {
	return join(frame(1, pduCacheResponse, 9), prefixPDU(1, 1, "192.0.2.0/24", 28, 64500),
		prefixPDU(1, 1, "2001:db8::/32", 48, 64501), end(9, 7))
}

// Each row is what a cache says to a client that has first() already: to its
// Serial Query on the second connection, and to what comes after it.
func TestRTRUpdate(t *testing.T) {
	response := frame(1, pduCacheResponse, 9)
	fresh := join(frame(1, pduCacheResponse, 10), prefixPDU(1, 1, "198.51.100.0/24", 24, 64502), end(10, 1))
	const freshSet = "198.51.100.0/24 AS64502"
	for _, tt := range []struct {
		name   string
		said   [][]byte // for each query from the second connection on; nil: hang up
		want   string
		serial uint32
		conns  int32
		report int // code of the Error Report that the cache gets, -1 for none
	}{
		{"nothing new", [][]byte{join(response, end(9, 7))}, goodSet, 7, 2, -1},
		{"more", [][]byte{join(response, prefixPDU(1, 1, "198.51.100.0/24", 24, 64502), end(9, 8))}, "192.0.2.0/24-28 AS64500,198.51.100.0/24 AS64502,2001:db8::/32-48 AS64501", 8, 2, -1},
		{"less", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), end(9, 8))}, "2001:db8::/32-48 AS64501", 8, 2, -1},
		{"everything withdrawn", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), prefixPDU(1, 0, "2001:db8::/32", 48, 64501), end(9, 8))}, "", 8, 2, -1},
		{"withdrawn and back", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), end(9, 8))}, goodSet, 8, 2, -1},
		{"there and gone", [][]byte{join(response, prefixPDU(1, 1, "192.0.2.0/24", 24, 64500), prefixPDU(1, 0, "192.0.2.0/24", 24, 64500), end(9, 8))}, goodSet, 8, 2, -1},
		{"another maxLength is another record", [][]byte{join(response, prefixPDU(1, 1, "192.0.2.0/24", 24, 64500), end(9, 8))}, "192.0.2.0/24 AS64500,192.0.2.0/24-28 AS64500,2001:db8::/32-48 AS64501", 8, 2, -1},
		{"notify in between", [][]byte{join(frame(1, pduSerialNotify, 9, 0, 0, 0, 8), response, frame(1, pduSerialNotify, 9, 0, 0, 0, 9), end(9, 8))}, goodSet, 8, 2, -1},
		{"cache reset, then everything", [][]byte{frame(1, pduCacheReset, 0), fresh}, freshSet, 1, 2, -1},
		{"announces what is there", [][]byte{join(response, prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), end(9, 8)), fresh}, freshSet, 1, 3, codeDuplicate},
		{"announces the same twice", [][]byte{join(response, prefixPDU(1, 1, "10.0.0.0/8", 8, 1), prefixPDU(1, 1, "10.0.0.0/8", 8, 1), end(9, 8)), fresh}, freshSet, 1, 3, codeDuplicate},
		{"withdraws what is not there", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 27, 64500), end(9, 8)), fresh}, freshSet, 1, 3, codeWithdrawal},
		{"withdraws twice", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), end(9, 8)), fresh}, freshSet, 1, 3, codeWithdrawal},
		{"another session", [][]byte{fresh, fresh}, freshSet, 1, 3, codeCorrupt},
		{"another session at the end", [][]byte{join(response, end(10, 8)), fresh}, freshSet, 1, 3, codeCorrupt},
		{"goes back", [][]byte{join(response, end(9, 6)), fresh}, freshSet, 1, 3, codeCorrupt},
		{"restarted, calls our session corrupt", [][]byte{errorPDU(1, codeCorrupt, nil, "session"), fresh}, freshSet, 1, 3, -1},
		{"restarted, hangs up", [][]byte{nil, fresh}, freshSet, 1, 3, -1},
		{"cut in the middle", [][]byte{join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500)[:13]), fresh}, freshSet, 1, 3, -1},
		{"came down to version 0", [][]byte{join(frame(0, pduCacheResponse, 9), endOfData(0, 9)), good(0)}, goodSet, 7, 3, codeOtherVersion},
		{"impossible prefix", [][]byte{join(response, frame(1, pduIPv4, 0, 1, 33, 33, 0, 192, 0, 2, 0, 0, 0, 0, 1)), fresh}, freshSet, 1, 3, codeCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := -1
			f := &fakeCache{answer: func(conn, _ int, _ uint8) ([]byte, bool) {
				if conn == 1 {
					return first(), false
				}
				n++
				said := tt.said[min(n, len(tt.said)-1)]
				return said, len(said) == 0 || strings.HasPrefix(tt.name, "cut")
			}}
			c := f.client()
			if _, err := c.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			s, err := c.Sync(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := names(slices.Collect(s.All())); got != tt.want || s.Source().Serial != tt.serial {
				t.Errorf("%s, serial %d; want %s, %d", got, s.Source().Serial, tt.want, tt.serial)
			}
			checkSnapshot(t, s)
			if c.Kept() != s || f.conns.Load() != tt.conns {
				t.Errorf("kept %v, %d connections, want %d", c.Kept(), f.conns.Load(), tt.conns)
			}
			f.wg.Wait()
			code := -1
			for i, b := range f.sent {
				switch {
				case i == 0 && !bytes.Equal(b, frame(1, pduSerialQuery, 9, 0, 0, 0, 7)):
					t.Errorf("first came % x, not the Serial Query", b)
				case b[1] == pduError:
					code = int(binary.BigEndian.Uint16(b[2:]))
				}
			}
			if code != tt.report || len(f.sent) == 0 {
				t.Errorf("%d frames sent, Error Report %d, want %d", len(f.sent), code, tt.report)
			}
		})
	}
}

// What a failed Sync leaves: the old data while it is good, nothing of a liar.
func TestRTRKept(t *testing.T) {
	now := syncTime
	var refuse bool
	said := first()
	f := &fakeCache{answer: func(int, int, uint8) ([]byte, bool) { return said, false }}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refuse {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return f.dial(ctx, network, addr)
	}
	c := NewRTR(dial, "x:1", nil, func() time.Time { return now })
	if !c.Due().IsZero() || c.Kept() != nil {
		t.Errorf("before the first Sync: due %v, kept %v", c.Due(), c.Kept())
	}
	said = join(frame(1, pduCacheResponse, 9), prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), end(9, 7, 60, 20, 700))
	s, err := c.Sync(t.Context())
	if err != nil || !c.Due().Equal(now.Add(time.Minute)) || !s.Source().Until.Equal(now.Add(700*time.Second)) {
		t.Fatalf("%v, due %v, %+v", err, c.Due(), s.Source())
	}
	refuse, now = true, now.Add(5*time.Minute)
	if _, err := c.Sync(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || c.Kept() != s || !c.Due().Equal(now.Add(20*time.Second)) {
		t.Errorf("dead cache: %v, kept %v, due %v", err, c.Kept(), c.Due())
	}
	now = syncTime.Add(700 * time.Second)
	if c.Kept() != nil {
		t.Error("expired data is kept")
	}
	refuse, said = false, first()
	if s, err := c.Sync(t.Context()); err != nil || s.Len() != 2 {
		t.Fatalf("from nothing after expiry: %v, %v", s, err)
	}
	said = join(frame(1, pduCacheResponse, 9), frame(1, pduIPv4, 0, 1, 33, 33, 0, 192, 0, 2, 0, 0, 0, 0, 1))
	if _, err := c.Sync(t.Context()); err == nil || c.Kept() != nil {
		t.Errorf("a liar: %v, kept %v", err, c.Kept())
	}
}

func TestRTRTimers(t *testing.T) {
	for _, tt := range []struct {
		in   timers
		want [3]time.Duration
	}{
		{timers{}, [3]time.Duration{time.Hour, 10 * time.Minute, 2 * time.Hour}},
		{timers{1, 1, 1}, [3]time.Duration{time.Second, time.Second, 10 * time.Minute}},
		{timers{1 << 31, 1 << 31, 1 << 31}, [3]time.Duration{24 * time.Hour, 2 * time.Hour, 48 * time.Hour}},
	} {
		if got := [3]time.Duration{tt.in.refresh(), tt.in.retry(), tt.in.expire()}; got != tt.want {
			t.Errorf("%v: %v, want %v", tt.in, got, tt.want)
		}
	}
}

// A chain of random increments ends in the set that a full load would give.
func TestRTRIncrementsEqualFullLoad(t *testing.T) {
	r := mrand.New(mrand.NewPCG(8210, 1))
	have := map[string]bool{}
	pick := func() (string, []byte) {
		bits := 8 + r.IntN(3)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(4)), byte(r.IntN(2)) << 7, 0, 0}), bits).Masked().String()
		if r.IntN(2) == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, byte(r.IntN(3))}), 16+r.IntN(2)).Masked().String()
		}
		b := prefixPDU(1, 1, p, uint8(17+r.IntN(2)), r.Uint32N(3))
		return string(b[12:]) + p + string(b[9:11]), b
	}
	held := map[string][]byte{}
	var said []byte
	f := &fakeCache{answer: func(int, int, uint8) ([]byte, bool) { return said, false }}
	c := f.client()
	said = join(frame(1, pduCacheResponse, 9), end(9, 0))
	if _, err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for serial := range uint32(300) {
		said = frame(1, pduCacheResponse, 9)
		for range r.IntN(20) {
			key, b := pick()
			if have[key] {
				b[8] = 0
				delete(held, key)
			} else {
				held[key] = b
			}
			have[key] = !have[key]
			said = append(said, b...)
		}
		said = append(said, end(9, serial+1)...)
		got, err := c.Sync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said = frame(1, pduCacheResponse, 9)
		for _, b := range held {
			said = append(said, b...)
		}
		said = append(said, end(9, serial+1)...)
		want, err := f.client().Sync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if g, w := names(slices.Collect(got.All())), names(slices.Collect(want.All())); g != w || got.Len() != len(held) {
			t.Fatalf("serial %d: %s\nwant %s", serial+1, g, w)
		}
	}
	if f.conns.Load() != 601 {
		t.Errorf("%d connections: an increment failed and was made good by a full load", f.conns.Load())
	}
}

// tlsPair is a certificate for cache.test and 192.0.2.1 with a pool that trusts it.
func tlsPair(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"cache.test"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestRTROverTLS(t *testing.T) {
	cert, pool := tlsPair(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(c, make([]byte, 8)); err == nil {
				c.Write(good(1))
			}
			c.Close()
		}
	})
	for _, tt := range []struct {
		conf *tls.Config
		want string // "" for success
	}{
		{&tls.Config{RootCAs: pool, ServerName: "cache.test"}, ""},
		{&tls.Config{RootCAs: pool, ServerName: "192.0.2.1"}, ""},
		{&tls.Config{RootCAs: pool, ServerName: "other.test"}, "not other.test"},
		{&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "cache.test"}, "unknown authority"},
		{nil, "the cache"}, // plain text to a TLS port
	} {
		s, err := NewRTR((&net.Dialer{}).DialContext, l.Addr().String(), tt.conf, time.Now).Sync(t.Context())
		switch {
		case tt.want == "" && (err != nil || names(slices.Collect(s.All())) != goodSet):
			t.Errorf("%v: %v", tt.conf.ServerName, err)
		case tt.want != "" && (err == nil || s != nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%v; want %q", err, tt.want)
		}
	}
}
