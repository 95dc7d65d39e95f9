package snapshot

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// counted is flow 1 with an id, a start in seconds (0 is unknown) and
// counters: half of them in each direction.
func counted(id uint32, start float64, packets, bytes uint64) *wire.Entry {
	e := numbered(1)
	e.ID, e.Start = id, uint64(start*1e9)
	if start == 0 {
		e.Present &^= wire.HasStart
	}
	e.Counter = [2]wire.Counters{{Packets: packets / 2, Bytes: bytes / 2}, {Packets: packets - packets/2, Bytes: bytes - bytes/2}}
	return e
}

// without takes parts of a flow away.
func without(e *wire.Entry, p wire.Present) *wire.Entry {
	e.Present &^= p
	return e
}

func TestDelta(t *testing.T) {
	none := field.Rates{Bytes: -1}
	oneDown := counted(1, 5, 20, 2000)
	oneDown.Counter[wire.Reply].Bytes = 999 // of 1000, while the sum grows
	oneDown.Counter[wire.Original].Bytes = 3001
	for name, c := range map[string]struct {
		before     *wire.Entry
		after      *wire.Entry
		from, till float64 // the times of the looks
		want       field.Rates
	}{
		"moves":                               {counted(1, 5, 20, 2000), counted(1, 5, 40, 7000), 10, 12, field.Rates{Packets: 10, Bytes: 2500}},
		"moves, without timestamps":           {counted(1, 0, 20, 2000), counted(1, 0, 40, 7000), 10, 12, field.Rates{Packets: 10, Bytes: 2500}},
		"moves, half a second":                {counted(1, 5, 20, 2000), counted(1, 5, 21, 2100), 10, 10.5, field.Rates{Packets: 2, Bytes: 200}},
		"moves, timestamp of one look":        {counted(1, 5, 20, 2000), counted(1, 0, 40, 7000), 10, 12, field.Rates{Packets: 10, Bytes: 2500}},
		"moves, id of one look":               {counted(1, 5, 20, 2000), without(counted(2, 5, 40, 7000), wire.HasID), 10, 12, field.Rates{Packets: 10, Bytes: 2500}},
		"rests":                               {counted(1, 5, 20, 2000), counted(1, 5, 20, 2000), 10, 12, field.Rates{}},
		"new":                                 {nil, counted(1, 11, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"new, without timestamps":             {nil, counted(1, 0, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"not read before though it was there": {nil, counted(1, 8, 20, 2000), 10, 12, field.Rates{Packets: 5, Bytes: 500}},
		"born while the first was read":       {counted(1, 11, 2, 200), counted(1, 11, 20, 2000), 10, 12, field.Rates{Packets: 9, Bytes: 900}},
		"born while the second was read":      {nil, counted(1, 12.5, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"another start":                       {counted(1, 5, 2, 200), counted(1, 11, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"another start, long ago":             {counted(1, 5, 2, 200), counted(1, 6, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"another id":                          {counted(1, 0, 2, 200), counted(2, 0, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"counters fell":                       {counted(1, 0, 200, 20000), counted(1, 0, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"packets fell":                        {counted(1, 0, 200, 2000), counted(1, 0, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"one direction fell":                  {counted(1, 0, 20, 2000), without(oneDown, wire.HasStart), 10, 12, field.Rates{Packets: 10, Bytes: 2000}},
		"counters were reset":                 {counted(1, 5, 200, 20000), counted(1, 5, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"counters wrapped":                    {counted(1, 5, 20, 1<<64-1), counted(1, 5, 40, 2000), 10, 12, field.Rates{Packets: 20, Bytes: 1000}},
		"no counters":                         {counted(1, 5, 2, 200), without(counted(1, 5, 20, 2000), wire.HasCounters), 10, 12, none},
		"no counters before":                  {without(counted(1, 5, 2, 200), wire.HasCounters), counted(1, 5, 20, 2000), 10, 12, none},
		"no counters before, born since":      {without(counted(1, 11, 2, 200), wire.HasCounters), counted(1, 11, 20, 2000), 10, 12, field.Rates{Packets: 10, Bytes: 1000}},
		"no time passed":                      {counted(1, 5, 2, 200), counted(1, 5, 20, 2000), 10, 10, none},
		"no time passed, new":                 {nil, counted(1, 10, 20, 2000), 10, 10, none},
		"no time passed, not read before":     {nil, counted(1, 8, 20, 2000), 10, 10, field.Rates{Packets: 10, Bytes: 1000}},
		"clock set back":                      {counted(1, 5, 2, 200), counted(1, 5, 20, 2000), 10, 7, none},
		"clock set back, new":                 {nil, counted(1, 6, 20, 2000), 10, 7, field.Rates{Packets: 20, Bytes: 2000}},
		"clock set back, new before it":       {nil, counted(1, 11, 20, 2000), 10, 7, none},
		"clock set back, new, no timestamps":  {nil, counted(1, 0, 20, 2000), 10, 7, none},
		"clock set back before both":          {counted(1, 95, 2, 200), counted(1, 95, 20, 2000), 10, 12, field.Rates{Packets: 9, Bytes: 900}},
	} {
		if name == "counters wrapped" { // the sum of both directions wraps, neither does
			c.after.Counter[0].Packets, c.after.Counter[1].Packets = 20, 20
		}
		t.Run(name, func(t *testing.T) {
			before := New(at(c.from))
			if c.before != nil {
				before = taken(c.from, c.before)
			}
			rows := 0
			check := func(r *field.Row) error {
				rows++
				got := r.Rates()
				switch {
				case got == nil && c.want != none:
					t.Errorf("no rates, want %+v", c.want)
				case got != nil && *got != c.want:
					t.Errorf("rates %+v, want %+v", *got, c.want)
				}
				return nil
			}
			if err := Delta(before, taken(c.till, c.after), check); err != nil || rows != 1 {
				t.Errorf("%d rows, error %v", rows, err)
			}
			// And of a message that is read now, of which little was decoded.
			if c.after.Has(wire.HasID) {
				var v wire.View
				if err := v.Reset(message(t, c.after)); err != nil {
					t.Fatal(err)
				}
				var r field.Row
				r.Reset(&v)
				r.In(at(c.till))
				r.SetRates(&field.Rates{Bytes: 77}) // of another look
				before.Rate(&r)
				_ = check(&r)
			}
		})
	}
}

// TestRatesSum compares the bytes that the rates of many flows tell with what
// the flows moved.
func TestRatesSum(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	before, after := New(at(10)), New(at(14))
	var row field.Row
	var want, got uint64
	for i := range 3000 {
		e := numbered(i)
		if i%5 != 0 {
			row.ResetEntry(e)
			before.Add(&row)
		}
		n := uint64(r.IntN(100)) * 4
		e.Counter[wire.Reply].Bytes += n
		want += n
		if i%5 == 0 {
			e.Present &^= wire.HasStart
			want += 21000
		}
		if i%7 != 0 {
			row.ResetEntry(e)
			after.Add(&row)
			continue
		}
		want -= n
		if i%5 == 0 {
			want -= 21000
		}
	}
	var kept []field.Row
	if err := Delta(before, after, func(r *field.Row) error { kept = append(kept, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range kept { // rates of a copied row do not change with the next row
		got += uint64(kept[i].Rates().Bytes * 4)
	}
	if got != want || len(kept) != after.Len() {
		t.Errorf("%d flows moved %d bytes, want %d flows and %d", len(kept), got, after.Len(), want)
	}
}

// TestDeltaOrder tells the rates of flows in the order of the first reading, in
// which each is found after the other, and in any order.
func TestDeltaOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var before, after []*wire.Entry
	for i := range 2000 {
		e := numbered(i)
		if r.IntN(10) > 0 {
			before = append(before, e)
		}
		next := *e
		next.Counter[0].Bytes += uint64(r.IntN(1000))
		if r.IntN(10) == 0 {
			next.ID++
		}
		if r.IntN(10) > 0 {
			after = append(after, &next)
		}
	}
	read := func(before, after *Snapshot) map[uint32]field.Rates {
		m := map[uint32]field.Rates{}
		for range 2 { // the second time there is an index
			clear(m)
			_ = Delta(before, after, func(r *field.Row) error { m[r.Need(field.PartIdentity).ID] = *r.Rates(); return nil })
		}
		return m
	}
	want := read(taken(10, before...), taken(12, after...))
	r.Shuffle(len(after), func(i, j int) { after[i], after[j] = after[j], after[i] })
	if got := read(taken(10, before...), taken(12, after...)); !maps.Equal(got, want) || len(got) != len(after) {
		t.Errorf("%d flows in order have not the rates of %d in another", len(want), len(got))
	}
}

// TestDeltaOfOneReadTwice has two generations of a flow in one reading. Those
// that stay alone are found in order, without an index.
func TestDeltaOfOneReadTwice(t *testing.T) {
	before := taken(10, numbered(2), counted(1, 5, 20, 2000), counted(2, 6, 10, 1000), numbered(3))
	rates := func(after *Snapshot) (list []field.Rates) {
		_ = Delta(before, after, func(r *field.Row) error { list = append(list, *r.Rates()); return nil })
		return list
	}
	for range 2 {
		if got := rates(taken(12, numbered(2))); !slices.Equal(got, []field.Rates{{}}) || before.index != nil {
			t.Errorf("rates %+v, index %v", got, before.index)
		}
	}
	for range 2 {
		got := rates(taken(12, numbered(2), counted(2, 6, 20, 3000), numbered(3)))
		if want := []field.Rates{{}, {Bytes: 1000, Packets: 5}, {}}; !slices.Equal(got, want) {
			t.Errorf("rates %+v, want %+v", got, want)
		}
	}
}

// TestRateStreams reads a table again and again: no index is made while all
// flows come in order.
func TestRateStreams(t *testing.T) {
	before, later := taken(10, numbered(1), numbered(2), numbered(3)), taken(12, numbered(1), numbered(2), numbered(3))
	for range 3 {
		if err := later.Each(func(r *field.Row) error { before.Rate(r); return nil }); err != nil || before.index != nil {
			t.Errorf("index %v, error %v", before.index, err)
		}
	}
}

func TestDeltaEnds(t *testing.T) {
	s, broken := taken(1, numbered(1), numbered(2)), errors.New("broken")
	if err := Delta(s, s, func(*field.Row) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if err := Delta(s, s, func(*field.Row) error { return conntrack.ErrStop }); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestRateWithoutTime(t *testing.T) {
	var r field.Row
	r.ResetEntry(numbered(1))
	taken(1).Rate(&r)
	if r.Rates() != nil {
		t.Error("a row without a world has rates")
	}
	r.In(at(9))
	New(nil).Rate(&r)
	if r.Rates() != nil {
		t.Error("a row has rates against a snapshot without a time")
	}
}
