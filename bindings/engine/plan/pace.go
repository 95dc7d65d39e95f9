package plan

import (
	"context"
	"time"
)

// pace is a token bucket: it lets so many flows a second through, in portions
// of a tenth of that, so that no burst is larger.
type pace struct {
	rate float64 // flows a second, 0 for no bound
	next time.Time
}

// portion is how many of n flows go at once.
func (p *pace) portion(n int) int {
	if p.rate <= 0 {
		return n
	}
	return min(n, max(1, int(p.rate/10)))
}

// wait returns when n more flows may go.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return context.Cause(ctx)
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	pause := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	if pause <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
