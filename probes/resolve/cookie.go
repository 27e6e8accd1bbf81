package resolve

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// cookie is what one query to a server carries against forged replies (RFC 7873).
// The zero value is none.
type cookie struct {
	client string // 8 bytes
	server string // what the server gave us for client, 8 to 32 bytes; empty if nothing yet
}

// sent says whether there is a cookie.
func (k cookie) sent() bool { return k.client != "" }

// cookieFor returns our part of the cookie for queries from our address local. It
// is a secret function of both addresses (RFC 9018 3), so that nobody off the
// path can know it; it lives as long as the Resolver.
func (r *Resolver) cookieFor(local net.Addr, server netip.Addr) cookie {
	mac := hmac.New(sha256.New, r.secret[:])
	if a, err := netip.ParseAddrPort(addrString(local)); err == nil {
		mac.Write(a.Addr().AsSlice())
	}
	mac.Write(server.AsSlice())
	return cookie{client: string(mac.Sum(nil)[:8])}
}

// filled adds what the server gave for our part, if anything yet.
func (s *server) filled(k cookie) cookie {
	k.server = s.cookieOf(k.client)
	return k
}

func addrString(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// check compares the cookie of a reply with the one sent (RFC 7873 5.3): one of
// an illegal length or with another client part is errForeign. A server that has
// given us a cookie before must do so again, over UDP: else errNoCookie.
func (k cookie) check(m *dns.Msg, udp bool) error {
	if !k.sent() {
		return nil
	}
	got, there := cookieIn(m)
	switch {
	case !there && udp && k.server != "":
		return errNoCookie
	case there && (!legalCookie(got) || got[:8] != k.client):
		return errForeign
	}
	return nil
}

// cookieIn returns the COOKIE option of a reply; of several the first counts.
func cookieIn(m *dns.Msg) (string, bool) {
	opt := m.IsEdns0()
	if opt == nil {
		return "", false
	}
	for _, o := range opt.Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			b, err := hex.DecodeString(c.Cookie)
			if err != nil {
				return "", true
			}
			return string(b), true
		}
	}
	return "", false
}

// legalCookie checks the length: a client part, alone or with a server part
// (RFC 7873 4).
func legalCookie(s string) bool { return len(s) == 8 || len(s) >= 16 && len(s) <= 40 }

// cookieNote is what became of a cookie.
type cookieNote struct {
	sent, server bool // at all; with the server's part
	came         cookieReply
}

type cookieReply uint8

const (
	noReply cookieReply = iota
	noCookie
	halfCookie // the client's part alone
	sameCookie
	newCookie
)

// String words it for the trace; empty: none was sent.
func (n cookieNote) String() string {
	if !n.sent {
		return ""
	}
	sent := "client"
	if n.server {
		sent = "client+server"
	}
	return sent + [...]string{"", ", none came", ", only the client's came", ", confirmed", ", new one came"}[n.came]
}

// noteCookie remembers the server part that a reply brought, that of an error
// reply too, and says what was sent and what came.
func (s *server) noteCookie(k cookie, m *dns.Msg, err error) cookieNote {
	note := cookieNote{sent: k.sent(), server: k.server != ""}
	if !note.sent || m == nil && !errors.Is(err, errNoCookie) {
		return note
	}
	got, there := "", false
	if m != nil {
		got, there = cookieIn(m)
	}
	switch {
	case !there:
		note.came = noCookie
	case len(got) == 8:
		note.came = halfCookie
	case got[8:] == k.server:
		note.came = sameCookie
	default:
		s.keepCookie(k.client, got[8:])
		note.came = newCookie
	}
	return note
}
