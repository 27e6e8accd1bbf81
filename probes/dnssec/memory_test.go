package dnssec

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// opaque is a record of a type that may hold any octets.
const opaque = 65280

func opaqueRR(owner name, rdata []byte) dns.RR {
	return &dns.RFC3597{Hdr: dns.RR_Header{Name: owner.String(), Rrtype: opaque, Class: dns.ClassINET, Ttl: 3600}, Rdata: hex.EncodeToString(rdata)}
}

func opaqueSig(signer name, k *key) *dns.RRSIG {
	return &dns.RRSIG{Hdr: dns.RR_Header{Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 3600}, TypeCovered: opaque, Algorithm: k.rr.Algorithm,
		Labels: uint8(signer.labels()), OrigTtl: 3600, Inception: unix(testNow.Add(-time.Hour)), Expiration: unix(testNow.Add(time.Hour)),
		KeyTag: k.tag, SignerName: signer.String()}
}

// signedBefore is what an opaque record's signature covers, up to its RDATA of the
// length given.
func signedBefore(signer name, sig *dns.RRSIG, length int) []byte {
	b := signedData(sig, signer, signer, dns.ClassINET, canonical{{}})
	return append(b[:len(b)-2], byte(length>>8), byte(length))
}

// longerKey is an RSA key whose modulus begins with k's, goes on with the octets
// given and ends so that it is prime: its owner can sign with it.
func longerKey(t *testing.T, k *key, more []byte) (*key, *big.Int, []byte) {
	t.Helper()
	const filler = 8
	for i := uint64(1); i < 1<<20; i += 2 {
		end := binary.BigEndian.AppendUint64(nil, i)
		pub := slices.Concat(k.rdata[4:], more, end[:filler])
		n, e, _ := rsaNumbers(pub)
		phi := new(big.Int).Sub(n, big.NewInt(1))
		if new(big.Int).GCD(nil, nil, e, phi).Cmp(big.NewInt(1)) != 0 || !n.ProbablyPrime(0) {
			continue
		}
		rr := *k.rr
		rr.PublicKey = base64.StdEncoding.EncodeToString(pub)
		return newKey(&rr), new(big.Int).ModInverse(e, phi), end[:filler]
	}
	t.Fatal("no prime")
	return nil, nil, nil
}

// rawRSA signs with a private exponent, PKCS #1 v1.5 and SHA-256.
func rawRSA(k *key, d *big.Int, data []byte) []byte {
	pub, _ := base64.StdEncoding.DecodeString(k.rr.PublicKey)
	n, _, _ := rsaNumbers(pub)
	size := (n.BitLen() + 7) / 8
	digest := sha256.Sum256(data)
	em := append([]byte{0, 1}, slices.Repeat([]byte{0xff}, size-3-len(digestInfo[crypto.SHA256])-len(digest))...)
	em = slices.Concat(em, []byte{0}, digestInfo[crypto.SHA256], digest[:])
	return new(big.Int).Exp(new(big.Int).SetBytes(em), d, n).FillBytes(make([]byte, size))
}

// TestMemoryKnowsWhereThingsEnd: a hostile zone signs, with a key that begins like
// another zone's, data such that key, data and signature in a row are the same
// octets as a forgery of the other's. That one must not be remembered as good.
func TestMemoryKnowsWhereThingsEnd(t *testing.T) {
	victim, hostile := mustName("good.vn."), mustName("evil.vn.")
	made := poolKey(dns.RSASHA256, 1024, 0)
	if _, ok := made.priv.(*rsa.PrivateKey); !ok {
		t.Fatal("not an RSA key")
	}
	k := newKey(made.rr)
	const content = 40 // octets that the hostile zone's own record has
	forged := opaqueSig(victim, k)
	before := signedBefore(victim, forged, 0)
	size := 128 + len(before) + 8 // of the hostile key and its signatures
	own := opaqueSig(hostile, k)
	inner := signedBefore(hostile, own, content)
	length := 8 + len(inner) + content + size - 128 // of the forged record
	before = signedBefore(victim, forged, length)
	evil, d, filler := longerKey(t, k, before)
	if evil.check == nil {
		t.Fatal("the hostile key is unusable")
	}
	own.KeyTag = evil.tag
	inner = signedBefore(hostile, own, content)
	record := slices.Repeat([]byte{'x'}, content)
	sig := rawRSA(evil, d, slices.Concat(inner, record))
	own.Signature = base64.StdEncoding.EncodeToString(sig)
	forged.Signature = base64.StdEncoding.EncodeToString(sig[len(sig)-128:])
	lie := slices.Concat(filler, inner, record, sig[:len(sig)-128])

	r := New(tape{}, nil, func() time.Time { return testNow }).begin(context.Background())
	honest := &rrset{owner: hostile, rrtype: opaque, rrs: []dns.RR{opaqueRR(hostile, record)}, sigs: []*dns.RRSIG{own}}
	if got := r.verify(hostile, []*key{evil}, honest); !got.ok {
		t.Fatalf("the hostile zone's own record: %+v", got.reason)
	}
	lies := &rrset{owner: victim, rrtype: opaque, rrs: []dns.RR{opaqueRR(victim, lie)}, sigs: []*dns.RRSIG{forged}}
	if got := r.verify(victim, []*key{k}, lies); got.ok {
		t.Error("a forged record is taken for one that was signed")
	}
}
