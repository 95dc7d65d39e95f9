package conformance

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// protoTests are about protocols and their details.
var protoTests = []test{
	{"every protocol", func(h *harness) {
		icmp := flowOf(wire.ProtoICMP, "10.1.0.1", "10.1.0.2", 0, 0)
		icmp.SetICMP(8, 0, 77)
		icmp6 := flowOf(wire.ProtoICMPv6, "fd00::1", "fd00::2", 0, 0)
		icmp6.SetICMP(128, 0, 78)
		list := []wire.Tuple{icmp, icmp6}
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoGRE} {
			list = append(list, flowOf(proto, "10.1.0.1", "10.1.0.2", 1000, 2000), flowOf(proto, "fd00::1", "fd00::2", 1000, 2000))
		}
		for _, proto := range []uint8{253, 50, 2} {
			list = append(list, flowOf(proto, "10.1.0.1", "10.1.0.2", 0, 0), flowOf(proto, "fd00::1", "fd00::2", 0, 0))
		}
		for _, t := range list {
			e := h.create(t)
			h.equal("original of "+t.String(), e.Orig, t)
			h.equal("reply of "+t.String(), e.Reply, back(t))
			h.equal("has a state", e.Has(wire.HasState), t.Proto == wire.ProtoTCP || t.Proto == wire.ProtoSCTP)
			h.equal("state", e.State, uint8(0))
		}
		all, _ := h.dump(&wire.Dump{})
		h.equal("flows", len(all), len(list))
		for _, t := range list {
			h.do(mustDelete(h, wire.Key{Tuple: t}))
		}
		h.equal("flows after the deletes", len(h.ports()), 0)
	}},
	{"icmp types", func(h *harness) {
		r := h.raw()
		for _, v6 := range []bool{false, true} {
			for typ := range 256 {
				t := flowOf(wire.ProtoICMP, "10.1.0.1", "10.1.0.2", 0, 0)
				if v6 {
					t = flowOf(wire.ProtoICMPv6, "fd00::1", "fd00::2", 0, 0)
				}
				t.SetICMP(uint8(typ), 0, 9)
				_, known := t.Invert()
				want := syscall.EINVAL
				if known {
					want = syscall.ENOENT
				}
				r.want(want, ct(wire.MsgGet, 0, t.Family, tuple(wire.AttrTupleOrig, t)), t.String())
			}
		}
	}},
	{"no ports, one flow a pair of addresses", func(h *harness) {
		t := flowOf(253, "10.1.0.1", "10.1.0.2", 0, 0)
		h.create(t)
		t.SrcPort, t.DstPort = 5, 6
		h.raw().want(syscall.EEXIST, ct(wire.MsgNew, wire.FlagCreate|wire.FlagExcl, 2, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)), attr32(wire.AttrTimeout, 9)), "other ports")
	}},
	{"tcp state", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		h.create(key.Tuple)
		for s := range uint8(10) {
			h.equal("state", h.update(&wire.Update{Key: key, State: &s}).State, s)
		}
		h.raw().want(syscall.ERANGE, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, key.Tuple), nest(wire.AttrProtoInfo, nest(1, attr(1, 10)))), "state 10")
		e := h.create(tcp(2, 80), func(e *wire.Entry) { e.State, e.Present = 3, e.Present|wire.HasState })
		h.equal("state at creation", e.State, uint8(3))
	}},
	{"tcp flags and scales", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		e := h.create(key.Tuple)
		h.equal("at first", e.TCP(), wire.TCPInfo{})
		set := func(info wire.TCPInfo, mask [2]wire.TCPFlags, want wire.TCPInfo) {
			h.t.Helper()
			h.equal("tcp", h.update(&wire.Update{Key: key, TCP: &info, TCPMask: mask}).TCP(), want)
		}
		full := [2]wire.TCPFlags{0xff, 0xff}
		set(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{2, 2}}, full, wire.TCPInfo{Flags: [2]wire.TCPFlags{2, 2}})
		set(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{3, 2}}, full, wire.TCPInfo{Flags: [2]wire.TCPFlags{3, 2}})
		set(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{9, 1}}, [2]wire.TCPFlags{8, 1},
			wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{0xb, 3}})
		set(wire.TCPInfo{Flags: [2]wire.TCPFlags{0xff, 0xff}}, [2]wire.TCPFlags{},
			wire.TCPInfo{Flags: [2]wire.TCPFlags{0xb, 3}})
		list := h.raw().ask(ct(wire.MsgGet, 0, 2, tuple(wire.AttrTupleOrig, key.Tuple)))
		flags := binary.NativeEndian.AppendUint16(nil, 6)
		flags = append(binary.NativeEndian.AppendUint16(flags, 4), 0xb, 0)
		h.equal("flags are read with mask 0", bytes.Contains(list[0].msg, flags), true)
	}},
	{"sctp needs all three", func(h *harness) {
		t := flowOf(wire.ProtoSCTP, "10.1.0.1", "10.1.0.2", 1, 2)
		e := h.create(t, func(e *wire.Entry) {
			e.State, e.Present = 4, e.Present|wire.HasState
			e.SetVTags([2]uint32{0x11223344, 0x55667788})
		})
		h.equal("state", e.State, uint8(4))
		h.equal("tags", e.VTags(), [2]uint32{0x11223344, 0x55667788})
		r := h.raw()
		o := tuple(wire.AttrTupleOrig, t)
		r.want(syscall.EINVAL, ct(wire.MsgNew, 0, 2, o, nest(wire.AttrProtoInfo, nest(3, attr(1, 3)))), "state alone")
		r.want(syscall.EINVAL, ct(wire.MsgNew, 0, 2, o, nest(wire.AttrProtoInfo, nest(3, attr(1, 3), attr32(2, 1)))), "one tag")
		r.want(0, ct(wire.MsgNew, 0, 2, o, nest(wire.AttrProtoInfo, nest(3, attr(1, 3), attr32(2, 1), attr32(3, 2)))), "all")
		h.equal("state", h.get(t).State, uint8(3))
	}},
	{"details of another protocol are ignored", func(h *harness) {
		h.create(udp(1, 53))
		h.create(tcp(1, 80))
		r := h.raw()
		r.want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, udp(1, 53)), nest(wire.AttrProtoInfo, nest(1, attr(1, 3)))), "tcp on udp")
		r.want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), nest(wire.AttrProtoInfo, nest(3, attr(1, 3)))), "sctp on tcp")
		h.equal("state", h.get(tcp(1, 80)).State, uint8(0))
	}},
}
