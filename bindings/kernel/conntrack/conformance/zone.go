package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

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
