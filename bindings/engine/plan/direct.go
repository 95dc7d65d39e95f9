package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// directStep is requests that need no look at the table: new flows,
// expectations, timeout policies.
type directStep struct {
	op   string
	reqs []wire.Request
}

func (s *directStep) words() (op, target string) {
	if len(s.reqs) != 1 {
		return s.op, fmt.Sprintf("%d requests", len(s.reqs))
	}
	if t := s.reqs[0].Target(); !t.IsZero() {
		target = t.String()
	}
	return s.op, target
}

// find implements step.
func (s *directStep) find(_ context.Context, a *application) (job, error) {
	a.made += len(s.reqs)
	return s, nil
}

// run implements job.
func (s *directStep) run(ctx context.Context, a *application) error {
	if len(s.reqs) == 1 {
		return s.runOne(ctx, a)
	}
	var undone []int
	begin, taken, portion := 0, 0, a.pace.portion(window)
	b, err := a.k.Batch(ctx, a.opt.batch(func(n int, _ *conntrack.Error) { undone = append(undone, n-begin) }))
	if err != nil {
		return err
	}
	for ; begin < len(s.reqs) && err == nil; begin += portion {
		part := s.reqs[begin:min(begin+portion, len(s.reqs))]
		undone = undone[:0]
		if err = a.pace.wait(ctx, len(part)); err == nil {
			err = a.log.intend(journal.Create, nil, part, nil)
		}
		if err == nil {
			taken += len(part)
			err = sendAll(b, part)
		}
		if bad := a.log.settle(undone); err == nil {
			err = bad
		}
		a.opt.Progress(begin+len(part), len(s.reqs))
	}
	exists := a.res.Exists
	err = a.close(b, err, taken)
	// What was to be made and is there already is a failure here.
	a.res.Failed, a.res.Exists = a.res.Failed+a.res.Exists-exists, exists
	return err
}

// runOne sends a single request; its refusal is an error of the plan.
func (s *directStep) runOne(ctx context.Context, a *application) error {
	kind, raw, req := journal.Create, [][]byte(nil), s.reqs[0]
	err := a.pace.wait(ctx, 1)
	if c := upsert(req); err == nil && c != nil {
		if kind, raw, err = a.overwritten(ctx, c); kind == journal.Create {
			// One that comes to be there meanwhile is not what was taken down.
			only := *c
			only.Upsert = false
			req = &only
		}
	}
	if err == nil && kind != 0 {
		err = a.log.intend(kind, raw, []wire.Request{req}, []int{0})
	}
	if err != nil || kind == 0 {
		return err
	}
	err = a.k.Do(ctx, req)
	var refused *conntrack.Error
	var denied *conntrack.PrivilegeError
	switch {
	case err == nil:
		a.res.Applied++
		return a.labelled(ctx, req)
	case errors.As(err, &refused):
		a.res.refuse(refused)
	case !errors.As(err, &denied) && !errors.Is(err, conntrack.ErrReadOnly):
		a.res.Unknown++ // it may have been sent
		return err
	}
	if bad := a.log.settle([]int{0}); bad != nil {
		return errors.Join(err, bad)
	}
	return err
}

// labelled says where a flow was made without its labels: the kernel keeps them
// only where a rule uses labels, and says nothing (linux ctnetlink_attach_labels).
func (a *application) labelled(ctx context.Context, r wire.Request) error {
	c, ok := r.(*wire.Create)
	if !ok || c.Entry.Labels == (wire.Labels{}) {
		return nil
	}
	var e wire.Entry
	there, err := a.k.Get(ctx, wire.Get{Key: wire.Key{Tuple: c.Entry.Orig, Split: c.Entry.SplitZone()}}, &e)
	if there && e.Labels != c.Entry.Labels {
		a.res.note("the flow lacks its labels: the kernel keeps them only where a rule uses ct label")
	}
	return err
}

// upsert is a request that changes the flow that is there, or else makes it; nil
// for others.
func upsert(r wire.Request) *wire.Create {
	if c, ok := r.(*wire.Create); ok && c.Upsert {
		return c
	}
	return nil
}

// overwritten is how a flow is taken down that is to be made or changed: as one
// that is made, or as the one that is there; 0 leaves it as it is, since it is
// protected.
func (a *application) overwritten(ctx context.Context, c *wire.Create) (kind journal.Kind, raw [][]byte, err error) {
	var e wire.Entry
	there, err := a.k.Get(ctx, wire.Get{Key: wire.Key{Tuple: c.Entry.Orig, Split: c.Entry.SplitZone()}}, &e)
	if err != nil || !there {
		return journal.Create, nil, err
	}
	row := a.opt.Guard.row()
	if row.ResetEntry(&e); a.opt.Guard.Covers(row) {
		a.res.Protected++
		return 0, nil, nil
	}
	return journal.Update, [][]byte{e.AppendMessage(nil)}, nil
}

// Action is a change outside the tables of connection tracking: a sysctl, the
// elements of a set.
type Action struct {
	// N is how many things it changes.
	N int
	// Do makes the change. The counts are about the N things.
	Do func(context.Context) (Counts, error)
	// Undo is what the journal keeps of it, so that it can be taken back; nil
	// where it cannot. The zero Note says that there will be nothing to take back.
	Undo func() (Note, error)
}

// Note says how an Action is taken back: the kind of it, and its data, for who
// made the Action.
type Note struct {
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// Counts are what became of an Action.
type Counts struct {
	Applied, Gone, Exists int
	Changed               int                // left as they are: somebody has changed them since
	Errors                []*conntrack.Error // one for each that failed
	Notes                 []string           // for the result
}

// actStep is an Action as a step.
type actStep struct {
	op, target string
	act        Action
}

func (s *actStep) words() (op, target string) { return s.op, s.target }

// find implements step.
func (s *actStep) find(_ context.Context, a *application) (job, error) {
	a.made += s.act.N
	return s, nil
}

// run implements job.
func (s *actStep) run(ctx context.Context, a *application) error {
	if err := a.pace.wait(ctx, s.act.N); err != nil {
		return err
	}
	noted := false
	if s.act.Undo != nil {
		note, err := s.act.Undo()
		if noted = note.Kind != ""; err == nil && noted {
			err = a.log.note(note)
		}
		if err != nil {
			return err
		}
	}
	got, err := s.act.Do(ctx)
	a.res.Applied, a.res.Gone, a.res.Exists = a.res.Applied+got.Applied, a.res.Gone+got.Gone, a.res.Exists+got.Exists
	a.res.Changed += got.Changed
	for _, note := range got.Notes {
		a.res.note(note)
	}
	for _, e := range got.Errors {
		a.res.refuse(e)
	}
	if err != nil {
		a.res.Failed += s.act.N - got.Applied - got.Gone - got.Exists - got.Changed - len(got.Errors)
	}
	if got.Applied == 0 && noted {
		return errors.Join(err, a.log.settle([]int{0}))
	}
	return err
}
