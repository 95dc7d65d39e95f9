package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Saved are flows that were kept somewhere.
type Saved interface {
	// Len is how many there are.
	Len() int
	// Each calls fn for every flow, with an entry that is used again. It may be
	// called again and says the same each time.
	Each(fn func(*wire.Entry) error) error
	// Age is how long ago they were read.
	Age() time.Duration
}

// RestoreOptions say how saved flows are made again.
type RestoreOptions struct {
	Zone     *uint16 // the zone they move to, nil for their own
	Conflict Conflict
	// Frozen gives them the time that they had left when they were saved, instead
	// of what is left of that by now.
	Frozen bool
}

// Restore plans to make saved flows again. name is where they are from, in
// words.
func Restore(name string, from Saved, opt RestoreOptions) *Plan {
	return &Plan{[]step{&restoreStep{name, from, opt}}}
}

// restoreStep makes saved flows.
type restoreStep struct {
	name string
	from Saved
	opt  RestoreOptions
}

func (s *restoreStep) words() (op, target string) {
	if s.opt.Zone != nil {
		return fmt.Sprintf("restore into zone %d", *s.opt.Zone), s.name
	}
	return "restore", s.name
}

// find implements step.
func (s *restoreStep) find(ctx context.Context, a *application) (job, error) {
	there, err := s.there(ctx, a.k)
	if err != nil {
		return nil, err
	}
	a.touched += there
	a.made += s.from.Len() - there
	a.revived += s.from.Len() - there
	return s, nil
}

// there is how many of the flows are in the table, and would be changed.
func (s *restoreStep) there(ctx context.Context, k conntrack.Kernel) (n int, err error) {
	if s.opt.Conflict != ConflictUpdate {
		return 0, nil
	}
	var keys []wire.Key
	count := func() error {
		err := k.Fetch(ctx, keys, false, func(_ int, v *wire.View) error {
			if v != nil {
				n++
			}
			return nil
		})
		keys = keys[:0]
		return err
	}
	err = s.from.Each(func(e *wire.Entry) error {
		req, err := restore.Request(e, restore.Options{Zone: s.opt.Zone})
		if err != nil {
			return nil //nolint:nilerr // what cannot be made again is told when it is tried
		}
		get := wire.Get{Key: wire.Key{Tuple: req.Entry.Orig, Split: req.Entry.SplitZone()}}
		if get.Check() != nil {
			return nil //nolint:nilerr // so is this
		}
		if keys = append(keys, get.Key); len(keys) < window {
			return nil
		}
		return count()
	})
	if err == nil {
		err = count()
	}
	return n, err
}

// run implements job.
func (s *restoreStep) run(ctx context.Context, a *application) error {
	rev, err := newReviver(ctx, a, s.opt.Conflict, restore.Options{Zone: s.opt.Zone})
	if err != nil {
		return err
	}
	err = restore.Ordered(s.from.Each, func(e *wire.Entry, problem *restore.MasterError) error {
		age := s.from.Age()
		if s.opt.Frozen {
			age = 0
		}
		return rev.add(ctx, e, age, problem)
	})
	return rev.close(ctx, err)
}
