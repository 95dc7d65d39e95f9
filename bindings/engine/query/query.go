package query

import (
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
)

// Query is a selection of rows. It is a value: every change makes another one,
// and nothing runs until it is asked for rows.
type Query struct {
	source Source
	filter filter.Filter // what the source is asked for
	stages []stage       // what is done to its rows, in order
	fields *field.Set    // what the rows have that come out
	flows  bool          // they are flows, perhaps with columns added
	narrow bool          // some verb selects: it is not simply everything
}

// New returns all rows of a source.
func New(s Source) Query {
	frozen, _ := s.(*Frozen)
	_, late := s.(*Late)
	return Query{source: s, fields: s.Fields(), flows: s.Fields() == field.Flow, narrow: late || frozen != nil && frozen.Selects}
}

// Fields are what the rows have.
func (q Query) Fields() *field.Set { return q.fields }

// IsFlows tells whether the rows are flows.
func (q Query) IsFlows() bool { return q.flows }

// Selects tells whether any verb narrows the source.
func (q Query) Selects() bool { return q.narrow }

// Source is where the rows come from.
func (q Query) Source() Source { return q.source }

// Error says that a verb cannot be applied to the rows of a query.
type Error struct {
	Verb string
	Msg  string
	Hint string // what to do, "" for none
}

// Error implements error, in one line.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Verb + ": " + e.Msg
	}
	return e.Verb + ": " + e.Msg + "; " + e.Hint
}

// Narrowed tells whether anything is done to the rows of the source.
func (q Query) Narrowed() bool { return len(q.stages) > 0 || !q.filter.IsAll() }

// Spaces are the network namespaces that the flows are read from.
func (q Query) Spaces() []*Space {
	switch s := q.source.(type) {
	case *Flows:
		return s.Spaces
	case *Frozen:
		return s.Of
	case *delta:
		return s.q.Spaces()
	case *Late:
		return s.Of.Spaces
	case *union:
		list := s.parts[0].Spaces()
		for _, space := range s.parts[1].Spaces() {
			if !slices.Contains(list, space) {
				list = append(slices.Clip(list), space)
			}
		}
		return list
	}
	return nil
}

// Space is the one namespace that the flows are of. Several are an error: a
// change is made in one.
func (q Query) Space(verb string) (*Space, error) {
	if list := q.Spaces(); len(list) == 1 {
		return list[0], nil
	}
	return nil, &Error{Verb: verb, Msg: "the flows are not those of one namespace", Hint: `name one: ct.ns("name").flows`}
}

// Heaviest is the column of the first aggregate where q ends in a grouping,
// "" elsewhere.
func (q Query) Heaviest() string {
	for i := len(q.stages) - 1; i >= 0; i-- {
		switch s := q.stages[i].(type) {
		case *groupStage:
			if len(s.aggs) > 0 {
				return s.aggs[0].Name
			}
			return ""
		case *selectStage:
			return ""
		}
	}
	return ""
}

// then adds a stage.
func (q Query) then(s stage) Query {
	q.stages = append(slices.Clip(q.stages), s)
	return q
}

// Where narrows q to what a filter selects.
func (q Query) Where(f filter.Filter) (Query, error) {
	return q.both(f, func(a filter.Filter) (filter.Filter, error) { return a.And(f) }, "where")
}

// Unless narrows q to what a filter does not select. A row of which that is
// unknown goes too.
func (q Query) Unless(f filter.Filter) (Query, error) {
	return q.both(f, func(a filter.Filter) (filter.Filter, error) { return a.Unless(f) }, "unless")
}

// both joins a filter to the one at the end of q.
func (q Query) both(f filter.Filter, join func(filter.Filter) (filter.Filter, error), verb string) (_ Query, err error) {
	q.narrow = q.narrow || !f.IsAll() || verb == "unless"
	if len(q.stages) == 0 {
		q.filter, err = join(q.filter)
		return q, err
	}
	last := len(q.stages) - 1
	if s, ok := q.stages[last].(*filterStage); ok {
		f, err := join(s.filter)
		q.stages = append(slices.Clone(q.stages[:last]), &filterStage{f})
		return q, err
	}
	f, err = join(filter.Filter{})
	if f.IsAll() {
		return q, err
	}
	return q.then(&filterStage{f}), err
}

// String renders q as it would be typed.
func (q Query) String() string {
	var b strings.Builder
	b.WriteString(q.source.String())
	if !q.filter.IsAll() {
		b.WriteString(":where(" + quote(q.filter.String()) + ")")
	}
	for _, s := range q.stages {
		b.WriteString(s.text())
	}
	return b.String()
}

// quote renders a text as a Lua string.
func quote(s string) string {
	b := []byte{'"'}
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
