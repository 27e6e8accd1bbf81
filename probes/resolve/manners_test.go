package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// TestWaitingIsNoSilence: many questions to one slowly asked server wait for their
// turn; none is sent twice for it, none fails, and the server is not taken for dead.
func TestWaitingIsNoSilence(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		const names = 200
		r := n.resolver(func(c *Config) { c.Pace = dial.NewPace(dial.Rates{PerAddress: 5}, nil) })
		var wg sync.WaitGroup
		began := time.Now()
		for i := range names {
			wg.Go(func() {
				m, err := r.Query(context.Background(), fmt.Sprintf("n%d.x.vn.", i), dns.TypeAAAA)
				if err != nil || m.Rcode != dns.RcodeNameError {
					t.Errorf("n%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took < 5*time.Second {
			t.Errorf("took %v: nothing waited", took)
		}
		if sent := n.packets(); sent > names+10 { // a few lead down from the root
			t.Errorf("%d questions were sent for %d names", sent, names)
		}
	})
}

// TestOptedOutNames: nobody is asked about a name on the list, nor is a server of
// such a name asked about others.
func TestOptedOutNames(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		listed := ""
		r := n.resolver(func(c *Config) {
			c.OptedOut = func(name string) string {
				if listed != "" && dns.IsSubDomain(listed, name) {
					return listed
				}
				return ""
			}
		})
		listed = "x.vn."
		f := failure(t, r, "www.x.vn.", dns.TypeAAAA)
		if f.Cause != verdict.OptedOut || n.packets() != 0 {
			t.Errorf("%q after %d packets", f.Cause, n.packets())
		}
		if len(f.Evidence) == 0 || !strings.Contains(f.Evidence[0].Answer, "opt-out list has x.vn.") {
			t.Errorf("evidence: %v", f.Evidence)
		}
		listed = "."
		if f := failure(t, n.resolver(func(c *Config) { c.OptedOut = func(string) string { return "." } }), "www.x.vn.", dns.TypeA); f.Cause != verdict.OptedOut || n.packets() != 0 {
			t.Errorf("everybody: %q after %d packets", f.Cause, n.packets())
		}
	})
}

// TestContact: who asks is told in an option beside the cookie, and dropped where
// a server refuses, or is silent to, what it does not know.
func TestContact(t *testing.T) {
	const who = "https://example.vn/scan"
	contact := func(q *dns.Msg) string {
		if opt := q.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if l, ok := o.(*dns.EDNS0_LOCAL); ok && l.Code == contactCode {
					return string(l.Data)
				}
			}
		}
		return ""
	}
	for _, refuse := range []string{"", "FORMERR", "silence"} {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			var mu sync.Mutex
			with, without := 0, 0
			for at, next := range n.at {
				n.at[at] = func(q *dns.Msg, tcp bool) []byte {
					mu.Lock()
					defer mu.Unlock()
					switch said := contact(q); {
					case said == "":
						without++
					case said != who:
						t.Errorf("it says %q", said)
					default:
						with++
						if refuse == "silence" {
							return nil
						}
						if refuse == "FORMERR" {
							m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
							return pack1(m)
						}
					}
					return next(q, tcp)
				}
			}
			r := n.resolver(func(c *Config) { c.Contact = who })
			if _, err := r.Query(context.Background(), "www.x.vn.", dns.TypeAAAA); err != nil {
				t.Errorf("%s: %v", refuse, err)
			}
			mu.Lock() // a try that was not waited for may still be under way
			defer mu.Unlock()
			if with == 0 || (without > 0) != (refuse != "") {
				t.Errorf("%s: %d questions with, %d without", refuse, with, without)
			}
		})
	}
}

// TestNeedlessTruncation: a truncated reply whose whole would have fitted slows
// the questions down; one that had to be truncated does not.
func TestNeedlessTruncation(t *testing.T) {
	for _, needless := range []bool{true, false} {
		bubble(t, func(t *testing.T, n *fakeNet) {
			plainWorld(t, n)
			for at, next := range n.at {
				n.at[at] = func(q *dns.Msg, tcp bool) []byte {
					m := new(dns.Msg)
					if err := m.Unpack(next(q, tcp)); err != nil {
						t.Error(err)
					}
					switch {
					case !tcp:
						m.Truncated, m.Answer, m.Ns = true, nil, nil
					case !needless:
						for range 10 {
							m.Extra = append(m.Extra, &dns.TXT{Hdr: dns.RR_Header{Name: "x.vn.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{strings.Repeat("x", 100)}})
						}
					}
					return pack1(m)
				}
			}
			p := dial.NewPace(dial.Rates{}, nil)
			r := n.resolver(func(c *Config) { c.Pace = p })
			for i := range 40 {
				if _, err := r.Query(context.Background(), fmt.Sprintf("n%d.x.vn.", i), dns.TypeAAAA); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if (p.Slowed() > 0) != needless {
				t.Errorf("needless %v: %d slowed", needless, p.Slowed())
			}
		})
	}
}

// TestTurnEnds: a question whose time is over before its turn fails with that.
func TestTurnEnds(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		r := n.resolver(func(c *Config) { c.Pace = dial.NewPace(dial.Rates{Total: 1}, nil) })
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		defer cancel()
		_, err := r.Query(ctx, "www.x.vn.", dns.TypeAAAA)
		var f *Failure
		if !errors.As(err, &f) || f.Cause != verdict.Deadline {
			t.Errorf("%v", err)
		}
	})
}
