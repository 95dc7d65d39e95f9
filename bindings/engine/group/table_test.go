package group

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// get is a field of a flow.
func get(t testing.TB, name string) *field.Field {
	t.Helper()
	f, ok := field.Flow.Lookup(name)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	return f
}

func getAll(t testing.TB, names ...string) (list []*field.Field) {
	for _, n := range names {
		list = append(list, get(t, n))
	}
	return list
}

func mustNew(t testing.TB, keys []*field.Field, opt Options, aggs ...Aggregate) *Table {
	t.Helper()
	tab, err := New(keys, aggs, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// A row of two columns: a key and a number.
var columns = field.Columns(&field.Field{Name: "k", Kind: field.Number, Min: -1e9, Max: 1e9}, &field.Field{Name: "v", Kind: field.Number, Unit: "s", Min: -1e9, Max: 1e9}, &field.Field{Name: "text", Kind: field.Text}).Fields()

// cellRow makes rows of those columns.
type cellRow struct {
	field.Row
	cells [3]field.Cell
}

func newCellRow() *cellRow {
	r := &cellRow{}
	r.ResetCells(r.cells[:])
	return r
}

func (r *cellRow) set(k, v float64) *field.Row {
	r.cells[0] = field.Cell{Value: field.Value{Num: k}, Has: true}
	r.cells[1] = field.Cell{Value: field.Value{Num: v}, Has: true}
	return &r.Row
}

// lines renders the results of a table.
func lines(t testing.TB, tab *Table) (list []string) {
	t.Helper()
	err := tab.Each(func(r *field.Row) error {
		list = append(list, nameOf(tab.Fields().Fields(), r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestErrors(t *testing.T) {
	src, bytes := get(t, "src"), get(t, "bytes")
	for _, c := range []struct {
		keys []*field.Field
		agg  Aggregate
		opt  Options
		want string
	}{
		{agg: Aggregate{Name: "n", Func: "cuont"}, want: `unknown function "cuont"; did you mean "count"?`},
		{agg: Aggregate{Name: "n"}, want: `unknown function ""`},
		{agg: Aggregate{Func: "count"}, want: "count has no name"},
		{agg: Aggregate{Name: "n", Func: "count", Of: src}, want: "count of src: count counts rows"},
		{agg: Aggregate{Name: "n", Func: "sum"}, want: "sum of nothing"},
		{agg: Aggregate{Name: "n", Func: "sum", Of: src}, want: "sum of src: want a number, src is an address"},
		{agg: Aggregate{Name: "n", Func: "max", Of: get(t, "state")}, want: "max of state: want a number, state is text"},
		{agg: Aggregate{Name: "n", Func: "pct", Of: bytes, Arg: 101}, want: "pct of bytes: 101 is no percentage"},
		{agg: Aggregate{Name: "n", Func: "pct", Of: bytes, Arg: -0.1}, want: "pct of bytes: -0.1 is no percentage"},
		{agg: Aggregate{Name: "n", Func: "pct", Of: bytes, Arg: math.NaN()}, want: "pct of bytes: NaN is no percentage"},
		{keys: []*field.Field{src}, agg: Aggregate{Name: "src", Func: "count"}, want: `two columns are called "src"`},
		{keys: []*field.Field{src, src}, agg: Aggregate{Name: "n", Func: "count"}, want: `two columns are called "src"`},
		{agg: Aggregate{Name: "n", Func: "count"}, opt: Options{Keys: -1}, want: "-1 is no number of groups"},
		{keys: slices.Repeat([]*field.Field{src}, 65), agg: Aggregate{Name: "n", Func: "count"}, want: "65 keys, at most 64"},
	} {
		_, err := New(c.keys, []Aggregate{c.agg}, c.opt)
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "group: "+c.want) {
			t.Errorf("%+v: %v, want %s", c.agg, err, c.want)
		}
	}
	if _, err := New(nil, nil, Options{}); err == nil {
		t.Error("nothing was computed")
	}
	two := []Aggregate{{Name: "n", Func: "count"}, {Name: "n", Func: "count"}}
	if _, err := New(nil, two, Options{}); err == nil {
		t.Error("two aggregates have one name")
	}
	if _, err := Bucket(src); err == nil || !strings.Contains(err.Error(), "hist of src: want a number") {
		t.Error(err)
	}
}

func TestFields(t *testing.T) {
	bytes, src := get(t, "bytes"), get(t, "src")
	var aggs []Aggregate
	for _, f := range funcs {
		a := Aggregate{Name: "x_" + f, Func: f, Of: bytes}
		if f == "count" {
			a.Of = nil
		}
		aggs = append(aggs, a)
	}
	tab := mustNew(t, []*field.Field{src}, Options{}, aggs...)
	want := "src: x_count: x_sum:bytes x_avg:bytes x_min:bytes x_max:bytes x_pct:bytes x_uniq:"
	var got []string
	for _, f := range tab.Fields().Fields() {
		got = append(got, f.Name+":"+f.Unit)
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("fields %s, want %s", s, want)
	}
}

func TestUngrouped(t *testing.T) {
	tab := mustNew(t, nil, Options{},
		Aggregate{Name: "n", Func: "count"}, Aggregate{Name: "s", Func: "sum", Of: columns[1]}, Aggregate{Name: "a", Func: "avg", Of: columns[1]},
		Aggregate{Name: "p", Func: "pct", Of: columns[1], Arg: 50}, Aggregate{Name: "u", Func: "uniq", Of: columns[1]})
	if got := lines(t, tab); !slices.Equal(got, []string{"=0 - - - -"}) {
		t.Errorf("no row makes %q", got)
	}
	r := newCellRow()
	tab.Add(&r.Row) // without any value
	tab.Add(r.set(0, 2))
	tab.Add(r.set(0, 4))
	if got := lines(t, tab); !slices.Equal(got, []string{"=3 =6 =3 =2 =2"}) || tab.Len() != 1 {
		t.Errorf("rows make %q", got)
	}
}

func TestDistinctRows(t *testing.T) {
	tab := mustNew(t, columns[:1], Options{})
	r := newCellRow()
	for _, k := range []float64{3, 1, 3, 2, 1} {
		tab.Add(r.set(k, 0))
	}
	if got := lines(t, tab); !slices.Equal(got, []string{"=3", "=1", "=2"}) {
		t.Errorf("got %q", got)
	}
}

func TestEachEnds(t *testing.T) {
	tab := mustNew(t, columns[:1], Options{})
	r := newCellRow()
	tab.Add(r.set(1, 0))
	tab.Add(r.set(2, 0))
	stop, n := errors.New("stop"), 0
	if err := tab.Each(func(*field.Row) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

// The packed key keeps apart what differs, with more small parts than one word
// holds.
func TestManyTexts(t *testing.T) {
	var keys []*field.Field
	for i := range 9 {
		keys = append(keys, field.Compute(field.Field{Name: fmt.Sprint("t", i), Kind: field.Text}, func(r *field.Row) (field.Value, bool) {
			n := int(r.Cells()[0].Num)
			return field.Value{Str: fmt.Sprint(i, n>>i&1)}, n>>(i+9)&1 == 0
		}))
	}
	tab := mustNew(t, keys, Options{}, Aggregate{Name: "n", Func: "count"})
	r := newCellRow()
	want := map[string]int{}
	for i := range 1 << 18 {
		row := r.set(float64(i), 0)
		want[nameOf(keys, row)]++
		tab.Add(row)
	}
	for _, l := range lines(t, tab) {
		at := strings.LastIndex(l, " =")
		if l[at+2:] != fmt.Sprint(want[l[:at]]) {
			t.Fatalf("%s, want %d", l, want[l[:at]])
		}
	}
	if tab.Len() != len(want) || len(want) != 19683 { // 3^9
		t.Errorf("%d groups, want %d", tab.Len(), len(want))
	}
}

func TestBucket(t *testing.T) {
	f, err := Bucket(columns[1])
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "from" || f.Unit != "s" {
		t.Errorf("bucket is %s in %s", f.Name, f.Unit)
	}
	r := newCellRow()
	if _, ok := f.Of(&r.Row); ok {
		t.Error("a missing value has a bucket")
	}
	for _, c := range [][2]float64{{0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 4}, {1023, 512}, {1024, 1024}, {0.3, 0.25}, {0.5, 0.5}, {-1, -1}, {-3, -4}, {-4, -4}, {-0.3, -0.5}, {1 << 53, 1 << 53}, {1<<53 - 1, 1 << 52}} {
		if v, ok := f.Of(r.set(0, c[0])); !ok || v.Num != c[1] {
			t.Errorf("bucket of %v is %v %v, want %v", c[0], v.Num, ok, c[1])
		}
	}
}

// sources makes rows from n addresses, IPv4 one after the other or at random.
func sources(n int, inOrder bool) []wire.Flow {
	rnd := rand.New(rand.NewPCG(7, 8))
	list := make([]wire.Flow, n)
	for i := range list {
		e := flow(rnd)
		a := uint32(0x0a000000 + i)
		if !inOrder {
			a = rnd.Uint32()
		}
		e.Orig.Src = wire.AddrFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}))
		list[i] = e.Flow
	}
	return list
}

const manySources = 105_000

// allOf is every aggregate of fields that any row of sources may have.
func allOf(t testing.TB) (aggs []Aggregate) {
	for _, f := range []string{"count", "sum", "avg", "min", "max"} {
		a := Aggregate{Name: f, Func: f}
		if f != "count" {
			a.Of = get(t, "bytes")
		}
		aggs = append(aggs, a)
	}
	return aggs
}

func TestKnownGroupsAllocateNothing(t *testing.T) {
	flows := sources(1000, true)
	for _, opt := range []Options{{}, {Keys: 5000}} {
		tab := mustNew(t, getAll(t, "src", "dport", "proto", "assured", "state", "labels", "helper"), opt, allOf(t)...)
		var row field.Row
		for i := range flows {
			row.ResetFlow(&flows[i])
			tab.Add(&row)
		}
		i := 0
		if n := testing.AllocsPerRun(5000, func() {
			row.ResetFlow(&flows[i%len(flows)])
			tab.Add(&row)
			i++
		}); n != 0 {
			t.Errorf("%v allocations a row", n)
		}
	}
}

// A known value of a percentile that became a sketch, and of a set that did, is
// counted in place.
func TestSketchesAllocateNothing(t *testing.T) {
	tab := mustNew(t, nil, Options{}, Aggregate{Name: "p", Func: "pct", Of: columns[1], Arg: 50}, Aggregate{Name: "u", Func: "uniq", Of: columns[1]})
	r := newCellRow()
	for i := range 5000 {
		tab.Add(r.set(0, float64(i)))
	}
	i := 0
	if n := testing.AllocsPerRun(5000, func() { tab.Add(r.set(0, float64(i%5000))); i++ }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

// heap is what the process holds.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMemory(t *testing.T) {
	flows := sources(manySources, true)
	for _, c := range []struct {
		name string
		most int // bytes a group
		aggs []Aggregate
	}{
		{"count", 60, []Aggregate{{Name: "n", Func: "count"}}},
		{"count sum avg min max", 110, allOf(t)},
		{"uniq dst", 75, []Aggregate{{Name: "u", Func: "uniq", Of: get(t, "dst")}}},
		{"pct timeout", 75, []Aggregate{{Name: "p", Func: "pct", Of: get(t, "timeout"), Arg: 95}}},
	} {
		before := heap()
		tab := mustNew(t, getAll(t, "src"), Options{}, c.aggs...)
		var row field.Row
		for i := range flows {
			row.ResetFlow(&flows[i])
			tab.Add(&row)
		}
		each := float64(heap()-before) / manySources
		t.Logf("%s by %d sources: %.1f bytes a group", c.name, tab.Len(), each)
		if each > float64(c.most) {
			t.Errorf("%s: %.1f bytes a group, want at most %d", c.name, each, c.most)
		}
		runtime.KeepAlive(tab)
	}
	runtime.KeepAlive(flows)
}

// Addresses that differ in few bits must not fall into few slots.
func TestProbesAreShort(t *testing.T) {
	step := map[string]func(i int) wire.Addr{
		"IPv4 in order": func(i int) wire.Addr {
			return wire.AddrFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		},
		"IPv4 networks": func(i int) wire.Addr {
			return wire.AddrFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 0}))
		},
		"IPv6 networks": func(i int) (a wire.Addr) {
			a[0], a[1], a[5], a[6], a[7] = 0x20, 1, byte(i>>16), byte(i>>8), byte(i)
			return a
		},
	}
	for name, at := range step {
		tab := mustNew(t, getAll(t, "src"), Options{})
		var row field.Row
		f := wire.Flow{Orig: wire.Tuple{Proto: 6, Family: wire.FamilyIPv4}}
		for i := range 98_000 { // three quarters of 131072 slots
			f.Orig.Src = at(i)
			row.ResetFlow(&f)
			tab.Add(&row)
		}
		steps := 0
		for n := range tab.recs.n {
			h := hash(tab.recs.at(n))
			for i := tab.slots.first(h); ; i = tab.slots.next(i) {
				if at, ok := tab.slots.at(i, h); ok && at == n {
					break
				}
				steps++
			}
		}
		// Linear probing at load a needs (1/(1-a)-1)/2 steps more than one: 1.5.
		if mean := float64(steps) / float64(tab.Len()); mean > 1.7 {
			t.Errorf("%s: %.2f steps", name, mean)
		}
	}
}
