package plan

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBreakerOverTime is about what unattended handlers may change.
func TestBreakerOverTime(t *testing.T) {
	at := func(sec float64) time.Time {
		return time.Unix(1_000_000, 0).Add(time.Duration(sec * float64(time.Second)))
	}
	for name, steps := range map[string][]struct {
		at float64
		n  int
		ok bool
	}{
		"up to its bound":      {{0, 6, true}, {1, 4, true}, {2, 0, true}},
		"one more":             {{0, 6, true}, {1, 5, false}, {2, 1, false}},
		"more than it at once": {{0, 11, false}, {5, 10, false}, {16, 10, true}},
		"slides":               {{0, 6, true}, {6, 4, true}, {9.999, 1, false}, {20, 10, true}},
		"what is old is free":  {{0, 6, true}, {6, 4, true}, {10, 6, true}, {15.9, 1, false}},
		"stays open while it is asked": {{0, 10, true}, {1, 1, false}, {10.5, 1, false}, {20, 1, false}, {29.999, 1, false},
			{39.998, 1, false}, {50, 10, true}},
		"nothing is no question": {{0, 10, true}, {1, 1, false}, {9, 0, true}, {11, 1, true}},
		"closes":                 {{0, 10, true}, {1, 1, false}, {11, 10, true}, {21, 10, true}},
	} {
		b := Breaker{Max: 10, Per: 10 * time.Second}
		for i, s := range steps {
			err := b.Allow(s.n, at(s.at))
			var tripped *BreakerError
			if s.ok != (err == nil) || !s.ok && (!errors.As(err, &tripped) || tripped.N != s.n || tripped.Max != 10) {
				t.Errorf("%s: question %d, %d at %v: %v", name, i, s.n, s.at, err)
			}
		}
	}
}

// TestBreakerOfTasks has several tasks that apply plans at once: together they
// keep to the bound.
func TestBreakerOfTasks(t *testing.T) {
	b := Breaker{Max: 1000, Per: time.Hour}
	now := time.Now()
	var done atomic.Int64
	var tasks sync.WaitGroup
	for range 8 {
		tasks.Go(func() {
			for range 400 {
				if b.Allow(1, now) == nil {
					done.Add(1)
				}
			}
		})
	}
	tasks.Wait()
	if done.Load() != 1000 {
		t.Errorf("%d changes, want 1000", done.Load())
	}
}
