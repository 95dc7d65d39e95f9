package conformance

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// dumpTests are about dumps.
var dumpTests = []test{
	{"many datagrams", func(h *harness) {
		const n = 700
		b, err := h.w.Kernel.Batch(h.ctx, conntrack.BatchOptions{})
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range uint16(n) {
			if err := b.Add(entry(udp(1000+i, 53))); err != nil {
				h.t.Fatal(err)
			}
		}
		res, err := b.Close()
		if err != nil || res.Applied != n {
			h.t.Fatalf("batch: %+v %v", res, err)
		}
		ports := h.ports()
		h.equal("flows", len(ports), n)
		h.equal("different flows", len(slices.Compact(ports)), n)
		for _, part := range []conntrack.Partition{conntrack.PartitionFamily, conntrack.PartitionAssured} {
			count := 0
			if _, err := h.w.Kernel.Dump(h.ctx, &wire.Dump{}, conntrack.DumpOptions{Partition: part}, func(*wire.View) error {
				count++
				return nil
			}); err != nil {
				h.t.Fatal(err)
			}
			h.equal(fmt.Sprintf("flows by partition %d", part), count, n)
		}
	}},
	{"one at a time on a socket", func(h *harness) {
		for i := range uint16(100) {
			h.do(entry(udp(1000+i, 53)))
		}
		r := h.raw()
		dump := ct(wire.MsgGet, wire.FlagDump, 0)
		r.send(join(dump.bytes(1), dump.bytes(2)))
		var refused, done bool
		if _, err := r.receive(func(a answer) bool {
			refused = refused || a.Type == wire.TypeError && a.Seq == 2 && a.errno == syscall.EBUSY
			done = done || a.Type == wire.TypeDone && a.Seq == 1
			return refused && done
		}); err != nil {
			h.t.Fatal(err)
		}
		h.equal("flows by the next dump", len(r.ask(ct(wire.MsgGet, wire.FlagDump, 0))), 101)
	}},
	{"the end is a message of its own", func(h *harness) {
		h.create(tcp(1, 80))
		list := h.raw().ask(ct(wire.MsgGet, wire.FlagDump, 0))
		h.equal("messages", len(list), 2)
		h.equal("flags of the flow", list[0].Flags, uint16(wire.FlagMulti))
		h.equal("type of the end", list[1].Type, uint16(wire.TypeDone))
		h.equal("flags of the end", list[1].Flags&wire.FlagMulti, uint16(wire.FlagMulti))
	}},
	{"stopped by the caller", func(h *harness) {
		for i := range uint16(300) {
			h.do(entry(udp(1000+i, 53)))
		}
		seen := 0
		_, err := h.w.Kernel.Dump(h.ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error {
			seen++
			return conntrack.ErrStop
		})
		h.equal("flows seen", seen, 1)
		if err != nil {
			h.t.Error(err)
		}
		h.equal("flows by the next dump", len(h.ports()), 300)
	}},
}
