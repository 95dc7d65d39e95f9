package task

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// spin is time with the turn, which nobody else may want meanwhile: a bubble
// does not see that who waits for a lock is idle.
func spin(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

func TestLimit(t *testing.T) {
	const limit = 5 * time.Second
	errLimit := errors.New("too long")
	for _, c := range []struct {
		name  string
		limit time.Duration
		call  func(g *Group) error
		want  error
		took  time.Duration // at least
	}{
		{"short", limit, func(g *Group) error { return spin(g.Now(), limit-time.Millisecond) }, nil, 0},
		{"long", limit, func(g *Group) error { return spin(g.Now(), time.Hour) }, errLimit, limit},
		{"no limit", 0, func(g *Group) error { return spin(g.Now(), time.Hour) }, nil, time.Hour},
		{"asleep", limit, func(g *Group) error { return nap(g, g.Now(), time.Hour) }, nil, time.Hour},
		{"in parts, below", limit, func(g *Group) error {
			err := spin(g.Now(), 2*time.Second)
			_ = nap(g, g.Now(), time.Hour)
			return errors.Join(err, spin(g.Now(), 2*time.Second))
		}, nil, time.Hour},
		{"in parts, above", limit, func(g *Group) error {
			for range 60 {
				if err := errors.Join(spin(g.Now(), 100*time.Millisecond), nap(g, g.Now(), time.Minute)); err != nil {
					return err
				}
			}
			return nil
		}, errLimit, 50*time.Minute + limit},
		{"in the first part", limit, func(g *Group) error {
			return errors.Join(spin(g.Now(), 4*time.Second), nap(g, g.Now(), time.Minute), spin(g.Now(), 2*time.Second))
		}, errLimit, time.Minute + limit},
		{"goes on", limit, func(g *Group) error {
			_ = spin(g.Now(), time.Hour)
			_ = nap(g, context.Background(), time.Second)
			return spin(g.Now(), time.Hour)
		}, errLimit, limit + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				g := New(context.Background(), r.add)
				g.SetLimit(c.limit, errLimit)
				var got []error
				var took []time.Duration
				g.Go("events", func(context.Context) error {
					time.Sleep(time.Second) // lets the main part begin to wait
					call := g.Handler("events")
					for range 2 { // the second call is like the first
						_ = call(func() error {
							start := time.Now()
							got = append(got, c.call(g))
							took = append(took, time.Since(start))
							return nil
						})
						_ = call(func() error { return nil })
					}
					return nil
				})
				if err := g.Wait(); err != nil {
					t.Fatal(err)
				}
				for i, err := range got {
					if (c.want == nil) != (err == nil) || c.want != nil && !errors.Is(err, c.want) || took[i] < c.took || c.want != nil && took[i] > c.took+5*maxPace {
						t.Errorf("call %d: %v after %s", i, err, took[i])
					}
				}
				g.Close()
			})
		})
	}
}

// The limit of one call does not end another that runs or waits beside it.
func TestLimitHitsOne(t *testing.T) {
	errLimit := errors.New("too long")
	synctest.Test(t, func(t *testing.T) {
		g := New(context.Background(), func(_ string, err error) { t.Error(err) })
		g.SetLimit(time.Second, errLimit)
		asleep, busy := errors.New("did not run"), error(nil)
		g.After("asleep", 10*time.Minute, func() error { asleep = nap(g, g.Now(), time.Hour); return nil })
		g.After("busy", 20*time.Minute, func() error { busy = spin(g.Now(), time.Hour); return nil })
		g.Lock()
		spun := spawn(g, "task", func(ctx context.Context) error {
			return errors.Join(nap(g, ctx, time.Second), spin(ctx, 5*time.Minute))
		})
		g.Unlock()
		if err := g.Wait(); err != nil || asleep != nil || !errors.Is(busy, errLimit) || spun.State() != Done {
			t.Errorf("%v; asleep: %v; busy: %v; task: %s", err, asleep, busy, spun.State())
		}
		if len(g.idle) > 2 {
			t.Errorf("%d holders are kept", len(g.idle))
		}
		for _, h := range g.idle {
			if h.ctx.Err() != nil {
				t.Error("a cancelled holder is kept")
			}
		}
		g.Close()
	})
}

// There are no looks while nothing runs.
func TestWatchSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(context.Background(), nil)
		g.SetLimit(time.Second, errBad)
		call := g.Handler("events")
		for range 3 {
			if err := call(func() error { return nil }); err != nil || !g.watch.awake.Load() {
				t.Fatalf("%v, awake %v", err, g.watch.awake.Load())
			}
			time.Sleep(3 * maxPace)
			synctest.Wait()
			if g.watch.awake.Load() {
				t.Fatal("still awake")
			}
		}
		g.Close()
	})
}
