package resolve

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"
)

// unpack reads a reply to q as dns.Msg.Unpack does. The library reads the owner of each
// record anew, although most are pointers to few names (RFC 1035 4.1.4), the one asked
// for above all. Of a message with an error the header is given.
func unpack(b []byte, q question) (*dns.Msg, error) {
	m := new(dns.Msg)
	var sent [256]byte
	n, err := dns.PackDomainName(q.name, sent[:], 0, nil, false)
	records := headSize + n + 4
	if err != nil || len(b) < records || counted(b, 4) != 1 || !bytes.Equal(b[headSize:headSize+n], sent[:n]) {
		return m, m.Unpack(b) // another question or none
	}
	if err := m.Unpack(b[:headSize]); err != nil {
		return m, err
	}
	m.Question = []dns.Question{{Name: q.name, Qtype: binary.BigEndian.Uint16(b[records-4:]), Qclass: binary.BigEndian.Uint16(b[records-2:])}}
	u := unpacking{b: b, off: records}
	u.learn(headSize, q.name)
	if err := u.sections(m); err != nil {
		m.Answer, m.Ns, m.Extra = nil, nil, nil
		return m, err
	}
	if opt := m.IsEdns0(); opt != nil {
		m.Rcode |= opt.ExtendedRcode()
	}
	return m, nil
}

const (
	headSize = 12
	leastRR  = 11 // octets of a record: the root's name, type, class, TTL, length
)

// counted reads a field of the header that counts records.
func counted(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }

// unpacking is a message and how far it is read.
type unpacking struct {
	b      []byte
	off    int
	owners [8]owner // the latest
	known  int
}

// owner is a name and where it stands in the message.
type owner struct {
	at   int
	name string
}

// sections reads all records, as many as are there where the header counts more.
func (u *unpacking) sections(m *dns.Msg) error {
	counts := [3]int{counted(u.b, 6), counted(u.b, 8), counted(u.b, 10)}
	all := make([]dns.RR, 0, min(counts[0]+counts[1]+counts[2], (len(u.b)-u.off)/leastRR))
	for i, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		from := len(all)
		for n := counts[i]; n > 0 && u.off < len(u.b); n-- {
			rr, err := u.record()
			if err != nil {
				return err
			}
			all = append(all, rr)
		}
		if len(all) > from {
			*section = all[from:len(all):len(all)]
		}
	}
	return nil
}

// record reads the record at off.
func (u *unpacking) record() (dns.RR, error) {
	name, off, err := u.owner()
	if err != nil {
		return nil, err
	}
	data := off + 10
	if data > len(u.b) {
		return nil, dns.ErrBuf
	}
	h := dns.RR_Header{
		Name: name, Rrtype: binary.BigEndian.Uint16(u.b[off:]), Class: binary.BigEndian.Uint16(u.b[off+2:]),
		Ttl: binary.BigEndian.Uint32(u.b[off+4:]), Rdlength: binary.BigEndian.Uint16(u.b[off+8:]),
	}
	if u.off = data + int(h.Rdlength); u.off > len(u.b) {
		return nil, dns.ErrBuf
	}
	rr, _, err := dns.UnpackRRWithHeader(h, u.b[:u.off], data)
	return rr, err
}

// owner reads the name at off, and returns the offset after it.
func (u *unpacking) owner() (name string, end int, err error) {
	if u.off+2 > len(u.b) || u.b[u.off]&0xc0 != 0xc0 {
		return dns.UnpackDomainName(u.b, u.off)
	}
	at := int(binary.BigEndian.Uint16(u.b[u.off:]) & 0x3fff)
	for _, o := range u.owners[:min(u.known, len(u.owners))] {
		if o.at == at {
			return o.name, u.off + 2, nil
		}
	}
	if name, end, err = dns.UnpackDomainName(u.b, u.off); err == nil {
		u.learn(at, name)
	}
	return name, end, err
}

func (u *unpacking) learn(at int, name string) {
	u.owners[u.known%len(u.owners)] = owner{at, name}
	u.known++
}
