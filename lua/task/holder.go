package task

import (
	"context"
	"sync/atomic"
	"time"
)

// holder is who can have the turn besides the main part: a task, or one call
// of a handler or timer function.
type holder struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	stint   atomic.Uint64 // which stint it is in; the lowest bits are flags
	count   uint64        // of stints; guarded by turn
	limited bool          // its own run time is
	used    time.Duration // in the stints of the call before this one; guarded by watch.mu
}

// A stint is a time with the turn held, without a break. Its flags:
const (
	active = 1 << iota // it goes on
	fired              // the holder was cancelled in it or in one before
	again              // it is not the first of its call
	step               // the lowest bit of the number of the stint
)

// enter gives h the turn that the caller took.
func (g *Group) enter(h *holder) {
	h.count++
	h.stint.Store(h.count*step | active)
	g.now.Store(h)
	if h.limited {
		g.watch.begin(g)
	}
}

// leave ends what enter began. It tells whether h was cancelled meanwhile.
func (g *Group) leave(h *holder) bool {
	g.now.Store(nil)
	return h.stint.And(^uint64(active))&fired != 0
}

// pause puts h away while it blocks; nil is the main part.
func (g *Group) pause(h *holder) {
	g.now.Store(nil)
	if h == nil {
		return
	}
	before := h.stint.And(^uint64(active))
	if h.limited {
		g.watch.charge(h, before)
	}
}

// proceed is the end of a pause.
func (g *Group) proceed(h *holder) {
	g.now.Store(h)
	if h == nil {
		return
	}
	h.count++
	now := h.count*step | active | again | h.stint.Load()&fired
	h.stint.Store(now)
	if h.limited {
		g.watch.resume(g, h, now)
	}
}

// take returns a holder for one call of a handler, kept from an earlier call if
// there is one: a call must not cost a context.
func (g *Group) take() *holder {
	if n := len(g.idle); n > 0 {
		h := g.idle[n-1]
		g.idle = g.idle[:n-1]
		return h
	}
	h := &holder{limited: g.watch.limit > 0}
	h.ctx, h.cancel = context.WithCancelCause(g.ctx)
	return h
}

// maxIdle bounds the holders that are kept.
const maxIdle = 64

// call calls fn, with the turn held, as a handler, unless the script ended
// while the turn was waited for.
func (g *Group) call(fn func() error) error {
	if g.ctx.Err() != nil {
		return ErrDone
	}
	h := g.take()
	g.enter(h)
	err := fn()
	if g.leave(h) || len(g.idle) >= maxIdle {
		h.cancel(nil)
	} else {
		g.idle = append(g.idle, h)
	}
	return err
}

// Now is the context of who has the turn: what it waits with.
func (g *Group) Now() context.Context {
	if h := g.now.Load(); h != nil {
		return h.ctx
	}
	return g.ctx
}

// Interrupt cancels the task or handler that has the turn, for who wants it and
// does not get it. It tells whether there was one; the main part is none. It
// needs no turn.
func (g *Group) Interrupt(reason error) bool {
	h := g.now.Load()
	return h != nil && h.fire(h.stint.Load(), reason)
}

// fire cancels h if it is still in the stint that was seen.
func (h *holder) fire(seen uint64, reason error) bool {
	if seen&active == 0 || seen&fired != 0 || !h.stint.CompareAndSwap(seen, seen|fired) {
		return false
	}
	h.cancel(reason)
	return true
}
