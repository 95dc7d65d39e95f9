package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// counted counts what a source delivers.
type counted struct {
	Source
	rows int
}

func (s *counted) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	return s.Source.Each(ctx, ask, func(r *field.Row) error { s.rows++; return fn(r) })
}

// TestLimitStopsTheSource counts how many rows of 100 the source delivers for
// the rows that come out.
func TestLimitStopsTheSource(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(2, 1)), 100)
	for i := range flows {
		flows[i].Mark = uint32(i)
	}
	var delivered *counted
	source := func() Query {
		delivered = &counted{Source: frozen("s", flows)}
		return New(delivered)
	}
	quiet := New(frozen("other", flows[50:]))
	for _, c := range []struct {
		name        string
		make        func(Query) Query
		source, out int
	}{
		{"limit 3", func(q Query) Query { return q.Limit(3) }, 3, 3},
		{"limit 0", func(q Query) Query { return q.Limit(0) }, 1, 0},
		{"limit -1", func(q Query) Query { return q.Limit(-1) }, 1, 0},
		{"limit 100", func(q Query) Query { return q.Limit(100) }, 100, 100},
		{"limit 1000", func(q Query) Query { return q.Limit(1000) }, 100, 100},
		{"limits", func(q Query) Query { return q.Limit(9).Limit(3).Limit(5) }, 3, 3},
		{"skip", func(q Query) Query { return q.Skip(2).Limit(3) }, 5, 3},
		{"limit, skip", func(q Query) Query { return q.Limit(5).Skip(2) }, 5, 3},
		{"where behind", func(q Query) Query { return where(t, q.Skip(0), "mark >= 10").Limit(3) }, 13, 3},
		{"function", func(q Query) Query {
			return q.WhereFunc(selecting("f", func(r *field.Row) (bool, error) { return r.Need(field.PartMark).Mark%2 == 1, nil }), false).Limit(3)
		}, 6, 3},
		{"select", func(q Query) Query { return q.Select(columns(t, q, "src")).Limit(3) }, 3, 3},
		{"with", func(q Query) Query { return must(t)(q.With([]Added{asked("x", none)})).Limit(3) }, 3, 3},
		{"distinct", func(q Query) Query { return q.Distinct(columns(t, q, "mark")).Limit(3) }, 3, 3},
		{"in", func(q Query) Query { return must(t)(q.In(quiet, false)).Limit(3) }, 53, 3},
		{"not in", func(q Query) Query { return must(t)(q.In(quiet, true)).Limit(3) }, 3, 3},
		{"plus", func(q Query) Query { return must(t)(q.Plus(quiet)).Limit(3) }, 3, 3},
		{"plus behind", func(q Query) Query { return must(t)(quiet.Plus(q)).Limit(3) }, 0, 3},
		{"plus filtered", func(q Query) Query { return where(t, must(t)(q.Plus(quiet)), "mark >= 10").Limit(3) }, 13, 3},
		{"sort", func(q Query) Query { return q.Sort(keysOf(t, q, "-mark")).Limit(3) }, 100, 3},
		{"limit, sort", func(q Query) Query { return q.Limit(3).Sort(keysOf(t, q, "-mark")) }, 3, 3},
		{"sort, limit, sort, limit", func(q Query) Query { return q.Sort(keysOf(t, q, "mark")).Limit(5).Sort(keysOf(t, q, "-mark")).Limit(3) }, 100, 3},
		{"top", func(q Query) Query { return q.Top(5, columns(t, q, "mark")[0]).Limit(3) }, 100, 3},
		{"limit, by", func(q Query) Query {
			return must(t)(q.Limit(3).By(columns(t, q, "mark"), 0).Aggregate(nil, "keys()"))
		}, 3, 3},
		{"by, limit", func(q Query) Query {
			return must(t)(q.By(columns(t, q, "mark"), 0).Aggregate(nil, "keys()")).Limit(3)
		}, 100, 3},
		{"delta", func(q Query) Query { return must(t)(q.Delta(time.Microsecond)).Limit(3) }, 103, 3},
		{"limit, delta", func(q Query) Query { return must(t)(q.Limit(3).Delta(time.Microsecond)) }, 6, 3},
	} {
		q := c.make(source())
		for range 2 { // what one run has counted is not left for the next
			delivered.rows = 0
			if n := len(run(t, q)); n != c.out || delivered.rows != c.source {
				t.Errorf("%s: %d rows of %d delivered, want %d of %d", c.name, n, delivered.rows, c.out, c.source)
			}
		}
	}
}

// TestSinkEnds ends every verb from its sink, with ErrStop and with an error of
// its own.
func TestSinkEnds(t *testing.T) {
	m := newMaker(t, 12, 120)
	own := errors.New("own")
	for _, v := range verbs {
		for _, src := range m.sources {
			p := v.then(m, m.ordered(src))
			for range 5 {
				if len(p.rows) > 2 {
					break
				}
				p = v.then(m, m.ordered(src))
			}
			for n := 1; n <= min(3, len(p.rows)); n++ {
				for _, end := range []error{conntrack.ErrStop, own} {
					calls := 0
					_, err := p.q.Each(context.Background(), func(*field.Row) error {
						if calls++; calls >= n {
							return end
						}
						return nil
					})
					want := end
					if end == conntrack.ErrStop { //nolint:errorlint // as it is passed on
						want = nil
					}
					if calls != n || err != want { //nolint:errorlint // it is passed on as it is
						t.Errorf("%s: %d calls, want %d; %v", p.q, calls, n, err)
					}
				}
			}
		}
	}
}

// TestStopEndsEveryDump ends a query that reads in several dumps, of several
// namespaces: nothing is read any more.
func TestStopEndsEveryDump(t *testing.T) {
	msgs, _ := pool(t, rand.New(rand.NewPCG(2, 3)), 300)
	own := errors.New("own")
	for _, text := range []string{"mark == 1 or mark == 2", "tcp and dport == 443", "udp", "mark == 3"} {
		for _, end := range []error{conntrack.ErrStop, own} {
			a, b := &table{msgs: msgs}, &table{msgs: msgs}
			q := where(t, New(&Flows{Spaces: []*Space{space("a", a, everything), space("b", b, everything)}}), text)
			calls := 0
			_, err := q.Each(context.Background(), func(*field.Row) error { calls++; return end })
			if calls != 1 || len(a.dumps) != 1 || len(b.dumps) != 0 || err != nil && err != own { //nolint:errorlint // it is passed on as it is
				t.Errorf("%s: %d calls, %d and %d dumps, %v", text, calls, len(a.dumps), len(b.dumps), err)
			}
			if n := len(run(t, q.Limit(1))); n != 1 || len(b.dumps) != 0 {
				t.Errorf("%s: %d rows, %d dumps of the second", text, n, len(b.dumps))
			}
		}
	}
}

// TestFunctionsFail are errors of functions, wherever they stand.
func TestFunctionsFail(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(2, 4)), 50)
	own := errors.New("own")
	for name, build := range map[string]func(Query, func() error) Query{
		"where": func(q Query, fail func() error) Query {
			return q.WhereFunc(selecting("f", func(*field.Row) (bool, error) { return true, fail() }), false)
		},
		"unless": func(q Query, fail func() error) Query {
			return q.WhereFunc(selecting("f", func(*field.Row) (bool, error) { return false, fail() }), true)
		},
		"with": func(q Query, fail func() error) Query {
			return must(t)(q.With([]Added{asked("x", func(*field.Row) (field.Value, bool, error) { return field.Value{}, true, fail() })}))
		},
		"sort, where": func(q Query, fail func() error) Query {
			return q.Sort(keysOf(t, q, "src")).WhereFunc(selecting("f", func(*field.Row) (bool, error) { return true, fail() }), false)
		},
		"where, sort": func(q Query, fail func() error) Query {
			return q.WhereFunc(selecting("f", func(*field.Row) (bool, error) { return true, fail() }), false).Sort(keysOf(t, q, "src"))
		},
	} {
		calls := 0
		src := &counted{Source: frozen("s", flows)}
		q := build(New(src), func() error {
			if calls++; calls == 3 {
				return own
			}
			return nil
		})
		rows := 0
		_, err := q.Each(context.Background(), func(*field.Row) error { rows++; return nil })
		if err != own || calls != 3 || rows > 2 || strings.HasPrefix(name, "w") && src.rows != 3 { //nolint:errorlint // it is passed on as it is
			t.Errorf("%s: %d calls, %d rows, %d delivered, %v", name, calls, rows, src.rows, err)
		}
	}
	// A query inside another fails.
	broken := New(&Computed{Name: "broken", Set: field.Flow, Rows: func(context.Context, func(*field.Row) error) error { return own }})
	src := New(frozen("s", flows))
	for _, q := range []Query{must(t)(src.In(broken, false)), must(t)(src.Plus(broken)), must(t)(broken.Delta(0)), broken.Limit(3), must(t)(src.Skip(3).In(broken, true)).Sort(keysOf(t, src, "src"))} {
		if _, err := q.Each(context.Background(), func(*field.Row) error { return nil }); err != own { //nolint:errorlint // it is passed on as it is
			t.Errorf("%s: %v", q, err)
		}
	}
	// One that is not needed is not read.
	if rows := run(t, must(t)(New(frozen("none", nil)).In(broken, false))); len(rows) != 0 {
		t.Error(rows)
	}
}

// TestCancel ends a long read from outside.
func TestCancel(t *testing.T) {
	_, flows := pool(t, rand.New(rand.NewPCG(2, 5)), 50)
	long := make([]wire.Entry, 20_000)
	for i := range long {
		long[i] = flows[i%len(flows)]
	}
	k := fake.New(fake.Options{}).Client()
	defer k.Close()
	for i := range 3000 {
		e := wire.Entry{}
		e.Orig = wire.Tuple{Src: flows[0].Orig.Src, Dst: flows[0].Orig.Dst, SrcPort: uint16(i), DstPort: 53, Family: flows[0].Orig.Family, Proto: wire.ProtoUDP}
		e.Reply, _ = e.Orig.Invert()
		e.Present, e.Timeout = wire.HasReply|wire.HasTimeout, 600
		if err := k.Do(context.Background(), &wire.Create{Entry: e}); err != nil {
			t.Fatal(err)
		}
	}
	live := New(&Flows{Spaces: []*Space{space("", k, nil)}})
	for name, q := range map[string]Query{
		"frozen": New(frozen("s", long)), "frozen, none matches": where(t, New(frozen("s", long)), "not has(src)"), "flows": live, "flows, sort": live.Sort(keysOf(t, live, "sport")),
		"frozen in": must(t)(New(frozen("s", flows)).In(New(frozen("s", long)), false)), "plus": must(t)(New(frozen("a", nil)).Plus(New(frozen("s", long)))),
		"delta": must(t)(New(frozen("s", long)).Delta(time.Hour)),
	} {
		why := fmt.Errorf("enough of %s", name)
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		rows := 0
		_, err := q.Each(ctx, func(*field.Row) error { rows++; return nil })
		if !errors.Is(err, why) && !errors.Is(err, context.Canceled) || rows > 2048 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
	}
	for name, q := range map[string]Query{"frozen": New(frozen("s", long)), "flows": live, "count": live} {
		ctx, cancel := context.WithCancel(context.Background())
		rows := 0
		_, err := q.Each(ctx, func(*field.Row) error {
			if rows++; rows == 10 {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) || rows >= 3000 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
		cancel()
	}
}
