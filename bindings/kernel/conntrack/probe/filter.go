package probe

import (
	"encoding/binary"
	"slices"

	"github.com/ti-mo/netfilter"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// assorted makes five flows, named by their source ports, for the filters to
// choose from:
//
//	1  tcp IPv4, mark 0x11
//	2  tcp IPv4 to another port, mark 0x21, has seen a reply
//	3  udp IPv4 from another address
//	4  tcp IPv6
//	5  tcp IPv4 in zone 7
func (l *lab) assorted() error {
	mark := func(m uint32) func(*wire.Create) {
		return func(c *wire.Create) { c.Entry.Mark, c.Entry.Present = m, c.Entry.Present|wire.HasMark }
	}
	replied := func(c *wire.Create) {
		c.Entry.Status, c.Entry.Present = wire.StatusSeenReply|wire.StatusConfirmed, c.Entry.Present|wire.HasStatus
	}
	zoned := tcp4(5, 80)
	zoned.Zone = 7
	for _, err := range []error{
		l.create(tcp4(1, 80), mark(0x11)),
		l.create(tcp4(2, 81), mark(0x21), replied),
		l.create(tuple(wire.ProtoUDP, "10.0.0.9", "10.0.0.2", 3, 53)),
		l.create(tcp6(4, 80)),
		l.create(zoned),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// assortedCount is how many flows assorted makes.
const assortedCount = 5

// filter is the probe of a dump filter that selects the flows want.
func filter(f wire.Filter, want ...uint16) func(*lab) Verdict {
	return func(l *lab) Verdict {
		if err := l.assorted(); err != nil {
			return failed(err)
		}
		got, _, err := l.ports(&wire.Dump{Filter: f})
		return selects(err, got, want, assortedCount)
	}
}

// saysFiltered checks the flag by which a kernel that ignores a filter can be
// told from one that applies it.
func saysFiltered(l *lab) Verdict {
	if err := l.assorted(); err != nil {
		return failed(err)
	}
	_, said, err := l.ports(&wire.Dump{Filter: wire.Filter{Mark: &wire.Masked32{Value: 0x11, Mask: ^uint32(0)}}})
	if err != nil {
		return failed(err)
	}
	_, always, err := l.ports(&wire.Dump{})
	switch {
	case err != nil:
		return failed(err)
	case !said:
		return Verdict{Absent, "replies to a filtered dump do not carry NLM_F_DUMP_FILTERED"}
	case always:
		return Verdict{Broken, "replies to an unfiltered dump carry NLM_F_DUMP_FILTERED"}
	}
	return Verdict{State: OK}
}

// CTA_FILTER and the attributes of a tuple, as linux/netfilter/
// nfnetlink_conntrack.h and net/netfilter/nf_internals.h number them.
const (
	tupleIP, tupleProto, tupleZone = 1, 2, 3
	ipV4Src, ipV4Dst               = 1, 2
	ipV6Src, ipV6Dst               = 3, 4
	protoNum, protoSrc, protoDst   = 1, 2, 3
	filterOrig, filterReply        = 1, 2

	flagSrc, flagZone, flagProto, flagSrcPort = 1 << 0, 1 << 2, 1 << 3, 1 << 4
)

// rawTuple is the original tuple as an attribute, with a zone where that is
// not 0.
func rawTuple(t wire.Tuple, zone uint16) netfilter.Attribute {
	ip := []netfilter.Attribute{{Type: ipV6Src, Data: t.Src[:]}, {Type: ipV6Dst, Data: t.Dst[:]}}
	if t.Family == wire.FamilyIPv4 {
		ip = []netfilter.Attribute{{Type: ipV4Src, Data: t.Src[12:]}, {Type: ipV4Dst, Data: t.Dst[12:]}}
	}
	a := netfilter.Attribute{Type: wire.AttrTupleOrig, Nested: true, Children: []netfilter.Attribute{
		{Type: tupleIP, Nested: true, Children: ip},
		{Type: tupleProto, Nested: true, Children: []netfilter.Attribute{
			{Type: protoNum, Data: []byte{t.Proto}},
			{Type: protoSrc, Data: netfilter.Uint16Bytes(t.SrcPort)},
			{Type: protoDst, Data: netfilter.Uint16Bytes(t.DstPort)},
		}},
	}}
	if zone != 0 {
		a.Children = append(a.Children, netfilter.Attribute{Type: tupleZone, Data: netfilter.Uint16Bytes(zone)})
	}
	return a
}

// rawFlags is a CTA_FILTER of the original direction; its words are in the
// order of the host.
func rawFlags(orig uint32) netfilter.Attribute {
	return netfilter.Attribute{Type: wire.AttrFilter, Nested: true, Children: []netfilter.Attribute{
		{Type: filterOrig, Data: binary.NativeEndian.AppendUint32(nil, orig)},
		{Type: filterReply, Data: binary.NativeEndian.AppendUint32(nil, 0)},
	}}
}

// filterIPv6 tells the inversion: ipv6_addr_cmp is used as if it returned true
// for equal addresses.
func filterIPv6(l *lab) Verdict {
	other := tuple(wire.ProtoTCP, "fd00::9", "fd00::2", 5, 80)
	for _, t := range []wire.Tuple{tcp6(4, 80), other} {
		if err := l.create(t); err != nil {
			return failed(err)
		}
	}
	got, err := l.filtered(netfilter.ProtoIPv6, rawTuple(tcp6(4, 80), 0), rawFlags(flagSrc))
	if err == nil && slices.Equal(got, []uint16{5}) {
		return Verdict{Broken, "inverted: a filter for one IPv6 address selects, and would delete, every other"}
	}
	return selects(err, got, []uint16{4}, 2)
}

// filterOtherPorts tells that port bits are accepted and not applied for
// protocols other than TCP and UDP.
func filterOtherPorts(l *lab) Verdict {
	sctp := func(sport uint16) wire.Tuple {
		return tuple(wire.ProtoSCTP, "10.0.0.1", "10.0.0.2", sport, 80)
	}
	for sport := range uint16(2) {
		if err := l.create(sctp(sport + 1)); err != nil {
			return failed(err)
		}
	}
	got, err := l.filtered(netfilter.ProtoIPv4, rawTuple(sctp(1), 0), rawFlags(flagProto|flagSrcPort))
	if err == nil && len(got) == 2 {
		return Verdict{Broken, "accepted and not applied: a filter for one SCTP port selects all ports; the same code serves UDP-Lite and GRE"}
	}
	return selects(err, got, []uint16{1}, 2)
}

// filterTupleZone tells that the zone inside a tuple is parsed and not applied.
func filterTupleZone(l *lab) Verdict {
	if err := l.assorted(); err != nil {
		return failed(err)
	}
	got, err := l.filtered(netfilter.ProtoIPv4, rawTuple(tcp4(0, 0), 7), rawFlags(flagSrc|flagZone))
	if err == nil && len(got) == 3 {
		return Verdict{Broken, "accepted and not applied: every zone is selected; CTA_ZONE works"}
	}
	return selects(err, got, []uint16{5}, 3)
}
