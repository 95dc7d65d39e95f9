package filter

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// addrRange is the addresses from lo to hi, both in it.
type addrRange struct{ lo, hi wire.AddrWords }

func rangeOf(lo, hi netip.Addr) addrRange {
	return addrRange{addrOf(lo).Words(), addrOf(hi).Words()}
}

// mapped is where IPv4 addresses stand among those of IPv6.
var mapped = rangeOf(netip.AddrFrom4([4]byte{}), netip.AddrFrom4([4]byte{255, 255, 255, 255}))

// sixOnly cuts the IPv4 addresses out of a range of IPv6: ::/0 has none.
func (s addrRange) sixOnly() (list []addrRange) {
	if s.lo.Less(mapped.lo) {
		list = append(list, addrRange{s.lo, least(s.hi, before(mapped.lo))})
	}
	if mapped.hi.Less(s.hi) {
		list = append(list, addrRange{most(s.lo, after(mapped.hi)), s.hi})
	}
	return list
}

func least(a, b wire.AddrWords) wire.AddrWords {
	if b.Less(a) {
		return b
	}
	return a
}

func most(a, b wire.AddrWords) wire.AddrWords {
	if a.Less(b) {
		return b
	}
	return a
}

// after is the next address; the last one is followed by the first.
func after(a wire.AddrWords) wire.AddrWords {
	lo, carry := bits.Add64(a.Lo, 1, 0)
	return wire.AddrWords{Hi: a.Hi + carry, Lo: lo}
}

func before(a wire.AddrWords) wire.AddrWords {
	lo, borrow := bits.Sub64(a.Lo, 1, 0)
	return wire.AddrWords{Hi: a.Hi - borrow, Lo: lo}
}

// joinedRanges sorts ranges and joins those that overlap or touch, within a family.
func joinedRanges(list []addrRange) []addrRange {
	slices.SortFunc(list, func(a, b addrRange) int {
		switch {
		case a.lo.Less(b.lo):
			return -1
		case b.lo.Less(a.lo):
			return 1
		}
		return 0
	})
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.lo.Is4() == out[n-1].lo.Is4() {
			if end := after(out[n-1].hi); !end.Less(s.lo) || end == (wire.AddrWords{}) {
				out[n-1].hi = most(out[n-1].hi, s.hi)
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// addrSpan is a range of addresses as it is compared: lo and width more.
type addrSpan struct{ lo, width wire.AddrWords }

func (s addrRange) span() addrSpan { return addrSpan{s.lo, minus(s.hi, s.lo)} }

func minus(a, b wire.AddrWords) wire.AddrWords {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(a.Hi, b.Hi, borrow)
	return wire.AddrWords{Hi: hi, Lo: lo}
}

func (s *addrSpan) has(a wire.AddrWords) bool {
	d := minus(a, s.lo)
	return d.Hi < s.width.Hi || d.Hi == s.width.Hi && d.Lo <= s.width.Lo
}

// addrWithin holds where an address is in one of the ranges, or with not in
// none. Few ranges are gone through. Of many, single addresses are looked up in
// a hash table and the others in a prefix tree, so that ten thousand cost little
// more than one.
func addrWithin(get func(*field.Row) (wire.AddrWords, bool), list []addrRange, not bool) pred {
	list = joinedRanges(list)
	in, out := answers(not)
	if len(list) == 1 {
		s := list[0].span()
		return func(r *field.Row) Tri {
			a, ok := get(r)
			if !ok {
				return Unknown
			}
			if s.has(a) {
				return in
			}
			return out
		}
	}
	set := newAddrSet(list)
	return func(r *field.Row) Tri {
		a, ok := get(r)
		if !ok {
			return Unknown
		}
		if set.has(a) {
			return in
		}
		return out
	}
}

// addrSet is a set of more than one address.
type addrSet struct {
	spans []addrSpan  // few
	nets  *bart.Lite  // many, nil for none
	table []addrWords // of single addresses, open addressing; zero is free
	maybe []uint64    // a bit for the hash of each: most that are not in it end here
	keys  addrWords   // of the hash, not to be guessed by who makes flows
	shift uint
}

type addrWords = wire.AddrWords

// newAddrSet makes a set of ranges that are joined.
func newAddrSet(list []addrRange) *addrSet {
	s := &addrSet{keys: addrWords{Hi: rand.Uint64(), Lo: rand.Uint64()}}
	if len(list) <= fewSpans {
		s.addSpans(list)
		return s
	}
	var singles []addrWords
	var wide []addrRange
	for _, r := range list {
		if r.lo == r.hi && r.lo != (addrWords{}) {
			singles = append(singles, r.lo)
		} else {
			wide = append(wide, r)
		}
	}
	if len(wide) <= fewSpans {
		s.addSpans(wide)
	} else {
		s.nets = &bart.Lite{}
		for _, r := range wide {
			for _, p := range prefixes(r.lo.Addr().Netip(), r.hi.Addr().Netip()) {
				s.nets.Insert(p)
			}
		}
	}
	if len(singles) > 0 {
		size := bits.Len(uint(2*len(singles) - 1)) // half of it stays free
		s.table, s.shift = make([]addrWords, 1<<size), uint(64-size)
		s.maybe = make([]uint64, max(1, len(s.table)/8))
		for _, a := range singles {
			h := s.hash(a)
			*s.slot(a, h) = a
			s.maybe[h>>6&uint64(len(s.maybe)-1)] |= 1 << (h & 63)
		}
	}
	return s
}

func (s *addrSet) addSpans(list []addrRange) {
	for _, r := range list {
		s.spans = append(s.spans, r.span())
	}
}

func (s *addrSet) hash(a addrWords) uint64 {
	hi, lo := bits.Mul64(a.Hi^s.keys.Hi, a.Lo^s.keys.Lo)
	return hi ^ lo
}

// slot is where an address is in the table, or where it would be.
func (s *addrSet) slot(a addrWords, hash uint64) *addrWords {
	for i := hash >> s.shift; ; i++ {
		p := &s.table[i&uint64(len(s.table)-1)]
		if *p == a || *p == (addrWords{}) {
			return p
		}
	}
}

func (s *addrSet) has(a addrWords) bool {
	for i := range s.spans {
		if s.spans[i].has(a) {
			return true
		}
	}
	if s.table != nil {
		h := s.hash(a)
		if s.maybe[h>>6&uint64(len(s.maybe)-1)]>>(h&63)&1 != 0 && *s.slot(a, h) == a && a != (addrWords{}) {
			return true
		}
	}
	return s.nets != nil && s.nets.Contains(a.Addr().Netip())
}
