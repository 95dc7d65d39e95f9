package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// updateTests are about changing flows.
var updateTests = []test{
	{"mark is xor under a mask", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		h.create(key.Tuple, func(e *wire.Entry) { e.Mark, e.Present = 0xf0f0, e.Present|wire.HasMark })
		h.equal("mark", h.update(&wire.Update{Key: key, Mark: &wire.Masked32{Value: 0x1, Mask: 0xf}}).Mark, uint32(0xf0f1))
		r := h.raw()
		o := tuple(wire.AttrTupleOrig, key.Tuple)
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr32(wire.AttrMark, 0x3), attr32(wire.AttrMarkMask, 0)), "mask 0")
		h.equal("toggled", h.get(key.Tuple).Mark, uint32(0xf0f2))
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr32(wire.AttrMark, 0x0f), attr32(wire.AttrMarkMask, 0xf0)), "value outside the mask")
		h.equal("cleared under the mask, toggled outside", h.get(key.Tuple).Mark, uint32(0xf00d))
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr32(wire.AttrMarkMask, 0xffffffff)), "mask alone")
		h.equal("unchanged", h.get(key.Tuple).Mark, uint32(0xf00d))
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr32(wire.AttrMark, 5)), "no mask")
		h.equal("replaced", h.get(key.Tuple).Mark, uint32(5))
	}},
	{"timeout", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		h.create(key.Tuple)
		seconds := uint32(5000)
		if left := h.update(&wire.Update{Key: key, Timeout: &seconds}).Timeout; left < 4990 || left > 5000 {
			h.t.Errorf("timeout is %d, want 5000", left)
		}
		seconds = 0
		h.do(&wire.Update{Key: key, Timeout: &seconds})
		h.gone(key.Tuple)
	}},
	{"of what is not there", func(h *harness) {
		seconds := uint32(5)
		h.refuse(syscall.ENOENT, &wire.Update{Key: wire.Key{Tuple: tcp(1, 80)}, Timeout: &seconds})
		h.refuse(syscall.ENOENT, mustDelete(h, wire.Key{Tuple: tcp(1, 80)}))
	}},
	{"by the reply tuple", func(h *harness) {
		h.create(tcp(1, 80))
		r := h.raw()
		r.want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleReply, back(tcp(1, 80))), attr32(wire.AttrMark, 1)), "as reply")
		r.want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, back(tcp(1, 80))), attr32(wire.AttrMark, 2)), "as original")
		h.equal("mark", h.get(tcp(1, 80)).Mark, uint32(2))
	}},
	{"another reply tuple is ignored", func(h *harness) {
		h.create(tcp(1, 80))
		h.raw().want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), tuple(wire.AttrTupleReply, back(tcp(7, 80))), attr32(wire.AttrMark, 1)), "update")
		e := h.get(tcp(1, 80))
		h.equal("reply", e.Reply, back(tcp(1, 80)))
		h.equal("mark", e.Mark, uint32(1))
	}},
	{"id is ignored", func(h *harness) {
		e := h.create(tcp(1, 80))
		h.raw().want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), attr32(wire.AttrID, e.ID+1), attr32(wire.AttrMark, 3)), "update")
		h.equal("mark", h.get(tcp(1, 80)).Mark, uint32(3))
	}},
	{"steps before a refusal stay done", func(h *harness) {
		h.create(tcp(1, 80))
		h.raw().want(syscall.ENOSPC, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)),
			attr32(wire.AttrMark, 3), attr(wire.AttrLabels, make([]byte, 16)...)), "mark and labels")
		h.equal("mark", h.get(tcp(1, 80)).Mark, uint32(3))
	}},
	{"nat cannot be changed", func(h *harness) {
		h.create(tcp(1, 80))
		r := h.raw()
		for _, typ := range []int{wire.AttrNATSrc, wire.AttrNATDst} {
			r.want(syscall.EOPNOTSUPP, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), nest(typ, attr(1, 10, 9, 9, 9))), "update")
		}
	}},
	{"nothing to change is a success", func(h *harness) {
		h.create(tcp(1, 80))
		h.raw().want(0, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80))), "update")
	}},
}

// statusTests are the rules for the status word.
var statusTests = []test{
	{"at creation", func(h *harness) {
		r := h.raw()
		port := uint16(0)
		try := func(errno syscall.Errno, given, want wire.Status) {
			h.t.Helper()
			port++
			t := tcp(port, 80)
			r.want(errno, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)),
				attr32(wire.AttrTimeout, 100), attr32(wire.AttrStatus, uint32(given))), given.String())
			if errno == 0 {
				h.equal("status", h.get(t).Status, want)
			}
		}
		const ok = wire.StatusConfirmed
		try(0, ok, ok)
		try(0, ok|wire.StatusSeenReply|wire.StatusAssured, ok|wire.StatusSeenReply|wire.StatusAssured)
		try(0, ok|wire.StatusFixedTimeout|wire.StatusHelper, ok|wire.StatusFixedTimeout|wire.StatusHelper)
		try(0, ok|wire.StatusSrcNAT|wire.StatusDstNAT|wire.StatusSrcNATDone|wire.StatusDstNATDone|wire.StatusSeqAdjust|
			wire.StatusTemplate|wire.StatusNATClash|wire.StatusOffload|wire.StatusHWOffload, ok)
		try(0, ok|1<<16|1<<31, ok)
		try(syscall.EBUSY, 0, 0)
		try(syscall.EBUSY, wire.StatusSeenReply, 0)
		try(syscall.EBUSY, ok|wire.StatusExpected, 0)
		try(syscall.EBUSY, ok|wire.StatusDying, 0)
	}},
	{"bits are only ever set", func(h *harness) {
		t := tcp(1, 80)
		h.create(t)
		r := h.raw()
		try := func(errno syscall.Errno, given, want wire.Status) {
			h.t.Helper()
			r.want(errno, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, t), attr32(wire.AttrStatus, uint32(given))), given.String())
			h.equal("status", h.get(t).Status, want)
		}
		const ok = wire.StatusConfirmed
		const seen = ok | wire.StatusSeenReply
		const both = seen | wire.StatusAssured
		try(0, seen, seen)
		try(syscall.EBUSY, ok, seen)
		try(syscall.EBUSY, wire.StatusSeenReply, seen)
		try(0, both, both)
		try(syscall.EBUSY, seen, both)
		try(0, both|wire.StatusHelper, both|wire.StatusHelper)
		try(0, both, both|wire.StatusHelper)
		try(0, both|wire.StatusFixedTimeout, both|wire.StatusHelper|wire.StatusFixedTimeout)
		try(0, both, both|wire.StatusHelper|wire.StatusFixedTimeout)
		try(syscall.EBUSY, both|wire.StatusDying, both|wire.StatusHelper|wire.StatusFixedTimeout)
		try(syscall.EBUSY, both|wire.StatusExpected, both|wire.StatusHelper|wire.StatusFixedTimeout)
		try(0, both|wire.StatusSrcNAT|wire.StatusOffload, both|wire.StatusHelper|wire.StatusFixedTimeout)
	}},
	{"a fixed timeout is for ever", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		e := h.create(key.Tuple)
		h.do(&wire.Update{Key: key, Status: wire.StatusFixedTimeout, Current: e.Status})
		seconds := uint32(7)
		h.refuse(syscall.EPERM, &wire.Update{Key: key, Timeout: &seconds})
	}},
}

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
		var v wire.View
		if err := v.Reset(list[0].msg); err != nil {
			h.t.Fatal(err)
		}
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
