package task

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestTimer(t *testing.T) {
	err, r := main(t, func(g *Group) {
		every := g.Every("every", time.Second, func(int) error { return nap(g, g.Now(), 2500*time.Millisecond) })
		_ = nap(g, g.ctx, 7*time.Second)
		// due at 1, 2, ...: called at 1, at 3.5 for 2 and 3, at 6 for 4, 5 and 6
		if every.Runs() != 3 || every.Missed() != 3 || every.Over() || every.Name() != "every" {
			t.Errorf("%d runs, %d missed, over %v", every.Runs(), every.Missed(), every.Over())
		}
		every.Stop()
		every.Stop()
		if !every.Over() {
			t.Error("goes on")
		}
		start := time.Now()
		var at time.Duration
		after := g.After("after", 90*time.Minute, func() error { at = time.Since(start); return nil })
		never := g.After("never", time.Hour, func() error { t.Error("called"); return nil })
		never.Stop()
		_ = nap(g, g.ctx, 2*time.Hour)
		if at != 90*time.Minute || after.Runs() != 1 || !after.Over() || never.Runs() != 0 || every.Runs() != 3 {
			t.Errorf("after %s, %d runs, over %v", at, after.Runs(), after.Over())
		}
	})
	if err != nil || len(r) != 0 {
		t.Error(err, r)
	}
}

// A timer that was stopped while it waited for the turn does not call.
func TestStopBeforeTheTurn(t *testing.T) {
	g := New(context.Background(), func(_ string, err error) { t.Error(err) })
	g.Lock()
	called := func() error { t.Error("called"); return nil }
	timers := []*Timer{
		g.Every("every", time.Millisecond, func(int) error { return called() }),
		g.After("after", time.Millisecond, called),
	}
	time.Sleep(20 * time.Millisecond) // with the turn
	for _, timer := range timers {
		timer.Stop()
	}
	g.Unlock()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	g.Close()
}

func TestErrorOfATimer(t *testing.T) {
	for name, start := range map[string]func(*Group){
		"after": func(g *Group) { g.After("x", time.Second, func() error { return errBad }) },
		"every": func(g *Group) { g.Every("x", time.Second, func(int) error { return errBad }) },
	} {
		want := map[string]int{"after": 1, "every": MaxErrors}[name]
		if err, r := main(t, start); !errors.Is(err, errBad) || len(r) != want {
			t.Errorf("%s: %v, %q", name, err, r)
		}
	}
}

func TestCronTimer(t *testing.T) {
	c, err := ParseCron("*/10 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	var missed []int
	err, r := main(t, func(g *Group) { // a bubble begins at midnight of 2000-01-01
		timer := g.Cron("cron", c, func(m int) error {
			at, missed = append(at, time.Now().UTC().Format("15:04")), append(missed, m)
			if len(at) == 2 {
				return nap(g, g.Now(), 25*time.Minute)
			}
			return nil
		})
		_ = nap(g, g.ctx, time.Hour+time.Minute)
		timer.Stop()
	})
	if err != nil || len(r) != 0 || !slices.Equal(at, []string{"00:10", "00:20", "00:45", "00:50", "01:00"}) || !slices.Equal(missed, []int{0, 0, 1, 0, 0}) {
		t.Errorf("%v, %q, at %v, missed %v", err, r, at, missed)
	}
}
