package query

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// rows are rows in a slice, each a copy of its own: what a query must agree
// with.
type rows []field.Row

// held makes rows of flows.
func held(flows []wire.Entry) rows {
	list := make(rows, len(flows))
	for i := range flows {
		list[i].ResetEntry(&flows[i])
		list[i].In(world())
	}
	return list
}

func (l rows) shown(flow bool) (list []string) {
	for i := range l {
		list = append(list, shown(&l[i], flow))
	}
	return list
}

func (l rows) only(want func(r *field.Row) bool) (list rows) {
	for i := range l {
		if want(&l[i]) {
			list = append(list, l[i])
		}
	}
	return list
}

// match are the rows of which a filter is as given.
func (l rows) match(f filter.Filter, want filter.Tri) rows {
	return l.only(func(r *field.Row) bool { return f.Match(r) == want })
}

func (l rows) limit(n int) rows { return l[:min(n, len(l))] }
func (l rows) skip(n int) rows  { return l[min(n, len(l)):] }

// valuesOf renders some values of a row.
func valuesOf(r *field.Row, cols []filter.Column) string {
	var b strings.Builder
	for _, c := range cols {
		v, ok := c.Of(r)
		if !ok {
			v = field.Value{}
		}
		fmt.Fprintf(&b, "%v %q %v %v %v %v|", ok, v.Str, v.Num+0, v.On, v.Addr, v.Bits)
	}
	return b.String()
}

func (l rows) distinct(cols []filter.Column) rows {
	seen := map[string]bool{}
	return l.only(func(r *field.Row) bool {
		k := valuesOf(r, cols)
		if seen[k] {
			return false
		}
		seen[k] = true
		return true
	})
}

// with are the rows with cells added, or with fresh only those.
func (l rows) with(cols []filter.Column, fresh bool) rows {
	list := make(rows, len(l))
	for i := range l {
		var cells []field.Cell
		for _, c := range cols {
			v, ok := c.Of(&l[i])
			cells = append(cells, field.Cell{Value: v, Has: ok})
		}
		if fresh {
			list[i].In(world())
			list[i].ResetCells(cells)
			continue
		}
		list[i] = l[i]
		list[i].ResetCells(append(slices.Clone(l[i].Cells()), cells...))
	}
	return list
}

// member are the rows that are among others, or with not those that are not.
func (l rows) member(other rows, flow, not bool) rows {
	in := map[string]bool{}
	name := func(r *field.Row) string {
		if !flow {
			return shown(r, false)
		}
		e := r.Need(field.PartAll)
		return fmt.Sprint(e.Orig, e.Orig.Zone, e.Reply.Zone, e.ID)
	}
	for i := range other {
		in[name(&other[i])] = true
	}
	return l.only(func(r *field.Row) bool { return in[name(r)] != not })
}

// plus are the rows of both, each once.
func (l rows) plus(other rows, flow bool) rows {
	seen := map[string]bool{}
	return append(slices.Clone(l), other...).only(func(r *field.Row) bool {
		k := shown(r, flow)
		if seen[k] {
			return false
		}
		seen[k] = true
		return true
	})
}

// sort puts the rows in order: by what was asked for, then flows by their
// tuple and others from the left. What is absent comes last.
func (l rows) sort(cols []filter.Column, flow bool, fields *field.Set) rows {
	list := slices.Clone(l)
	slices.SortStableFunc(list, func(a, b field.Row) int {
		for _, c := range cols {
			if n := order(c.Field, &a, &b, c.Reverse); n != 0 {
				return n
			}
		}
		if flow {
			x, y := a.Need(field.PartOrig).Orig, b.Need(field.PartOrig).Orig
			return cmp.Or(bytes.Compare(x.Src[:], y.Src[:]), cmp.Compare(x.SrcPort, y.SrcPort), bytes.Compare(x.Dst[:], y.Dst[:]),
				cmp.Compare(x.DstPort, y.DstPort), cmp.Compare(x.Proto, y.Proto), cmp.Compare(x.Zone, y.Zone))
		}
		for _, f := range fields.Fields() {
			if n := order(f, &a, &b, false); n != 0 {
				return n
			}
		}
		return 0
	})
	return list
}

func order(f *field.Field, a, b *field.Row, reverse bool) int {
	x, hasX := f.Of(a)
	y, hasY := f.Of(b)
	switch {
	case !hasX && !hasY:
		return 0
	case !hasX:
		return 1
	case !hasY:
		return -1
	}
	bit := map[bool]int{true: 1}
	n := cmp.Or(cmp.Compare(x.Str, y.Str), cmp.Compare(x.Num, y.Num), bytes.Compare(x.Addr[:], y.Addr[:]),
		cmp.Compare(bit[x.On], bit[y.On]), cmp.Compare(x.Bits[1], y.Bits[1]), cmp.Compare(x.Bits[0], y.Bits[0]))
	if reverse {
		return -n
	}
	return n
}

// by are the groups in the order in which they are first seen: the keys, then
// the aggregates. Without keys there is one group.
func (l rows) by(cols []filter.Column, aggs []group.Aggregate) (list rows) {
	groups := map[string]rows{}
	var names []string
	if len(cols) == 0 {
		names = []string{""}
	}
	for _, r := range l {
		k := valuesOf(&r, cols)
		if groups[k] == nil && len(cols) > 0 {
			names = append(names, k)
		}
		groups[k] = append(groups[k], r)
	}
	for _, name := range names {
		var cells []field.Cell
		for _, c := range cols {
			v, ok := c.Of(&groups[name][0])
			if !ok {
				v = field.Value{}
			}
			cells = append(cells, field.Cell{Value: v, Has: ok})
		}
		for _, a := range aggs {
			n, ok := groups[name].total(a)
			cells = append(cells, field.Cell{Value: field.Value{Num: n}, Has: ok})
		}
		var r field.Row
		r.ResetCells(cells)
		list = append(list, r)
	}
	return list
}

func (l rows) total(a group.Aggregate) (n float64, ok bool) {
	if a.Func == "count" {
		return float64(len(l)), true
	}
	var list []float64
	seen := map[string]bool{}
	for i := range l {
		v, ok := a.Of.Of(&l[i])
		if !ok {
			continue
		}
		list = append(list, v.Num)
		seen[fmt.Sprintf("%q %v %v %v %v", v.Str, v.Num+0, v.On, v.Addr, v.Bits)] = true
		n += v.Num
	}
	switch {
	case len(list) == 0:
		return 0, false
	case a.Func == "avg":
		n /= float64(len(list))
	case a.Func == "min":
		n = slices.Min(list)
	case a.Func == "max":
		n = slices.Max(list)
	case a.Func == "uniq":
		n = float64(len(seen))
	}
	return n, true
}

// hist counts groups by the power of two that a number reaches.
func (l rows) hist(cols []filter.Column, col filter.Column, fields *field.Set) rows {
	from := filter.Column{Field: field.Compute(field.Field{Name: "from", Kind: field.Number}, func(r *field.Row) (field.Value, bool) {
		v, ok := col.Of(r)
		n := 0.0
		if v.Num > 0 {
			for n = 1; n*2 <= v.Num; n *= 2 {
			}
			for ; n > v.Num; n /= 2 {
			}
		} else if v.Num < 0 {
			n = math.NaN() // no flow has such a number here
		}
		return field.Value{Num: n}, ok
	})}
	list := l.by(append(slices.Clone(cols), from), []group.Aggregate{{Name: "n", Func: "count"}})
	var keys []filter.Column
	for _, f := range fields.Fields()[:len(cols)+1] {
		keys = append(keys, filter.Column{Field: f})
	}
	return list.sort(keys, false, fields)
}
