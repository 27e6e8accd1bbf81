package dnssec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ready6/probes/verdict"
)

var kept = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// version is one version of the zone a.vn, as one server serves it.
type version struct {
	serial, expire, ttl uint32
	primary             string
	keys                []*dns.DNSKEY
	ksk, zsk            []*dns.DNSKEY // what signs the keys, and the rest
	from, to            time.Duration // of the signatures, relative to kept
	types               map[uint16][2]time.Duration
	bare, plain         bool // no signatures; no EDNS
	cds, cdnskey        []dns.RR
	nsec3               *dns.NSEC3
	next                string // of the NSEC record
}

// signersOf has the private keys by DNSKEY, of the algorithms that are checked.
var signersOf = map[string]crypto.Signer{}

// keyOf makes a key that is different for each number.
func keyOf(n byte, flags uint16, alg uint8) *dns.DNSKEY {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: flags, Protocol: 3, Algorithm: alg}
	pub := bytes.Repeat([]byte{n}, 64)
	if alg == dns.ECDSAP256SHA256 {
		scalar := make([]byte, 32)
		scalar[31] = n
		secret, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			panic(err)
		}
		point, err := secret.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		pub = point[1:]
		defer func() { signersOf[k.PublicKey] = secret }()
	}
	k.PublicKey = base64.StdEncoding.EncodeToString(pub)
	return k
}

// rsaOf makes one key of each size.
var rsaOf = map[int]func() *rsa.PrivateKey{2048: rsaOnce(2048), 2047: rsaOnce(2047)}

func rsaOnce(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		secret, err := rsa.GenerateKey(crand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return secret
	})
}

// rsaKey makes an RSA key with a modulus of so many bits.
func rsaKey(alg uint8, bits int) *dns.DNSKEY {
	k := keyOf(9, 257, alg)
	secret := rsaOf[bits]()
	k.PublicKey = base64.StdEncoding.EncodeToString(append([]byte{3, 1, 0, 1}, secret.N.Bytes()...))
	signersOf[k.PublicKey] = secret
	return k
}

var (
	kskA, kskB = keyOf(1, 257, 13), keyOf(2, 257, 13)
	zskA, zskB = keyOf(3, 256, 13), keyOf(4, 256, 13)
)

func dsOf(k *dns.DNSKEY, digest uint8) *dns.DS { return k.ToDS(digest) }

func cdsOf(k *dns.DNSKEY) dns.RR {
	c := &dns.CDS{DS: *k.ToDS(dns.SHA256)}
	c.Hdr.Rrtype = dns.TypeCDS
	return c
}

func cdnskeyOf(k *dns.DNSKEY) dns.RR {
	c := &dns.CDNSKEY{DNSKEY: *k}
	c.Hdr.Rrtype = dns.TypeCDNSKEY
	return c
}

func deleteCDS() dns.RR {
	return &dns.CDS{DS: dns.DS{Hdr: dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeCDS, Class: 1, Ttl: 3600}, Digest: "00"}}
}

func deleteCDNSKEY() dns.RR {
	return &dns.CDNSKEY{DNSKEY: dns.DNSKEY{Hdr: dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeCDNSKEY, Class: 1, Ttl: 3600}, Protocol: 3, PublicKey: "AA=="}}
}

func healthy() *version {
	return &version{serial: 10, expire: 604800, ttl: 3600, primary: "ns1.a.vn.", keys: []*dns.DNSKEY{kskA, zskA},
		ksk: []*dns.DNSKEY{kskA}, zsk: []*dns.DNSKEY{zskA}, from: -day, to: 14 * day, next: "b.a.vn.", types: map[uint16][2]time.Duration{}}
}

// signed adds the version's signatures to a set.
func (v *version) signed(rrs ...dns.RR) []dns.RR {
	for _, rr := range rrs {
		rr.Header().Ttl = v.ttl
	}
	h := *rrs[0].Header()
	if v.bare {
		return rrs
	}
	by, life := v.zsk, [2]time.Duration{v.from, v.to}
	if h.Rrtype == dns.TypeDNSKEY {
		by = v.ksk
	}
	if own, ok := v.types[h.Rrtype]; ok {
		life = own
	}
	set := rrs
	for _, k := range by {
		sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: 1, Ttl: h.Ttl}, TypeCovered: h.Rrtype, Algorithm: k.Algorithm,
			SignerName: "a.vn.", KeyTag: k.KeyTag(), Inception: uint32(kept.Add(life[0]).Unix()), Expiration: uint32(kept.Add(life[1]).Unix())}
		if secret := signersOf[k.PublicKey]; secret != nil {
			if err := sig.Sign(secret, set); err != nil {
				panic(err)
			}
		}
		rrs = append(rrs, sig)
	}
	return rrs
}

func (v *version) answer(rrs []dns.RR) ServerAnswer {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}}
	if !v.plain {
		m.SetEdns0(1232, true)
	}
	if len(rrs) > 0 {
		m.Answer = v.signed(rrs...)
		return ServerAnswer{Msg: m, Size: 500}
	}
	m.Ns = v.signed(v.soa())
	h := dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeNSEC, Class: 1, Ttl: 300}
	if v.nsec3 != nil {
		n := *v.nsec3
		n.Hdr = h
		n.Hdr.Name, n.Hdr.Rrtype = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.a.vn.", dns.TypeNSEC3
		m.Ns = append(m.Ns, v.signed(&n)...)
	} else if len(v.keys) > 0 {
		m.Ns = append(m.Ns, v.signed(&dns.NSEC{Hdr: h, NextDomain: v.next})...)
	}
	return ServerAnswer{Msg: m, Size: 400}
}

func (v *version) soa() dns.RR {
	return &dns.SOA{Hdr: dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeSOA, Class: 1}, Ns: v.primary, Mbox: "h.a.vn.", Serial: v.serial, Expire: v.expire}
}

func (v *version) ns() dns.RR {
	return &dns.NS{Hdr: dns.RR_Header{Name: "a.vn.", Rrtype: dns.TypeNS, Class: 1}, Ns: "ns1.a.vn."}
}

// at is what a server with this version says.
func (v *version) at(server string) ServerView {
	var keys []dns.RR
	for _, k := range v.keys {
		keys = append(keys, dns.Copy(k))
	}
	view := ServerView{Server: server, Addr: "2001:db8::" + server[2:3], SOA: v.answer([]dns.RR{v.soa()}), NS: v.answer([]dns.RR{v.ns()}), DNSKEY: v.answer(keys), DNSKEYTCP: v.answer(keys),
		CDS: v.answer(slices.Clone(v.cds)), CDNSKEY: v.answer(slices.Clone(v.cdnskey))}
	view.Later = view.SOA
	return view
}

// served is the zone on two servers, healthy until something is broken.
type served struct {
	a, b *version
	in   PostureInput
	then func(in *PostureInput) // breaks what the servers said
}

func newServed() *served {
	return &served{a: healthy(), b: healthy(), in: PostureInput{Zone: "a.vn.", Parent: "vn.", DS: []dns.RR{dsOf(kskA, dns.SHA256)}, ParentSigned: true, Now: kept, Lead: 3 * day}}
}

func (w *served) judge() []PostureFinding {
	w.in.Servers = []ServerView{w.a.at("ns1.a.vn."), w.b.at("ns2.a.vn.")}
	if w.then != nil {
		w.then(&w.in)
	}
	return Posture(w.in)
}

func codesOf(list []PostureFinding) string {
	var out []string
	for _, f := range list {
		out = append(out, strings.TrimPrefix(string(f.Code), "posture."))
	}
	return strings.Join(out, " ")
}

func onBoth(f func(v *version)) func(*served) { return func(w *served) { f(w.a); f(w.b) } }

// TestPosture breaks one thing at a time, and beside it goes just not so far.
func TestPosture(t *testing.T) {
	for _, tc := range slices.Concat(serverCases, timeCases, signerCases, cdsCases) {
		t.Run(tc.name, func(t *testing.T) {
			w := newServed()
			tc.change(w)
			got := w.judge()
			if codesOf(got) != tc.want {
				t.Errorf("got %q, want %q", codesOf(got), tc.want)
			}
			checkWords(t, got)
			for _, f := range got {
				if role, ok := tc.owner[f.Code]; ok && (f.Owner.Role != role.Role || f.Owner.Name != role.Name) {
					t.Errorf("%s: owner %+v, want %+v", f.Code, f.Owner, role)
				}
			}
			if tc.says != "" && !slices.ContainsFunc(got, func(f PostureFinding) bool { return strings.Contains(f.Detail, tc.says) }) {
				t.Errorf("nothing says %q: %s", tc.says, got[0].Detail)
			}
		})
	}
}

type postureCase struct {
	name   string
	change func(*served)
	want   string
	says   string
	owner  map[verdict.Reason]verdict.Owner
}

// checkWords protects the reader: no sentence with gaps, in either language, and
// somebody who can mend it.
func checkWords(t *testing.T, got []PostureFinding) {
	t.Helper()
	for _, f := range got {
		for _, lang := range []verdict.Lang{verdict.EN, verdict.VI} {
			r := verdict.Result{Check: verdict.Posture, Reason: f.Code, Subject: "a.vn", Args: f.Args}
			if s := r.Title(lang) + r.Advice(lang); strings.Contains(s, "…") || strings.Contains(s, "posture.") {
				t.Errorf("%s: %q", f.Code, s)
			}
		}
		if f.Owner.Role == "" || verdict.Lookup(f.Code).State != "" {
			t.Errorf("%s: owner %+v, state %q", f.Code, f.Owner, verdict.Lookup(f.Code).State)
		}
	}
}

// TestEveryPostureReasonIsGiven protects the catalogue from dead wood.
func TestEveryPostureReasonIsGiven(t *testing.T) {
	given := map[verdict.Reason]bool{}
	for _, tc := range slices.Concat(serverCases, timeCases, signerCases, cdsCases) {
		w := newServed()
		tc.change(w)
		for _, f := range w.judge() {
			given[f.Code] = true
		}
	}
	for _, e := range verdict.Catalogue() {
		if e.Check == verdict.Posture && !given[e.Reason] {
			t.Errorf("no case gives %s", e.Reason)
		}
	}
}

// Whatever a server leaves out, or is silent about, is never a fault of the
// other one, and no finding comes from silence alone.
func TestSilenceIsNoFault(t *testing.T) {
	for range 1000 {
		w := newServed()
		w.then = func(in *PostureInput) {
			for i := range in.Servers {
				v := &in.Servers[i]
				for _, a := range []*ServerAnswer{&v.SOA, &v.NS, &v.Later, &v.DNSKEY, &v.CDS, &v.CDNSKEY} {
					if rand.IntN(3) == 0 {
						*a = ServerAnswer{Cause: verdict.Timeout}
					}
				}
				if v.DNSKEY.Msg == nil {
					v.DNSKEYTCP = ServerAnswer{}
				}
			}
			if rand.IntN(4) == 0 {
				in.DS, in.DSCause = nil, verdict.Timeout
			}
		}
		got := w.judge()
		if len(got) == 0 {
			t.Fatalf("nothing said of %+v", w.in)
		}
		for _, f := range got {
			if o := verdict.Lookup(f.Code).Outcome; o == verdict.Fail || o == verdict.Warn || o == verdict.NotApplicable {
				t.Fatalf("%s (%s) from silence: %s", f.Code, o, f.Detail)
			}
		}
		checkWords(t, got)
	}
}

// Serials are compared as RFC 1982 3.2 says.
func TestNewer(t *testing.T) {
	for _, tc := range []struct {
		a, b uint32
		want bool
	}{{2, 1, true}, {1, 2, false}, {1, 1, false}, {0, 1<<32 - 1, true}, {1<<31 - 1, 0, true}, {1 << 31, 0, false}, {0, 1 << 31, false}} {
		if newer(tc.a, tc.b) != tc.want {
			t.Errorf("%d after %d: %t", tc.a, tc.b, !tc.want)
		}
	}
}

// Hostile answers: parts of one zone's answers put together at random are judged
// without a panic, and every finding can be read.
func TestPostureOfRubbish(t *testing.T) {
	var parts []ServerAnswer
	for _, tc := range slices.Concat(serverCases, timeCases, signerCases, cdsCases) {
		w := newServed()
		tc.change(w)
		w.judge()
		for _, v := range w.in.Servers {
			parts = append(parts, v.SOA, v.NS, v.DNSKEY, v.CDS, v.CDNSKEY, v.NSEC3PARAM)
		}
	}
	any := func() ServerAnswer { return parts[rand.IntN(len(parts))] }
	for range 1500 {
		in := PostureInput{Zone: "a.vn.", Parent: "vn.", DS: []dns.RR{dsOf(kskA, dns.SHA256), &dns.DS{Hdr: dns.RR_Header{Name: "a.vn.", Class: 1}, Digest: "zz"}}, ParentSigned: true, Now: kept, Lead: 3 * day}
		for i := range 1 + rand.IntN(4) {
			in.Servers = append(in.Servers, ServerView{Server: fmt.Sprintf("ns%d.a.vn.", i%2), Addr: fmt.Sprint(i), SOA: any(), NS: any(), Later: any(), DNSKEY: any(), DNSKEYTCP: any(), CDS: any(), CDNSKEY: any(), NSEC3PARAM: any()})
		}
		SerialsDiffer(in.Zone, in.Servers)
		checkWords(t, Posture(in))
	}
}
