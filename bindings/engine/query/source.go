package query

import (
	"context"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// Source is where rows come from.
type Source interface {
	// Fields are what the rows have.
	Fields() *field.Set
	// Each calls fn for every row that ask selects, in no order, with a row that
	// is used again. An error of fn ends it and is returned;
	// conntrack.ErrStop ends it without one.
	Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error
	// String renders the source as it would be typed.
	String() string
}

// Ask is what a query wants of a source.
type Ask struct {
	Filter filter.Filter
	// tell takes what a run inside the source has to tell.
	tell func(Report)
}

// Space is the connection tracking of one network namespace.
type Space struct {
	Name   string // "" for the namespace of the process
	Kernel conntrack.Kernel
	Able   filter.Able         // what filtering may be left to the kernel
	Look   func() *field.World // what flows are seen against that are read from now on; nil knows nothing
}

// world is what flows are seen against in one run.
func (s *Space) world() *field.World {
	if s.Look == nil {
		return nil
	}
	return s.Look()
}

// matching calls fn for a row that a filter selects.
func matching(f *filter.Filter, fn func(*field.Row) error) func(*field.Row) error {
	if f.IsAll() {
		return fn
	}
	return func(r *field.Row) error {
		if f.Match(r) != filter.True {
			return nil
		}
		return fn(r)
	}
}

// unstopped takes the error that only means the end.
func unstopped(err error) error {
	if err == conntrack.ErrStop { //nolint:errorlint // it is passed on as it is
		return nil
	}
	return err
}

// Computed are rows that are worked out anew each time they are asked for:
// expectations, counters.
type Computed struct {
	Name string // as it is typed
	Set  *field.Set
	// Rows calls fn for every row. The row is used again.
	Rows func(ctx context.Context, fn func(*field.Row) error) error
}

// Fields implements Source.
func (s *Computed) Fields() *field.Set { return s.Set }

// String implements Source.
func (s *Computed) String() string { return s.Name }

// Each implements Source.
func (s *Computed) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	return unstopped(s.Rows(ctx, matching(&ask.Filter, fn)))
}

// Frozen are the flows of a snapshot.
type Frozen struct {
	Name string // as it is typed
	Snap *snapshot.Snapshot
	Of   []*Space // where the flows were read
	// Selects says that they are not simply everything there was.
	Selects bool
}

// Fields implements Source.
func (s *Frozen) Fields() *field.Set { return field.Flow }

// String implements Source.
func (s *Frozen) String() string { return s.Name }

// Each implements Source.
func (s *Frozen) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	n := 0
	pass := matching(&ask.Filter, fn)
	return unstopped(s.Snap.Each(func(r *field.Row) error {
		if n++; n&1023 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return pass(r)
	}))
}
