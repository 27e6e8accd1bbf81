package dnssec

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// z returns a zone of the world.
func (w *world) z(apex string) *tzone { return w.zones[mustName(apex)] }

// at amends the answer to one question; amendments add up.
func (w *world) at(q string, qtype uint16, f func(m *dns.Msg)) {
	before, n := w.amend, mustName(q)
	w.amend = func(name name, t uint16, m *dns.Msg) *dns.Msg {
		if before != nil {
			m = before(name, t, m)
		}
		if name == n && t == qtype {
			f(m)
		}
		return m
	}
}

// everywhere amends all answers.
func (w *world) everywhere(f func(m *dns.Msg)) {
	before := w.amend
	w.amend = func(name name, t uint16, m *dns.Msg) *dns.Msg {
		if before != nil {
			m = before(name, t, m)
		}
		f(m)
		return m
	}
}

// both applies f to the records of both sections.
func both(m *dns.Msg, f func([]dns.RR) []dns.RR) {
	m.Answer, m.Ns = f(m.Answer), f(m.Ns)
}

func covers(rr dns.RR, t uint16) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && sig.TypeCovered == t
}

// strip drops the records of a type with their signatures.
func strip(t uint16) func(*dns.Msg) {
	return func(m *dns.Msg) {
		both(m, func(s []dns.RR) []dns.RR {
			return slices.DeleteFunc(s, func(rr dns.RR) bool { return rr.Header().Rrtype == t || covers(rr, t) })
		})
	}
}

// stripSig drops the signatures covering a type.
func stripSig(t uint16) func(*dns.Msg) {
	return func(m *dns.Msg) {
		both(m, func(s []dns.RR) []dns.RR { return slices.DeleteFunc(s, func(rr dns.RR) bool { return covers(rr, t) }) })
	}
}

// stripOwner drops the records of a type at one owner with their signatures.
func stripOwner(owner string, t uint16) func(*dns.Msg) {
	return func(m *dns.Msg) {
		both(m, func(s []dns.RR) []dns.RR {
			return slices.DeleteFunc(s, func(rr dns.RR) bool {
				return strings.EqualFold(rr.Header().Name, owner) && (rr.Header().Rrtype == t || covers(rr, t))
			})
		})
	}
}

// eachSig changes the signatures covering a type after they were made.
func eachSig(t uint16, f func(*dns.RRSIG)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		for _, rr := range slices.Concat(m.Answer, m.Ns) {
			if covers(rr, t) {
				f(rr.(*dns.RRSIG))
			}
		}
	}
}

// flip changes one bit of the signature.
func flip(sig *dns.RRSIG) {
	b := []byte(sig.Signature)
	if b[5] == 'A' {
		b[5] = 'B'
	} else {
		b[5] = 'A'
	}
	sig.Signature = string(b)
}

// signing changes the fields of the signature on one set before it is made.
func (z *tzone) signing(owner string, t uint16, f func(sig *dns.RRSIG)) {
	z.signingAs(owner, t, func(sig *dns.RRSIG, _ *tkey) { f(sig) })
}

func (z *tzone) signingAs(owner string, t uint16, f func(sig *dns.RRSIG, k *tkey)) {
	before, n := z.resign, mustName(owner)
	z.resign = func(set []dns.RR, sig *dns.RRSIG, k *tkey) {
		if before != nil {
			before(set, sig, k)
		}
		if h := set[0].Header(); h.Rrtype == t && mustName(h.Name) == n {
			f(sig, k)
		}
	}
}

func unix(t time.Time) uint32 { return uint32(t.Unix()) }

// from makes the answer to another question, of the zone named, its own.
func (w *world) from(apex, q string, qtype uint16) func(*dns.Msg) {
	return func(m *dns.Msg) {
		other := w.z(apex).answer(mustName(q), qtype)
		m.Answer, m.Ns, m.Rcode = nil, nil, other.Rcode
		for _, rr := range other.Answer {
			m.Answer = append(m.Answer, dns.Copy(rr))
		}
		for _, rr := range other.Ns {
			m.Ns = append(m.Ns, dns.Copy(rr))
		}
	}
}

// rename gives the answer's records another owner.
func rename(from, to string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		for _, rr := range slices.Concat(m.Answer, m.Ns) {
			if strings.EqualFold(rr.Header().Name, from) {
				rr.Header().Name = to
			}
		}
	}
}

func rr(text string) dns.RR {
	r, err := dns.NewRR(text)
	if err != nil || r == nil {
		panic("bad record " + text)
	}
	return r
}

// prove replaces the authority section by denial records for the names given,
// as they stand in the zone.
func (w *world) prove(apex string, rcode int, names ...string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		z := w.z(apex)
		m.Answer, m.Ns, m.Rcode = nil, nil, rcode
		z.soa(m)
		for _, n := range names {
			if z.nsec3 {
				rr, _ := z.nsec3At(mustName(n))
				z.denial(m, rr)
			} else {
				z.denial(m, z.nsecAt(mustName(n)))
			}
		}
		for i := range m.Ns {
			m.Ns[i] = dns.Copy(m.Ns[i])
		}
	}
}

func do(fs ...func(*dns.Msg)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		for _, f := range fs {
			f(m)
		}
	}
}

// sameTag makes n working keys that have k's tag and algorithm: reserved flag
// bits, which mean nothing, are set so that the sum comes out right.
func sameTag(k *dns.DNSKEY, n int) []*dns.DNSKEY {
	var out []*dns.DNSKEY
	want := k.KeyTag()
	for len(out) < n {
		c := &dns.DNSKEY{Hdr: k.Hdr, Flags: 256, Protocol: 3, Algorithm: k.Algorithm}
		if _, err := c.Generate(defaultBits(k.Algorithm)); err != nil {
			panic(err)
		}
		c.Flags += want - c.KeyTag()
		if c.Flags&dns.ZONE != 0 && c.Flags&dns.REVOKE == 0 && c.KeyTag() == want {
			out = append(out, c)
		}
	}
	return out
}

func mustBase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
