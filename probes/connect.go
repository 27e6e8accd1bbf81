package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// largeReply is what a reply must exceed, in bytes received, to prove that
// packets larger than the smallest IPv6 MTU arrive (RFC 8200 section 5).
const largeReply = 1280

// maxReply bounds what is read from one connection.
const maxReply = 2 << 20

// endpoint is one address and port, spoken to in one service's way. Host
// matters: virtual hosts and certificates hang on it.
type endpoint struct {
	addr netip.Addr
	port uint16
	kind string // web, mail, dns, tcp, tls
	host string
	path string // web: the request target, "/" if empty

	whole bool // web: keep the page's text; never remembered
}

func (p endpoint) String() string { return netip.AddrPortFrom(p.addr, p.port).String() }

// stage is how far an attempt came.
type stage uint8

const (
	connecting stage = iota
	handshaking
	replying
	finished
)

// attempt is what happened at one endpoint.
type attempt struct {
	endpoint
	stage    stage
	cause    verdict.Cause // why it ended before finished
	detail   string        // the error's or the server's own words
	proof    []string      // what was seen to work, in order
	received int64         // bytes
	cert     certificate
	status   int      // HTTP status, or SMTP code of the greeting
	protocol bool     // ended because the other side speaks something else
	lame     bool     // dns: answered, but not for its zone, nor as a resolver
	resolver bool     // dns: resolved a name of others
	busy     bool     // the server put us off: 421, 450, 554 …
	starttls bool     // mail: offered
	offered  bool     // web: the protocol asked for was offered
	udp      bool     // over UDP, not TCP
	hsts     string   // web: the first Strict-Transport-Security header
	altSvc   string   // web: where else it says that it is served (RFC 7838)
	page     *page    // web: what the reply refers to
	location string   // web: the redirect's target, absolute or not
	url      *url.URL // web: what was asked for
	tries    int      // how often it was tried
	at       time.Time
	took     time.Duration
	dialled  time.Duration // how long the connection took to open
}

// certificate is what the server's certificate is worth for the host.
type certificate struct {
	leaf  *x509.Certificate
	err   error               // why it is not valid for the host; nil where leaf is and it is
	chain []*x509.Certificate // mail: as presented, the leaf first
}

// connected reports whether anybody listens there.
func (a attempt) connected() bool { return a.stage > connecting }

// ok reports whether the service's whole exchange came through.
func (a attempt) ok() bool { return a.stage == finished }

// evidence is the attempt as an observation.
func (a attempt) evidence() []verdict.Evidence {
	answer := strings.Join(a.proof, ", ")
	if !a.ok() {
		answer = strings.TrimPrefix(answer+"; "+string(a.cause)+": "+a.detail, "; ")
	}
	over := "tcp6"
	if a.addr.Is4() {
		over = "tcp4"
	}
	if a.udp {
		over = strings.Replace(over, "tcp", "udp", 1)
	}
	return []verdict.Evidence{{At: a.at, Asked: a.host + " " + a.String(), Over: over, Query: a.kind,
		Answer: fmt.Sprintf("%s (%d bytes, %d ms, try %d)", answer, a.received, a.took.Milliseconds(), a.tries)}}
}

// attempt speaks to an endpoint, once a run.
func (e *Env) attempt(ctx context.Context, p endpoint) attempt {
	known := &e.attempts
	if p.kind == "mail" {
		known = &e.greetings
	}
	got, err := known.get(ctx, e.base, p, func(ctx context.Context) attempt {
		return e.persist(ctx, p)
	})
	if err != nil {
		return attempt{endpoint: p, at: e.Now(), cause: dial.Classify(err), detail: err.Error()}
	}
	return got
}

// tries is how often silence is given another chance: one lost packet, or one
// busy moment of this machine, must not become somebody's fault.
const (
	tries     = 3
	mostTries = 9    // where much is lost
	doubt     = 1e-4 // that so many tries were lost one after another
)

// patience is how often silence at an address is tried: the more packets get
// lost on the way to those who do answer, the less silence says.
func (e *Env) patience(at netip.Addr) int {
	loss := e.Pace.Loss(at)
	n := tries
	for p := loss * loss * loss; p > doubt && n < mostTries; n++ {
		p *= loss
	}
	return n
}

// triesOf says how often an attempt with this end is made.
func (e *Env) triesOf(a attempt) int {
	switch a.cause {
	case verdict.Timeout:
		return e.patience(a.addr)
	case verdict.Reset, verdict.Unreachable:
		return 2
	}
	return 1
}

// persist speaks to an endpoint, again after a pause where nothing came back.
// A cut connection or a router's word may be of the moment and is tried once
// more; everything else is an answer, and stands. Where another host of the same
// address and port has met with silence already, one try confirms it.
func (e *Env) persist(ctx context.Context, p endpoint) attempt {
	began := time.Now() // not e.Now, which may stand still
	at := netip.AddrPortFrom(p.addr, p.port)
	var furthest attempt // a port that once took a connection is not a closed one
	for n := 1; ; n++ {
		a := attempt{endpoint: p, at: e.Now(), tries: n}
		leave, err := e.gate.enter(ctx, p.addr)
		if err != nil {
			a.fail(ctx, err)
			return a
		}
		e.speak(ctx, &a)
		leave()
		a.took = time.Since(began)
		_, silent := e.silent.Load(at)
		if a.ok() || n >= e.triesOf(a) || (silent && !a.connected() && e.patience(p.addr) == tries) {
			if a.connected() {
				e.silent.Delete(at)
			} else if a.cause == verdict.Timeout && furthest.tries == 0 {
				e.silent.Store(at, true)
			}
			if a.stage < furthest.stage {
				furthest.tries, furthest.took = n, a.took
				return furthest
			}
			return a
		}
		if a.stage > connecting && a.stage >= furthest.stage {
			furthest = a
		}
		if !e.pause(ctx, time.Duration(min(n, tries))*e.Step/2) {
			return a
		}
	}
}

// pause waits before something is tried again; false if ctx ends first.
func (e *Env) pause(ctx context.Context, d time.Duration) bool {
	defer e.Meter.Clock(dial.Pausing)()
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// speak connects and goes through the service's exchange.
func (e *Env) speak(ctx context.Context, a *attempt) {
	if a.kind == "dns" {
		e.speakDNS(ctx, a)
		return
	}
	if a.kind == "web" {
		e.speakWeb(ctx, a)
		return
	}
	c, err := e.connect(ctx, a)
	if err != nil {
		return
	}
	defer c.Close()
	switch a.kind {
	case "mail":
		e.speakSMTP(ctx, a, c)
		return
	case "tls":
		if t, err := e.handshake(ctx, a, c); err != nil {
			return
		} else {
			_ = t.Close()
		}
	}
	a.stage = finished
}

// connect opens the TCP connection of an attempt.
func (e *Env) connect(ctx context.Context, a *attempt) (*wire, error) {
	network := "tcp6"
	if a.addr.Is4() {
		network = "tcp4"
	}
	dctx, cancel := dial.Step(ctx, e.Step)
	defer cancel()
	began := time.Now()
	c, err := e.Dial(dctx, network, a.String())
	a.dialled = time.Since(began)
	if err != nil {
		a.fail(ctx, err)
		return nil, err
	}
	a.stage = handshaking
	a.proof = append(a.proof, "TCP")
	w := newWire(ctx, c, &a.received)
	w.end = sync.OnceFunc(e.Meter.Clock(dial.Exchanging))
	return w, nil
}

// fail notes why an attempt ended. A step's own deadline is a timeout of the
// target; the end of ctx is ours.
func (a *attempt) fail(ctx context.Context, err error) {
	a.cause, a.detail = dial.Classify(err), words(err)
	switch over := ctx.Err(); {
	case over != nil:
		a.cause = dial.Classify(over)
	case errors.Is(err, errTooMuch):
		a.cause = verdict.OverBudget
	case a.cause == verdict.Deadline:
		a.cause = verdict.Timeout
	}
	if a.cause == verdict.Timeout {
		a.detail = os.ErrDeadlineExceeded.Error() // whose clock ran out first is chance
	}
}

// words is what an error says beside where it was met, which is said already.
func words(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil && op.Net != "" { // TLS says with one whether the peer's alert it was
		err = op.Err
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no
	}
	return brief(err.Error())
}

// handshake turns a connection into a TLS one and judges the certificate. An
// untrusted certificate does not end the attempt: it is judged by comparison.
// protocols are offered to the server (RFC 7301); none is HTTP/1.1 or SMTP.
func (e *Env) handshake(ctx context.Context, a *attempt, c *wire, protocols ...string) (*tls.Conn, error) {
	t := tls.Client(c, &tls.Config{
		ServerName:         serverName(a.host),
		NextProtos:         protocols,
		InsecureSkipVerify: true, // verified below: what is presented must be seen even when it is wrong
		Time:               e.Now,
		// What is asked is whether the service works, not how well it is locked:
		// old servers answer as well, and nothing secret is ever sent.
		MinVersion:   tls.VersionTLS10,
		CipherSuites: everySuite(),
	})
	c.step(e.Step)
	end := e.Meter.Clock(dial.Securing)
	err := t.HandshakeContext(ctx)
	end()
	if err != nil {
		a.fail(ctx, err)
		var notTLS tls.RecordHeaderError
		a.protocol = a.cause == verdict.OtherCause && errors.As(err, &notTLS)
		return nil, err
	}
	state := t.ConnectionState()
	a.proof = append(a.proof, tls.VersionName(state.Version))
	if len(state.PeerCertificates) > 0 {
		a.cert = e.verify(a.host, state.PeerCertificates)
		if a.kind == "mail" { // compared with TLSA records
			a.cert.chain = state.PeerCertificates
		}
	}
	return t, nil
}

// everySuite lists all cipher suites there are, weak ones included.
func everySuite() []uint16 {
	var out []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		out = append(out, s.ID)
	}
	return out
}

// verify judges a certificate chain for a host at the run's time.
func (e *Env) verify(host string, chain []*x509.Certificate) certificate {
	pool := x509.NewCertPool()
	for _, c := range chain[1:] {
		pool.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: e.CAs, Intermediates: pool, CurrentTime: e.Now()})
	return certificate{leaf: chain[0], err: err}
}

// serverName is the SNI of a host; an address has none (RFC 6066 section 3).
func serverName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return host
}

// wire is a connection that counts what it receives, never reads more than
// maxReply, and ends at once when its context does.
type wire struct {
	net.Conn
	received *int64
	stop     func() bool
	end      func() // of the time spent on it, once; may be nil
}

var errTooMuch = errors.New("the reply is larger than this scanner reads")

func newWire(ctx context.Context, c net.Conn, received *int64) *wire {
	return &wire{Conn: c, received: received, stop: context.AfterFunc(ctx, func() { c.Close() })}
}

// step gives the next exchange d to finish.
func (w *wire) step(d time.Duration) { _ = w.SetDeadline(time.Now().Add(d)) }

func (w *wire) Read(b []byte) (int, error) {
	if *w.received >= maxReply {
		return 0, errTooMuch
	}
	n, err := w.Conn.Read(b)
	*w.received += int64(n)
	return n, err
}

func (w *wire) Close() error {
	w.stop()
	if w.end != nil {
		w.end()
	}
	return w.Conn.Close()
}

// brief shortens foreign words to one printable line.
func brief(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return strings.TrimSpace(s)
}

// drain reads up to limit bytes.
func drain(r io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, limit))
}
