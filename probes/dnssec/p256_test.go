package dnssec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
)

// signer makes a key that counts, and signatures by it of numbered messages.
func signer(tb testing.TB, seed uint64) (*p256Key, func(i int) (data, sig []byte)) {
	tb.Helper()
	d := modOrder(randomNumber(rand.New(rand.NewPCG(seed, 0))))
	p := newPoint(tb, multiple(tb, generator(), d))
	return &p256Key{pub: p.pub}, func(i int) (data, sig []byte) {
		data = binary.BigEndian.AppendUint64(nil, uint64(i))
		made := sign(tb, d, sha256.Sum256(data))
		return data, made[:]
	}
}

// Many check with one key at once, some of them good signatures and some bad ones,
// while its table is made and taken away: each is judged rightly.
func TestBusyKeyIsShared(t *testing.T) {
	k, sign := signer(t, 1)
	const messages = 4 * busyFrom
	type message struct{ data, good, bad []byte }
	var all []message
	for i := range messages {
		data, sig := sign(i)
		bad := bytes.Clone(sig)
		bad[i%64] ^= 1
		all = append(all, message{data, sig, bad})
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range all {
				m := all[(i+g*messages/8)%messages]
				if !k.check(m.data, m.good) || k.check(m.data, m.bad) || k.check(m.data, m.good[1:]) {
					t.Errorf("message %x is judged wrongly", m.data)
				}
				if g == 0 && i%busyFrom == busyFrom/2 { // as if others were busier
					for range maxTables {
						other := &p256Key{pub: k.pub}
						busyKeys.add(other)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A key has a table from so many good signatures on, bad ones do not count, and no
// more keys have one than may: the first loses its own, and earns it back.
func TestTablesAreFew(t *testing.T) {
	var keys []*p256Key
	busy := func(k *p256Key, sign func(int) ([]byte, []byte)) {
		for i := range busyFrom {
			if k.table.Load() != nil {
				t.Fatalf("a table after %d signatures", i)
			}
			data, sig := sign(i)
			if !k.check(data, sig) || k.check(data[1:], sig) {
				t.Fatal("judged wrongly")
			}
		}
		data, sig := sign(busyFrom)
		if k.table.Load() == nil || !k.check(data, sig) || k.check(data[1:], sig) || k.check(data, append(sig, 0)) {
			t.Fatalf("judged wrongly with a table, or none: %v", k.table.Load() == nil)
		}
	}
	first, sign := signer(t, 2)
	busy(first, sign)
	for i := range maxTables + 2 {
		k, sign := signer(t, uint64(3+i))
		busy(k, sign)
		keys = append(keys, k)
	}
	have := 0
	for _, k := range append(keys, first) {
		if k.table.Load() != nil {
			have++
		}
	}
	if have != maxTables || first.table.Load() != nil {
		t.Errorf("%d keys have a table, the first among them: %v", have, first.table.Load() != nil)
	}
	busy(first, sign)
}

// What the table refuses is checked once more: were it wrong, that would cost time
// and no verdict.
func TestStandardLibraryHasTheLastWord(t *testing.T) {
	k, sign := signer(t, 40)
	wrong, err := newComb(generator().Bytes())
	must(t, err)
	k.table.Store(wrong)
	k.good.Store(busyFrom)
	data, sig := sign(0)
	if !k.check(data, sig) {
		t.Error("a good signature is refused")
	}
	if k.table.Load() != wrong {
		t.Error("a second table was made")
	}
	sig[40] ^= 1
	if k.check(data, sig) {
		t.Error("a bad signature holds")
	}
}

// BenchmarkP256 compares one check by a key that is not busy with one by a key that
// is, and with what a table costs.
func BenchmarkP256(b *testing.B) {
	_, sign := signer(b, 60)
	const messages = 256
	var data, sigs [messages][]byte
	for i := range data {
		data[i], sigs[i] = sign(i)
	}
	checks := func(fresh bool) func(b *testing.B) {
		return func(b *testing.B) {
			k, _ := signer(b, 60)
			if !fresh {
				busyKeys.add(k)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if fresh {
					k.good.Store(0)
				}
				if !k.check(data[i%messages], sigs[i%messages]) {
					b.Fatal("does not hold")
				}
			}
		}
	}
	b.Run("cold", checks(true))
	b.Run("busy", checks(false))
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := newComb(generator().Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
