package conformance

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

const natDone = wire.StatusSrcNATDone | wire.StatusDstNATDone

// natTests are about translation at creation.
var natTests = []test{
	{"source", func(h *harness) {
		c := entry(tcp(1000, 80))
		c.SrcNAT = &wire.NAT{Min: addr("192.0.2.1"), Max: addr("192.0.2.1")}
		h.do(c)
		e := h.get(tcp(1000, 80))
		h.equal("reply destination", e.Reply.Dst, addr("192.0.2.1"))
		h.equal("reply port", e.Reply.DstPort, uint16(1000))
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSrcNAT|natDone)
	}},
	{"destination with port", func(h *harness) {
		c := entry(tcp(1000, 80))
		c.DstNAT = &wire.NAT{Min: addr("192.0.2.9"), Max: addr("192.0.2.9"), MinPort: 8080, MaxPort: 8080}
		h.do(c)
		e := h.get(tcp(1000, 80))
		h.equal("reply source", e.Reply.Src, addr("192.0.2.9"))
		h.equal("reply port", e.Reply.SrcPort, uint16(8080))
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusDstNAT|natDone)
	}},
	{"both over IPv6", func(h *harness) {
		t := flowOf(wire.ProtoUDP, "fd00::1", "fd00::2", 1000, 53)
		c := entry(t)
		c.SrcNAT = &wire.NAT{Min: addr("fd01::1"), Max: addr("fd01::1")}
		c.DstNAT = &wire.NAT{Min: addr("fd01::2"), Max: addr("fd01::2")}
		h.do(c)
		e := h.get(t)
		h.equal("reply source", e.Reply.Src, addr("fd01::2"))
		h.equal("reply destination", e.Reply.Dst, addr("fd01::1"))
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSrcNAT|wire.StatusDstNAT|natDone)
	}},
	{"ranges", func(h *harness) {
		for port := range uint16(20) {
			c := entry(tcp(1000+port, 80))
			c.SrcNAT = &wire.NAT{Min: addr("192.0.2.1"), Max: addr("192.0.2.6"), MinPort: 5000, MaxPort: 5010}
			h.do(c)
			e := h.get(tcp(1000+port, 80))
			if a := e.Reply.Dst[15]; e.Reply.Dst.Is4() && (a < 1 || a > 6) {
				h.t.Errorf("address %s is outside 192.0.2.1-192.0.2.6", e.Reply.Dst)
			}
			if p := e.Reply.DstPort; p < 5000 || p > 5010 {
				h.t.Errorf("port %d is outside 5000-5010", p)
			}
			if port == 10 {
				break // one address, eleven ports
			}
		}
	}},
	{"a taken port moves", func(h *harness) {
		for _, src := range []string{"10.1.0.1", "10.1.0.3"} {
			t := flowOf(wire.ProtoTCP, src, "10.1.0.2", 4000, 80)
			c := entry(t)
			c.SrcNAT = &wire.NAT{Min: addr("192.0.2.1"), Max: addr("192.0.2.1")}
			h.do(c)
			e := h.get(t)
			h.equal("reply destination", e.Reply.Dst, addr("192.0.2.1"))
			if moved := e.Reply.DstPort != 4000; moved != (src == "10.1.0.3") {
				h.t.Errorf("from %s: port %d", src, e.Reply.DstPort)
			}
		}
	}},
	{"an empty nest is the null binding", func(h *harness) {
		t := tcp(1, 80)
		h.raw().want(0, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)),
			attr32(wire.AttrTimeout, 100), nest(wire.AttrNATSrc)), "create")
		e := h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed|natDone)
		h.equal("reply", e.Reply, back(t))
	}},
	{"a translated reply alone is no nat", func(h *harness) {
		c := entry(tcp(1, 80))
		c.Entry.Reply = flowOf(wire.ProtoTCP, "10.1.0.2", "192.0.2.1", 80, 1)
		h.do(c)
		e := h.get(tcp(1, 80))
		h.equal("reply", e.Reply, c.Entry.Reply)
		h.equal("status", e.Status, wire.StatusConfirmed)
		if _, ok := h.look(wire.Key{Tuple: c.Entry.Reply, Dir: wire.Reply}); !ok {
			h.t.Error("not found by its reply tuple")
		}
	}},
	{"is never read back", func(h *harness) {
		c := entry(tcp(1000, 80))
		c.SrcNAT = &wire.NAT{Min: addr("192.0.2.1"), Max: addr("192.0.2.1")}
		h.do(c)
		list := h.raw().ask(ct(wire.MsgGet, 0, 2, tuple(wire.AttrTupleOrig, tcp(1000, 80))))
		var v wire.View
		if err := v.Reset(list[0].msg); err != nil {
			h.t.Fatal(err)
		}
		if v.Has(wire.AttrNATSrc) || v.Has(wire.AttrNATDst) {
			h.t.Error("nat attributes in an answer")
		}
	}},
}
