package query

import (
	"slices"

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
func (f Filter) Push(can Ability) wire.Filter {
	var k wire.Filter
	one := map[string]Value{}
	for _, t := range f.terms {
		if len(t.values) != 1 {
			continue
		}
		v := t.values[0]
		one[t.field.Name] = v
		switch name := t.field.Name; {
		case name == "mark" && can.Mark && k.Mark == nil:
			k.Mark = &wire.Masked32{Value: uint32(v.Num), Mask: t.mask}
		case name == "zone" && can.Zone && v.Num != 0:
			// Zone 0 is left out: a split zone has it on one side.
			z := uint16(v.Num)
			k.Zone = &z
		case can.Status && t.field.Kind == Flag:
			k.pushStatus(name, v.On)
		}
	}
	family := f.family()
	if can.Family || can.Tuple {
		k.Family = family
	}
	if can.Tuple && family != 0 {
		k.Orig = pushTuple(one, family, [4]string{"src", "dst", "sport", "dport"})
		k.Reply = pushTuple(one, family, [4]string{"rsrc", "rdst", "rsport", "rdport"})
	}
	return k
}
