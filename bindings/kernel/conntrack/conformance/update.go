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
