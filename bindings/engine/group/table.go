package group

import (
	"fmt"
	"math"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Options are how a table is kept.
type Options struct {
	// Keys bounds the memory: about that many groups are kept, those that are
	// heaviest by the first aggregate. There may be up to twice as many before
	// the lighter half is cut, and a group that was cut and comes again starts
	// anew. Of groups that weigh the same the older stay. 0 is no bound.
	Keys int
}

// Table is rows in groups. It is not safe for use by several goroutines.
type Table struct {
	keys   []keyField
	inputs []input
	aggs   []aggregate
	fields *field.Set
	texts  *texts
	pool   pool

	recs     arena
	keyWords int
	rows     int // the word of a record that counts its rows; only with a bound

	slots slots

	bound                      int
	droppedGroups, droppedRows int

	queue queue

	values  []float64 // scratch for what is put in order
	buckets []uint64
	weights []float64 // of the groups in a cut
}

// New makes a table of groups by keys. Without keys there is exactly one group,
// even when no row comes. The error is an [*Error].
func New(keys []*field.Field, aggs []Aggregate, opt Options) (*Table, error) {
	switch {
	case len(keys) > maxKeys:
		return nil, &Error{Msg: fmt.Sprintf("%d keys, at most %d are grouped by", len(keys), maxKeys)}
	case len(keys)+len(aggs) == 0:
		return nil, &Error{Msg: "nothing to compute", Hint: "name a key or an aggregate"}
	case opt.Keys < 0:
		return nil, &Error{Msg: fmt.Sprintf("%d is no number of groups", opt.Keys), Hint: "want 0 for all, or how many to keep"}
	}
	t := &Table{texts: newTexts(), bound: opt.Keys, rows: -1}
	t.keys, t.keyWords = layout(keys)

	columns := slices.Clone(keys)
	cells := 0
	for i := range aggs {
		a, column, err := aggs[i].check()
		if err != nil {
			return nil, err
		}
		a.cell = cells
		if a.op != opCount {
			a.in = t.input(aggs[i].Of, a.op == opUniq)
		}
		cells += a.words()
		if a.op == opCount && t.rows < 0 {
			t.rows = t.keyWords + a.cell
		}
		t.aggs = append(t.aggs, a)
		columns = append(columns, column)
	}
	names := map[string]bool{}
	for _, c := range columns {
		if names[c.Name] {
			return nil, &Error{Msg: fmt.Sprintf("two columns are called %q", c.Name), Hint: "name one of them otherwise"}
		}
		names[c.Name] = true
	}
	t.fields = field.Columns(columns...)
	if t.bound > 0 && t.rows < 0 {
		t.aggs = append(t.aggs, aggregate{op: opCount, cell: cells})
		t.rows = t.keyWords + cells
		cells++
	}
	t.recs = newArena(t.keyWords + cells)
	t.slots = newSlots(16)
	t.queue = newQueue(t.keyWords + len(t.inputs))
	if len(keys) == 0 {
		none := make([]uint64, t.keyWords)
		t.slots.link(hash(none), t.begin(none))
	}
	return t, nil
}

// Add puts a row into its group.
func (t *Table) Add(r *field.Row) {
	q := t.queue.next()
	t.pack(r, q[:t.keyWords])
	for i := range t.inputs {
		q[t.keyWords+i] = t.inputs[i].word(r)
	}
	if t.queue.n == batch {
		t.settle()
	}
}

// Has tells whether a row that was added has the keys of r.
func (t *Table) Has(r *field.Row) bool {
	t.settle()
	key := t.queue.at(0)[:t.keyWords]
	t.pack(r, key)
	return t.find(key, hash(key)) >= 0
}

// find returns the record of a group by its key and the hash of that, -1 where
// there is none.
func (t *Table) find(key []uint64, h uint64) int {
	for i := t.slots.first(h); ; i = t.slots.next(i) {
		n, ok := t.slots.at(i, h)
		if n < 0 || ok && same(t.recs.at(n), key) {
			return n
		}
	}
}

// group finds the record of a group by its key and the hash of that, or makes
// it. The key is part of the queue.
func (t *Table) group(key []uint64, h uint64) int {
	if n := t.find(key, h); n >= 0 {
		return n
	}
	if t.bound > 0 && t.recs.n >= 2*t.bound {
		t.cut() // and texts in key have other numbers now
		h = hash(key)
	}
	if t.slots.full(t.recs.n + 1) {
		t.slots = newSlots(2 * len(t.slots.list))
		t.relink()
	}
	t.slots.link(h, t.recs.n)
	return t.begin(key)
}

// same tells whether a record begins with a key.
func same(rec, key []uint64) bool {
	for i, w := range key {
		if rec[i] != w {
			return false
		}
	}
	return true
}

// begin makes the record of a new group.
func (t *Table) begin(key []uint64) int {
	rec := t.recs.add()
	copy(rec, key)
	for i := range t.aggs {
		t.aggs[i].begin(rec[t.keyWords:])
	}
	return t.recs.n - 1
}

// relink fills empty slots with all records.
func (t *Table) relink() {
	for i := range t.recs.n {
		t.slots.link(hash(t.recs.at(i)[:t.keyWords]), i)
	}
}

// Len is the number of groups.
func (t *Table) Len() int {
	t.settle()
	return t.recs.n
}

// Fields are those of the results: the keys, then the aggregates.
func (t *Table) Fields() *field.Set { return t.fields }

// Each calls fn for every group with a row of cells, which is used again for
// the next, in the order in which the groups were first seen. An error of fn
// ends it and is returned. The table must not be added to meanwhile.
func (t *Table) Each(fn func(*field.Row) error) error {
	t.settle()
	var row field.Row
	cells := make([]field.Cell, len(t.fields.Fields()))
	row.ResetCells(cells)
	for i := range t.recs.n {
		rec := t.recs.at(i)
		for j := range t.keys {
			cells[j] = t.unpack(&t.keys[j], rec)
		}
		for j := range cells[len(t.keys):] {
			n, has := t.result(&t.aggs[j], rec[t.keyWords:])
			cells[len(t.keys)+j] = field.Cell{Value: field.Value{Num: n}, Has: has}
		}
		if err := fn(&row); err != nil {
			return err
		}
	}
	return nil
}

// Dropped tells what the bound of [Options] cost: how many groups were cut, one
// that came again and was cut again counts twice, and how many rows they had.
func (t *Table) Dropped() (groups, rows int) {
	t.settle()
	return t.droppedGroups, t.droppedRows
}

// Estimated names the aggregates that are not exact any more: percentiles of
// groups of more than 256 values, which are at most 1 % off the value, and uniq
// of 768 values and more, which is 1.2 % off in the standard deviation.
func (t *Table) Estimated() []string {
	t.settle()
	var names []string
	for i := range t.aggs {
		if t.aggs[i].estimated {
			names = append(names, t.aggs[i].name)
		}
	}
	return names
}

// weight is what counts when groups are cut.
func (t *Table) weight(rec []uint64) float64 {
	n, has := t.result(&t.aggs[0], rec[t.keyWords:])
	if !has {
		return math.Inf(-1)
	}
	return n
}
