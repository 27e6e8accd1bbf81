package dnssec

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// A registry's key signs a record set for each of thousands of names. From some
// number of signatures on it is worth a table of multiples of its point, with which
// a check takes less than half the time: what the table costs is won back with seven
// more (BenchmarkP256). Keys that are not as busy, all but a few, stay with the
// standard library.
const (
	busyFrom  = 32 // signatures that held, before a key gets a table: at worst it costs a ninth more
	maxTables = 16 // of 48 KiB, in the whole process
)

// p256Key checks signatures of ECDSA P-256 with SHA-256 (RFC 6605).
type p256Key struct {
	pub   *ecdsa.PublicKey
	good  atomic.Uint32 // signatures that held without a table
	table atomic.Pointer[comb]
}

// check reports whether sig, the numbers r and s of 32 octets each, signs data. Only
// what holds is taken from the table: the standard library has the last word on what
// does not.
func (k *p256Key) check(data, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	digest := sha256.Sum256(data)
	if t := k.table.Load(); t != nil && t.verify(&digest, (*[64]byte)(sig)) {
		return true
	}
	var buf [maxECDSA]byte
	if !ecdsa.VerifyASN1(k.pub, digest[:], appendECDSA(buf[:0], sig)) {
		return false
	}
	if k.good.Add(1) == busyFrom { // for one goroutine only: the others go on without
		busyKeys.add(k)
	}
	return true
}

// shelf holds the keys that have a table. The zero value is empty.
type shelf struct {
	mu   sync.Mutex
	keys [maxTables]*p256Key
	next int
}

// busyKeys is the process's, as the memory that it bounds.
var busyKeys shelf

// add gives k a table. The key that has had one for longest loses its own, and has it
// back as soon as it has been as busy again.
func (s *shelf) add(k *p256Key) {
	point, err := k.pub.Bytes()
	if err != nil {
		return
	}
	table, err := newComb(point)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.keys[s.next]; old != nil {
		old.table.Store(nil)
		old.good.Store(0)
	}
	s.keys[s.next] = k
	s.next = (s.next + 1) % maxTables
	k.table.Store(table)
}
