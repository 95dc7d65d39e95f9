package query

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// sortStage holds all rows and passes them on in order, or only the first n.
type sortStage struct {
	cols  []filter.Column
	flow  bool
	cells []*field.Field // of rows that are no flows
	n     int            // of top, 0 for all
	quiet bool           // it is part of the verb before it
}

func (s *sortStage) text() string {
	switch {
	case s.quiet:
		return ""
	case s.n > 0:
		col := s.cols[0]
		col.Reverse = !col.Reverse
		return ":top(" + strconv.Itoa(s.n) + ", " + quote(textOf([]filter.Column{col})) + ")"
	}
	return ":sort(" + quote(textOf(s.cols)) + ")"
}

func (s *sortStage) asks() (needs, bool) {
	n := needsOf(fieldsOf(s.cols))
	if s.flow {
		n.parts |= field.PartAll
	}
	return n, false
}

// Sort orders the rows. It holds them all: some 400 bytes a flow.
func (q Query) Sort(cols []filter.Column) Query {
	return q.then(q.sorting(cols, 0))
}

// Top passes the n rows, at least 1, of which a value is largest, the largest
// first. It holds n rows.
func (q Query) Top(n int, col filter.Column) Query {
	col.Reverse = !col.Reverse
	return q.then(q.sorting([]filter.Column{col}, n))
}

func (q Query) sorting(cols []filter.Column, n int) *sortStage {
	s := &sortStage{cols: cols, flow: q.flows, n: n}
	if !q.flows {
		s.cells = q.fields.Fields()
	}
	return s
}

// sorted is a row with the values it is ordered by.
type sorted struct {
	by  []field.Cell
	row kept
}

type sorter struct {
	s    *sortStage
	next sink
	rows []sorted
	top  *group.Top[sorted]
	at   sorted // the row at hand, as far as it is compared
}

func (s *sortStage) start(_ *Report, next sink) sink {
	x := &sorter{s: s, next: next, at: sorted{by: make([]field.Cell, len(s.cols))}}
	if s.n > 0 {
		x.top = group.NewTop(s.n, s.before)
	}
	return x
}

func (x *sorter) row(r *field.Row) error {
	for i, c := range x.s.cols {
		x.at.by[i].Value, x.at.by[i].Has = c.Of(r)
	}
	if x.top == nil {
		x.rows = append(x.rows, sorted{slices.Clone(x.at.by), keep(r, x.s.flow)})
		return nil
	}
	x.at.row.cells = r.Cells()
	if x.s.flow {
		x.at.row.flow.Orig = r.Need(field.PartOrig).Orig
	}
	if x.top.Fits(&x.at) {
		x.top.Add(sorted{slices.Clone(x.at.by), keep(r, x.s.flow)})
	}
	return nil
}

func (x *sorter) end() error {
	rows := x.rows
	if x.top != nil {
		rows = x.top.Sorted()
	}
	order := make([]int, len(rows)) // a row is far too long to be moved about
	for i := range order {
		order[i] = i
	}
	if x.top == nil {
		slices.SortFunc(order, func(i, j int) int { return cmp.Or(x.s.compare(&rows[i], &rows[j]), cmp.Compare(i, j)) })
	}
	return emit(x.next, func(fn func(*field.Row) error) error {
		var r field.Row
		for _, i := range order {
			rows[i].row.show(&r, x.s.flow)
			if err := fn(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *sortStage) before(a, b *sorted) bool { return s.compare(a, b) < 0 }

// compare orders two rows. What a row lacks comes last either way.
func (s *sortStage) compare(a, b *sorted) int {
	for i := range s.cols {
		if c := compareCells(s.cols[i].Kind, &a.by[i], &b.by[i], s.cols[i].Reverse); c != 0 {
			return c
		}
	}
	return s.tie(&a.row, &b.row)
}

// tie orders rows that are equal in all that was asked for, so that the same
// rows always come in the same order: flows by their tuple, others by their
// columns from the left.
func (s *sortStage) tie(a, b *kept) int {
	if s.flow {
		return compareTuples(&a.flow.Orig, &b.flow.Orig)
	}
	for i, f := range s.cells {
		if c := compareCells(f.Kind, &a.cells[i], &b.cells[i], false); c != 0 {
			return c
		}
	}
	return 0
}

// compareCells orders two values. One that is absent comes last either way.
func compareCells(kind field.Kind, a, b *field.Cell, reverse bool) int {
	switch {
	case !a.Has && !b.Has:
		return 0
	case !a.Has:
		return 1
	case !b.Has:
		return -1
	case reverse:
		return compareValues(kind, &b.Value, &a.Value)
	}
	return compareValues(kind, &a.Value, &b.Value)
}

func compareTuples(a, b *wire.Tuple) int {
	return cmp.Or(bytes.Compare(a.Src[:], b.Src[:]), cmp.Compare(a.SrcPort, b.SrcPort),
		bytes.Compare(a.Dst[:], b.Dst[:]), cmp.Compare(a.DstPort, b.DstPort), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Zone, b.Zone))
}

func compareValues(kind field.Kind, a, b *field.Value) int {
	switch kind {
	case field.Number:
		return cmp.Compare(a.Num, b.Num)
	case field.Address:
		return bytes.Compare(a.Addr[:], b.Addr[:]) // IPv4 before IPv6
	case field.Flag:
		switch {
		case a.On == b.On:
			return 0
		case b.On:
			return -1
		}
		return 1
	case field.Labels:
		return cmp.Or(cmp.Compare(a.Bits[1], b.Bits[1]), cmp.Compare(a.Bits[0], b.Bits[0]))
	}
	return cmp.Compare(a.Str, b.Str)
}
