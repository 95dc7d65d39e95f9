package ct

import (
	"context"
	"encoding/json"
	"errors"
	"syscall"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/registry"
)

// expectNote is what the journal keeps of a change to expectations, as they were
// before it, or as they were made.
type expectNote struct {
	Made, Deleted, Longer []wire.Expect
}

// changeExpects is the change of expectations that reqs make. One that cannot be
// said is refused now.
func (h *Host) changeExpects(c *registry.Call, note expectNote, reqs ...wire.Request) plan.Action {
	for _, req := range reqs {
		_, err := req.Append(nil, 1, 0)
		c.Raise(fail(err))
	}
	return h.expectAction(note, reqs, false)
}

// deletingExpects is the deletion of expectations.
func (h *Host) deletingExpects(c *registry.Call, list ...wire.Expect) plan.Action {
	reqs, err := expectDeletions(list)
	c.Raise(fail(err))
	return h.expectAction(expectNote{Deleted: list}, reqs, false)
}

func expectDeletions(list []wire.Expect) (reqs []wire.Request, err error) {
	for i := range list {
		req, err := wire.NewExpectDelete(&list[i])
		if err != nil {
			return nil, err
		}
		reqs = append(reqs, req)
	}
	return reqs, nil
}

// expectAction sends requests about expectations one by one: there are few. Of an
// undo, what is there already is no refusal.
func (h *Host) expectAction(note expectNote, reqs []wire.Request, undo bool) plan.Action {
	return plan.Action{N: len(reqs),
		Do: func(ctx context.Context) (got plan.Counts, err error) {
			for _, req := range reqs {
				var refused *conntrack.Error
				switch err := h.kernel.Do(ctx, req); {
				case err == nil:
					got.Applied++
				case errors.Is(err, syscall.ENOENT) && len(note.Deleted) > 0:
					got.Gone++
				case undo && (errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EBUSY)):
					got.Exists++
				case errors.As(err, &refused) && len(reqs) > 1:
					got.Errors = append(got.Errors, refused)
				default:
					return got, err
				}
			}
			return got, nil
		},
		Undo: func() (n plan.Note, err error) {
			n.Kind = "expectation"
			n.Data, err = json.Marshal(note)
			return n, err
		},
	}
}

// revertExpects takes a change to expectations back: made ones are deleted,
// deleted ones made again where their master is there, and the others get the
// time that they had. Ids and what was left of a time are the kernel's.
func (h *Host) revertExpects(n plan.Note) (plan.Action, error) {
	var note expectNote
	if err := json.Unmarshal(n.Data, &note); err != nil {
		return plan.Action{}, err
	}
	for i := range note.Made {
		note.Made[i].HasID = false
	}
	reqs, err := expectDeletions(note.Made)
	for _, e := range note.Deleted {
		reqs = append(reqs, &wire.ExpectCreate{Expect: e})
	}
	for _, e := range note.Longer {
		reqs = append(reqs, &wire.ExpectUpdate{Expect: e})
	}
	return h.expectAction(expectNote{Made: note.Deleted, Deleted: note.Made, Longer: note.Longer}, reqs, true), err
}
