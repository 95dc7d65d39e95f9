package group

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flow is a random flow with what filtertest leaves out.
func flow(r *rand.Rand) *wire.Entry {
	e := filtertest.Flow(r)
	if r.IntN(2) == 0 {
		e.Present |= wire.HasLabels
		e.Labels = wire.Labels{uint64(r.IntN(2)), uint64(r.IntN(2)) << 63}
	}
	if r.IntN(3) == 0 {
		e.Present |= wire.HasSecCtx
		e.SecCtx = []string{"", "a", "ab"}[r.IntN(3)]
	}
	if r.IntN(3) == 0 {
		e.Present |= wire.HasMaster
		e.Master = filtertest.Flow(r).Orig
	}
	if r.IntN(3) == 0 {
		e.Present |= wire.HasStart
		e.Start = uint64(r.IntN(8)) * 1e9 / 4
	}
	return e
}

// odd is a number with fractions, negatives, both zeros, and what is no number.
var odd = field.Compute(field.Field{Name: "odd", Kind: field.Number, Part: field.PartIdentity, Min: -10, Max: 10}, func(r *field.Row) (field.Value, bool) {
	values := []float64{-1.5, -1, math.Copysign(0, -1), 0, 0.25, 3, math.NaN(), math.Inf(1)}
	return field.Value{Num: values[r.Need(field.PartIdentity).ID%8]}, true
})

// text renders a value of a row, "-" where there is none.
func text(f *field.Field, r *field.Row) string {
	v, ok := f.Of(r)
	if !ok || f.Kind == field.Number && v.Num-v.Num != 0 {
		return "-"
	}
	v.Num += 0
	return "=" + f.Format(v)
}

// naive computes an aggregate of rows.
func naive(a *Aggregate, rows []*field.Row) (float64, bool) {
	if a.Func == "count" {
		return float64(len(rows)), true
	}
	var list []float64
	seen := map[string]bool{}
	for _, r := range rows {
		if s := text(a.Of, r); s != "-" {
			v, _ := a.Of.Of(r)
			list = append(list, v.Num)
			seen[s] = true
		}
	}
	if len(list) == 0 {
		return 0, false
	}
	slices.Sort(list)
	sum := 0.0
	for _, n := range list {
		sum += n
	}
	switch a.Func {
	case "sum":
		return sum, true
	case "avg":
		return sum / float64(len(list)), true
	case "min":
		return list[0], true
	case "max":
		return list[len(list)-1], true
	case "uniq":
		return float64(len(seen)), true
	}
	for i, n := range list {
		if float64(i+1)*100 >= a.Arg*float64(len(list)) {
			return n, true
		}
	}
	panic("no rank")
}

func TestAgainstNaive(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := append(slices.Clone(field.Flow.Fields()), odd)
	var numbers []*field.Field
	for _, f := range all {
		if f.Kind == field.Number {
			numbers = append(numbers, f)
		}
	}
	kinds := map[field.Kind]bool{}
	for range 400 {
		keys := make([]*field.Field, 0, 5)
		for _, i := range rnd.Perm(len(all))[:rnd.IntN(6)] {
			keys = append(keys, all[i])
			kinds[all[i].Kind] = true
		}
		var aggs []Aggregate
		for i := range 1 + rnd.IntN(6) {
			a := Aggregate{Name: "agg" + string(rune('a'+i)), Func: funcs[rnd.IntN(len(funcs))]}
			switch {
			case a.Func == "count":
			case a.Func == "uniq":
				a.Of = all[rnd.IntN(len(all))]
			case i > 0 && rnd.IntN(2) == 0 && aggs[i-1].Of != nil && aggs[i-1].Of.Kind == field.Number:
				a.Of = aggs[i-1].Of
			default:
				a.Of = numbers[rnd.IntN(len(numbers))]
			}
			a.Arg = float64(rnd.IntN(101))
			aggs = append(aggs, a)
		}
		tab, err := New(keys, aggs, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]*field.Row, rnd.IntN(200))
		groups := map[string][]*field.Row{}
		var order []string
		if len(keys) == 0 {
			order = append(order, "")
		}
		for i := range rows {
			rows[i] = &field.Row{}
			rows[i].In(&field.World{Now: 5e9, Timeout: func(f *wire.Flow) (uint32, bool) { return 200, f.Mark != 0 }})
			rows[i].ResetEntry(flow(rnd))
			tab.Add(rows[i])
			name := nameOf(keys, rows[i])
			if groups[name] == nil && len(keys) > 0 {
				order = append(order, name)
			}
			groups[name] = append(groups[name], rows[i])
		}
		if tab.Len() != len(order) {
			t.Fatalf("by %v: %d groups, want %d", field.NamesOf(keys), tab.Len(), len(order))
		}
		i := 0
		err = tab.Each(func(r *field.Row) error {
			fields := tab.Fields().Fields()
			if got := nameOf(fields[:len(keys)], r); got != order[i] {
				t.Fatalf("group %d is %q, want %q", i, got, order[i])
			}
			for j := range aggs {
				got, has := fields[len(keys)+j].Of(r)
				want, wantHas := naive(&aggs[j], groups[order[i]])
				if has != wantHas || math.Abs(got.Num-want) > 1e-9*math.Abs(want) {
					t.Fatalf("%+v of %s of group %q: %v %v, want %v %v", aggs[j], aggs[j].Of.Name, order[i], got.Num, has, want, wantHas)
				}
			}
			i++
			return nil
		})
		if err != nil || i != len(order) {
			t.Fatal(err, i)
		}
		if e := tab.Estimated(); len(e) != 0 {
			t.Fatalf("estimated %v with %d rows", e, len(rows))
		}
	}
	if len(kinds) != 6 {
		t.Errorf("keys of %d kinds were tried, want all 6", len(kinds))
	}
}

func nameOf(keys []*field.Field, r *field.Row) string {
	var parts []string
	for _, k := range keys {
		parts = append(parts, text(k, r))
	}
	return strings.Join(parts, " ")
}

func TestNth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		list := make([]float64, 1+rnd.IntN(40))
		for i := range list {
			list[i] = float64(rnd.IntN(1 + rnd.IntN(30)))
		}
		sorted := slices.Clone(list)
		slices.Sort(sorted)
		n := rnd.IntN(len(list))
		if got := nth(list, n); got != sorted[n] {
			t.Fatalf("nth %d of %v is %v", n, sorted, got)
		}
	}
}

func TestTop(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		list := make([]int, rnd.IntN(60))
		for i := range list {
			list[i] = rnd.IntN(40)
		}
		n := rnd.IntN(20)
		top := NewTop(n, func(a, b *int) bool { return *a > *b })
		for i, x := range list {
			before := slices.Clone(top.Sorted())
			fits := top.Fits(&x)
			top.Add(x)
			if fits == slices.Equal(before, top.Sorted()) {
				t.Fatalf("item %d of %v fits: %v, but %v became %v", i, list, fits, before, top.Sorted())
			}
		}
		slices.SortFunc(list, func(a, b int) int { return cmp.Compare(b, a) })
		if want := list[:min(n, len(list))]; !slices.Equal(top.Sorted(), want) || top.Len() != len(want) {
			t.Fatalf("top %d is %v, want %v", n, top.Sorted(), want)
		}
	}
}
