package query

import (
	"context"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Query is a selection of flows of a table. It is a value: every change makes
// another one, and nothing runs until it is asked for rows.
type Query struct {
	Filter Filter
	Table  wire.Table
	Limit  int // stop after so many flows, 0 is no limit
}

// Where narrows q by a filter.
func (q Query) Where(f Filter) (Query, error) {
	both, err := q.Filter.And(f)
	q.Filter = both
	return q, err
}

// String renders q as it would be typed.
func (q Query) String() string {
	s := "flows"
	if q.Table != wire.TableConntrack {
		s += ":table(" + `"` + q.Table.String() + `")`
	}
	if !q.Filter.IsAll() {
		s += ":where{" + q.Filter.String() + "}"
	}
	return s
}

// Dump is the request that delivers at least what q selects.
func (q Query) Dump(can Ability) *wire.Dump {
	req := &wire.Dump{Table: q.Table}
	if q.Table == wire.TableConntrack {
		req.Filter = q.Filter.Push(can)
	} else if can.Family {
		req.Filter.Family = q.Filter.family()
	}
	return req
}

// Each calls fn for every selected flow, in no order, with an entry that is
// reused: who keeps a flow copies it. full asks for all that an Entry holds,
// otherwise only Entry.Flow is sure to be filled. An error of fn ends the query
// and is returned; conntrack.ErrStop ends it without one.
func (q Query) Each(ctx context.Context, k conntrack.Kernel, able Able, full bool, fn func(*wire.Entry, *wire.View) error) error {
	var e wire.Entry
	full = full || q.Filter.extra
	all := q.Filter.IsAll()
	left := q.Limit
	_, err := k.Dump(ctx, q.Dump(able.of(ctx, q.Filter)), conntrack.DumpOptions{Ahead: true}, func(v *wire.View) error {
		if full {
			v.Entry(&e)
		} else {
			v.Flow(&e.Flow)
		}
		if !all && !q.Filter.Match(&e) {
			return nil
		}
		if err := fn(&e, v); err != nil {
			return err
		}
		if left--; left == 0 {
			return conntrack.ErrStop
		}
		return nil
	})
	return err
}

// Count counts the selected flows. Where the kernel's filter is all of q's the
// flows are not even decoded.
func (q Query) Count(ctx context.Context, k conntrack.Kernel, able Able) (n int, err error) {
	if !q.Filter.IsAll() {
		err = q.Each(ctx, k, able, false, func(*wire.Entry, *wire.View) error { n++; return nil })
		return n, err
	}
	_, err = k.Dump(ctx, q.Dump(able.of(ctx, q.Filter)), conntrack.DumpOptions{}, func(*wire.View) error {
		n++
		if n == q.Limit {
			return conntrack.ErrStop
		}
		return nil
	})
	return n, err
}
