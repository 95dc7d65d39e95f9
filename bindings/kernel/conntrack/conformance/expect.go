package conformance

import (
	"slices"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// master makes a flow with a helper.
func (h *harness) master(t wire.Tuple, helper string) *wire.Entry {
	h.t.Helper()
	return h.create(t, func(e *wire.Entry) { e.Helper, e.Present = helper, e.Present|wire.HasHelper })
}

// expectation is one of a flow to a port of the master's source, from any
// port.
func expectation(master wire.Tuple, port uint16) wire.Expect {
	x := wire.Expect{Tuple: back(master), Mask: back(master), Master: master}
	x.Tuple.SrcPort, x.Tuple.DstPort = 0, port
	for i := range x.Mask.Src {
		x.Mask.Src[i], x.Mask.Dst[i] = 0xff, 0xff
	}
	x.Mask.SrcPort, x.Mask.DstPort = 0, 0xffff
	if master.Family == wire.FamilyIPv4 {
		for i := range 10 {
			x.Mask.Src[i], x.Mask.Dst[i] = 0, 0
		}
	}
	return x
}

// expects lists expectations.
func (h *harness) expects(req wire.ExpectDump) (list []wire.Expect) {
	h.t.Helper()
	err := h.w.Kernel.Expects(h.ctx, req, func(x *wire.Expect) error {
		list = append(list, *x)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *harness) expectPorts() (ports []uint16) {
	h.t.Helper()
	for _, x := range h.expects(wire.ExpectDump{}) {
		ports = append(ports, x.Tuple.DstPort)
	}
	slices.Sort(ports)
	return ports
}

// exp is a request to the expectation subsystem.
func exp(typ uint8, flags uint16, attrs ...[]byte) message {
	return message{wire.SubsysExpect, typ, flags | wire.FlagRequest | wire.FlagAck, 2, 0, join(attrs...)}
}

// expectTests are about expectations.
var expectTests = []test{
	{"life", func(h *harness) {
		m := tcp(1, 21)
		h.master(m, "ftp")
		h.do(&wire.ExpectCreate{Expect: expectation(m, 2000)})
		list := h.expects(wire.ExpectDump{})
		if len(list) != 1 {
			h.t.Fatalf("%d expectations, want 1", len(list))
		}
		x := list[0]
		h.equal("tuple", x.Tuple, expectation(m, 2000).Tuple)
		h.equal("master", x.Master, m)
		h.equal("helper", x.Helper, "ftp")
		h.equal("class", x.Class, uint32(0))
		h.equal("flags", x.Flags, wire.ExpectFlags(0))
		h.equal("has an id", x.HasID, true)
		h.equal("mask of the source port", x.Mask.SrcPort, uint16(0))
		h.equal("mask of the destination port", x.Mask.DstPort, uint16(0xffff))
		var got wire.Expect
		found, err := h.w.Kernel.GetExpect(h.ctx, wire.ExpectGet{Tuple: x.Tuple}, &got)
		if err != nil || !found || got.ID != x.ID {
			h.t.Errorf("get: %v %v %v", found, err, got)
		}
		from := x.Tuple
		from.SrcPort = 777
		found, err = h.w.Kernel.GetExpect(h.ctx, wire.ExpectGet{Tuple: from}, &got)
		if err != nil || !found {
			h.t.Errorf("get under the mask: %v %v", found, err)
		}
		found, err = h.w.Kernel.GetExpect(h.ctx, wire.ExpectGet{Tuple: x.Tuple, ID: x.ID + 1, HasID: true}, &got)
		if err != nil || found {
			h.t.Errorf("get with another id: %v %v", found, err)
		}
		wrong := x
		wrong.ID++
		d, err := wire.NewExpectDelete(&wrong)
		if err != nil {
			h.t.Fatal(err)
		}
		h.refuse(syscall.ENOENT, d)
		if d, err = wire.NewExpectDelete(&x); err != nil {
			h.t.Fatal(err)
		}
		h.do(d)
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 0)
	}},
	{"what a create needs", func(h *harness) {
		m := tcp(1, 21)
		x := expectation(m, 2000)
		h.refuse(syscall.ENOENT, &wire.ExpectCreate{Expect: x})
		h.create(m)
		h.refuse(syscall.EOPNOTSUPP, &wire.ExpectCreate{Expect: x})
		h.do(mustDelete(h, wire.Key{Tuple: m}))
		h.master(m, "ftp")
		r := h.raw()
		mask := x.Mask
		mask.Proto = wire.ProtoTCP
		tu, ma, mt := tuple(2, x.Tuple), tuple(3, mask), tuple(1, m)
		create := uint16(wire.FlagCreate)
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, tu, ma), "no master")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, tu, mt), "no mask")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, ma, mt), "no tuple")
		r.want(syscall.ENOENT, exp(wire.MsgExpNew, 0, tu, ma, mt), "no CREATE")
		r.want(syscall.ENOENT, exp(wire.MsgExpNew, create, tu, ma, mt, attr16(7, 3)), "another zone")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, tu, ma, mt, attr32(9, 1)), "class beyond the helper's")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, tu, ma, mt, attrText(11, "nosuch")), "unknown function")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, create, tu, ma, mt, nest(10, attr32(1, 0))), "nat without tuple")
		r.want(0, exp(wire.MsgExpNew, create, tu, ma, mt, attrText(6, "nosuch")), "unknown helper name")
		r.want(syscall.EEXIST, exp(wire.MsgExpNew, create|wire.FlagExcl, tu, ma, mt), "once more")
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 1)
	}},
	{"the policy sets the timeout", func(h *harness) {
		m := tcp(1, 21)
		h.master(m, "ftp")
		x := expectation(m, 2000)
		x.Timeout, x.HasTimeout = 5000, true
		h.do(&wire.ExpectCreate{Expect: x})
		if left := h.expects(wire.ExpectDump{})[0].Timeout; left < 290 || left > 300 {
			h.t.Errorf("timeout is %d, want that of ftp, 300", left)
		}
		h.do(&wire.ExpectUpdate{Expect: x})
		if left := h.expects(wire.ExpectDump{})[0].Timeout; left < 4990 || left > 5000 {
			h.t.Errorf("timeout after an update is %d, want 5000", left)
		}
	}},
	{"flags and functions", func(h *harness) {
		m := udp(1, 5060)
		h.master(m, "sip")
		r := h.raw()
		x := expectation(m, 2000)
		mask := x.Mask
		mask.Proto = wire.ProtoUDP
		r.want(0, exp(wire.MsgExpNew, wire.FlagCreate, tuple(2, x.Tuple), tuple(3, mask), tuple(1, m), attr32(8, 7), attr32(9, 1),
			attrText(11, "nat-follow-master"), nest(10, attr32(1, 1), tuple(2, udp(4, 4)))), "create")
		got := h.expects(wire.ExpectDump{})[0]
		h.equal("flags", got.Flags, wire.ExpectPermanent|wire.ExpectInactive)
		h.equal("class", got.Class, uint32(1))
		h.equal("function", got.Fn, "nat-follow-master")
		h.equal("has nat", got.HasNAT, true)
		h.equal("nat direction", got.NATDir, wire.Reply)
		h.equal("nat port", got.NAT.SrcPort, uint16(4))
	}},
	{"the oldest makes room", func(h *harness) {
		for helper, most := range map[string]uint16{"ftp": 1, "irc": 8, "pptp": 2} {
			m := tcp(most, 21)
			h.master(m, helper)
			for i := range most + 2 {
				h.do(&wire.ExpectCreate{Expect: expectation(m, 2000+i)})
			}
			var want []uint16
			for i := range most {
				want = append(want, 2002+i)
			}
			h.wantPorts(h.expectPorts(), helper, want...)
			h.do(&wire.ExpectFlush{All: true})
		}
	}},
	{"of one master", func(h *harness) {
		h.master(tcp(1, 21), "ftp")
		h.master(tcp(2, 21), "irc")
		h.create(tcp(3, 21))
		h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2000)})
		x := expectation(tcp(2, 21), 2001)
		h.do(&wire.ExpectCreate{Expect: x})
		m := tcp(2, 21)
		list := h.expects(wire.ExpectDump{Master: &m})
		h.equal("expectations", len(list), 1)
		h.equal("port", list[0].Tuple.DstPort, uint16(2001))
		m = tcp(3, 21)
		h.equal("of a master without helper", len(h.expects(wire.ExpectDump{Master: &m})), 0)
		r := h.raw()
		msg := exp(wire.MsgExpGet, wire.FlagDump, tuple(1, tcp(3, 21)))
		msg.flags &^= wire.FlagAck
		r.send(msg.bytes(1))
		answers, err := r.receive(nil)
		if err != nil || len(answers) != 0 {
			h.t.Errorf("%d answers without ACK, want silence (%v)", len(answers), err)
		}
		r.want(syscall.ENOENT, exp(wire.MsgExpGet, wire.FlagDump, tuple(1, tcp(9, 21))), "no such master")
	}},
	{"deletes", func(h *harness) {
		refill := func() {
			h.t.Helper()
			h.do(&wire.ExpectFlush{All: true})
			h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2000)})
			h.do(&wire.ExpectCreate{Expect: expectation(tcp(2, 21), 2001)})
		}
		h.master(tcp(1, 21), "ftp")
		h.master(tcp(2, 21), "irc")
		refill()
		h.do(wire.ExpectFlush{Helper: "ftp"})
		h.wantPorts(h.expectPorts(), "after those of ftp", 2001)
		refill()
		h.do(wire.ExpectFlush{Helper: "nosuch"})
		h.wantPorts(h.expectPorts(), "after those of no helper", 2000, 2001)
		h.raw().want(0, exp(wire.MsgExpDelete, 0, tuple(1, tcp(1, 21))), "by master")
		h.wantPorts(h.expectPorts(), "after a delete by master, which is one of all")
		refill()
		h.do(mustDelete(h, wire.Key{Tuple: tcp(1, 21)}))
		h.wantPorts(h.expectPorts(), "after the end of the master", 2001)
		h.do(&wire.Flush{All: true})
		h.wantPorts(h.expectPorts(), "after the end of all")
	}},
	{"get needs a tuple", func(h *harness) {
		r := h.raw()
		r.want(syscall.EINVAL, exp(wire.MsgExpGet, 0), "nothing")
		r.want(syscall.ENOENT, exp(wire.MsgExpGet, 0, tuple(2, tcp(1, 2))), "tuple")
		r.want(syscall.EINVAL, exp(wire.MsgExpNew, wire.FlagCreate), "new of nothing")
	}},
	{"statistics", func(h *harness) {
		h.master(tcp(1, 21), "ftp")
		h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2000)})
		h.do(&wire.ExpectFlush{All: true})
		rows, err := h.w.Kernel.ExpectStats(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		var created, deleted uint32
		for _, r := range rows {
			created += r.Create
			deleted += r.Delete
		}
		h.equal("created", created, uint32(1))
		h.equal("deleted", deleted, uint32(1))
	}},
}
