package mirror

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func flow(n uint16, id uint32) *wire.Flow {
	f := &wire.Flow{ID: id, Present: wire.HasID}
	f.Orig = wire.Tuple{SrcPort: n, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}
	return f
}

func marked(f *wire.Flow, mark uint32) *wire.Flow {
	f.Mark, f.Present = mark, f.Present|wire.HasMark
	return f
}

func (t *rows) mark(n uint16) int {
	i, ok := t.index[flow(n, 0).Orig]
	if !ok {
		return -1
	}
	return int(t.list[i].flow.Mark)
}

// What an event told after the dump began is never undone by it, and what the
// dump knows better is taken from it.
func TestDumpAndEvents(t *testing.T) {
	r := newRows()
	r.born(marked(flow(1, 1), 1))
	r.born(marked(flow(2, 2), 2))
	r.born(marked(flow(3, 3), 3))
	r.born(marked(flow(4, 4), 4))
	r.born(marked(flow(5, 5), 5))

	g0 := r.begin()
	r.changed(marked(flow(1, 1), 11)) // the dump has the old mark
	r.died(flow(2, 2))                // the dump met it alive
	r.born(marked(flow(6, 6), 6))     // the dump missed it
	r.died(flow(4, 4))                // and its successor lives
	r.born(marked(flow(4, 44), 44))
	for _, f := range []*wire.Flow{
		marked(flow(1, 1), 1), marked(flow(2, 2), 2), marked(flow(3, 3), 33),
		marked(flow(4, 4), 4), marked(flow(7, 7), 7),
	} {
		f.Timeout, f.Present = 60, f.Present|wire.HasTimeout
		r.found(f, g0)
	}
	stale := r.end(g0, true)

	for n, want := range map[uint16]int{1: 11, 2: -1, 3: 33, 4: 44, 5: -1, 6: 6, 7: 7} {
		if got := r.mark(n); got != want {
			t.Errorf("flow %d: mark %d, want %d", n, got, want)
		}
	}
	if stale != 1 {
		t.Errorf("%d stale, want 1: flow 5", stale)
	}
	if f := r.list[r.index[flow(1, 0).Orig]].flow; !f.Has(wire.HasTimeout) || f.Timeout != 60 {
		t.Error("the dump did not complete what events have not told")
	}
	if f := r.list[r.index[flow(4, 0).Orig]].flow; f.Has(wire.HasTimeout) {
		t.Error("a flow was completed from the row of another")
	}
}

func TestBrokenDumpRemovesNothing(t *testing.T) {
	r := newRows()
	r.born(flow(1, 1))
	g0 := r.begin()
	if stale := r.end(g0, false); stale != 0 || len(r.index) != 1 {
		t.Errorf("%d stale, %d left", stale, len(r.index))
	}
}

func TestEvents(t *testing.T) {
	r := newRows()
	r.changed(marked(flow(1, 1), 7)) // born before we listened
	if r.mark(1) != 7 {
		t.Error("an update of an unknown flow is not kept")
	}
	f := flow(1, 1)
	f.State, f.Present = 3, f.Present|wire.HasState
	r.changed(f)
	if got := r.list[0].flow; got.Mark != 7 || got.State != 3 {
		t.Errorf("absent was taken for zero: %+v", got)
	}
	r.changed(flow(1, 2))
	if got := r.list[0].flow; got.Mark != 0 || got.ID != 2 {
		t.Errorf("another flow was merged: %+v", got)
	}
	r.died(flow(1, 1))
	if len(r.index) != 1 {
		t.Error("the end of the flow before took the new one away")
	}
	r.died(flow(1, 2))
	r.died(flow(1, 2))
	if len(r.index) != 0 || len(r.free) != 1 {
		t.Errorf("%d rows, %d free", len(r.index), len(r.free))
	}
	r.born(flow(9, 9))
	if len(r.list) != 1 {
		t.Error("a free row was not used again")
	}
}

func TestMergeKnowsEveryField(t *testing.T) {
	src := wire.Flow{Mark: 1, Status: 2, Timeout: 3, ID: 4, Use: 5, Start: 6, Stop: 7, State: 8, Helper: 9}
	src.Reply.SrcPort = 10
	src.Counter[1].Bytes = 11
	src.Labels[1] = 12
	src.SetTCP(wire.TCPInfo{WScale: [2]uint8{1, 2}})
	src.Present |= wire.HasMark | wire.HasStatus | wire.HasTimeout | wire.HasID | wire.HasUse | wire.HasStart | wire.HasStop |
		wire.HasState | wire.HasHelper | wire.HasReply | wire.HasCounters | wire.HasLabels
	var dst wire.Flow
	merge(&dst, &src)
	if dst != src {
		t.Errorf("got %+v, want %+v", dst, src)
	}
	src.Present = 0
	dst = wire.Flow{}
	if merge(&dst, &src); dst != (wire.Flow{}) {
		t.Errorf("absent fields were copied: %+v", dst)
	}
}

func BenchmarkApply(b *testing.B) {
	r := newRows()
	const n = 10_000
	for i := range n {
		r.born(flow(uint16(i), uint32(i)))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.changed(marked(flow(uint16(i%n), uint32(i%n)), 5))
		i++
	}
}
