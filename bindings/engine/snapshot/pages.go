package snapshot

// pageBits makes a page of 512: of flows that is 88 KB, which is 11 pages of
// the allocator without a rest. 256 would waste a twelfth.
const (
	pageBits = 9
	pageLen  = 1 << pageBits
)

// pages are a list in pieces, which is not copied to grow.
type pages[T any] struct {
	list []*[pageLen]T
	n    int
}

// add returns a new last element, all zero.
func (p *pages[T]) add() *T {
	if p.n == len(p.list)*pageLen {
		p.list = append(p.list, new([pageLen]T))
	}
	p.n++
	return p.at(p.n - 1)
}

// at returns element i, which stays where it is.
func (p *pages[T]) at(i int) *T { return &p.list[i>>pageBits][i&(pageLen-1)] }
