package task

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Group are the tasks of a script. The zero value is not usable; see [New].
type Group struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	turn    sync.Mutex             // held by the task that may touch Lua
	now     atomic.Pointer[holder] // whose turn it is, nil is the main part's; written with the turn held
	idle    []*holder              // for the next calls of handlers; guarded by turn
	watch   watch
	report  func(name string, err error)
	block   func() (resume func())
	live    atomic.Int64   // tasks that have not ended, and the main part until it waits for them
	running sync.WaitGroup // tasks that have not ended
	all     sync.WaitGroup // their goroutines, which may outlive them to report an error
	drained chan struct{}  // closed when no task is left
	drain   sync.Once
	fresh   []*Task   // those that have not begun; guarded by turn
	parked  []*waiter // who waits for other tasks only; guarded by turn
	outcome outcome   // guarded by turn
}

// MaxTasks is how many tasks a script may have at a time, timers and
// subscriptions included.
const MaxTasks = 10_000

// ErrFull is returned where there are MaxTasks tasks already.
var ErrFull = fmt.Errorf("%d tasks are running already", MaxTasks)

// ErrDone ends a timer or handler without being an error.
var ErrDone = errors.New("done")

// New returns a group that ends with ctx. report is told each error that a
// task survives, and the one that ends it, with the turn held.
func New(ctx context.Context, report func(name string, err error)) *Group {
	g := &Group{report: report, drained: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.live.Store(1)
	return g
}

// Context is cancelled when the script must end.
func (g *Group) Context() context.Context { return g.ctx }

// Lock takes the turn, Unlock gives it away. Who runs Lua holds it.
func (g *Group) Lock() { g.turn.Lock() }

// Unlock gives the turn away.
func (g *Group) Unlock() { g.turn.Unlock() }

// OnBlock sets what puts away the state of the task that is about to give the
// turn away in [Group.Block], and returns what brings it back. Both are called
// with the turn held.
func (g *Group) OnBlock(fn func() (resume func())) { g.block = fn }

// Block runs fn, which may wait but not touch Lua, without the turn.
func (g *Group) Block(fn func()) {
	resume := func() {}
	if g.block != nil {
		resume = g.block()
	}
	h := g.now.Load()
	g.pause(h)
	g.turn.Unlock()
	defer func() {
		g.turn.Lock()
		g.proceed(h)
		resume()
	}()
	fn()
}

// Stop ends the script with a reason, which [Group.Wait] returns. It needs no
// turn.
func (g *Group) Stop(reason error) { g.cancel(reason) }

// Cause is why the group was stopped, nil while it runs. It needs no turn.
func (g *Group) Cause() error { return context.Cause(g.ctx) }

// Room returns ErrFull where no further task may be started. What starts one
// for a script asks first. It needs no turn.
func (g *Group) Room() error {
	if g.live.Load() >= MaxTasks {
		return ErrFull
	}
	return nil
}

// Go starts a task. It begins without the turn and keeps the script alive
// until it returns. An error of it is reported at once and ends no other task;
// [Group.Wait] returns it when all have ended. It needs no turn.
func (g *Group) Go(name string, fn func(context.Context) error) {
	g.start()
	g.all.Go(func() {
		defer g.running.Done()
		err := fn(g.ctx)
		g.Lock()
		defer g.Unlock()
		if err != nil && g.ctx.Err() == nil {
			g.report(name, err)
			g.outcome.settle(name, err)
		}
		g.end()
	})
}

// start counts a task that is about to begin.
func (g *Group) start() {
	g.live.Add(1)
	g.running.Add(1)
}

// end takes a task, or the main part, out of the live ones. Those that are
// left may have nobody any more who could wake them.
func (g *Group) end() {
	g.live.Add(-1)
	if w := g.stuck(); w != nil {
		w.dead = true
		g.wake(w)
	}
}

// Wait waits until no task is left or the group was stopped and its tasks have
// ended. It returns the reason of a stop, else a *FailedError for the first
// task that an error ended, unless another task waited for it. It is called by
// the main part, without the turn.
func (g *Group) Wait() error {
	g.Lock()
	g.end()
	g.Unlock()
	defer g.live.Add(1)
	g.running.Wait()
	g.drain.Do(func() { close(g.drained) })
	g.all.Wait()
	if err := context.Cause(g.ctx); err != nil {
		return err
	}
	g.Lock()
	defer g.Unlock()
	return g.outcome.err()
}

// Close stops what still runs and waits for it, without the turn.
func (g *Group) Close() {
	g.cancel(context.Canceled)
	g.all.Wait()
	g.watch.close()
}
