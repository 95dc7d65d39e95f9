package query

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Events returns the part of f that a socket program can decide, so that other
// events are never copied to user space. It may let through more than f
// selects, never less, and what comes is matched again.
func (f Filter) Events() conntrack.EventFilter {
	var k conntrack.EventFilter
	k.Family = f.family()
	for i := range f.terms {
		t := &f.terms[i]
		if len(t.values) != 1 {
			continue
		}
		v := t.values[0]
		switch t.field.Name {
		case "proto":
			if p, ok := wire.ParseProto(v.Str); ok {
				k.Proto = &p
			}
		case "protonum":
			p := uint8(v.Num)
			k.Proto = &p
		case "sport":
			k.SrcPort = port(v)
		case "dport":
			k.DstPort = port(v)
		case "src":
			k.Src = single(v.Addr)
		case "dst":
			k.Dst = single(v.Addr)
		case "zone":
			if v.Num != 0 { // 0 is also the zone of a split flow's other side
				z := uint16(v.Num)
				k.Zone = &z
			}
		case "mark":
			k.Mark = &wire.Masked32{Value: uint32(v.Num), Mask: t.mask}
		default:
			if t.field.Kind == Flag {
				k.Status = withStatus(k.Status, t.field.Name, v.On)
			}
		}
	}
	return k
}

func port(v Value) *uint16 { p := uint16(v.Num); return &p }

// single is the range that holds one address.
func single(a wire.Addr) *conntrack.Prefix {
	if a.Is4() {
		return &conntrack.Prefix{Addr: a, Bits: 32}
	}
	return &conntrack.Prefix{Addr: a, Bits: 128}
}
