package resolve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/miekg/dns"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// asked is what a reply must fit.
type asked struct {
	id     uint16
	q      question
	cookie cookie
	udp    bool
	from   string // who asks, told where there is a cookie; may be empty
}

// pack makes a query: not recursive unless h says so, checking disabled, DNSSEC records wanted.
func pack(a asked, h how) ([]byte, error) {
	m := dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: a.id, Opcode: dns.OpcodeQuery, CheckingDisabled: true, RecursionDesired: h.rd},
		Question: []dns.Question{{Name: a.q.name, Qtype: a.q.qtype, Qclass: dns.ClassINET}},
	}
	if h.edns {
		m.SetEdns0(udpSize, true)
		if a.cookie.sent() {
			opt := m.IsEdns0()
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: a.cookie.hex()})
			if a.from != "" {
				opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: contactCode, Data: []byte(a.from)})
			}
		}
	}
	return m.Pack()
}

var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// overUDP reads until the reply comes or the deadline passes: whatever has
// another id, question or cookie may be forged, and the right one may still follow.
func overUDP(c net.Conn, wire []byte, a asked) (*dns.Msg, int, error) {
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
		m, err := parse(buf[:n], a)
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
func overTCP(c net.Conn, wire []byte, a asked) (*dns.Msg, int, error) {
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
	m, err := parse(buf, a)
	return m, len(buf), err
}

// parse unpacks a reply and compares its id, question and cookie with what was
// asked. An error reply may come without the question (RFC 1035 does not say it
// must have one, and FORMERR often has none).
func parse(b []byte, a asked) (*dns.Msg, error) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != a.id || b[2]&0x80 == 0 {
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
		return a.checked(m)
	case len(m.Question) != 1:
		return nil, errForeign
	case fine && !m.Truncated && short(b, m):
		return nil, fmt.Errorf("%w: fewer records than its header counts", errMalformed)
	}
	got := m.Question[0]
	if got.Qtype != a.q.qtype || got.Qclass != dns.ClassINET || dns.CanonicalName(got.Name) != a.q.name {
		return nil, errForeign
	}
	if fine && !m.Truncated {
		faithful(b, m)
	}
	return a.checked(m)
}

func (a asked) checked(m *dns.Msg) (*dns.Msg, error) {
	if err := a.cookie.check(m, a.udp); err != nil {
		return nil, err
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
