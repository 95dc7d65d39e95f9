package task

import (
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// Cron is a line of times as in a crontab: minute, hour, day of the month,
// month and day of the week, before them seconds and behind them a year where
// they are wanted, or a word such as @daily.
//
// Where the clock is changed for summer or winter, what is due at an hour and
// minute of its own comes exactly once: at the change if its time is left out,
// the first time if it comes twice. What is due every so many minutes or hours
// follows the clock, and comes in both of two equal hours.
type Cron struct {
	expr  string
	loc   *time.Location
	fixed bool // due at an hour and minute of its own
}

// maxCron is the longest line.
const maxCron = 200

// ParseCron reads a line, whose times are those of a place.
func ParseCron(expr string, loc *time.Location) (*Cron, error) {
	segments, err := gronx.Segments(expr)
	if err != nil || len(expr) > maxCron {
		return nil, fmt.Errorf(`%q is not a line of times such as "0 3 * * *": minute, hour, day, month, day of the week`, expr)
	}
	names := [...]string{"second", "minute", "hour", "day", "month", "day of the week", "year"}
	check := &gronx.SegmentChecker{}
	check.SetRef(time.Now())
	for i, segment := range segments {
		for part := range strings.SplitSeq(segment, ",") { // all of them: a check stops at the first that fits
			if _, err := check.CheckDue(part, i); err != nil {
				return nil, fmt.Errorf("%q is not a %s, in %q", part, names[i], expr)
			}
		}
	}
	if !gronx.IsValid(expr) {
		return nil, fmt.Errorf("%q is not a line of times", expr)
	}
	c := &Cron{expr: strings.Join(segments, " "), loc: loc, fixed: true}
	for _, segment := range segments[:3] {
		c.fixed = c.fixed && !strings.HasPrefix(segment, "*")
	}
	if c.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("%q never comes", expr)
	}
	return c, nil
}

// maxChanges bounds how many changes of the clock are looked behind: two a
// year for a century.
const maxChanges = 200

// Next is the first time after t, the zero time if there is none.
func (c *Cron) Next(t time.Time) time.Time {
	t = t.In(c.loc)
	_, offset := t.Zone()
	change := changeAfter(t)
	for range maxChanges {
		next, err := gronx.NextTickAfter(c.expr, t.In(time.FixedZone("", offset)), false)
		if err != nil {
			return time.Time{}
		}
		next = next.In(c.loc)
		if change.IsZero() || next.Before(change) {
			if !c.fixed || !second(next) {
				return next
			}
			t = next
			continue
		}
		before := offset
		_, offset = change.Zone()
		skipped := time.Duration(offset-before) * time.Second
		if c.fixed && next.Before(change.Add(skipped)) {
			return change
		}
		t = change.Add(-time.Second)
		change = changeAfter(change)
	}
	return time.Time{}
}

// changeAfter is when the clock is changed next, or at least the rule for it is
// looked up anew; the zero time is never. package time lets a leap year end a
// day early, and finds no later time on that day.
func changeAfter(t time.Time) time.Time {
	_, change := t.ZoneBounds()
	if !change.IsZero() && !change.After(t) {
		return t.AddDate(0, 0, 1)
	}
	return change
}

// second tells whether the clock showed the same time once before, an hour or
// so ago.
func second(t time.Time) bool {
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return false
	}
	_, before := change.Add(-time.Second).Zone()
	_, offset := t.Zone()
	return t.Before(change.Add(time.Duration(before-offset) * time.Second))
}

// maxCounted bounds how many missed times are counted.
const maxCounted = 10_000

// after returns the time behind one that is due and how many between that and
// now are missed, up to maxCounted. It repeats nothing where the clock was set
// back a little.
func (c *Cron) after(due, now time.Time) (next time.Time, missed int) {
	next = c.Next(due)
	for !next.IsZero() && !next.After(now) {
		if missed++; missed == maxCounted {
			return c.Next(now), missed
		}
		next = c.Next(next)
	}
	return next, missed
}

// setBack is how far a clock may be set back without its hours coming again.
const setBack = 3 * time.Hour

// review begins anew where the clock was set back by more than that: it was
// wrong before.
func (c *Cron) review(due, now time.Time) time.Time {
	if due.After(now) {
		if next := c.Next(now); !next.IsZero() && due.Sub(next) > setBack {
			return next
		}
	}
	return due
}
