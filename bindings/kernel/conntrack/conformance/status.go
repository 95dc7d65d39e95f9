package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

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
