package query

import (
	"context"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
)

// Late is a selection of flows whose filters are found out each time it is
// asked for: the flows of whoever is logged in.
type Late struct {
	Name string // as it is typed
	Of   *Flows
	// Filters are found out now. A flow that one of them selects is in it; with
	// none there is no flow.
	Filters func(context.Context) ([]filter.Filter, error)
}

// Fields implements Source.
func (s *Late) Fields() *field.Set { return field.Flow }

// String implements Source.
func (s *Late) String() string { return s.Name }

// Each implements Source.
func (s *Late) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	list, err := s.Filters(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	pass := matching(&ask.Filter, fn)
	if len(list) == 1 {
		ask.Filter = list[0]
		return s.Of.Each(ctx, ask, pass)
	}
	ask.Filter = filter.Filter{}
	return s.Of.Each(ctx, ask, func(r *field.Row) error {
		for i := range list {
			if list[i].Match(r) == filter.True {
				return pass(r)
			}
		}
		return nil
	})
}
