package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// stage is a verb between the source and the end of a query. It is a value
// that many runs share; start makes what one run needs.
type stage interface {
	text() string // as it is typed, from the colon on
	start(run *Report, next sink) sink
	// asks is what it asks of a row, and whether what is behind it gets another
	// row.
	asks() (needs, bool)
}

// needs is what something asks of a row.
type needs struct {
	parts   field.Part
	sysctls []string
}

// of adds what a field asks for.
func (n needs) of(f *field.Field) needs {
	n.parts |= f.Part
	if f.Needs != "" && !slices.Contains(n.sysctls, f.Needs) {
		n.sysctls = append(slices.Clip(n.sysctls), f.Needs)
	}
	return n
}

func needsOf(fields []*field.Field) (n needs) {
	for _, f := range fields {
		n = n.of(f)
	}
	return n
}

func needsOfFilter(f *filter.Filter) needs { return needs{f.Parts(), f.Needs()} }

// sink takes the rows of one run. A row is valid during the call only.
type sink interface {
	// row takes one row. conntrack.ErrStop says that no more are wanted.
	row(r *field.Row) error
	// end says that there are no more, or that no more are wanted.
	end() error
}

// through is a sink that passes rows on one by one and has nothing left at the
// end.
type through struct {
	next sink
	fn   func(r *field.Row, next sink) error
}

func (s *through) row(r *field.Row) error { return s.fn(r, s.next) }
func (s *through) end() error             { return s.next.end() }

// filterStage selects behind a stage that a filter cannot be moved over.
type filterStage struct{ filter filter.Filter }

func (s *filterStage) text() string { return ":where(" + quote(s.filter.String()) + ")" }

func (s *filterStage) asks() (needs, bool) { return needsOfFilter(&s.filter), false }

func (s *filterStage) start(_ *Report, next sink) sink {
	return &through{next, func(r *field.Row, next sink) error {
		if s.filter.Match(r) != filter.True {
			return nil
		}
		return next.row(r)
	}}
}

// limitStage passes the first n rows.
type limitStage struct{ n int }

func (s limitStage) text() string { return ":limit(" + strconv.Itoa(s.n) + ")" }

func (limitStage) asks() (needs, bool) { return needs{}, false }

func (s limitStage) start(_ *Report, next sink) sink {
	left := s.n
	return &through{next, func(r *field.Row, next sink) error {
		if left <= 0 {
			return conntrack.ErrStop
		}
		left--
		if err := next.row(r); err != nil || left > 0 {
			return err
		}
		return conntrack.ErrStop
	}}
}

// Limit passes at most n rows and then stops reading.
func (q Query) Limit(n int) Query { return q.then(limitStage{n}) }

// skipStage leaves out the first n rows.
type skipStage struct{ n int }

func (s skipStage) text() string { return ":skip(" + strconv.Itoa(s.n) + ")" }

func (skipStage) asks() (needs, bool) { return needs{}, false }

func (s skipStage) start(_ *Report, next sink) sink {
	left := s.n
	return &through{next, func(r *field.Row, next sink) error {
		if left > 0 {
			left--
			return nil
		}
		return next.row(r)
	}}
}

// Skip leaves out the first n rows.
func (q Query) Skip(n int) Query { return q.then(skipStage{n}) }

// sampleStage passes each row with a probability.
type sampleStage struct{ share float64 }

func (s sampleStage) text() string {
	return ":sample(" + strconv.FormatFloat(s.share, 'g', -1, 64) + ")"
}

func (sampleStage) asks() (needs, bool) { return needs{}, false }

func (s sampleStage) start(_ *Report, next sink) sink {
	return &through{next, func(r *field.Row, next sink) error {
		if rand.Float64() >= s.share {
			return nil
		}
		return next.row(r)
	}}
}

// Sample passes each row with a probability from 0 to 1.
func (q Query) Sample(share float64) Query { return q.then(sampleStage{share}) }

// distinctStage passes the first row of each key.
type distinctStage struct {
	cols []filter.Column
	list string
}

func (s *distinctStage) text() string { return ":distinct(" + quote(s.list) + ")" }

func (s *distinctStage) asks() (needs, bool) { return needsOf(fieldsOf(s.cols)), false }

func (s *distinctStage) start(_ *Report, next sink) sink {
	seen := newSeen(fieldsOf(s.cols))
	return &through{next, func(r *field.Row, next sink) error {
		if !seen.add(r) {
			return nil
		}
		return next.row(r)
	}}
}

// Distinct passes the first row of each combination of values.
func (q Query) Distinct(cols []filter.Column) Query {
	return q.then(&distinctStage{cols, textOf(cols)})
}

// Func is a function of a script that is called with rows. It runs where the
// script does: see [Query.Split].
type Func struct {
	Name string // what is shown of it
	// Bind makes what tells in one run whether a row is selected.
	Bind func(context.Context) func(*field.Row) (bool, error)
	// Fields are what it asks for, nil where that is not known.
	Fields []*field.Field
}

// funcStage selects by a function.
type funcStage struct {
	fn  Func
	not bool
}

func (s *funcStage) text() string {
	if s.not {
		return ":unless(" + s.fn.Name + ")"
	}
	return ":where(" + s.fn.Name + ")"
}

// asks is everything where it is not known what a function asks for.
func asks(fields []*field.Field) needs {
	if fields == nil {
		return needs{parts: field.PartAll}
	}
	return needsOf(fields)
}

func (s *funcStage) asks() (needs, bool) { return asks(s.fn.Fields), false }

func (s *funcStage) start(run *Report, next sink) sink {
	pass := s.fn.Bind(run.ctx)
	return &through{next, func(r *field.Row, next sink) error {
		ok, err := pass(r)
		if err != nil || ok == s.not {
			return err
		}
		return next.row(r)
	}}
}

// WhereFunc narrows q to the rows for which fn is true, or with not to the
// others.
func (q Query) WhereFunc(fn Func, not bool) Query {
	q.narrow = true
	return q.then(&funcStage{fn, not})
}

func fieldsOf(cols []filter.Column) []*field.Field {
	list := make([]*field.Field, len(cols))
	for i, c := range cols {
		list[i] = c.Field
	}
	return list
}

// textOf renders columns as they are typed.
func textOf(cols []filter.Column) (s string) {
	for i, c := range cols {
		if i > 0 {
			s += ", "
		}
		if c.Reverse {
			s += "-"
		}
		s += c.Text
	}
	return s
}

// plural is "1 group", "2 groups".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
