package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

// TestStreamIsConn holds the in-memory TCP against the rules of net.Conn.
func TestStreamIsConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := newStream(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2})
		return a, b, func() { a.Close(); b.Close() }, nil
	})
}

func TestStreamEnds(t *testing.T) {
	pair := func() (*stream, *stream) { return newStream(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2}) }
	a, b := pair()
	io.WriteString(a, "last words")
	a.Close()
	if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
		t.Errorf("after Close the peer reads %q, %v", got, err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing to a closed peer: %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed conn: %v", err)
	}
	a, b = pair()
	io.WriteString(a, "lost words")
	a.abort()
	if got, err := io.ReadAll(b); len(got) != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset the peer reads %q, %v", got, err)
	}
	a, b = pair()
	a.CloseWrite()
	if _, err := io.ReadAll(b); err != nil {
		t.Errorf("after a FIN: %v", err)
	}
	io.WriteString(b, "still")
	got := make([]byte, 5)
	if _, err := io.ReadFull(a, got); err != nil || string(got) != "still" {
		t.Errorf("after its own FIN: %q, %v", got, err)
	}
	a, b = pair()
	b.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := a.Write(make([]byte, 2*streamBuffer)); n != streamBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a full buffer took %d: %v", n, err)
	}
}

// TestBubble runs a world in a synctest bubble: signed for the bubble's clock,
// and waiting for the dead costs no time.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := Parse([]byte(with("b.root.lab dns 2001:db8:1:1::53!drop")))
		if err != nil {
			t.Fatal(err)
		}
		l, err := Start(w, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if y := l.Now().Year(); y != 2000 {
			t.Errorf("the bubble's year is %d", y)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, "tcp", "[2001:db8:1:1::53]:53"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if r, _, err := get(l, "[2001:db8:8000::80]:443", "www.tinh.gov.vn", "/", time.Second); err != nil || r.StatusCode != 200 {
			t.Errorf("the web in a bubble: %v", err)
		}
	})
}
