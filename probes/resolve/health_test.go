package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

func TestLossIsNotMissingEDNS(t *testing.T) {
	for lost := range 5 {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			a := zones(t, xText)
			var count atomic.Int32
			n.put(func(q *dns.Msg, tcp bool) []byte {
				if q.IsEdns0() == nil {
					t.Logf("lost %d: asked without EDNS", lost)
				}
				if int(count.Add(1)) <= lost {
					return nil
				}
				return a.handle(q, tcp)
			}, "192.0.2.14")
			n.put(zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.14\n").handle, "192.0.2.2")
			r := n.resolver(v4)
			if m := want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1"); m != nil && m.IsEdns0() == nil {
				t.Errorf("%d lost: the answer came without EDNS", lost)
			}
		})
	}
}

// An answer without EDNS is told to come after silence to questions with it, even if
// the time for which that was believed ends while it is on its way: a signed zone must
// not look unsigned for those few that are asked just then.
func TestDeafnessEndsWhileAsked(t *testing.T) {
	for name, query := range map[string]func(context.Context, *Resolver) (*dns.Msg, error){
		"query": func(ctx context.Context, r *Resolver) (*dns.Msg, error) { return r.Query(ctx, "www.v4.vn", dns.TypeA) },
		"retry": func(ctx context.Context, r *Resolver) (*dns.Msg, error) {
			return r.Retry(ctx, "ns.v4.vn", dns.TypeTXT, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				a := zones(t, "v4.vn.\n@ NS ns\nns A 192.0.2.14\nwww AAAA 2001:db8:80::3\nwww A 192.0.2.80\n")
				n.put(func(q *dns.Msg, tcp bool) []byte {
					if q.IsEdns0() != nil {
						return nil
					}
					return a.handle(q, tcp)
				}, "192.0.2.14")
				r := n.resolver(v4)
				want(t, r, "www.v4.vn", dns.TypeAAAA, "2001:db8:80::3")
				n.slow(300*time.Millisecond, "192.0.2.14")
				time.Sleep(time.Until(r.serverAt(netip.MustParseAddr("192.0.2.14")).deafUntil) - 100*time.Millisecond)
				m, err := query(t.Context(), r)
				if err != nil || m == nil {
					t.Fatalf("%v, %v", m, err)
				}
				if opt := m.IsEdns0(); opt == nil || len(opt.Option) != 1 || opt.Option[0].Option() != dns.EDNS0EDE {
					t.Errorf("silence to EDNS is not told: %v", opt)
				}
			})
		})
	}
}

func TestNoFamilyHere(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		no6 := func(ctx context.Context, network, address string) (net.Conn, error) {
			if netip.MustParseAddrPort(address).Addr().Is6() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
			}
			return n.dial(ctx, network, address)
		}
		want(t, n.resolver(func(c *Config) { c.Dial = no6 }), "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		f := failure(t, n.resolver(v6, func(c *Config) { c.Dial = no6 }), "www.x.vn", dns.TypeAAAA)
		if f.Cause != verdict.NoFamily || f.V4Only || f.Gap != NoGap || f.Zone != "." {
			t.Errorf("a vantage without IPv6 blames %+v", f)
		}
	})
}

func TestCoalescing(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		for a := range n.at {
			n.delay[a] = 20 * time.Millisecond
		}
		r := n.resolver(v4)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1") })
			wg.Go(func() {
				if _, err := r.Query(t.Context(), fmt.Sprintf("h%d.x.vn", i), dns.TypeA); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		root, vn, x := n.packets("192.0.2.1 "), n.packets("192.0.2.2 "), n.packets("192.0.2.11 ")+n.packets("192.0.2.12 ")
		if root != 1 || vn != 1 || x != 101 {
			t.Errorf("%d, %d, %d packets to root, vn, x.vn; want 1, 1, 101", root, vn, x)
		}
	})
}

func TestNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		r := n.resolver(v4)
		for range 5 {
			want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
			want(t, r, "none.x.vn", dns.TypeMX)
		}
		if len(n.log) != 4 {
			t.Errorf("%d packets: %q", len(n.log), n.log)
		}
	})
}

func TestCancellation(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(func(*dns.Msg, bool) []byte { return nil }, "192.0.2.11", "192.0.2.12")
		r := n.resolver(v4)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		began := time.Now()
		_, err := r.Query(ctx, "www.x.vn", dns.TypeA)
		var f *Failure
		if !errors.As(err, &f) || f.Cause != verdict.Cancelled || !errors.Is(err, context.Canceled) || time.Since(began) > 301*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if n.open != 0 {
			t.Errorf("%d connections open right after", n.open)
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := r.Query(short, "www.x.vn", dns.TypeA); !errors.As(err, &f) || f.Cause != verdict.Deadline {
			t.Errorf("%v", err)
		}
		// One who leaves does not take the others' answer along.
		n.put(zones(t, xText).handle, "192.0.2.11", "192.0.2.12")
		n.slow(time.Second, "192.0.2.11", "192.0.2.12")
		early, leave := context.WithCancel(t.Context())
		go func() { _, _ = r.Query(early, "www.x.vn", dns.TypeAAAA) }()
		synctest.Wait()
		time.AfterFunc(100*time.Millisecond, leave)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
	})
}

func TestDeadServer(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		vn := "vn.\n"
		for i := range 50 {
			vn += fmt.Sprintf("z%d NS ns.z%d\nns.z%d A 192.0.2.99\n", i, i, i)
		}
		vn += "half NS a.half\nhalf NS b.half\na.half A 192.0.2.99\nb.half A 192.0.2.20\n"
		n.put(zones(t, vn).handle, "192.0.2.2")
		n.put(zones(t, "half.vn.\nwww A 192.0.2.80\n").handle, "192.0.2.20")
		r := n.resolver(v4)
		began := time.Now()
		if f := failure(t, r, "www.z0.vn", dns.TypeA); f.Cause != verdict.Timeout || f.Zone != "z0.vn." {
			t.Errorf("%+v", f)
		}
		failure(t, r, "www.z1.vn", dns.TypeA)
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("two names took %v", d)
		}
		sent := n.packets("192.0.2.99")
		began = time.Now()
		for i := range 48 {
			if f := failure(t, r, fmt.Sprintf("www.z%d.vn", i+2), dns.TypeA); f.Cause != verdict.Timeout {
				t.Errorf("%+v", f)
			}
		}
		if d, k := time.Since(began), n.packets("192.0.2.99")-sent; d > time.Second || k > 4 {
			t.Errorf("48 further names took %v, %d packets", d, k)
		}
		want(t, r, "www.half.vn", dns.TypeA, "192.0.2.80")
		// It comes back.
		back := zones(t, "z3.vn.\nwww A 192.0.2.81\n")
		n.put(back.handle, "192.0.2.99")
		time.Sleep(2 * time.Minute)
		want(t, r, "www.z3.vn", dns.TypeA, "192.0.2.81")
	})
}

func TestSilentForOneZone(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		n.put(zones(t, "vn.\na NS ns.a\nns.a A 192.0.2.20\nb NS ns.b\nns.b A 192.0.2.20\n").handle, "192.0.2.2")
		both := zones(t, "a.vn.\nwww A 192.0.2.80\n", "b.vn.\nwww A 192.0.2.81\nftp A 192.0.2.82\n")
		n.put(func(q *dns.Msg, tcp bool) []byte {
			if within(q.Question[0].Name, "a.vn.") {
				return nil
			}
			return both.handle(q, tcp)
		}, "192.0.2.20")
		r := n.resolver(v4)
		want(t, r, "www.b.vn", dns.TypeA, "192.0.2.81")
		failure(t, r, "www.a.vn", dns.TypeA)
		failure(t, r, "ftp.a.vn", dns.TypeA)
		want(t, r, "ftp.b.vn", dns.TypeA, "192.0.2.82")
	})
}

func TestLoss(t *testing.T) {
	for seed := range 3 {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			for a, h := range n.at {
				n.delay[a] = 200 * time.Millisecond
				var count atomic.Int32
				count.Store(int32(seed))
				n.at[a] = func(q *dns.Msg, tcp bool) []byte {
					if count.Add(1)%4 == 0 && !tcp {
						return nil
					}
					return h(q, tcp)
				}
			}
			r := n.resolver()
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					if m, err := r.Query(t.Context(), fmt.Sprintf("h%d.x.vn", i), dns.TypeA); err != nil || m.Rcode != dns.RcodeNameError || m.IsEdns0() == nil {
						t.Error(m, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// With nothing reachable the answer comes in bounded time, and blames the root.
func TestNobodyThere(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		r := n.resolver(func(c *Config) { c.Hints = nil })
		began := time.Now()
		f := failure(t, r, "www.x.vn", dns.TypeA)
		if d := time.Since(began); d > 30*time.Second || len(n.log) > 100 || f.Zone != "." || f.Cause != verdict.Timeout {
			t.Errorf("%v, %d packets, %+v", d, len(n.log), f)
		}
		began = time.Now()
		failure(t, r, "www.y.vn", dns.TypeA)
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("again: %v", d)
		}
	})
}

func TestDefectIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		r := n.resolver(func(c *Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { panic("oh") }
		})
		if f := failure(t, r, "www.x.vn", dns.TypeA); f.Cause != verdict.Panicked {
			t.Errorf("%+v", f)
		}
	})
}
