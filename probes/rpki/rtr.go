package rpki

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// DialFunc opens a connection; dial.Func is one.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Bounds of one synchronisation. A million VRPs come in seconds; StayRTR pauses
// well under the idle limit.
const (
	rtrTotal  = 5 * time.Minute  // unless ctx ends sooner
	rtrIdle   = 30 * time.Second // without a byte
	rtrNoData = 15 * time.Second // of pauses, asking again while the cache has no data yet
)

// FetchRTR takes the whole set of VRPs from the RTR cache at addr (host:port,
// over TCP): Reset Query, everything up to End of Data, close. It speaks version
// 1 (RFC 8210) and falls back to 0 (RFC 6810). Nothing is kept of an answer
// that is not whole and consistent; the error says what the cache did, and wraps
// the network's error if that was it. The data's time is now() at End of Data.
func FetchRTR(ctx context.Context, d DialFunc, addr string, now func() time.Time) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, rtrTotal)
	defer cancel()
	pause := pauses{next: time.Second, left: rtrNoData}
	version := uint8(1)
	for {
		s, err := fetchVersion(ctx, d, addr, version, &pause)
		switch {
		case errors.Is(err, errDowngrade):
			version = 0
		case errors.Is(err, errReconnect):
		case err != nil:
			if over := context.Cause(ctx); over != nil && !errors.Is(err, over) {
				err = fmt.Errorf("%w; %w", err, over)
			}
			return nil, fmt.Errorf("RTR cache %s: %w", addr, ended(err))
		default:
			s.src.At = now()
			return s, nil
		}
	}
}

var (
	errDowngrade  = errors.New("the cache does not take version 1")                // said at most once
	errReconnect  = errors.New("the cache had no data yet and hung up")            // said once a pause
	errCacheReset = errors.New("the cache answers a Reset Query with Cache Reset") // said thrice
)

// pauses doles out growing pauses until their sum is used up.
type pauses struct{ next, left time.Duration }

// wait pauses, or reports false if there are no more pauses or ctx has ended.
func (p *pauses) wait(ctx context.Context) bool {
	if p.left < p.next {
		return false
	}
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.left -= p.next
	p.next *= 2
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func fetchVersion(ctx context.Context, d DialFunc, addr string, version uint8, pause *pauses) (*Snapshot, error) {
	conn, err := d(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	w := newWatchdog(ctx, conn)
	defer w.stop()
	session := rtrSession{w: w, pause: pause, br: bufio.NewReaderSize(w, maxErrorPDU), version: version, asked: version}
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
	s.src.Name = addr
	return s, nil
}

// watchdog is a connection that gives up when ctx ends or nothing moves for
// rtrIdle. It interrupts a blocked call by a deadline in the past, so no clock
// has to be read here.
type watchdog struct {
	conn net.Conn
	ctx  context.Context
	idle *time.Timer
	stop func() bool
}

func newWatchdog(ctx context.Context, conn net.Conn) *watchdog {
	past := time.Unix(1, 0)
	// A connection that can't take a deadline is closed instead.
	interrupt := func() {
		if conn.SetDeadline(past) != nil {
			conn.Close()
		}
	}
	w := &watchdog{conn: conn, ctx: ctx, idle: time.AfterFunc(rtrIdle, interrupt)}
	undo := context.AfterFunc(ctx, interrupt)
	w.stop = func() bool { w.idle.Stop(); return undo() }
	return w
}

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	return n, w.moved(n, err)
}

func (w *watchdog) Write(p []byte) (int, error) {
	n, err := w.conn.Write(p)
	return n, w.moved(n, err)
}

func (w *watchdog) moved(n int, err error) error {
	if n > 0 {
		w.idle.Reset(rtrIdle)
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the cache was silent for %s: %w", rtrIdle, err)
	}
	return err
}

// rtrSession is the state of one connection.
type rtrSession struct {
	w       *watchdog
	pause   *pauses
	br      *bufio.Reader
	asked   uint8 // the version of our query
	version uint8 // the version agreed on
	agreed  bool  // by the cache's first answer
}

// sync asks for everything until it is there: again, a bounded number of times,
// if the cache says it has no data yet or answers with a Cache Reset.
func (s *rtrSession) sync(ctx context.Context) (*Snapshot, error) {
	paused := false
	for resets := 0; ; {
		if _, err := s.w.Write(appendReset(nil, s.version)); err != nil {
			if paused && isHangUp(err) {
				return nil, errReconnect
			}
			return nil, err
		}
		snapshot, err := s.receive()
		var report *cacheError
		switch {
		case errors.Is(err, errCacheReset) && resets < 2:
			resets++
		case errors.As(err, &report) && report.code == codeNoData && s.pause.wait(ctx):
			// Not fatal: the cache is still filling (RFC 8210 section 8.4).
			paused = true
			s.w.idle.Reset(rtrIdle)
		case paused && isHangUp(err):
			return nil, errReconnect
		default:
			return snapshot, err
		}
	}
}

// receive reads one whole answer.
func (s *rtrSession) receive() (*Snapshot, error) {
	session, err := s.begin()
	if err != nil {
		return nil, err
	}
	var b snapshotBuilder
	for {
		p, err := s.next()
		if err != nil {
			return nil, err
		}
		switch p.kind {
		case pduIPv4, pduIPv6:
			if b.len() == maxVRPs {
				return nil, protocolFault(codeCorrupt, p, "the cache sent more than %d VRPs", maxVRPs)
			}
			if err := p.announce(&b); err != nil {
				return nil, err
			}
		case pduRouterKey, pduSerialNotify: // for BGPsec, and for a later session
		case pduEndOfData:
			if p.session != session {
				return nil, protocolFault(codeCorrupt, p, "the cache began session %d and ended session %d", session, p.session)
			}
			from := Source{Over: "rtr", Session: session, Serial: binary.BigEndian.Uint32(p.data[8:])}
			return b.snapshot(from), nil
		case pduCacheReset:
			return nil, errCacheReset
		default:
			return nil, protocolFault(codeCorrupt, p, "the cache sent a PDU of type %d in the middle of its answer", p.kind)
		}
	}
}

// begin reads up to the Cache Response and returns its session.
func (s *rtrSession) begin() (uint16, error) {
	for {
		p, err := s.next()
		if err != nil {
			return 0, s.downgrade(err)
		}
		switch p.kind {
		case pduCacheResponse:
			return p.session, nil
		case pduSerialNotify: // "may arrive at any time" (RFC 8210 section 5.2)
		case pduCacheReset:
			return 0, errCacheReset
		default:
			return 0, protocolFault(codeCorrupt, p, "the cache sent a PDU of type %d before any Cache Response", p.kind)
		}
	}
}

// next reads a PDU, agrees on the version with the first, and turns Error
// Reports into errors.
func (s *rtrSession) next() (pdu, error) {
	p, err := readPDU(s.br)
	if err != nil {
		return pdu{}, err
	}
	if p.kind == pduError {
		return pdu{}, p.report()
	}
	switch {
	case p.kind == pduSerialNotify && !s.agreed: // agrees on nothing (RFC 8210 section 7)
		return p, nil
	case p.version == s.version:
	case !s.agreed && p.version < s.asked:
		// "The cache MUST either downgrade to protocol version 0 or terminate"
		// (RFC 8210 section 7): this one downgraded.
		s.version = p.version
	default:
		return pdu{}, protocolFault(codeOtherVersion, p, "the cache changed from version %d to %d", s.version, p.version)
	}
	s.agreed = true
	return p, nil
}

// downgrade turns an error before any answer to version 1 into errDowngrade, if
// it is how a cache of version 0 refuses it: with an Error Report, or by hanging up.
func (s *rtrSession) downgrade(err error) error {
	if s.asked == 0 || s.agreed {
		return err
	}
	var report *cacheError
	if errors.As(err, &report) && report.code == codeVersion || isHangUp(err) {
		return fmt.Errorf("%w (%w)", errDowngrade, err)
	}
	return err
}

// isHangUp reports whether the cache closed or reset the connection.
func isHangUp(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op) && !op.Timeout() && op.Op != "dial"
}

// ended words an end of the stream where more was promised.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the cache closed the connection before the end of its data: %w", io.ErrUnexpectedEOF)
	}
	return err
}
