package group

import (
	"math"
	"math/bits"
)

// The number of distinct values is exact below exactDistinct: the set of their
// 64-bit hashes is kept, so two values count as one with a chance of 1 in 2^64.
// Then it is estimated by HyperLogLog with 8192 registers, whose standard error
// is 1.04/sqrt(8192) = 1.15 %.
//
// The registers have 6 bits, 10 in a word. The words behind them count how many
// registers have each value, so that an estimate does not read them all.
const (
	distinctClass = 10 // the largest set, and the sketch: 8 KiB
	exactDistinct = 3 << distinctClass / 4

	hllBits   = 13
	registers = 1 << hllBits
	maxRank   = 64 - hllBits + 1
	perWord   = 10
	counts    = (registers + perWord - 1) / perWord // where they begin in the block
)

// distinct adds the hash of a value to a set.
func (t *Table) distinct(a *aggregate, cell *uint64, h uint64) {
	r := ref(*cell)
	if !r.isSketch() {
		var isNew bool
		if r, _, isNew = t.pool.insert(r, h, 0); isNew && r.len() >= exactDistinct {
			r = t.sketch(r)
			a.estimated = true
		}
		*cell = uint64(r)
		return
	}
	observe(t.pool.words(r), h)
}

// sketch makes a sketch of a set.
func (t *Table) sketch(set ref) ref {
	r := t.pool.alloc(distinctClass) | refSketch
	b := t.pool.words(r)
	b[counts] = registers
	for _, h := range t.pool.words(set) {
		if h != 0 {
			observe(b, h)
		}
	}
	t.pool.release(set)
	return r
}

// observe notes a hash in the registers.
func observe(b []uint64, h uint64) {
	reg := h & (registers - 1)
	rank := uint64(min(bits.LeadingZeros64(h)+1, maxRank))
	w, shift := &b[reg/perWord], 6*(reg%perWord)
	old := *w >> shift & 63
	if rank > old {
		*w += (rank - old) << shift
		b[counts+old]--
		b[counts+rank]++
	}
}

// distincts is how many values a set has.
func (t *Table) distincts(r ref) float64 {
	if !r.isSketch() {
		return float64(r.len())
	}
	return estimate(t.pool.words(r)[counts : counts+maxRank+1])
}

// estimate reads a HyperLogLog by the improved estimator of Otmar Ertl ("New
// cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm
// 6), which has no bias at small and large numbers and needs no tables.
func estimate(c []uint64) float64 {
	const m = float64(registers)
	z := m * tau(1-float64(c[maxRank])/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = 0.5 * (z + float64(c[k]))
	}
	z += m * sigma(float64(c[0])/m)
	return math.Round(m / (2 * math.Ln2) * m / z)
}

// sigma corrects for registers that are still 0.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += x * y
		y += y
		if z == before {
			return z
		}
	}
}

// tau corrects for registers that cannot get higher.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}
