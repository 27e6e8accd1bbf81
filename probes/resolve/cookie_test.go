package resolve

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

// jar is a server with cookies in front of a handler.
type jar struct {
	next   handler
	secret string
	mu     sync.Mutex
	seen   []string // what came: "", "client", "good", "bad"
	change func(q, m *dns.Msg, tcp bool, state string) *dns.Msg
}

func (j *jar) serverPart(client string) string {
	sum := sha256.Sum256([]byte(client + j.secret))
	return hex.EncodeToString(sum[:16])
}

func (j *jar) handle(q *dns.Msg, tcp bool) []byte {
	state, client := "", ""
	if opt := q.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				client = c.Cookie[:16]
				switch c.Cookie[16:] {
				case "":
					state = "client"
				case j.serverPart(client):
					state = "good"
				default:
					state = "bad"
				}
			}
		}
	}
	j.mu.Lock()
	j.seen = append(j.seen, state)
	change := j.change
	j.mu.Unlock()
	m := new(dns.Msg)
	if err := m.Unpack(j.next(q, tcp)); err != nil {
		panic(err)
	}
	if state != "" {
		j.give(m, client+j.serverPart(client))
	}
	if change != nil {
		m = change(q, m, tcp, state)
	}
	if m == nil {
		return nil
	}
	return pack1(m)
}

func (j *jar) give(m *dns.Msg, cookie string) {
	if m.IsEdns0() == nil {
		m.SetEdns0(1232, true)
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option[:0:0], &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
}

// refuseWithout answers only what has the right cookie, as a server under attack does.
func refuseWithout(_, m *dns.Msg, tcp bool, state string) *dns.Msg {
	if state != "good" && !tcp {
		m.Answer, m.Ns = nil, nil
		m.Rcode = dns.RcodeBadCookie
	}
	return m
}

func failing(rcode int, opt bool) func(q, m *dns.Msg, tcp bool, state string) *dns.Msg {
	return func(q, m *dns.Msg, _ bool, state string) *dns.Msg {
		if state == "" {
			return m
		}
		m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, rcode
		if opt || rcode > 15 {
			m.SetEdns0(1232, true)
		}
		return m
	}
}

// How a server with cookies, or one that is confused by them, is asked: always
// to the right answer, and with what it saw at last.
func TestCookies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(j *jar, q, m *dns.Msg, tcp bool, state string) *dns.Msg
		seen   string // by the server, for two names
		tcp    int    // packets over TCP
	}{
		"plain":    {seen: "client good"},
		"required": {change: always(refuseWithout), seen: "client good good"},
		"another with each query": {change: func(j *jar, q, m *dns.Msg, tcp bool, state string) *dns.Msg {
			m = refuseWithout(q, m, tcp, state)
			j.mu.Lock()
			defer j.mu.Unlock()
			j.secret += "x"
			return m
		}, seen: "client bad bad bad bad bad", tcp: 2},
		"server changes its secret": {change: func(j *jar, q, m *dns.Msg, tcp bool, state string) *dns.Msg {
			if state == "bad" {
				return refuseWithout(q, m, tcp, state)
			}
			j.mu.Lock()
			defer j.mu.Unlock()
			j.secret = "new"
			return m
		}, seen: "client bad good"},
		"FORMERR with OPT":    {change: always(failing(dns.RcodeFormatError, true)), seen: "client - -"},
		"FORMERR without OPT": {change: always(failing(dns.RcodeFormatError, false)), seen: "client - -"},
		"BADVERS":             {change: always(failing(dns.RcodeBadVers, true)), seen: "client - -"},
		"NOTIMP":              {change: always(failing(dns.RcodeNotImplemented, false)), seen: "client - -"},
		"silence": {change: func(_ *jar, _, m *dns.Msg, _ bool, state string) *dns.Msg {
			if state != "" {
				return nil
			}
			return m
		}, seen: "client - client -"},
		"no EDNS at all": {change: func(_ *jar, q, m *dns.Msg, _ bool, _ string) *dns.Msg {
			if q.IsEdns0() == nil {
				return m
			}
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, dns.RcodeFormatError
			return m
		}, seen: "client - - -"},
		"unknown to it": {change: func(j *jar, _, m *dns.Msg, _ bool, _ string) *dns.Msg {
			m.IsEdns0().Option = nil
			return m
		}, seen: "client client"},
		"only the client's comes back": {change: func(j *jar, q, m *dns.Msg, _ bool, _ string) *dns.Msg {
			j.give(m, q.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie[:16])
			return m
		}, seen: "client client"},
		"illegal length": {change: func(j *jar, _, m *dns.Msg, _ bool, state string) *dns.Msg {
			if state != "" {
				j.give(m, "0011")
			}
			return m
		}, seen: "client - client -"},
		"none any more over UDP": {change: func(j *jar, _, m *dns.Msg, tcp bool, state string) *dns.Msg {
			if state == "good" && !tcp {
				m.IsEdns0().Option = nil
			}
			return m
		}, seen: "client good good", tcp: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *fakeNet) {
				plainWorld(t, n)
				j := &jar{next: zones(t, xText).handle}
				if c.change != nil {
					j.change = func(q, m *dns.Msg, tcp bool, state string) *dns.Msg { return c.change(j, q, m, tcp, state) }
				}
				n.put(zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.11\n").handle, "192.0.2.2")
				n.put(j.handle, "192.0.2.11")
				r := n.resolver(v4)
				want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
				want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
				seen := strings.Join(j.seen, " ")
				seen = strings.ReplaceAll(strings.ReplaceAll(seen+" ", "  ", " - "), "  ", " - ")
				if strings.TrimSpace(seen) != c.seen {
					t.Errorf("the server saw %q, want %q", seen, c.seen)
				}
				if k := n.packets("192.0.2.11", "tcp"); k != c.tcp {
					t.Errorf("%d over TCP, want %d", k, c.tcp)
				}
			})
		})
	}
}

func always(f func(q, m *dns.Msg, tcp bool, state string) *dns.Msg) func(j *jar, q, m *dns.Msg, tcp bool, state string) *dns.Msg {
	return func(_ *jar, q, m *dns.Msg, tcp bool, state string) *dns.Msg { return f(q, m, tcp, state) }
}

// What an attacker off the path can send, who does not see the cookies, is not
// taken even if it guessed port, id and question.
func TestForgedCookie(t *testing.T) {
	forged := func(m *dns.Msg, cookie string) []byte {
		f := m.Copy()
		f.Answer = []dns.RR{rr("www.x.vn. AAAA 2001:db8:bad::1")}
		f.IsEdns0().Option = nil
		if cookie != "" {
			(*jar)(nil).give(f, cookie)
		}
		return pack1(f)
	}
	good := asked{id: 7, q: question{"www.x.vn.", dns.TypeAAAA}, udp: true,
		cookie: cookie{client: "12345678", server: "abcdefgh"}}
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: 7, Response: true, Authoritative: true}}
	m.Question = []dns.Question{{Name: "www.x.vn.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}}
	m.SetEdns0(1232, true)
	own := hex.EncodeToString([]byte("12345678"))
	for cookie, want := range map[string]error{
		own + "6162636465666768":                 nil,
		own + "00112233445566778899aabbccddeeff": nil, // a new one
		own:                                      nil,
		"":                                       errNoCookie,
		own[:14]:                                 errForeign,
		own + "00":                               errForeign,
		strings.Repeat("0", 48):                  errForeign,
		own + strings.Repeat("0", 66):            errForeign,
	} {
		if _, err := parse(forged(m, cookie), good); !errors.Is(err, want) {
			t.Errorf("cookie %q: %v, want %v", cookie, err, want)
		}
	}
	good.cookie.server = "" // a server that never gave one may go without
	if _, err := parse(forged(m, ""), good); err != nil {
		t.Error(err)
	}
	good.cookie.server, good.udp = "abcdefgh", false // over TCP the connection proves it
	if _, err := parse(forged(m, ""), good); err != nil {
		t.Error(err)
	}
}

// The cookie differs from server to server and from resolver to resolver.
func TestClientCookie(t *testing.T) {
	a, b := New(Config{}), New(Config{})
	seen := map[string]bool{}
	for _, r := range []*Resolver{a, b} {
		for _, s := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"} {
			k := r.cookieFor(nil, addr(s))
			if len(k.client) != 8 || seen[k.client] || k.client != r.cookieFor(nil, addr(s)).client {
				t.Errorf("%s: %x", s, k.client)
			}
			seen[k.client] = true
		}
	}
}

// Where TCP does not help, a server that gives no cookie any more is believed
// again, rather than be called dead.
func TestCookieLostWithoutTCP(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		j := &jar{next: zones(t, xText).handle}
		j.change = func(_, m *dns.Msg, tcp bool, state string) *dns.Msg {
			if tcp {
				return nil
			}
			if state == "good" {
				m.IsEdns0().Option = nil
			}
			return m
		}
		n.put(zones(t, "vn.\nx NS ns1.x\nns1.x A 192.0.2.11\n").handle, "192.0.2.2")
		n.put(j.handle, "192.0.2.11")
		r := n.resolver(v4)
		want(t, r, "www.x.vn", dns.TypeAAAA, "2001:db8:80::1")
		want(t, r, "www.x.vn", dns.TypeA, "192.0.2.80")
	})
}

// A server that answers BADCOOKIE whatever it is sent is a failure like any other.
func TestBadCookieForever(t *testing.T) {
	bubble(t, func(t *testing.T, n *fakeNet) {
		plainWorld(t, n)
		j := &jar{next: zones(t, xText).handle}
		j.change = func(_, m *dns.Msg, _ bool, _ string) *dns.Msg {
			m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeBadCookie
			if m.IsEdns0() == nil {
				m.SetEdns0(1232, true)
			}
			return m
		}
		n.put(j.handle, "192.0.2.11", "192.0.2.12")
		f := failure(t, n.resolver(v4), "www.x.vn", dns.TypeAAAA)
		if f.Cause != verdict.ServFail || f.Zone != "x.vn." {
			t.Errorf("%+v", f)
		}
		if k := n.packets(" www.x.vn."); k > 12 {
			t.Errorf("%d packets", k)
		}
	})
}
