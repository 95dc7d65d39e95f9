package query

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// ticking is a source of flows of which each reading is a second later, and of
// which all have moved a number of bytes that is theirs.
func ticking(flows []wire.Entry, netns string) *Computed {
	readings := uint64(0)
	return &Computed{Name: "flows", Set: field.Flow, Rows: func(_ context.Context, fn func(*field.Row) error) error {
		var r field.Row
		r.In(&field.World{Now: now + readings*1e9, Netns: netns})
		for i := range flows {
			e := flows[i]
			e.Counter[0].Bytes += readings * uint64(i)
			r.ResetEntry(&e)
			if err := fn(&r); err != nil {
				return err
			}
		}
		readings++
		return nil
	}}
}

func TestDelta(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(1, 1)), 200)
	number := map[wire.Tuple]int{}
	for i := range flows {
		number[flows[i].Orig] = i
	}
	rate, _ := field.Flow.Lookup("rate")
	read := func(q Query, want func(i int) bool) {
		t.Helper()
		seen := 0
		for range 2 { // a delta may be read again
			seen = 0
			if _, err := q.Each(context.Background(), func(r *field.Row) error {
				i := number[r.Need(field.PartOrig).Orig]
				v, ok := rate.Of(r)
				if ok != flows[i].Has(wire.HasCounters) || ok && v.Num != float64(i) {
					t.Errorf("%s: %s moves %v bytes a second (%v), want %d", q, flows[i].Orig, v.Num, ok, i)
				}
				if !want(i) {
					t.Errorf("%s selects a flow of %d bytes a second", q, i)
				}
				seen++
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if seen == 0 {
			t.Errorf("%s selects nothing", q)
		}
	}
	udp := func(i int) bool { return flows[i].Orig.Proto == wire.ProtoUDP }
	fast := func(i int) bool { return flows[i].Has(wire.HasCounters) && i > 100 }
	all := must(t)(New(ticking(flows, "")).Delta(time.Microsecond))
	read(all, func(int) bool { return true })
	read(where(t, all, "rate > 100"), fast)
	read(must(t)(where(t, New(ticking(flows, "")), "udp").Delta(time.Microsecond)), udp)
	read(where(t, all, "rate > 100").Sort(keysOf(t, all, "-rate")), fast)

	// The columns before stay, and the flows are flows.
	two := must(t)(New(ticking(flows, "")).With([]Added{{Field: columns(t, all, "dport + 1 as next")[0].Field, Text: `"dport + 1"`}}))
	two = must(t)(two.Delta(time.Microsecond))
	if !two.IsFlows() {
		t.Error("a delta of flows with a column is no flows")
	}
	read(two.Sort(keysOf(t, two, "next, -rate")), func(int) bool { return true })
	if q := two.Select(columns(t, two, "next, rate")); len(run(t, q)) != len(flows) {
		t.Error("the column is lost")
	}
}

// TestDeltaBySpace reads namespaces that have flows of the same tuples.
func TestDeltaBySpace(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(1, 2)), 50)
	for i := range flows {
		flows[i].Present |= wire.HasCounters
	}
	other := make([]wire.Entry, len(flows))
	for i := range flows {
		other[i] = flows[i]
		other[i].Counter[0].Bytes += 1_000_000
	}
	a, b := ticking(flows, "a"), ticking(other, "b")
	both := &Computed{Name: "flows", Set: field.Flow, Rows: func(ctx context.Context, fn func(*field.Row) error) error {
		if err := a.Rows(ctx, fn); err != nil {
			return err
		}
		return b.Rows(ctx, fn)
	}}
	rate, _ := field.Flow.Lookup("rate")
	n := 0
	if _, err := must(t)(New(both).Delta(time.Microsecond)).Each(context.Background(), func(r *field.Row) error {
		if v, ok := rate.Of(r); !ok || v.Num != float64(n%len(flows)) {
			t.Errorf("row %d of %s: %v bytes a second (%v)", n, r.World().Netns, v.Num, ok)
		}
		n++
		return nil
	}); err != nil || n != 2*len(flows) {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestDeltaEnds(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(1, 3)), 10)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("no time")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	start := time.Now()
	_, err := must(t)(New(frozen("s", flows)).Delta(time.Hour)).Each(ctx, func(*field.Row) error { t.Error("a row"); return nil })
	if !errors.Is(err, why) || time.Since(start) > time.Minute {
		t.Errorf("%v", err)
	}
}

func TestSnapshot(t *testing.T) {
	m := newMaker(t, 3, 200)
	for range 30 {
		for _, p := range m.sources {
			p = m.ordered(m.where(p))
			s, err := p.q.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(p.rows) > 0 && s.Taken() != now {
				t.Errorf("taken at %d", s.Taken())
			}
			pair{New(&Frozen{Name: p.q.String() + ":snapshot()", Snap: s}), p.rows}.check(t)
		}
	}
	if s, err := New(frozen("none", nil)).Snapshot(context.Background()); err != nil || s.Len() != 0 || s.Taken() == 0 {
		t.Errorf("of nothing: %v", err)
	}
}

func TestSample(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(1, 4)), 2000)
	all := run(t, New(frozen("s", flows)))
	for _, share := range []float64{0, 0.01, 0.3, 1} {
		q := New(frozen("s", flows)).Sample(share)
		n := 0
		for range 10 {
			list, i := run(t, q), 0
			for _, row := range list {
				for ; i < len(all) && all[i] != row; i++ {
				}
				if i == len(all) {
					t.Fatalf("%v: %s is not there, or out of order", share, row)
				}
			}
			n += len(list)
		}
		total := float64(10 * len(all))
		if off := math.Abs(float64(n) - share*total); off > 6*math.Sqrt(share*(1-share)*total) {
			t.Errorf("%v: %d rows of %v", share, n, total)
		}
	}
}

// TestNotes makes groups that are cut: whoever runs the query is told, also of
// a query inside it.
func TestNotes(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(1, 5)), 500)
	src := New(frozen("s", flows))
	cut := must(t)(src.By(columns(t, src, "sport, dport, src, dst"), 10).Aggregate([]group.Aggregate{{Name: "n", Func: "count"}}, "count()"))
	whole := must(t)(src.By(columns(t, src, "sport, dport, src, dst"), 0).Aggregate([]group.Aggregate{{Name: "n", Func: "count"}}, "count()"))
	for _, c := range []struct {
		name string
		q    Query
		want int
	}{
		{"all", whole, 0},
		{"some", cut, 1},
		{"limit", cut.Limit(3), 1},
		{"in", must(t)(whole.In(cut, false)), 1},
		{"plus", must(t)(whole.Plus(cut)), 1},
		{"plus of both", must(t)(cut.Plus(cut)), 2},
		{"delta", must(t)(must(t)(src.In(src, false)).Delta(time.Microsecond)), 0},
	} {
		rep, err := c.q.Each(context.Background(), func(*field.Row) error { return nil })
		if err != nil || len(rep.Notes) != c.want {
			t.Errorf("%s: %d notes, want %d (%v)", c.name, len(rep.Notes), c.want, err)
		}
		for _, note := range rep.Notes {
			if !strings.Contains(note, "only the heaviest groups were kept") {
				t.Errorf("%s: %s", c.name, note)
			}
		}
	}
	big := make([]wire.Entry, 5000)
	for i := range big {
		big[i] = flows[0]
		big[i].ID, big[i].Present = uint32(i*7919), big[i].Present|wire.HasID
	}
	ids := New(frozen("s", big))
	rep, err := must(t)(ids.Totals([]group.Aggregate{{Name: "u", Func: "uniq", Of: columns(t, ids, "id")[0].Field}})).Each(context.Background(), func(*field.Row) error { return nil })
	if err != nil || len(rep.Notes) != 1 || !strings.HasPrefix(rep.Notes[0], "u: estimated") {
		t.Errorf("%v %v", rep.Notes, err)
	}
}
