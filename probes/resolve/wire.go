package resolve

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/miekg/dns"
)

// asked is what a reply must fit.
type asked struct {
	id     uint16
	q      question
	cookie cookie
	udp    bool
	from   string // who asks, told where there is a cookie; may be empty
}

// pack makes a query: not recursive unless h says so, checking disabled, DNSSEC
// records wanted. The library's packing counts and compresses what has nothing to
// be compressed.
func pack(a asked, h how) ([]byte, error) {
	const head = 12
	wire := make([]byte, head+len(a.q.name)+2, head+len(a.q.name)+32+len(a.cookie.client)+len(a.cookie.server)+len(a.from))
	binary.BigEndian.PutUint16(wire, a.id)
	wire[3] = 0x10 // CD
	if h.rd {
		wire[2] = 1
	}
	wire[5] = 1 // a question
	end, err := dns.PackDomainName(a.q.name, wire, head, nil, false)
	if err != nil {
		return nil, err
	}
	wire = binary.BigEndian.AppendUint16(wire[:end], a.q.qtype)
	wire = binary.BigEndian.AppendUint16(wire, dns.ClassINET)
	if !h.edns {
		return wire, nil
	}
	wire[11] = 1 // an additional record: OPT (RFC 6891 6.1.2), with DO
	wire = append(wire, 0)
	wire = binary.BigEndian.AppendUint16(wire, dns.TypeOPT)
	wire = binary.BigEndian.AppendUint16(wire, udpSize)
	wire = append(wire, 0, 0, 0x80, 0, 0, 0)
	length := len(wire)
	if a.cookie.sent() {
		wire = option(wire, dns.EDNS0COOKIE, a.cookie.client, a.cookie.server)
		if a.from != "" {
			wire = option(wire, contactCode, a.from, "")
		}
	}
	binary.BigEndian.PutUint16(wire[length-2:], uint16(len(wire)-length))
	return wire, nil
}

// option adds an EDNS option whose data come in two parts.
func option(wire []byte, code uint16, data, more string) []byte {
	wire = binary.BigEndian.AppendUint16(wire, code)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(data)+len(more)))
	return append(append(wire, data...), more...)
}

// overTCP reads one length-prefixed reply (RFC 1035 4.2.2), at most 64 KiB.
func overTCP(c net.Conn, wire []byte, a asked) (received, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, len(wire)+2), uint16(len(wire)))
	if _, err := c.Write(append(framed, wire...)); err != nil {
		return received{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return received{}, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, buf); err != nil {
		return received{}, err
	}
	m, err := parse(buf, a)
	return received{m, len(buf)}, err
}

// parse unpacks a reply and compares its id, question and cookie with what was
// asked. An error reply may come without the question (RFC 1035 does not say it
// must have one, and FORMERR often has none).
func parse(b []byte, a asked) (*dns.Msg, error) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != a.id || b[2]&0x80 == 0 {
		return nil, errForeign
	}
	m, err := unpack(b, a.q)
	if err != nil {
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
	return len(m.Answer) < counted(b, 6) || len(m.Ns) < counted(b, 8) || len(m.Extra) < counted(b, 10)
}
