package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// reports collects what a group reports.
type reports []string

func (r *reports) add(name string, err error) { *r = append(*r, name+": "+err.Error()) }

func TestEveryKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		g := New(context.Background(), r.add)
		start := time.Now()
		var at []time.Duration
		var missed []int
		g.Every("tick", time.Second, func(m int) error {
			at, missed = append(at, time.Since(start)), append(missed, m)
			switch len(at) {
			case 2:
				g.Block(func() { time.Sleep(3500 * time.Millisecond) })
			case 4:
				return ErrDone
			}
			return nil
		})
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{time.Second, 2 * time.Second, 5500 * time.Millisecond, 6 * time.Second}
		if !slices.Equal(at, want) || !slices.Equal(missed, []int{0, 0, 2, 0}) || len(r) != 0 {
			t.Errorf("called at %v, missed %v, reports %q", at, missed, r)
		}
	})
}

func TestErrorsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		g := New(context.Background(), r.add)
		calls := 0
		g.Every("bad", time.Second, func(int) error {
			if calls++; calls == 5 {
				return nil // begins the count again
			}
			return fmt.Errorf("error %d", calls)
		})
		err := g.Wait()
		var failed *FailedError
		if !errors.As(err, &failed) || failed.Task != "bad" || calls != 5+MaxErrors || len(r) != 4+MaxErrors {
			t.Errorf("%d calls, %v, %q", calls, err, r)
		}
	})
}

func TestHandler(t *testing.T) {
	var r reports
	g := New(context.Background(), r.add)
	handled := 0
	g.Go("events", func(context.Context) error {
		call := g.Handler("events")
		for i := range 100 {
			if err := call(func() error {
				handled++
				if i == 7 {
					return ErrDone
				}
				if i%2 == 0 {
					return errors.New("even")
				}
				return nil
			}); err != nil {
				return done(err)
			}
		}
		return errors.New("not stopped")
	})
	if err := g.Wait(); err != nil || handled != 8 || len(r) != 4 {
		t.Errorf("%d handled, %v, %q", handled, err, r)
	}
}

func TestFailureEndsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		g := New(context.Background(), r.add)
		bad, other := errors.New("bad"), false
		g.Go("one", func(context.Context) error { return bad })
		g.Go("two", func(context.Context) error {
			time.Sleep(time.Hour)
			other = true
			return nil
		})
		if err := g.Wait(); !errors.Is(err, bad) || !other || !slices.Equal(r, []string{"one: bad"}) {
			t.Errorf("%v, other ended by itself: %v, %q", err, other, r)
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		g := New(context.Background(), r.add)
		reason := errors.New("enough")
		g.Every("tick", time.Hour, func(int) error { return nil })
		g.Go("waits", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		g.Go("stops", func(context.Context) error { g.Stop(reason); return nil })
		if err := g.Wait(); !errors.Is(err, reason) || !errors.Is(g.Cause(), reason) || len(r) != 0 {
			t.Errorf("%v, %q", err, r)
		}
		called := false
		err := g.Handler("late")(func() error { called = true; return nil })
		if called || !errors.Is(err, ErrDone) {
			t.Errorf("a handler ran after the end, %v", err)
		}
	})
}

func TestParentContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		g := New(ctx, func(string, error) { t.Error("reported") })
		g.Every("tick", time.Second, func(int) error { return nil })
		if err := g.Wait(); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestTurn checks that one task at a time has the turn, and that Block puts
// its state away and brings it back.
func TestTurn(t *testing.T) {
	g := New(context.Background(), func(_ string, err error) { t.Error(err) })
	var inside atomic.Int32
	current, blocked := 0, 0
	g.OnBlock(func() func() {
		mine := current
		blocked++
		return func() { current = mine }
	})
	for id := 1; id <= 50; id++ {
		g.Go("task", func(context.Context) error {
			g.Lock()
			defer g.Unlock()
			for range 20 {
				if inside.Add(1) != 1 {
					return errors.New("two tasks have the turn")
				}
				current = id
				inside.Add(-1)
				g.Block(func() { time.Sleep(time.Microsecond) })
				if current != id {
					return fmt.Errorf("task %d came back to the state of %d", id, current)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || blocked != 1000 {
		t.Errorf("%v, %d blocks", err, blocked)
	}
}

func TestBlockPanic(t *testing.T) {
	g := New(context.Background(), nil)
	g.Lock()
	func() {
		defer func() { _ = recover() }()
		g.Block(func() { panic("x") })
	}()
	g.Unlock() // panics itself unless the turn came back
}
