package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Protection is what no plan may touch.
type Protection struct {
	// Filters select the protected flows. A flow is protected unless each of
	// them is false of it: where one is unknown, it stays.
	Filters []filter.Filter
	// Flows are all flows that are changed where a plan names none, as an empty
	// of the table does.
	Flows query.Query
	// World is what flows are seen against that a plan names itself.
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

// ProtectedError says that a plan cannot leave out the flows that are
// protected. Nothing was changed.
type ProtectedError struct {
	Op string
	N  int
}

// Error implements error.
func (e *ProtectedError) Error() string {
	return fmt.Sprintf("%s: the table holds %d protected, such as your own session; nothing was changed; flows:where(ct.all):delete() leaves them out", e.Op, e.N)
}

// flushes tells whether p empties the table.
func (p *Plan) flushes() bool {
	return slices.ContainsFunc(p.direct, func(req wire.Request) bool { _, is := req.(*wire.Flush); return is })
}

// Touches tells whether p changes or removes flows that are there, so that a
// Protection matters to it.
func (p *Plan) Touches() bool { return p.query != nil || len(p.flows) > 0 || p.flushes() }

// refuseFlush counts the protected flows that an empty of the table would take
// along.
func (p *Plan) refuseFlush(ctx context.Context, guard *Protection) error {
	if !p.flushes() || len(guard.Filters) == 0 {
		return nil
	}
	n := 0
	_, err := guard.Flows.Each(ctx, func(r *field.Row) error {
		if guard.Covers(r) {
			n++
		}
		return nil
	})
	if err == nil && n > 0 {
		err = &ProtectedError{p.Op, n}
	}
	return err
}

// collect finds up to most of the flows to act on, and counts those that are
// left out.
func (p *Plan) collect(ctx context.Context, guard *Protection, most int) (found *pages, protected int, err error) {
	found = &pages{}
	var row field.Row
	row.In(guard.World)
	for i := range p.flows {
		if row.ResetFlow(&p.flows[i]); guard.Covers(&row) {
			protected++
			continue
		}
		found.add(&p.flows[i])
	}
	if p.query == nil {
		return found, protected, nil
	}
	_, err = p.query.Each(ctx, func(r *field.Row) error {
		if guard.Covers(r) {
			protected++
			return nil
		}
		if found.add(&r.Need(field.PartFlow).Flow); found.n == most {
			return conntrack.ErrStop
		}
		return nil
	})
	return found, protected, err
}
