package query

import (
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Static is the one namespace and the one filter that select the flows of q,
// false where q selects by anything else: stages, functions, rates, another
// list of the kernel.
func (q Query) Static() (*Space, filter.Filter, bool) {
	s, ok := q.source.(*Flows)
	if !ok || len(q.stages) > 0 || len(s.Spaces) != 1 || s.Table != wire.TableConntrack {
		return nil, filter.Filter{}, false
	}
	return s.Spaces[0], q.filter, true
}

// Recheck returns what tells, of a flow that is read again now, whether the
// filters of q still select it. What q does behind a filter, such as a sort or a
// function, is not asked again, and neither is a filter over what is no list of
// the kernel: the flow is taken to be selected still.
func (q Query) Recheck() func(*wire.View) bool {
	space, one := q.space()
	if !one {
		return func(*wire.View) bool { return true }
	}
	row := &field.Row{}
	row.In(space.world())
	return func(v *wire.View) bool {
		row.Reset(v)
		return q.still(row)
	}
}

// space is the one namespace whose flows q reads.
func (q Query) space() (*Space, bool) {
	switch s := q.source.(type) {
	case *Flows:
		if len(s.Spaces) == 1 {
			return s.Spaces[0], true
		}
	case *union:
		a, one := s.parts[0].space()
		b, other := s.parts[1].space()
		return a, one && other && a.Kernel == b.Kernel
	}
	return nil, false
}

// still tells whether the filters of q select a row of its space.
func (q Query) still(r *field.Row) bool {
	if !q.filter.IsAll() && q.filter.Match(r) != filter.True {
		return false
	}
	u, ok := q.source.(*union)
	return !ok || u.parts[0].still(r) || u.parts[1].still(r)
}
