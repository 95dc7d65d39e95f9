package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// pair is a query and what its rows must be.
type pair struct {
	q    Query
	rows rows
}

// check runs the query and compares.
func (p pair) check(t *testing.T) {
	t.Helper()
	got, want := run(t, p.q), p.rows.shown(p.q.IsFlows())
	if i := differ(got, want); i >= 0 {
		at := func(l []string) string {
			if i < len(l) {
				return l[i]
			}
			return "nothing"
		}
		t.Fatalf("%s\n%d rows, want %d; row %d is\n%s\nwant\n%s", p.q, len(got), len(want), i, at(got), at(want))
	}
}

// differ is the first place where two lists do, -1 for none.
func differ(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// maker makes verbs at random for one source.
type maker struct {
	*testing.T
	*rand.Rand
	sources []pair // flows, in different sources
	names   int
}

func newMaker(t *testing.T, seed uint64, n int) *maker {
	m := &maker{T: t, Rand: rand.New(rand.NewPCG(seed, 7))}
	msgs, flows := pool(t, m.Rand, n)
	half, later := flows[:n/2], flows[n/3:]
	list := func(src Source, flows []wire.Entry) { m.sources = append(m.sources, pair{New(src), held(flows)}) }
	list(frozen("frozen", flows), flows)
	list(frozen("half", half), half)
	list(computed("computed", flows), flows)
	list(computed("later", later), later)
	list(&Flows{Spaces: []*Space{space("", &table{msgs: msgs}, nil)}}, flows)
	list(&Flows{Spaces: []*Space{space("", &table{msgs: msgs}, everything)}}, flows)
	return m
}

// fresh is a name for a column.
func (m *maker) fresh() string { m.names++; return fmt.Sprint("c", m.names) }

func (m *maker) source() pair { return m.ordered(m.sources[m.IntN(len(m.sources))]) }

// ordered puts the rows in an order that the source may not give them: how a
// table is read depends on the filter.
func (m *maker) ordered(p pair) pair {
	if _, ok := p.q.Source().(*Flows); !ok {
		return p
	}
	if m.IntN(2) == 0 {
		p = m.where(p)
	}
	cols := keysOf(m, p.q, "id")
	return pair{p.q.Sort(cols), p.rows.sort(cols, true, nil)}
}

// field is one of the fields of q of a kind that filters can compare with a
// number, where n, or of any kind.
func (m *maker) field(q Query, n bool) (*field.Field, bool) {
	var list []*field.Field
	for _, f := range q.Fields().Fields() {
		if !n || f.Kind == field.Number {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil, false
	}
	return list[m.IntN(len(list))], true
}

// filter is one of the rows of q.
func (m *maker) filter(q Query) (filter.Filter, bool) {
	env := &filter.Env{Fields: q.Fields()}
	for range 20 {
		text := ""
		if q.IsFlows() && m.IntN(4) > 0 {
			text = [...]func(*rand.Rand) string{filtertest.Text, filtertest.Text, filtertest.Exact, filtertest.Whole}[m.IntN(4)](m.Rand)
		} else if f, ok := m.field(q, false); ok {
			switch f.Kind {
			case field.Number:
				text = fmt.Sprintf("%s %s %d", f.Name, [...]string{"==", "!=", "<", ">="}[m.IntN(4)], [...]int{0, 1, 2, 5, 53, 1000}[m.IntN(6)])
			case field.Flag:
				text = f.Name
			case field.Address:
				text = f.Name + " in 10.0.0.0/16"
			default:
				text = "has(" + f.Name + ")"
			}
		}
		if f, err := filter.Compile(text, nil, env); err == nil {
			return f, true
		}
	}
	return filter.Filter{}, false
}

// where narrows p.
func (m *maker) where(p pair) pair {
	f, ok := m.filter(p.q)
	if q, err := p.q.Where(f); ok && err == nil {
		return pair{q, p.rows.match(f, filter.True)}
	}
	return p
}

// columns are one to three values of the rows of q, some of them worked out.
func (m *maker) columns(q Query) (list []filter.Column) {
	text := ""
	for range 1 + m.IntN(3) {
		if text != "" {
			text += ", "
		}
		f, ok := m.field(q, m.IntN(3) == 0)
		if !ok {
			f, _ = m.field(q, false)
		}
		switch text += f.Name; {
		case f.Kind == field.Number && m.IntN(2) == 0:
			text += fmt.Sprintf(" / %d", 1+m.IntN(3))
		case f.Kind == field.Address && m.IntN(2) == 0:
			text = text[:len(text)-len(f.Name)] + "net(" + f.Name + ", 16)"
		}
		text += " as " + m.fresh()
	}
	return columns(m, q, text)
}

// verb makes one verb after another. It returns p where the verb does not
// apply.
type verb struct {
	name string
	then func(m *maker, p pair) pair
}

var verbs = []verb{
	{"where", (*maker).where},
	{"unless", func(m *maker, p pair) pair {
		f, ok := m.filter(p.q)
		if q, err := p.q.Unless(f); ok && err == nil {
			return pair{q, p.rows.match(f, filter.False)}
		}
		return p
	}},
	{"where a function", func(m *maker, p pair) pair {
		f, ok := m.field(p.q, true)
		if !ok {
			return p
		}
		not := m.IntN(2) == 0
		odd := func(r *field.Row) bool { v, ok := f.Of(r); return ok && int64(v.Num)&1 == 1 }
		bind := func(context.Context) func(*field.Row) (bool, error) {
			return func(r *field.Row) (bool, error) { return odd(r), nil }
		}
		q := p.q.WhereFunc(Func{Name: "odd(" + f.Name + ")", Bind: bind, Fields: []*field.Field{f}}, not)
		return pair{q, p.rows.only(func(r *field.Row) bool { return odd(r) != not })}
	}},
	{"in", func(m *maker, p pair) pair {
		o, not := m.other(p), m.IntN(2) == 0
		return pair{must(m)(p.q.In(o.q, not)), p.rows.member(o.rows, o.q.IsFlows(), not)}
	}},
	{"plus", func(m *maker, p pair) pair {
		if o := m.other(p); !p.q.Calls() {
			if q, err := p.q.Plus(o.q); err == nil {
				return pair{q, p.rows.plus(o.rows, p.q.IsFlows())}
			}
		}
		return p
	}},
	{"limit", func(m *maker, p pair) pair { n := m.IntN(60); return pair{p.q.Limit(n), p.rows.limit(n)} }},
	{"skip", func(m *maker, p pair) pair { n := m.IntN(60); return pair{p.q.Skip(n), p.rows.skip(n)} }},
	{"distinct", func(m *maker, p pair) pair {
		cols := m.columns(p.q)
		return pair{p.q.Distinct(cols), p.rows.distinct(cols)}
	}},
	{"select", func(m *maker, p pair) pair {
		cols := m.columns(p.q)
		return pair{p.q.Select(cols), p.rows.with(cols, true)}
	}},
	{"with", func(m *maker, p pair) pair {
		cols := m.columns(p.q)
		var added []Added
		for i, c := range cols {
			a := Added{Field: c.Field, Text: c.Text}
			if i == 1 { // what a function says
				of := c.Field
				a.Bind = func(context.Context) func(*field.Row) (field.Value, bool, error) {
					return func(r *field.Row) (field.Value, bool, error) { v, ok := of.Of(r); return v, ok, nil }
				}
			}
			added = append(added, a)
		}
		return pair{must(m)(p.q.With(added)), p.rows.with(cols, false)}
	}},
	{"sort", func(m *maker, p pair) pair {
		cols := m.columns(p.q)
		for i := range cols {
			cols[i].Reverse = m.IntN(2) == 0
		}
		return pair{p.q.Sort(cols), p.rows.sort(cols, p.q.IsFlows(), p.q.Fields())}
	}},
	{"top", func(m *maker, p pair) pair {
		n, col := 1+m.IntN(60), m.columns(p.q)[0]
		down := col
		down.Reverse = true
		return pair{p.q.Top(n, col), p.rows.sort([]filter.Column{down}, p.q.IsFlows(), p.q.Fields()).limit(n)}
	}},
	{"by", func(m *maker, p pair) pair {
		cols, aggs := m.columns(p.q), m.aggregates(p.q)
		return pair{must(m)(p.q.By(cols, 0).Aggregate(aggs, "agg()")), p.rows.by(cols, aggs)}
	}},
	{"totals", func(m *maker, p pair) pair {
		aggs := m.aggregates(p.q)
		return pair{must(m)(p.q.Totals(aggs)), p.rows.by(nil, aggs)}
	}},
	{"hist", func(m *maker, p pair) pair {
		f, ok := m.field(p.q, true)
		if !ok || slices.Contains(p.q.Fields().Names(), "from") {
			return p
		}
		cols := m.columns(p.q)[:m.IntN(2)]
		q := must(m)(p.q.By(cols, 0).Hist(filter.Column{Field: f, Text: f.Name}))
		return pair{q, p.rows.hist(cols, filter.Column{Field: f}, q.Fields())}
	}},
}

// other is a query whose rows are like those of p, some of which p has.
func (m *maker) other(p pair) pair {
	o := m.source()
	if p.q.IsFlows() {
		for range m.IntN(2) {
			o = m.where(o)
		}
		return o
	}
	// The same columns, of fewer rows.
	n := m.IntN(40)
	var cells []rows
	for _, r := range p.rows {
		cells = append(cells, rows{r})
	}
	list := rows{}
	for i, r := range cells {
		if i%3 < 2 && i < n {
			list = append(list, r...)
		}
	}
	src := &Computed{Name: "other", Set: p.q.Fields(), Rows: func(_ context.Context, fn func(*field.Row) error) error {
		var r field.Row
		for i := range list {
			r.ResetCells(list[i].Cells())
			if err := fn(&r); err != nil {
				return err
			}
		}
		return nil
	}}
	return pair{New(src), list}
}

// aggregates are one to three.
func (m *maker) aggregates(q Query) (list []group.Aggregate) {
	for range 1 + m.IntN(3) {
		a := group.Aggregate{Name: m.fresh(), Func: "count"}
		if f, ok := m.field(q, true); ok && m.IntN(3) > 0 {
			a.Func, a.Of = [...]string{"sum", "avg", "min", "max", "uniq"}[m.IntN(5)], f
		} else if f, ok := m.field(q, false); ok && m.IntN(2) == 0 {
			a.Func, a.Of = "uniq", f
		}
		list = append(list, a)
	}
	return list
}

// TestVerbs runs every verb alone, behind each source.
func TestVerbs(t *testing.T) {
	for i, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			m := newMaker(t, uint64(i), 300)
			empty, some := 0, 0
			for range 10 {
				for _, src := range m.sources {
					src = m.ordered(src)
					p := v.then(m, src)
					p.check(t)
					if len(p.rows) == 0 {
						empty++
					} else if len(p.rows) != len(src.rows) || v.name == "sort" || len(p.rows[0].Cells()) > 0 {
						some++
					}
				}
			}
			if some < 5 {
				t.Errorf("%d empty, %d narrowed: the test tests too little", empty, some)
			}
		})
	}
}

// TestPlusWithColumns joins flows that have the same column added.
func TestPlusWithColumns(t *testing.T) {
	m := newMaker(t, 10, 100)
	next := func(p pair) pair {
		cols := columns(t, p.q, "dport + 1 as next")
		return pair{must(t)(p.q.With([]Added{{Field: cols[0].Field, Text: cols[0].Text}})), p.rows.with(cols, false)}
	}
	a, b := next(m.sources[1]), next(m.sources[3])
	p := pair{must(t)(a.q.Plus(b.q)), a.rows.plus(b.rows, true)}
	p.check(t)
	keys := keysOf(t, p.q, "-next, mark")
	pair{p.q.Sort(keys), p.rows.sort(keys, true, nil)}.check(t)
	if !p.q.IsFlows() {
		t.Error("flows and flows are no flows")
	}
}

// TestChains runs verbs behind each other. Each part of a chain is run again
// when the others are there: a query never changes.
func TestChains(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 200
	}
	m := newMaker(t, 11, 200)
	behind := map[string]bool{}
	rowsAt, sizes := 0, map[int]int{}
	for range rounds {
		made := []pair{m.source()}
		texts, last := []string{made[0].q.String()}, "source"
		for range 2 + m.IntN(4) {
			v := verbs[m.IntN(len(verbs))]
			// Two queries may grow out of one.
			from := made[len(made)-1]
			if m.IntN(5) == 0 {
				from, last = made[m.IntN(len(made))], ""
			}
			p := v.then(m, from)
			p.check(t)
			made, texts = append(made, p), append(texts, p.q.String())
			if last != "source" && last != "" {
				behind[last+" "+v.name] = true
			}
			last = v.name
			rowsAt += len(p.rows)
		}
		sizes[len(made)]++
		for i, p := range made {
			p.check(t)
			if s := p.q.String(); s != texts[i] {
				t.Fatalf("was %s and is %s", texts[i], s)
			}
		}
	}
	if want := len(verbs) * len(verbs) * 9 / 10; len(behind) < want && !testing.Short() || rowsAt < 10*rounds {
		t.Errorf("%d of %d pairs of verbs, %d rows: the test tests too little", len(behind), len(verbs)*len(verbs), rowsAt)
	}
	t.Logf("%d pairs of verbs, %d rows, chains by length %v", len(behind), rowsAt, sizes)
}
