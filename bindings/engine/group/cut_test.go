package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// The bound keeps the heavy keys of a stream in which few keys have most rows.
func TestHeavyHittersStay(t *testing.T) {
	const bound, rows = 1000, 300_000
	// The third is bounded by a sum, with texts and blocks to give back.
	text := field.Compute(field.Field{Name: "name", Kind: field.Text}, func(r *field.Row) (field.Value, bool) {
		return field.Value{Str: fmt.Sprint("k", r.Cells()[0].Num)}, true
	})
	for name, c := range map[string]struct {
		key  *field.Field
		aggs []Aggregate
	}{
		"count": {columns[0], []Aggregate{{Name: "n", Func: "count"}}},
		"sum":   {columns[0], []Aggregate{{Name: "s", Func: "sum", Of: columns[1]}}},
		"text":  {text, []Aggregate{{Name: "s", Func: "sum", Of: columns[1]}, {Name: "u", Func: "uniq", Of: columns[0]}, {Name: "p", Func: "pct", Of: columns[1], Arg: 50}}},
	} {
		tab := mustNew(t, []*field.Field{c.key}, Options{Keys: bound}, c.aggs...)
		rnd := rand.New(rand.NewPCG(11, 12))
		zipf := rand.NewZipf(rnd, 1.1, 1, 1_000_000)
		r := newCellRow()
		exact := map[string]float64{}
		for range rows {
			row := r.set(float64(zipf.Uint64()), 1)
			exact[nameOf([]*field.Field{c.key}, row)]++
			tab.Add(row)
			if tab.Len() > 2*bound {
				t.Fatalf("%d groups, want at most %d", tab.Len(), 2*bound)
			}
		}
		kept, got := 0.0, map[string]float64{}
		if err := tab.Each(func(r *field.Row) error {
			f := tab.Fields().Fields()
			v, _ := f[1].Of(r)
			got[nameOf(f[:1], r)] = v.Num
			kept += v.Num
			if name == "text" {
				if u, _ := f[2].Of(r); u.Num != 1 {
					t.Fatalf("uniq of one value is %v", u.Num)
				}
				if p, _ := f[3].Of(r); p.Num != 1 {
					t.Fatalf("median of ones is %v", p.Num)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		groups, lost := tab.Dropped()
		if groups == 0 || float64(lost)+kept != rows {
			t.Errorf("%s: %v rows kept and %d lost in %d groups, want %d together", name, kept, lost, groups, rows)
		}
		keys := make([]string, 0, len(exact))
		for k := range exact {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int { return int(exact[b] - exact[a]) })
		for i, k := range keys[:bound/8] {
			if got[k] < 0.95*exact[k] {
				t.Errorf("%s: key %d of the heaviest has %v rows, want %v", name, i, got[k], exact[k])
			}
		}
		if n := len(tab.texts.list); n > 2*bound+1 {
			t.Errorf("%s: %d texts are kept for %d groups", name, n, tab.Len())
		}
		for k := range tab.pool.classes {
			if n := tab.pool.classes[k].n; n > 2*2*bound+2 {
				t.Errorf("%s: %d blocks of class %d for %d groups", name, n, k, tab.Len())
			}
		}
	}
}

// What stays after a cut is what it was, in the order in which it came.
func TestCutKeepsTheRest(t *testing.T) {
	tab := mustNew(t, []*field.Field{columns[2], columns[0]}, Options{Keys: 3}, Aggregate{Name: "m", Func: "max", Of: columns[1]})
	r := newCellRow()
	add := func(text string, k, v float64) {
		r.set(k, v)
		r.cells[2] = field.Cell{Value: field.Value{Str: text}, Has: text != ""}
		if v < 0 {
			r.cells[1].Has = false
		}
		tab.Add(&r.Row)
	}
	add("a", 1, 5)
	add("b", 1, 7)
	add("", 1, 6)
	add("a", 1, 2)
	add("c", 1, -1) // no weight at all
	add("d", 1, 5)  // as heavy as the first, but younger
	add("b", 2, 1)
	add("e", 1, 9) // the seventh
	want := []string{"=a =1 =5", "=b =1 =7", "- =1 =6", "=e =1 =9"}
	if got := lines(t, tab); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if g, n := tab.Dropped(); g != 3 || n != 3 {
		t.Errorf("dropped %d groups of %d rows", g, n)
	}
	add("b", 1, 8)
	add("e", 1, 3)
	want[1] = "=b =1 =8"
	if got := lines(t, tab); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// model is a bounded table in the simplest way.
type model struct {
	bound, groups, rows int
	list                []*modelGroup
}

type modelGroup struct {
	name      string
	rows, sum int
}

func (m *model) add(name string, v int) {
	i := slices.IndexFunc(m.list, func(g *modelGroup) bool { return g.name == name })
	if i < 0 {
		if len(m.list) == 2*m.bound {
			heavy := slices.Clone(m.list)
			slices.SortStableFunc(heavy, func(a, b *modelGroup) int { return b.sum - a.sum })
			for _, g := range heavy[m.bound:] {
				m.groups, m.rows = m.groups+1, m.rows+g.rows
				m.list = slices.DeleteFunc(m.list, func(x *modelGroup) bool { return x == g })
			}
		}
		m.list = append(m.list, &modelGroup{name: name})
		i = len(m.list) - 1
	}
	m.list[i].rows++
	m.list[i].sum += v
}

func TestBoundAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for range 500 {
		m := &model{bound: 1 + rnd.IntN(8)}
		tab := mustNew(t, []*field.Field{columns[2], columns[0]}, Options{Keys: m.bound}, Aggregate{Name: "s", Func: "sum", Of: columns[1]}, Aggregate{Name: "u", Func: "uniq", Of: columns[2]})
		r := newCellRow()
		for range rnd.IntN(300) {
			k, name, v := rnd.IntN(3), fmt.Sprint("t", rnd.IntN(20)), rnd.IntN(4)
			r.set(float64(k), float64(v))
			r.cells[2] = field.Cell{Value: field.Value{Str: name}, Has: true}
			tab.Add(&r.Row)
			m.add(fmt.Sprintf("=%s =%d", name, k), v)
			if rnd.IntN(10) == 0 && tab.Len() != len(m.list) { // also while rows wait
				t.Fatalf("%d groups, want %d", tab.Len(), len(m.list))
			}
		}
		var want []string
		for _, g := range m.list {
			want = append(want, fmt.Sprintf("%s =%d =1", g.name, g.sum))
		}
		if got := lines(t, tab); !slices.Equal(got, want) {
			t.Fatalf("bound %d: got %q, want %q", m.bound, got, want)
		}
		if groups, rows := tab.Dropped(); groups != m.groups || rows != m.rows {
			t.Fatalf("bound %d: dropped %d groups of %d rows, want %d of %d", m.bound, groups, rows, m.groups, m.rows)
		}
	}
}
