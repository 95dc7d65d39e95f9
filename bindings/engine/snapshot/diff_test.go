package snapshot

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*wire.Entry)
		want   []string
	}{
		"nothing":        {func(*wire.Entry) {}, nil},
		"traffic":        {func(e *wire.Entry) { e.Counter[0].Bytes++; e.Counter[1].Packets++; e.Timeout--; e.Use++ }, nil},
		"no counters":    {func(e *wire.Entry) { e.Present &^= wire.HasCounters | wire.HasTimeout | wire.HasUse }, nil},
		"event time":     {func(e *wire.Entry) { e.Present |= wire.HasEventTime; e.EventAt = 7 }, nil},
		"mark":           {func(e *wire.Entry) { e.Mark = 7 }, []string{"mark"}},
		"mark unknown":   {func(e *wire.Entry) { e.Present &^= wire.HasMark }, []string{"mark"}},
		"state":          {func(e *wire.Entry) { e.State = 7 }, []string{"state"}},
		"assured":        {func(e *wire.Entry) { e.Status |= wire.StatusAssured }, []string{"assured", "status"}},
		"labels":         {func(e *wire.Entry) { e.Labels[1] = 1; e.Present |= wire.HasLabels }, []string{"labels"}},
		"reply":          {func(e *wire.Entry) { e.Reply.Dst[15]++; e.Reply.DstPort = 9 }, []string{"rdst", "rdport"}},
		"context":        {func(e *wire.Entry) { e.SecCtx = "other" }, []string{"secctx"}},
		"context gone":   {func(e *wire.Entry) { e.SecCtx = ""; e.Present &^= wire.HasSecCtx }, []string{"secctx"}},
		"master":         {func(e *wire.Entry) { e.Master = numbered(3).Orig }, []string{"master"}},
		"helper":         {func(e *wire.Entry) { e.Flow.Helper = wire.InternHelper([]byte("tftp")); e.Helper = "tftp" }, []string{"helper"}},
		"end":            {func(e *wire.Entry) { e.Stop = 8 * second; e.Present |= wire.HasStop }, []string{"stop"}},
		"window scaling": {func(e *wire.Entry) { e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 9}, Flags: e.TCP().Flags}) }, []string{"wscale_reply"}},
	} {
		before, after := whole(), whole()
		c.change(after)
		if got := Changes(before, after); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := Changes(after, before); !slices.Equal(got, c.want) {
			t.Errorf("%s, the other way round: %v, want %v", name, got, c.want)
		}
		added, removed, changed := Diff(taken(1, before), taken(2, after))
		if added.Len() != 0 || removed.Len() != 0 || changed.Len() != min(1, len(c.want)) {
			t.Errorf("%s: %d added, %d removed, %d changed", name, added.Len(), removed.Len(), changed.Len())
		} else if changed.Len() == 1 && !reflect.DeepEqual(entries(t, changed)[0], after) {
			t.Errorf("%s: changed is %+v", name, entries(t, changed)[0])
		}
	}
}

// whole is a flow with a master, a context and a helper.
func whole() *wire.Entry {
	e := numbered(1)
	e.Present |= wire.HasMaster | wire.HasSecCtx | wire.HasHelper
	e.Master, e.SecCtx, e.Helper = numbered(2).Orig, "context", "ftp"
	e.Flow.Helper = wire.InternHelper([]byte("ftp"))
	return e
}

// TestChangesComplete fails when a field is left out that is no traffic.
func TestChangesComplete(t *testing.T) {
	var left []string
	for _, f := range field.Flow.Whole() {
		if !slices.ContainsFunc(compared(), func(c comparedField) bool { return c.name == f.Name }) {
			left = append(left, f.Name)
		}
	}
	if want := []string{"bytes", "packets", "obytes", "opackets", "rbytes", "rpackets", "timeout", "use"}; !slices.Equal(left, want) {
		t.Errorf("not compared: %v, want %v", left, want)
	}
}

func TestDiffRecreated(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*wire.Entry)
		is     bool
	}{
		"id":            {func(e *wire.Entry) { e.ID++ }, true},
		"start":         {func(e *wire.Entry) { e.Start++ }, true},
		"start unknown": {func(e *wire.Entry) { e.Start = 0; e.Present &^= wire.HasStart }, false},
		"id unknown":    {func(e *wire.Entry) { e.ID = 0; e.Present &^= wire.HasID }, false},
	} {
		before, after := numbered(1), numbered(1)
		c.change(after)
		added, removed, _ := Diff(taken(1, before), taken(2, after))
		if is := added.Len() == 1 && removed.Len() == 1; is != c.is {
			t.Errorf("%s: %d added, %d removed", name, added.Len(), removed.Len())
		}
	}
}

// TestDiffAgainstNaive compares with maps, on flows of which many collide and
// some are told twice.
func TestDiffAgainstNaive(t *testing.T) {
	type place struct {
		orig wire.Tuple
		zone uint16
	}
	r := rand.New(rand.NewPCG(9, 10))
	var sizes [3]int
	for range 300 {
		var before, after []*wire.Entry
		for range r.IntN(60) {
			e := random(r)
			e.ID = uint32(r.IntN(2))
			before = append(before, e)
		}
		for _, e := range before {
			next := *e
			switch r.IntN(7) {
			case 0:
				continue
			case 1:
				next.Mark++
			case 2:
				next.ID++
			case 3:
				next.Timeout, next.Counter[0].Bytes = 7, 7
			case 4:
				next.SecCtx, next.Present = "next", next.Present|wire.HasSecCtx
			}
			after = append(after, &next)
		}
		for range r.IntN(20) {
			after = append(after, random(r))
		}
		r.Shuffle(len(after), func(i, j int) { after[i], after[j] = after[j], after[i] })

		index := func(list []*wire.Entry) map[place]*wire.Entry {
			m := map[place]*wire.Entry{}
			for _, e := range list {
				m[place{e.Orig, e.Reply.Zone}] = e
			}
			return m
		}
		was, is := index(before), index(after)
		again := func(a, b *wire.Entry) bool {
			return a.ID != b.ID || a.Has(wire.HasStart) && b.Has(wire.HasStart) && a.Start != b.Start
		}
		var want [3][]*wire.Entry
		for _, e := range after {
			k := place{e.Orig, e.Reply.Zone}
			old := was[k]
			switch {
			case is[k] != e:
			case old == nil || again(old, e):
				want[0] = append(want[0], e)
			case len(Changes(old, e)) > 0:
				want[2] = append(want[2], e)
			}
		}
		for _, e := range before {
			k := place{e.Orig, e.Reply.Zone}
			if was[k] == e && (is[k] == nil || again(e, is[k])) {
				want[1] = append(want[1], e)
			}
		}

		var got [3]*Snapshot
		got[0], got[1], got[2] = Diff(taken(1, before...), taken(2, after...))
		for i, name := range []string{"added", "removed", "changed"} {
			if list := entries(t, got[i]); !reflect.DeepEqual(list, want[i]) {
				t.Fatalf("%s: %d flows, want %d", name, len(list), len(want[i]))
			}
			sizes[i] += got[i].Len()
		}
		if got[0].Taken() != 2*second || got[1].Taken() != second || got[2].Taken() != 2*second {
			t.Fatal("a result has the time of the other snapshot")
		}
	}
	if min(sizes[0], sizes[1], sizes[2]) < 500 {
		t.Errorf("only %v flows were added, removed and changed", sizes)
	}
}
