package resolve

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// wireOf is a reply to a question of the type, with one such record of these data
// between two others, the owner compressed.
func wireOf(t *testing.T, rrtype uint16, data []byte) ([]byte, asked) {
	t.Helper()
	q := question{"name.example.", rrtype}
	m := new(dns.Msg)
	m.SetQuestion(q.name, rrtype)
	m.Response, m.Authoritative = true, true
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range []struct {
		rrtype uint16
		data   []byte
	}{{dns.TypeA, []byte{192, 0, 2, 1}}, {rrtype, data}, {dns.TypeNS, []byte{0xc0, 12}}} {
		b = append(b, 0xc0, 12)
		b = binary.BigEndian.AppendUint16(b, rr.rrtype)
		b = append(b, 0, 1, 0, 0, 0, 60)
		b = binary.BigEndian.AppendUint16(b, uint16(len(rr.data)))
		b = append(b, rr.data...)
	}
	b[7] = 3
	return b, asked{id: m.Id, q: q, udp: true}
}

// TestRecordsAreWrittenAsTheyCame: what a signature covers is what came.
func TestRecordsAreWrittenAsTheyCame(t *testing.T) {
	for _, c := range []struct {
		what   string
		rrtype uint16
		data   string
		form   string // what the record's text must have
	}{
		{"CAA", dns.TypeCAA, "\x00\x05issueca.example", `0 issue "ca.example"`},
		{"CAA with a backslash", dns.TypeCAA, "\x00\x05issueca\\.example", `\# 18 `},
		{"CAA with what looks like an escape", dns.TypeCAA, "\x00\x05issueca\\065", `\# 13 `},
		{"CAA longer than the library writes", dns.TypeCAA, "\x00\x05issue" + strings.Repeat("x", 1500), `\# 1507 `},
		{"URI with a backslash", dns.TypeURI, "\x00\x01\x00\x01file:\\\\host", `\# 15 `},
		{"ISDN without a subaddress", dns.TypeISDN, "\x0515551", `\# 6 `},
		{"an unknown type", 65280, "\x00\xc0\x0c\x01", `\# 4 00c00c01`},
		{"an unknown type, empty", 65280, "", `\# 0`},
		{"HTTPS", dns.TypeHTTPS, "\x00\x01\x00\x00\x01\x00\x03\x02h2", `alpn="h2"`},
		{"APL, empty", dns.TypeAPL, "", "APL"},
	} {
		b, a := wireOf(t, c.rrtype, []byte(c.data))
		m, err := parse(b, a)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		rr := m.Answer[1]
		if !strings.Contains(rr.String(), c.form) || rr.Header().Name != a.q.name || rr.Header().Rrtype != c.rrtype {
			t.Errorf("%s: shown as %s", c.what, rr)
		}
		buf := make([]byte, 4096)
		end, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil || !bytes.HasSuffix(buf[:end], []byte(c.data)) || end != len(a.q.name)+1+10+len(c.data) {
			t.Errorf("%s: %d octets came, written as %x (%v)", c.what, len(c.data), buf[:end], err)
		}
		if fmt.Sprintf("%T %T", m.Answer[0], m.Answer[2]) != "*dns.A *dns.NS" {
			t.Errorf("%s: the records beside it became %v", c.what, m.Answer)
		}
	}
}
