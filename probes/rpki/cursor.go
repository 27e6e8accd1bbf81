package rpki

import (
	"encoding/binary"
	"slices"
)

// cursor takes fields off the front of b. Past the end every field is zero and
// short is set, so that it has to be looked at once, before anything is used.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.short = nil, true
		return nil
	}
	t := c.b[:n]
	c.b = c.b[n:]
	return t
}

func (c *cursor) skip(n int) { c.take(n) }

func (c *cursor) u8() uint8 {
	if t := c.take(1); t != nil {
		return t[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if t := c.take(2); t != nil {
		return binary.BigEndian.Uint16(t)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if t := c.take(4); t != nil {
		return binary.BigEndian.Uint32(t)
	}
	return 0
}

// sortUnique sorts s and drops repetitions.
func sortUnique(s *[]uint64) {
	slices.Sort(*s)
	*s = slices.Compact(*s)
}
