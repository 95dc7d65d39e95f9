package conntrack

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// compile makes the socket program of a filter, nil for one without terms. The
// program walks the attributes with the kernel's own functions
// (SKF_AD_NLATTR), as their places differ from message to message, and lets
// pass what it cannot judge: other messages than conntrack events, and those
// without the attributes that every event has.
func (f *EventFilter) compile() ([]bpf.RawInstruction, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if *f == (EventFilter{}) {
		return nil, nil
	}
	var p program
	p.onlyEvents()
	if f.Family != 0 {
		p.load(offFamily, 1)
		p.want(uint32(f.Family))
	}
	if f.Status != nil {
		p.attr(pass, wire.AttrStatus)
		p.loadPayload(0, 4)
		p.wantMasked(uint32(f.Status.Value), uint32(f.Status.Mask))
	}
	if f.Mark != nil {
		p.mark(*f.Mark)
	}
	if f.Proto != nil {
		p.attr(pass, wire.AttrTupleOrig, tupleProto, protoNum)
		p.loadPayload(0, 1)
		p.want(uint32(*f.Proto))
	}
	// A flow that has no ports has none that match.
	p.port(f.SrcPort, protoSrcPort)
	p.port(f.DstPort, protoDstPort)
	p.prefix(f.Src, ipv4Src, ipv6Src)
	p.prefix(f.Dst, ipv4Dst, ipv6Dst)
	if f.Zone != nil {
		p.zone(*f.Zone)
	}
	p = append(p, pass)
	return bpf.Assemble(p)
}

// check refuses terms that could never hold.
func (f *EventFilter) check() error {
	fail := func(field, msg string, args ...any) error {
		return &wire.FieldError{Op: "listen to events", Field: field, Msg: fmt.Sprintf(msg, args...)}
	}
	switch {
	case f.Family != 0 && f.Family != wire.FamilyIPv4 && f.Family != wire.FamilyIPv6:
		return fail("family", "%d is neither IPv4 nor IPv6", f.Family)
	case f.Mark != nil && f.Mark.Value&^f.Mark.Mask != 0:
		return fail("mark", "value %#x has bits outside the mask %#x, so nothing could match", f.Mark.Value, f.Mark.Mask)
	case f.Status != nil && f.Status.Value&^f.Status.Mask != 0:
		return fail("status", "value %s has bits outside the mask %s, so nothing could match", f.Status.Value, f.Status.Mask)
	}
	for _, t := range []struct {
		field  string
		prefix *Prefix
	}{{"src", f.Src}, {"dst", f.Dst}} {
		if t.prefix == nil {
			continue
		}
		family, size := uint8(wire.FamilyIPv6), 128
		if t.prefix.Addr.Is4() {
			family, size = wire.FamilyIPv4, 32
		}
		switch {
		case t.prefix.Bits < 0 || t.prefix.Bits > size:
			return fail(t.field, "prefix length %d of %s: want 0 to %d", t.prefix.Bits, t.prefix.Addr, size)
		case f.Family != 0 && f.Family != family:
			return fail(t.field, "%s is not of the family that is asked for", t.prefix.Addr)
		}
	}
	return nil
}

// Attributes inside a tuple (linux
// include/uapi/linux/netfilter/nfnetlink_conntrack.h, enum ctattr_tuple,
// ctattr_ip, ctattr_l4proto).
const (
	tupleIP    = 1
	tupleProto = 2
	tupleZone  = 3

	ipv4Src = 1
	ipv4Dst = 2
	ipv6Src = 3
	ipv6Dst = 4

	protoNum     = 1
	protoSrcPort = 2
	protoDstPort = 3
)

// Places in a message.
const (
	offType   = 4
	offFamily = 16
)

// The two ends of a program. A message that passes is not cut.
var (
	pass = bpf.RetConstant{Val: 1<<32 - 1}
	drop = bpf.RetConstant{Val: 0}
)

// program is a list of conditions, one after the other: each ends in drop
// where it does not hold and falls through where it does.
type program []bpf.Instruction

// onlyEvents lets all pass that is not of the conntrack subsystem. The type
// is in host order, but a program loads big-endian.
func (p *program) onlyEvents() {
	subsys := [2]byte{}
	binary.NativeEndian.PutUint16(subsys[:], uint16(wire.SubsysConntrack)<<8)
	mask := [2]byte{}
	binary.NativeEndian.PutUint16(mask[:], 0xff00)
	p.load(offType, 2)
	*p = append(*p,
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: uint32(binary.BigEndian.Uint16(mask[:]))},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(binary.BigEndian.Uint16(subsys[:])), SkipTrue: 1},
		pass)
}

// load reads at a fixed place in the message.
func (p *program) load(off uint32, size int) {
	*p = append(*p, bpf.LoadAbsolute{Off: off, Size: size})
}

// attr leaves the place of the attribute at path in A, or ends in absent.
func (p *program) attr(absent bpf.RetConstant, path ...int) {
	p.locate(path...)
	*p = append(*p, absent)
}

// locate leaves the place of an attribute in A and skips the next
// instruction; that is executed where a part of the path is missing.
func (p *program) locate(path ...int) {
	*p = append(*p,
		bpf.LoadConstant{Dst: bpf.RegA, Val: wire.HeaderLen},
		bpf.LoadConstant{Dst: bpf.RegX, Val: uint32(path[0])},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr})
	for i, typ := range path[1:] {
		// A nest is only looked into where there is one: 0 would be taken for
		// the place of the netlink header.
		left := len(path) - 2 - i
		*p = append(*p,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: uint8(3*left + 3)},
			bpf.LoadConstant{Dst: bpf.RegX, Val: uint32(typ)},
			bpf.LoadExtension{Num: bpf.ExtNetlinkAttrNested})
	}
	*p = append(*p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1})
}

// loadPayload reads from the payload of the attribute whose place is in A.
func (p *program) loadPayload(off uint32, size int) {
	const nlaHeader = 4
	*p = append(*p, bpf.TAX{}, bpf.LoadIndirect{Off: nlaHeader + off, Size: size})
}

// want drops what is not equal to A.
func (p *program) want(val uint32) {
	*p = append(*p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: val, SkipTrue: 1}, drop)
}

// wantMasked is want for some bits of A.
func (p *program) wantMasked(val, mask uint32) {
	*p = append(*p, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	p.want(val)
}

// mark compares the mark; the kernel leaves one that is 0 out.
func (p *program) mark(m wire.Masked32) {
	p.attr(pass, wire.AttrTupleOrig) // what has no tuple is not understood
	p.locate(wire.AttrMark)
	if m.Value == 0 {
		*p = append(*p, bpf.Jump{Skip: 5})
	} else {
		*p = append(*p, drop)
	}
	p.loadPayload(0, 4)
	p.wantMasked(m.Value, m.Mask)
}

func (p *program) port(port *uint16, typ int) {
	if port == nil {
		return
	}
	p.attr(pass, wire.AttrTupleOrig, tupleProto)
	p.attr(drop, wire.AttrTupleOrig, tupleProto, typ)
	p.loadPayload(0, 2)
	p.want(uint32(*port))
}

// prefix compares an address of the original tuple, word by word as far as
// the prefix goes.
func (p *program) prefix(pre *Prefix, typ4, typ6 int) {
	if pre == nil {
		return
	}
	addr, typ := pre.Addr[:], typ6
	if pre.Addr.Is4() {
		addr, typ = pre.Addr[12:], typ4
	}
	p.attr(pass, wire.AttrTupleOrig, tupleIP)
	p.attr(drop, wire.AttrTupleOrig, tupleIP, typ) // of the other family
	*p = append(*p, bpf.TAX{})
	for i := 0; i*32 < pre.Bits; i++ {
		mask := ^uint32(0) << max(0, 32-(pre.Bits-i*32))
		*p = append(*p, bpf.LoadIndirect{Off: uint32(4 + 4*i), Size: 4})
		p.wantMasked(binary.BigEndian.Uint32(addr[4*i:])&mask, mask)
	}
}

// zone compares the zone of both directions, or, where the zone is split, of
// either. The default zone is not sent: no CTA_ZONE is taken for it, which
// lets split zones pass too.
func (p *program) zone(zone uint16) {
	if zone == 0 {
		p.locate(wire.AttrZone)
		*p = append(*p, bpf.Jump{Skip: 1}, drop)
		return
	}
	p.attr(pass, wire.AttrTupleOrig)
	for _, path := range [][]int{
		{wire.AttrTupleOrig, tupleZone},
		{wire.AttrTupleReply, tupleZone},
	} {
		p.locate(path...)
		*p = append(*p, bpf.Jump{Skip: 4}, // not there: on to the next
			bpf.TAX{}, bpf.LoadIndirect{Off: 4, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(zone), SkipTrue: 1},
			pass)
	}
	p.attr(drop, wire.AttrZone)
	p.loadPayload(0, 2)
	p.want(uint32(zone))
}
