package conformance

import (
	"syscall"

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

// zoneTests are about zones.
var zoneTests = []test{
	{"part of the key", func(h *harness) {
		in := func(zone uint16) wire.Tuple { t := tcp(1, 80); t.Zone = zone; return t }
		for _, z := range []uint16{0, 1, 65535} {
			t := in(z)
			e := entry(t)
			e.Entry.Reply.Zone = z
			h.do(e)
			got := h.get(t)
			h.equal("original zone", got.Orig.Zone, z)
			h.equal("reply zone", got.Reply.Zone, z)
		}
		h.gone(in(7))
		h.do(mustDelete(h, wire.Key{Tuple: in(1)}))
		h.gone(in(1))
		h.get(in(0))
		h.refuse(syscall.EEXIST, entry(in(65535)))
	}},
	{"of one direction", func(h *harness) {
		for dir := wire.Original; dir <= wire.Reply; dir++ {
			t := tcp(10+uint16(dir), 80)
			c := entry(t)
			if dir == wire.Original {
				c.Entry.Orig.Zone, c.Entry.Reply.Zone = 5, 0
			} else {
				c.Entry.Orig.Zone, c.Entry.Reply.Zone = 0, 5
			}
			h.do(c)
			list, _ := h.dump(&wire.Dump{})
			found := false
			for i := range list {
				if list[i].Orig.SrcPort == t.SrcPort {
					found = true
					h.equal("original zone", list[i].Orig.Zone, c.Entry.Orig.Zone)
					h.equal("reply zone", list[i].Reply.Zone, c.Entry.Reply.Zone)
					e, ok := h.look(list[i].Key())
					if !ok || e.ID != list[i].ID {
						h.t.Errorf("not found by its own key %+v", list[i].Key())
					}
				}
			}
			h.equal("found", found, true)
		}
	}},
	{"one zone attribute only", func(h *harness) {
		r := h.raw()
		o, p := tcp(1, 80), back(tcp(1, 80))
		timeout := attr32(wire.AttrTimeout, 9)
		create := uint16(wire.FlagCreate)
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, tuple(wire.AttrTupleOrig, o, attr16(3, 5)), tuple(wire.AttrTupleReply, p), timeout, attr16(wire.AttrZone, 5)), "both kinds")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, tuple(wire.AttrTupleOrig, o, attr16(3, 5)), tuple(wire.AttrTupleReply, p, attr16(3, 6)), timeout), "both tuples")
	}},
}

// labelTests are about labels.
var labelTests = []test{
	{"without a rule there is no room", func(h *harness) {
		key := wire.Key{Tuple: tcp(1, 80)}
		e := h.create(key.Tuple, func(e *wire.Entry) { e.Labels, e.Present = wire.Labels{5}, e.Present|wire.HasLabels })
		h.equal("labels", e.Labels, wire.Labels{})
		h.refuse(syscall.ENOSPC, &wire.Update{Key: key, Labels: &wire.Labels{1}})
		h.refuse(syscall.ENOSPC, &wire.Update{Key: key, Labels: &wire.Labels{}})
		h.w.LabelRule()
		h.refuse(syscall.ENOSPC, &wire.Update{Key: key, Labels: &wire.Labels{1}})
	}},
	{"with a rule", func(h *harness) {
		h.w.LabelRule()
		key := wire.Key{Tuple: tcp(1, 80)}
		want := wire.Labels{1<<63 | 5, 1 << 62}
		e := h.create(key.Tuple, func(e *wire.Entry) { e.Labels, e.Present = want, e.Present|wire.HasLabels })
		h.equal("at creation", e.Labels, want)
		e = h.update(&wire.Update{Key: key, Labels: &wire.Labels{2}, LabelMask: &wire.Labels{7}})
		h.equal("masked", e.Labels, wire.Labels{1<<63 | 2, 1 << 62})
		e = h.update(&wire.Update{Key: key, Labels: &wire.Labels{8}})
		h.equal("replaced", e.Labels, wire.Labels{8})
		r := h.raw()
		o := tuple(wire.AttrTupleOrig, key.Tuple)
		bits := func(b byte) []byte { return append([]byte{b}, make([]byte, 15)...) }
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr(wire.AttrLabels, bits(9)...), attr(wire.AttrLabelsMask, bits(0)...)), "toggle")
		h.equal("toggled", h.get(key.Tuple).Labels, wire.Labels{1})
		e = h.update(&wire.Update{Key: key, Labels: &wire.Labels{}})
		h.equal("has labels", e.Has(wire.HasLabels), false)
	}},
	{"lengths", func(h *harness) {
		h.w.LabelRule()
		h.create(tcp(1, 80))
		r := h.raw()
		o := tuple(wire.AttrTupleOrig, tcp(1, 80))
		try := func(errno syscall.Errno, label, mask int, what string) {
			h.t.Helper()
			attrs := join(o, attr(wire.AttrLabels, make([]byte, label)...))
			if mask >= 0 {
				attrs = join(attrs, attr(wire.AttrLabelsMask, make([]byte, mask)...))
			}
			r.want(errno, ct(wire.MsgNew, 0, 2, attrs), what)
		}
		try(syscall.EINVAL, 3, -1, "3 bytes")
		try(syscall.EINVAL, 5, -1, "5 bytes")
		try(syscall.ERANGE, 20, -1, "20 bytes")
		try(syscall.EINVAL, 8, 4, "shorter mask")
		try(syscall.EINVAL, 8, 16, "longer mask")
		try(0, 4, -1, "4 bytes")
		try(0, 16, 16, "16 bytes and mask")
		h.update(&wire.Update{Key: wire.Key{Tuple: tcp(1, 80)}, Labels: &wire.Labels{^uint64(0), ^uint64(0)}})
		r.want(0, ct(wire.MsgNew, 0, 2, o, attr(wire.AttrLabels, 6, 0, 0, 0)), "one word")
		h.equal("words that are not given", h.get(tcp(1, 80)).Labels, wire.Labels{6})
	}},
}

// helperTests are about helpers.
var helperTests = []test{
	{"at creation", func(h *harness) {
		give := func(name string) func(*wire.Entry) {
			return func(e *wire.Entry) { e.Helper, e.Present = name, e.Present|wire.HasHelper }
		}
		e := h.create(tcp(1, 21), give("ftp"))
		h.equal("helper", e.Helper, "ftp")
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusHelper)
		e = h.create(udp(1, 69), give("tftp"))
		h.equal("helper", e.Helper, "tftp")
		e = h.create(flowOf(wire.ProtoUDP, "fd00::1", "fd00::2", 1, 5060), give("sip"))
		h.equal("helper", e.Helper, "sip")
		h.refuse(syscall.EOPNOTSUPP, entry(tcp(2, 21), give("nosuch")))
		h.refuse(syscall.EOPNOTSUPP, entry(udp(2, 21), give("ftp")))
		h.refuse(syscall.EOPNOTSUPP, entry(flowOf(wire.ProtoTCP, "fd00::1", "fd00::2", 1, 6667), give("irc")))
		t := tcp(3, 21)
		h.raw().want(syscall.EINVAL, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)),
			attr32(wire.AttrTimeout, 9), nest(wire.AttrHelp)), "no name")
	}},
	{"later", func(h *harness) {
		h.create(tcp(1, 21), func(e *wire.Entry) { e.Helper, e.Present = "ftp", e.Present|wire.HasHelper })
		h.create(tcp(2, 21))
		r := h.raw()
		help := func(port uint16, name string) message {
			return ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(port, 21)), nest(wire.AttrHelp, attrText(1, name)))
		}
		r.want(0, help(1, "ftp"), "the same")
		r.want(syscall.EBUSY, help(1, "sip"), "another")
		r.want(syscall.EOPNOTSUPP, help(1, "nosuch"), "unknown")
		r.want(syscall.EOPNOTSUPP, help(2, "ftp"), "born without")
		r.want(syscall.EINVAL, help(1, "a name that is too long"), "long name")
		r.want(0, help(2, ""), "removal where there is none")
		r.want(0, help(1, ""), "removal")
		e := h.get(tcp(1, 21))
		h.equal("helper", e.Helper, "")
		h.equal("status keeps HELPER", e.Status, wire.StatusConfirmed|wire.StatusHelper)
	}},
	{"removal takes its expectations", func(h *harness) {
		h.master(tcp(1, 21), "ftp")
		h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2000)})
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 1)
		h.do(&wire.Update{Key: wire.Key{Tuple: tcp(1, 21)}, DropHelper: true})
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 0)
	}},
}
