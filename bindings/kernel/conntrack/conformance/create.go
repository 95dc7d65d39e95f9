package conformance

import (
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// createTests are about making, reading and deleting flows.
var createTests = []test{
	{"by either tuple", func(h *harness) {
		t := tcp(1000, 80)
		e := h.create(t)
		h.equal("original tuple", e.Orig, t)
		h.equal("reply tuple", e.Reply, back(t))
		h.equal("status", e.Status, wire.StatusConfirmed)
		h.equal("use", e.Use, uint16(2))
		for _, key := range []wire.Key{{Tuple: back(t)}, {Tuple: back(t), Dir: wire.Reply}, {Tuple: t, Dir: wire.Reply}} {
			f, ok := h.look(key)
			if !ok || f.ID != e.ID {
				h.t.Errorf("not found by %s as %s", key.Tuple, key.Dir)
			}
		}
		h.gone(tcp(1001, 80))
	}},
	{"what a create needs", func(h *harness) {
		r := h.raw()
		o, p := tuple(wire.AttrTupleOrig, tcp(1, 80)), tuple(wire.AttrTupleReply, back(tcp(1, 80)))
		timeout := attr32(wire.AttrTimeout, 9)
		create := uint16(wire.FlagCreate)
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, o, timeout), "no reply")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, p, timeout), "no original")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, o, p), "no timeout")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, o, tuple(wire.AttrTupleReply, back(udp(1, 80))), timeout), "protocols differ")
		r.want(syscall.EOPNOTSUPP, ct(wire.MsgNew, create, 0, o, p, timeout), "family 0")
		r.want(syscall.EOPNOTSUPP, ct(wire.MsgNew, create, 7, o, p, timeout), "family 7")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 10, o, p, timeout), "IPv4 addresses in an IPv6 message")
		r.want(syscall.ENOENT, ct(wire.MsgNew, 0, 2, o, p, timeout), "no CREATE")
		r.want(syscall.ENOENT, ct(wire.MsgNew, 0, 2), "nothing at all")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, nest(wire.AttrTupleOrig, addresses(tcp(1, 80))), p, timeout), "no protocol")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, nest(wire.AttrTupleOrig, protocol(tcp(1, 80))), p, timeout), "no addresses")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, nest(wire.AttrTupleOrig, addresses(tcp(1, 80)), nest(2, attr(1, wire.ProtoTCP))), p, timeout), "no ports")
		r.want(syscall.EINVAL, ct(wire.MsgNew, create, 2, nest(wire.AttrTupleOrig, addresses(tcp(1, 80)), nest(2, attr16(2, 1))), p, timeout), "no number")
		h.equal("flows", len(h.ports()), 0)
		r.want(0, ct(wire.MsgNew, create, 2, o, p, timeout), "complete")
	}},
	{"both tuples are unique", func(h *harness) {
		h.create(tcp(1, 80))
		h.refuse(syscall.EEXIST, entry(tcp(1, 80)))
		h.refuse(syscall.EEXIST, entry(back(tcp(1, 80))))
		c := entry(tcp(2, 80))
		c.Entry.Reply = back(tcp(1, 80))
		h.refuse(syscall.EEXIST, c)
		c = entry(tcp(2, 80))
		c.Entry.Reply = tcp(1, 80)
		h.refuse(syscall.EEXIST, c)
		h.equal("flows", len(h.ports()), 1)
	}},
	{"exclusive is exclusive without create", func(h *harness) {
		h.create(tcp(1, 80))
		h.raw().want(syscall.EEXIST, ct(wire.MsgNew, wire.FlagExcl, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), attr32(wire.AttrTimeout, 9)), "EXCL")
	}},
	{"upsert overwrites", func(h *harness) {
		h.create(tcp(1, 80), func(e *wire.Entry) { e.Mark, e.Present = 1, e.Present|wire.HasMark })
		c := entry(tcp(1, 80), func(e *wire.Entry) { e.Mark, e.Present, e.Timeout = 2, e.Present|wire.HasMark, 500 })
		c.Upsert = true
		h.do(c)
		e := h.get(tcp(1, 80))
		h.equal("mark", e.Mark, uint32(2))
		if e.Timeout < 450 {
			h.t.Errorf("timeout is %d, want 500", e.Timeout)
		}
		c = entry(tcp(2, 80))
		c.Upsert = true
		h.do(c)
		h.wantPorts(h.ports(), "after upserts", 1, 2)
	}},
	{"timeouts", func(h *harness) {
		r := h.raw()
		add := func(port uint16, timeout uint32) {
			h.t.Helper()
			r.want(0, ct(wire.MsgNew, wire.FlagCreate|wire.FlagExcl, 2, tuple(wire.AttrTupleOrig, tcp(port, 80)),
				tuple(wire.AttrTupleReply, back(tcp(port, 80))), attr32(wire.AttrTimeout, timeout)), "create")
		}
		add(1, 1<<32-1)
		if left := h.get(tcp(1, 80)).Timeout; left < wire.MaxTimeout-5 || left > wire.MaxTimeout {
			h.t.Errorf("longest timeout is %d, want %d", left, wire.MaxTimeout)
		}
		add(2, 0)
		h.gone(tcp(2, 80))
		add(2, 0)
		add(3, 1)
		h.get(tcp(3, 80))
		h.w.Pass(1200 * time.Millisecond)
		h.gone(tcp(3, 80))
		h.wantPorts(h.ports(), "after expiry", 1)
	}},
	{"what the kernel does not take", func(h *harness) {
		r := h.raw()
		count := nest(wire.AttrCountersOrig, attr(1, 0, 0, 0, 0, 0, 0, 0, 9), attr(2, 0, 0, 0, 0, 0, 0, 0, 9))
		r.want(0, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)), tuple(wire.AttrTupleReply, back(tcp(1, 80))),
			attr32(wire.AttrTimeout, 100), count, attr32(wire.AttrID, 1), attr32(wire.AttrUse, 77), attr32(wire.AttrSecMark, 5)), "create")
		e := h.get(tcp(1, 80))
		h.equal("has counters", e.Has(wire.HasCounters), false)
		h.equal("use", e.Use, uint16(2))
		if e.ID == 1 {
			h.t.Error("the id was taken")
		}
	}},
	{"accounting is decided at birth", func(h *harness) {
		h.create(tcp(1, 80))
		h.w.Sysctl("nf_conntrack_acct", "1")
		h.create(tcp(2, 80))
		h.equal("old flow has counters", h.get(tcp(1, 80)).Has(wire.HasCounters), false)
		h.equal("new flow has counters", h.get(tcp(2, 80)).Has(wire.HasCounters), true)
		h.w.Sysctl("nf_conntrack_acct", "0")
		h.equal("it keeps them", h.get(tcp(2, 80)).Has(wire.HasCounters), true)
	}},
	{"timestamps are decided at birth", func(h *harness) {
		h.create(tcp(1, 80))
		h.w.Sysctl("nf_conntrack_timestamp", "1")
		h.create(tcp(2, 80))
		h.equal("old flow has a start", h.get(tcp(1, 80)).Has(wire.HasStart), false)
		e := h.get(tcp(2, 80))
		h.equal("new flow has a start", e.Has(wire.HasStart), true)
		h.equal("it has a stop", e.Has(wire.HasStop), false)
		if e.Start < 1700000000e9 {
			h.t.Errorf("start is %d, want nanoseconds since 1970", e.Start)
		}
	}},
	{"master", func(h *harness) {
		child := func(e *wire.Entry) { e.Master, e.Present = tcp(1, 21), e.Present|wire.HasMaster }
		h.refuse(syscall.ENOENT, entry(tcp(2, 20), child))
		h.create(tcp(1, 21))
		e := h.create(tcp(2, 20), child)
		h.equal("status", e.Status, wire.StatusExpected|wire.StatusConfirmed)
		h.equal("master", e.Master, tcp(1, 21))
		r := h.raw()
		r.want(syscall.EOPNOTSUPP, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(2, 20)), tuple(wire.AttrTupleMaster, tcp(1, 21))), "update of the master")
		r.want(syscall.EBUSY, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, tcp(3, 20)), tuple(wire.AttrTupleReply, back(tcp(3, 20))),
			attr32(wire.AttrTimeout, 9), tuple(wire.AttrTupleMaster, tcp(1, 21)), attr32(wire.AttrStatus, uint32(wire.StatusExpected|wire.StatusConfirmed))), "EXPECTED by hand")
		other := func(e *wire.Entry) {
			child(e)
			e.Orig.Zone, e.Reply.Zone = 3, 3
		}
		h.refuse(syscall.ENOENT, entry(tcp(4, 20), other))
		h.do(mustDelete(h, wire.Key{Tuple: tcp(1, 21)}))
		h.equal("child keeps its master", h.get(tcp(2, 20)).Master, tcp(1, 21))
	}},
	{"sequence adjustment", func(h *harness) {
		e := h.create(tcp(1, 80))
		h.equal("has it", e.Has(wire.HasSeqAdj), false)
		adj := [2]wire.SeqAdj{{Correction: 100, Before: 2, After: 3}, {Correction: 200, Before: 5, After: 6}}
		e = h.create(tcp(2, 80), func(e *wire.Entry) { e.SeqAdj, e.Present = adj, e.Present|wire.HasSeqAdj })
		h.equal("adjustment", e.SeqAdj, adj)
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeqAdjust)
		e = h.update(&wire.Update{Key: wire.Key{Tuple: tcp(1, 80)}, SeqAdj: &adj})
		h.equal("adjustment by update", e.SeqAdj, adj)
		h.raw().want(syscall.EINVAL, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)),
			nest(wire.AttrSeqAdjOrig, attr32(1, 1), attr32(2, 1))), "two of three fields")
	}},
	{"syn proxy", func(h *harness) {
		e := h.create(tcp(1, 80))
		h.equal("is there", e.Has(wire.HasSynProxy), true)
		h.equal("is zero", e.SynProxy, wire.SynProxy{})
		s := wire.SynProxy{ISN: 1, ITS: 2, TSOff: 3}
		h.equal("update", h.update(&wire.Update{Key: wire.Key{Tuple: tcp(1, 80)}, SynProxy: &s}).SynProxy, s)
		e = h.create(tcp(2, 80), func(e *wire.Entry) { e.SynProxy, e.Present = s, e.Present|wire.HasSynProxy })
		h.equal("create", e.SynProxy, s)
		h.raw().want(syscall.EINVAL, ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(1, 80)),
			nest(wire.AttrSynProxy, attr32(1, 1))), "one of three fields")
	}},
}

// mustDelete is a delete request.
func mustDelete(h *harness, key wire.Key) wire.Delete {
	h.t.Helper()
	d, err := wire.NewDelete(key)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}
