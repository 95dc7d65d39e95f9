package conntrack

import "time"

// nap decides how long to sleep after the queue was read to its end. Waking
// for every event costs more than reading it; a reader that comes a few
// milliseconds late finds many and wakes once. Where little comes in there is
// no nap, so that somebody who watches sees each event at once.
type nap struct {
	size int // of the receive buffer, bytes
	last time.Duration
}

// Bounds of a nap, and what makes one worth it.
const (
	minNap  = time.Millisecond
	maxNap  = 4 * time.Millisecond
	fewRead = 8
	// eventWeight is what an event takes of the receive buffer.
	eventWeight = 1280
)

// after returns the nap that follows a drain of n messages. It grows while
// drains leave most of the buffer free and shrinks where they do not.
func (p *nap) after(n int) time.Duration {
	room := p.size / eventWeight
	switch {
	case n <= fewRead:
		p.last = 0
	case n > room/4:
		if p.last /= 2; p.last < minNap {
			p.last = 0
		}
	case n <= room/8:
		p.last = min(max(2*p.last, minNap), maxNap)
	}
	return p.last
}
