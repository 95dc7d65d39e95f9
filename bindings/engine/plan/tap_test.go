package plan

import (
	"context"
	"errors"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// tapped is a kernel between whose calls something happens.
type tapped struct {
	conntrack.Kernel
	fetched int
	fails   int                                                               // the fetch that fails, 0 for none
	fetch   func(n int)                                                       // before the n-th fetch, from 1
	told    func(n int)                                                       // after it
	answer  func(i int, v *wire.View) *wire.View                              // what a fetch gets in place of v
	sent    func(conntrack.BatchResult)                                       // after each send
	row     func(n int)                                                       // before the n-th row of a dump, from 1
	flush   func(context.Context, *wire.Flush) (conntrack.FlushResult, error) // instead of a flush
}

var errFetch = errors.New("the kernel does not answer")

func (k *tapped) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	k.fetched++
	if k.fetch != nil {
		k.fetch(k.fetched)
	}
	if k.fetched == k.fails {
		return errFetch
	}
	err := k.Kernel.Fetch(ctx, keys, zero, func(i int, v *wire.View) error {
		if k.answer != nil {
			v = k.answer(i, v)
		}
		return fn(i, v)
	})
	if k.told != nil {
		k.told(k.fetched)
	}
	return err
}

func (k *tapped) Batch(ctx context.Context, opt conntrack.BatchOptions) (*conntrack.Batch, error) {
	if k.sent != nil {
		opt.Progress = k.sent
	}
	return k.Kernel.Batch(ctx, opt)
}

func (k *tapped) Dump(ctx context.Context, req *wire.Dump, opt conntrack.DumpOptions, fn func(*wire.View) error) (conntrack.DumpResult, error) {
	n := 0
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
