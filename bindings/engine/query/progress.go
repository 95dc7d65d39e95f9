package query

import (
	"context"
	"sync/atomic"
)

// Progress is how far a query has come, for who watches it run.
type Progress struct {
	read atomic.Int64
}

// Read is how many flows the kernel has told so far, to the next thousand.
func (p *Progress) Read() int { return int(p.read.Load()) }

// add notes that so many more flows were told. p may be nil.
func (p *Progress) add(n int) {
	if p != nil {
		p.read.Add(int64(n))
	}
}

type progressKey struct{}

// WithProgress returns a context whose queries tell p how far they are.
func WithProgress(ctx context.Context, p *Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

func progressOf(ctx context.Context) *Progress {
	p, _ := ctx.Value(progressKey{}).(*Progress)
	return p
}
