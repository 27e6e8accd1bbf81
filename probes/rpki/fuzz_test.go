package rpki

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// scripted is a connection whose other end has said everything already.
type scripted struct{ *bytes.Reader }

func (scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (scripted) Close() error                     { return nil }
func (scripted) LocalAddr() net.Addr              { return nil }
func (scripted) RemoteAddr() net.Addr             { return nil }
func (scripted) SetDeadline(time.Time) error      { return nil }
func (scripted) SetReadDeadline(time.Time) error  { return nil }
func (scripted) SetWriteDeadline(time.Time) error { return nil }

func FuzzRTR(f *testing.F) {
	f.Add(good(1))
	f.Add(good(0))
	f.Add(join(frame(1, pduCacheResponse, 9), frame(1, pduRouterKey, 0, make([]byte, 115)...), endOfData(1, 9)))
	f.Add(errorPDU(1, 1, frame(1, pduResetQuery, 0), "text"))
	f.Add(errorPDU(0, codeVersion, nil, ""))
	f.Add(join(frame(1, pduSerialNotify, 9, 0, 0, 0, 1), frame(1, pduCacheReset, 0), good(1)))
	f.Fuzz(func(t *testing.T, said []byte) {
		dial := func(context.Context, string, string) (net.Conn, error) { return scripted{bytes.NewReader(said)}, nil }
		// Waiting for a cache that has no data yet is tested elsewhere.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s, err := NewRTR(dial, "x:1", nil, func() time.Time { return syncTime }).Sync(ctx)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
		checkSnapshot(t, s)
		// Frame by frame, nothing is taken that a frame does not hold.
		for br := bufio.NewReaderSize(bytes.NewReader(said), maxErrorPDU); ; {
			p, err := readPDU(br)
			if err != nil {
				return
			}
			if len(p.data) < headerLen || len(p.data) > len(said) {
				t.Fatalf("frame of %d bytes out of %d", len(p.data), len(said))
			}
		}
	})
}

// FuzzRTRUpdate lets a cache say anything to a client that has data already: it
// ends with a sound set or with none, and what is kept is what was given last.
func FuzzRTRUpdate(f *testing.F) {
	response := frame(1, pduCacheResponse, 9)
	f.Add(join(response, prefixPDU(1, 0, "192.0.2.0/24", 28, 64500), prefixPDU(1, 1, "192.0.2.0/24", 24, 64500), end(9, 8)))
	f.Add(join(response, prefixPDU(1, 1, "192.0.2.0/24", 28, 64500), end(9, 8)))
	f.Add(join(frame(1, pduCacheReset, 0), good(1)))
	f.Add(join(frame(2, pduCacheResponse, 9), frame(2, pduASPA, 0x0100, 0, 0, 0, 1, 0, 0, 0, 2), endOfData(2, 9)))
	f.Fuzz(func(t *testing.T, said []byte) {
		next := first()
		dial := func(context.Context, string, string) (net.Conn, error) { return scripted{bytes.NewReader(next)}, nil }
		c := NewRTR(dial, "x:1", nil, func() time.Time { return syncTime })
		old, err := c.Sync(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		next = said
		// Nobody waits here for a cache that has no data yet.
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		s, err := c.Sync(ctx)
		if (s == nil) == (err == nil) || s != nil && c.Kept() != s || s == nil && c.Kept() != nil && c.Kept() != old {
			t.Fatalf("%v, %v, kept %v", s, err, c.Kept())
		}
		checkSnapshot(t, s)
		checkSnapshot(t, old)
	})
}

// checkSnapshot holds whatever was read to what a VRP is.
func checkSnapshot(t *testing.T, s *Snapshot) {
	n := 0
	for v := range s.All() {
		n++
		if fault := v.fault(); fault != "" {
			t.Fatalf("%v: %s", v, fault)
		}
		if got := s.Validate(v.Prefix, From(v.ASN)); got.State() != Valid && v.ASN != 0 {
			t.Fatalf("%v: does not validate its own route: %v", v, got.State())
		}
	}
	if n != s.Len() {
		t.Fatalf("%d VRPs of %d", n, s.Len())
	}
}

func FuzzVRPs(f *testing.F) {
	for _, text := range vrpFiles {
		f.Add([]byte(text))
	}
	f.Add(packed(f, []byte(rpkiClientCSV)))
	f.Add([]byte(`{"roas":[],"x":[{"y":"\u00e9\ud83d\ude00\n"},-1.5e+3,true,null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadVRPs(bytes.NewReader(text), "x")
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
		checkSnapshot(t, s)
		if err != nil || !json.Valid(text) {
			return
		}
		// encoding/json must see the same list, where it can.
		var doc struct {
			Roas []struct {
				Prefix netip.Prefix `json:"prefix"`
			} `json:"roas"`
		}
		if json.Unmarshal(text, &doc) == nil && s.Len() > len(doc.Roas) && bytes.Count(text, []byte("roas")) == 1 {
			t.Fatalf("%d VRPs of %d entries", s.Len(), len(doc.Roas))
		}
	})
}

// FuzzLexer compares what is taken as JSON with encoding/json's judgement.
func FuzzLexer(f *testing.F) {
	for _, text := range []string{`{}`, `[1,-0.5e-7,"a\u0041\ud83d\ude00\ud83d",{"b":[null,true,false]}]`, `"x"`, ` [ ] `, `[01]`, `{"a":}`, "[\"\\\"\"]\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = slices.Concat([]byte("["), text, []byte("]")) // a bare number has no end here
		l := newLexer(bytes.NewReader(text), "x")
		err := l.skip(0)
		if err == nil {
			err = l.finish()
		}
		if want := json.Valid(text); want != (err == nil) && len(text) < 60 {
			t.Fatalf("%q: %v, encoding/json says %v", text, err, want)
		}
		var list []string
		if json.Unmarshal(text, &list) != nil || bytes.Contains(text, []byte("null")) || !json.Valid(text) {
			return
		}
		l = newLexer(bytes.NewReader(text), "x")
		var got []string
		if err := l.array(func() error {
			s, err := l.str()
			got = append(got, string(bytes.ToValidUTF8(s, nil)))
			return err
		}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if len(got) != len(list) {
			t.Fatalf("%q: %q, want %q", text, got, list)
		}
		for i := range got {
			if bytes.IndexFunc(text, func(r rune) bool { return r == 0xfffd }) < 0 && got[i] != list[i] {
				t.Fatalf("%q: %q, want %q", text, got[i], list[i])
			}
		}
	})
}

func FuzzMRT(f *testing.F) {
	f.Add(sampleDump(f))
	f.Add(record(13, 1, 1, 2, 3, 4, 0, 0, 0, 0))
	f.Add(record(12, 1, make([]byte, 22)...))
	f.Fuzz(func(t *testing.T, dump []byte) {
		r, err := ReadMRT(bytes.NewReader(dump), "x", netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
		checkTable(t, r, err)
		if r == nil {
			return
		}
		for w := range r.paths {
			entries, hops := r.Paths(w.prefix, From(ASN(w.origin)))
			if entries == 0 || !slices.ContainsFunc(r.CoveringPrefix(w.prefix), func(x Route) bool { return x.Prefix == w.prefix && x.Origin == From(ASN(w.origin)) }) {
				t.Fatalf("%d paths to %v, which is not in the table", entries, w)
			}
			for _, h := range hops {
				if h.Peers < 1 || h.Upstream > h.Peers || h.Peers > entries {
					t.Fatalf("%v: %+v of %d", w, h, entries)
				}
			}
		}
	})
}

func FuzzRISWhois(f *testing.F) {
	f.Add([]byte("% comment\n64500\t192.0.2.0/24\t300\n{1,2}\t2001:db8::/32\t2\n"))
	f.Add([]byte("AS1 ::/0 4294967295"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadRoutes(bytes.NewReader(text), "x")
		if r == nil && err != nil {
			return // not even opened
		}
		checkTable(t, r, err)
	})
}

func checkTable(t *testing.T, r *Routes, err error) {
	if r == nil {
		if err == nil {
			t.Fatal("neither table nor error")
		}
		return
	}
	if r.Source().Partial != (err != nil) {
		t.Fatalf("partial %v, %v", r.Source().Partial, err)
	}
	for p, group := range r.idx.all() {
		if p != p.Masked() || len(group) == 0 {
			t.Fatalf("%v with %d origins", p, len(group))
		}
		for _, s := range group {
			if s.kind > localOrigin || s.kind != knownOrigin && s.asn != 0 {
				t.Fatalf("%v: %+v", p, s)
			}
		}
		if got := r.Covering(p.Addr()); len(got) < len(group) {
			t.Fatalf("%v is not found again", p)
		}
	}
}
