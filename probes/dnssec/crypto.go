package dnssec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"math/big"

	"github.com/miekg/dns"
)

// key is one DNSKEY of a zone, read once. check is nil when the algorithm is
// not supported or the key material is unusable.
type key struct {
	rr        *dns.DNSKEY // nil in a zone that is kept: its text takes more room than the rest
	tag       uint16
	flags     uint16
	protocol  uint8
	algorithm uint8
	bits      int    // size of the modulus or the curve, 0 if unusable
	cost      int    // work units of one signature check, see budget
	rdata     []byte // as in a DNSKEY record, for digests
	check     func(data, signature []byte) bool
}

// zoneKey reports whether the key may sign a zone's data at all: the zone flag
// set, protocol 3 (RFC 4034 2.1.1, 2.1.2).
func (k *key) zoneKey() bool { return k.flags&dns.ZONE != 0 && k.protocol == 3 }

// revoked reports the REVOKE flag; such a key vouches for nothing (RFC 5011 2.1).
func (k *key) revoked() bool { return k.flags&dns.REVOKE != 0 }

// usable is what a signature needs of a key beyond tag and algorithm.
func (k *key) usable() bool { return k.check != nil && k.zoneKey() && !k.revoked() }

// newKey reads a DNSKEY record.
func newKey(rr *dns.DNSKEY) *key {
	k := &key{rr: rr, flags: rr.Flags, protocol: rr.Protocol, algorithm: rr.Algorithm}
	rdata := make([]byte, 0, 4+base64.StdEncoding.DecodedLen(len(rr.PublicKey)))
	rdata = append(binary.BigEndian.AppendUint16(rdata, rr.Flags), rr.Protocol, rr.Algorithm)
	rdata, err := base64.StdEncoding.AppendDecode(rdata, []byte(rr.PublicKey))
	if err != nil {
		return k
	}
	k.rdata = rdata
	pub := rdata[4:]
	k.tag = keyTag(k.rdata)
	switch rr.Algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		k.rsa(pub, crypto.SHA1)
	case dns.RSASHA256:
		k.rsa(pub, crypto.SHA256)
	case dns.RSASHA512:
		k.rsa(pub, crypto.SHA512)
	case dns.ECDSAP256SHA256:
		k.ecdsa(pub, elliptic.P256(), 32, 1)
	case dns.ECDSAP384SHA384:
		k.ecdsa(pub, elliptic.P384(), 48, 6)
	case dns.ED25519:
		if len(pub) == ed25519.PublicKeySize {
			k.bits, k.cost = 256, 1
			k.check = func(data, sig []byte) bool { return ed25519.Verify(pub, data, sig) }
		}
	}
	return k
}

// keyTag is RFC 4034 appendix B over the RDATA. (Algorithm 1, whose tag is
// computed otherwise, must not be used any more: RFC 9904.)
func keyTag(rdata []byte) uint16 {
	var sum uint32
	for i, b := range rdata {
		if i&1 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	return uint16(sum + sum>>16)
}

func (k *key) ecdsa(pub []byte, curve elliptic.Curve, size, cost int) {
	if len(pub) != 2*size { // RFC 6605 4
		return
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, pub...))
	if err != nil { // not a point of the curve
		return
	}
	k.bits, k.cost = size*8, cost
	if size == 32 {
		k.check = (&p256Key{pub: key}).check
		return
	}
	k.check = func(data, sig []byte) bool {
		if len(sig) != 2*size {
			return false
		}
		var buf [maxECDSA]byte
		d := sha512.Sum384(data)
		return ecdsa.VerifyASN1(key, d[:], appendECDSA(buf[:0], sig))
	}
}

// maxECDSA is the length of the longest signature that appendECDSA makes, in octets:
// that of P-384, where both numbers need a zero in front.
const maxECDSA = 2 + 2*(2+1+48)

// appendECDSA turns a signature of DNSSEC, two numbers of the same length (RFC 6605
// 4), into the DER form that crypto/ecdsa reads (RFC 3279 2.2.3). All lengths are
// below 128.
func appendECDSA(b, sig []byte) []byte {
	start := len(b)
	b = append(b, 0x30, 0) // SEQUENCE
	for _, n := range [][]byte{sig[:len(sig)/2], sig[len(sig)/2:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		b = append(b, 0x02, byte(len(n))) // INTEGER, which has a sign
		if n[0] >= 0x80 {
			b[len(b)-1]++
			b = append(b, 0)
		}
		b = append(b, n...)
	}
	b[start+1] = byte(len(b) - start - 2)
	return b
}

// Limits of RSA keys: RFC 3110 and RFC 5702 allow moduli of 512 to 4096 bits
// (RSASHA512: from 1024). Exponents are bounded because checking costs grow
// with them; every published key stays below 2^35.
const (
	minModulusBits  = 512
	maxModulusBits  = 4096
	maxExponentBits = 35
)

func (k *key) rsa(pub []byte, hash crypto.Hash) {
	n, e, ok := rsaNumbers(pub)
	if !ok || n.BitLen() < minModulusBits || n.BitLen() > maxModulusBits ||
		k.algorithm == dns.RSASHA512 && n.BitLen() < 1024 ||
		e.BitLen() > maxExponentBits || e.BitLen() < 2 || e.Bit(0) == 0 || n.Bit(0) == 0 {
		return
	}
	k.bits, k.cost = n.BitLen(), 1+n.BitLen()/2048
	// The standard library refuses short moduli and exponents beyond 31 bits;
	// both are legal here and in use.
	if n.BitLen() < 1024 || e.BitLen() > 31 {
		k.cost += 2
		k.check = func(data, sig []byte) bool { return rsaCheck(n, e, hash, sum(hash, data), sig) }
		return
	}
	key := &rsa.PublicKey{N: n, E: int(e.Int64())}
	k.check = func(data, sig []byte) bool {
		return rsa.VerifyPKCS1v15(key, hash, sum(hash, data), sig) == nil
	}
}

// rsaNumbers reads modulus and exponent (RFC 3110 2).
func rsaNumbers(pub []byte) (n, e *big.Int, ok bool) {
	if len(pub) < 3 {
		return nil, nil, false
	}
	size, off := int(pub[0]), 1
	if size == 0 {
		size, off = int(pub[1])<<8|int(pub[2]), 3
	}
	if size == 0 || off+size >= len(pub) {
		return nil, nil, false
	}
	return new(big.Int).SetBytes(pub[off+size:]), new(big.Int).SetBytes(pub[off : off+size]), true
}

func sum(hash crypto.Hash, data []byte) []byte {
	switch hash {
	case crypto.SHA1:
		d := sha1.Sum(data)
		return d[:]
	case crypto.SHA256:
		d := sha256.Sum256(data)
		return d[:]
	default:
		d := sha512.Sum512(data)
		return d[:]
	}
}

// digestInfo are the DER prefixes of RFC 8017 9.2, note 1.
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA1:   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

// rsaCheck is RSASSA-PKCS1-v1_5 verification (RFC 8017 8.2.2) by comparing with
// the one encoding that is right. Nothing here is secret.
func rsaCheck(n, e *big.Int, hash crypto.Hash, digest, sig []byte) bool {
	size := (n.BitLen() + 7) / 8
	s := new(big.Int).SetBytes(sig)
	prefix := digestInfo[hash]
	pad := size - 3 - len(prefix) - len(digest)
	if len(sig) != size || s.Cmp(n) >= 0 || pad < 8 {
		return false
	}
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, pad)...)
	want = append(append(append(want, 0), prefix...), digest...)
	got := new(big.Int).Exp(s, e, n).FillBytes(make([]byte, size))
	return bytes.Equal(got, want)
}

// dsDigest computes what a DS record of the key would hold, nil if the digest
// type is not supported (RFC 4034 5.1.4, RFC 4509, RFC 6605).
func (k *key) dsDigest(owner name, digestType uint8) []byte {
	data := append(append(make([]byte, 0, len(owner)+len(k.rdata)), owner...), k.rdata...)
	switch digestType {
	case dns.SHA1:
		d := sha1.Sum(data)
		return d[:]
	case dns.SHA256:
		d := sha256.Sum256(data)
		return d[:]
	case dns.SHA384:
		d := sha512.Sum384(data)
		return d[:]
	}
	return nil
}
