package task

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Each value sent by one of several tasks reaches one of several others, those
// of one sender in order.
func TestPipeline(t *testing.T) {
	for _, limit := range []int{0, 1, 7, 1000} {
		got := map[int]bool{}
		err, r := main(t, func(g *Group) {
			c := NewChan[int](g, limit)
			var senders []*Task
			for s := range 4 {
				senders = append(senders, spawn(g, "sends", func(ctx context.Context) error {
					for i := range 2500 {
						if err := c.Send(ctx, s*10000+i, Forever); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			for range 4 {
				spawn(g, "receives", func(ctx context.Context) error {
					last := map[int]int{0: -1, 1: -1, 2: -1, 3: -1}
					for {
						v, ok, err := c.Recv(ctx, Forever)
						if err != nil || !ok {
							return err
						}
						if got[v] || v%10000 <= last[v/10000] {
							t.Errorf("%d came twice, or behind %d", v, last[v/10000])
						}
						got[v], last[v/10000] = true, v%10000
					}
				})
			}
			for _, s := range senders {
				if _, err := s.Wait(g.Now(), Forever); err != nil {
					t.Error(err)
				}
			}
			c.Close()
		})
		if err != nil || len(r) != 0 || len(got) != 10000 {
			t.Errorf("capacity %d: %v, %v, %d values", limit, err, r, len(got))
		}
	}
}

func TestClose(t *testing.T) {
	err, r := main(t, func(g *Group) {
		c := NewChan[int](g, 1)
		full := spawn(g, "sends", func(ctx context.Context) error {
			return errors.Join(c.Send(ctx, 1, Forever), c.Send(ctx, 2, Forever))
		})
		_ = nap(g, g.ctx, time.Second)
		c.Close()
		c.Close()
		if _, err := full.Wait(g.Now(), Forever); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := c.Send(g.ctx, 3, Forever); !errors.Is(err, ErrClosed) || !c.Closed() {
			t.Error(err)
		}
		for _, want := range []bool{true, false, false} {
			if v, ok, err := c.Recv(g.ctx, Forever); ok != want || err != nil || ok && v != 1 {
				t.Error(v, ok, err)
			}
		}
		c = NewChan[int](g, 0)
		waits := spawn(g, "receives", func(ctx context.Context) error {
			_, ok, err := c.Recv(ctx, Forever)
			if ok {
				t.Error("received from nobody")
			}
			return err
		})
		_ = nap(g, g.ctx, time.Second)
		c.Close()
		if _, err := waits.Wait(g.Now(), Forever); err != nil {
			t.Error(err)
		}
	})
	if err != nil || len(r) != 0 {
		t.Error(err, r)
	}
}

// Who gave up neither gets a value nor leaves one.
func TestGivingUp(t *testing.T) {
	err, r := main(t, func(g *Group) {
		c := NewChan[int](g, 0)
		if err := c.Send(g.ctx, 1, time.Second); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
		if _, _, err := c.Recv(g.ctx, 0); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
		cancelled := spawn(g, "cancelled", func(ctx context.Context) error { return c.Send(ctx, 2, Forever) })
		_ = nap(g, g.ctx, time.Second)
		cancelled.Cancel(errBad)
		if _, err := cancelled.Wait(g.Now(), Forever); !errors.Is(err, errBad) {
			t.Error(err)
		}
		spawn(g, "sends", func(ctx context.Context) error { return c.Send(ctx, 3, Forever) })
		if v, ok, err := c.Recv(g.ctx, Forever); v != 3 || !ok || err != nil {
			t.Error(v, ok, err)
		}
		if len(c.senders)+len(c.receivers)+len(g.parked) != 0 {
			t.Errorf("%d senders, %d receivers, %d parked are left", len(c.senders), len(c.receivers), len(g.parked))
		}
		ctx, cancel := context.WithCancel(g.ctx)
		cancel()
		if _, _, err := c.Recv(ctx, Forever); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if err != nil || len(r) != 0 {
		t.Error(err, r)
	}
}

// A channel is a queue with a bound.
func TestRing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := New(context.Background(), nil)
		defer g.Close()
		g.Lock()
		defer g.Unlock()
		c := NewChan[int](g, rapid.IntRange(1, 40).Draw(rt, "capacity"))
		var model []int
		for i := range rapid.IntRange(0, 200).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "send") && len(model) < c.Cap() {
				if err := c.Send(g.ctx, i, Forever); err != nil {
					rt.Fatal(err)
				}
				model = append(model, i)
			} else if len(model) > 0 {
				if v, ok, err := c.Recv(g.ctx, Forever); v != model[0] || !ok || err != nil {
					rt.Fatal(v, ok, err)
				}
				model = slices.Delete(model, 0, 1)
			}
			if c.Len() != len(model) || len(c.ring) > c.Cap() {
				rt.Fatalf("%d values, want %d; %d places", c.Len(), len(model), len(c.ring))
			}
		}
	})
}

// The end of a group ends every wait.
func TestStopWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		g := New(ctx, func(_ string, err error) { t.Error(err) })
		g.Lock()
		c := NewChan[int](g, 0)
		waits := spawn(g, "receives", func(ctx context.Context) error { _, _, err := c.Recv(ctx, Forever); return err })
		spawn(g, "waits", func(ctx context.Context) error { _, err := waits.Wait(ctx, Forever); return err })
		g.Every("every", time.Hour, func(int) error { return nil })
		g.Unlock()
		if err := g.Wait(); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
