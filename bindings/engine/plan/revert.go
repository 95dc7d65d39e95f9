package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// changesBack takes back updates and creations, a window of one kind at a time.
type changesBack struct {
	a     *application
	kind  journal.Kind
	at    time.Time // when they were made
	flows []wire.Flow
	were  map[wire.Tuple]*changed
}

// changed is a flow as it was before an update, and the update.
type changed struct {
	was wire.Flow
	did Change
	age time.Duration
}

// add takes one change back, together with others like it.
func (b *changesBack) add(ctx context.Context, c journal.Change, age time.Duration) error {
	b.kind, b.at = c.Kind, c.At.Wall
	var v wire.View
	switch c.Kind {
	case journal.Create:
		if err := v.Reset(c.Payload); err != nil {
			return err
		}
		var f wire.Flow
		v.Flow(&f)
		// What it is known by: the kernel chose the id, and times.
		b.flows = append(b.flows, wire.Flow{Orig: f.Orig, Reply: f.Reply, Present: f.Present & wire.HasReply})
	case journal.Update:
		parts, err := journal.Unpack(nil, c.Payload)
		if err != nil || len(parts) != 2 {
			return fmt.Errorf("undo: an update in the journal cannot be read: %w", err)
		}
		if err := v.Reset(parts[0]); err != nil {
			return err
		}
		x := &changed{age: age}
		v.Flow(&x.was)
		u, err := wire.ReadUpdate(parts[1])
		if err != nil {
			return err
		}
		x.did = Change{Mark: u.Mark, Timeout: u.Timeout, Status: u.Status, Labels: u.Labels, LabelMask: u.LabelMask, DropHelper: u.DropHelper}
		if _, twice := b.were[x.was.Orig]; twice {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
		if b.were == nil {
			b.were = map[wire.Tuple]*changed{}
		}
		b.were[x.was.Orig] = x
		b.flows = append(b.flows, x.was)
	default:
		return fmt.Errorf("undo: the journal holds a change of %v, which this version does not know", c.Kind)
	}
	if len(b.flows) < window {
		return nil
	}
	return b.flush(ctx)
}

// unmaking deletes flows that were made about a time. One that began at another
// is not the one that was made: its start is known where timestamps are on.
type unmaking struct {
	deletion
	at time.Time
}

func (u unmaking) request(found, now *wire.Flow) (wire.Request, error) {
	if now.Has(wire.HasStart) {
		if d := time.Unix(0, int64(now.Start)).Sub(u.at); d < -time.Second || d > madeWithin {
			return nil, nil //nolint:nilnil // it stays as it is
		}
	}
	return u.deletion.request(found, now)
}

// madeWithin is how long after it was taken down a batch may have been sent.
const madeWithin = 10 * time.Second

func (b *changesBack) flush(ctx context.Context) error {
	var e effect = unmaking{at: b.at}
	if b.kind == journal.Update {
		e = reversal{b.were, b.a.res}
	}
	flows := b.flows
	b.flows, b.were = nil, nil
	return b.a.changeNow(ctx, flows, e)
}

// changeNow does something to flows that are named.
func (a *application) changeNow(ctx context.Context, flows []wire.Flow, e effect) error {
	if len(flows) == 0 {
		return nil
	}
	found := &pages{}
	for i := range flows {
		found.add(&flows[i])
	}
	return (&flowJob{step: &flowStep{effect: e}, found: found}).run(ctx, a)
}

// reversal gives flows what they had before an update. What somebody else has
// changed since stays.
type reversal struct {
	were map[wire.Tuple]*changed
	res  *Result
}

func (reversal) words() string      { return "change back" }
func (reversal) kind() journal.Kind { return journal.Update }

func (r reversal) request(found, now *wire.Flow) (wire.Request, error) {
	x := r.were[found.Orig]
	var c Change
	if m := x.did.Mark; m != nil && now.Mark&m.Mask == m.Value&m.Mask {
		c.Mark = &wire.Masked32{Value: x.was.Mark, Mask: m.Mask}
	}
	if x.did.Labels != nil {
		mask := wire.Labels{^uint64(0), ^uint64(0)}
		if x.did.LabelMask != nil {
			mask = *x.did.LabelMask
		}
		if (Change{Labels: x.did.Labels, LabelMask: &mask}).did(now) {
			was := wire.Labels{x.was.Labels[0] & mask[0], x.was.Labels[1] & mask[1]}
			c.Labels, c.LabelMask = &was, &mask
		}
	}
	if t := x.did.Timeout; t != nil && now.Has(wire.HasTimeout) && x.was.Has(wire.HasTimeout) && now.Timeout <= *t {
		if passed := uint32(x.age / time.Second); passed < x.was.Timeout {
			left := x.was.Timeout - passed
			c.Timeout = &left
		}
	}
	if x.did.Status&^x.was.Status != 0 {
		r.res.note("status bits that were set stay: the kernel clears none")
	}
	if x.did.DropHelper {
		r.res.note("helpers that were removed stay away: a flow gets one only when it is made")
	}
	if c == (Change{}) {
		return nil, nil //nolint:nilnil // it stays as it is
	}
	return c.request(now), nil
}

// meeting gives flows mark, labels and timeout of others with their addresses.
type meeting struct{ had map[wire.Tuple]*wire.Entry }

func (meeting) words() string      { return "update" }
func (meeting) kind() journal.Kind { return journal.Update }

func (m meeting) request(found, now *wire.Flow) (wire.Request, error) {
	e := m.had[found.Orig]
	c := Change{Mark: &wire.Masked32{Value: e.Mark, Mask: ^uint32(0)}}
	if now.Status&wire.StatusFixedTimeout == 0 {
		c.Timeout = &e.Timeout
	}
	if e.Has(wire.HasLabels) || now.Has(wire.HasLabels) {
		c.Labels = &e.Labels
	}
	return c.request(now), nil
}
