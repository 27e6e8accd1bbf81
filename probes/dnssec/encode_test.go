package dnssec

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/miekg/dns"
)

// An ECDSA signature is turned into the one DER form that there is of its numbers,
// however many zeros they begin with.
func TestECDSASignaturesAsDER(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{32, 48} {
		for range 2000 {
			sig := make([]byte, 2*size)
			for i := range sig {
				sig[i] = byte(r.Uint32()) | byte(r.IntN(2)*0x80)
			}
			clear(sig[:r.IntN(size+1)*r.IntN(2)]) // often none
			clear(sig[size : size+r.IntN(size+1)*r.IntN(2)])
			want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])})
			must(t, err)
			if got := appendECDSA(nil, sig); !bytes.Equal(got, want) || len(got) > maxECDSA {
				t.Fatalf("%x: %x, want %x", sig, got, want)
			}
		}
	}
}

// Numbers that are zero, or not below the order of the curve, never hold.
func TestECDSANumbersOutOfRange(t *testing.T) {
	for alg, curve := range map[uint8]elliptic.Curve{dns.ECDSAP256SHA256: elliptic.P256(), dns.ECDSAP384SHA384: elliptic.P384()} {
		made := spec{apex: "vn.", alg: alg}.key(910, 256)
		k := newKey(made.rr)
		sig := &dns.RRSIG{KeyTag: made.rr.KeyTag(), SignerName: "vn.", Algorithm: alg, Inception: 1, Expiration: 2}
		set := []dns.RR{rr("www.vn. 60 A 192.0.2.1")}
		must(t, sig.Sign(made.priv, set))
		canon, _ := canonicalSet(set)
		data, good := appendSigned(nil, sig, mustName("vn."), mustName("www.vn."), dns.ClassINET, canon), mustBase64(sig.Signature)
		if !k.check(data, good) {
			t.Fatalf("algorithm %d: a good signature does not hold", alg)
		}
		size := len(good) / 2
		order := curve.Params().N
		for _, n := range []*big.Int{new(big.Int), order, new(big.Int).Add(order, big.NewInt(1)), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*size)), big.NewInt(1))} {
			for _, half := range [][2]int{{0, size}, {size, 2 * size}, {0, 2 * size}} {
				bad := bytes.Clone(good)
				for at := half[0]; at < half[1]; at += size {
					n.FillBytes(bad[at : at+size])
				}
				if k.check(data, bad) {
					t.Errorf("algorithm %d: holds with %v in octets %v", alg, n, half)
				}
			}
		}
		if k.check(data, good[1:]) || k.check(data, append(good, 0)) || k.check(data, nil) {
			t.Errorf("algorithm %d: a signature of another length holds", alg)
		}
	}
}

// Names are written as the library writes them, whatever octets they have.
func TestNamesAreWrittenAsTheLibraryDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const usual = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	for range 5000 {
		var wire []byte
		for range r.IntN(6) {
			label := make([]byte, 1+r.IntN(40))
			for i := range label {
				label[i] = usual[r.IntN(len(usual))]
			}
			if r.IntN(4) == 0 {
				label[r.IntN(len(label))] = byte(r.Uint32())
			}
			lowerWire(label)
			wire = append(append(wire, byte(len(label))), label...)
		}
		wire = append(wire, 0)
		want, _, err := dns.UnpackDomainName(wire, 0)
		must(t, err)
		if got := name(wire).String(); got != want {
			t.Fatalf("%q: %q, want %q", wire, got, want)
		}
	}
	if got := name("").String(); got != "." {
		t.Errorf("no name: %q", got)
	}
}

// What was packed before leaves nothing behind: the library writes no octets for an
// address that is none, and another answer's would make a signature hold.
func TestPackingStartsClean(t *testing.T) {
	for range 8 { // buffers are used again now and then only
		if _, ok := canonicalSet([]dns.RR{rr("www.vn. 60 A 192.0.2.1")}); !ok {
			t.Fatal("not packed")
		}
		none := &dns.A{Hdr: dns.RR_Header{Name: "www.vn.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP("2001:db8::1")}
		if got, ok := canonicalSet([]dns.RR{none}); ok && bytes.Contains(got[0], []byte{192, 0, 2}) {
			t.Fatalf("an address from before: %v", got[0])
		}
		if got, ok := canonicalSet([]dns.RR{rr("www.vn. 60 A 192.0.2.1"), none}); ok && len(got) != 2 {
			t.Fatalf("an address of the record before: %v", got)
		}
	}
}
