package conformance

import (
	"fmt"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// policyTests are about timeout policies.
var policyTests = []test{
	{"life", func(h *harness) {
		p := policyOf(h, "conf-a", wire.ProtoTCP, "established", 77)
		h.do(&wire.TimeoutAdd{Timeout: p})
		list, err := h.w.Kernel.Timeouts(h.ctx)
		if err != nil || len(list) != 1 {
			h.t.Fatalf("%v %v", list, err)
		}
		h.equal("name", list[0].Name, "conf-a")
		h.equal("protocol", list[0].Proto, uint8(wire.ProtoTCP))
		h.seconds(&list[0], "established", 77)
		h.seconds(&list[0], "syn_sent", 120)
		h.seconds(&list[0], "unacknowledged", 300)
		h.equal("use", list[0].Use, uint32(1))
		h.refuse(syscall.EEXIST, &wire.TimeoutAdd{Timeout: p})
		h.raw().want(syscall.EBUSY, message{wire.SubsysTimeout, wire.MsgTimeoutNew, wire.FlagRequest | wire.FlagAck, 0, 0,
			join(attrText(1, "conf-a"), attr16(2, 2), attr(3, wire.ProtoTCP), nest(4))}, "neither EXCL nor REPLACE")
		q := policyOf(h, "conf-a", wire.ProtoTCP, "close", 5)
		h.do(&wire.TimeoutAdd{Timeout: q, Replace: true})
		got := h.policy(wire.TimeoutGet{Name: "conf-a"})
		h.seconds(&got, "close", 5)
		h.seconds(&got, "established", 432000)
		h.refuse(syscall.EINVAL, &wire.TimeoutAdd{Timeout: policyOf(h, "conf-a", wire.ProtoUDP, "replied", 5), Replace: true})
		h.do(wire.TimeoutDelete{Name: "conf-a"})
		h.refuse(syscall.ENOENT, wire.TimeoutDelete{Name: "conf-a"})
		var none wire.Timeout
		found, err := h.w.Kernel.GetTimeout(h.ctx, wire.TimeoutGet{Name: "conf-a"}, &none)
		if found || err != nil {
			h.t.Errorf("get after the delete: %v %v", found, err)
		}
	}},
	{"every protocol", func(h *harness) {
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoICMP, wire.ProtoICMPv6,
			wire.ProtoSCTP, wire.ProtoGRE, 255} {
			states := wire.TimeoutStates(proto)
			p := policyOf(h, fmt.Sprintf("p%d", proto), proto, states[0], 9)
			h.do(&wire.TimeoutAdd{Timeout: p})
			got := h.policy(wire.TimeoutGet{Name: p.Name})
			for i, state := range states {
				if sec, ok := got.Get(state); !ok || i == 0 && sec != 9 {
					h.t.Errorf("%s %s is %d %v", wire.ProtoName(proto), state, sec, ok)
				}
			}
			def := h.policy(wire.TimeoutDefaultGet{Family: 2, Proto: proto})
			for _, state := range states[1:] {
				a, _ := def.Get(state)
				b, _ := got.Get(state)
				h.equal("default of "+wire.ProtoName(proto)+" "+state, b, a)
			}
		}
		h.raw().want(syscall.EOPNOTSUPP, message{wire.SubsysTimeout, wire.MsgTimeoutNew, wire.FlagRequest | wire.FlagAck, 0, 0,
			join(attrText(1, "dccp"), attr16(2, 2), attr(3, wire.ProtoDCCP), nest(4))}, "dccp")
		h.do(wire.TimeoutFlush{})
		list, err := h.w.Kernel.Timeouts(h.ctx)
		if err != nil || len(list) != 0 {
			h.t.Errorf("after a flush: %v %v", list, err)
		}
	}},
	{"defaults", func(h *harness) {
		p := policyOf(h, "", wire.ProtoUDP, "unreplied", 33)
		if err := p.Set("replied", 99); err != nil {
			h.t.Fatal(err)
		}
		h.do(&wire.TimeoutDefaultSet{Timeout: p})
		got := h.policy(wire.TimeoutDefaultGet{Family: 2, Proto: wire.ProtoUDP})
		h.seconds(&got, "unreplied", 33)
		h.seconds(&got, "replied", 99)
		h.do(&wire.TimeoutAdd{Timeout: policyOf(h, "u", wire.ProtoUDP, "unreplied", 5)})
		got = h.policy(wire.TimeoutGet{Name: "u"})
		h.seconds(&got, "replied", 99)
	}},
	{"in use", func(h *harness) {
		if h.w.AttachPolicy == nil {
			h.t.Skip("no way to attach a policy here (needs iptables with the CT target)")
		}
		h.do(&wire.TimeoutAdd{Timeout: policyOf(h, "used", wire.ProtoTCP, "close", 5)})
		h.w.AttachPolicy("used")
		if use := h.policy(wire.TimeoutGet{Name: "used"}).Use; use < 2 {
			h.t.Errorf("use is %d", use)
		}
		h.refuse(syscall.EBUSY, wire.TimeoutDelete{Name: "used"})
		h.do(wire.TimeoutFlush{})
		h.policy(wire.TimeoutGet{Name: "used"})
	}},
	{"what a policy needs", func(h *harness) {
		r := h.raw()
		msg := func(typ uint8, attrs ...[]byte) message {
			return message{wire.SubsysTimeout, typ, wire.FlagRequest | wire.FlagAck, 0, 0, join(attrs...)}
		}
		n, l3, l4, data := attrText(1, "x"), attr16(2, 2), attr(3, wire.ProtoTCP), nest(4)
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, l3, l4, data), "no name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l4, data), "no family")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l3, data), "no protocol")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l3, l4), "no data")
		r.want(0, msg(wire.MsgTimeoutNew, n, l3, l4, data), "empty data")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutGet), "get without name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, attrText(1, "a name that is longer than 31 bytes"), l3, l4, data), "long name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, attr(1, 'x'), l3, l4, data), "name without NUL")
	}},
}

func policyOf(h *harness, name string, proto uint8, state string, seconds uint32) wire.Timeout {
	h.t.Helper()
	p := wire.Timeout{Name: name, Family: wire.FamilyIPv4, Proto: proto}
	if proto == wire.ProtoICMPv6 {
		p.Family = wire.FamilyIPv6
	}
	if err := p.Set(state, seconds); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *harness) policy(req wire.Request) (p wire.Timeout) {
	h.t.Helper()
	found, err := h.w.Kernel.GetTimeout(h.ctx, req, &p)
	if err != nil || !found {
		h.t.Fatalf("%s: %v %v", req.Op(), found, err)
	}
	return p
}

func (h *harness) seconds(p *wire.Timeout, state string, want uint32) {
	h.t.Helper()
	got, ok := p.Get(state)
	if !ok || got != want {
		h.t.Errorf("%s is %d (%v), want %d", state, got, ok, want)
	}
}
