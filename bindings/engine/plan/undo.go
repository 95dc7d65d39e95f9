package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Revert makes the Action that takes back what a Note says.
type Revert func(Note) (Action, error)

// Undo plans to take back what a journal says: deleted flows are made again,
// made ones deleted, changed ones get what they had. It can be applied again:
// what is there already stays as it is, and a flow that came since is never
// overwritten. r must be readable until then: open, or at rest.
func Undo(r *journal.Reader, revert Revert) *Plan {
	return &Plan{[]step{&undoStep{r: r, revert: revert}}}
}

// undoStep is the change that takes back another.
type undoStep struct {
	mu     sync.Mutex // the same plan may be applied by several tasks
	r      *journal.Reader
	revert Revert
}

// forward passes the changes in the order they were made.
func (s *undoStep) forward(fn func(journal.Change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Each(fn)
}

// backward passes them from the last to the first.
func (s *undoStep) backward(fn func(journal.Change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Back(fn)
}

func (s *undoStep) words() (op, target string) {
	h := s.r.Header()
	return "undo " + h.Op, h.Target
}

// find implements step.
func (s *undoStep) find(_ context.Context, a *application) (job, error) {
	err := s.forward(func(c journal.Change) error {
		switch c.Kind {
		case journal.Delete:
			a.made++
			a.revived++
		case journal.Create, journal.Update:
			a.touched++
			a.revived++ // it was within its bounds when it was made
		default:
			a.made++
			a.revived++
		}
		return nil
	})
	if d := s.r.Damage(); d != nil {
		a.res.note(damaged(d))
	}
	return s, err
}

// damaged says what an undo of a damaged journal takes back.
func damaged(d *record.DamageError) string {
	return fmt.Sprintf("the journal is %s; what stands before that is taken back", d)
}

// run is consecutive changes of one kind.
type run struct {
	kind journal.Kind
	n    int
}

// run implements job: from the last change to the first, since what was changed
// twice comes to be as it was before the first time.
func (s *undoStep) run(ctx context.Context, a *application) error {
	var runs []run
	err := s.backward(func(c journal.Change) error {
		if last := len(runs) - 1; last < 0 || runs[last].kind != c.Kind {
			runs = append(runs, run{c.Kind, 1})
		} else {
			runs[last].n++
		}
		return nil
	})
	if err == nil {
		a.remade, err = s.remade(a.opt.Journal)
	}
	begin := 0
	for i := 0; i < len(runs) && err == nil; i++ {
		err = s.back(ctx, a, runs[i].kind, begin, begin+runs[i].n)
		begin += runs[i].n
	}
	return err
}

// part calls fn for the changes from begin to end, counted from the last.
func (s *undoStep) part(begin, end int, fn func(journal.Change) error) error {
	n := 0
	err := s.backward(func(c journal.Change) error {
		n++
		switch {
		case n <= begin:
			return nil
		case n > end:
			return conntrack.ErrStop
		}
		return fn(c)
	})
	if errors.Is(err, conntrack.ErrStop) {
		return nil
	}
	return err
}

// back takes changes of one kind back.
func (s *undoStep) back(ctx context.Context, a *application, kind journal.Kind, begin, end int) error {
	header := s.r.Header()
	switch kind {
	case journal.Delete:
		return s.revive(ctx, a, begin, end)
	case journal.Action:
		return s.part(begin, end, func(c journal.Change) error { return s.act(ctx, a, c.Payload) })
	}
	back := &changesBack{a: a}
	err := s.part(begin, end, func(c journal.Change) error { return back.add(ctx, c, header.Age(c.At)) })
	if err != nil {
		return err
	}
	return back.flush(ctx)
}

// revive makes deleted flows again.
func (s *undoStep) revive(ctx context.Context, a *application, begin, end int) error {
	rev, err := newReviver(ctx, a, ConflictSkip, restore.Options{})
	if err != nil {
		return err
	}
	header := s.r.Header()
	var age time.Duration
	ages := map[wire.Tuple]time.Duration{} // of the flows that may be made later than they are read
	err = restore.Ordered(func(fn func(*wire.Entry) error) error {
		var v wire.View
		return s.part(begin, end, func(c journal.Change) error {
			var e wire.Entry
			if err := v.Reset(c.Payload); err != nil {
				return err
			}
			v.Entry(&e)
			if age = header.Age(c.At); e.Has(wire.HasMaster) {
				ages[e.Orig] = age
			}
			return fn(&e)
		})
	}, func(e *wire.Entry, problem *restore.MasterError) error {
		if e.Has(wire.HasMaster) {
			age = ages[e.Orig]
		}
		return rev.add(ctx, e, age, problem)
	})
	return rev.close(ctx, err)
}

// act takes an Action back.
func (s *undoStep) act(ctx context.Context, a *application, payload []byte) error {
	var note Note
	if err := json.Unmarshal(payload, &note); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	act, err := s.revert(note)
	if err != nil {
		return err
	}
	return (&actStep{act: act}).run(ctx, a)
}
