//go:debug rsa1024min=0
// (so that the tests can make the short RSA keys that old zones still have)

package dnssec

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// testNow is the moment all worlds are signed for.
var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// spec describes one zone of a test world.
type spec struct {
	apex     string
	text     string // records, relative to the apex
	alg      uint8  // 0: ECDSAP256SHA256
	bits     int    // 0: usual for the algorithm
	unsigned bool
	noDS     bool    // signed, but the parent has no DS
	digests  []uint8 // of the DS records, default SHA-256
	nsec3    bool
	optOut   bool
	iter     uint16
	salt     string
	oneKey   bool // one key for everything
	ed       func(*tzone)
}

type tkey struct {
	rr   *dns.DNSKEY
	priv crypto.Signer
}

// tzone is a zone with its keys; sets are signed when first asked for.
type tzone struct {
	spec
	apex     name
	sets     map[setKey][]dns.RR
	nodes    map[name]bool // every existing name, empty ones included
	cuts     map[name]bool
	ksk, zsk tkey
	keys     []*dns.DNSKEY // the published set
	ds       []dns.RR      // as the parent publishes them
	from, to time.Time     // validity of signatures
	signed   map[setKey][]dns.RR
	// resign changes a fresh signature's fields before signing (nil: none).
	resign func(set []dns.RR, sig *dns.RRSIG, k *tkey)
}

// world is an Internet of signed zones that answers as the Source contract says.
type world struct {
	mu    sync.Mutex
	zones map[name]*tzone
	// amend changes an answer before it is given.
	amend   func(q name, qtype uint16, m *dns.Msg) *dns.Msg
	asked   map[string]int
	errs    map[string]error
	anchors []dns.RR
}

func key16(n name, t uint16) string { return n.String() + " " + typeName(t) }

func mustName(s string) name {
	n, ok := parseName(s)
	if !ok {
		panic("bad name " + s)
	}
	return n
}

var keyPool sync.Map // "alg/bits/serial" to tkey, since RSA keys take long

func poolKey(alg uint8, bits, serial int) tkey {
	id := fmt.Sprint(alg, "/", bits, "/", serial)
	if k, ok := keyPool.Load(id); ok {
		return k.(tkey)
	}
	rr := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 256, Protocol: 3, Algorithm: alg}
	var k tkey
	if alg == dns.ED25519 { // the same in every process, for fuzzing
		seed := sha256.Sum256([]byte(id))
		priv := ed25519.NewKeyFromSeed(seed[:])
		rr.PublicKey = base64.StdEncoding.EncodeToString(priv.Public().(ed25519.PublicKey))
		k = tkey{rr, priv}
	} else {
		priv, err := rr.Generate(bits)
		if err != nil {
			panic(err)
		}
		k = tkey{rr, priv.(crypto.Signer)}
	}
	keyPool.Store(id, k)
	return k
}

func defaultBits(alg uint8) int {
	switch alg {
	case dns.ECDSAP256SHA256, dns.ED25519:
		return 256
	case dns.ECDSAP384SHA384:
		return 384
	}
	return 1024
}

func (s spec) key(serial int, flags uint16) tkey {
	alg := s.alg
	if alg == 0 {
		alg = dns.ECDSAP256SHA256
	}
	bits := s.bits
	if bits == 0 {
		bits = defaultBits(alg)
	}
	k := poolKey(alg, bits, serial)
	rr := *k.rr
	rr.Hdr.Name = s.apex
	rr.Flags = flags
	return tkey{&rr, k.priv}
}

func newWorld(tb testing.TB, specs ...spec) *world {
	tb.Helper()
	w := &world{zones: map[name]*tzone{}, asked: map[string]int{}, errs: map[string]error{}}
	for i, s := range specs {
		z := &tzone{spec: s, apex: mustName(s.apex), sets: map[setKey][]dns.RR{}, nodes: map[name]bool{}, cuts: map[name]bool{},
			from: testNow.Add(-24 * time.Hour), to: testNow.Add(14 * 24 * time.Hour), signed: map[setKey][]dns.RR{}}
		text := fmt.Sprintf("$ORIGIN %s\n$TTL 3600\n@ SOA ns.%s hostmaster.%s 1 7200 3600 604800 300\n@ NS ns\n%s\n",
			s.apex, strings.TrimPrefix(s.apex, "."), strings.TrimPrefix(s.apex, "."), s.text)
		zp := dns.NewZoneParser(strings.NewReader(text), "", "")
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			z.put(rr)
		}
		if err := zp.Err(); err != nil {
			tb.Fatalf("zone %s: %v", s.apex, err)
		}
		if !s.unsigned {
			z.ksk, z.zsk = s.key(2*i, 257), s.key(2*i+1, 256)
			z.keys = []*dns.DNSKEY{z.ksk.rr, z.zsk.rr}
			if s.oneKey {
				z.zsk, z.keys = z.ksk, z.keys[:1]
			}
			digests := s.digests
			if digests == nil {
				digests = []uint8{dns.SHA256}
			}
			for _, d := range digests {
				z.ds = append(z.ds, z.ksk.rr.ToDS(d))
			}
		}
		w.zones[z.apex] = z
	}
	for _, z := range w.zones {
		if z.ed != nil {
			z.ed(z)
		}
	}
	for _, z := range w.zones {
		w.finish(z)
	}
	if r := w.zones[root]; r != nil {
		w.anchors = append(w.anchors, r.ds...)
	}
	return w
}

func (z *tzone) put(rr dns.RR) {
	k := setKey{mustName(rr.Header().Name), rr.Header().Rrtype}
	z.sets[k] = append(z.sets[k], rr)
}

// finish adds what follows from the other zones and makes the chain of names.
func (w *world) finish(z *tzone) {
	for _, c := range w.zones {
		if c == z || w.above(c.apex) != z {
			continue
		}
		ns, _ := dns.NewRR(c.apex.String() + " 3600 NS ns." + strings.TrimPrefix(c.apex.String(), "."))
		z.put(ns)
		if !c.unsigned && !c.noDS {
			for _, ds := range c.ds {
				z.put(ds)
			}
		}
	}
	for k := range z.sets {
		if k.rrtype == dns.TypeNS && k.owner != z.apex {
			z.cuts[k.owner] = true
		}
	}
	if !z.unsigned {
		for _, k := range z.keys {
			z.put(k)
		}
		if z.nsec3 {
			rr, _ := dns.NewRR(fmt.Sprintf("%s 0 NSEC3PARAM 1 0 %d %s", z.apex, z.iter, saltText(z.salt)))
			z.put(rr)
		}
	}
	for k := range z.sets {
		if z.glue(k.owner) {
			continue
		}
		for n := k.owner; ; n = n.parent() {
			z.nodes[n] = true
			if n == z.apex {
				break
			}
		}
	}
}

func saltText(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// glue reports that n lies below a zone cut.
func (z *tzone) glue(n name) bool {
	for n != z.apex && n != root {
		n = n.parent()
		if z.cuts[n] && n != z.apex {
			return true
		}
	}
	return false
}

func (w *world) above(n name) *tzone {
	for n != root {
		n = n.parent()
		if z := w.zones[n]; z != nil {
			return z
		}
	}
	return nil
}

func (w *world) zoneFor(n name, qtype uint16) *tzone {
	if qtype == dns.TypeDS && n != root {
		if z := w.above(n); z != nil {
			return z
		}
	}
	if z := w.zones[n]; z != nil {
		return z
	}
	return w.above(n)
}

// Query answers as the Source contract says.
func (w *world) Query(ctx context.Context, qname string, qtype uint16) (*dns.Msg, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := mustName(qname)
	w.asked[key16(n, qtype)]++
	if err := w.errs[key16(n, qtype)]; err != nil {
		return nil, err
	}
	z := w.zoneFor(n, qtype)
	if z == nil {
		return nil, errors.New("no zone for " + qname)
	}
	m := z.answer(n, qtype)
	for i := range m.Answer {
		m.Answer[i] = dns.Copy(m.Answer[i])
	}
	for i := range m.Ns {
		m.Ns[i] = dns.Copy(m.Ns[i])
	}
	if w.amend != nil {
		m = w.amend(n, qtype, m)
	}
	return m, nil
}

func (w *world) validator() *Validator {
	return New(w, w.anchors, func() time.Time { return testNow })
}
