package query

import (
	"context"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
)

// delta reads flows twice and tells how fast they moved data in between.
type delta struct {
	q     Query
	every time.Duration
}

// Delta is the flows of q with their rates between two readings that lie so
// far apart.
func (q Query) Delta(every time.Duration) (Query, error) {
	if !q.flows {
		return q, &Error{Verb: "delta", Msg: "only flows have rates"}
	}
	if q.Calls() {
		return q, &Error{Verb: "delta", Msg: "a query that is read twice cannot call functions", Hint: "call them behind delta"}
	}
	d := New(&delta{q, every})
	d.flows, d.narrow = true, q.narrow
	return d, nil
}

// Fields implements Source.
func (d *delta) Fields() *field.Set { return d.q.fields }

// String implements Source.
func (d *delta) String() string { return d.q.String() + ":delta(" + quote(d.every.String()) + ")" }

// Each implements Source. The second reading streams.
func (d *delta) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	empty := snapshot.New(&field.World{Now: uint64(time.Now().UnixNano())})
	before := map[string]*snapshot.Snapshot{} // by namespace: each has tuples of its own
	rep, err := d.q.Each(ctx, func(r *field.Row) error {
		name := netnsOf(r)
		s := before[name]
		if s == nil {
			s = snapshot.New(r.World())
			before[name] = s
		}
		s.Add(r)
		return nil
	})
	if err != nil {
		return err
	}
	if ask.tell != nil {
		ask.tell(rep)
	}
	wait := time.NewTimer(d.every)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	pass := matching(&ask.Filter, fn)
	_, err = d.q.Each(ctx, func(r *field.Row) error {
		s := before[netnsOf(r)]
		if s == nil {
			s = empty
		}
		s.Rate(r)
		return pass(r)
	})
	return err
}

// netnsOf is the namespace that a flow was read from.
func netnsOf(r *field.Row) string {
	if w := r.World(); w != nil {
		return w.Netns
	}
	return ""
}

// Snapshot reads the flows of q, which are those of one namespace, and keeps
// them.
func (q Query) Snapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	if len(q.Spaces()) > 1 {
		_, err := q.Space("snapshot")
		return nil, err
	}
	var s *snapshot.Snapshot
	_, err := q.Each(ctx, func(r *field.Row) error {
		if s == nil {
			s = snapshot.New(r.World())
		}
		s.Add(r)
		return nil
	})
	if s == nil {
		s = snapshot.New(&field.World{Now: uint64(time.Now().UnixNano())})
	}
	return s, err
}
