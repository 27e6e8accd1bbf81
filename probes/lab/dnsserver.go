package lab

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxUDP is the largest UDP answer, whatever the client offers (DNS flag day 2020).
const maxUDP = 1232

// nameServer answers for the zones it has, on one address.
type nameServer struct {
	zones  map[string]*zone
	faults faults
}

// pick returns the deepest zone at or above a name; for DS the parent's side of
// a cut, if this server has it (RFC 4035 3.1.4.1).
func (s *nameServer) pick(name string, qtype uint16) *zone {
	start := name
	if qtype == dns.TypeDS && name != "." {
		start = parentName(name)
		for n := start; ; n = parentName(n) {
			if z := s.zones[n]; z != nil {
				return z
			}
			if n == "." {
				break
			}
		}
		start = name
	}
	for n := start; ; n = parentName(n) {
		if z := s.zones[n]; z != nil {
			return z
		}
		if n == "." {
			return nil
		}
	}
}

// fault returns the first of the named faults that holds for a question's zone.
func (s *nameServer) fault(q dns.Question, names ...string) (fault, bool) {
	name := strings.ToLower(q.Name)
	for _, f := range s.faults {
		for _, n := range names {
			if f.name == n && f.where == "" && (f.zone == "" || under(name, f.zone) && s.deepestIs(name, f.zone)) {
				return f, true
			}
		}
	}
	return fault{}, false
}

// deepestIs keeps a fault of a zone away from zones below it on the same server.
func (s *nameServer) deepestIs(name, zone string) bool {
	for n := name; n != zone; n = parentName(n) {
		if s.zones[n] != nil || n == "." {
			return false
		}
	}
	return true
}

// handle returns the reply to one message, nil for silence, and how long to
// wait before sending it.
func (s *nameServer) handle(query []byte, udp bool) ([]byte, time.Duration) {
	req := new(dns.Msg)
	if err := req.Unpack(query); err != nil || req.Response {
		return nil, 0
	}
	m := new(dns.Msg)
	m.SetReply(req)
	m.RecursionAvailable = false
	if len(req.Question) != 1 || req.Opcode != dns.OpcodeQuery {
		m.Rcode = dns.RcodeNotImplemented
		return pack(m), 0
	}
	q, opt := req.Question[0], req.IsEdns0()
	slow, _ := s.fault(q, "slow")
	if _, ok := s.fault(q, "drop"); ok {
		return nil, 0
	}
	if _, ok := s.fault(q, "drop-aaaa"); ok && q.Qtype == dns.TypeAAAA {
		return nil, 0
	}
	if _, ok := s.fault(q, "drop-edns"); ok && opt != nil {
		return nil, 0
	}
	if f, ok := s.fault(q, "no-edns", "servfail", "refused", "lame"); ok && (f.name != "no-edns" || opt != nil) {
		return pack(refusal(m, f)), slow.wait()
	}
	s.fill(m, q, opt)
	size := sizeLimit(opt, udp)
	if _, ok := s.fault(q, "truncate"); ok && udp {
		m.Answer, m.Ns, m.Extra, m.Truncated = nil, nil, nil, true
	}
	m.Compress = true
	if _, ok := s.fault(q, "no-edns"); !ok && opt != nil {
		m.SetEdns0(maxUDP, opt.Do())
	}
	m.Truncate(size)
	return s.spoil(m, q), slow.wait()
}

func sizeLimit(opt *dns.OPT, udp bool) int {
	switch {
	case !udp:
		return dns.MaxMsgSize
	case opt == nil:
		return dns.MinMsgSize
	}
	return min(maxUDP, max(dns.MinMsgSize, int(opt.UDPSize())))
}

// fill answers from the zone in charge, or refuses.
func (s *nameServer) fill(m *dns.Msg, q dns.Question, opt *dns.OPT) {
	z := s.pick(strings.ToLower(q.Name), q.Qtype)
	if z == nil || q.Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
		return
	}
	_, stripped := s.fault(q, "strip-rrsig")
	z.answer(m, q, opt != nil && opt.Do() && !stripped)
	if _, ok := s.fault(q, "no-aa"); ok {
		m.Authoritative = false
	}
}

// refusal is the reply of a server that is broken as a whole.
func refusal(m *dns.Msg, f fault) *dns.Msg {
	switch f.name {
	case "no-edns":
		m.Rcode = dns.RcodeFormatError
	case "servfail":
		m.Rcode = dns.RcodeServerFailure
	case "refused":
		m.Rcode = dns.RcodeRefused
	case "lame":
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 3600}, Ns: "a.root.lab."}}
	}
	return m
}

// spoil packs a good reply and breaks it as the faults say.
func (s *nameServer) spoil(m *dns.Msg, q dns.Question) []byte {
	if _, ok := s.fault(q, "wrong-question"); ok {
		m.Question[0].Name = "wrong-question.invalid."
	}
	b := pack(m)
	if _, ok := s.fault(q, "wrong-id"); ok {
		b[0] ^= 0xff
	}
	if _, ok := s.fault(q, "garbage"); ok {
		for i := 12; i < len(b); i++ {
			b[i] = 0xff
		}
	}
	return b
}

// pack never fails on what the lab's own zones hold; a record that cannot be
// packed gives SERVFAIL.
func pack(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		bad := new(dns.Msg)
		bad.SetRcode(&dns.Msg{MsgHdr: dns.MsgHdr{Id: m.Id}, Question: m.Question}, dns.RcodeServerFailure)
		b, _ = bad.Pack()
	}
	return b
}

// serveTCP answers messages on one connection until it ends (RFC 7766).
func serveTCP(ctx context.Context, c net.Conn, handle func([]byte, bool) ([]byte, time.Duration)) {
	for {
		c.SetReadDeadline(time.Now().Add(idleTime))
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		answer, wait := handle(query, false)
		if !sleep(ctx, wait) {
			return
		}
		if answer == nil {
			continue
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// sleep waits, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
