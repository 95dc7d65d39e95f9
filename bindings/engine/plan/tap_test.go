package plan

import (
	"context"
	"errors"
	"sync"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// tapped is a kernel between whose calls something happens. What is fetched once
// more counts as one fetch: how often depends on the time that things take.
type tapped struct {
	conntrack.Kernel
	seen   map[wire.Tuple]bool
	times  int                                                               // that something new was fetched
	fails  int                                                               // the fetch that fails, from 1; 0 for none
	fetch  func(n int)                                                       // before the n-th fetch
	told   func(n int)                                                       // after it
	do     func()                                                            // before a single request
	resets func(n int)                                                       // before a fetch that resets n flows
	answer func(i int, v *wire.View) *wire.View                              // what a fetch gets in place of v
	sent   func(conntrack.BatchResult)                                       // after each send
	row    func(n int)                                                       // before the n-th row of a dump, from 1, and before all with 0
	flush  func(context.Context, *wire.Flush) (conntrack.FlushResult, error) // instead of a flush
	mu     sync.Mutex
}

var errFetch = errors.New("the kernel does not answer")

// first is the number of a fetch, 0 where it was made before.
func (k *tapped) first(keys []wire.Key) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[wire.Tuple]bool{}
	}
	if k.seen[keys[0].Tuple] {
		return 0
	}
	for i := range keys {
		k.seen[keys[i].Tuple] = true
	}
	k.times++
	return k.times
}

func (k *tapped) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	n := k.first(keys)
	if n > 0 && k.fetch != nil {
		k.fetch(n)
	}
	if zero && k.resets != nil {
		k.resets(len(keys))
	}
	if n > 0 && n == k.fails {
		return errFetch
	}
	err := k.Kernel.Fetch(ctx, keys, zero, func(i int, v *wire.View) error {
		if k.answer != nil {
			v = k.answer(i, v)
		}
		return fn(i, v)
	})
	if n > 0 && k.told != nil {
		k.told(n)
	}
	return err
}

func (k *tapped) Do(ctx context.Context, r wire.Request) error {
	if k.do != nil {
		k.do()
	}
	return k.Kernel.Do(ctx, r)
}

func (k *tapped) Batch(ctx context.Context, opt conntrack.BatchOptions) (*conntrack.Batch, error) {
	if k.sent != nil {
		opt.Progress = k.sent
	}
	return k.Kernel.Batch(ctx, opt)
}

func (k *tapped) Dump(ctx context.Context, req *wire.Dump, opt conntrack.DumpOptions, fn func(*wire.View) error) (conntrack.DumpResult, error) {
	n := 0
	if k.row != nil {
		k.row(0)
	}
	return k.Kernel.Dump(ctx, req, opt, func(v *wire.View) error {
		if n++; k.row != nil {
			k.row(n)
		}
		return fn(v)
	})
}

func (k *tapped) FlushEcho(ctx context.Context, req *wire.Flush, fn func(*wire.View) error) (conntrack.FlushResult, error) {
	if k.flush != nil {
		return k.flush(ctx, req)
	}
	return k.Kernel.FlushEcho(ctx, req, fn)
}
