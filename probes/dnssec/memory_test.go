package dnssec

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"maps"
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
	b := appendSigned(nil, sig, signer, signer, dns.ClassINET, canonical{{}})
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

// Signatures are remembered across runs: the second asks for no cryptography, and
// comes to the same verdicts; dates are judged anew.
func TestSignaturesAreRemembered(t *testing.T) {
	w := newWorld(t, province()...)
	ask := func(at time.Time, saved []byte) (checks int, states []string, written []byte) {
		v := New(w, w.anchors, func() time.Time { return at })
		if saved != nil {
			if err := v.ReadSignatures(bytes.NewReader(saved)); err != nil {
				t.Fatal(err)
			}
		}
		known := len(v.memory.good)
		for _, q := range []string{"www.nsec.vn.", "nothere.nsec.vn.", "www.opt.vn."} {
			states = append(states, v.Validate(context.Background(), q, dns.TypeA).State.String())
		}
		var out bytes.Buffer
		if err := v.WriteSignatures(&out); err != nil {
			t.Fatal(err)
		}
		return len(v.memory.good) - known, states, out.Bytes()
	}
	first, states, saved := ask(testNow, nil)
	again, same, _ := ask(testNow, saved)
	if first == 0 || again != 0 || !slices.Equal(states, same) || !slices.Contains(states, "secure") {
		t.Errorf("first %d signatures and %v, then %d more and %v", first, states, again, same)
	}
	late := testNow.Add(365 * 24 * time.Hour)
	if _, expired, left := ask(late, saved); slices.Contains(expired, "secure") {
		t.Errorf("a year later, remembered signatures make names secure: %v", expired)
	} else if len(left) != len(memoryMagic)+4+sha256.Size {
		t.Errorf("expired signatures are kept: %d octets", len(left))
	}
}

// FuzzReadSignatures: whatever a file holds, it is taken whole or not at all, and is
// written again as it was read.
func FuzzReadSignatures(f *testing.F) {
	now := func() time.Time { return testNow }
	v := New(nil, nil, now)
	for i := range 3 {
		v.memory.add(sha256.Sum256([]byte{byte(i)}), unix(testNow)+uint32(i))
	}
	var whole bytes.Buffer
	if err := v.WriteSignatures(&whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:whole.Len()-1])
	f.Add([]byte(memoryMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := New(nil, nil, now)
		if err := v.ReadSignatures(bytes.NewReader(b)); err != nil {
			if len(v.memory.good) != 0 {
				t.Errorf("%v, and yet %d signatures were taken over", err, len(v.memory.good))
			}
			return
		}
		var out bytes.Buffer
		again := New(nil, nil, now)
		if err := v.WriteSignatures(&out); err != nil {
			t.Fatal(err)
		}
		if err := again.ReadSignatures(&out); err != nil || !maps.Equal(v.memory.good, again.memory.good) {
			t.Errorf("written again: %v, %d signatures of %d", err, len(again.memory.good), len(v.memory.good))
		}
	})
}
