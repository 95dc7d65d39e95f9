package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// messageTests are about message types and headers.
var messageTests = []test{
	{"get answers with a NEW and MULTI", func(h *harness) {
		h.create(tcp(1, 80))
		list := h.raw().ask(ct(wire.MsgGet, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80))))
		if len(list) != 2 {
			h.t.Fatalf("%d messages, want the flow and the verdict", len(list))
		}
		h.equal("type", list[0].Type, uint16(wire.SubsysConntrack)<<8|wire.MsgNew)
		h.equal("flags", list[0].Flags, uint16(wire.FlagMulti))
		h.equal("verdict", list[1].errno, syscall.Errno(0))
	}},
	{"unknown types are EINVAL", func(h *harness) {
		r := h.raw()
		r.want(syscall.EINVAL, ct(8, 0, 2), "conntrack message 8")
		r.want(syscall.EINVAL, message{wire.SubsysExpect, 4, wire.FlagRequest | wire.FlagAck, 2, 0, nil}, "expectation message 4")
		r.want(syscall.EINVAL, message{wire.SubsysTimeout, 5, wire.FlagRequest | wire.FlagAck, 2, 0, nil}, "timeout message 5")
		r.want(syscall.EINVAL, message{77, 0, wire.FlagRequest | wire.FlagAck, 2, 0, nil}, "subsystem 77")
	}},
	{"there are no transactions", func(h *harness) {
		m := message{0, 16, wire.FlagRequest, 0, 0, nil}.bytes(7)
		m[19] = wire.SubsysConntrack // res_id, big-endian
		r := h.raw()
		r.send(m)
		list, err := r.receive(func(answer) bool { return true })
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("verdict", list[0].errno, syscall.EOPNOTSUPP)
	}},
	{"control messages are acknowledged and nothing else", func(h *harness) {
		h.raw().want(0, message{0, 3, wire.FlagRequest | wire.FlagAck, 0, 0, nil}, "type 3")
	}},
	{"dying and unconfirmed are lists only", func(h *harness) {
		r := h.raw()
		r.want(syscall.EOPNOTSUPP, ct(wire.MsgGetDying, 0, 0), "get dying")
		r.want(syscall.EOPNOTSUPP, ct(wire.MsgGetUnconfirmed, 0, 0), "get unconfirmed")
		h.create(tcp(1, 80))
		for _, table := range []wire.Table{wire.TableDying, wire.TableUnconfirmed} {
			list, _ := h.dump(&wire.Dump{Table: table})
			h.equal("flows in "+table.String(), len(list), 0)
		}
	}},
	{"count counts", func(h *harness) {
		for i := range uint16(5) {
			h.create(udp(10+i, 53))
		}
		totals, err := h.w.Kernel.Count(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("entries", totals.Entries, uint32(5))
		if totals.Max == 0 {
			h.t.Error("limit is 0")
		}
	}},
	{"cpu statistics are a dump", func(h *harness) {
		h.create(tcp(1, 80))
		h.refuse(syscall.EEXIST, entry(tcp(1, 80)))
		list := h.raw().ask(ct(wire.MsgGetStatsCPU, 0, 0))
		h.equal("messages without DUMP", len(list), 1)
		rows, err := h.w.Kernel.Stats(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		var inserted uint64
		for _, r := range rows {
			n, _ := r.Get(wire.StatInsert)
			inserted += uint64(n)
		}
		h.equal("inserted", inserted, uint64(1))
	}},
	{"attribute policy", func(h *harness) {
		r := h.raw()
		base := join(tuple(wire.AttrTupleOrig, tcp(1, 80)), tuple(wire.AttrTupleReply, back(tcp(1, 80))))
		short := ct(wire.MsgNew, wire.FlagCreate, 2, base, attr(wire.AttrTimeout, 0, 9))
		list := r.ask(short)
		h.equal("short timeout", list[0].errno, syscall.ERANGE)
		h.equal("words", list[0].words, "Attribute failed policy validation")
		list = r.ask(ct(wire.MsgNew, wire.FlagCreate, 2, base, attr32(wire.AttrTimeout, 9), attr(wire.AttrEventTime, make([]byte, 8)...)))
		h.equal("event time", list[0].errno, syscall.EINVAL)
		if list[0].words == "" {
			h.t.Error("no words about the event time")
		}
		r.want(0, ct(wire.MsgNew, wire.FlagCreate, 2, base, attr(wire.AttrTimeout, 0, 0, 0, 9, 1, 2, 3, 4), attr(99, 1), attr(30, 1)),
			"long timeout and unknown attributes")
		r.want(syscall.ERANGE, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), attr(wire.AttrProtoInfo, 1)), "nest of one byte")
		r.want(syscall.ERANGE, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), attr(wire.AttrLabels, make([]byte, 20)...)), "labels of 20 bytes")
	}},
	{"nests need not be marked", func(h *harness) {
		h.create(tcp(1, 80))
		b := tuple(wire.AttrTupleOrig, tcp(1, 80))
		b[3] &^= 0x80
		h.raw().want(0, ct(wire.MsgGet, 0, 2, b), "get")
	}},
}
