package task

import (
	"context"
	"time"
)

// State is what has become of a task.
type State int

// The states of a task.
const (
	Running State = iota
	Done
	Failed
	Cancelled
)

// String is the name of the state: "running", "done", "failed", "cancelled".
func (s State) String() string { return [...]string{"running", "done", "failed", "cancelled"}[s] }

// grace is how long the error of a task waits for somebody to get it before it
// is reported: who starts many tasks comes to the last of them late.
const grace = time.Second

// Task is one that can be waited for and cancelled.
type Task struct {
	holder
	g       *Group
	name    string
	fn      func(context.Context) error // nil once it has begun
	state   State
	err     error
	waiters []*waiter
	claimed chan struct{} // closed when somebody got the error
}

// Spawn starts a task, which runs fn with the turn held and keeps the script
// alive until it returns. ctx is cancelled with the task. An error is for who
// waits for the task; where nobody does within a second, or before the script
// ends, it is reported, and [Group.Wait] returns it. ErrFull means that the
// task was not started.
func (g *Group) Spawn(name string, fn func(ctx context.Context) error) (*Task, error) {
	if err := g.Room(); err != nil {
		return nil, err
	}
	t := &Task{g: g, name: name, fn: fn, claimed: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancelCause(g.ctx)
	g.fresh = append(g.fresh, t)
	g.start()
	g.all.Go(g.runNext)
	return t, nil
}

// runNext runs the task that was spawned first of those that have not begun:
// goroutines do not begin in order, tasks do.
func (g *Group) runNext() {
	g.Lock()
	t := take(&g.fresh)
	t.run()
	failed := t.state == Failed
	g.Unlock()
	g.running.Done()
	if failed {
		t.linger()
	}
}

// run runs the task to its end.
func (t *Task) run() {
	fn := t.fn
	t.fn = nil
	if t.ctx.Err() == nil {
		t.g.enter(&t.holder)
		t.err = fn(t.ctx)
		t.g.leave(&t.holder)
	}
	switch {
	case t.ctx.Err() != nil:
		t.state, t.err = Cancelled, context.Cause(t.ctx)
	case t.err != nil:
		t.state = Failed
	default:
		t.state = Done
	}
	t.cancel(nil)
	for _, w := range t.waiters {
		t.g.wake(w)
	}
	t.waiters = nil
	t.g.end()
}

// linger reports the error of the task unless somebody gets it in time.
func (t *Task) linger() {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-t.claimed:
		return
	case <-timer.C:
	case <-t.g.drained:
	case <-t.g.ctx.Done():
	}
	t.g.Lock()
	defer t.g.Unlock()
	select {
	case <-t.claimed:
	default:
		t.g.report(t.name, t.err)
		t.g.outcome.add(t)
	}
}

// claim notes that somebody got the error of the task.
func (t *Task) claim() {
	select {
	case <-t.claimed:
	default:
		close(t.claimed)
		t.g.outcome.takeBack(t)
	}
}

// Name is what the task was started as.
func (t *Task) Name() string { return t.name }

// State is what has become of the task. One that was cancelled is so at once,
// even while it still comes to its end.
func (t *Task) State() State {
	if t.state == Running && t.ctx.Err() != nil {
		return Cancelled
	}
	return t.state
}

// Cancel stops the task with a reason, which is what Wait returns then. It
// changes nothing for one that has ended, and needs no turn.
func (t *Task) Cancel(reason error) { t.cancel(reason) }

// Wait waits until the task has ended, without the turn, and returns what it
// ended with: nil, its error, or the reason why it was cancelled. ended is
// false where the wait itself failed: with ErrTimeout after d, the cause of
// ctx, or ErrDeadlock. A timeout of Forever is none.
func (t *Task) Wait(ctx context.Context, d time.Duration) (ended bool, err error) {
	if t.g.now.Load() == &t.holder {
		return false, ErrDeadlock // it waits for itself
	}
	if t.state == Running {
		w := newWaiter()
		t.waiters = append(t.waiters, &w)
		if err := t.g.park(ctx, &w, d); err != nil {
			t.waiters = without(t.waiters, &w)
			return false, err
		}
	}
	if t.state == Failed && ctx.Err() == nil { // else who waited is about to end, too
		t.claim()
	}
	return true, t.err
}
