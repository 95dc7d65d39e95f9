package mirror

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// rows is the table: rows without pointers, found by zone and original tuple.
// Each has the generation in which an event last touched it.
type rows struct {
	index map[wire.Tuple]int32
	list  []row
	free  []int32
	gen   uint64 // of the last event

	// While a dump runs, keys that were destroyed meanwhile: the dump may
	// have met them alive.
	syncing bool
	buried  map[wire.Tuple]struct{}
	pass    uint32 // of the dump that runs
}

type row struct {
	flow wire.Flow
	gen  uint64
	pass uint32 // of the last dump that had it
	used bool
}

func newRows() rows {
	return rows{index: map[wire.Tuple]int32{}, buried: map[wire.Tuple]struct{}{}}
}

// born puts a flow in, over what may be there.
func (t *rows) born(f *wire.Flow) {
	t.gen++
	t.put(f, t.gen)
}

// changed merges the fields that an event carries. A flow that was not known
// is known from now on, with these.
func (t *rows) changed(f *wire.Flow) {
	t.gen++
	i, ok := t.index[f.Orig]
	if !ok {
		t.put(f, t.gen)
		return
	}
	r := &t.list[i]
	if f.Has(wire.HasID) && r.flow.Has(wire.HasID) && f.ID != r.flow.ID {
		r.flow = *f // another flow with the same tuple
	} else {
		merge(&r.flow, f)
	}
	r.gen = t.gen
}

// died takes a flow out.
func (t *rows) died(f *wire.Flow) {
	t.gen++
	if t.syncing {
		t.buried[f.Orig] = struct{}{}
	}
	i, ok := t.index[f.Orig]
	if !ok {
		return
	}
	// The end of a flow may be told after the birth of the next with its
	// tuple, from another processor.
	if r := &t.list[i]; f.ID == r.flow.ID || !f.Has(wire.HasID) || !r.flow.Has(wire.HasID) {
		t.remove(f.Orig, i)
	}
}

func (t *rows) put(f *wire.Flow, gen uint64) *row {
	i, ok := t.index[f.Orig]
	if !ok {
		if n := len(t.free); n > 0 {
			i, t.free = t.free[n-1], t.free[:n-1]
		} else {
			i = int32(len(t.list))
			t.list = append(t.list, row{})
		}
		t.index[f.Orig] = i
	}
	t.list[i] = row{flow: *f, gen: gen, pass: t.pass, used: true}
	return &t.list[i]
}

func (t *rows) remove(key wire.Tuple, i int32) {
	delete(t.index, key)
	t.list[i] = row{}
	t.free = append(t.free, i)
}

// begin starts a dump and returns the generation that it is older than.
func (t *rows) begin() (g0 uint64) {
	t.syncing = true
	t.pass++
	clear(t.buried)
	return t.gen
}

// found applies a row of the dump: all of it where no event has touched the
// flow since g0, and else only the fields that events have not told.
func (t *rows) found(f *wire.Flow, g0 uint64) {
	i, ok := t.index[f.Orig]
	if !ok {
		if _, dead := t.buried[f.Orig]; !dead {
			t.put(f, g0)
		}
		return
	}
	r := &t.list[i]
	r.pass = t.pass
	switch {
	case r.gen <= g0:
		r.flow = *f
	case f.ID == r.flow.ID || !r.flow.Has(wire.HasID):
		newer := r.flow
		r.flow = *f
		merge(&r.flow, &newer)
	}
}

// end finishes a dump. After a whole one, rows that it did not have and no
// event has touched since g0 are gone; it returns how many.
func (t *rows) end(g0 uint64, whole bool) (stale int) {
	t.syncing = false
	clear(t.buried)
	if !whole {
		return 0
	}
	for i := range t.list {
		if r := &t.list[i]; r.used && r.pass != t.pass && r.gen <= g0 {
			t.remove(r.flow.Orig, int32(i))
			stale++
		}
	}
	return stale
}

// merge writes the fields that src has over those of dst. What src lacks is
// unknown, not zero, and stays.
func merge(dst, src *wire.Flow) {
	if src.Has(wire.HasReply) {
		dst.Reply = src.Reply
	}
	if src.Has(wire.HasStatus) {
		dst.Status = src.Status
	}
	if src.Has(wire.HasTimeout) {
		dst.Timeout = src.Timeout
	}
	if src.Has(wire.HasMark) {
		dst.Mark = src.Mark
	}
	if src.Has(wire.HasID) {
		dst.ID = src.ID
	}
	if src.Has(wire.HasUse) {
		dst.Use = src.Use
	}
	if src.Has(wire.HasCounters) {
		dst.Counter = src.Counter
	}
	if src.Has(wire.HasStart) {
		dst.Start = src.Start
	}
	if src.Has(wire.HasStop) {
		dst.Stop = src.Stop
	}
	if src.Has(wire.HasState) {
		dst.State = src.State
	}
	if src.Has(wire.HasTCP) {
		dst.SetTCP(src.TCP())
	}
	if src.Has(wire.HasSCTP) {
		dst.SetVTags(src.VTags())
	}
	if src.Has(wire.HasLabels) {
		dst.Labels = src.Labels
	}
	if src.Has(wire.HasHelper) {
		dst.Helper = src.Helper
	}
	dst.Present |= src.Present
}
