package group

import "slices"

// Top keeps those of many items that come first, in memory for only as many as
// it keeps. It is not safe for use by several goroutines.
type Top[T any] struct {
	n      int
	before func(a, b *T) bool
	heap   []T // the last of those kept at its root
	item   T   // the one that is looked at, so that it does not escape
}

// NewTop makes a Top of n items in the order of before, which must not keep
// what it is given. Which are kept of items of which neither is before the
// other is not defined, but the same whenever the same items come in the same
// order.
func NewTop[T any](n int, before func(a, b *T) bool) *Top[T] {
	return &Top[T]{n: n, before: before}
}

// Fits tells whether Add would keep an item now. Who must copy an item before
// it is added asks this first.
func (t *Top[T]) Fits(x *T) bool {
	return len(t.heap) < t.n || t.n > 0 && t.before(x, &t.heap[0])
}

// Add puts an item in, and out again the last one where there are too many.
func (t *Top[T]) Add(x T) {
	t.item = x
	if !t.Fits(&t.item) {
		return
	}
	if len(t.heap) < t.n {
		t.heap = append(t.heap, x)
		t.up(len(t.heap) - 1)
		return
	}
	t.heap[0] = x
	t.down()
}

// Len is how many items are kept.
func (t *Top[T]) Len() int { return len(t.heap) }

// Sorted returns the items that are kept, the first one first.
func (t *Top[T]) Sorted() []T {
	list := slices.Clone(t.heap)
	slices.SortFunc(list, func(a, b T) int {
		switch {
		case t.before(&a, &b):
			return -1
		case t.before(&b, &a):
			return 1
		}
		return 0
	})
	return list
}

func (t *Top[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.before(&t.heap[parent], &t.heap[i]) {
			return
		}
		t.heap[parent], t.heap[i] = t.heap[i], t.heap[parent]
		i = parent
	}
}

func (t *Top[T]) down() {
	for i := 0; ; {
		last := 2*i + 1
		if last >= len(t.heap) {
			return
		}
		if right := last + 1; right < len(t.heap) && t.before(&t.heap[last], &t.heap[right]) {
			last = right
		}
		if !t.before(&t.heap[i], &t.heap[last]) {
			return
		}
		t.heap[i], t.heap[last] = t.heap[last], t.heap[i]
		i = last
	}
}
