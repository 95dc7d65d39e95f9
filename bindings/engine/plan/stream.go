package plan

import (
	"context"
	"errors"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// streamed is the one step of p as a job that changes flows while they are
// being found, nil where all must be found first. That is so where the plan
// could touch more than its guards allow: they are asked before anything is
// changed. Where the whole table holds less than max, nothing can go too far.
func (a *application) streamed(ctx context.Context, p *Plan) (*flowJob, error) {
	s, ok := p.steps[0].(*flowStep)
	opt := &a.opt
	if !ok || len(p.steps) > 1 || s.query == nil || opt.DryRun || opt.Share > 0 || opt.Rate > 0 || opt.Verify > 0 || opt.Allow != nil {
		return nil, nil //nolint:nilnil // it is not streamed
	}
	if _, is := s.effect.(zero); is {
		return nil, nil //nolint:nilnil // it is not streamed
	}
	if _, _, ok := s.query.Static(); !ok {
		return nil, nil //nolint:nilnil // it is not streamed
	}
	table, err := a.k.Count(ctx)
	if err != nil || int(table.Entries) < window || growth(int(table.Entries)) > opt.most() {
		return nil, err
	}
	a.touched = int(table.Entries)
	j := &flowJob{step: s}
	j.feed = j.stream
	return j, nil
}

// stream applies p while its flows are being found, and tells whether that is
// done. It is not where the disk may not hold a journal of the whole table: then
// it must be known first how many flows there are.
func (a *application) stream(ctx context.Context, p *Plan) (done bool, err error) {
	j, err := a.streamed(ctx, p)
	if j == nil {
		return false, err
	}
	a.log = newLog(a, p)
	err = j.run(ctx, a)
	var space *journal.SpaceError
	if errors.As(err, &space) && a.log.w == nil {
		*a.res, a.touched = Result{Op: a.res.Op}, 0
		return false, nil
	}
	err = a.log.end(a.res, err)
	a.res.Matched = a.res.outcomes()
	return true, err
}

// growth is what a table may have become by the time that it is read.
func growth(n int) int { return n + n/10 + 1000 }

// stream finds flows and hands them over. A window that took long to fill is
// read again. Where nothing is read ahead a datagram is handed over after the
// kernel has made the next one, which holds less than a window, so that no flow
// was read before the window in front of it was begun (linux
// netlink_recvmsg, netlink_dump).
func (j *flowJob) stream(ctx context.Context, a *application, give func(*looked) *looked) {
	w := &looked{}
	var began time.Time
	before := time.Now()
	n := 0
	hand := func() bool {
		if len(w.now) > 0 && time.Since(began) > fresh {
			found := append([]wire.Flow(nil), w.found...)
			protected := w.protected
			w.err = j.look(ctx, a, found, w)
			w.protected += protected
		}
		if w = give(w); w == nil {
			return false
		}
		w.reset()
		return true
	}
	var msg []byte
	_, err := j.step.query.Each(query.Unhurried(ctx), func(r *field.Row) error {
		if a.opt.Guard.Covers(r) {
			w.protected++
			return nil
		}
		if n++; n > a.opt.most() {
			return &GuardError{Op: a.res.Op, Max: a.opt.most(), Done: n - 1}
		}
		if len(w.now) == 0 {
			w.at, began, before = before, time.Now(), time.Now()
		}
		if v := r.View(); v != nil {
			msg = append(msg[:0], v.Raw()...)
		} else {
			msg = r.Need(field.PartAll).AppendMessage(msg[:0])
		}
		now := &r.Need(field.PartFlow).Flow
		w.add(now, now, msg)
		if len(w.now) == window && !hand() {
			return conntrack.ErrStop
		}
		return nil
	})
	if w == nil {
		return
	}
	if err == nil || len(w.now) > 0 || w.protected > 0 {
		if !hand() {
			return
		}
	}
	if w.err = err; err != nil {
		give(w)
	}
}
