package rpki

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// DialFunc opens a connection; dial.Func is one.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Bounds of one synchronisation. A million VRPs come in seconds; StayRTR pauses
// well under the idle limit.
const (
	rtrTotal  = 5 * time.Minute  // unless ctx ends sooner
	rtrIdle   = 30 * time.Second // without a byte, or for a TLS handshake
	rtrNoData = 15 * time.Second // of pauses, asking again while the cache has no data yet
)

// firstVersion is what a cache is asked in first. Every cache in use speaks 1;
// 2 adds only ASPA, which nothing here rests on, and its PDUs still change.
const firstVersion = 1

// RTR keeps a set of VRPs in step with one RTR cache: RFC 8210 (version 1), RFC
// 6810 (version 0) where the cache knows no better, and the prefixes of
// draft-ietf-sidrops-8210bis (version 2) where it takes nothing else. Its state
// (session, serial number, VRPs) lives as long as it does. Safe for concurrent use.
type RTR struct {
	dial DialFunc
	addr string
	tls  *tls.Config
	now  func() time.Time

	mu      sync.Mutex // held for a whole Sync
	kept    *Snapshot  // what the cache last gave whole; nil: nothing, or no longer good
	version uint8      // that it was given in
	timers  timers
	due     time.Time
}

// NewRTR returns a client of the cache at addr (host:port), which is asked
// nothing yet. With conf the connection is TLS (RFC 8210 section 9.2); conf must
// name the server that the certificate is to be for.
func NewRTR(d DialFunc, addr string, conf *tls.Config, now func() time.Time) *RTR {
	return &RTR{dial: d, addr: addr, tls: conf, now: now}
}

// Sync asks the cache for what is new since the last Sync, by a Serial Query, or
// for everything where there was none or where increments fail: it opens a
// connection, reads up to End of Data and closes. The source's At is now() at
// End of Data, its Until the end of the expire interval.
//
// An answer counts whole or not at all. The error says what the cache did, and
// wraps the network's error if that was it; what was there before may still be
// good, see Kept. A cache that broke the protocol (RFC 8210 section 12) is told
// so, and nothing that it gave before is kept.
func (c *RTR) Sync(ctx context.Context) (*Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, rtrTotal)
	defer cancel()
	c.expire()
	t := try{version: firstVersion, base: c.kept, pause: pauses{next: time.Second, left: rtrNoData}}
	if t.base != nil {
		t.version = c.version
	}
	for {
		t.tried |= 1 << t.version
		s, err := c.connect(ctx, &t)
		if err == nil {
			return s, nil
		}
		var other *otherVersion
		var fault *protocolError
		if errors.As(err, &fault) {
			c.kept = nil
		}
		switch {
		case ctx.Err() == nil && errors.As(err, &other) && t.tried&(1<<other.version) == 0:
			t.version, t.base = other.version, nil
		case ctx.Err() == nil && errors.Is(err, errReconnect):
		case ctx.Err() == nil && t.base != nil && cachesFault(err):
			t.base = nil // the same again from nothing
		default:
			c.due = c.now().Add(c.timers.retry())
			if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				err = fmt.Errorf("the data did not end in time: %w", err)
			}
			if over := context.Cause(ctx); over != nil && !errors.Is(err, over) {
				err = fmt.Errorf("%w; %w", err, over)
			}
			return nil, fmt.Errorf("RTR cache %s: %w", c.addr, ended(err))
		}
	}
}

// Kept returns what the last successful Sync gave, nil if there was none, the
// cache has since broken the protocol, or the expire interval is over.
func (c *RTR) Kept() *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return c.kept
}

// Due returns when the cache wants to be asked again: after its refresh
// interval, or its retry interval if the last Sync failed (RFC 8210 section 6).
// It is zero before the first Sync.
func (c *RTR) Due() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.due
}

// expire forgets data that must not be used any more (RFC 8210 section 6).
func (c *RTR) expire() {
	if c.kept != nil && !c.now().Before(c.kept.src.Until) {
		c.kept = nil
	}
}

// try is what the connections of one Sync have in common.
type try struct {
	version uint8     // to ask in
	tried   uint8     // bit set of the versions asked in
	base    *Snapshot // to ask for changes of; nil: for everything
	pause   pauses
}

// connect asks once, over a connection of its own.
func (c *RTR) connect(ctx context.Context, t *try) (*Snapshot, error) {
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	w := newWatchdog(ctx, conn)
	defer w.stop()
	session := rtrSession{w: w, pause: &t.pause, br: bufio.NewReaderSize(w, maxErrorPDU), version: t.version, asked: t.version, base: t.base}
	s, err := session.sync(ctx)
	var fault *protocolError
	if errors.As(err, &fault) && !fault.mute {
		// So that the cache's own log tells its operator; if it cannot be sent,
		// the fault is still the answer.
		_, _ = w.Write(appendReport(nil, session.version, fault))
	}
	if err != nil {
		return nil, err
	}
	c.timers, c.version = session.timers, session.version
	s.src.Name, s.src.At = c.addr, c.now()
	s.src.Until = s.src.At.Add(c.timers.expire())
	c.kept, c.due = s, s.src.At.Add(c.timers.refresh())
	return s, nil
}

// open connects, by TLS if the client was made so.
func (c *RTR) open(ctx context.Context) (net.Conn, error) {
	conn, err := c.dial(ctx, "tcp", c.addr)
	if err != nil || c.tls == nil {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, rtrIdle)
	defer cancel()
	secured := tls.Client(conn, c.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("no TLS with the cache: %w", err)
	}
	return secured, nil
}

var (
	errReconnect  = errors.New("the cache had no data yet and hung up")            // said once a pause
	errCacheReset = errors.New("the cache answers a Reset Query with Cache Reset") // said thrice
)

// otherVersion is a refusal of the version asked in; version may be taken.
type otherVersion struct {
	version uint8
	err     error
}

func (e *otherVersion) Error() string { return e.err.Error() }
func (e *otherVersion) Unwrap() error { return e.err }

// cachesFault reports whether err is something that the cache did, not the
// network or a limit of ours.
func cachesFault(err error) bool {
	var fault *protocolError
	var report *cacheError
	return errors.As(err, &fault) || errors.As(err, &report) || isHangUp(err) || errors.Is(err, errTooMuch) || errors.Is(err, errCacheReset)
}

// isHangUp reports whether the cache closed or reset the connection.
func isHangUp(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.As(err, &op) && !op.Timeout() && op.Op != "dial"
}

// ended words an end of the stream where more was promised.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the cache closed the connection before the end of its data: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// timers are the intervals of an End of Data PDU in seconds, refresh, retry and
// expire; zero ones were not given.
type timers [3]uint32

// within returns an interval inside the bounds of RFC 8210 section 6, or its default.
func within(seconds, least, most, otherwise uint32) time.Duration {
	if seconds == 0 {
		seconds = otherwise
	}
	return time.Duration(min(max(seconds, least), most)) * time.Second
}

func (t timers) refresh() time.Duration { return within(t[0], 1, 86_400, 3_600) }
func (t timers) retry() time.Duration   { return within(t[1], 1, 7_200, 600) }
func (t timers) expire() time.Duration  { return within(t[2], 600, 172_800, 7_200) }
