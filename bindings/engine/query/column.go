package query

import (
	"context"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
)

// selectStage makes rows of the values that were asked for.
type selectStage struct{ cols []filter.Column }

func (s *selectStage) text() string { return ":select(" + quote(textOf(s.cols)) + ")" }

func (s *selectStage) asks() (needs, bool) { return needsOf(fieldsOf(s.cols)), true }

func (s *selectStage) start(_ *Report, next sink) sink {
	cells := make([]field.Cell, len(s.cols))
	var out field.Row
	return &through{next, func(r *field.Row, next sink) error {
		for i, c := range s.cols {
			cells[i].Value, cells[i].Has = c.Of(r)
		}
		out.ResetCells(cells)
		out.In(r.World())
		return next.row(&out)
	}}
}

// Select makes rows of some values.
func (q Query) Select(cols []filter.Column) Query {
	q = q.then(&selectStage{cols})
	q.fields, q.flows = field.Columns(fieldsOf(cols)...), false
	return q
}

// Added is a column that is added to the rows: an expression, or a function of
// a script.
type Added struct {
	*field.Field
	Text string
	// Bind makes what tells in one run the value of a row, where it is a
	// function. Fields are what it asks for, nil where that is not known.
	Bind   func(context.Context) func(*field.Row) (field.Value, bool, error)
	Fields []*field.Field
}

// withStage adds columns to the rows.
type withStage struct{ cols []Added }

func (s *withStage) text() string {
	t := ":with{"
	for i, c := range s.cols {
		if i > 0 {
			t += ", "
		}
		t += c.Name + " = " + c.Text
	}
	return t + "}"
}

// calls tells whether a column is worked out by a function.
func (s *withStage) calls() bool {
	return slices.ContainsFunc(s.cols, func(c Added) bool { return c.Bind != nil })
}

func (s *withStage) asks() (n needs, replaced bool) {
	for _, c := range s.cols {
		more := needs{}.of(c.Field)
		if c.Bind != nil {
			more = asks(c.Fields)
		}
		n.parts |= more.parts
		n.sysctls = append(n.sysctls, more.sysctls...)
	}
	return n, false
}

func (s *withStage) start(run *Report, next sink) sink {
	var cells []field.Cell
	calls := make([]func(*field.Row) (field.Value, bool, error), len(s.cols))
	for i, c := range s.cols {
		if c.Bind != nil {
			calls[i] = c.Bind(run.ctx)
		}
	}
	return &through{next, func(r *field.Row, next sink) error {
		before := r.Cells()
		cells = append(cells[:0], before...)
		for i := range s.cols {
			c := &s.cols[i]
			var cell field.Cell
			if calls[i] != nil {
				var err error
				if cell.Value, cell.Has, err = calls[i](r); err != nil {
					return err
				}
			} else {
				cell.Value, cell.Has = c.Of(r)
			}
			cells = append(cells, cell)
		}
		r.ResetCells(cells)
		err := next.row(r)
		r.ResetCells(before)
		return err
	}}
}

// With adds columns to the rows. Their names must be new.
func (q Query) With(cols []Added) (Query, error) {
	list := make([]*field.Field, len(cols))
	for i, c := range cols {
		_, taken := q.fields.Lookup(c.Name)
		if taken || slices.ContainsFunc(cols[:i], func(o Added) bool { return o.Name == c.Name }) {
			return q, &Error{Verb: "with", Msg: quote(c.Name) + " is a field already"}
		}
		list[i] = c.Field
	}
	fields := q.fields.With(list...)
	q = q.then(&withStage{slices.Clone(cols)})
	q.fields = fields
	return q, nil
}
