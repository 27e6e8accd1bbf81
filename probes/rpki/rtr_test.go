package rpki

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The frames of a cache, by hand: a library would not write the wrong ones.

func frame(version, kind uint8, session uint16, body ...byte) []byte {
	b := []byte{version, kind}
	b = binary.BigEndian.AppendUint16(b, session)
	b = binary.BigEndian.AppendUint32(b, uint32(8+len(body)))
	return append(b, body...)
}

func prefixPDU(version, flags uint8, prefix string, maxLen uint8, asn uint32) []byte {
	p := netip.MustParsePrefix(prefix)
	kind := uint8(pduIPv6)
	if p.Addr().Is4() {
		kind = pduIPv4
	}
	body := append([]byte{flags, uint8(p.Bits()), maxLen, 0}, p.Addr().AsSlice()...)
	return frame(version, kind, 0, binary.BigEndian.AppendUint32(body, asn)...)
}

func endOfData(version uint8, session uint16) []byte {
	body := []byte{0, 0, 0, 7}
	if version > 0 {
		for _, t := range []uint32{3600, 600, 7200} {
			body = binary.BigEndian.AppendUint32(body, t)
		}
	}
	return frame(version, pduEndOfData, session, body...)
}

func errorPDU(version uint8, code uint16, inner []byte, text string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(inner)))
	b = append(b, inner...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return frame(version, pduError, code, append(b, text...)...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// good is a whole right answer of two VRPs.
func good(v uint8) []byte {
	return join(frame(v, pduCacheResponse, 9), prefixPDU(v, 1, "192.0.2.0/24", 28, 64500),
		prefixPDU(v, 1, "2001:db8::/32", 48, 64501), endOfData(v, 9))
}

const goodSet = "192.0.2.0/24-28 AS64500,2001:db8::/32-48 AS64501"

// answer is what a cache sends for the n-th query of a connection.
type cacheAnswer func(conn, query int, version uint8) (send []byte, hangUp bool)

func always(b []byte) cacheAnswer {
	return func(int, int, uint8) ([]byte, bool) { return b, false }
}

// fakeCache serves over in-memory connections and keeps what clients sent.
type fakeCache struct {
	answer cacheAnswer
	conns  atomic.Int32
	wg     sync.WaitGroup // of connections; wait before reading sent
	mu     sync.Mutex
	sent   [][]byte // frames from clients after their Reset Queries
}

func (f *fakeCache) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	conn := int(f.conns.Add(1))
	f.wg.Go(func() { f.serve(server, conn) })
	return client, nil
}

func (f *fakeCache) serve(c net.Conn, conn int) {
	defer c.Close()
	for query := 1; ; query++ {
		head := make([]byte, 8)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head[4:])-8)
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		if head[1] != pduResetQuery {
			f.mu.Lock()
			f.sent = append(f.sent, append(head, rest...))
			f.mu.Unlock()
		}
		if head[1] == pduError {
			return
		}
		send, hangUp := f.answer(conn, query, head[0])
		if _, err := c.Write(send); err != nil || hangUp {
			return
		}
	}
}

var syncTime = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func (f *fakeCache) client() *RTR {
	return NewRTR(f.dial, "cache.test:8282", nil, func() time.Time { return syncTime })
}

func fetch(ctx context.Context, f *fakeCache) (*Snapshot, error) {
	return f.client().Sync(ctx)
}

func TestRTRRight(t *testing.T) {
	for name, answer := range map[string]cacheAnswer{
		"version 1": always(good(1)),
		"answers version 0 to version 1 (RFC 8210 section 7)": always(good(0)),
		"refuses version 1 with an Error Report of version 0": func(_, _ int, v uint8) ([]byte, bool) {
			if v == 1 {
				return errorPDU(0, codeVersion, nil, "0 only"), true
			}
			return good(0), false
		},
		"refuses version 1 by hanging up": func(_, _ int, v uint8) ([]byte, bool) {
			if v == 1 {
				return nil, true
			}
			return good(0), false
		},
		"notifies before and in the middle": always(join(frame(1, pduSerialNotify, 9, 0, 0, 0, 1), frame(1, pduCacheResponse, 9),
			prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), frame(1, pduSerialNotify, 9, 0, 0, 0, 2), prefixPDU(1, 1, "2001:db8::/32", 48, 64501), endOfData(1, 9))),
		"notifies in version 0 first":    always(join(frame(0, pduSerialNotify, 9, 0, 0, 0, 1), good(1))),
		"router keys":                    always(join(frame(1, pduCacheResponse, 9), frame(1, pduRouterKey, 0x0100, make([]byte, 115)...), good(1)[8:])),
		"answers version 2 to version 1": always(good(2)),
		"refuses all but version 2, with ASPAs": func(_, _ int, v uint8) ([]byte, bool) {
			if v != 2 {
				return errorPDU(2, codeVersion, nil, "2 only"), true
			}
			return join(frame(2, pduCacheResponse, 9), frame(2, pduASPA, 0x0100, 0, 0, 0xfb, 0xf4, 0, 0, 0xfb, 0xf5), good(2)[8:]), false
		},
		"refuses version 1 with an Error Report of version 1": func(_, _ int, v uint8) ([]byte, bool) {
			if v == 1 {
				return errorPDU(1, codeVersion, nil, "no"), true
			}
			return good(0), false
		},
		"cache reset, then data": func(_, q int, _ uint8) ([]byte, bool) {
			if q == 1 {
				return frame(1, pduCacheReset, 0), false
			}
			return good(1), false
		},
		"reset in the middle keeps nothing of the first half": func(_, q int, _ uint8) ([]byte, bool) {
			if q == 1 {
				return join(frame(1, pduCacheResponse, 8), prefixPDU(1, 1, "203.0.113.0/24", 24, 1), frame(1, pduCacheReset, 0)), false
			}
			return good(1), false
		},
		"trailing bytes": always(append(good(1), 0xff, 0xff)),
	} {
		f := &fakeCache{answer: answer}
		s, err := fetch(t.Context(), f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := names(slices.Collect(s.All())); got != goodSet {
			t.Errorf("%s: %s", name, got)
		}
		if want := (Source{Name: "cache.test:8282", Over: "rtr", At: syncTime, Until: syncTime.Add(2 * time.Hour), Serial: 7, Session: 9}); s.Source() != want {
			t.Errorf("%s: source %+v", name, s.Source())
		}
	}
}

// Each row is one way in which a cache misbehaves. report is the code of the
// Error Report the cache must get, -1 for none.
func TestRTRWrong(t *testing.T) {
	body := func(b ...[]byte) []byte {
		return join(append([][]byte{frame(1, pduCacheResponse, 9), prefixPDU(1, 1, "203.0.113.0/24", 24, 1)}, b...)...)
	}
	lying := func(kind uint8, claim uint32, body ...byte) []byte {
		b := frame(1, kind, 0, body...)
		binary.BigEndian.PutUint32(b[4:], claim)
		return b
	}
	for _, tt := range []struct {
		name   string
		send   []byte
		want   string
		report int
	}{
		{"end of data of 8 bytes", body(frame(1, pduEndOfData, 9)), "claims 8 bytes", codeCorrupt},
		{"end of data without timers in version 1", body(frame(1, pduEndOfData, 9, 0, 0, 0, 7)), "claims 12 bytes", codeCorrupt},
		{"end of data with timers in version 0", join(frame(0, pduCacheResponse, 9), frame(0, pduEndOfData, 9, make([]byte, 16)...)), "claims 24 bytes", codeCorrupt},
		{"prefix of 12 bytes", body(frame(1, pduIPv4, 0, 1, 24, 24, 0)), "claims 12 bytes", codeCorrupt},
		{"IPv6 prefix of 20 bytes", body(frame(1, pduIPv6, 0, make([]byte, 12)...)), "claims 20 bytes", codeCorrupt},
		{"IPv4 length 33", body(frame(1, pduIPv4, 0, 1, 33, 33, 0, 192, 0, 2, 0, 0, 0, 0, 1)), "length 33", codeCorrupt},
		{"IPv4 maxLength 33", body(frame(1, pduIPv4, 0, 1, 24, 33, 0, 192, 0, 2, 0, 0, 0, 0, 1)), "maxLength 33", codeCorrupt},
		{"IPv6 length 129", body(frame(1, pduIPv6, 0, append([]byte{1, 129, 129, 0}, make([]byte, 20)...)...)), "length 129", codeCorrupt},
		{"maxLength under length", body(prefixPDU(1, 1, "192.0.2.0/24", 23, 1)), "maxLength 23", codeCorrupt},
		{"IPv4 host bits", body(prefixPDU(1, 1, "192.0.2.1/24", 24, 1)), "bits set", codeCorrupt},
		{"IPv6 host bits, low half", body(prefixPDU(1, 1, "2001:db8::1/32", 48, 1)), "bits set", codeCorrupt},
		{"IPv6 host bits, high half", body(prefixPDU(1, 1, "2001:db8:1::/32", 48, 1)), "bits set", codeCorrupt},
		{"withdrawal", body(prefixPDU(1, 0, "192.0.2.0/24", 24, 1)), "withdrew", codeWithdrawal},
		{"header of 3 GiB", body(lying(pduIPv4, 3<<30)), "claims 3221225472 bytes", codeCorrupt},
		{"error report of 3 GiB", lying(pduError, 3<<30), "claims 3221225472 bytes", -1},
		{"router key of 3 GiB", body(lying(pduRouterKey, 3<<30)), "claims 3221225472 bytes", codeCorrupt},
		{"header of length 0", body(lying(pduIPv4, 0)), "claims 0 bytes", codeCorrupt},
		{"other session at the end", body(endOfData(1, 10)), "began session 9 and ended session 10", codeCorrupt},
		{"version changes", body(endOfData(0, 9)), "version 1 to 0", codeOtherVersion},
		{"version 3", frame(3, pduCacheResponse, 9), "version 3", codeVersion},
		{"announced twice, IPv4", body(prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), prefixPDU(1, 1, "203.0.113.0/24", 24, 1), endOfData(1, 9)), "203.0.113.0/24 AS1 twice", codeDuplicate},
		{"announced twice, IPv6", body(prefixPDU(1, 1, "2001:db8::/32", 48, 1), prefixPDU(1, 1, "2001:db8::/32", 48, 1), endOfData(1, 9)), "2001:db8::/32-48 AS1 twice", codeDuplicate},
		{"version 255", frame(255, pduCacheResponse, 9), "version 255", codeVersion},
		{"router key in version 0", join(frame(0, pduCacheResponse, 9), frame(0, pduRouterKey, 0, make([]byte, 115)...)), "Router Key", codeUnsupported},
		{"ASPA in version 1", body(frame(1, 11, 0, make([]byte, 8)...)), "type 11", codeUnsupported},
		{"a query from the cache", frame(1, pduResetQuery, 0), "type 2", codeUnsupported},
		{"type 255", body(frame(1, 255, 0)), "type 255", codeUnsupported},
		{"data before the response", prefixPDU(1, 1, "192.0.2.0/24", 24, 1), "before any Cache Response", codeCorrupt},
		{"end before the response", endOfData(1, 9), "before any Cache Response", codeCorrupt},
		{"two responses", body(frame(1, pduCacheResponse, 9)), "middle of its answer", codeCorrupt},
		{"error report, inner length lies", frame(1, pduError, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), "contradict", -1},
		{"error report, text length lies", frame(1, pduError, 1, 0, 0, 0, 0, 0, 0, 0, 99, 'x'), "contradict", -1},
		{"error report, text longer than told", frame(1, pduError, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x', 'y'), "contradict", -1},
		{"error report of 8 bytes", frame(1, pduError, 1), "claims 8 bytes", -1},
		{"internal error", errorPDU(1, 1, frame(1, pduResetQuery, 0), "db \x1b[2Jdown"), `error 1 (internal error): "db [2Jdown"`, -1},
		{"error of the future", errorPDU(1, 99, nil, ""), "error 99", -1},
		{"error in the middle", body(errorPDU(1, 0, nil, "")), "corrupt data", -1},
		{"unsupported version in the middle", body(errorPDU(1, codeVersion, nil, "")), "unsupported protocol version", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeCache{answer: func(int, int, uint8) ([]byte, bool) { return tt.send, false }}
			s, err := fetch(t.Context(), f)
			if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "cache.test:8282") {
				t.Fatalf("%v, %v; want an error with %q", s, err, tt.want)
			}
			f.wg.Wait()
			code := -1
			if len(f.sent) == 1 && f.sent[0][1] == pduError {
				code = int(binary.BigEndian.Uint16(f.sent[0][2:]))
				var p pdu
				p.data = f.sent[0]
				var inner *cacheError
				if !errors.As(p.report(), &inner) || inner.text == "" {
					t.Errorf("the Error Report we sent is garbled: % x", f.sent[0])
				}
			}
			if code != tt.report || len(f.sent) > 1 {
				t.Errorf("the cache got %d frames, error code %d, want %d", len(f.sent), code, tt.report)
			}
		})
	}
}

// A connection cut after any byte gives no snapshot and no panic.
func TestRTRCut(t *testing.T) {
	whole := join(frame(1, pduCacheResponse, 9), frame(1, pduRouterKey, 0x0100, make([]byte, 115)...), good(1)[8:])
	for i := range len(whole) {
		f := &fakeCache{answer: func(int, int, uint8) ([]byte, bool) { return whole[:i], true }}
		s, err := fetch(t.Context(), f)
		if err == nil || s != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v, %v", i, s, err)
		}
		if n := f.conns.Load(); n > 2 {
			t.Fatalf("cut at %d: %d connections", i, n)
		}
	}
}

func TestRTRRefusals(t *testing.T) {
	// A cache that takes no version at all is asked once in each.
	f := &fakeCache{answer: func(_, _ int, v uint8) ([]byte, bool) { return errorPDU(v, codeVersion, nil, "no"), true }}
	if _, err := fetch(t.Context(), f); err == nil || !strings.Contains(err.Error(), "unsupported protocol version") || f.conns.Load() != 2 {
		t.Errorf("%v after %d connections", err, f.conns.Load())
	}
	f = &fakeCache{answer: always(frame(1, pduCacheReset, 0))}
	if _, err := fetch(t.Context(), f); !errors.Is(err, errCacheReset) || f.conns.Load() != 1 {
		t.Errorf("resets for ever: %v after %d connections", err, f.conns.Load())
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	_, err := NewRTR(func(context.Context, string, string) (net.Conn, error) { return nil, refused }, "x:1", nil, time.Now).Sync(t.Context())
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the network's own error must stay in sight: %v", err)
	}
}

func TestRTRNoData(t *testing.T) {
	noData := errorPDU(1, codeNoData, nil, "still validating")
	for name, tt := range map[string]struct {
		answer cacheAnswer
		ok     bool
		conns  int32
	}{
		"data at the third query": {func(_, q int, _ uint8) ([]byte, bool) {
			if q < 3 {
				return noData, false
			}
			return good(1), false
		}, true, 1},
		"hangs up after each refusal": {func(c, _ int, _ uint8) ([]byte, bool) {
			if c < 3 {
				return noData, true
			}
			return good(1), false
		}, true, 3},
		"never": {always(noData), false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeCache{answer: tt.answer}
				start := time.Now()
				s, err := fetch(t.Context(), f)
				if tt.ok && (err != nil || s.Len() != 2) || !tt.ok && (err == nil || !strings.Contains(err.Error(), "still validating")) {
					t.Errorf("%v, %v", s, err)
				}
				if took := time.Since(start); took > rtrNoData || took < time.Second || f.conns.Load() != tt.conns {
					t.Errorf("took %v and %d connections", took, f.conns.Load())
				}
			})
		})
	}
}

// Silent, dripping and endless caches end in bounded time, in a bubble whose
// clock runs by itself.
func TestRTRTime(t *testing.T) {
	part := good(1)[:30]
	for name, tt := range map[string]struct {
		serve func(c net.Conn)
		most  time.Duration
		want  string
	}{
		"accepts and is silent": {func(c net.Conn) {}, rtrIdle, "silent"},
		"stops in the middle":   {func(c net.Conn) { c.Write(part) }, rtrIdle, "silent"},
		"drips": {func(c net.Conn) {
			c.Write(frame(1, pduCacheResponse, 9))
			for one := range 1 << 20 {
				time.Sleep(20 * time.Second)
				if _, err := c.Write(prefixPDU(1, 1, "192.0.2.0/24", 24, uint32(one))); err != nil {
					return
				}
			}
		}, rtrTotal, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				defer wg.Wait()
				dial := func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					wg.Go(func() {
						io.ReadFull(server, make([]byte, 8))
						tt.serve(server)
						io.Copy(io.Discard, server)
						server.Close()
					})
					return client, nil
				}
				start := time.Now()
				s, err := NewRTR(dial, "x:1", nil, time.Now).Sync(t.Context())
				if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, %v; want %q", s, err, tt.want)
				}
				if took := time.Since(start); took > tt.most+time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestRTRCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeCache{answer: func(int, int, uint8) ([]byte, bool) {
		time.AfterFunc(20*time.Millisecond, cancel)
		return good(1)[:20], false
	}}
	if _, err := fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	cause := errors.New("night is over")
	ctx2, cancel2 := context.WithCancelCause(t.Context())
	cancel2(cause)
	if _, err := fetch(ctx2, f); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
