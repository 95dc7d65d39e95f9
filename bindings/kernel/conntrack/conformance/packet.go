package conformance

import (
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// packetTests are about packets, which everything else does without.
var packetTests = []test{
	{"udp", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		h.w.Sysctl("nf_conntrack_timestamp", "1")
		t := h.w.UDP(false)
		e := h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed)
		h.equal("packets", e.Counter[0].Packets, uint64(1))
		h.equal("answers", e.Counter[1].Packets, uint64(0))
		if e.Counter[0].Bytes < 28 || e.Timeout > 30 {
			h.t.Errorf("bytes %d, timeout %d", e.Counter[0].Bytes, e.Timeout)
		}
		h.equal("has a start", e.Has(wire.HasStart), true)
		h.equal("has a syn proxy", e.Has(wire.HasSynProxy), false)
		t = h.w.UDP(true)
		e = h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply)
		h.equal("answers", e.Counter[1].Packets, uint64(1))
	}},
	{"taking the counters", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		t := h.w.UDP(true)
		e := &wire.Entry{}
		for i, want := range []uint64{1, 0} {
			if ok, err := h.w.Kernel.Get(h.ctx, wire.Get{Key: wire.Key{Tuple: t}, Zero: true}, e); err != nil || !ok {
				h.t.Fatal(ok, err)
			}
			h.equal(fmt.Sprintf("packets, reading %d", i+1), e.Counter[0].Packets, want)
		}
		t = h.w.UDP(true)
		h.dump(&wire.Dump{Zero: true})
		h.equal("packets after a dump", h.get(t).Counter[1], wire.Counters{})
	}},
	{"tcp", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		ear := h.listen(conntrack.EventOptions{})
		t := h.w.TCP()
		e := h.get(t)
		h.equal("state", wire.StateName(wire.ProtoTCP, e.State), "TIME_WAIT")
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply|wire.StatusAssured)
		ear.until(func(ev *event) bool { return ev.entry.State == 7 })
		first := ear.events[0]
		h.equal("first event", first.kind, conntrack.EventNew)
		h.equal("its state", wire.StateName(wire.ProtoTCP, first.entry.State), "SYN_SENT")
		h.equal("its port", first.portID, uint32(0))
		assured := false
		for _, ev := range ear.events[1:] {
			h.equal("later event", ev.kind, conntrack.EventUpdate)
			h.equal("has counters", ev.entry.Has(wire.HasCounters), false)
			assured = assured || ev.entry.Status&wire.StatusAssured != 0 && wire.StateName(wire.ProtoTCP, ev.entry.State) == "ESTABLISHED"
		}
		h.equal("an event is ESTABLISHED and ASSURED", assured, true)
	}},
	{"a stream", func(h *harness) {
		t := h.w.UDP(true)
		h.w.Pass(2100 * time.Millisecond)
		if again := h.w.UDP(true); again != t {
			h.t.Skip("the second exchange took other ports")
		}
		e := h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply|wire.StatusAssured)
		if e.Timeout < 100 {
			h.t.Errorf("timeout is %d, want 120", e.Timeout)
		}
	}},
}
