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
// filter of q still selects it. What q does behind the filter, such as a sort
// or a function, is not asked again; where the filter asks for what one reading
// cannot tell, every flow is taken to be selected still.
func (q Query) Recheck() func(*wire.View) bool {
	s, ok := q.source.(*Flows)
	if !ok || q.filter.IsAll() || len(s.Spaces) != 1 {
		return func(*wire.View) bool { return true }
	}
	row := &field.Row{}
	row.In(s.Spaces[0].world())
	return func(v *wire.View) bool {
		row.Reset(v)
		return q.filter.Match(row) == filter.True
	}
}
