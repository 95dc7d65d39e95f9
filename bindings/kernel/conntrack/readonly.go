package conntrack

import (
	"context"
	"errors"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// ErrReadOnly refuses a change of a [ReadOnly] kernel.
var ErrReadOnly = errors.New("read-only: nothing is changed")

// ReadOnly returns k without the ability to change anything: no request is
// sent that is not a question, and none that resets counters while it reads.
func ReadOnly(k Kernel) Kernel { return &readOnly{k} }

type readOnly struct{ Kernel }

// Dump implements Kernel.
func (r *readOnly) Dump(ctx context.Context, req *wire.Dump, opt DumpOptions, fn func(*wire.View) error) (DumpResult, error) {
	if req.Zero {
		return DumpResult{}, ErrReadOnly
	}
	return r.Kernel.Dump(ctx, req, opt, fn)
}

// Get implements Kernel.
func (r *readOnly) Get(ctx context.Context, req wire.Get, e *wire.Entry) (bool, error) {
	if req.Zero {
		return false, ErrReadOnly
	}
	return r.Kernel.Get(ctx, req, e)
}

// Fetch implements Kernel.
func (r *readOnly) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	if zero {
		return ErrReadOnly
	}
	return r.Kernel.Fetch(ctx, keys, zero, fn)
}

// GetTimeout implements Kernel. Its request is open to all kinds, so the two
// that ask are named.
func (r *readOnly) GetTimeout(ctx context.Context, req wire.Request, t *wire.Timeout) (bool, error) {
	switch req.(type) {
	case wire.TimeoutGet, wire.TimeoutDefaultGet:
		return r.Kernel.GetTimeout(ctx, req, t)
	}
	return false, ErrReadOnly
}

// Do implements Kernel.
func (r *readOnly) Do(context.Context, wire.Request) error { return ErrReadOnly }

// FlushEcho implements Kernel.
func (r *readOnly) FlushEcho(context.Context, *wire.Flush, func(*wire.View) error) (FlushResult, error) {
	return FlushResult{}, ErrReadOnly
}

// Batch implements Kernel.
func (r *readOnly) Batch(context.Context, BatchOptions) (*Batch, error) { return nil, ErrReadOnly }
