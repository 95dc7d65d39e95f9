package wire

import "fmt"

// FilterBits name the parts of a tuple that CTA_FILTER compares (linux
// include/net/netfilter/nf_internals.h; not in the uapi headers).
type FilterBits uint32

// Parts of a tuple. Ports are compared by the kernel for TCP and UDP only, for
// other protocols the bits are accepted and do nothing. IPv6 addresses are
// compared the wrong way round. See the probes of package conntrack.
const (
	FilterSrc FilterBits = 1 << iota
	FilterDst
	filterTupleZone // parsed by the kernel but not compared: never sent
	FilterProto
	FilterSrcPort
	FilterDstPort
	FilterICMPType
	FilterICMPCode
	FilterICMPID
	FilterICMPv6Type
	FilterICMPv6Code
	FilterICMPv6ID

	filterL4  = FilterSrcPort | FilterDstPort | filterICMP | filterICMP6
	filterAll = 1<<12 - 1
)

const (
	filterICMP  = FilterICMPType | FilterICMPCode | FilterICMPID
	filterICMP6 = FilterICMPv6Type | FilterICMPv6Code | FilterICMPv6ID
)

// TupleFilter selects flows of which one direction equals Tuple in the parts
// that Bits names.
type TupleFilter struct {
	Tuple Tuple
	Bits  FilterBits
}

// Filter is what the kernel can select by itself; all given terms must hold.
// The zero Filter selects everything.
type Filter struct {
	Family      uint8 // FamilyIPv4, FamilyIPv6, or 0 for both
	Mark        *Masked32
	Status      *StatusFilter
	Zone        *uint16 // either direction; 0 is the default zone
	Orig, Reply TupleFilter
}

// StatusFilter selects flows whose status has Value in the bits of Mask, so
// {0, StatusSeenReply} are the unreplied ones.
type StatusFilter struct {
	Value, Mask Status
}

// IsZero tells whether f selects everything.
func (f *Filter) IsZero() bool {
	return f.Family == 0 && f.Mark == nil && f.Status == nil && f.Zone == nil &&
		f.Orig.Bits == 0 && f.Reply.Bits == 0
}

// familyOnly tells whether f has no term but perhaps the family.
func (f *Filter) familyOnly() bool {
	g := *f
	g.Family = 0
	return g.IsZero()
}

// check refuses what the kernel would ignore, invert or refuse.
func (f *Filter) check(op string) error {
	fail := func(field, msg string, args ...any) error {
		return &FieldError{op, field, fmt.Sprintf(msg, args...)}
	}
	switch {
	case f.Family != 0 && f.Family != FamilyIPv4 && f.Family != FamilyIPv6:
		return fail("family", "%d is neither IPv4 nor IPv6", f.Family)
	case f.Mark != nil && f.Mark.Mask == 0:
		return fail("mark", "mask 0 selects everything")
	case f.Mark != nil && f.Mark.Value&^f.Mark.Mask != 0:
		return fail("mark", "value %#x has bits outside the mask %#x, so nothing could match", f.Mark.Value, f.Mark.Mask)
	case f.Status != nil && f.Status.Mask == 0:
		return fail("status", "mask 0 selects everything")
	case f.Status != nil && f.Status.Value&^f.Status.Mask != 0:
		return fail("status", "value %s has bits outside the mask %s, so nothing could match", f.Status.Value, f.Status.Mask)
	}
	for i, t := range []*TupleFilter{&f.Orig, &f.Reply} {
		field := Direction(i).String() + " tuple"
		switch {
		case t.Bits == 0:
		case t.Bits&^filterAll != 0:
			return fail(field, "unknown filter bits %#x", uint32(t.Bits&^filterAll))
		case t.Bits&filterTupleZone != 0:
			return fail(field, "the kernel does not compare the zone of a tuple, use the zone filter")
		case f.Family == 0:
			return fail("family", "needed to filter by a tuple")
		case t.Bits&filterL4 != 0 && t.Bits&FilterProto == 0:
			return fail(field, "a port or ICMP filter needs the protocol")
		case f.Family == FamilyIPv6 && t.Bits&(FilterSrc|FilterDst) != 0:
			return fail(field, "the kernel inverts IPv6 address filters")
		case t.Bits&(FilterSrcPort|FilterDstPort) != 0 && t.Tuple.Proto != ProtoTCP && t.Tuple.Proto != ProtoUDP:
			return fail(field, "the kernel compares the ports of TCP and UDP only, not of %s", ProtoName(t.Tuple.Proto))
		case t.Bits&filterICMP != 0 && t.Tuple.Proto != ProtoICMP,
			t.Bits&filterICMP6 != 0 && t.Tuple.Proto != ProtoICMPv6:
			return fail(field, "ICMP parts with protocol %s would be ignored", ProtoName(t.Tuple.Proto))
		}
	}
	return nil
}

// append adds the terms of f, of which the family is the header's.
func (f *Filter) append(w *builder) {
	if f.Mark != nil {
		w.uint32(AttrMark, f.Mark.Value)
		w.uint32(AttrMarkMask, f.Mark.Mask)
	}
	if f.Status != nil {
		w.uint32(AttrStatus, uint32(f.Status.Value))
		w.uint32(AttrStatusMask, uint32(f.Status.Mask))
	}
	if f.Zone != nil {
		w.uint16(AttrZone, *f.Zone)
	}
	if f.Orig.Bits == 0 && f.Reply.Bits == 0 {
		return
	}
	for dir, t := range []*TupleFilter{&f.Orig, &f.Reply} {
		if t.Bits != 0 {
			w.filterTuple(AttrTupleOrig+dir, t, f.Family)
		}
	}
	mark := w.nest(AttrFilter)
	w.native32(attrFilterOrig, uint32(f.Orig.Bits))
	w.native32(attrFilterReply, uint32(f.Reply.Bits))
	w.end(mark)
}

// filterTuple appends the parts of a tuple that its bits name.
func (w *builder) filterTuple(typ int, t *TupleFilter, family uint8) {
	outer := w.nest(typ)
	if t.Bits&(FilterSrc|FilterDst) != 0 {
		ip := w.nest(attrTupleIP)
		if family == FamilyIPv4 {
			w.bytes(attrIPv4Src, t.Tuple.Src[12:])
			w.bytes(attrIPv4Dst, t.Tuple.Dst[12:])
		} else {
			w.bytes(attrIPv6Src, t.Tuple.Src[:])
			w.bytes(attrIPv6Dst, t.Tuple.Dst[:])
		}
		w.end(ip)
	}
	if t.Bits&FilterProto != 0 {
		w.tupleProto(&t.Tuple)
	}
	w.end(outer)
}
