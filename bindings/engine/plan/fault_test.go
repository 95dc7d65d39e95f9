package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/journal/journaltest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// large are the ways in which many flows are changed: of each the table and how
// it is asked for. With a share, all are found before the first is changed.
var large = map[string]struct {
	n   int
	opt Options
}{"found first": {1500, Options{Share: 1}}, "found meanwhile": {1500, Options{}}, "paced": {1500, Options{Rate: 1e7, Batch: 250}}}

// exactly tests that a journal holds what became of a table: what was there and
// is there no more, nothing else.
func exactly(t testing.TB, what string, j *Journal, id string, before, after map[wire.Tuple]string) {
	t.Helper()
	var want, got []string
	for tup := range before {
		if after[tup] == "" {
			want = append(want, "delete "+tup.String())
		}
	}
	if id != "" {
		got = changes(t, j, id)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the journal holds %d changes, %d were made", what, len(got), len(want))
	}
}

// covers tests that all that is gone is in a journal.
func covers(t testing.TB, what string, j *Journal, id string, before, after map[wire.Tuple]string) {
	t.Helper()
	got := changes(t, j, id)
	for tup := range before {
		if after[tup] == "" && !slices.Contains(got, "delete "+tup.String()) {
			t.Fatalf("%s: %s was deleted and is not in the journal", what, tup)
		}
	}
}

// TestCancel ends a plan in its middle: what was done is told, is in the journal
// and nothing else is, and the end is no success.
func TestCancel(t *testing.T) {
	why := errors.New("somebody wants to stop")
	for name, c := range large {
		for stop := 1; stop <= 8; stop++ {
			t.Run(fmt.Sprintf("%s, send %d", name, stop), func(t *testing.T) {
				quiet(t)
				_, k := made(t, c.n)
				before := rows(t, k)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				sends := 0
				tap := &tapped{Kernel: k, sent: func(conntrack.BatchResult) {
					if sends++; sends == stop {
						cancel(why)
					}
				}}
				opt := c.opt
				opt.Journal = kept(t)
				var res *Result
				var err error
				within(t, "a cancelled plan", func() { res, err = Delete(where(t, k, "udp")).Apply(ctx, tap, opt) })
				after := rows(t, k)
				done := len(before) - len(after)
				if !errors.Is(err, why) || res.Applied != done || res.Unknown != 0 || res.Failed != 0 || done == 0 || done == c.n {
					t.Errorf("%v, %v; %d are gone", res, err, done)
				}
				exactly(t, name, opt.Journal, res.ID, before, after)
				if o, ok := reading(t, opt.Journal, res.ID).Outcome(); !ok || o.Applied != done || o.Error == "" {
					t.Errorf("its outcome is %+v", o)
				}
				if res := apply(t, k, undo(t, opt.Journal, res.ID), Options{}); res.Applied != done {
					t.Errorf("undo: %v", res)
				}
				sameRows(t, "undone", rows(t, k), before)
			})
		}
	}
}

// TestCancelBetweenWindows cancels while the next flows are being read.
func TestCancelBetweenWindows(t *testing.T) {
	why := errors.New("somebody wants to stop")
	for range 20 {
		quiet(t)
		_, k := made(t, 1500)
		ctx, cancel := context.WithCancelCause(t.Context())
		tap := &tapped{Kernel: k, fetch: func(n int) {
			if n == 4 {
				cancel(why)
			}
		}}
		within(t, "a cancelled plan", func() {
			res, err := Delete(where(t, k, "udp")).Apply(ctx, tap, Options{Share: 1})
			if !errors.Is(err, why) || res.Applied != 1500-len(rows(t, k)) || res.Applied == 1500 {
				t.Errorf("%v, %v", res, err)
			}
		})
		cancel(nil)
	}
}

// TestCancelBefore has a context that is over before anything happens.
func TestCancelBefore(t *testing.T) {
	quiet(t)
	_, k := made(t, 300)
	before := rows(t, k)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j := kept(t)
	for name, p := range map[string]*Plan{"delete": Delete(where(t, k, "udp")), "create": directly(t, create(tuple(999))),
		"creates": directly(t, create(tuple(999)), create(tuple(998))), "zero": Zero(where(t, k, "udp")),
		"action": Act("set", "x", Action{N: 1, Do: func(context.Context) (Counts, error) { panic("it was done") }})} {
		if res, err := p.Apply(ctx, k, Options{Journal: j}); !errors.Is(err, context.Canceled) || res.Applied > 0 {
			t.Errorf("%s: %v %v", name, res, err)
		}
		sameRows(t, name, rows(t, k), before)
	}
	if list, _ := j.Store.List(); len(list) > 0 && reading(t, j, list[0].ID).Len() > 0 {
		t.Errorf("a journal says that %v may have been done", changes(t, j, list[0].ID))
	}
}

// TestWindowFails lets the n-th send fail while the next flows were read just
// now: whoever reads must come to an end whatever he has in hand.
func TestWindowFails(t *testing.T) {
	for name, c := range large {
		for range 20 {
			disk := &journaltest.Disk{}
			quiet(t)
			_, k := made(t, c.n)
			before := rows(t, k)
			opt := c.opt
			opt.Journal = kept(t, journal.On(disk))
			sends := 0
			tap := &tapped{Kernel: k, sent: func(conntrack.BatchResult) {
				if sends++; sends == 3 {
					disk.BreakAfter(0)
				}
			}}
			var res *Result
			var err error
			within(t, "a plan whose journal fails", func() { res, err = Delete(where(t, k, "udp")).Apply(t.Context(), tap, opt) })
			var bad *journal.Error
			after := rows(t, k)
			if !errors.As(err, &bad) || res.Applied != len(before)-len(after) || res.Applied == 0 || res.Applied == c.n {
				t.Errorf("%s: %v %v", name, res, err)
			}
			disk.Repair()
			covers(t, name, opt.Journal, res.ID, before, after)
		}
	}
}

// TestWindowFailsAsItIsRead is the same, with a reader that is done with the
// next window at that very moment.
func TestWindowFailsAsItIsRead(t *testing.T) {
	for range 60 {
		quiet(t)
		_, k := made(t, 1500)
		disk := &journaltest.Disk{}
		sends := 0
		tap := &slow{}
		tap.Kernel = k
		tap.sent = func(conntrack.BatchResult) {
			if sends++; sends == 2 {
				disk.BreakAfter(0) // the next window is not taken down any more
			}
		}
		within(t, "a plan whose journal fails", func() {
			_, err := Delete(where(t, k, "udp")).Apply(t.Context(), tap, Options{Share: 1, Journal: kept(t, journal.On(disk))})
			if err == nil {
				t.Error("it succeeded")
			}
		})
	}
}

// slow answers its third fetch as that is being cancelled, and all the same.
type slow struct{ tapped }

func (k *slow) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	if k.first(keys) < 3 {
		return k.Kernel.Fetch(ctx, keys, zero, fn)
	}
	<-ctx.Done()
	return k.Kernel.Fetch(context.WithoutCancel(ctx), keys, zero, fn)
}

// TestReaderFails lets the reading fail in the middle.
func TestReaderFails(t *testing.T) {
	quiet(t)
	_, k := made(t, 1500)
	before := rows(t, k)
	j := kept(t)
	res, err := Delete(where(t, k, "udp")).Apply(t.Context(), &tapped{Kernel: k, fails: 4}, Options{Share: 1, Journal: j})
	after := rows(t, k)
	if !errors.Is(err, errFetch) || res.Applied != len(before)-len(after) || res.Applied != 3*window {
		t.Errorf("%v %v", res, err)
	}
	exactly(t, "a reader that fails", j, res.ID, before, after)
}

// TestAnswersLost loses the answer to the last send: what became of it is unknown,
// and the journal has it as what may have happened.
func TestAnswersLost(t *testing.T) {
	quiet(t)
	m, k := made(t, 1500)
	before := rows(t, k)
	sends := 0
	tap := &tapped{Kernel: k, sent: func(conntrack.BatchResult) {
		if sends++; sends == 11 { // the last window is read, and half of it sent
			m.LoseAnswer(1)
		}
	}}
	j := kept(t)
	res, err := Delete(where(t, k, "udp")).Apply(t.Context(), tap, Options{Share: 1, Batch: window / 2, Journal: j})
	after := rows(t, k)
	if !errors.Is(err, syscall.ENOBUFS) || res.Applied != 1500-92 || res.Unknown != 92 || len(after) != 0 {
		t.Errorf("%v %v; %d are left", res, err, len(after))
	}
	covers(t, "a lost answer", j, res.ID, before, after)
}

// TestDiskFull has room for n bytes of the journal, for every n of the first
// batch: then nothing is changed, and nothing says that something may have been.
func TestDiskFull(t *testing.T) {
	m, k := made(t, 40)
	before := rows(t, k)
	for name, p := range map[string]*Plan{"delete": Delete(where(t, k, "mark == 1")), "create": directly(t, create(tuple(900))),
		"creates": directly(t, create(tuple(900)), create(tuple(901))), "update": changing(t, where(t, k, "mark == 1"), marking(9, 0xff))} {
		done := false
		for n := 0; !done; n += 37 {
			disk := &journaltest.Disk{}
			j := kept(t, journal.On(disk))
			disk.FillAfter(int64(n))
			today(m)
			res, err := p.Apply(t.Context(), k, Options{Journal: j})
			disk.Repair()
			if res.Applied > 0 { // there was room for what is intended
				if n == 0 || res.ID == "" {
					t.Errorf("%s, %d bytes: %v %v", name, n, res, err)
				}
				apply(t, k, undo(t, j, res.ID), Options{})
				done = true
			} else if !errors.Is(err, syscall.ENOSPC) || res.ID != "" {
				t.Errorf("%s, %d bytes: %v %v", name, n, res, err)
			}
			sameRows(t, name, rows(t, k), before)
			if list, err := j.Store.List(); err != nil || !done && len(list) > 0 {
				t.Errorf("%s, %d bytes: %d journals are left, %v", name, n, len(list), err)
			}
		}
	}
}

// TestTableThatGrows has a table that holds less than max when it is counted and
// more by the time that it is read: the plan stops at max.
func TestTableThatGrows(t *testing.T) {
	quiet(t)
	_, k := made(t, 300)
	most := growth(300)
	j := kept(t)
	tap := &tapped{Kernel: k}
	tap.row = func(n int) {
		if n == 0 {
			var reqs []wire.Request
			for i := range 4000 {
				reqs = append(reqs, create(tuple(1000+i)))
			}
			set(t, k, reqs...)
		}
	}
	res, err := Delete(where(t, tap, "udp")).Apply(t.Context(), tap, Options{Max: most, Journal: j})
	left := len(rows(t, k))
	var guard *GuardError
	if !errors.As(err, &guard) || guard.Done > most || res.Applied > most || left != 4300-res.Applied || res.Applied == 0 {
		t.Errorf("%v, %v; %d flows are left", res, err, left)
	}
	if n := len(changes(t, j, res.ID)); n != res.Applied {
		t.Errorf("the journal holds %d changes", n)
	}
}
