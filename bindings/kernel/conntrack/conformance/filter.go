package conformance

import (
	"encoding/binary"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// fill makes the flows that the filter tests select from. They are named by
// their source ports:
//
//	1, 2   tcp IPv4, mark 1 and 0x12, 2 has seen a reply
//	3      udp IPv4 to port 53
//	4      udp IPv4 in zone 7
//	5      sctp IPv4
//	6      tcp IPv6, mark 1
//	7      icmp IPv4, id 7
//	8      udp IPv6 from another address
func fill(h *harness) {
	h.t.Helper()
	mark := func(m uint32) func(*wire.Entry) {
		return func(e *wire.Entry) { e.Mark, e.Present = m, e.Present|wire.HasMark }
	}
	h.do(entry(tcp(1, 80), mark(1)))
	h.do(entry(tcp(2, 81), mark(0x12), func(e *wire.Entry) {
		e.Status, e.Present = wire.StatusSeenReply|wire.StatusConfirmed, e.Present|wire.HasStatus
	}))
	h.do(entry(udp(3, 53)))
	z := udp(4, 53)
	z.Zone = 7
	h.do(entry(z))
	h.do(entry(flowOf(wire.ProtoSCTP, "10.1.0.1", "10.1.0.2", 5, 80)))
	h.do(entry(flowOf(wire.ProtoTCP, "fd00::1", "fd00::2", 6, 80), mark(1)))
	icmp := flowOf(wire.ProtoICMP, "10.1.0.9", "10.1.0.2", 0, 0)
	icmp.SetICMP(8, 0, 7)
	h.do(entry(icmp))
	h.do(entry(flowOf(wire.ProtoUDP, "fd00::9", "fd00::2", 8, 53)))
}

// flags is a CTA_FILTER.
func flags(orig, reply uint32) []byte {
	return nest(wire.AttrFilter, attr(1, binary.NativeEndian.AppendUint32(nil, orig)...),
		attr(2, binary.NativeEndian.AppendUint32(nil, reply)...))
}

// filtered dumps under a filter of our own and returns the ports, and whether
// the kernel says that it filtered.
func (h *harness) filtered(r *raw, family uint8, attrs ...[]byte) (ports []uint16, said bool) {
	h.t.Helper()
	list := r.ask(ct(wire.MsgGet, wire.FlagDump, family, attrs...))
	end := list[len(list)-1]
	if end.errno != 0 {
		h.t.Errorf("dump: %s", name(end.errno))
		return nil, false
	}
	var entries []wire.Entry
	for _, a := range list[:len(list)-1] {
		var v wire.View
		if err := v.Reset(a.msg); err != nil {
			h.t.Fatal(err)
		}
		var e wire.Entry
		v.Entry(&e)
		entries = append(entries, e)
		said = said || a.Flags&wire.FlagDumpFiltered != 0
	}
	return portsOf(entries), said
}

// filterCase is a filter, and what it selects of what fill makes.
type filterCase struct {
	what   string
	family uint8
	attrs  []byte
	errno  syscall.Errno
	want   []uint16
}

var everything = []uint16{1, 2, 3, 4, 5, 6, 7, 8}

// filterCases hold for dumps and flushes alike, except that a flush without a
// filter at all is one of everything too.
func filterCases() []filterCase {
	mark := func(v uint32) []byte { return attr32(wire.AttrMark, v) }
	markMask := func(v uint32) []byte { return attr32(wire.AttrMarkMask, v) }
	status := func(v wire.Status) []byte { return attr32(wire.AttrStatus, uint32(v)) }
	statusMask := func(v wire.Status) []byte { return attr32(wire.AttrStatusMask, uint32(v)) }
	o := func(t wire.Tuple) []byte { return tuple(wire.AttrTupleOrig, t) }
	p := func(t wire.Tuple) []byte { return tuple(wire.AttrTupleReply, t) }
	six := flowOf(wire.ProtoTCP, "fd00::1", "fd00::2", 6, 80)
	sctp := flowOf(wire.ProtoSCTP, "10.1.0.1", "10.1.0.2", 999, 80)
	icmp := flowOf(wire.ProtoICMP, "10.1.0.9", "10.1.0.2", 0, 0)
	icmp.SetICMP(8, 0, 7)
	otherICMP := icmp
	otherICMP.SetICMP(8, 0, 8)
	const src, dst, zone, proto, sport, dport = 1, 2, 4, 8, 16, 32
	return []filterCase{
		{"mark", 0, mark(1), 0, []uint16{1, 6}},
		{"mark and mask", 0, join(mark(2), markMask(0xf)), 0, []uint16{2}},
		{"mark 0", 0, mark(0), 0, []uint16{3, 4, 5, 7, 8}},
		{"value outside the mask", 0, join(mark(0x11), markMask(1)), 0, nil},
		{"status", 0, status(wire.StatusSeenReply), 0, []uint16{2}},
		{"unreplied", 0, join(status(0), statusMask(wire.StatusSeenReply)), 0, []uint16{1, 3, 4, 5, 6, 7, 8}},
		{"status 0 without mask", 0, status(0), syscall.EINVAL, nil},
		{"status with mask 0", 0, join(status(2), statusMask(0)), syscall.EINVAL, nil},
		{"zone", 0, attr16(wire.AttrZone, 7), 0, []uint16{4}},
		{"zone 0", 0, attr16(wire.AttrZone, 0), 0, []uint16{1, 2, 3, 5, 6, 7, 8}},
		{"mark and status", 0, join(mark(1), join(status(0), statusMask(wire.StatusSeenReply))), 0, []uint16{1, 6}},
		{"source", 2, join(o(tcp(0, 0)), flags(src, 0)), 0, []uint16{1, 2, 3, 4, 5}},
		{"destination", 2, join(o(tcp(0, 0)), flags(dst, 0)), 0, []uint16{1, 2, 3, 4, 5, 7}},
		{"protocol", 2, join(o(udp(0, 0)), flags(proto, 0)), 0, []uint16{3, 4}},
		{"tcp port", 2, join(o(tcp(0, 80)), flags(proto|dport, 0)), 0, []uint16{1}},
		{"udp ports", 2, join(o(udp(3, 53)), flags(proto|sport|dport, 0)), 0, []uint16{3}},
		{"reply tuple", 2, join(p(back(tcp(2, 81))), flags(0, proto|sport)), 0, []uint16{2}},
		{"both tuples", 2, join(o(tcp(1, 80)), p(back(tcp(1, 80))), flags(src|dst|proto|sport|dport, src|dst|proto|sport|dport)), 0, []uint16{1}},
		{"tuple and mark", 2, join(o(tcp(0, 0)), flags(src, 0), mark(1)), 0, []uint16{1}},
		{"icmp id", 2, join(o(icmp), flags(proto|1<<6|1<<7|1<<8, 0)), 0, []uint16{7}},
		{"other icmp id", 2, join(o(otherICMP), flags(proto|1<<8, 0)), 0, nil},
		{"IPv6 addresses are inverted", 10, join(o(six), flags(src, 0)), 0, []uint16{8}},
		{"IPv6 destination is inverted", 10, join(o(six), flags(dst, 0)), 0, nil},
		{"IPv6 ports", 10, join(o(six), flags(proto|sport, 0)), 0, []uint16{6}},
		{"ports of sctp do nothing", 2, join(o(sctp), flags(proto|sport, 0)), 0, []uint16{5}},
		{"icmp bits of udp do nothing", 2, join(tuple(wire.AttrTupleOrig, udp(3, 53)), flags(proto|1<<6|1<<8, 0)), 0, []uint16{3, 4}},
		{"zone of a tuple does nothing", 2, join(tuple(wire.AttrTupleOrig, tcp(0, 0), attr16(3, 7)), flags(zone|src, 0)), 0, []uint16{1, 2, 3, 4, 5}},
		{"a port needs its protocol", 2, join(o(tcp(1, 80)), flags(dport, 0)), syscall.EINVAL, nil},
		{"flags need their tuple", 2, flags(src, 0), syscall.EINVAL, nil},
		{"reply flags need the reply tuple", 2, join(o(tcp(1, 80)), flags(0, src)), syscall.EINVAL, nil},
		{"flags need a family", 0, join(o(tcp(1, 80)), flags(src, 0)), syscall.EOPNOTSUPP, nil},
		{"unknown flags", 2, join(o(tcp(1, 80)), flags(1<<12, 0)), syscall.EINVAL, nil},
	}
}

// filterTests are about what a dump selects by.
var filterTests = []test{
	{"dump", func(h *harness) {
		fill(h)
		h.wantPorts(h.ports(), "everything", everything...)
		r := h.raw()
		for _, c := range filterCases() {
			m := ct(wire.MsgGet, wire.FlagDump, c.family, c.attrs)
			if c.errno != 0 {
				r.want(c.errno, m, c.what)
				continue
			}
			ports, said := h.filtered(r, c.family, c.attrs)
			h.wantPorts(ports, c.what, c.want...)
			if len(ports) > 0 && !said {
				h.t.Errorf("%s: the answer is not marked as filtered", c.what)
			}
		}
	}},
	{"what a dump does not select by", func(h *harness) {
		fill(h)
		r := h.raw()
		for what, attrs := range map[string][]byte{
			"nothing": nil, "mask of the mark": attr32(wire.AttrMarkMask, 1),
			"mask of the status": attr32(wire.AttrStatusMask, 2), "id": attr32(wire.AttrID, 5),
			"labels":  attr(wire.AttrLabels, make([]byte, 16)...),
			"timeout": attr32(wire.AttrTimeout, 5), "tuple": tuple(wire.AttrTupleOrig, tcp(1, 80)),
			"unknown": attr32(40, 1),
		} {
			ports, said := h.filtered(r, 0, attrs)
			h.wantPorts(ports, what, everything...)
			h.equal("marked as filtered by "+what, said, false)
		}
		ports, said := h.filtered(r, 2)
		h.wantPorts(ports, "family", 1, 2, 3, 4, 5, 7)
		h.equal("marked as filtered by family", said, true)
		ports, _ = h.filtered(r, 10)
		h.wantPorts(ports, "family", 6, 8)
		ports, _ = h.filtered(r, 2, nest(wire.AttrFilter))
		h.wantPorts(ports, "empty filter", 1, 2, 3, 4, 5, 7)
	}},
	{"a mask alone beside another filter is refused", func(h *harness) {
		r := h.raw()
		for what, attrs := range map[string][]byte{
			"mask of the mark": attr32(wire.AttrMarkMask, 1), "mask of the status": attr32(wire.AttrStatusMask, 2),
		} {
			r.want(syscall.EINVAL, ct(wire.MsgGet, wire.FlagDump, 2, attrs), what+" and family")
			r.want(syscall.EINVAL, ct(wire.MsgDelete, 0, 0, attrs, attr16(wire.AttrZone, 1)), what+" and zone")
		}
	}},
	{"split zones are selected by their id", func(h *harness) {
		c := entry(tcp(1, 80))
		c.Entry.Orig.Zone = 5
		h.do(c)
		c = entry(tcp(2, 80))
		h.do(c)
		ports, _ := h.filtered(h.raw(), 0, attr16(wire.AttrZone, 5))
		h.wantPorts(ports, "zone 5", 1)
		ports, _ = h.filtered(h.raw(), 0, attr16(wire.AttrZone, 0))
		h.wantPorts(ports, "zone 0", 2)
	}},
	{"by the client", func(h *harness) {
		fill(h)
		zone := uint16(7)
		list, res := h.dump(&wire.Dump{Filter: wire.Filter{Zone: &zone, Family: wire.FamilyIPv4}})
		h.wantPorts(portsOf(list), "zone", 4)
		h.equal("filtered", res.Filtered, true)
		list, res = h.dump(&wire.Dump{Filter: wire.Filter{Family: wire.FamilyIPv4,
			Orig: wire.TupleFilter{Tuple: tcp(0, 80), Bits: wire.FilterProto | wire.FilterDstPort}}})
		h.wantPorts(portsOf(list), "port", 1)
		h.equal("filtered", res.Filtered, true)
	}},
	{"taking the counters filters too", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		fill(h)
		list := h.raw().ask(ct(wire.MsgGetCtrZero, wire.FlagDump, 0, attr16(wire.AttrZone, 7)))
		h.equal("messages", len(list), 2)
		h.equal("type", list[0].Type, uint16(wire.SubsysConntrack)<<8|wire.MsgNew)
		list = h.raw().ask(ct(wire.MsgGetCtrZero, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80))))
		h.equal("single", len(list), 2)
		h.equal("type", list[0].Type, uint16(wire.SubsysConntrack)<<8|wire.MsgNew)
	}},
}

// left is what a filter leaves of everything.
func left(gone []uint16) (ports []uint16) {
	for _, p := range everything {
		keep := true
		for _, g := range gone {
			keep = keep && g != p
		}
		if keep {
			ports = append(ports, p)
		}
	}
	return ports
}

// flushTests are about deletes without a tuple.
var flushTests = []test{
	{"by filter", func(h *harness) {
		r := h.raw()
		for _, c := range filterCases() {
			h.do(&wire.Flush{All: true})
			fill(h)
			r.want(c.errno, ct(wire.MsgDelete, 0, c.family, c.attrs), c.what)
			h.wantPorts(h.ports(), "after "+c.what, left(c.want)...)
		}
	}},
	{"everything", func(h *harness) {
		fill(h)
		h.do(&wire.Flush{All: true})
		h.wantPorts(h.ports(), "after the flush")
	}},
	{"family counts with version 1 or a filter only", func(h *harness) {
		r := h.raw()
		fill(h)
		m := ct(wire.MsgDelete, 0, 10)
		m.version = 1
		r.want(0, m, "version 1")
		h.wantPorts(h.ports(), "version 1", 1, 2, 3, 4, 5, 7)
		h.do(&wire.Flush{All: true})
		fill(h)
		r.want(0, ct(wire.MsgDelete, 0, 10, nest(wire.AttrFilter)), "empty filter")
		h.wantPorts(h.ports(), "empty filter", 1, 2, 3, 4, 5, 7)
		h.do(&wire.Flush{All: true})
		fill(h)
		r.want(0, ct(wire.MsgDelete, 0, 10, attr32(wire.AttrMark, 1)), "version 0 and mark")
		h.wantPorts(h.ports(), "version 0 and mark", 2, 3, 4, 5, 7, 8)
		r.want(0, ct(wire.MsgDelete, 0, 10), "version 0")
		h.wantPorts(h.ports(), "version 0")
	}},
	{"by the client", func(h *harness) {
		fill(h)
		h.do(&wire.Flush{Filter: wire.Filter{Family: wire.FamilyIPv6}})
		h.wantPorts(h.ports(), "after a flush of IPv6", 1, 2, 3, 4, 5, 7)
	}},
	{"ignored attributes empty the table", func(h *harness) {
		r := h.raw()
		for what, attrs := range map[string][]byte{
			"id": attr32(wire.AttrID, 5), "labels": attr(wire.AttrLabels, make([]byte, 16)...),
			"timeout": attr32(wire.AttrTimeout, 5), "protocol details": nest(wire.AttrProtoInfo),
			"unknown": attr32(40, 1), "mask of the mark": attr32(wire.AttrMarkMask, 1),
			"mask of the status": attr32(wire.AttrStatusMask, 2), "master": tuple(wire.AttrTupleMaster, tcp(1, 80)),
		} {
			fill(h)
			r.want(0, ct(wire.MsgDelete, 0, 2, attrs), what)
			h.wantPorts(h.ports(), "after "+what)
		}
	}},
}

// idTests are about CTA_ID.
var idTests = []test{
	{"stable, and the same after a re-creation", func(h *harness) {
		e := h.create(tcp(1, 80))
		h.equal("id", h.get(tcp(1, 80)).ID, e.ID)
		list, _ := h.dump(&wire.Dump{})
		h.equal("id in a dump", list[0].ID, e.ID)
		h.do(mustDelete(h, e.Key()))
		// The hash covers the address of the entry, which its slab hands out
		// again: the id is no generation number.
		seen := map[uint32]bool{e.ID: true}
		const again = 200
		for range again {
			f := h.create(tcp(1, 80))
			seen[f.ID] = true
			h.do(mustDelete(h, f.Key()))
		}
		if len(seen) > again {
			h.t.Errorf("%d re-creations of one flow had %d different ids", again, len(seen)-1)
		}
	}},
	{"honoured by delete", func(h *harness) {
		e := h.create(tcp(1, 80))
		wrong := e.Key()
		wrong.ID++
		h.refuse(syscall.ENOENT, mustDelete(h, wrong))
		h.get(tcp(1, 80))
		h.do(mustDelete(h, e.Key()))
		h.gone(tcp(1, 80))
	}},
	{"ignored by get", func(h *harness) {
		e := h.create(tcp(1, 80))
		h.raw().want(0, ct(wire.MsgGet, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), attr32(wire.AttrID, e.ID+1)), "get")
		wrong := e.Key()
		wrong.ID++
		if _, ok := h.look(wrong); ok {
			h.t.Error("the client takes a flow with another id for the one asked for")
		}
	}},
}
