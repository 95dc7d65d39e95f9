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
	a       *application
	kind    journal.Kind
	settled bool
	at      time.Time // when the last of them were made
	flows   []wire.Flow
	were    map[wire.Tuple]*changed
}

// apart is how far the changes of one window may be from each other in time.
const apart = time.Second / 2

// changed is a flow as it was before an update, and the update.
type changed struct {
	was wire.Flow
	did Change
	age time.Duration
	// again is when it was made again by an undo, else zero.
	again time.Time
}

// add takes one change back, together with others like it.
func (b *changesBack) add(ctx context.Context, c journal.Change, age time.Duration) error {
	if b.at.Sub(c.At.Wall).Abs() > apart || b.settled != c.Settled { // the clock may have been set
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if b.kind, b.settled = c.Kind, c.Settled; len(b.flows) == 0 {
		b.at = c.At.Wall
	}
	var v wire.View
	switch c.Kind {
	case journal.Create:
		if h, ok := wire.ReadHeader(c.Payload); !ok || h.Subsys() != wire.SubsysConntrack {
			// Its attributes have other meanings: what would be the tuple of a
			// flow names the master of an expectation.
			b.a.res.Changed++
			b.a.res.note("what was done to expectations is not taken back")
			return nil
		}
		if err := v.Reset(c.Payload); err != nil {
			return err
		}
		var f wire.Flow
		v.Flow(&f)
		// What it is known by: the kernel chose the id, and times.
		b.flows = append(b.flows, wire.Flow{Orig: f.Orig, Reply: f.Reply, Mark: f.Mark, Present: f.Present & wire.HasReply})
	case journal.Update:
		parts, err := journal.Unpack(nil, c.Payload)
		if err == nil && len(parts) != 2 {
			err = fmt.Errorf("it has %d parts in place of two", len(parts))
		}
		if err != nil {
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
		f := x.was
		if at, is := b.a.remade[f.Orig]; is {
			x.again, f.Present = at, f.Present&^(wire.HasID|wire.HasStart)
		}
		b.flows = append(b.flows, f)
	default:
		return fmt.Errorf("undo: the journal holds a change of %v, which this version does not know", c.Kind)
	}
	if len(b.flows) < window {
		return nil
	}
	return b.flush(ctx)
}

// unmaking deletes flows that were made about a time, or made again since by an
// undo. One that began at another is not the one that was made. Where the process
// died it is not known whether the last ones were made or were there before, and
// only the start of a flow can tell.
type unmaking struct {
	deletion
	at      time.Time
	settled bool
	remade  remade
	res     *Result
}

func (u unmaking) request(found, now *wire.Flow) (wire.Request, error) {
	if now.Mark != found.Mark {
		return nil, nil //nolint:nilnil // somebody has taken it up since
	}
	ours := madeAbout(now, u.at)
	if !u.settled && !now.Has(wire.HasStart) {
		ours = false
		u.res.note("flows that may have been there before stay: with nf_conntrack_timestamp their start would tell")
	}
	if at, is := u.remade[found.Orig]; is {
		ours = ours || madeAbout(now, at)
	}
	if !ours {
		return nil, nil //nolint:nilnil // it stays as it is
	}
	return u.deletion.request(found, now)
}

func (b *changesBack) flush(ctx context.Context) error {
	var e effect = unmaking{at: b.at, settled: b.settled, remade: b.a.remade, res: b.a.res}
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
	if !x.again.IsZero() && !madeAbout(now, x.again) {
		return nil, nil //nolint:nilnil // it is another one
	}
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
	switch t := x.did.Timeout; {
	case t == nil, !now.Has(wire.HasTimeout), !x.was.Has(wire.HasTimeout):
	case now.Status&wire.StatusFixedTimeout != 0:
		r.res.note("timeouts that were fixed stay: the kernel changes none")
	case runDown(*t, now.Timeout, x.age):
		left := uint32(1) // its time has run out: it ends
		if passed := uint32(x.age / time.Second); passed < x.was.Timeout {
			left = x.was.Timeout - passed
		}
		c.Timeout = &left
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

// runDown tells whether a timeout that was set so long ago has run since, and not
// been set again by a packet or somebody else.
func runDown(set, now uint32, age time.Duration) bool {
	const slack = 2 // seconds: both were rounded, and the change came a little after it was taken down
	due := int64(set) - int64(age/time.Second)
	return int64(now) >= due-slack && int64(now) <= due+slack
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
