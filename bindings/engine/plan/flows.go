package plan

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flowStep does something to each of some flows.
type flowStep struct {
	effect
	target string
	query  *query.Query // the flows to find when applied, or
	flows  []wire.Flow  // the flows
	asked  *query.Query // what found them before
}

func (s *flowStep) words() (op, target string) { return s.effect.words(), s.target }

// find implements step.
func (s *flowStep) find(ctx context.Context, a *application) (job, error) {
	found, protected, err := s.collect(ctx, &a.opt.Guard, a.opt.most()+1-a.bounded())
	if err != nil {
		return nil, err
	}
	a.touched += found.n
	a.res.Protected += protected
	if _, is := s.effect.(zero); is {
		if a.res.Rows == nil {
			a.res.Rows = snapshot.New(a.opt.Guard.World)
		}
		return &zeroJob{&flowJob{step: s, found: found}}, nil
	}
	return &flowJob{step: s, found: found}, nil
}

// collect finds up to most of the flows to act on, and counts those that are
// left out.
func (s *flowStep) collect(ctx context.Context, guard *Protection, most int) (found *pages, protected int, err error) {
	found = &pages{}
	row := guard.row()
	for i := range s.flows {
		if row.ResetFlow(&s.flows[i]); guard.Covers(row) {
			protected++
		} else {
			found.add(&s.flows[i])
		}
	}
	if s.query == nil || most <= 0 {
		return found, protected, nil
	}
	_, err = s.query.Each(ctx, func(r *field.Row) error {
		if guard.Covers(r) {
			protected++
			return nil
		}
		if found.add(&r.Need(field.PartFlow).Flow); found.n == most {
			return conntrack.ErrStop
		}
		return nil
	})
	return found, protected, err
}

// flowJob changes flows: those that were found, or while they are being found.
type flowJob struct {
	step  *flowStep
	found *pages
	done  pages                                                                 // what was changed, where it is looked at again at the end
	feed  func(ctx context.Context, a *application, give func(*looked) *looked) // nil for those that were found
}

// window is how many flows are read again, taken down and changed at once. It
// bounds the time between the look at a flow and its change.
const window = 256

// looked is a window of flows as they are now.
type looked struct {
	at         time.Time // of the look: they were not like this before
	found, now []wire.Flow
	buf        []byte // what the kernel said of each
	ends       []int  // where that ends in buf
	raw        [][]byte
	gone       int
	changed    int
	protected  int
	err        error
}

// reset empties w and keeps its memory.
func (w *looked) reset() {
	*w = looked{found: w.found[:0], now: w.now[:0], buf: w.buf[:0], ends: w.ends[:0], raw: w.raw[:0]}
}

// add takes a flow into w.
func (w *looked) add(found, now *wire.Flow, raw []byte) {
	w.found, w.now = append(w.found, *found), append(w.now, *now)
	w.buf = append(w.buf, raw...)
	w.ends = append(w.ends, len(w.buf))
}

// messages are what the kernel said of each flow.
func (w *looked) messages() [][]byte {
	begin := 0
	w.raw = w.raw[:0]
	for _, end := range w.ends {
		w.raw = append(w.raw, w.buf[begin:end])
		begin = end
	}
	return w.raw
}

// run implements job. While one window of flows is changed the next is read.
func (j *flowJob) run(ctx context.Context, a *application) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next, free := make(chan *looked), make(chan *looked, 2)
	free <- &looked{}
	// give hands a window over and returns an empty one, nil at the end.
	give := func(w *looked) *looked {
		select {
		case next <- w:
		case <-ctx.Done():
			return nil
		}
		if w.err != nil {
			return nil
		}
		select {
		case w = <-free:
			return w
		case <-ctx.Done():
			return nil
		}
	}
	feed := j.feed
	if feed == nil {
		feed = j.again
	}
	go func() {
		defer close(next)
		feed(ctx, a, give)
	}()
	err := j.send(ctx, a, next, free)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx) // what was handed over was not all
	}
	cancel(context.Canceled)
	for range next { // the reader may be about to hand over
	}
	return err
}

// again reads the flows that were found again.
func (j *flowJob) again(ctx context.Context, a *application, give func(*looked) *looked) {
	w := &looked{}
	for flows := range j.found.windows(a.pace.portion(window)) {
		if w.err = a.pace.wait(ctx, len(flows)); w.err == nil {
			w.err = j.look(ctx, a, flows, w)
		}
		if w = give(w); w == nil {
			return
		}
	}
}

// look reads flows again and sorts out those that are not to be changed.
func (j *flowJob) look(ctx context.Context, a *application, flows []wire.Flow, w *looked) error {
	w.reset()
	w.at = time.Now()
	return j.sort(ctx, a, flows, w, func(i int, now *wire.Flow, v *wire.View) {
		w.add(&flows[i], now, v.Raw())
	})
}

// sort reads flows again, calls fn for those that may be changed and counts the
// others in w.
func (j *flowJob) sort(ctx context.Context, a *application, flows []wire.Flow, w *looked, fn func(i int, now *wire.Flow, v *wire.View)) error {
	keys := make([]wire.Key, len(flows))
	for i := range flows {
		keys[i] = flows[i].Key()
	}
	still := func(*wire.View) bool { return true }
	if q := cmp.Or(j.step.query, j.step.asked); q != nil {
		still = q.Recheck()
	}
	row := a.opt.Guard.row()
	return a.k.Fetch(ctx, keys, false, func(i int, v *wire.View) error {
		if v == nil {
			w.gone++
			return nil
		}
		var now wire.Flow
		v.Flow(&now)
		if !same(&flows[i], &now) || !still(v) {
			w.changed++
			return nil
		}
		if row.Reset(v); a.opt.Guard.Covers(row) {
			w.protected++
			return nil
		}
		fn(i, &now, v)
		return nil
	})
}

// same tells whether a flow is the one that was found, not one of the opposite
// direction, which the kernel finds by the same tuple, and not made anew with the
// same addresses: by id, and by start time where that is known, since a flow
// that is made anew often gets the id of the old one.
func same(found, now *wire.Flow) bool {
	return found.Orig == now.Orig &&
		(!found.Has(wire.HasID) || !now.Has(wire.HasID) || found.ID == now.ID) &&
		(!found.Has(wire.HasStart) || !now.Has(wire.HasStart) || found.Start == now.Start)
}

// send takes each window down and changes its flows.
func (j *flowJob) send(ctx context.Context, a *application, next <-chan *looked, free chan<- *looked) error {
	// Of the window at hand: requests by their number in it, and the flow of each.
	var refused, undone, order []int
	var reqs []wire.Request
	sent, taken := 0, 0
	b, err := a.k.Batch(ctx, a.opt.batch(func(n int, e *conntrack.Error) {
		refused = append(refused, n-sent)
		// An update that is refused may have been made in part: the kernel goes
		// through what it is to change one by one (linux
		// ctnetlink_change_conntrack).
		if u, is := reqs[n-sent].(*wire.Update); !is || u.Parts() == 1 || errors.Is(e, syscall.ENOENT) {
			undone = append(undone, n-sent)
		}
	}))
	if err != nil {
		return err
	}
	for w := range next {
		a.res.Gone, a.res.Changed, a.res.Protected = a.res.Gone+w.gone, a.res.Changed+w.changed, a.res.Protected+w.protected
		if err = w.err; err != nil {
			break
		}
		refused, undone, order = refused[:0], undone[:0], order[:0]
		reqs = reqs[:0]
		for i := range w.now {
			req, bad := j.step.request(&w.found[i], &w.now[i])
			if bad != nil {
				err = bad
				break
			}
			if req == nil {
				a.res.Changed++
				continue
			}
			reqs, order = append(reqs, req), append(order, i)
		}
		if err == nil {
			err = a.log.intend(j.step.kind(), w.messages(), reqs, order)
		}
		for range looks {
			if err == nil && len(reqs) > 0 && time.Since(w.at) > fresh {
				reqs, order, err = j.confirm(ctx, a, w, reqs, order)
			}
		}
		if err == nil {
			taken += len(reqs)
			err = sendAll(b, reqs)
		}
		if bad := a.log.settle(undone); err == nil {
			err = bad
		}
		if err != nil {
			break
		}
		sent += len(reqs)
		for n, i := range order {
			if a.opt.Verify > 0 && !slices.Contains(refused, n) {
				j.done.add(&w.now[i])
			}
		}
		a.opt.Progress(sent, a.touched)
		free <- w
	}
	return a.close(b, err, taken)
}

// sendAll sends what was taken down.
func sendAll(b *conntrack.Batch, reqs []wire.Request) error {
	for _, req := range reqs {
		if err := b.Add(req); err != nil {
			return err
		}
	}
	return b.Flush()
}

// close ends a batch and moves its totals into the result. taken is how many
// requests were taken down for it: what of the last ones was not sent any more
// did not happen.
func (a *application) close(b *conntrack.Batch, err error, taken int) error {
	got, closeErr := b.Close()
	if bad := a.log.unsent(taken - got.Sent); closeErr == nil {
		closeErr = bad
	}
	r := a.res
	r.Applied, r.Gone, r.Exists = r.Applied+got.Applied, r.Gone+got.Gone, r.Exists+got.Exists
	r.Failed, r.Unknown = r.Failed+got.Failed, r.Unknown+got.Unknown
	r.Errors = append(r.Errors, got.Errors...)
	r.Errors = r.Errors[:min(len(r.Errors), conntrack.MaxErrors)]
	if err != nil {
		return err
	}
	return closeErr
}

// verify implements verifier.
func (j *flowJob) verify(ctx context.Context, a *application) error {
	u, updates := j.step.effect.(update)
	if _, deletes := j.step.effect.(deletion); !deletes && !updates {
		return nil
	}
	for flows := range j.done.windows(window) {
		keys := make([]wire.Key, len(flows))
		for i := range flows {
			keys[i] = flows[i].Key()
		}
		err := a.k.Fetch(ctx, keys, false, func(_ int, v *wire.View) error {
			var now wire.Flow
			if v != nil {
				v.Flow(&now)
			}
			if (v != nil) && (!updates || !u.to.did(&now)) {
				a.res.Back++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// zero resets counters.
type zero struct{ effect }

func (zero) words() string { return "zero the counters of" }

// zeroJob reads and resets the counters of the flows that were found.
type zeroJob struct{ *flowJob }

// run implements job. The kernel resets a flow as it tells it, so each is looked
// at before. One that is made anew in between is reset too: what it had counted
// is in its row.
func (j *zeroJob) run(ctx context.Context, a *application) error {
	row := a.opt.Guard.row()
	for flows := range j.found.windows(a.pace.portion(window)) {
		if err := a.pace.wait(ctx, len(flows)); err != nil {
			return err
		}
		var keys []wire.Key
		w := &looked{}
		err := j.sort(ctx, a, flows, w, func(_ int, now *wire.Flow, _ *wire.View) { keys = append(keys, now.Key()) })
		a.res.Gone, a.res.Changed, a.res.Protected = a.res.Gone+w.gone, a.res.Changed+w.changed, a.res.Protected+w.protected
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			continue
		}
		err = a.k.Fetch(ctx, keys, true, func(_ int, v *wire.View) error {
			if v == nil {
				a.res.Gone++
				return nil
			}
			row.Reset(v)
			a.res.Rows.Add(row)
			a.res.Applied++
			return nil
		})
		if err != nil {
			return err
		}
		a.opt.Progress(a.res.Rows.Len(), j.found.n)
	}
	return nil
}
