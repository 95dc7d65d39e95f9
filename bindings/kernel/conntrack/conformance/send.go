package conformance

import (
	"encoding/binary"
	"errors"
	"slices"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// newFlow is a message that creates a flow.
func newFlow(t wire.Tuple, flags uint16) message {
	m := ct(wire.MsgNew, wire.FlagCreate|wire.FlagExcl, t.Family, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)), attr32(wire.AttrTimeout, 100))
	m.flags = m.flags&^wire.FlagAck | flags
	return m
}

// sendTests are about several messages in one send.
var sendTests = []test{
	{"in order, each for itself", func(h *harness) {
		h.create(tcp(3, 80))
		r := h.raw()
		bad := newFlow(tcp(4, 80), wire.FlagAck)
		bad.attrs = bad.attrs[:len(bad.attrs)-8] // no timeout
		r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), newFlow(tcp(2, 80), wire.FlagAck).bytes(2),
			newFlow(tcp(3, 80), wire.FlagAck).bytes(3), bad.bytes(4), newFlow(tcp(5, 80), wire.FlagAck).bytes(5)))
		list, err := r.receive(func(a answer) bool { return a.Seq == 5 })
		if err != nil {
			h.t.Fatal(err)
		}
		want := []syscall.Errno{0, 0, syscall.EEXIST, syscall.EINVAL, 0}
		for i, a := range list {
			if int(a.Seq) != i+1 || a.errno != want[i] {
				h.t.Errorf("answer %d is to %d: %s, want %s", i+1, a.Seq, name(a.errno), name(want[i]))
			}
		}
		h.wantPorts(h.ports(), "flows", 1, 2, 3, 5)
	}},
	{"without ACK only errors answer", func(h *harness) {
		r := h.raw()
		r.send(join(newFlow(tcp(1, 80), 0).bytes(1), newFlow(tcp(1, 80), 0).bytes(2), newFlow(tcp(2, 80), wire.FlagAck).bytes(3)))
		list, err := r.receive(func(a answer) bool { return a.Seq == 3 })
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("answers", len(list), 2)
		h.equal("first answer is to", list[0].Seq, uint32(2))
		h.equal("its verdict", list[0].errno, syscall.EEXIST)
	}},
	{"an acknowledgement is capped", func(h *harness) {
		list := h.raw().ask(newFlow(tcp(1, 80), wire.FlagAck))
		h.equal("flags", list[0].Flags, uint16(wire.FlagCapped))
		h.equal("length", list[0].Len, uint32(16+20))
	}},
	{"without REQUEST nothing is done", func(h *harness) {
		m := newFlow(tcp(1, 80), wire.FlagAck)
		m.flags &^= wire.FlagRequest
		h.raw().want(0, m, "create")
		h.gone(tcp(1, 80))
	}},
	{"a wrong length drops the rest", func(h *harness) {
		for _, length := range []uint32{15, 1 << 20} {
			h.do(&wire.Flush{All: true})
			bad := newFlow(tcp(2, 80), wire.FlagAck).bytes(2)
			binary.NativeEndian.PutUint32(bad, length)
			r := h.raw()
			r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), bad, newFlow(tcp(3, 80), wire.FlagAck).bytes(3)))
			list, err := r.receive(nil)
			if err != nil {
				h.t.Fatal(err)
			}
			h.equal("answers", len(list), 1)
			h.wantPorts(h.ports(), "flows", 1)
		}
	}},
	{"a header without family is nothing", func(h *harness) {
		b := ct(wire.MsgDelete, 0, 2).bytes(9)[:16]
		binary.NativeEndian.PutUint32(b, 16)
		h.create(tcp(1, 80))
		r := h.raw()
		r.send(b)
		list, err := r.receive(func(answer) bool { return true })
		if err != nil || list[0].errno != 0 {
			h.t.Fatalf("%v %v", list, err)
		}
		h.get(tcp(1, 80))
	}},
	{"256 acknowledgements fit the receive buffer", func(h *harness) {
		r := h.raw()
		var b []byte
		for i := range uint16(400) {
			b = append(b, newFlow(udp(1000+i, 53), wire.FlagAck).bytes(uint32(i))...)
		}
		r.send(b)
		if _, err := r.receive(nil); !errors.Is(err, syscall.ENOBUFS) {
			h.t.Errorf("first receive: %v, want ENOBUFS", err)
		}
		list, err := r.receive(nil)
		h.equal("acknowledgements", len(list), 256)
		if err != nil {
			h.t.Error(err)
		}
		h.equal("flows", len(h.ports()), 400)
	}},
	{"a datagram has a longest size", func(h *harness) {
		err := h.raw().s.Send(make([]byte, 300_000))
		if !errors.Is(err, syscall.EMSGSIZE) {
			h.t.Errorf("300 kB: %v, want EMSGSIZE", err)
		}
	}},
	{"a dump between other messages", func(h *harness) {
		r := h.raw()
		r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), ct(wire.MsgGet, wire.FlagDump, 0).bytes(2), newFlow(tcp(2, 80), wire.FlagAck).bytes(3)))
		var seqs []uint32
		if _, err := r.receive(func(a answer) bool {
			if a.Type == wire.TypeError || a.Type == wire.TypeDone {
				seqs = append(seqs, a.Seq)
			}
			return len(seqs) == 3
		}); err != nil {
			h.t.Fatal(err)
		}
		slices.Sort(seqs)
		if !slices.Equal(seqs, []uint32{1, 2, 3}) {
			h.t.Errorf("verdicts on %v", seqs)
		}
	}},
	{"a batch counts", func(h *harness) {
		b, err := h.w.Kernel.Batch(h.ctx, conntrack.BatchOptions{Size: 10})
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range uint16(25) {
			if err := b.Add(entry(udp(1000+i%20, 53))); err != nil {
				h.t.Fatal(err)
			}
		}
		for i := range uint16(30) {
			if err := b.Add(mustDelete(h, wire.Key{Tuple: udp(1000+i, 53)})); err != nil {
				h.t.Fatal(err)
			}
		}
		res, err := b.Close()
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("sent", res.Sent, 55)
		h.equal("applied", res.Applied, 40)
		h.equal("exists", res.Exists, 5)
		h.equal("gone", res.Gone, 10)
	}},
}
