package query

import (
	"context"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Flows are the flows of one or more network namespaces.
type Flows struct {
	Spaces []*Space
	Table  wire.Table
	Verb   string // how several namespaces were asked for, ":all_ns()"
}

// Fields implements Source.
func (s *Flows) Fields() *field.Set { return field.Flow }

// String implements Source.
func (s *Flows) String() string {
	text := "flows" + s.Verb
	if s.Table != wire.TableConntrack {
		text += ":table(" + quote(s.Table.String()) + ")"
	}
	return text
}

// Each implements Source: one namespace after the other.
func (s *Flows) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	for _, space := range s.Spaces {
		stopped := false
		err := space.read(ctx, s.Table, ask, func(r *field.Row) error {
			err := fn(r)
			stopped = err != nil
			return err
		})
		if stopped {
			return unstopped(err)
		}
		if err != nil {
			return space.named(err)
		}
	}
	return nil
}

// named says in which namespace it failed, where that is not clear.
func (s *Space) named(err error) error {
	if s.Name == "" || err == nil {
		return err
	}
	for _, name := range []string{s.Name, quote(s.Name)} {
		if strings.Contains(err.Error(), "namespace "+name) {
			return err
		}
	}
	return &spaceError{s.Name, err}
}

type spaceError struct {
	name string
	err  error
}

func (e *spaceError) Error() string { return e.err.Error() + " (in namespace " + e.name + ")" }
func (e *spaceError) Unwrap() error { return e.err }

// count counts the flows without looking at them.
func (s *Flows) count(ctx context.Context) (n int, err error) {
	progress := progressOf(ctx)
	for _, space := range s.Spaces {
		_, err := space.Kernel.Dump(ctx, &wire.Dump{Table: s.Table}, conntrack.DumpOptions{}, func(*wire.View) error {
			if n++; n&1023 == 0 {
				progress.add(1024)
			}
			return nil
		})
		if err != nil {
			return n, space.named(err)
		}
	}
	return n, nil
}

// read reads the flows of one namespace that ask selects.
func (s *Space) read(ctx context.Context, table wire.Table, ask Ask, fn func(*field.Row) error) error {
	a := s.access(ctx, table, ask.Filter)
	var row field.Row
	row.In(s.world())
	if a.keys != nil {
		list, whole, err := s.get(ctx, a.keys)
		if err != nil {
			return err
		}
		if whole {
			return pass(list, &row, matching(&ask.Filter, fn))
		}
		a = s.dumps(ctx, ask.Filter)
	}
	progress, told := progressOf(ctx), 0
	stopped := false // a dump that was ended early says nothing of that
	for i, p := range a.parts {
		earlier := a.parts[:i]
		if p.family != 0 {
			earlier = nil
		}
		opt := conntrack.DumpOptions{Partition: a.partition, Ahead: !unhurried(ctx)}
		_, err := s.Kernel.Dump(ctx, p.dump, opt, func(v *wire.View) error {
			if told++; told&1023 == 0 {
				progress.add(1024)
			}
			if p.family != 0 && v.Family() != p.family {
				return nil // a kernel that did not filter: it comes with its own part
			}
			row.Reset(v)
			if !p.filter.IsAll() && p.filter.Match(&row) != filter.True {
				return nil
			}
			for j := range earlier {
				if earlier[j].filter.Match(&row) == filter.True {
					return nil // it came with that part
				}
			}
			err := fn(&row)
			stopped = err != nil
			return err
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

// get reads flows one by one. It is not whole where the kernel answered with
// another flow, whose reply has the tuple that was asked for: with split zones
// that may hide the one that was meant.
func (s *Space) get(ctx context.Context, keys []wire.Key) (list []*wire.Entry, whole bool, err error) {
	for i := range keys {
		e := &wire.Entry{}
		found, err := s.Kernel.Get(ctx, wire.Get{Key: keys[i]}, e)
		if err != nil {
			return nil, false, err
		}
		if !found {
			continue
		}
		if !filter.Answers(&keys[i], &e.Flow) {
			return nil, false, nil
		}
		list = append(list, e)
	}
	return list, true, nil
}

// pass calls fn for flows that were read, each once: two keys may name one.
func pass(list []*wire.Entry, row *field.Row, fn func(*field.Row) error) error {
	known := flowSet{}
	for _, e := range list {
		row.ResetEntry(e)
		if !known.add(row) {
			continue
		}
		if err := fn(row); err != nil {
			return unstopped(err)
		}
	}
	return nil
}
