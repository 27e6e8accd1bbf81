package dnssec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/nistec"
)

// point is a key of which a test may know more than the public part.
type point struct {
	pub  *ecdsa.PublicKey
	comb *comb
}

func newPoint(tb testing.TB, q *nistec.P256Point) point {
	tb.Helper()
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), q.Bytes())
	must(tb, err)
	c, err := newComb(q.Bytes())
	must(tb, err)
	return point{pub, c}
}

// standard is what the standard library says of a signature.
func (p point) standard(digest [32]byte, sig [64]byte) bool {
	return ecdsa.VerifyASN1(p.pub, digest[:], appendECDSA(nil, sig[:]))
}

// agree fails the test where the table and the standard library differ, and tells
// what they say.
func (p point) agree(tb testing.TB, digest [32]byte, sig [64]byte) bool {
	tb.Helper()
	want := p.standard(digest, sig)
	if got := p.comb.verify(&digest, &sig); got != want {
		x, _ := p.pub.Bytes()
		tb.Fatalf("key %x, digest %x, signature %x: %v with the table, %v without", x, digest, sig, got, want)
	}
	return want
}

func octets(n *big.Int) (b [32]byte) {
	n.FillBytes(b[:])
	return b
}

func integer(n int64) *big.Int { return big.NewInt(n) }

func modOrder(n *big.Int) *big.Int { return n.Mod(n, orderP256) }

func multiple(tb testing.TB, q *nistec.P256Point, n *big.Int) *nistec.P256Point {
	tb.Helper()
	b := octets(modOrder(new(big.Int).Set(n)))
	got, err := new(nistec.P256Point).ScalarMult(q, b[:])
	must(tb, err)
	return got
}

func generator() *nistec.P256Point { return nistec.NewP256Point().SetGenerator() }

// fitting makes the digest and the signature that are checked by u1 G + u2 Q and
// hold if that has the x coordinate given: r is x, s is r/u2 and the digest u1 s, all
// modulo the order. u2 is not zero, and neither is x.
func fitting(u1, u2, x *big.Int) (digest [32]byte, sig [64]byte) {
	r := modOrder(new(big.Int).Set(x))
	s := modOrder(new(big.Int).Mul(r, new(big.Int).ModInverse(u2, orderP256)))
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return octets(modOrder(new(big.Int).Mul(u1, s))), sig
}

func randomNumber(r *rand.Rand) *big.Int {
	var b [32]byte
	for i := 0; i < len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], r.Uint64())
	}
	return new(big.Int).SetBytes(b[:])
}

// edges are the numbers of 256 bits at which something begins or ends.
func edges() []*big.Int {
	half := new(big.Int).Rsh(orderP256, 1)
	field := elliptic.P256().Params().P
	numbers := []*big.Int{half, new(big.Int).Add(half, integer(1)), new(big.Int).Sub(new(big.Int).Lsh(integer(1), 256), integer(1)), field, new(big.Int).Sub(field, orderP256)}
	for i := range int64(3) {
		numbers = append(numbers, integer(i), new(big.Int).Sub(orderP256, integer(i)), new(big.Int).Add(orderP256, integer(i)))
	}
	return numbers
}

// The table says of every signature what the standard library says: of good ones, of
// such with a bit turned over in r, s or the digest, and by another key.
func TestTableAgreesWithStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	other := newPoint(t, multiple(t, generator(), randomNumber(r)))
	for range 40 {
		d := randomNumber(r)
		p := newPoint(t, multiple(t, generator(), d))
		for range 8 {
			digest := sha256.Sum256(octetsOf(randomNumber(r)))
			sig := sign(t, d, digest)
			if !p.agree(t, digest, sig) {
				t.Fatal("a good signature does not hold")
			}
			if other.agree(t, digest, sig) {
				t.Fatal("holds by another key")
			}
			for range 6 {
				bad, badDigest := sig, digest
				if i := r.IntN(96); i < 64 {
					bad[i] ^= 1 << r.IntN(8)
				} else {
					badDigest[i-64] ^= 1 << r.IntN(8)
				}
				if p.agree(t, badDigest, bad) {
					t.Fatal("holds with a bit turned over")
				}
			}
			new(big.Int).Sub(orderP256, new(big.Int).SetBytes(sig[32:])).FillBytes(sig[32:]) // ECDSA allows it
			if !p.agree(t, digest, sig) {
				t.Fatal("the signature with -s does not hold")
			}
		}
	}
}

// sign makes a signature with the secret number given.
func sign(tb testing.TB, secret *big.Int, digest [32]byte) (sig [64]byte) {
	tb.Helper()
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), octetsOf(modOrder(secret)))
	must(tb, err)
	r, s, err := ecdsa.Sign(cryptorand.Reader, priv, digest[:])
	must(tb, err)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig
}

func octetsOf(n *big.Int) []byte { b := octets(n); return b[:] }

// Numbers at the edges of what r, s and a digest may be are judged alike, by keys at
// the edges too.
func TestTableAtTheEdges(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	field, _ := generator().BytesX()
	numbers := append(edges(), new(big.Int).SetBytes(field), randomNumber(r))
	held := 0
	for _, d := range []*big.Int{integer(1), integer(2), new(big.Int).Sub(orderP256, integer(1)), new(big.Int).Lsh(integer(1), 16), randomNumber(r)} {
		p := newPoint(t, multiple(t, generator(), d))
		for _, nr := range numbers {
			for _, ns := range numbers {
				for _, e := range numbers {
					var sig [64]byte
					nr.FillBytes(sig[:32])
					ns.FillBytes(sig[32:])
					if !p.agree(t, octets(e), sig) {
						continue
					}
					held++
					for _, n := range []*big.Int{nr, ns} {
						if n.Sign() == 0 || n.Cmp(orderP256) >= 0 {
							t.Fatalf("r %v, s %v, digest %v hold", nr, ns, e)
						}
					}
				}
			}
		}
	}
	if held == 0 {
		t.Error("nothing held: the test tries too little")
	}
}

// Sums that are special for arithmetic on points: with infinity, of a point with
// itself or with its opposite.
func TestTableAddsEveryPair(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	factors := append(edges()[:2:2], integer(1), integer(2), integer(3), new(big.Int).Sub(orderP256, integer(1)), new(big.Int).Lsh(integer(1), 255), randomNumber(r), randomNumber(r))
	for i := range 32 {
		factors = append(factors, new(big.Int).Lsh(integer(1), uint(8*i)))
	}
	for _, d := range []*big.Int{integer(1), new(big.Int).Sub(orderP256, integer(1)), integer(5), randomNumber(r)} {
		p := newPoint(t, multiple(t, generator(), d))
		for _, u2 := range factors {
			u2 = modOrder(new(big.Int).Set(u2))
			same := modOrder(new(big.Int).Mul(u2, d)) // u2 Q is same G
			for name, u1 := range map[string]*big.Int{"nothing": new(big.Int), "itself": same, "twice itself": modOrder(new(big.Int).Lsh(same, 1)), "another": randomNumber(r)} {
				x, err := multiple(t, generator(), new(big.Int).Add(u1, same)).BytesX()
				must(t, err)
				digest, sig := fitting(u1, u2, new(big.Int).SetBytes(x))
				if !p.agree(t, digest, sig) {
					t.Errorf("u2 %v, with %s: a good signature does not hold", u2, name)
				}
				digest[31] ^= 1
				if p.agree(t, digest, sig) {
					t.Errorf("u2 %v, with %s: holds for another digest", u2, name)
				}
			}
			opposite := new(big.Int).Sub(orderP256, same)
			for _, x := range []*big.Int{integer(1), new(big.Int).SetBytes(octetsOf(same)), randomNumber(r)} {
				if digest, sig := fitting(opposite, u2, x); p.agree(t, digest, sig) {
					t.Errorf("u2 %v: holds though the sum is infinity", u2)
				}
			}
		}
	}
}

// An x coordinate may be larger than the order, by which it is then reduced: r is
// small. The same r belongs to the point whose x it is itself.
func TestTableReducesTheCoordinate(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	reduced := 0
	for i := int64(1); i < 40; i++ {
		for _, x := range []*big.Int{integer(i), new(big.Int).Add(orderP256, integer(i))} {
			sum, err := new(nistec.P256Point).SetBytes(append([]byte{2}, octetsOf(x)...))
			if err != nil {
				continue // no point has this x
			}
			u1, u2 := modOrder(randomNumber(r)), modOrder(randomNumber(r))
			// u1 G + u2 Q is the sum where Q is (sum - u1 G) / u2
			q := multiple(t, generator(), new(big.Int).Sub(orderP256, u1))
			p := newPoint(t, multiple(t, q.Add(q, sum), new(big.Int).ModInverse(u2, orderP256)))
			digest, sig := fitting(u1, u2, x)
			if !p.agree(t, digest, sig) {
				t.Fatalf("x %v: a good signature does not hold", x)
			}
			if got := new(big.Int).SetBytes(sig[:32]); got.Int64() != i {
				t.Fatalf("r is %v, not %d", got, i)
			}
			if x.Cmp(orderP256) > 0 {
				reduced++
			}
			new(big.Int).Add(orderP256, integer(i)).FillBytes(sig[:32]) // the same number modulo the order
			if p.agree(t, digest, sig) {
				t.Fatalf("x %v: holds with an r beyond the order", x)
			}
		}
	}
	if reduced < 5 {
		t.Errorf("only %d coordinates beyond the order", reduced)
	}
}

// A multiple from the table is the multiple that the library computes.
func TestTableMultiplies(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	q := multiple(t, generator(), randomNumber(r))
	c, err := newComb(q.Bytes())
	must(t, err)
	numbers := edges()
	for i := range uint(256) {
		power := new(big.Int).Lsh(integer(1), i)
		numbers = append(numbers, power, new(big.Int).Sub(power, integer(1)), randomNumber(r))
	}
	for _, n := range numbers {
		b := octets(n)
		if got := c.times(&b); !bytes.Equal(got.Bytes(), multiple(t, q, n).Bytes()) {
			t.Errorf("%v times the point is wrong", n)
		}
	}
	for _, bad := range [][]byte{nil, {4}, make([]byte, 65), q.Bytes()[1:], append(q.Bytes(), 0)} {
		if _, err := newComb(bad); err == nil {
			t.Errorf("%x is taken for a point", bad)
		}
	}
}

// FuzzP256: whatever key, digest and numbers, the table says what the standard library
// does; of numbers that were made to fit, that they hold.
func FuzzP256(f *testing.F) {
	seeds := append(edges(), randomNumber(rand.New(rand.NewPCG(15, 16))))
	for i, n := range seeds {
		next := seeds[(i+1)%len(seeds)]
		f.Add(octetsOf(next), octetsOf(n), octetsOf(n), octetsOf(next), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, secret, b1, b2, b3 []byte, fit bool) {
		number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b[:min(len(b), 32)]) }
		d, n1, n2 := modOrder(number(secret)), number(b1), number(b2)
		if d.Sign() == 0 {
			return
		}
		p := newPoint(t, multiple(t, generator(), d))
		if !fit {
			p.agree(t, octets(n1), [64]byte(append(octetsOf(n2), octetsOf(number(b3))...)))
			return
		}
		u1, u2 := modOrder(n1), modOrder(n2)
		if u2.Sign() == 0 {
			return
		}
		x, err := multiple(t, generator(), new(big.Int).Add(u1, new(big.Int).Mul(u2, d))).BytesX()
		if err != nil { // infinity: nothing fits, b3 does not either
			x = octetsOf(number(b3))
		}
		r := modOrder(new(big.Int).SetBytes(x))
		if r.Sign() == 0 {
			return
		}
		digest, sig := fitting(u1, u2, r)
		if p.agree(t, digest, sig) != (err == nil) {
			t.Errorf("u1 %v, u2 %v, secret %v: what fits holds: %v", u1, u2, d, err != nil)
		}
	})
}
