package ct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/registry"
)

// expectNote is what the journal keeps of a change to expectations, as they were
// before it, or as they were made.
type expectNote struct {
	Made, Deleted, Longer []wire.Expect
	// Lost are those that the kernel may have removed to make room for Made: it
	// keeps a helper's limit, which nobody else can read.
	Lost []wire.Expect `json:",omitempty"`
	// At is when that was so, since the boot.
	At time.Duration
}

func (n *expectNote) len() int {
	return len(n.Made) + len(n.Deleted) + len(n.Longer) + len(n.Lost)
}

// note is n for the journal, the zero Note where there is nothing in it.
func (n expectNote) note() (plan.Note, error) {
	if n.len() == 0 {
		return plan.Note{}, nil
	}
	n.At = journal.Now().Boot
	data, err := json.Marshal(n)
	return plan.Note{Kind: "expectation", Data: data}, err
}

// expectsOf are the expectations of a master, none where it is not there. They
// are of its zone, which the kernel does not tell.
func (h *Host) expectsOf(ctx context.Context, master wire.Tuple) (list []wire.Expect, err error) {
	err = h.kernel.Expects(ctx, wire.ExpectDump{Family: master.Family, Master: &master}, func(e *wire.Expect) error {
		if e.Master.Zone, e.Tuple.Zone = master.Zone, master.Zone; e.Master == master {
			list = append(list, *e)
		}
		return nil
	})
	if errors.Is(err, syscall.ENOENT) {
		err = nil
	}
	return list, err
}

// siblings are the expectations of a list that count towards the same limit as e.
func siblings(list []wire.Expect, e *wire.Expect) []wire.Expect {
	return slices.DeleteFunc(slices.Clone(list), func(x wire.Expect) bool { return x.Class != e.Class })
}

// findExpect finds an expectation as it was asked for: the id is the kernel's.
func findExpect(list []wire.Expect, e *wire.Expect) (x *wire.Expect, there bool) {
	i := slices.IndexFunc(list, func(x wire.Expect) bool { return x.Tuple == e.Tuple && x.Class == e.Class })
	if i < 0 {
		return nil, false
	}
	return &list[i], true
}

// makingExpect is the creation of an expectation. One that cannot be said is
// refused now.
func (h *Host) makingExpect(c *registry.Call, e wire.Expect) plan.Action {
	_, err := (&wire.ExpectCreate{Expect: e}).Append(nil, 1, 0)
	c.Raise(fail(err))
	return plan.Action{N: 1,
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			if err = h.makeExpect(ctx, &e, &got); err == nil {
				got.Applied = 1
			}
			return got, err
		},
		Undo: func() (plan.Note, error) {
			others, err := h.expectsOf(context.Background(), e.Master)
			if err != nil {
				return plan.Note{}, err
			}
			return expectNote{Made: []wire.Expect{e}, Lost: siblings(others, &e)}.note()
		},
	}
}

// makeExpect makes an expectation, and notes which others had to go for it.
func (h *Host) makeExpect(ctx context.Context, e *wire.Expect, got *plan.Counts) error {
	before, err := h.expectsOf(ctx, e.Master)
	if err == nil {
		err = h.kernel.Do(ctx, &wire.ExpectCreate{Expect: *e})
	}
	if err != nil {
		return err
	}
	after, err := h.expectsOf(ctx, e.Master)
	if err != nil { // it is made all the same
		got.Notes = append(got.Notes, fmt.Sprintf("it is not known whether others had to go for the expectation of %s: %v", e.Tuple, err))
		return nil
	}
	for _, x := range siblings(before, e) {
		if _, there := findExpect(after, &x); !there {
			got.Notes = append(got.Notes, fmt.Sprintf("the limit of the helper is reached: the expectation of %s had to go for that of %s", x.Tuple, e.Tuple))
		}
	}
	return nil
}

// prolongingExpect is the change of the timeout of an expectation.
func (h *Host) prolongingExpect(c *registry.Call, was, to wire.Expect) plan.Action {
	req := &wire.ExpectUpdate{Expect: to}
	_, err := req.Append(nil, 1, 0)
	c.Raise(fail(err))
	return plan.Action{N: 1,
		Do: func(ctx context.Context) (plan.Counts, error) {
			if err := h.kernel.Do(ctx, req); err != nil {
				return plan.Counts{}, err
			}
			return plan.Counts{Applied: 1}, nil
		},
		Undo: func() (plan.Note, error) { return expectNote{Longer: []wire.Expect{was}}.note() },
	}
}

// deletingExpects plans the deletion of expectations, each as an Action of its
// own: some of a list may be gone, and the journal must hold none that was not
// deleted, since undo makes what it holds.
func (h *Host) deletingExpects(c *registry.Call, op, target string, list []wire.Expect) *plan.Plan {
	if len(list) == 0 {
		return plan.Act(op, target, plan.Action{})
	}
	var all *plan.Plan
	for i := range list {
		if len(list) > 1 {
			target = list[i].Tuple.String()
		}
		one := plan.Act(op, target, h.deletingExpect(c, list[i], len(list) > 1))
		if all == nil {
			all = one
		} else {
			all = all.Plus(one)
		}
	}
	return all
}

// deletingExpect is the deletion of an expectation. Where it is one of several,
// its refusal does not keep the others from being deleted.
func (h *Host) deletingExpect(c *registry.Call, e wire.Expect, several bool) plan.Action {
	req, err := wire.NewExpectDelete(&e)
	c.Raise(fail(err))
	return plan.Action{N: 1,
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			err = expectOutcome(&got, h.kernel.Do(ctx, req), several)
			return got, err
		},
		Undo: func() (plan.Note, error) {
			var now wire.Expect
			there, err := h.kernel.GetExpect(context.Background(), wire.ExpectGet{Tuple: e.Tuple, ID: e.ID, HasID: e.HasID}, &now)
			if err != nil || !there {
				return plan.Note{}, err
			}
			return expectNote{Deleted: []wire.Expect{now}}.note()
		},
	}
}

// expectOutcome counts what became of a request that expects something to be
// there, or not to be there. Of several, a refusal is counted too.
func expectOutcome(got *plan.Counts, err error, several bool) error {
	var refused *conntrack.Error
	switch {
	case err == nil:
		got.Applied++
	case errors.Is(err, syscall.ENOENT):
		got.Gone++
	case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.EBUSY):
		got.Exists++
	case several && errors.As(err, &refused):
		got.Errors = append(got.Errors, refused)
	default:
		return err
	}
	return nil
}

// revertExpects takes a change to expectations back: made ones are deleted,
// deleted ones made again where their master is there and their time has not run
// out, and the others get the time that they had. Ids and what was left of a time
// are the kernel's.
func (h *Host) revertExpects(n plan.Note) (plan.Action, error) {
	var note expectNote
	if err := json.Unmarshal(n.Data, &note); err != nil {
		return plan.Action{}, err
	}
	return plan.Action{N: note.len(),
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			todo, got, err := h.expectsToRevert(ctx, &note)
			for i := 0; i < len(todo.Deleted) && err == nil; i++ {
				var req wire.Request
				if req, err = wire.NewExpectDelete(&todo.Deleted[i]); err == nil {
					err = expectOutcome(&got, h.kernel.Do(ctx, req), note.len() > 1)
				}
			}
			for i := 0; i < len(todo.Made) && err == nil; i++ {
				err = expectOutcome(&got, h.makeExpect(ctx, &todo.Made[i], &got), note.len() > 1)
			}
			for i := 0; i < len(note.Longer) && err == nil; i++ {
				err = expectOutcome(&got, h.kernel.Do(ctx, &wire.ExpectUpdate{Expect: note.Longer[i]}), note.len() > 1)
			}
			return got, err
		},
		Undo: func() (plan.Note, error) {
			todo, _, err := h.expectsToRevert(context.Background(), &note)
			if err != nil {
				return plan.Note{}, err
			}
			return todo.note()
		},
	}, nil
}

// expectsToRevert looks what of a change there is to take back, as a change that
// does so, and counts the rest.
func (h *Host) expectsToRevert(ctx context.Context, note *expectNote) (todo expectNote, got plan.Counts, err error) {
	for i := range note.Longer {
		now, err := h.expectsOf(ctx, note.Longer[i].Master)
		if err != nil {
			return todo, got, err
		}
		if x, there := findExpect(now, &note.Longer[i]); there {
			todo.Longer = append(todo.Longer, *x)
		}
	}
	for i := range note.Made {
		now, err := h.expectsOf(ctx, note.Made[i].Master)
		if err != nil {
			return todo, got, err
		}
		if x, there := findExpect(now, &note.Made[i]); there {
			todo.Deleted = append(todo.Deleted, *x)
		} else {
			got.Gone++
		}
	}
	passed := journal.Now().Boot - note.At
	for _, e := range slices.Concat(note.Deleted, note.Lost) {
		now, err := h.expectsOf(ctx, e.Master)
		if err != nil {
			return todo, got, err
		}
		_, there := findExpect(now, &e)
		switch {
		case there:
			got.Exists++
		case e.HasTimeout && passed > time.Duration(e.Timeout)*time.Second:
			got.Gone++
			got.Notes = append(got.Notes, fmt.Sprintf("the time of the expectation of %s has run out since: it is not made again", e.Tuple))
		default:
			todo.Made = append(todo.Made, e)
			for _, x := range siblings(now, &e) {
				_, goes := findExpect(todo.Deleted, &x)
				_, named := findExpect(todo.Lost, &x)
				if !goes && !named {
					todo.Lost = append(todo.Lost, x)
				}
			}
		}
	}
	return todo, got, nil
}
