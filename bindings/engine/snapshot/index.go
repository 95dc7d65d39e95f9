package snapshot

import (
	"hash/maphash"
	"math/bits"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// index finds flows by identity: open addressing over two slots a flow. A slot
// holds the number of a flow plus one, 0 for none, and in the bits above that
// the number needs some of the hash, so that a slot of another flow is passed
// over without a look at that flow, which is seldom in the cache.
//
// The hash is seeded: who sends packets chooses the tuples.
type index struct {
	seed  maphash.Seed
	slots []uint32
	mask  uint32 // of the number
	twice bool   // some flow is there more than once
}

// newIndex indexes flows, of which there are fewer than 1<<31: the kernel's
// nf_conntrack_max is an int. Of flows with one identity it finds the last.
func newIndex(flows *pages[wire.Flow]) *index {
	x := &index{
		seed:  maphash.MakeSeed(),
		slots: make([]uint32, 2*max(flows.n, 1)),
		mask:  1<<bits.Len(uint(flows.n)) - 1,
	}
	for i := range flows.n {
		at, tag, old := x.find(flows, flows.at(i))
		x.slots[at] = tag | uint32(i+1)
		x.twice = x.twice || old >= 0
	}
	return x
}

// find returns the slot of the flow that k names, or the empty one where it
// would stand; what the slot holds beside a number; and the number, -1 for
// none.
func (x *index) find(flows *pages[wire.Flow], k *wire.Flow) (at int, tag uint32, i int) {
	h := maphash.Comparable(x.seed, k.Orig)
	hi, _ := bits.Mul64(h, uint64(len(x.slots)))
	tag = uint32(h) &^ x.mask
	for at = int(hi); ; {
		slot := x.slots[at]
		if slot == 0 {
			return at, tag, -1
		}
		if slot&^x.mask == tag {
			if i = int(slot&x.mask) - 1; sameFlow(flows.at(i), k) {
				return at, tag, i
			}
		}
		if at++; at == len(x.slots) {
			at = 0
		}
	}
}

// Find returns the number of the flow with the original tuple and the zones of
// k, and whether there is one. Id and start time do not count. The first call
// after an Add takes time for all flows.
func (s *Snapshot) Find(k *wire.Flow) (i int, ok bool) {
	s.prepare()
	_, _, i = s.index.find(&s.flows, k)
	return i, i >= 0
}

// prepare makes the index, if there is none.
func (s *Snapshot) prepare() {
	if s.index == nil {
		s.index = newIndex(&s.flows)
	}
}

// follow is Find for flows that come in much the order of s, as those of a
// later reading do: a dump walks the hash table. It looks first at the flow
// after the last one that it found, which is in the cache, and no index is made
// while all flows are found so. Without an index it may take the first of two
// that are one flow read twice, but never another generation.
func (s *Snapshot) follow(f *wire.Flow) (i int, ok bool) {
	if s.next == s.flows.n {
		s.next = 0 // another reading begins
	}
	if i = s.next; i < s.flows.n && (s.index == nil || !s.index.twice) {
		if old := s.flows.at(i); sameFlow(old, f) && !reborn(old, f) {
			s.next++
			return i, true
		}
	}
	if i, ok = s.Find(f); ok {
		s.next = i + 1
	}
	return i, ok
}

// sameFlow tells whether two flows have the same place in the table: linux
// looks a direction up by tuple and zone (nf_conntrack_core.c, nf_ct_key_equal).
func sameFlow(a, b *wire.Flow) bool {
	return a.Orig == b.Orig && replyZone(a) == replyZone(b)
}

// replyZone is the zone of the reply, that of the original direction where the
// reply was not sent.
func replyZone(f *wire.Flow) uint16 {
	if f.Has(wire.HasReply) {
		return f.Reply.Zone
	}
	return f.Orig.Zone
}

// reborn tells whether two flows with the same place are one after the other,
// as far as that is known. Linux hands out ids again, so the same id proves
// nothing.
func reborn(before, after *wire.Flow) bool {
	return before.Has(wire.HasID) && after.Has(wire.HasID) && before.ID != after.ID ||
		before.Has(wire.HasStart) && after.Has(wire.HasStart) && before.Start != after.Start
}
