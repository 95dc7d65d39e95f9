package plan

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/journal/journaltest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// slowDisk is one on which something happens while a file is synced.
type slowDisk struct {
	journaltest.Disk
	synced func()
}

func (d *slowDisk) OpenDir(path string) (journal.Folder, error) {
	f, err := d.Disk.OpenDir(path)
	return &slowFolder{f, d}, err
}

type slowFolder struct {
	journal.Folder
	disk *slowDisk
}

func (f *slowFolder) Create(name string) (journal.File, error) {
	c, err := f.Folder.Create(name)
	return &slowFile{c, f.disk}, err
}

type slowFile struct {
	journal.File
	disk *slowDisk
}

func (f *slowFile) Sync() error {
	f.disk.synced()
	return f.File.Sync()
}

// slowFetch is a kernel of which something happens while answers are read.
type slowFetch struct {
	conntrack.Kernel
	told func()
}

func (k *slowFetch) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	defer k.told()
	return k.Kernel.Fetch(ctx, keys, zero, fn)
}

// freshFor changes for how long looks are fresh, until the test ends.
func freshFor(t *testing.T, d time.Duration) {
	was := fresh
	fresh = d
	t.Cleanup(func() { fresh = was })
}

// TestConfirmOfAnUpdate has a flow that somebody changes while it is being taken
// down: what it would be changed from is not what it has.
func TestConfirmOfAnUpdate(t *testing.T) {
	freshFor(t, 0)
	_, k := made(t, 8)
	j := kept(t)
	met := func() conntrack.Kernel {
		looks := 0
		return &slowFetch{k, func() {
			if looks++; looks == 1 {
				set(t, k, mark(1, 9))
			}
		}}
	}
	one := met()
	res := apply(t, one, changing(t, where(t, one, "sport == 4000 and src in {10.0.0.1, 10.0.0.5}"), marking(5, ^uint32(0))), Options{Journal: j})
	if adds(t, res); res.Applied != 1 || res.Changed != 1 || count(t, k, map[string]any{"mark": 9.0}) != 1 {
		t.Errorf("%v %v", res, rows(t, k))
	}
	set(t, k, mark(1, 1))
	apply(t, k, changing(t, where(t, k, "mark == 1"), marking(5, ^uint32(0))), Options{Journal: j})
	res = apply(t, met(), undo(t, j, ""), Options{})
	if adds(t, res); res.Applied != 0 || res.Changed != 1 || count(t, k, map[string]any{"mark": 9.0}) != 1 {
		t.Errorf("undo: %v %v", res, rows(t, k))
	}
}

// TestConfirm changes flows while they are being taken down: they were looked at
// before that, and are looked at again behind it, more than once. What then is not sent is not
// in the journal; nor is what is refused or not sent any more.
func TestConfirm(t *testing.T) {
	for name, c := range map[string]struct {
		opt     Options
		cancels bool
		want    Result
	}{
		"found first":                {Options{Share: 1}, false, Result{Applied: 245, Gone: 2, Changed: 2, Protected: 1}},
		"found first, cancelled":     {Options{Share: 1}, true, Result{Applied: 100, Gone: 1, Changed: 2, Protected: 1}},
		"found meanwhile":            {Options{}, false, Result{Applied: 245, Gone: 2, Changed: 2, Protected: 1}},
		"found meanwhile, cancelled": {Options{}, true, Result{Applied: 100, Gone: 1, Changed: 2, Protected: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t)
			m, k := made(t, 1000) // 250 of mark 1, less than a window
			freshFor(t, -1)
			before := rows(t, k)
			delete(before, tuple(1))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			disk := &slowDisk{}
			disk.synced = sync.OnceFunc(func() {
				m.Advance(time.Second)
				set(t, k, gone(1), gone(5), create(tuple(5), marked(1)))
			})
			again := sync.OnceFunc(func() { set(t, k, mark(9, 2), mark(13, 0x11)) })
			sent := sync.OnceFunc(func() {
				if c.cancels {
					cancel()
					return
				}
				last := 997 // one that comes with a later send
				for !present(t, k, last) {
					last -= 4
				}
				set(t, k, gone(last))
				delete(before, tuple(last))
			})
			slow := &slowFetch{k, func() { // a look may take long too
				if !present(t, k, 1) {
					again()
				}
			}}
			tap := &tapped{Kernel: slow, sent: func(conntrack.BatchResult) { sent() }}
			opt := c.opt
			opt.Batch, opt.Journal, opt.Guard = 100, kept(t, journal.On(disk)), protecting(t, "mark == 0x10/0xf0")
			res, err := Delete(where(t, tap, "mark == 0x1/0xf")).Apply(ctx, tap, opt)
			if c.cancels != errors.Is(err, context.Canceled) || !c.cancels && err != nil {
				t.Fatal(res, err)
			}
			if w := c.want; res.Applied != w.Applied || res.Gone != w.Gone || res.Changed != w.Changed || res.Protected != w.Protected || res.Failed+res.Unknown > 0 {
				t.Errorf("%v, want %v", res, &w)
			}
			after := rows(t, k)
			for _, n := range []int{5, 9, 13} {
				if after[tuple(n)] == "" {
					t.Errorf("flow %d was deleted", n)
				}
			}
			exactly(t, name, opt.Journal, res.ID, before, after)
		})
	}
}
