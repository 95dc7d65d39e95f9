package group

import (
	"math"
	"slices"
)

// A percentile is exact while a group has few values: they are kept as a list.
// Then they are counted by buckets as wide as 1/64 of the power of two below
// them, of which the middle is at most 1/128 off any value of it. A bucket is a
// word of a set: its number in the high bits, how many values it has in the low
// ones.

// exactValues is how many values of a group are kept as they are.
const exactValues = 256

const (
	// bucketBits are the sign, the exponent and six bits of the mantissa.
	bucketBits = 1 + 11 + 6
	countBits  = 64 - bucketBits
)

// value adds a number to a percentile.
func (t *Table) value(a *aggregate, cell *uint64, n float64) {
	n += 0 // -0 is 0
	if !a.fraction && n != math.Trunc(n) {
		a.fraction = true
	}
	r := ref(*cell)
	switch {
	case r.isSketch():
		r = t.bump(r, n)
	case r.len() < exactValues:
		r = t.pool.push(r, math.Float64bits(n))
	default:
		sketch := ref(0)
		for _, w := range t.pool.words(r)[:exactValues] {
			sketch = t.bump(sketch, math.Float64frombits(w))
		}
		t.pool.release(r)
		r = t.bump(sketch, n)
		a.estimated = true
	}
	*cell = uint64(r)
}

// bump counts a value in its bucket.
func (t *Table) bump(r ref, n float64) ref {
	r, w, isNew := t.pool.insert(r&^refSketch, ordered(n)>>countBits<<countBits|1, countBits)
	if !isNew {
		*w++
	}
	return r | refSketch
}

// percentile is the value of the nearest rank.
func (t *Table) percentile(a *aggregate, r ref) (float64, bool) {
	if r == 0 {
		return 0, false
	}
	if !r.isSketch() {
		t.values = t.values[:0]
		for _, w := range t.pool.words(r)[:r.len()] {
			t.values = append(t.values, math.Float64frombits(w))
		}
		return nth(t.values, rank(a.arg, uint64(r.len()))), true
	}
	t.buckets = t.buckets[:0]
	total := uint64(0)
	for _, w := range t.pool.words(r) {
		if w != 0 {
			t.buckets = append(t.buckets, w)
			total += w & (1<<countBits - 1)
		}
	}
	slices.Sort(t.buckets)
	left := uint64(rank(a.arg, total))
	for _, w := range t.buckets {
		count := w & (1<<countBits - 1)
		if left < count {
			return middle(w>>countBits, a.fraction), true
		}
		left -= count
	}
	return 0, false
}

// rank is which of n sorted values, the first is 0, a percentage means. The tiny
// part taken off is what 99.9 % of 1000 is too much in binary.
func rank(percent float64, n uint64) int {
	return max(1, int(math.Ceil(percent*float64(n)/100-1e-9))) - 1
}

// middle is what stands for the values of a bucket.
func middle(bucket uint64, fraction bool) float64 {
	from, to := unordered(bucket<<countBits), unordered((bucket+1)<<countBits)
	switch {
	case from == 0:
		return 0
	case math.IsInf(to, 0):
		return from
	case fraction:
		return from + (to-from)/2
	}
	// Of whole numbers, the buckets below 128 have only one.
	return math.Trunc(from + (to-from)/2)
}

// ordered maps numbers to words that sort like them.
func ordered(n float64) uint64 {
	b := math.Float64bits(n)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func unordered(w uint64) float64 {
	if w>>63 != 0 {
		return math.Float64frombits(w &^ (1 << 63))
	}
	return math.Float64frombits(^w)
}
