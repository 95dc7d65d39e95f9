package plan

import (
	"fmt"
	"sync"
	"time"
)

// Breaker bounds how much is changed over time by whatever runs unattended: a
// handler that goes wrong stops at its bound. Once it has opened it stays open
// until nothing was asked of it for a whole period, so that a handler which
// keeps on asking stays stopped.
type Breaker struct {
	Max  int           // changes a period
	Per  time.Duration // the period
	mu   sync.Mutex    // plans are applied by several tasks at once
	done []portion     // in the period, oldest first
	open time.Time     // when it last refused, zero while it is closed
}

type portion struct {
	at time.Time
	n  int
}

// BreakerError says that a Breaker is open. Nothing was changed.
type BreakerError struct {
	Max  int
	Per  time.Duration
	Done int // in the last period
	N    int // asked for
}

// Error implements error.
func (e *BreakerError) Error() string {
	return fmt.Sprintf("%d changes in the last %v and %d more would be over %d: the breaker is open until nothing is asked for %v; nothing was changed",
		e.Done, e.Per, e.N, e.Max, e.Per)
}

// Allow tells whether n more changes may be made at a time, and takes them as
// made where they may.
func (b *Breaker) Allow(n int, now time.Time) error {
	if n == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := 0
	kept := b.done[:0]
	for _, p := range b.done {
		if now.Sub(p.at) < b.Per {
			kept, sum = append(kept, p), sum+p.n
		}
	}
	b.done = kept
	if sum+n > b.Max || !b.open.IsZero() && now.Sub(b.open) < b.Per {
		b.open = now
		return &BreakerError{b.Max, b.Per, sum, n}
	}
	b.open = time.Time{}
	b.done = append(b.done, portion{now, n})
	return nil
}
