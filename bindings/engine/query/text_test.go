package query

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// selecting is a function of a script, by its name.
func selecting(name string, want func(*field.Row) (bool, error)) Func {
	return Func{Name: name, Bind: func(context.Context) func(*field.Row) (bool, error) { return want }}
}

func every(*field.Row) (bool, error) { return true, nil }

// asked is a function that makes a column.
func asked(name string, get func(*field.Row) (field.Value, bool, error)) Added {
	return Added{Field: field.Compute(field.Field{Name: name, Kind: field.Number}, nil), Text: "function", Bind: func(context.Context) func(*field.Row) (field.Value, bool, error) { return get }}
}

func none(*field.Row) (field.Value, bool, error) { return field.Value{}, false, nil }

// verbsOf are queries of flows made with each verb, as they are typed, and what
// is known of them before they run.
func verbsOf(t *testing.T) []struct {
	text    string
	q       Query
	selects bool
	needs   string
	heavy   string
} {
	t.Helper()
	ok := must(t)
	src := New(&Flows{Spaces: []*Space{space("", &table{}, nil)}})
	count := []group.Aggregate{{Name: "n", Func: "count"}}
	sum := []group.Aggregate{{Name: "sum", Func: "sum", Of: columns(t, src, "bytes")[0].Field}}
	bySrc := ok(src.By(columns(t, src, "src"), 0).Aggregate(sum, `sum("bytes")`))
	unless := func(q Query, text string) Query { return ok(q.Unless(compiled(t, q, text))) }
	hist := ok(src.By(columns(t, src, "proto, net(dst, 24) as lan"), 0).Hist(columns(t, src, "timeout")[0]))
	return []struct {
		text    string
		q       Query
		selects bool
		needs   string
		heavy   string
	}{
		{`flows`, src, false, "", ""},
		{`flows:all_ns()`, New(&Flows{Spaces: []*Space{space("", &table{}, nil), space("b", &table{}, nil)}, Verb: ":all_ns()"}), false, "", ""},
		{`flows:table("dying")`, New(&Flows{Table: wire.TableDying}), false, "", ""},
		{`flows:where("udp and bytes > 10MB")`, where(t, src, "udp and bytes>10MB"), true, "nf_conntrack_acct", ""},
		{`flows:where("udp and dport == 53")`, where(t, where(t, src, "udp"), "dport==53"), true, "", ""},
		{`flows:where("not udp")`, unless(src, "udp"), true, "", ""},
		{`flows:where("udp and not dport == 53")`, unless(where(t, src, "udp"), "dport == 53"), true, "", ""},
		{`flows:limit(3):where("udp and not assured")`, unless(where(t, src.Limit(3), "udp"), "assured"), true, "", ""},
		{`flows:where(busy)`, src.WhereFunc(selecting("busy", every), false), true, "", ""},
		{`flows:unless(busy)`, src.WhereFunc(selecting("busy", every), true), true, "", ""},
		{`flows:where(flows:where("bytes > 1kB"))`, ok(src.In(where(t, src, "bytes > 1kB"), false)), true, "nf_conntrack_acct", ""},
		{`flows:unless(flows:where("udp"))`, ok(src.In(where(t, src, "udp"), true)), true, "", ""},
		{`(flows + flows:where("udp"))`, ok(src.Plus(where(t, src, "udp"))), false, "", ""},
		{`(flows:where("age > 1m") + flows:where("udp")):where("tcp")`, where(t, ok(where(t, src, "age > 1m").Plus(where(t, src, "udp"))), "tcp"), true, "nf_conntrack_timestamp", ""},
		{`flows:limit(3)`, src.Limit(3), false, "", ""},
		{`flows:skip(3)`, src.Skip(3), false, "", ""},
		{`flows:sample(0.01)`, src.Sample(0.01), false, "", ""},
		{`flows:distinct("src, net(dst, 24) as lan")`, src.Distinct(columns(t, src, "src,net(dst,24) as lan")), false, "", ""},
		{`flows:select("src, bytes / age as bps")`, src.Select(columns(t, src, "src, bytes/age as bps")), false, "nf_conntrack_acct", ""},
		{`flows:with{low = "min(sport, dport)", cc = function}`, ok(src.With([]Added{{Field: columns(t, src, "min(sport, dport) as low")[0].Field, Text: `"min(sport, dport)"`}, asked("cc", none)})), false, "", ""},
		{`flows:sort("-bytes, src")`, src.Sort(keysOf(t, src, "-bytes, src")), false, "nf_conntrack_acct", ""},
		{`flows:top(10, "bytes")`, src.Top(10, columns(t, src, "bytes")[0]), false, "nf_conntrack_acct", ""},
		{`flows:top(10, "-timeout")`, src.Top(10, keysOf(t, src, "-timeout")[0]), false, "", ""},
		{`flows:by("src"):sum("bytes")`, bySrc, false, "nf_conntrack_acct", "sum"},
		{`flows:by("src"):sum("bytes"):top(10, "sum")`, bySrc.Top(10, columns(t, bySrc, "sum")[0]), false, "nf_conntrack_acct", "sum"},
		{`flows:by("src"):sum("bytes"):where("sum > 10")`, where(t, bySrc, "sum > 10"), true, "nf_conntrack_acct", "sum"},
		{`flows:by("src"):sum("bytes"):select("sum")`, bySrc.Select(columns(t, bySrc, "sum")), false, "nf_conntrack_acct", ""},
		{`flows:by("src", {keys = 10}):count()`, ok(src.By(columns(t, src, "src"), 10).Aggregate(count, "count()")), false, "", "n"},
		{`flows:by("src"):keys()`, ok(src.By(columns(t, src, "src"), 0).Aggregate(nil, "keys()")), false, "", ""},
		{`flows:by("proto, net(dst, 24) as lan"):hist("timeout")`, hist, false, "", "n"},
		{`flows:hist("timeout")`, ok(src.By(nil, 0).Hist(columns(t, src, "timeout")[0])), false, "", "n"},
		{`flows:delta("2s")`, ok(src.Delta(2 * time.Second)), false, "nf_conntrack_acct", ""},
		{`flows:where("udp"):delta("1.5s"):where("rate > 1kB")`, where(t, ok(where(t, src, "udp").Delta(1500*time.Millisecond)), "rate > 1kB"), true, "nf_conntrack_acct", ""},
		{`flows:snapshot():where("bytes > 0")`, where(t, New(frozen("flows:snapshot()", nil)), "bytes > 0"), true, "", ""},
	}
}

func TestText(t *testing.T) {
	for _, c := range verbsOf(t) {
		if got := c.q.String(); got != c.text {
			t.Errorf("%s\nwant %s", got, c.text)
		}
		if c.q.Selects() != c.selects {
			t.Errorf("%s selects: %v", c.text, c.q.Selects())
		}
		if got := strings.Join(c.q.Needs(), " "); got != c.needs {
			t.Errorf("%s needs %q, want %q", c.text, got, c.needs)
		}
		if got := c.q.Heaviest(); got != c.heavy {
			t.Errorf("heaviest of %s is %q, want %q", c.text, got, c.heavy)
		}
		if bar, want := c.q.Bar(), strings.Contains(c.text, "hist("); (bar == "n") != want {
			t.Errorf("%s draws %q", c.text, bar)
		}
		calls := strings.Contains(c.text, "busy") || strings.Contains(c.text, "= function")
		if c.q.Calls() != calls {
			t.Errorf("%s calls functions: %v", c.text, c.q.Calls())
		}
	}
}

func TestGroupsText(t *testing.T) {
	src := New(frozen("flows", nil))
	g := src.By(columns(t, src, "src, dport / 2"), 5)
	if s := g.String(); s != `flows:by("src, dport / 2", {keys = 5})` || g.Query().String() != "flows" {
		t.Error(s)
	}
}

// TestParts checks what a query has decoded.
func TestParts(t *testing.T) {
	src := New(&Flows{})
	bySrc := must(t)(src.By(columns(t, src, "src"), 0).Aggregate([]group.Aggregate{{Name: "sum", Func: "sum", Of: columns(t, src, "bytes")[0].Field}}, "sum"))
	for _, c := range []struct {
		q          Query
		sink, want field.Part
	}{
		{src, 0, 0},
		{src, field.PartMark, field.PartMark},
		{where(t, src, "udp"), field.PartMark, field.PartMark | field.PartOrig},
		{src.Limit(3), 0, 0},
		{where(t, src.Limit(3), "mark == 1"), 0, field.PartMark},
		{src.Select(columns(t, src, "mark")), field.PartAll, field.PartMark},
		{bySrc, field.PartAll, field.PartOrig | field.PartCounters},
		{bySrc.Sort(keysOf(t, bySrc, "sum")), 0, field.PartOrig | field.PartCounters},
		{src.Sort(keysOf(t, src, "mark")), 0, field.PartAll},
		{src.Distinct(columns(t, src, "timeout")), 0, field.PartTimeout},
		{must(t)(src.In(src, true)), 0, field.PartOrig | field.PartReply | field.PartIdentity},
		{src.WhereFunc(selecting("f", every), false), 0, field.PartAll},
		{src.WhereFunc(Func{Name: "f", Fields: []*field.Field{columns(t, src, "mark")[0].Field}}, false), 0, field.PartMark},
	} {
		if got := c.q.Parts(c.sink); got&^field.PartCells != c.want&^field.PartCells {
			t.Errorf("%s: %b, want %b", c.q, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	_, flows := pool(t, newMaker(t, 5, 2).Rand, 30)
	src := New(frozen("s", flows))
	q := src.Skip(2).WhereFunc(selecting("f", every), false).Limit(9)
	head, tail := q.Split()
	var got []string
	pipe := tail.Pipe(context.Background(), func(r *field.Row) error { got = append(got, shown(r, true)); return nil })
	if _, err := head.Each(context.Background(), pipe.Push); err != nil || pipe.End() != nil {
		t.Fatal(err)
	}
	if want := run(t, q); differ(got, want) >= 0 || len(want) != 9 || head.Calls() || !tail.Calls() {
		t.Errorf("%d rows, want %d; %s and %s", len(got), len(want), head, tail)
	}
	if head, tail := src.Limit(3).Split(); head.String() != "s:limit(3)" || tail.String() != "s" {
		t.Errorf("%s and %s", head, tail)
	}
}

func TestSpaces(t *testing.T) {
	a, b := space("a", nil, nil), space("b", nil, nil)
	both, one := New(&Flows{Spaces: []*Space{a, b}}), New(&Flows{Spaces: []*Space{a}})
	for _, c := range []struct {
		q    Query
		want []*Space
	}{
		{both, []*Space{a, b}}, {one.Limit(1), []*Space{a}}, {must(t)(one.Plus(one)), []*Space{a}},
		{must(t)(one.Plus(both)), []*Space{a, b}}, {must(t)(one.Delta(1)), []*Space{a}},
		{New(&Frozen{Of: []*Space{b}}), []*Space{b}}, {New(&Computed{Set: field.Flow}), nil},
	} {
		s, err := c.q.Space("delete")
		if got := c.q.Spaces(); !slices.Equal(got, c.want) || (err == nil) != (len(c.want) == 1) || err == nil && s != c.want[0] {
			t.Errorf("%s: %v %v", c.q, got, err)
		}
	}
}

// TestRefused are verbs that do not apply.
func TestRefused(t *testing.T) {
	src := New(frozen("flows", nil))
	cols := src.Select(columns(t, src, "src, mark"))
	calls := src.WhereFunc(selecting("f", every), false)
	more := func(q Query, names ...string) (Query, error) {
		var list []Added
		for _, n := range names {
			list = append(list, Added{Field: field.Compute(field.Field{Name: n, Kind: field.Number}, nil)})
		}
		return q.With(list)
	}
	with := must(t)(more(src, "x"))
	for want, do := range map[string]func() (Query, error){
		"delta: only flows have rates": func() (Query, error) { return cols.Delta(1) },
		"delta: a query that is read twice cannot call functions; call them behind delta":              func() (Query, error) { return calls.Delta(1) },
		"where: one query inside another cannot call functions; take its rows first: :snapshot()":      func() (Query, error) { return src.In(calls, false) },
		"unless: one query inside another cannot call functions; take its rows first: :snapshot()":     func() (Query, error) { return src.In(calls, true) },
		"+: one query inside another cannot call functions; take its rows first: :snapshot()":          func() (Query, error) { return calls.Plus(src) },
		`where: the rows of flows are of another kind; both must be flows, or have the same columns`:   func() (Query, error) { return cols.In(src, false) },
		`+: the rows of flows:select("src") are of another kind; both must be flows, or have the same`: func() (Query, error) { return cols.Plus(src.Select(columns(t, src, "src"))) },
		`+: the rows of flows:with{x = } are of another kind; both must be flows, or have the same`:    func() (Query, error) { return src.Plus(with) },
		`with: "src" is a field already`: func() (Query, error) { return more(src, "src") },
		`with: "x" is a field already`:   func() (Query, error) { return more(with, "x") },
		`with: "y" is a field already`:   func() (Query, error) { return more(src, "y", "y") },
		`unless everything`:              func() (Query, error) { return src.Unless(filter.Filter{}) },
		`unless everything: no`:          func() (Query, error) { return src.Limit(3).Unless(filter.Filter{}) },
		`two columns are called "src"`: func() (Query, error) {
			return src.By(columns(t, src, "src"), 0).Aggregate([]group.Aggregate{{Name: "src", Func: "count"}}, "")
		},
		`hist of src: want a number`: func() (Query, error) { return src.By(nil, 0).Hist(columns(t, src, "src")[0]) },
		`two columns are called "from"`: func() (Query, error) {
			return src.By(columns(t, src, "src as from"), 0).Hist(columns(t, src, "mark")[0])
		},
		`sum of src: want a number`: func() (Query, error) {
			return src.Totals([]group.Aggregate{{Name: "s", Func: "sum", Of: columns(t, src, "src")[0].Field}})
		},
		`no flow could match`:             func() (Query, error) { return where(t, src, "udp").Where(compiled(t, src, "tcp")) },
		`the flows are not those of one`:  func() (Query, error) { _, err := src.Space("delete"); return src, err },
		`with: "mark" is a field already`: func() (Query, error) { return more(cols, "mark") },
	} {
		if q, err := do(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", q, err, want)
		}
	}
	if _, err := src.In(with, false); err != nil {
		t.Error(err) // it is the identity that counts
	}
}
