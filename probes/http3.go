package probes

import (
	"context"
	"crypto/tls"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// altH3 is an HTTP/3 entry of an Alt-Svc header (RFC 7838 section 3): host, which
// is mostly empty for "this one", and port.
var altH3 = regexp.MustCompile(`(?:^|,)\s*h3="([^":\[\]]*|\[[^"\]]*\]):(\d{1,5})"`)

// advertised reads where a reply says that its service speaks HTTP/3.
func advertised(altSvc string) (host string, port uint16, ok bool) {
	m := altH3.FindStringSubmatch(altSvc)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.ParseUint(m[2], 10, 16)
	return strings.ToLower(m[1]), uint16(n), err == nil && n > 0
}

// quic says whether HTTP/3 works over IPv6 where the reply over IPv6 advertises
// it. Browsers fall back, so it is never a fault. It is tried at the service's own
// addresses only: a header must not send this scanner to strangers.
func (v *pair) quic(ctx context.Context, six, four attempt, with4 bool) {
	host, port, ok := advertised(six.altSvc)
	switch {
	case !ok:
		return
	case host != "" && host != six.host || port != six.port && port < 1024:
		v.note("web.h3-elsewhere", six.String(), nil, "detail", brief(six.altSvc))
		return
	}
	at := six.endpoint
	at.port = port
	if v.e.quicless() {
		v.note("web.h3-unknown", six.String(), nil, "detail", "UDP –")
		return
	}
	a := v.e.http3(ctx, at)
	if ours(a.cause) {
		return
	}
	if a.ok() {
		v.note("web.h3", six.String(), []attempt{a}, "proof", a.proof[len(a.proof)-1])
		return
	}
	var b attempt
	if with4 {
		at.addr = four.addr
		b = v.e.http3(ctx, at)
	}
	if b.ok() {
		v.note("web.h3-fails", six.String(), tried(a, b), "other", "IPv4", "detail", describe(a))
		return
	}
	v.note("web.h3-unknown", six.String(), tried(a, b), "detail", describe(a))
}

// maxQuicless is after how many silent hosts, with none that answers, this scanner
// itself is taken to have no UDP over IPv6.
const maxQuicless = 5

// quicless reports whether QUIC over IPv6 was never answered, though several hosts
// were asked: a firewall here must not become everybody's fault.
func (e *Env) quicless() bool { return e.quicAnswers.Load() == 0 && e.quicSilent.Load() >= maxQuicless }

// http3 makes one request over HTTP/3 (RFC 9114), once a run.
func (e *Env) http3(ctx context.Context, at endpoint) attempt {
	return e.also(ctx, &e.quics, at, func(ctx context.Context, a *attempt) {
		a.udp = true
		e.speakH3(ctx, a)
		switch {
		case a.addr.Is4():
		case a.ok() || a.cause == verdict.Refused:
			e.quicAnswers.Add(1)
		case a.cause == verdict.Timeout:
			e.quicSilent.Add(1)
		}
	})
}

func (e *Env) speakH3(ctx context.Context, a *attempt) {
	network := "udp6"
	if a.addr.Is4() {
		network = "udp4"
	}
	dctx, cancel := dial.Step(ctx, e.Step)
	defer cancel()
	c, err := e.Dial(dctx, network, a.String())
	if err != nil {
		a.fail(ctx, err)
		return
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	carrier := &quic.Transport{Conn: datagrams{c}}
	defer carrier.Close()
	hctx, done := context.WithTimeout(ctx, e.Step)
	defer done()
	q, err := carrier.Dial(hctx, c.RemoteAddr(), &tls.Config{
		ServerName: serverName(a.host), NextProtos: []string{http3.NextProtoH3}, Time: e.Now,
		InsecureSkipVerify: true, // judged over TCP; what is asked here is whether it works
	}, &quic.Config{
		InitialPacketSize: 1200, DisablePathMTUDiscovery: true, // what every path carries, RFC 9000 section 14
		HandshakeIdleTimeout: e.Step, MaxIdleTimeout: e.Step, MaxIncomingStreams: -1,
		InitialStreamReceiveWindow: maxTaste, MaxStreamReceiveWindow: maxTaste, InitialConnectionReceiveWindow: 2 * maxTaste, MaxConnectionReceiveWindow: 2 * maxTaste,
	})
	if err != nil {
		a.fail(ctx, err)
		return
	}
	a.stage = replying
	a.proof = append(a.proof, "QUIC")
	h := &http3.Transport{MaxResponseHeaderBytes: maxHeader, DisableCompression: true}
	e.taste(ctx, a, h.NewClientConn(q))
	_ = q.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") // we have seen enough
}

// datagrams makes a connected socket what QUIC wants: a packet connection that
// sends to its one peer, whatever the address.
type datagrams struct{ net.Conn }

func (d datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := d.Read(b)
	return n, d.RemoteAddr(), err
}

func (d datagrams) WriteTo(b []byte, _ net.Addr) (int, error) { return d.Write(b) }

// The kernel's own buffers do for one page.
func (datagrams) SetReadBuffer(int) error  { return nil }
func (datagrams) SetWriteBuffer(int) error { return nil }
