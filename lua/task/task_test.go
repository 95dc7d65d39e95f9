package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// main runs fn as the main part of a script inside a bubble of fake time, waits
// for its tasks, and returns what Wait returned and what was reported.
func main(t *testing.T, fn func(g *Group)) (err error, r reports) { //nolint:staticcheck // the error is what most tests look at
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		g := New(context.Background(), r.add)
		g.Lock()
		fn(g)
		g.Unlock()
		err = g.Wait()
		g.Close()
	})
	return err, r
}

// spawn starts a task, which there is room for.
func spawn(g *Group, name string, fn func(ctx context.Context) error) *Task {
	t, err := g.Spawn(name, fn)
	if err != nil {
		panic(err)
	}
	return t
}

// nap sleeps without the turn, unless ctx ends.
func nap(g *Group, ctx context.Context, d time.Duration) error {
	g.Block(func() {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	})
	return context.Cause(ctx)
}

var errBad = errors.New("bad")

// bad is a task that fails.
func bad(context.Context) error { return errBad }

func TestWait(t *testing.T) {
	err, r := main(t, func(g *Group) {
		n := 0
		task := spawn(g, "adds", func(ctx context.Context) error {
			n++
			return nap(g, ctx, time.Minute)
		})
		if task.State() != Running || n != 0 {
			t.Errorf("%s, ran %d times before its turn", task.State(), n)
		}
		ended, err := task.Wait(g.Now(), time.Second)
		if ended || !errors.Is(err, ErrTimeout) || task.State() != Running || n != 1 {
			t.Errorf("ended %v, %v, %s", ended, err, task.State())
		}
		for range 2 {
			if ended, err := task.Wait(g.Now(), Forever); !ended || err != nil || task.State() != Done {
				t.Errorf("ended %v, %v, %s", ended, err, task.State())
			}
		}
		task.Cancel(errBad)
		if task.State() != Done {
			t.Error("cancelled after its end")
		}
	})
	if err != nil || len(r) != 0 {
		t.Error(err, r)
	}
}

// An error is for who waits; it is reported where nobody does in time, and
// fails the script where nobody does at all.
func TestErrorsOfTasks(t *testing.T) {
	got := func(t *testing.T, g *Group, task *Task) {
		if ended, err := task.Wait(g.Now(), Forever); !ended || !errors.Is(err, errBad) || task.State() != Failed {
			t.Errorf("ended %v, %v, %s", ended, err, task.State())
		}
	}
	for _, c := range []struct {
		name    string
		main    func(t *testing.T, g *Group)
		fails   bool
		reports int
	}{
		{"nobody", func(_ *testing.T, g *Group) { spawn(g, "bad", bad) }, true, 1},
		{"at once", func(t *testing.T, g *Group) { got(t, g, spawn(g, "bad", bad)) }, false, 0},
		{"twice", func(t *testing.T, g *Group) { task := spawn(g, "bad", bad); got(t, g, task); got(t, g, task) }, false, 0},
		{"soon", func(t *testing.T, g *Group) {
			task := spawn(g, "bad", bad)
			_ = nap(g, g.ctx, grace/2)
			got(t, g, task)
		}, false, 0},
		{"late", func(t *testing.T, g *Group) {
			task := spawn(g, "bad", bad)
			_ = nap(g, g.ctx, 2*grace)
			got(t, g, task)
		}, false, 1},
		{"late, one of two", func(t *testing.T, g *Group) {
			task := spawn(g, "bad", bad)
			spawn(g, "bad", bad)
			_ = nap(g, g.ctx, 2*grace)
			got(t, g, task)
		}, true, 2},
		{"waited for, but not long enough", func(t *testing.T, g *Group) {
			task := spawn(g, "bad", func(ctx context.Context) error { _ = nap(g, ctx, time.Minute); return errBad })
			if _, err := task.Wait(g.Now(), time.Second); !errors.Is(err, ErrTimeout) {
				t.Error(err)
			}
		}, true, 1},
		{"more than are remembered", func(t *testing.T, g *Group) {
			var last *Task
			for range maxPending + 1 {
				last = spawn(g, "bad", bad)
			}
			_ = nap(g, g.ctx, 2*grace)
			got(t, g, last)
		}, true, maxPending + 1},
		{"behind a stop", func(_ *testing.T, g *Group) {
			spawn(g, "bad", bad)
			_ = nap(g, g.ctx, grace/2)
			g.Stop(context.Canceled)
		}, false, 1},
		{"a wait that is cancelled as it ends", func(_ *testing.T, g *Group) {
			var waits *Task
			task := spawn(g, "bad", func(ctx context.Context) error {
				_ = nap(g, ctx, time.Minute)
				waits.Cancel(context.Canceled)
				return errBad
			})
			waits = spawn(g, "waits", func(ctx context.Context) error { _, err := task.Wait(ctx, Forever); return err })
		}, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			err, r := main(t, func(g *Group) { c.main(t, g) })
			var failed *FailedError
			if errors.As(err, &failed) != c.fails || c.fails && !errors.Is(err, errBad) || len(r) != c.reports {
				t.Errorf("%v, %d reports, want %d", err, len(r), c.reports)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	reason := errors.New("enough")
	err, r := main(t, func(g *Group) {
		early := spawn(g, "early", func(context.Context) error { t.Error("ran"); return nil })
		early.Cancel(reason)
		asleep := spawn(g, "asleep", func(ctx context.Context) error { return nap(g, ctx, time.Hour) })
		stubborn := spawn(g, "stubborn", func(ctx context.Context) error { _ = nap(g, ctx, time.Hour); return nil })
		_ = nap(g, g.ctx, time.Second)
		start := time.Now()
		for _, task := range []*Task{early, asleep, stubborn} {
			task.Cancel(reason)
			if task.State() != Cancelled {
				t.Errorf("%s is %s", task.Name(), task.State())
			}
			if ended, err := task.Wait(g.Now(), Forever); !ended || !errors.Is(err, reason) || task.State() != Cancelled {
				t.Errorf("%s: ended %v, %v", task.Name(), ended, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("took %s", time.Since(start))
		}
	})
	if err != nil || len(r) != 0 {
		t.Error(err, r)
	}
}

// Tasks begin in the order in which they were spawned.
func TestOrder(t *testing.T) {
	var order []int
	_, _ = main(t, func(g *Group) {
		for i := range 1000 {
			spawn(g, "counts", func(context.Context) error { order = append(order, i); return nil })
		}
	})
	if len(order) != 1000 || !slices.IsSorted(order) {
		t.Errorf("%d in the order %v", len(order), order)
	}
}

func TestMaxTasks(t *testing.T) {
	err, _ := main(t, func(g *Group) {
		for range MaxTasks - 1 { // the main part is one
			spawn(g, "idle", func(ctx context.Context) error { return nap(g, ctx, time.Hour) })
		}
		if _, err := g.Spawn("one more", bad); !errors.Is(err, ErrFull) || !errors.Is(g.Room(), ErrFull) {
			t.Error(err)
		}
		_ = nap(g, g.ctx, 2*time.Hour)
		if err := g.Room(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// Whoever closes the circle is told, and who is left in one when others end.
func TestDeadlock(t *testing.T) {
	receive := func(c *Chan[int]) func(context.Context) error {
		return func(ctx context.Context) error { _, _, err := c.Recv(ctx, Forever); return err }
	}
	for _, c := range []struct {
		name  string
		main  func(g *Group) error
		stuck int // tasks that end with a deadlock, the main part included
	}{
		{"alone", func(g *Group) error { return receive(NewChan[int](g, 0))(g.ctx) }, 1},
		{"itself", func(g *Group) error {
			var self *Task
			self = spawn(g, "self", func(ctx context.Context) error { _, err := self.Wait(ctx, Forever); return err })
			_, err := self.Wait(g.ctx, Forever)
			return err
		}, 1},
		{"two, and the main part at its end", func(g *Group) error {
			spawn(g, "a", receive(NewChan[int](g, 0)))
			spawn(g, "b", receive(NewChan[int](g, 0)))
			_ = nap(g, g.ctx, time.Second)
			return nil
		}, 2},
		{"left behind", func(g *Group) error {
			spawn(g, "a", receive(NewChan[int](g, 0)))
			spawn(g, "b", func(ctx context.Context) error { return nap(g, ctx, time.Minute) })
			return nil
		}, 1},
		{"a timeout of the wait", func(g *Group) error {
			_, _, err := NewChan[int](g, 0).Recv(g.ctx, time.Second)
			if errors.Is(err, ErrTimeout) {
				return nil
			}
			return errors.New("no timeout")
		}, 0},
		{"a timeout around it", func(g *Group) error {
			ctx, cancel := context.WithTimeout(g.ctx, time.Second)
			defer cancel()
			if err := receive(NewChan[int](g, 0))(ctx); !errors.Is(err, context.DeadlineExceeded) {
				return errors.New("no timeout")
			}
			return nil
		}, 0},
		{"a timer", func(g *Group) error {
			c := NewChan[int](g, 0)
			g.After("after", time.Minute, func() error { return c.Send(g.ctx, 1, Forever) })
			return receive(c)(g.ctx)
		}, 0},
		{"a handler", func(g *Group) error {
			c := NewChan[int](g, 0)
			call := g.Handler("events")
			g.Go("events", func(context.Context) error {
				time.Sleep(time.Minute)
				return call(func() error { c.Close(); return nil })
			})
			return receive(c)(g.ctx)
		}, 0},
		{"a task that is cancelled meanwhile", func(g *Group) error {
			c := NewChan[int](g, 0)
			other := spawn(g, "other", func(ctx context.Context) error {
				err := receive(NewChan[int](g, 0))(ctx)
				c.Close()
				return err
			})
			_ = nap(g, g.ctx, time.Second)
			other.Cancel(context.Canceled)
			return receive(c)(g.ctx)
		}, 0},
		{"a task that was woken but not yet ran", func(g *Group) error {
			a, b := NewChan[int](g, 0), NewChan[int](g, 0)
			spawn(g, "echo", func(ctx context.Context) error {
				v, _, err := a.Recv(ctx, Forever)
				return errors.Join(err, b.Send(ctx, v, Forever))
			})
			_ = nap(g, g.ctx, time.Second)
			if err := a.Send(g.ctx, 1, Forever); err != nil {
				return err
			}
			return receive(b)(g.ctx)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			_, r := main(t, func(g *Group) {
				if err := c.main(g); errors.Is(err, ErrDeadlock) {
					n++
				} else if err != nil {
					t.Error(err)
				}
			})
			for _, report := range r {
				if slices.Contains([]string{"a: " + ErrDeadlock.Error(), "b: " + ErrDeadlock.Error()}, report) {
					n++
				} else {
					t.Error(report)
				}
			}
			if n != c.stuck {
				t.Errorf("%d deadlocks, want %d; %q", n, c.stuck, r)
			}
		})
	}
}

// Interrupt hits who has the turn and nobody else.
func TestInterrupt(t *testing.T) {
	reason := errors.New("enough")
	g := New(context.Background(), func(_ string, err error) { t.Error(err) })
	defer g.Close()
	if g.Interrupt(reason) {
		t.Error("the main part was interrupted")
	}
	g.Lock()
	spin := func(ctx context.Context) error {
		for ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return context.Cause(ctx)
	}
	idle := spawn(g, "idle", func(ctx context.Context) error { return nap(g, ctx, time.Hour) })
	busy := spawn(g, "busy", spin)
	var handled error
	g.Go("events", func(context.Context) error {
		return done(g.Handler("events")(func() error { handled = spin(g.Now()); return ErrDone }))
	})
	g.Unlock()
	for hit := 0; hit < 2; time.Sleep(time.Millisecond) {
		if g.Interrupt(reason) {
			hit++
		}
	}
	g.Lock()
	defer g.Unlock()
	if _, err := busy.Wait(g.Now(), time.Minute); !errors.Is(err, reason) || idle.State() != Running {
		t.Errorf("%v, %s", err, idle.State())
	}
	g.Block(func() { time.Sleep(10 * time.Millisecond) })
	if handled == nil || !errors.Is(handled, reason) {
		t.Errorf("the handler ended with %v", handled)
	}
}

func TestStates(t *testing.T) {
	if s := fmt.Sprint(Running, Done, Failed, Cancelled); s != "running done failed cancelled" {
		t.Error(s)
	}
}
