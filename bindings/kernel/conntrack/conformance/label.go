package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

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
