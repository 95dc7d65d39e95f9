package plan

import (
	"iter"
	"slices"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// pages are a list of flows in pieces: a long one is never copied to grow,
// which would cost as much as deleting its flows.
type pages struct {
	list [][]wire.Flow
	n    int
}

// pageSize is the number of flows a piece, 45 KB.
const pageSize = 256

func (p *pages) add(f *wire.Flow) {
	last := len(p.list) - 1
	if last < 0 || len(p.list[last]) == pageSize {
		p.list, last = append(p.list, make([]wire.Flow, 0, pageSize)), last+1
	}
	p.list[last] = append(p.list[last], *f)
	p.n++
}

// windows passes the flows in slices of up to n.
func (p *pages) windows(n int) iter.Seq[[]wire.Flow] {
	return func(yield func([]wire.Flow) bool) {
		for _, page := range p.list {
			for part := range slices.Chunk(page, n) {
				if !yield(part) {
					return
				}
			}
		}
	}
}

func (p *pages) all() iter.Seq[*wire.Flow] {
	return func(yield func(*wire.Flow) bool) {
		for _, page := range p.list {
			for i := range page {
				if !yield(&page[i]) {
					return
				}
			}
		}
	}
}
