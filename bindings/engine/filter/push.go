package filter

import (
	"context"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Ability says what filtering the kernel at hand was seen to do right. The
// zero value pushes nothing down.
type Ability struct {
	Family bool
	Mark   bool
	Status bool
	Zone   bool
	// Tuple is CTA_FILTER with IPv4 addresses and TCP, UDP and ICMP keys.
	Tuple bool
}

// Able finds out, when a filter is about to be used, what of it the kernel at
// hand does right. Nil leaves nothing to the kernel.
type Able func(context.Context, Filter) Ability

// Of asks what of f the kernel at hand does right.
func (a Able) Of(ctx context.Context, f Filter) Ability {
	if a == nil {
		return Ability{}
	}
	return a(ctx, f)
}

// statusFlags are the fields that are one status bit, and whether they mean
// that it is clear.
var statusFlags = map[string]struct {
	bit wire.Status
	not bool
}{
	"snat": {bit: wire.StatusSrcNAT}, "dnat": {bit: wire.StatusDstNAT},
	"unreplied": {wire.StatusSeenReply, true}, "replied": {bit: wire.StatusSeenReply},
	"assured": {bit: wire.StatusAssured}, "confirmed": {bit: wire.StatusConfirmed},
	"expected": {bit: wire.StatusExpected}, "fixed_timeout": {bit: wire.StatusFixedTimeout},
	"helper_set": {bit: wire.StatusHelper}, "seq_adjust": {bit: wire.StatusSeqAdjust},
}

// Push returns the part of f that the kernel can decide. It may select more
// than f does, never less, and what it selects is matched again.
func (f *Filter) Push(can Ability) wire.Filter { return f.push(can, f.family()) }

// PushFamily is Push for the flows of one family, of those that f leaves open:
// the kernel compares ports of a known family only.
func (f *Filter) PushFamily(can Ability, family uint8) wire.Filter { return f.push(can, family) }

func (f *Filter) push(can Ability, family uint8) wire.Filter {
	var k wire.Filter
	one := map[string]field.Value{}
	for _, x := range f.exact {
		one[x.Field.Name] = x.Value
		switch name := x.Field.Name; {
		case name == "mark" && can.Mark && k.Mark == nil:
			k.Mark = &wire.Masked32{Value: uint32(x.Value.Num), Mask: x.Mask}
		case name == "zone" && can.Zone && x.Value.Num != 0:
			// Zone 0 is left out: a split zone has it on one side.
			z := uint16(x.Value.Num)
			k.Zone = &z
		case can.Status && x.Field.Kind == field.Flag:
			k.Status = withStatus(k.Status, name, x.Value.On)
		}
	}
	if can.Family || can.Tuple {
		k.Family = family
	}
	if can.Tuple && family != 0 {
		k.Orig = pushTuple(one, family, [4]string{"src", "dst", "sport", "dport"})
		k.Reply = pushTuple(one, family, [4]string{"rsrc", "rdst", "rsport", "rdport"})
	}
	return k
}

// withStatus adds the bit of a status field to the kernel's filter.
func withStatus(k *wire.StatusFilter, name string, on bool) *wire.StatusFilter {
	flag, ok := statusFlags[name]
	if !ok {
		return k
	}
	if k == nil {
		k = &wire.StatusFilter{}
	}
	if k.Mask&flag.bit != 0 {
		return k // twice the same bit: what does not agree is sorted out above
	}
	k.Mask |= flag.bit
	if on != flag.not {
		k.Value |= flag.bit
	}
	return k
}

// family is the address family that f asks for, 0 where it leaves it open.
func (f *Filter) family() uint8 {
	for _, x := range f.exact {
		switch {
		case x.Field.Name == "family" && x.Value.Num == 4, x.Field.Kind == field.Address && x.Value.Addr.Is4():
			return wire.FamilyIPv4
		case x.Field.Name == "family", x.Field.Kind == field.Address:
			return wire.FamilyIPv6
		}
	}
	for _, p := range f.parts {
		if p.family != 0 {
			return p.family
		}
	}
	return 0
}

// pushTuple is the part of one direction that the kernel compares rightly:
// IPv4 addresses, and the ports of TCP and UDP. names are those of source,
// destination and their ports.
func pushTuple(one map[string]field.Value, family uint8, names [4]string) (t wire.TupleFilter) {
	t.Tuple.Family = family
	if family == wire.FamilyIPv4 {
		if v, ok := one[names[0]]; ok {
			t.Tuple.Src, t.Bits = v.Addr, t.Bits|wire.FilterSrc
		}
		if v, ok := one[names[1]]; ok {
			t.Tuple.Dst, t.Bits = v.Addr, t.Bits|wire.FilterDst
		}
	}
	v, ok := one["proto"]
	if !ok {
		return t
	}
	t.Tuple.Proto, _ = wire.ParseProto(v.Str)
	t.Bits |= wire.FilterProto
	if t.Tuple.Proto != wire.ProtoTCP && t.Tuple.Proto != wire.ProtoUDP {
		return t
	}
	if v, ok := one[names[2]]; ok {
		t.Tuple.SrcPort, t.Bits = uint16(v.Num), t.Bits|wire.FilterSrcPort
	}
	if v, ok := one[names[3]]; ok {
		t.Tuple.DstPort, t.Bits = uint16(v.Num), t.Bits|wire.FilterDstPort
	}
	return t
}
