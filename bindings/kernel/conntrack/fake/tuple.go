package fake

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// zone is a conntrack zone and the directions that it counts in (linux struct
// nf_conntrack_zone).
type zone struct {
	id  uint16
	dir uint8 // bit 0 original, bit 1 reply
}

var defaultZone = zone{dir: 3}

// in is the zone's id in one direction: 0 where the zone does not count.
func (z zone) in(dir wire.Direction) uint16 {
	if z.dir>>dir&1 == 0 {
		return 0
	}
	return z.id
}

// readZone reads CTA_ZONE or CTA_EXPECT_ZONE.
func readZone(a *attrs, typ int) zone {
	z := defaultZone
	if a.has(typ) {
		z.id = a.u16(typ)
	}
	return z
}

// Parts of a tuple that a filter needs (linux
// include/net/netfilter/nf_internals.h); a whole tuple needs all.
const (
	partSrc = 1 << iota
	partDst
	partZone
	partProto
	partSrcPort
	partDstPort
	partICMPType
	partICMPCode
	partICMPID
	partICMP6Type
	partICMP6Code
	partICMP6ID
	partEnd

	partAll   = partEnd - 1
	partProt4 = partAll &^ (partSrc | partDst | partZone | partProto)
)

var (
	tuplePolicy = map[int]policy{tupleIP: {nest: true}, tupleProto: {nest: true}, tupleZone: {min: 2}}
	ipPolicy    = map[int]policy{ipV4Src: {min: 4}, ipV4Dst: {min: 4}, ipV6Src: {min: 16}, ipV6Dst: {min: 16}}
	protoPolicy = map[int]policy{protoNum: {min: 1}, protoSrcPort: {min: 2}, protoDstPort: {min: 2},
		protoICMPID: {min: 2}, protoICMPType: {min: 1}, protoICMPCode: {min: 1},
		protoICMP6ID: {min: 2}, protoICMP6Type: {min: 1}, protoICMP6Code: {min: 1}}
)

// readTuple reads the parts of a tuple (linux ctnetlink_parse_tuple_filter).
// z takes the tuple's own zone; with nil there may be none. The zone of the
// tuple itself is left 0: it depends on the direction it is looked up in.
func readTuple(b []byte, dir wire.Direction, family uint8, z *zone, parts uint32) (t wire.Tuple, err error) {
	if family != wire.FamilyIPv4 && family != wire.FamilyIPv6 {
		return t, syscall.EOPNOTSUPP
	}
	a, err := nest(b, tuplePolicy)
	if err != nil {
		return t, err
	}
	t.Family = family
	if parts&(partSrc|partDst) != 0 {
		if err := readIP(&a, &t, parts); err != nil {
			return t, err
		}
	}
	switch {
	case parts&partProto != 0:
		if err := readProto(&a, &t, parts); err != nil {
			return t, err
		}
	case parts&partProt4 != 0:
		return t, syscall.EINVAL
	}
	if parts&partZone != 0 && a.has(tupleZone) {
		if z == nil || z.id != 0 {
			return t, syscall.EINVAL
		}
		z.id, z.dir = a.u16(tupleZone), 1<<dir
	}
	return t, nil
}

func readIP(a *attrs, t *wire.Tuple, parts uint32) error {
	if !a.has(tupleIP) {
		return syscall.EINVAL
	}
	ip, err := nest(a[tupleIP], ipPolicy)
	if err != nil {
		return err
	}
	src, dst := ipV4Src, ipV4Dst
	if t.Family == wire.FamilyIPv6 {
		src, dst = ipV6Src, ipV6Dst
	}
	for _, end := range []struct {
		part uint32
		typ  int
		to   *wire.Addr
	}{{partSrc, src, &t.Src}, {partDst, dst, &t.Dst}} {
		switch {
		case parts&end.part == 0:
		case !ip.has(end.typ):
			return syscall.EINVAL
		case t.Family == wire.FamilyIPv4:
			*end.to = wire.Addr{10: 0xff, 11: 0xff}
			copy(end.to[12:], ip[end.typ][:4])
		default:
			copy(end.to[:], ip[end.typ][:16])
		}
	}
	return nil
}

func readProto(a *attrs, t *wire.Tuple, parts uint32) error {
	if !a.has(tupleProto) {
		return syscall.EINVAL
	}
	p, err := nest(a[tupleProto], protoPolicy)
	if err != nil {
		return err
	}
	if !p.has(protoNum) {
		return syscall.EINVAL
	}
	t.Proto = p.u8(protoNum)
	// need tells whether a part is asked for, and err where it is and is not
	// there.
	need := func(part uint32, typ int) bool {
		if parts&part == 0 {
			return false
		}
		if !p.has(typ) {
			err = syscall.EINVAL
		}
		return err == nil
	}
	switch t.Proto {
	case wire.ProtoICMP, wire.ProtoICMPv6:
		idTyp, typTyp, codeTyp, shift := protoICMPID, protoICMPType, protoICMPCode, 0
		if t.Proto == wire.ProtoICMPv6 {
			idTyp, typTyp, codeTyp, shift = protoICMP6ID, protoICMP6Type, protoICMP6Code, 3
		}
		var typ, code uint8
		var id uint16
		if need(partICMPType<<shift, typTyp) {
			typ = p.u8(typTyp)
			if _, ok := icmpAnswer(t.Proto, typ); !ok {
				return syscall.EINVAL
			}
		}
		if need(partICMPCode<<shift, codeTyp) {
			code = p.u8(codeTyp)
		}
		if need(partICMPID<<shift, idTyp) {
			id = p.u16(idTyp)
		}
		t.SetICMP(typ, code, id)
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoGRE:
		if need(partSrcPort, protoSrcPort) {
			t.SrcPort = p.u16(protoSrcPort)
		}
		if need(partDstPort, protoDstPort) {
			t.DstPort = p.u16(protoDstPort)
		}
	}
	return err
}

// icmpAnswer is the type of the other direction (linux invmap of
// nf_conntrack_proto_icmp.c and _icmpv6.c).
func icmpAnswer(proto, typ uint8) (uint8, bool) {
	pairs := [][2]uint8{{8, 0}, {13, 14}, {15, 16}, {17, 18}}
	if proto == wire.ProtoICMPv6 {
		pairs = [][2]uint8{{128, 129}, {139, 140}}
	}
	for _, p := range pairs {
		switch typ {
		case p[0]:
			return p[1], true
		case p[1]:
			return p[0], true
		}
	}
	return 0, false
}

// invert is the tuple of the answering packet, without zone.
func invert(t wire.Tuple) wire.Tuple {
	inv := t
	inv.Src, inv.Dst, inv.Zone = t.Dst, t.Src, 0
	if t.Proto == wire.ProtoICMP || t.Proto == wire.ProtoICMPv6 {
		typ, code, id := t.ICMP()
		answer, _ := icmpAnswer(t.Proto, typ)
		inv.SetICMP(answer, code, id)
		return inv
	}
	inv.SrcPort, inv.DstPort = t.DstPort, t.SrcPort
	return inv
}

// tuple appends t as a nest. With split its zone goes in too.
func (m *message) tuple(typ int, t *wire.Tuple, split bool) {
	m.nest(typ, func() {
		m.nest(tupleIP, func() {
			if t.Family == wire.FamilyIPv4 {
				m.bytes(ipV4Src, t.Src[12:])
				m.bytes(ipV4Dst, t.Dst[12:])
			} else {
				m.bytes(ipV6Src, t.Src[:])
				m.bytes(ipV6Dst, t.Dst[:])
			}
		})
		m.nest(tupleProto, func() {
			m.u8(protoNum, t.Proto)
			icmpType, code, id := t.ICMP()
			switch t.Proto {
			case wire.ProtoICMP:
				m.u16(protoICMPID, id)
				m.u8(protoICMPType, icmpType)
				m.u8(protoICMPCode, code)
			case wire.ProtoICMPv6:
				m.u16(protoICMP6ID, id)
				m.u8(protoICMP6Type, icmpType)
				m.u8(protoICMP6Code, code)
			case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoGRE:
				m.u16(protoSrcPort, t.SrcPort)
				m.u16(protoDstPort, t.DstPort)
			}
		})
		if split {
			m.u16(tupleZone, t.Zone)
		}
	})
}
