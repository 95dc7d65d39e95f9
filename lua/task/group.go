package task

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Group are the tasks of a script. The zero value is not usable; see [New].
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	turn   sync.Mutex // held by the task that may touch Lua
	wg     sync.WaitGroup
	report func(name string, err error)
	block  func() (resume func())
	failed *FailedError // the first task that an error ended; guarded by turn
}

// FailedError says which task of a script an error ended.
type FailedError struct {
	Task string
	Err  error
}

// Error names the task.
func (e *FailedError) Error() string { return "a task failed: " + e.Task + ": " + e.Err.Error() }

// Unwrap returns what ended the task.
func (e *FailedError) Unwrap() error { return e.Err }

// MaxErrors is how many errors in a row end a handler or timer.
const MaxErrors = 10

// New returns a group that ends with ctx. report is told each error that a
// task survives, and the one that ends it, with the turn held.
func New(ctx context.Context, report func(name string, err error)) *Group {
	g := &Group{report: report}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
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
	g.turn.Unlock()
	defer func() {
		g.turn.Lock()
		resume()
	}()
	fn()
}

// Stop ends the script with a reason, which [Group.Wait] returns.
func (g *Group) Stop(reason error) { g.cancel(reason) }

// Go starts a task. It begins without the turn and keeps the script alive
// until it returns. An error of it is reported at once and ends no other task;
// [Group.Wait] returns it when all have ended.
func (g *Group) Go(name string, fn func(context.Context) error) {
	g.wg.Go(func() {
		err := fn(g.ctx)
		if err != nil && g.ctx.Err() == nil {
			g.Lock()
			defer g.Unlock()
			g.report(name, err)
			if g.failed == nil {
				g.failed = &FailedError{Task: name, Err: err}
			}
		}
	})
}

// Every calls fn, with the turn held, once a period until it returns ErrDone,
// or MaxErrors errors in a row. A call never overlaps with the one before:
// ticks that come meanwhile are counted and passed to the next call.
func (g *Group) Every(name string, period time.Duration, fn func(missed int) error) {
	g.Go(name, func(ctx context.Context) error {
		tick := time.NewTicker(period)
		defer tick.Stop()
		guard := guard{g: g, name: name}
		next := time.Now().Add(period)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			missed := max(0, int(time.Since(next)/period))
			next = next.Add(time.Duration(missed+1) * period)
			g.Lock()
			err := g.ended(fn, missed)
			g.Unlock()
			if err := guard.check(err); err != nil {
				return done(err)
			}
		}
	})
}

// ended calls fn unless the script is over, which may have happened while the
// turn was waited for.
func (g *Group) ended(fn func(int) error, missed int) error {
	if g.ctx.Err() != nil {
		return ErrDone
	}
	return fn(missed)
}

// ErrDone ends a timer or handler without being an error.
var ErrDone = errors.New("done")

func done(err error) error {
	if errors.Is(err, ErrDone) {
		return nil
	}
	return err
}

// guard counts the errors in a row of one handler.
type guard struct {
	g    *Group
	name string
	row  int
}

// check reports err and goes on, or returns what ends the handler.
func (h *guard) check(err error) error {
	switch {
	case err == nil:
		h.row = 0
		return nil
	case errors.Is(err, ErrDone) || h.g.ctx.Err() != nil:
		return ErrDone
	}
	if h.row++; h.row == MaxErrors {
		return fmt.Errorf("stopped after %d errors in a row, the last: %w", h.row, err)
	}
	h.g.Lock()
	h.g.report(h.name, err)
	h.g.Unlock()
	return nil
}

// Handler returns a function that calls fn with the turn held, for a task that
// gets its items elsewhere: errors are reported, and what it returns ends the
// task (nil goes on, ErrDone ends in peace).
func (g *Group) Handler(name string) func(fn func() error) error {
	h := guard{g: g, name: name}
	return func(fn func() error) error {
		g.Lock()
		err := g.ended(func(int) error { return fn() }, 0)
		g.Unlock()
		return h.check(err)
	}
}

// Wait waits, without the turn, until no task is left or the group was
// stopped and its tasks have ended. It returns the reason of a stop, else a
// *FailedError for the first task that an error ended.
func (g *Group) Wait() error {
	g.wg.Wait()
	if err := context.Cause(g.ctx); err != nil {
		return err
	}
	g.Lock()
	defer g.Unlock()
	if g.failed != nil {
		return g.failed
	}
	return nil
}

// Close stops what still runs and waits for it.
func (g *Group) Close() {
	g.cancel(context.Canceled)
	g.wg.Wait()
}

// Cause is why the group was stopped, nil while it runs.
func (g *Group) Cause() error { return context.Cause(g.ctx) }
