package probes_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/dnssec"
	"ready6/probes/lab"
	"ready6/probes/resolve"
)

// labValidator is what the dnssec command asks with.
func labValidator(t *testing.T, l *lab.Lab, out dial.Func, change func(*resolve.Config)) *dnssec.Validator {
	t.Helper()
	hints, err := resolve.ReadHints(strings.NewReader(l.Hints()))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := dnssec.ReadAnchors(strings.NewReader(l.Anchors()))
	if err != nil {
		t.Fatal(err)
	}
	c := resolve.Config{Dial: out, Hints: hints, Timeout: 300 * time.Millisecond, Now: l.Now}
	change(&c)
	return dnssec.New(resolve.New(c), anchors, l.Now)
}

// Every world has the same verdict whether the name is asked for label by label
// or as a whole.
func TestMinimisedVerdicts(t *testing.T) {
	seen := 0
	for _, world := range lab.Worlds() {
		w, err := lab.Open(world)
		if err != nil {
			t.Fatal(err)
		}
		l, err := lab.Start(w, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if _, err := dnssec.ReadAnchors(strings.NewReader(l.Anchors())); err != nil {
			continue // a world without an anchor has nothing to compare
		}
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			wants := l.Wants()
			for _, want := range wants[:min(len(wants), 4)] {
				var got [2]string
				for i, minimise := range []bool{false, true} {
					v := labValidator(t, l, l.Dial, func(c *resolve.Config) { c.Minimise = minimise })
					r := v.Validate(t.Context(), want.Host, dns.TypeAAAA)
					if len(r.Reasons) == 0 {
						t.Fatalf("%s: no reason", want.Host)
					}
					got[i] = fmt.Sprint(r.State, r.Rcode, r.Reasons[0].Code, r.Negative, r.Canonical, len(r.Answer))
				}
				if got[0] != got[1] {
					t.Errorf("%s: %s, minimised %s", want.Host, got[0], got[1])
				}
			}
		})
		seen++
	}
	if seen < 50 {
		t.Errorf("only %d worlds", seen)
	}
}

// roundTrips counts the packets of a question and, at a fixed delay for each, how
// many of them were in sequence. Its time is not the machine's, so that a busy one
// adds nothing.
func roundTrips(t *testing.T, name string, minimise bool) (rounds, packets int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, err := lab.Open("base")
		if err != nil {
			t.Fatal(err)
		}
		l, err := lab.Start(w, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		const delay = 100 * time.Millisecond
		var mu sync.Mutex
		far := func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := l.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &farConn{Conn: c, pc: c.(net.PacketConn), delay: delay, sent: func() { mu.Lock(); packets++; mu.Unlock() }}, nil
		}
		v := labValidator(t, l, far, func(c *resolve.Config) { c.Minimise, c.Timeout = minimise, 5*time.Second })
		began := time.Now()
		if r := v.Validate(t.Context(), name, dns.TypeAAAA); r.State != dnssec.Secure {
			t.Fatalf("%s: %s", name, r.State)
		}
		rounds = int(time.Since(began) / delay)
		time.Sleep(time.Second) // idle sockets close
	})
	return rounds, packets
}

// farConn delays each packet it sends, as a server far away would the reply.
type farConn struct {
	net.Conn
	pc    net.PacketConn
	delay time.Duration
	sent  func()
}

func (c *farConn) Write(b []byte) (int, error) {
	c.sent()
	time.Sleep(c.delay)
	return c.Conn.Write(b)
}
func (c *farConn) ReadFrom(b []byte) (int, net.Addr, error)  { return c.pc.ReadFrom(b) }
func (c *farConn) WriteTo(b []byte, a net.Addr) (int, error) { return c.pc.WriteTo(b, a) }

// A cold question through four zones is five round trips: one a zone for the
// question itself, DS records coming with the referrals, and one for the keys of
// all zones at once, the root's along the way. In packets: four, and a DNSKEY set
// a zone. A validator behind a resolver, such as delv, asks in sequence for the
// answer and for DNSKEY and DS of each zone: eight.
func TestRoundTrips(t *testing.T) {
	for _, minimise := range []bool{false, true} {
		rounds, packets := roundTrips(t, "www.tinh.gov.vn", minimise)
		if rounds > 5 || packets != 8 {
			t.Errorf("minimised %v: %d round trips, %d packets; want 5 and 8", minimise, rounds, packets)
		}
	}
}

// What delv does for the same name, counted at a proxy before a resolver that has
// everything: the measure that a cold question of ours is held to.
func TestRoundTripsOfDelv(t *testing.T) {
	delv, err := exec.LookPath("delv")
	if err != nil {
		t.Skip("delv is not installed")
	}
	w, err := lab.Open("base")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(w, lab.Options{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const delay = 100 * time.Millisecond
	proxy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	var packets atomic.Int32
	go relay(proxy, l.ResolverAddr().String(), delay, &packets)
	began := time.Now()
	_, port, _ := net.SplitHostPort(proxy.LocalAddr().String())
	out, err := exec.CommandContext(t.Context(), delv, "@127.0.0.1", "-p", port, "-a", delvAnchors(t, l), "+root=.", "www.tinh.gov.vn.", "AAAA").CombinedOutput()
	took := time.Since(began)
	if err != nil || !strings.Contains(string(out), "fully validated") {
		t.Fatalf("%v: %s", err, out)
	}
	theirs := int(took / delay)
	ours, sent := roundTrips(t, "www.tinh.gov.vn", false)
	t.Logf("delv: %d round trips, %d packets; ours, cold: %d and %d", theirs, packets.Load(), ours, sent)
	if ours > theirs+1 {
		t.Errorf("%d round trips, delv needs %d", ours, theirs)
	}
}

// relay passes datagrams on to a resolver and the replies back, late.
func relay(c net.PacketConn, resolver string, delay time.Duration, packets *atomic.Int32) {
	buf := make([]byte, 65535)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		packets.Add(1)
		query := bytes.Clone(buf[:n])
		go func() {
			up, err := net.Dial("udp", resolver)
			if err != nil {
				return
			}
			defer up.Close()
			time.Sleep(delay)
			_ = up.SetDeadline(time.Now().Add(5 * time.Second))
			reply := make([]byte, 65535)
			if _, err := up.Write(query); err == nil {
				if n, err := up.Read(reply); err == nil {
					_, _ = c.WriteTo(reply[:n], from)
				}
			}
		}()
	}
}

// delvAnchors writes the lab's anchors to a file in BIND's form.
func delvAnchors(t *testing.T, l *lab.Lab) string {
	var b strings.Builder
	anchors, err := dnssec.ReadAnchors(strings.NewReader(l.Anchors()))
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range anchors {
		if ds, ok := rr.(*dns.DS); ok {
			fmt.Fprintf(&b, "trust-anchors { %s static-ds %d %d %d %q; };\n", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
		}
	}
	path := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
