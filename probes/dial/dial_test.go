package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ready6/probes/verdict"
)

func TestSpecial(t *testing.T) {
	for _, c := range []struct {
		addr    string
		special bool
	}{
		{"8.8.8.8", false}, {"203.162.0.1", false}, {"1.1.1.1", false},
		{"0.0.0.0", true}, {"10.1.2.3", true}, {"100.64.0.1", true}, {"127.0.0.1", true},
		{"169.254.169.254", true}, {"172.31.255.255", true}, {"172.32.0.0", false},
		{"192.0.0.1", true}, {"192.0.0.9", false}, {"192.0.0.170", true}, {"192.0.0.171", true},
		{"192.0.2.1", true}, {"192.31.196.1", false}, {"192.88.99.1", true}, {"192.168.1.1", true},
		{"198.18.0.1", true}, {"198.51.100.7", true}, {"203.0.113.9", true},
		{"224.0.0.1", true}, {"239.255.255.255", true}, {"240.0.0.1", true}, {"255.255.255.255", true},
		{"2001:dc8::1", false}, {"2405:4800::1", false}, {"2606:4700::1111", false},
		{"::", true}, {"::1", true}, {"::8.8.8.8", true}, {"::ffff:8.8.8.8", true},
		{"64:ff9b::808:808", true}, {"64:ff9b:1::1", true}, {"100::1", true}, {"100:0:0:1::1", true},
		{"2001::1", true}, {"2001:1::1", false}, {"2001:1::4", true}, {"2001:2::1", true},
		{"2001:3::1", false}, {"2001:4:112::1", false}, {"2001:10::1", true}, {"2001:1ff::1", true},
		{"2001:200::1", false}, {"2001:db8::1", true}, {"2002:808:808::1", true},
		{"2620:4f:8000::1", false}, {"3fff::1", true}, {"3fff:1000::1", false}, {"4000::1", true},
		{"5f00::1", true}, {"fc00::1", true}, {"fd12::1", true}, {"fe80::1", true},
		{"fe80::1%eth0", true}, {"fec0::1", true}, {"ff02::1", true}, {"ff0e::1", true},
	} {
		name, special := Special(netip.MustParseAddr(c.addr))
		if special != c.special || special != (name != "") {
			t.Errorf("Special(%s) = %q, %v; want %v", c.addr, name, special, c.special)
		}
	}
	if _, special := Special(netip.Addr{}); !special {
		t.Error("the zero address is not special")
	}
}

func TestRegistryWhole(t *testing.T) {
	for text, want := range map[string]int{specialIPv4: 26, specialIPv6: 25} {
		b, err := parseRegistry(text)
		if err != nil || len(b) != want {
			t.Errorf("got %d blocks, %v; want %d", len(b), err, want)
		}
	}
	if _, err := parseRegistry("a,b\n"); err == nil {
		t.Error("a foreign header was taken")
	}
}

func TestGuard(t *testing.T) {
	dialled := errors.New("dialled")
	next := func(context.Context, string, string) (net.Conn, error) { return nil, dialled }
	open := Guard(next, netip.MustParsePrefix("2001:db8:53::/48"), netip.MustParsePrefix("127.0.0.0/8"))
	for _, c := range []struct {
		address string
		pass    bool
	}{
		{"[2606:4700::1111]:443", true}, {"8.8.8.8:53", true},
		{"[2001:db8:53::1]:53", true}, {"[2001:db8:54::1]:53", false},
		{"127.0.0.1:80", true}, {"[::ffff:127.0.0.1]:80", false}, {"[::ffff:8.8.8.8]:80", false},
		{"169.254.169.254:80", false}, {"localhost:80", false}, {"example.com:80", false},
		{"8.8.8.8", false}, {"8.8.8.8:http", false}, {"8.8.8.8:70000", false}, {":80", false}, {"", false},
		{"[fe80::1%lo]:80", false}, {"0x7f.1:80", false}, {"2130706433:80", false}, {"010.0.0.1:80", false},
	} {
		_, err := open(t.Context(), "tcp", c.address)
		var refused *Refused
		if got := errors.Is(err, dialled); got != c.pass || (!c.pass && !errors.As(err, &refused)) {
			t.Errorf("%q: %v; want pass %v", c.address, err, c.pass)
		}
	}
}

func op(what string, errno syscall.Errno) error {
	return &net.OpError{Op: what, Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

func TestClassify(t *testing.T) {
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name string
		err  error
		want verdict.Cause
	}{
		{"nil", nil, ""},
		{"refused", op("dial", syscall.ECONNREFUSED), verdict.Refused},
		{"wrapped", fmt.Errorf("x: %w", op("dial", syscall.ECONNREFUSED)), verdict.Refused},
		{"port unreachable on UDP", op("read", syscall.ECONNREFUSED), verdict.Refused},
		{"reset", op("read", syscall.ECONNRESET), verdict.Reset},
		{"broken pipe", op("write", syscall.EPIPE), verdict.Reset},
		{"eof", io.EOF, verdict.Reset},
		{"half a message", io.ErrUnexpectedEOF, verdict.Reset},
		{"no local route", op("dial", syscall.ENETUNREACH), verdict.NoFamily},
		{"no local address", op("dial", syscall.EADDRNOTAVAIL), verdict.NoFamily},
		{"family off", op("dial", syscall.EAFNOSUPPORT), verdict.NoFamily},
		{"ICMP no route, open conn", op("read", syscall.ENETUNREACH), verdict.Unreachable},
		{"ICMP no route, dialling", &farUnreachable{op("dial", syscall.ENETUNREACH)}, verdict.Unreachable},
		{"ICMP host", op("dial", syscall.EHOSTUNREACH), verdict.Unreachable},
		{"ICMPv6 prohibited", op("dial", syscall.EACCES), verdict.Unreachable},
		{"kernel timeout", op("dial", syscall.ETIMEDOUT), verdict.Timeout},
		{"conn deadline", &net.OpError{Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded}, verdict.Timeout},
		{"out of files", op("dial", syscall.EMFILE), verdict.OverBudget},
		{"guard", &Refused{"[::1]:80", "Loopback"}, verdict.Forbidden},
		{"limit", &Exhausted{"x", context.DeadlineExceeded}, verdict.OverBudget},
		{"context over", expired.Err(), verdict.Deadline},
		{"context over, wrapped", fmt.Errorf("x: %w", expired.Err()), verdict.Deadline},
		{"joined", errors.Join(io.ErrNoProgress, context.DeadlineExceeded), verdict.Deadline},
		{"cancelled", cancelled.Err(), verdict.Cancelled},
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, verdict.OtherCause},
		{"name server silent", &net.DNSError{Err: "i/o timeout", IsTimeout: true}, verdict.Timeout},
		{"unknown number", op("dial", syscall.EDOM), verdict.OtherCause},
		{"anything", errors.New("x"), verdict.OtherCause},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("%s: Classify(%v) = %q, want %q", c.name, c.err, got, c.want)
		}
	}
}

// What the real stack returns, on loopback only.
func TestClassifyReal(t *testing.T) {
	sys := System()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	c, err := sys(t.Context(), "tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); Classify(err) != verdict.Timeout {
		t.Errorf("deadline: %v is %q", err, Classify(err))
	}
	_ = c.SetReadDeadline(time.Time{})
	_ = peer.(*net.TCPConn).SetLinger(0)
	_ = peer.Close()
	if _, err := c.Read(make([]byte, 1)); Classify(err) != verdict.Reset {
		t.Errorf("reset: %v is %q", err, Classify(err))
	}
	_ = c.Close()
	_ = l.Close()
	if _, err := sys(t.Context(), "tcp4", addr); Classify(err) != verdict.Refused {
		t.Errorf("closed port: %v is %q", err, Classify(err))
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := sys(ctx, "tcp4", addr); Classify(err) != verdict.Timeout {
		t.Errorf("dial out of time: %v is %q", err, Classify(err))
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	if _, err := sys(done, "tcp4", addr); Classify(err) != verdict.Cancelled {
		t.Errorf("dial cancelled: %v is %q", err, Classify(err))
	}
}

// pair is an in-memory Func; it counts how many connections are open at once.
type pair struct{ open, most atomic.Int32 }

type counted struct {
	net.Conn
	p *pair
}

func (c counted) Close() error { c.p.open.Add(-1); return c.Conn.Close() }

func (p *pair) dial(context.Context, string, string) (net.Conn, error) {
	n := p.open.Add(1)
	for m := p.most.Load(); n > m && !p.most.CompareAndSwap(m, n); m = p.most.Load() {
	}
	a, b := net.Pipe()
	_ = b.Close()
	return counted{a, p}, nil
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		perAddr, perNet, total, addrs, want int
	}{{2, 0, 0, 1, 2}, {0, 0, 3, 5, 3}, {2, 0, 5, 10, 5}, {1, 0, 50, 4, 4}, {2, 7, 50, 10, 7}, {0, 5, 0, 60, 5}} {
		synctest.Test(t, func(t *testing.T) {
			var p pair
			d := Limit(p.dial, Limits{PerAddress: c.perAddr, PerNetwork: c.perNet, Total: c.total})
			var wg sync.WaitGroup
			for i := range 60 {
				wg.Go(func() {
					conn, err := d(t.Context(), "tcp", fmt.Sprintf("[2001:db8::%x]:%d", i%c.addrs, i))
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Second)
					_ = conn.Close()
					_ = conn.Close() // a second Close must not free a second slot
				})
			}
			wg.Wait()
			if got := int(p.most.Load()); got != c.want {
				t.Errorf("%+v: %d connections at once", c, got)
			}
		})
	}
}

func TestLimitWaitsInContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pair
		d := Limit(p.dial, Limits{PerAddress: 1})
		first, err := d(t.Context(), "tcp", "192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d(short, "tcp", "192.0.2.1:2"); Classify(err) != verdict.OverBudget {
			t.Errorf("waited too long: %v", err)
		}
		stopped, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if _, err := d(stopped, "tcp", "192.0.2.1:2"); Classify(err) != verdict.Cancelled {
			t.Errorf("cancelled while waiting: %v", err)
		}
		_ = first.Close()
		again, err := d(t.Context(), "tcp", "192.0.2.1:2")
		if err != nil {
			t.Fatal("the slot was not given back: ", err)
		}
		_ = again.Close()
	})
}

func TestLimitGivesBackAfterFailure(t *testing.T) {
	d := Limit(func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }, Limits{1, 1, 1, nil})
	for range 3 {
		if _, err := d(t.Context(), "tcp", "192.0.2.1:1"); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
}

func TestLimitKeepsPacketConn(t *testing.T) {
	c, err := Limit(System(), Limits{1, 1, 1, nil})(t.Context(), "udp4", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(net.PacketConn); !ok {
		t.Error("a UDP connection lost its net.PacketConn")
	}
	s, err := Limit((&pair{}).dial, Limits{1, 1, 1, nil})(t.Context(), "tcp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, ok := s.(net.PacketConn); ok {
		t.Error("a stream became a net.PacketConn")
	}
}

func FuzzSpecial(f *testing.F) {
	for _, s := range []string{"::1", "8.8.8.8", "2001:db8::1", "fe80::1%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return
		}
		name, special := Special(a)
		if special != (name != "") {
			t.Errorf("%s: %q, %v", s, name, special)
		}
		// The standard library's own notion must never be wider than ours.
		if !special && (!a.IsGlobalUnicast() || a.IsPrivate() || a.Is4In6()) {
			t.Errorf("%s passes as a public address", s)
		}
	})
}
