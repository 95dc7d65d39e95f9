package plan

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestPages(t *testing.T) {
	var p pages
	for i := range 3*pageSize + 1 {
		p.add(&wire.Flow{ID: uint32(i)})
	}
	next := uint32(0)
	for f := range p.all() {
		if f.ID != next {
			t.Fatalf("flow %d comes where %d should", f.ID, next)
		}
		if next++; next == 2*pageSize {
			break // an early end is one too
		}
	}
	if p.n != 3*pageSize+1 || next != 2*pageSize || len(p.list) != 4 {
		t.Errorf("%d flows in %d pages, %d seen", p.n, len(p.list), next)
	}
}
