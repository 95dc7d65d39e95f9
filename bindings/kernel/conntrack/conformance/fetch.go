package conformance

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// fetched is what one key of a fetch was answered by.
type fetched struct {
	there bool
	entry wire.Entry
}

// fetch reads flows that are named by key.
func (h *harness) fetch(keys []wire.Key, zero bool) (list []fetched) {
	h.t.Helper()
	err := h.w.Kernel.Fetch(h.ctx, keys, zero, func(i int, v *wire.View) error {
		if i != len(list) {
			h.t.Fatalf("key %d is answered in place %d", i, len(list))
		}
		f := fetched{there: v != nil}
		if v != nil {
			v.Entry(&f.entry)
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.equal("answers", len(list), len(keys))
	return list
}

// fetchTests are about reading many flows by key.
var fetchTests = []test{
	{"every key once and in order", func(h *harness) {
		keys := make([]wire.Key, 700) // several sends
		for i := range keys {
			t := udp(1000+uint16(i), 53)
			keys[i] = wire.Key{Tuple: t}
			if i%3 != 0 {
				h.do(entry(t, func(e *wire.Entry) { e.Mark, e.Present = uint32(i), e.Present|wire.HasMark }))
			}
		}
		for i, f := range h.fetch(keys, false) {
			if f.there != (i%3 != 0) || f.there && (f.entry.Orig != keys[i].Tuple || f.entry.Mark != uint32(i)) {
				h.t.Fatalf("key %d: there %v, %s mark %d", i, f.there, f.entry.Orig, f.entry.Mark)
			}
		}
		h.fetch(nil, false)
	}},
	{"by family, direction and zone", func(h *harness) {
		v6 := flowOf(wire.ProtoTCP, "fd00::1", "fd00::2", 1, 80)
		zoned := tcp(1, 80)
		zoned.Zone = 7
		h.do(entry(v6))
		h.do(entry(zoned))
		list := h.fetch([]wire.Key{{Tuple: v6}, {Tuple: tcp(1, 80)}, {Tuple: zoned}, {Tuple: back(zoned), Dir: wire.Reply}, {Tuple: v6}}, false)
		for i, want := range []bool{true, false, true, true, true} {
			h.equal("there", list[i].there, want)
		}
		h.equal("by its reply", list[3].entry.Orig, zoned)
	}},
	{"the id is not compared", func(h *harness) {
		e := h.create(tcp(1, 80))
		key := e.Key()
		key.ID++
		h.equal("id", h.fetch([]wire.Key{key}, false)[0].entry.ID, e.ID)
	}},
	{"zero reads and resets", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		t := h.w.UDP(true)
		keys := []wire.Key{{Tuple: udp(9, 9)}, {Tuple: t}}
		before := h.fetch(keys, false)[1].entry.Counter
		if before[0].Packets == 0 || before[1].Packets == 0 {
			h.t.Fatalf("counters %v before", before)
		}
		h.equal("as it is reset", h.fetch(keys, true)[1].entry.Counter, before)
		h.equal("afterwards", h.fetch(keys, true)[1].entry.Counter, [2]wire.Counters{})
	}},
	{"a key without a flow's name asks nothing", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		t := h.w.UDP(true)
		var field *wire.FieldError
		keys := make([]wire.Key, 400)
		for i := range keys[:399] {
			keys[i].Tuple = t
		}
		err := h.w.Kernel.Fetch(h.ctx, keys, true, func(int, *wire.View) error {
			h.t.Error("called")
			return nil
		})
		if !errors.As(err, &field) {
			h.t.Errorf("%v, want a FieldError", err)
		}
		if f := h.fetch([]wire.Key{{Tuple: t}}, false)[0]; f.entry.Counter[0].Packets == 0 {
			h.t.Error("counters were reset")
		}
	}},
	{"the function ends it", func(h *harness) {
		keys := make([]wire.Key, 300)
		for i := range keys {
			keys[i] = wire.Key{Tuple: udp(1000+uint16(i), 53)}
		}
		mine := errors.New("mine")
		for _, c := range []struct{ give, want error }{{mine, mine}, {conntrack.ErrStop, nil}} {
			calls := 0
			err := h.w.Kernel.Fetch(h.ctx, keys, false, func(int, *wire.View) error {
				if calls++; calls == 150 {
					return c.give
				}
				return nil
			})
			if !errors.Is(err, c.want) || calls != 150 {
				h.t.Errorf("%v after %d calls, want %v after 150", err, calls, c.want)
			}
		}
		h.fetch(keys, false)
	}},
	{"a context ends it", func(h *harness) {
		keys := make([]wire.Key, 300)
		for i := range keys {
			keys[i] = wire.Key{Tuple: udp(1000+uint16(i), 53)}
		}
		cause := errors.New("enough")
		for _, zero := range []bool{false, true} {
			ctx, cancel := context.WithCancelCause(h.ctx)
			calls := 0
			err := h.w.Kernel.Fetch(ctx, keys, zero, func(int, *wire.View) error {
				if calls++; calls == 20 {
					cancel(cause)
				}
				return nil
			})
			if !errors.Is(err, cause) || calls == len(keys) {
				h.t.Errorf("zero %v: %v after %d calls, want %v before the end", zero, err, calls, cause)
			}
			if zero && calls < 128 {
				h.t.Errorf("%d calls: what was reset in one send is not told", calls)
			}
		}
		h.fetch(keys, false)
	}},
}

// echoTests are about a flush that tells.
var echoTests = []test{
	{"what it deleted", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		for i := range uint16(500) {
			h.do(entry(udp(1000+i, 53), func(e *wire.Entry) { e.Mark, e.Present = uint32(i%5), e.Present|wire.HasMark }))
		}
		h.w.Sysctl("nf_conntrack_events", "0")
		mute := entry(udp(9, 9), func(e *wire.Entry) { e.Mark, e.Present = 3, e.Present|wire.HasMark })
		h.do(mute)
		told := map[uint16]bool{}
		req := &wire.Flush{Filter: wire.Filter{Mark: &wire.Masked32{Value: 3, Mask: ^uint32(0)}}}
		res, err := h.w.Kernel.FlushEcho(h.ctx, req, func(v *wire.View) error {
			var e wire.Entry
			v.Entry(&e)
			if e.Mark != 3 || told[e.Orig.SrcPort] {
				h.t.Errorf("told of %s, mark %d", e.Orig, e.Mark)
			}
			told[e.Orig.SrcPort] = true
			return nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("result", res, conntrack.FlushResult{Told: 100, Before: 501, After: 400})
		h.equal("told", len(told), 100)
		h.gone(mute.Entry.Orig)
	}},
	{"nothing without a filter", func(h *harness) {
		h.do(entry(udp(1, 53)))
		mask := &wire.StatusFilter{}
		for _, req := range []*wire.Flush{{}, {Filter: wire.Filter{Status: mask}}, {All: true, Filter: wire.Filter{Family: wire.FamilyIPv4}}} {
			_, err := h.w.Kernel.FlushEcho(h.ctx, req, func(*wire.View) error { return nil })
			var field *wire.FieldError
			if !errors.As(err, &field) {
				h.t.Errorf("%+v: %v, want a FieldError", req, err)
			}
		}
		h.get(udp(1, 53))
		ctx, cancel := context.WithCancel(h.ctx)
		cancel()
		if _, err := h.w.Kernel.FlushEcho(ctx, &wire.Flush{All: true}, nil); !errors.Is(err, context.Canceled) {
			h.t.Errorf("%v, want the context's end", err)
		}
		h.get(udp(1, 53))
	}},
	{"the function does not stop it", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		mine := errors.New("mine")
		for _, c := range []struct{ give, want error }{{mine, mine}, {conntrack.ErrStop, nil}} {
			for i := range uint16(50) {
				h.do(entry(udp(1000+i, 53)))
			}
			calls := 0
			res, err := h.w.Kernel.FlushEcho(h.ctx, &wire.Flush{All: true}, func(*wire.View) error { calls++; return c.give })
			if !errors.Is(err, c.want) || calls != 1 {
				h.t.Errorf("%v after %d calls, want %v after one", err, calls, c.want)
			}
			h.equal("result", res, conntrack.FlushResult{Told: 50, Before: 50})
		}
	}},
	{"no room for an echo", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		for i := range uint16(200) {
			h.do(entry(udp(1000+i, 53)))
		}
		ear := h.deaf(conntrack.EventOptions{})
		r := h.raw()
		r.send(ct(wire.MsgDelete, wire.FlagEcho, 0).bytes(1))
		if _, err := r.receive(nil); !errors.Is(err, syscall.ENOBUFS) {
			h.t.Errorf("first receive: %v, want ENOBUFS", err)
		}
		list, err := r.receive(nil)
		if err != nil || len(list) == 0 || len(list) == 200 {
			h.t.Errorf("%d messages, %v; want some", len(list), err)
		}
		dying, _ := h.dump(&wire.Dump{Table: wire.TableDying})
		h.equal("told and dying", len(list)+len(dying), 200)
		ear.start()
		for range 200 {
			ear.want(conntrack.EventDestroy)
		}
		for end := time.Now().Add(20 * time.Second); len(dying) > 0 && time.Now().Before(end); {
			h.w.Pass(20 * time.Millisecond)
			dying, _ = h.dump(&wire.Dump{Table: wire.TableDying})
		}
		h.equal("dying in the end", len(dying), 0)
		for range 200 - len(list) {
			ear.want(conntrack.EventDestroy) // sent again
		}
	}},
	{"own port ids", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		ear := h.listen(conntrack.EventOptions{})
		h.create(tcp(1, 80))
		if ev := ear.want(conntrack.EventNew); !h.w.Kernel.Owns(ev.portID) || !conntrack.ReadOnly(h.w.Kernel).Owns(ev.portID) {
			h.t.Errorf("port id %d of a request is not owned", ev.portID)
		}
		h.raw().want(0, newFlow(tcp(2, 80), wire.FlagAck), "create")
		if ev := ear.want(conntrack.EventNew); h.w.Kernel.Owns(ev.portID) {
			h.t.Errorf("port id %d of another socket is owned", ev.portID)
		}
		h.w.UDP(false)
		if ev := ear.want(conntrack.EventNew); ev.portID != 0 || h.w.Kernel.Owns(ev.portID) {
			h.t.Errorf("port id %d of a packet is owned", ev.portID)
		}
	}},
}
