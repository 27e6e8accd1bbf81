package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// how is the manner of one exchange.
type how struct {
	tcp  bool
	edns bool // with an OPT record: DO bit and udpSize (RFC 6891, RFC 3225)
}

// exchange is one question to one server address and what became of it: the
// raw material of evidence, worded only when somebody asks.
type exchange struct {
	at     time.Time
	server string // its name, empty if unknown
	to     netip.AddrPort
	how    how
	q      question
	cause  verdict.Cause // empty: a reply came
	err    error
	head   dns.MsgHdr // of the reply
	rcode  int        // with the OPT record's upper bits
	counts [2]int     // records in answer and authority
	size   int        // of the reply, bytes
	took   time.Duration
	note   string // what the reply was taken for
}

var (
	errMalformed = errors.New("the reply could not be parsed")
	errForeign   = errors.New("the reply has another id or question")
)

// exchange asks once. It returns an error when no reply to the question came;
// a context's own error when that was over. x is always filled in.
func (r *Resolver) exchange(ctx context.Context, name string, server netip.Addr, q question, h how) (x exchange, m *dns.Msg, err error) {
	x = exchange{at: r.cfg.Now(), server: name, to: netip.AddrPortFrom(server, r.cfg.Port), how: h, q: q}
	var sent time.Time
	m, x.size, sent, err = r.send(ctx, x.to, q, h)
	x.took = time.Since(sent)
	if err != nil {
		x.err, x.cause = err, causeOf(ctx, err)
	} else {
		x.head, x.rcode = m.MsgHdr, m.Rcode
		x.counts = [2]int{len(m.Answer), len(m.Ns)}
	}
	return x, m, err
}

// causeOf classifies the error of a try, whose own time is part of ctx's. The
// connection's deadline may strike a moment before the context's own.
func causeOf(ctx context.Context, err error) verdict.Cause {
	d, timed := ctx.Deadline()
	switch {
	case timed && ctx.Err() == nil && !time.Now().Before(d):
		return verdict.Deadline
	case ctx.Err() != nil:
		return dial.Classify(ctx.Err())
	case errors.Is(err, errMalformed), errors.Is(err, errForeign):
		return verdict.Malformed
	}
	c := dial.Classify(err)
	if c == verdict.Deadline {
		return verdict.Timeout
	}
	return c
}

// send opens a socket for one question, so that each has its own source port
// (RFC 5452 9.2), and closes it when the reply is in or the time is over. A
// datagram's time begins when its socket is open: waiting for one, where sockets
// are limited, is not the server's fault.
func (r *Resolver) send(ctx context.Context, to netip.AddrPort, q question, h how) (m *dns.Msg, size int, sent time.Time, err error) {
	sent = time.Now()
	id := uint16(rand.Uint32()) // a cryptographic generator, seeded by the system
	wire, err := pack(q, id, h)
	if err != nil {
		return nil, 0, sent, err
	}
	try, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	opening := ctx
	if h.tcp {
		opening = try
	}
	c, err := r.cfg.Dial(opening, network(to.Addr(), h.tcp), to.String())
	if err != nil {
		return nil, 0, sent, err
	}
	defer c.Close()
	if !h.tcp {
		sent = time.Now()
	}
	if err := c.SetDeadline(sent.Add(r.cfg.Timeout)); err != nil {
		return nil, 0, sent, err
	}
	// The deadline covers this try's time; this covers the caller's.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if h.tcp {
		m, size, err = overTCP(c, wire, id, q)
	} else {
		m, size, err = overUDP(c, wire, id, q)
	}
	return m, size, sent, err
}

func network(a netip.Addr, tcp bool) string {
	switch {
	case tcp && a.Is4():
		return "tcp4"
	case tcp:
		return "tcp6"
	case a.Is4():
		return "udp4"
	}
	return "udp6"
}

// pack makes a query: not recursive, checking disabled, DNSSEC records wanted.
func pack(q question, id uint16, h how) ([]byte, error) {
	m := dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: id, Opcode: dns.OpcodeQuery, CheckingDisabled: true},
		Question: []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}},
	}
	if h.edns {
		m.SetEdns0(udpSize, true)
	}
	return m.Pack()
}

var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// overUDP reads until the reply comes or the deadline passes: whatever has
// another id or question may be forged, and the right one may still follow.
func overUDP(c net.Conn, wire []byte, id uint16, q question) (*dns.Msg, int, error) {
	if _, err := c.Write(wire); err != nil {
		return nil, 0, err
	}
	buf := buffers.Get().(*[4096]byte)
	defer buffers.Put(buf)
	var foreign error
	for range maxBad {
		n, err := c.Read(buf[:])
		if err != nil {
			if foreign != nil && dial.Classify(err) == verdict.Timeout {
				return nil, 0, foreign
			}
			return nil, 0, err
		}
		m, err := parse(buf[:n], id, q)
		switch {
		case errors.Is(err, errForeign):
			foreign = err
		case err != nil:
			return nil, n, err
		default:
			return m, n, nil
		}
	}
	return nil, 0, foreign
}

// overTCP reads one length-prefixed reply (RFC 1035 4.2.2), at most 64 KiB.
func overTCP(c net.Conn, wire []byte, id uint16, q question) (*dns.Msg, int, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, len(wire)+2), uint16(len(wire)))
	if _, err := c.Write(append(framed, wire...)); err != nil {
		return nil, 0, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, 0, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, buf); err != nil {
		return nil, 0, err
	}
	m, err := parse(buf, id, q)
	return m, len(buf), err
}

// parse unpacks a reply and compares its id and question with what was asked.
// An error reply may come without the question (RFC 1035 does not say it must
// have one, and FORMERR often has none).
func parse(b []byte, id uint16, q question) (*dns.Msg, error) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != id || b[2]&0x80 == 0 {
		return nil, errForeign
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		if !m.Truncated {
			return nil, fmt.Errorf("%w: %w", errMalformed, err)
		}
		// A server may cut a record in two and set TC: the header is enough to go on with TCP.
		m.Answer, m.Ns, m.Extra = nil, nil, nil
	}
	fine := m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
	switch {
	case m.Opcode != dns.OpcodeQuery:
		return nil, errForeign
	case len(m.Question) == 0 && !fine:
		return m, nil
	case len(m.Question) != 1:
		return nil, errForeign
	case fine && !m.Truncated && short(b, m):
		return nil, fmt.Errorf("%w: fewer records than its header counts", errMalformed)
	}
	got := m.Question[0]
	if got.Qtype != q.qtype || got.Qclass != dns.ClassINET || dns.CanonicalName(got.Name) != q.name {
		return nil, errForeign
	}
	return m, nil
}

// short says whether a message has fewer records than its header says. The
// library stops at the end of the data without an error, so a reply cut between
// two records would pass for one without those records.
func short(b []byte, m *dns.Msg) bool {
	count := func(i int) int { return int(binary.BigEndian.Uint16(b[i:])) }
	return len(m.Answer) < count(6) || len(m.Ns) < count(8) || len(m.Extra) < count(10)
}
