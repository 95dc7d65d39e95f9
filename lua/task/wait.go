package task

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout is returned where what was waited for did not come in time.
var ErrTimeout = errors.New("timed out")

// ErrDeadlock is returned where a wait could never end, because every task of
// the script, its main part included, waits for another one.
var ErrDeadlock = errors.New("every task waits for another one")

// Forever is the timeout of a wait that has none.
const Forever time.Duration = -1

// waiter is a task that waits for another one to wake it.
type waiter struct {
	ctx   context.Context
	ready chan struct{} // closed by who wakes it
	woken bool
	dead  bool // woken because nobody else could
	place int  // in Group.parked, -1 where it is not
}

func newWaiter() waiter { return waiter{ready: make(chan struct{}), place: -1} }

// park waits until w is woken: nil, or ErrDeadlock. It returns ErrTimeout after
// d, and the cause of ctx when that ends first.
func (g *Group) park(ctx context.Context, w *waiter, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.ctx = ctx
	if d < 0 && !g.ends(ctx) {
		w.place = len(g.parked)
		g.parked = append(g.parked, w)
		if g.stuck() != nil {
			g.unpark(w)
			return ErrDeadlock
		}
	}
	g.Block(func() {
		var late <-chan time.Time
		if d >= 0 {
			timer := time.NewTimer(d)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-w.ready:
		case <-late:
		case <-ctx.Done():
		}
	})
	g.unpark(w)
	switch {
	case w.dead:
		return ErrDeadlock
	case w.woken:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return ErrTimeout
}

// ends tells whether ctx ends by itself before the script does.
func (g *Group) ends(ctx context.Context) bool {
	at, ok := ctx.Deadline()
	all, limited := g.ctx.Deadline()
	return ok && (!limited || at.Before(all))
}

// wake ends the wait of w.
func (g *Group) wake(w *waiter) {
	g.unpark(w)
	w.woken = true
	close(w.ready)
}

// unpark takes w out of those that only another task can wake.
func (g *Group) unpark(w *waiter) {
	if w.place < 0 {
		return
	}
	last := len(g.parked) - 1
	g.parked[w.place] = g.parked[last]
	g.parked[w.place].place = w.place
	g.parked[last] = nil
	g.parked = g.parked[:last]
	w.place = -1
}

// stuck returns a waiter if nobody is left who could wake any of them. One
// that was cancelled is about to go on by itself.
func (g *Group) stuck() *waiter {
	if len(g.parked) == 0 || int64(len(g.parked)) < g.live.Load() {
		return nil
	}
	for _, w := range g.parked {
		if w.ctx.Err() != nil {
			return nil
		}
	}
	return g.parked[0]
}
