package filter

import (
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Events returns the part of f that a socket program can decide, so that other
// events are never copied to user space. It may let through more than f
// selects, never less, and what comes is matched again.
func (f *Filter) Events() conntrack.EventFilter {
	k := conntrack.EventFilter{Family: f.family()}
	for _, x := range f.exact {
		switch x.Field.Name {
		case "proto":
			if p, ok := wire.ParseProto(x.Value.Str); ok {
				k.Proto = &p
			}
		case "protonum":
			p := uint8(x.Value.Num)
			k.Proto = &p
		case "sport":
			k.SrcPort = port(x.Value)
		case "dport":
			k.DstPort = port(x.Value)
		case "src":
			k.Src = single(x.Value.Addr)
		case "dst":
			k.Dst = single(x.Value.Addr)
		case "zone":
			if x.Value.Num != 0 { // 0 is also the zone of a split flow's other side
				z := uint16(x.Value.Num)
				k.Zone = &z
			}
		case "mark":
			k.Mark = &wire.Masked32{Value: uint32(x.Value.Num), Mask: x.Mask}
		default:
			if x.Field.Kind == field.Flag {
				k.Status = withStatus(k.Status, x.Field.Name, x.Value.On)
			}
		}
	}
	return k
}

func port(v field.Value) *uint16 { p := uint16(v.Num); return &p }

// single is the range that holds one address.
func single(a wire.Addr) *conntrack.Prefix {
	if a.Is4() {
		return &conntrack.Prefix{Addr: a, Bits: 32}
	}
	return &conntrack.Prefix{Addr: a, Bits: 128}
}
