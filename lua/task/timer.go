package task

import (
	"context"
	"time"
)

// Timer calls a function at set times, on a task of its own. A call never
// overlaps with the one before.
type Timer struct {
	g      *Group
	name   string
	stop   chan struct{}
	over   bool
	runs   int
	missed int
}

// Name is what the timer was started as.
func (t *Timer) Name() string { return t.name }

// Runs is how many calls began.
func (t *Timer) Runs() int { return t.runs }

// Missed is how many times passed without a call, because the one before
// still ran.
func (t *Timer) Missed() int { return t.missed }

// Over tells whether no further call will come.
func (t *Timer) Over() bool { return t.over }

// Stop ends the timer. A call that is under way comes to its end.
func (t *Timer) Stop() {
	if !t.over {
		t.over = true
		close(t.stop)
	}
}

// Every calls fn, with the turn held, once a period until it returns ErrDone,
// or MaxErrors errors in a row. Times that pass while a call still runs are
// counted and passed to the next call, which comes at once.
func (g *Group) Every(name string, period time.Duration, fn func(missed int) error) *Timer {
	return g.repeat(name, time.Now().Add(period), interval(period), fn)
}

// Cron is Every at the times of a crontab line.
func (g *Group) Cron(name string, c *Cron, fn func(missed int) error) *Timer {
	return g.repeat(name, c.Next(time.Now()), c, fn)
}

// After calls fn once, with the turn held. An error of it is that of a task
// that nobody waits for.
func (g *Group) After(name string, d time.Duration, fn func() error) *Timer {
	t := g.timer(name)
	due := time.Now().Add(d)
	g.Go(name, func(ctx context.Context) error {
		if _, ok := t.wait(ctx, due, interval(0)); !ok {
			return nil
		}
		g.Lock()
		defer g.Unlock()
		err := t.call(0, func(int) error { return fn() })
		t.over = true
		return done(err)
	})
	return t
}

// schedule is when a timer is due.
type schedule interface {
	// after returns the time behind one that has come, the zero time where
	// there is none, and how many between the two and now are missed.
	after(due, now time.Time) (next time.Time, missed int)
	// review returns due, or another time where the clock was set meanwhile.
	review(due, now time.Time) time.Time
}

// interval is a schedule by the time that passes.
type interval time.Duration

func (i interval) after(due, now time.Time) (next time.Time, missed int) {
	missed = max(0, int(now.Sub(due)/time.Duration(i)))
	return due.Add(time.Duration(missed+1) * time.Duration(i)), missed
}

func (i interval) review(due, _ time.Time) time.Time { return due }

// repeat starts a timer that is due for the first time.
func (g *Group) repeat(name string, due time.Time, s schedule, fn func(missed int) error) *Timer {
	t := g.timer(name)
	g.Go(name, func(ctx context.Context) error {
		defer t.ended()
		h := guard{g: g, name: name}
		for !due.IsZero() {
			came, ok := t.wait(ctx, due, s)
			if !ok {
				return nil
			}
			next, missed := s.after(came, time.Now())
			g.Lock()
			err := t.call(missed, fn)
			g.Unlock()
			if err := h.check(err); err != nil {
				return done(err)
			}
			due = next
		}
		return nil
	})
	return t
}

func (g *Group) timer(name string) *Timer {
	return &Timer{g: g, name: name, stop: make(chan struct{})}
}

// call calls fn unless the timer was stopped while the turn was waited for.
func (t *Timer) call(missed int, fn func(int) error) error {
	if t.over {
		return ErrDone
	}
	t.runs++
	t.missed += missed
	return t.g.call(func() error { return fn(missed) })
}

// ended notes that the timer will not come any more.
func (t *Timer) ended() {
	t.g.Lock()
	t.over = true
	t.g.Unlock()
}

// maxWait is how long a timer sleeps in one go: a time of day comes sooner or
// later than it seemed when somebody sets the clock, or the machine slept.
const maxWait = time.Minute

// wait waits until a time has come, and returns it; ok is false where the end
// came first.
func (t *Timer) wait(ctx context.Context, due time.Time, s schedule) (came time.Time, ok bool) {
	timer := time.NewTimer(min(time.Until(due), maxWait))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return due, false
		case <-t.stop:
			return due, false
		case <-timer.C:
		}
		due = s.review(due, time.Now())
		left := time.Until(due)
		if left <= 0 {
			return due, true
		}
		timer.Reset(min(left, maxWait))
	}
}
