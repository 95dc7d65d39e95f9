package group

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Aggregate is one value that is kept of every group.
type Aggregate struct {
	Name string // of the column of the result
	// Func is count, sum, avg, min, max, pct or uniq. Sum, avg, min, max and pct keep the unit of their
	// field; count and uniq have none. Pct is the smallest value that at least
	// Arg % of the values do not exceed.
	Func string
	Of   *field.Field // nil for count; any kind for uniq, a number for the others
	Arg  float64      // of pct: 0 to 100
}

// op is a function of an aggregate.
type op uint8

const (
	opCount op = iota
	opSum
	opAvg
	opMin
	opMax
	opPct
	opUniq
)

var funcs = []string{opCount: "count", opSum: "sum", opAvg: "avg", opMin: "min", opMax: "max", opPct: "pct", opUniq: "uniq"}

// aggregate is how one is kept: in one word of the record of a group, two for
// avg.
//
//	count           rows
//	sum, min, max   the number, or absent
//	avg             the sum, or absent, and how many
//	pct, uniq       the ref of a block
type aggregate struct {
	op   op
	cell int // the first word, counted from the end of the key
	in   int // the input that it reads
	name string
	arg  float64
	// estimated is set when a group has a sketch, fraction when a value is not
	// whole.
	estimated, fraction bool
}

// absent is a number that is not one: no sum or extreme of finite numbers has
// these bits. As the hash of a value it is as good as none, too.
const absent = 0x7ff8_0000_0000_0abd

const (
	max53     = 1<<53 - 1 // what a count can reach, as in the table of fields
	maxNumber = 1 << 62   // bounds a computed number: nothing is known of it
)

// check makes of an aggregate how it is kept, and its column.
func (a *Aggregate) check() (g aggregate, out *field.Field, err error) {
	i := slices.Index(funcs, a.Func)
	g = aggregate{op: op(i), name: a.Name, arg: a.Arg}
	out = &field.Field{Name: a.Name, Kind: field.Number, Max: max53}
	switch {
	case i < 0:
		return g, nil, &Error{Msg: fmt.Sprintf("unknown function %q%s", a.Func, suggest.Hint(a.Func, funcs)), Hint: "want one of " + strings.Join(funcs, ", ")}
	case a.Name == "":
		return g, nil, &Error{Msg: a.Func + " has no name", Hint: "name the column of the result"}
	case g.op == opCount:
		out.Doc = "number of rows"
		if a.Of != nil {
			return g, nil, &Error{Msg: "count of " + a.Of.Name + ": count counts rows and takes no field", Hint: "uniq counts different values"}
		}
		return g, out, nil
	case a.Of == nil:
		return g, nil, &Error{Msg: a.Func + " of nothing", Hint: "name a field"}
	}
	out.Doc, out.Needs = a.Func+" of "+a.Of.Name, a.Of.Needs
	if g.op == opUniq {
		return g, out, nil
	}
	if a.Of.Kind != field.Number {
		return g, nil, notNumber(a.Func, a.Of)
	}
	if g.op == opPct && !(a.Arg >= 0 && a.Arg <= 100) {
		return g, nil, &Error{Msg: fmt.Sprintf("pct of %s: %v is no percentage", a.Of.Name, a.Arg), Hint: "want 0 to 100"}
	}
	out.Unit, out.Min, out.Max = a.Of.Unit, a.Of.Min, a.Of.Max
	if g.op == opSum {
		out.Min, out.Max = 0, maxNumber
		if a.Of.Min < 0 {
			out.Min = -maxNumber
		}
	}
	return g, out, nil
}

// words is how many words of a record it takes.
func (a *aggregate) words() int {
	if a.op == opAvg {
		return 2
	}
	return 1
}

// begin sets the words of a new group.
func (a *aggregate) begin(cells []uint64) {
	switch a.op {
	case opSum, opAvg, opMin, opMax:
		cells[a.cell] = absent
	}
}

// add counts a row, of which the inputs were read, for a group.
func (t *Table) add(in, cells []uint64) {
	for i := range t.aggs {
		a := &t.aggs[i]
		if a.op == opCount {
			cells[a.cell]++
			continue
		}
		w, cell := in[a.in], &cells[a.cell]
		if w == absent {
			continue
		}
		switch a.op {
		case opPct:
			t.value(a, cell, math.Float64frombits(w))
			continue
		case opUniq:
			t.distinct(a, cell, w)
			continue
		case opAvg:
			cells[a.cell+1]++
		}
		if *cell == absent {
			*cell = w
			continue
		}
		n, v := math.Float64frombits(*cell), math.Float64frombits(w)
		switch a.op {
		case opMin:
			n = min(n, v)
		case opMax:
			n = max(n, v)
		default:
			n += v
		}
		*cell = math.Float64bits(n)
	}
}

// result is the value of an aggregate of a group.
func (t *Table) result(a *aggregate, cells []uint64) (n float64, has bool) {
	cell := cells[a.cell]
	switch a.op {
	case opCount:
		return float64(cell), true
	case opPct:
		return t.percentile(a, ref(cell))
	case opUniq:
		return t.distincts(ref(cell)), cell != 0
	case opAvg:
		if cell == absent {
			return 0, false
		}
		return math.Float64frombits(cell) / float64(cells[a.cell+1]), true
	}
	if cell == absent {
		return 0, false
	}
	return math.Float64frombits(cell), true
}
