package query

import (
	"context"
	"strconv"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Query is a selection of flows of a table. It is a value: every change makes
// another one, and nothing runs until it is asked for rows.
type Query struct {
	Filter filter.Filter
	Table  wire.Table
	Limit  int // stop after so many flows, 0 is no limit
}

// Where narrows q to what a filter selects.
func (q Query) Where(f filter.Filter) (Query, error) {
	both, err := q.Filter.And(f)
	q.Filter = both
	return q, err
}

// Unless narrows q to what a filter does not select. A flow of which that is
// unknown goes too.
func (q Query) Unless(f filter.Filter) (Query, error) {
	both, err := q.Filter.Unless(f)
	q.Filter = both
	return q, err
}

// String renders q as it would be typed.
func (q Query) String() string {
	s := "flows"
	if q.Table != wire.TableConntrack {
		s += ":table(" + strconv.Quote(q.Table.String()) + ")"
	}
	if !q.Filter.IsAll() {
		s += ":where(" + strconv.Quote(q.Filter.String()) + ")"
	}
	return s
}

// Dump is the request that delivers at least what q selects.
func (q Query) Dump(can filter.Ability) *wire.Dump {
	req := &wire.Dump{Table: q.Table, Filter: q.Filter.Push(can)}
	if q.Table != wire.TableConntrack { // the other lists are filtered by family only
		req.Filter = wire.Filter{Family: req.Filter.Family}
	}
	return req
}

// Each calls fn for every selected flow, in no order, with a row that is
// reused: who keeps a flow copies it. An error of fn ends the query and is
// returned; conntrack.ErrStop ends it without one.
func (q Query) Each(ctx context.Context, k conntrack.Kernel, able filter.Able, fn func(*field.Row, *wire.View) error) error {
	var row field.Row
	left := q.Limit
	_, err := k.Dump(ctx, q.Dump(able.Of(ctx, q.Filter)), conntrack.DumpOptions{Ahead: true}, func(v *wire.View) error {
		row.Reset(v)
		if q.Filter.Match(&row) != filter.True {
			return nil
		}
		if err := fn(&row, v); err != nil {
			return err
		}
		if left--; left == 0 {
			return conntrack.ErrStop
		}
		return nil
	})
	return err
}

// Count counts the selected flows. Where the filter needs nothing of a flow,
// none is decoded.
func (q Query) Count(ctx context.Context, k conntrack.Kernel, able filter.Able) (n int, err error) {
	if !q.Filter.IsAll() {
		err = q.Each(ctx, k, able, func(*field.Row, *wire.View) error { n++; return nil })
		return n, err
	}
	_, err = k.Dump(ctx, q.Dump(filter.Ability{}), conntrack.DumpOptions{}, func(*wire.View) error {
		n++
		if n == q.Limit {
			return conntrack.ErrStop
		}
		return nil
	})
	return n, err
}
