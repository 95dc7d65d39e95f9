package group

import (
	"math"
	"math/rand/v2"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// cut drops all but the bound heaviest groups. As many new groups must come
// before the next cut as this one keeps, and it takes time linear in them, so a
// row costs a constant in the long run.
func (t *Table) cut() {
	n := t.recs.n
	t.weights = t.weights[:0]
	for i := range n {
		t.weights = append(t.weights, t.weight(t.recs.at(i)))
	}
	t.values = append(t.values[:0], t.weights...)
	least := nth(t.values, n-t.bound)
	spare := t.bound // how many of those that weigh just least stay
	for _, w := range t.weights {
		if w > least {
			spare--
		}
	}

	old := t.texts
	t.texts = newTexts()
	kept := 0
	for i := range n {
		rec := t.recs.at(i)
		switch w := t.weights[i]; {
		case w > least:
		case w == least && spare > 0:
			spare--
		default:
			t.drop(rec)
			continue
		}
		t.renumber(rec, old)
		copy(t.recs.at(kept), rec)
		kept++
	}
	t.recs.truncate(kept)

	clear(t.slots.list)
	t.relink()
	t.moved(old)
}

// drop counts what is lost with a group and gives its blocks back.
func (t *Table) drop(rec []uint64) {
	t.droppedGroups++
	t.droppedRows += int(rec[t.rows])
	for i := range t.aggs {
		if a := &t.aggs[i]; a.op == opPct || a.op == opUniq {
			t.pool.release(ref(rec[t.keyWords+a.cell]))
		}
	}
}

// renumber gives the texts of a key their numbers among those that are still
// used: otherwise the texts of dropped groups would stay.
func (t *Table) renumber(rec []uint64, old *texts) {
	for i := range t.keys {
		k := &t.keys[i]
		if k.Kind != field.Text && k.Kind != field.Parent || rec[0]&k.present == 0 {
			continue
		}
		w := &rec[k.word]
		id := t.texts.keep(old.list[uint32(*w>>k.shift)])
		*w = *w&^(math.MaxUint32<<k.shift) | uint64(id)<<k.shift
	}
}

// nth returns what list would have at index n if it was sorted, and changes
// its order. It takes linear time, also where many are the same.
func nth(list []float64, n int) float64 {
	for {
		pivot := list[rand.IntN(len(list))]
		// below | same | not looked at | above
		below, at, above := 0, 0, len(list)
		for at < above {
			switch v := list[at]; {
			case v < pivot:
				list[at], list[below] = list[below], v
				below++
				at++
			case v > pivot:
				above--
				list[at], list[above] = list[above], v
			default:
				at++
			}
		}
		switch {
		case n < below:
			list = list[:below]
		case n < above:
			return pivot
		default:
			list, n = list[above:], n-above
		}
	}
}
