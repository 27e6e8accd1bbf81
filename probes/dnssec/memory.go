package dnssec

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// memory remembers signatures that were found good, by a digest over key,
// signed data and signature, so that the same record set is never checked by
// cryptography twice. Dates are not part of it: they are looked at every time.
type memory struct {
	mu   sync.Mutex
	good map[[sha256.Size]byte]struct{}
}

// memoryKey counts the lengths in: else a hostile zone could move octets from its
// key to its data, and be remembered for what another zone's key never signed.
func memoryKey(k *key, data, sig []byte) (id [sha256.Size]byte) {
	h := sha256.New()
	var lengths [8]byte
	binary.BigEndian.PutUint32(lengths[:4], uint32(len(k.rdata)))
	binary.BigEndian.PutUint32(lengths[4:], uint32(len(data)))
	h.Write(lengths[:])
	h.Write(k.rdata)
	h.Write(data)
	h.Write(sig)
	h.Sum(id[:0])
	return id
}

func (m *memory) has(id [sha256.Size]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.good[id]
	return ok
}

func (m *memory) add(id [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.good == nil {
		m.good = make(map[[sha256.Size]byte]struct{})
	}
	if len(m.good) >= maxRemembered {
		for old := range m.good { // any one will do
			delete(m.good, old)
			break
		}
	}
	m.good[id] = struct{}{}
}
