package query

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// views is a kernel that hands out messages in place, n flows a dump.
type views struct {
	conntrack.Kernel
	list []wire.View
	n    int
}

func newViews(tb testing.TB, n int) *views {
	msgs, _ := pool(tb, rand.New(rand.NewPCG(5, 5)), 1024)
	k := &views{list: make([]wire.View, len(msgs)), n: n}
	for i := range msgs {
		if err := k.list[i].Reset(msgs[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return k
}

func (k *views) Dump(_ context.Context, _ *wire.Dump, _ conntrack.DumpOptions, fn func(*wire.View) error) (conntrack.DumpResult, error) {
	for i := range k.n {
		if err := fn(&k.list[i&1023]); err != nil {
			return conntrack.DumpResult{Flows: i}, unstopped(err)
		}
	}
	return conntrack.DumpResult{Flows: k.n}, nil
}

func (k *views) Count(context.Context) (wire.Totals, error) { return wire.Totals{}, nil }

// measured are the queries that are measured, and what they may take for a row
// once all that they hold is there.
func measured(tb testing.TB, k conntrack.Kernel) []struct {
	name string
	q    Query
} {
	ok := must(tb)
	src := New(&Flows{Spaces: []*Space{{Kernel: k}}})
	sum := ok(src.By(columns(tb, src, "src"), 0).Aggregate([]group.Aggregate{{Name: "sum", Func: "sum", Of: columns(tb, src, "bytes")[0].Field}}, "sum"))
	return []struct {
		name string
		q    Query
	}{
		{"nothing", src},
		{"filter", where(tb, src, "tcp and dport == 443 and src in 10.0.0.0/8")},
		{"filter behind", where(tb, src.Skip(0), "tcp and dport == 443 and src in 10.0.0.0/8")},
		{"limit", src.Limit(1 << 30)},
		{"select", src.Select(columns(tb, src, "src, dport, bytes"))},
		{"with", ok(src.With([]Added{{Field: columns(tb, src, "dport + 1 as next")[0].Field}}))},
		{"by sum", sum},
		{"by sum, top 10", sum.Top(10, columns(tb, sum, "sum")[0])},
		{"totals", ok(src.Totals([]group.Aggregate{{Name: "n", Func: "count"}}))},
		{"distinct", src.Distinct(columns(tb, src, "src"))},
		{"top 10", src.Top(10, columns(tb, src, "bytes")[0])},
		{"unless", ok(src.In(src.Limit(1000), true))},
		{"sort", src.Sort(keysOf(tb, src, "-bytes"))},
	}
}

// TestRowsAllocateNothing pushes rows through stages that have seen them all
// once.
func TestRowsAllocateNothing(t *testing.T) {
	k := newViews(t, 1024)
	for _, c := range measured(t, k) {
		if c.name == "sort" || c.name == "nothing" {
			continue // it holds all
		}
		var row field.Row
		p := c.q.Pipe(context.Background(), func(*field.Row) error { return nil })
		i, pushed := 0, 0
		push := func() {
			row.Reset(&k.list[i&1023])
			if i++; c.q.filter.Match(&row) != filter.True {
				return
			}
			pushed++
			if err := p.Push(&row); err != nil {
				t.Fatal(err)
			}
		}
		for range 2048 {
			push()
		}
		if n := testing.AllocsPerRun(2048, push); n != 0 || pushed < 100 {
			t.Errorf("%s: %v allocations a row of %d", c.name, n, pushed)
		}
	}
}

// BenchmarkRow runs whole queries over a table of 64k flows; ns/row counts.
func BenchmarkRow(b *testing.B) {
	const n = 1 << 16
	k := newViews(b, n)
	for _, c := range measured(b, k) {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.q.Each(context.Background(), func(*field.Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
