package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var flows []*wire.Entry
	for range 3*pageLen + 7 {
		flows = append(flows, random(r))
	}
	s := taken(9, flows...)
	if s.Len() != len(flows) || s.Taken() != 9*second {
		t.Fatalf("%d flows of %d, taken at %d", s.Len(), len(flows), s.Taken())
	}
	if s.extras.n == 0 || s.extras.n > len(flows)*6/10 {
		t.Errorf("%d of %d flows have something kept beside", s.extras.n, len(flows))
	}
	for i, e := range entries(t, s) {
		if !reflect.DeepEqual(e, flows[i]) {
			t.Fatalf("flow %d was\n%+v\nand is\n%+v", i, flows[i], e)
		}
		var row field.Row
		row.ResetEntry(flows[r.IntN(len(flows))]) // nothing of it may stay
		s.At(i, &row)
		if !reflect.DeepEqual(row.Need(field.PartAll), flows[i]) || row.World().Now != 9*second {
			t.Fatalf("At(%d) is\n%+v\nof\n%+v", i, row.Need(field.PartAll), flows[i])
		}
	}
}

// TestRoundTripWhole fails when wire.Entry gets a field that is lost here.
func TestRoundTripWhole(t *testing.T) {
	e := numbered(1)
	e.Present = 1<<19 - 1 // all, HasReply is the last
	e.Stop, e.Mark, e.Labels, e.Master = 6*second, 3, wire.Labels{1, 2}, numbered(2).Orig
	e.SeqAdj = [2]wire.SeqAdj{{Correction: 1, Before: 2, After: 3}, {Correction: 4, Before: 5, After: 6}}
	e.SynProxy = wire.SynProxy{ISN: 1, ITS: 2, TSOff: 3}
	e.SecCtx, e.Helper, e.HelpInfo, e.EventAt = "context", "ftp", []byte{1}, 7*second
	e.Flow.Helper = wire.InternHelper([]byte(e.Helper))
	for _, v := range []reflect.Value{reflect.ValueOf(*e), reflect.ValueOf(e.Flow)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is new: set it here", v.Type().Field(i).Name)
			}
		}
	}
	later := numbered(2) // a flow without all of that, after one that has it
	got := entries(t, taken(9, e, later))
	if !reflect.DeepEqual(got, []*wire.Entry{e, later}) {
		t.Errorf("%+v and %+v became\n%+v and %+v", e, later, got[0], got[1])
	}
}

func TestHelperBeyondNumbers(t *testing.T) {
	e := numbered(1)
	e.Present |= wire.HasHelper
	e.Flow.Helper, e.Helper = wire.HelperOther, "the 255th"
	if got := entries(t, taken(1, e))[0]; got.Helper != "the 255th" {
		t.Errorf("helper %q", got.Helper)
	}
}

// TestAddOfMessage compares flows that are read from a message with what the
// message says.
func TestAddOfMessage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	more := map[string][]byte{
		"nothing":        nil,
		"context":        attr(wire.AttrSecCtx, attr(1, []byte("system_u:x\x00"))),
		"helper":         attr(wire.AttrHelp, attr(1, []byte("ftp\x00"))),
		"data of helper": attr(wire.AttrHelp, attr(1, []byte("ftp\x00")), attr(2, []byte{1, 2, 3, 4})),
		"event time":     attr(wire.AttrEventTime, binary.BigEndian.AppendUint64(nil, 77)),
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		for range 100 {
			e := random(r)
			if e.Timeout == 0 {
				e.Timeout = 1
			}
			e.HelpInfo = nil
			var v wire.View
			if err := v.Reset(message(t, e, more[name])); err != nil {
				t.Fatal(err)
			}
			var want wire.Entry
			v.Entry(&want)
			for _, part := range []field.Part{field.PartNone, field.PartOrig | field.PartCounters, field.PartAll} {
				var row field.Row
				row.Reset(&v)
				row.Need(part)
				s := New(nil)
				s.Add(&row)
				if got := entries(t, s)[0]; !reflect.DeepEqual(got, &want) {
					t.Fatalf("with %s, decoded %b: kept\n%+v\nof\n%+v", name, part, got, &want)
				}
			}
		}
	}
}

func TestWorld(t *testing.T) {
	w := at(3)
	w.Netns = "red"
	s := New(w)
	var r field.Row
	r.ResetEntry(numbered(1))
	s.Add(&r)
	w.Now, w.Netns = 9*second, "blue"
	_ = s.Each(func(r *field.Row) error {
		if got := r.World(); got.Now != 3*second || got.Netns != "red" {
			t.Errorf("a row is of %+v", got)
		}
		return nil
	})
	if none := New(nil); none.Taken() != 0 || none.Len() != 0 {
		t.Errorf("without a world: taken at %d, %d flows", none.Taken(), none.Len())
	}
}

func TestEachEnds(t *testing.T) {
	s := taken(1, numbered(1), numbered(2), numbered(3))
	broken := errors.New("broken")
	for _, c := range []struct{ give, want error }{
		{nil, nil}, {broken, broken}, {conntrack.ErrStop, nil}, {fmt.Errorf("enough: %w", conntrack.ErrStop), nil},
	} {
		n := 0
		err := s.Each(func(*field.Row) error {
			if n++; n == 2 {
				return c.give
			}
			return nil
		})
		if want := map[bool]int{true: 3, false: 2}[c.give == nil]; !errors.Is(err, c.want) || c.want == nil && err != nil || n != want {
			t.Errorf("%v: %d rows and %v", c.give, n, err)
		}
	}
}

func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 2, 3, 100, 2000} {
		type place struct {
			orig  wire.Tuple
			reply uint16
		}
		of := func(f *wire.Flow) place {
			if !f.Has(wire.HasReply) {
				return place{f.Orig, f.Orig.Zone}
			}
			return place{f.Orig, f.Reply.Zone}
		}
		s, want := New(nil), map[place]int{}
		var row field.Row
		one := func() *wire.Entry {
			e := random(r)
			switch r.IntN(6) {
			case 0:
				e.Reply.Zone = 5
			case 1:
				e.Reply, e.Present = wire.Tuple{}, e.Present&^wire.HasReply
			}
			return e
		}
		for i := range n {
			e := one()
			row.ResetEntry(e)
			s.Add(&row)
			want[of(&e.Flow)] = i
		}
		missed := 0
		for range 3000 {
			e := one()
			i, ok := s.Find(&e.Flow)
			wantI, wantOK := want[of(&e.Flow)]
			if ok != wantOK || ok && i != wantI {
				t.Fatalf("of %d flows: %v zone %d found at %d %v, want %d %v", n, e.Orig, e.Reply.Zone, i, ok, wantI, wantOK)
			}
			if !ok {
				missed++
			}
		}
		if missed == 0 || missed == 3000 && n > 10 {
			t.Errorf("of %d flows: %d of 3000 missed", n, missed)
		}
		e := numbered(1) // an Add after Find is found too
		row.ResetEntry(e)
		s.Add(&row)
		if i, ok := s.Find(&e.Flow); !ok || i != n {
			t.Errorf("flow %d is found at %d %v", n, i, ok)
		}
	}
}
