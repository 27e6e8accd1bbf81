package dnssec

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// memory remembers signatures that were found good, by a digest over key,
// signed data and signature, so that the same record set is never checked by
// cryptography twice. Dates are not part of it: they are looked at every time.
type memory struct {
	mu   sync.Mutex
	good map[signatureID]uint32 // when the signature expires, as it counts time
}

type signatureID = [sha256.Size]byte

// memoryKey counts the lengths in: else a hostile zone could move octets from its
// key to its data, and be remembered for what another zone's key never signed.
func memoryKey(k *key, data, sig []byte) (id signatureID) {
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

func (m *memory) has(id signatureID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.good[id]
	return ok
}

func (m *memory) add(id signatureID, expires uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.good == nil {
		m.good = make(map[signatureID]uint32)
	}
	if len(m.good) >= maxRemembered {
		for old := range m.good { // any one will do
			delete(m.good, old)
			break
		}
	}
	m.good[id] = expires
}

// The form of remembered signatures: a line that names it, a count, that many
// digests with the time that the signature expires, and a digest over all of it.
const (
	memoryMagic = "ready6 signatures 1\n"
	memoryEntry = sha256.Size + 4
)

// WriteSignatures writes which signatures were found good, for a later run's
// ReadSignatures; those that have expired are left out. The form is of fixed size:
// 36 octets a signature.
func (v *Validator) WriteSignatures(w io.Writer) error {
	now := uint32(v.now().Unix())
	v.memory.mu.Lock()
	entries := make([]byte, 0, len(v.memory.good)*memoryEntry)
	for id, expires := range v.memory.good {
		if int32(expires-now) > 0 {
			entries = binary.BigEndian.AppendUint32(append(entries, id[:]...), expires)
		}
	}
	v.memory.mu.Unlock()
	sum := sha256.New()
	out := bufio.NewWriter(w)
	both := io.MultiWriter(out, sum)
	head := binary.BigEndian.AppendUint32([]byte(memoryMagic), uint32(len(entries)/memoryEntry))
	for _, b := range [][]byte{head, entries} {
		if _, err := both.Write(b); err != nil {
			return err
		}
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

var errSignatures = errors.New("not a whole file of remembered signatures")

// ReadSignatures takes over what an earlier run's WriteSignatures wrote, all or,
// with an error, nothing of it. What is remembered spares the cryptography of a
// signature over the same data by the same key, and nothing else: dates, names, key
// tags and the chain of trust are judged anew. Whoever can write r can make a forged
// signature pass, so it must be trusted as the trust anchors are.
func (v *Validator) ReadSignatures(r io.Reader) error {
	const most = len(memoryMagic) + 4 + maxRemembered*memoryEntry + sha256.Size
	all, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return err
	}
	rest, ours := bytes.CutPrefix(all, []byte(memoryMagic))
	if !ours || len(rest) < 4+sha256.Size {
		return errSignatures
	}
	count := binary.BigEndian.Uint32(rest)
	body, sum := rest[4:len(rest)-sha256.Size], rest[len(rest)-sha256.Size:]
	if got := sha256.Sum256(all[:len(all)-sha256.Size]); !bytes.Equal(got[:], sum) || uint64(len(body)) != uint64(count)*memoryEntry {
		return errSignatures
	}
	if count > maxRemembered {
		return fmt.Errorf("%w: %d of them", errSignatures, count)
	}
	now := v.now()
	for ; len(body) > 0; body = body[memoryEntry:] {
		expires := binary.BigEndian.Uint32(body[sha256.Size:])
		if left := int32(expires - uint32(now.Unix())); left > 0 {
			v.memory.add(signatureID(body), expires)
		}
	}
	return nil
}
