package plan

import (
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
)

// Protection is what no plan may touch.
type Protection struct {
	// Filters select the protected flows. A flow is protected unless each of
	// them is false of it: where one is unknown, it stays.
	Filters []filter.Filter
	// World is what flows are seen against that a plan names itself, or that are
	// read again.
	World *field.World
}

// Covers tells whether a flow is protected.
func (p *Protection) Covers(r *field.Row) bool {
	for i := range p.Filters {
		if p.Filters[i].Match(r) != filter.False {
			return true
		}
	}
	return false
}

// row is a row to look at flows with that were read just now.
func (p *Protection) row() *field.Row {
	r := &field.Row{}
	r.In(p.World)
	return r
}
