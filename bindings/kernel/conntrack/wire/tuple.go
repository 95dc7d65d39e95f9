package wire

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Address families as nfgenmsg carries them.
const (
	FamilyUnspec = 0
	FamilyIPv4   = 2
	FamilyIPv6   = 10
)

// Addr is an address of either family in 16 bytes; IPv4 is kept in the
// v4-mapped form ::ffff:a.b.c.d, so that addresses compare and hash alike.
type Addr [16]byte

// AddrFrom converts a into an Addr. A zone of a (fe80::1%eth0) is dropped:
// conntrack does not know it.
func AddrFrom(a netip.Addr) Addr { return a.As16() }

// Is4 tells whether a is IPv4.
func (a Addr) Is4() bool {
	return a[10] == 0xff && a[11] == 0xff &&
		[10]byte(a[:10]) == [10]byte{}
}

// Netip returns a as a netip.Addr, IPv4 unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// String returns the usual text of the address.
func (a Addr) String() string { return a.Netip().String() }

// Direction says which of the two tuples of a flow is meant.
type Direction uint8

// The two directions of a flow.
const (
	Original Direction = 0
	Reply    Direction = 1
)

// String returns "original" or "reply".
func (d Direction) String() string {
	if d == Original {
		return "original"
	}
	return "reply"
}

// Tuple is one direction of a flow, 40 bytes. What the two port fields hold
// depends on the protocol: ports (tcp, udp, udplite, sctp, dccp), the 16-bit
// call keys (gre), the identifier and type<<8|code (icmp, icmpv6), nothing
// (every other protocol). Zone is the zone in which this direction is looked
// up: both directions carry the same one unless the zone is split
// (CTA_TUPLE_ZONE), when the other is in zone 0.
type Tuple struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Zone             uint16
	Family           uint8
	Proto            uint8
}

// ICMP returns the type, code and identifier of an ICMP or ICMPv6 tuple.
func (t *Tuple) ICMP() (typ, code uint8, id uint16) {
	return uint8(t.DstPort >> 8), uint8(t.DstPort), t.SrcPort
}

// SetICMP stores the type, code and identifier of an ICMP or ICMPv6 tuple.
func (t *Tuple) SetICMP(typ, code uint8, id uint16) {
	t.SrcPort, t.DstPort = id, uint16(typ)<<8|uint16(code)
}

// IsZero tells whether t names no flow at all.
func (t *Tuple) IsZero() bool { return t.Family == 0 }

// Invert returns the tuple of the opposite direction of an untranslated flow:
// ends swapped, and for ICMP the answering type. Where a type has no answer
// (ok is false) conntrack would not track it either (linux
// nf_conntrack_proto_icmp.c, invmap).
func (t *Tuple) Invert() (inv Tuple, ok bool) {
	inv = *t
	inv.Src, inv.Dst = t.Dst, t.Src
	switch t.Proto {
	case ProtoICMP, ProtoICMPv6:
		typ, code, id := t.ICMP()
		answer, known := icmpAnswer(t.Proto, typ)
		inv.SetICMP(answer, code, id)
		return inv, known
	}
	inv.SrcPort, inv.DstPort = t.DstPort, t.SrcPort
	return inv, true
}

// icmpAnswer is the type that answers an ICMP query and the other way round.
func icmpAnswer(proto, typ uint8) (uint8, bool) {
	if proto == ProtoICMP {
		switch typ {
		case 0, 8: // echo
			return 8 - typ, true
		case 13, 15, 17: // timestamp, information, address mask
			return typ + 1, true
		case 14, 16, 18:
			return typ - 1, true
		}
		return 0, false
	}
	switch typ {
	case 128, 139: // echo, node information
		return typ + 1, true
	case 129, 140:
		return typ - 1, true
	}
	return 0, false
}

// String renders t for messages: "tcp 10.0.0.1:4000 > 10.0.0.2:80 zone 3".
func (t Tuple) String() string {
	if t.IsZero() {
		return "(no tuple)"
	}
	s := ProtoName(t.Proto) + " "
	switch {
	case t.Proto == ProtoICMP || t.Proto == ProtoICMPv6:
		typ, code, id := t.ICMP()
		s += fmt.Sprintf("%s > %s type %d code %d id %d", t.Src, t.Dst, typ, code, id)
	case HasPorts(t.Proto):
		s += netip.AddrPortFrom(t.Src.Netip(), t.SrcPort).String() + " > " +
			netip.AddrPortFrom(t.Dst.Netip(), t.DstPort).String()
	case t.Proto == ProtoGRE:
		s += fmt.Sprintf("%s > %s key %#x/%#x", t.Src, t.Dst, t.SrcPort, t.DstPort)
	default:
		s += t.Src.String() + " > " + t.Dst.String()
	}
	if t.Zone != 0 {
		s += " zone " + strconv.Itoa(int(t.Zone))
	}
	return s
}

// decode fills t from the payload of a tuple attribute. Addresses and
// protocol may be missing (masks of expectations); the family follows the
// addresses. The layout that the kernel sends for protocols with ports is
// taken in one look; whatever differs from it is walked.
func (t *Tuple) decode(b []byte) {
	*t = Tuple{}
	b = t.takePorts(t.takeAddrs(b))
	outer := attrs{b: b}
	for {
		typ, p, ok := outer.next()
		if !ok {
			return
		}
		switch typ {
		case attrTupleIP:
			t.decodeIP(p)
		case attrTupleProto:
			t.decodeProto(p)
		case attrTupleZone:
			if len(p) >= 2 {
				t.Zone = be16(p)
			}
		}
	}
}

// takeAddrs reads the addresses if b begins with them in the usual layout, and
// returns what follows.
func (t *Tuple) takeAddrs(b []byte) []byte {
	switch {
	case len(b) >= 20 && nativeUint32(b) == wordIPv4 && nativeUint32(b[4:]) == wordIPv4Src && nativeUint32(b[12:]) == wordIPv4Dst:
		t.Src, t.Dst, t.Family = mapped(b[8:12]), mapped(b[16:20]), FamilyIPv4
		return b[20:]
	case len(b) >= 44 && nativeUint32(b) == wordIPv6 && nativeUint32(b[4:]) == wordIPv6Src && nativeUint32(b[24:]) == wordIPv6Dst:
		t.Src, t.Dst, t.Family = Addr(b[8:24]), Addr(b[28:44]), FamilyIPv6
		return b[44:]
	}
	return b
}

// takePorts reads protocol and ports likewise.
func (t *Tuple) takePorts(b []byte) []byte {
	if len(b) >= 28 && nativeUint32(b) == wordProto && nativeUint32(b[4:]) == wordNum &&
		nativeUint32(b[12:]) == wordSrcPort && nativeUint32(b[20:]) == wordDstPort {
		t.Proto, t.SrcPort, t.DstPort = b[8], be16(b[16:]), be16(b[24:])
		return b[28:]
	}
	return b
}

func (t *Tuple) decodeIP(b []byte) {
	in := attrs{b: b}
	for {
		typ, p, ok := in.next()
		if !ok {
			return
		}
		switch {
		case typ == attrIPv4Src && len(p) >= 4:
			t.Src, t.Family = mapped(p), FamilyIPv4
		case typ == attrIPv4Dst && len(p) >= 4:
			t.Dst, t.Family = mapped(p), FamilyIPv4
		case typ == attrIPv6Src && len(p) >= 16:
			t.Src, t.Family = Addr(p[:16]), FamilyIPv6
		case typ == attrIPv6Dst && len(p) >= 16:
			t.Dst, t.Family = Addr(p[:16]), FamilyIPv6
		}
	}
}

func (t *Tuple) decodeProto(b []byte) {
	in := attrs{b: b}
	for {
		typ, p, ok := in.next()
		if !ok {
			return
		}
		switch {
		case len(p) < 1:
		case typ == attrProtoNum:
			t.Proto = p[0]
		case typ == attrProtoICMPType || typ == attrProtoICMP6Typ:
			t.DstPort = t.DstPort&0xff | uint16(p[0])<<8
		case typ == attrProtoICMPCode || typ == attrProtoICMP6Cod:
			t.DstPort = t.DstPort&0xff00 | uint16(p[0])
		case len(p) < 2:
		case typ == attrProtoSrcPort || typ == attrProtoICMPID || typ == attrProtoICMP6ID:
			t.SrcPort = be16(p)
		case typ == attrProtoDstPort:
			t.DstPort = be16(p)
		}
	}
}

func mapped(p []byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: p[0], 13: p[1], 14: p[2], 15: p[3]}
}
