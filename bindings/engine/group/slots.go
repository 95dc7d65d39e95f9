package group

import "math/bits"

// slots finds records by the hash of their key, by open addressing with linear
// probing. A slot is 4 bytes, so that those of 100 000 groups stay in the cache
// of a core: the number of the record, from 1, in as many low bits as the slots
// need, and above them as many bits of the hash as are left, which tell most
// other keys apart without a look at their record.
type slots struct {
	list  []uint32
	shift uint   // of a hash, to be a place in list
	mask  uint32 // of the number in a slot
}

// newSlots makes n empty slots, a power of two up to 1<<32.
func newSlots(n int) slots {
	width := uint(bits.TrailingZeros(uint(n)))
	return slots{make([]uint32, n), 64 - width, uint32(n - 1)}
}

// full tells whether n records are too many.
func (s *slots) full(n int) bool { return n > len(s.list)/4*3 }

// first is where the search for a hash begins.
func (s *slots) first(h uint64) uint64 { return h >> s.shift }

// next is where it goes on.
func (s *slots) next(i uint64) uint64 { return (i + 1) & uint64(len(s.list)-1) }

// at returns the record in slot i, below 0 for none, and whether its hash may
// be h.
func (s *slots) at(i, h uint64) (n int, ok bool) {
	x := s.list[i]
	return int(x&s.mask) - 1, (x^uint32(h))&^s.mask == 0
}

// link puts record n where its hash finds it.
func (s *slots) link(h uint64, n int) {
	i := s.first(h)
	for s.list[i] != 0 {
		i = s.next(i)
	}
	s.list[i] = uint32(h)&^s.mask | uint32(n+1)
}
