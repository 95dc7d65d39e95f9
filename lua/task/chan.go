package task

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrClosed is returned for a value that is sent on a closed channel.
var ErrClosed = errors.New("the channel is closed")

// Chan carries values from task to task, in order. Its methods are called with
// the turn held and give it away while they wait.
type Chan[T any] struct {
	g         *Group
	limit     int
	ring      []T // grows up to limit
	head, n   int
	senders   []*slot[T] // who waits, in order
	receivers []*slot[T]
	closed    bool
}

// slot is the place of a value that a task waits to send or to receive.
type slot[T any] struct {
	waiter
	value T
	ok    bool // the value was passed on, not given up
}

// NewChan returns a channel that holds up to limit values which nobody has
// received yet. With 0 a sender waits for its receiver.
func NewChan[T any](g *Group, limit int) *Chan[T] { return &Chan[T]{g: g, limit: limit} }

// Len is how many values wait to be received, those of waiting senders left
// out.
func (c *Chan[T]) Len() int { return c.n }

// Cap is how many values it holds.
func (c *Chan[T]) Cap() int { return c.limit }

// Closed tells whether it was closed.
func (c *Chan[T]) Closed() bool { return c.closed }

// Send passes v on. It returns ErrClosed, ErrTimeout after d, the cause of
// ctx, or ErrDeadlock; v was not passed on then. A timeout of Forever is none.
func (c *Chan[T]) Send(ctx context.Context, v T, d time.Duration) error {
	switch {
	case c.closed:
		return ErrClosed
	case len(c.receivers) > 0:
		s := take(&c.receivers)
		s.value, s.ok = v, true
		c.g.wake(&s.waiter)
		return nil
	case c.n < c.limit:
		c.push(v)
		return nil
	}
	s := &slot[T]{waiter: newWaiter(), value: v}
	c.senders = append(c.senders, s)
	err := c.g.park(ctx, &s.waiter, d)
	switch {
	case s.ok:
		return nil
	case err == nil:
		return ErrClosed
	}
	c.senders = without(c.senders, s)
	return err
}

// Recv returns the next value, with ok false where there is none and the
// channel is closed. It returns ErrTimeout after d, the cause of ctx, or
// ErrDeadlock. A timeout of Forever is none.
func (c *Chan[T]) Recv(ctx context.Context, d time.Duration) (v T, ok bool, err error) {
	switch {
	case c.n > 0:
		v = c.pop()
		if len(c.senders) > 0 {
			c.push(c.accept())
		}
		return v, true, nil
	case len(c.senders) > 0:
		return c.accept(), true, nil
	case c.closed:
		return v, false, nil
	}
	s := &slot[T]{waiter: newWaiter()}
	c.receivers = append(c.receivers, s)
	if err = c.g.park(ctx, &s.waiter, d); err != nil {
		c.receivers = without(c.receivers, s)
	}
	return s.value, s.ok, err
}

// Close ends the channel: what it holds can still be received, and nothing
// more be sent. Who waits to send gets ErrClosed. A second time does nothing.
func (c *Chan[T]) Close() {
	c.closed = true
	for _, s := range c.senders {
		c.g.wake(&s.waiter)
	}
	for _, s := range c.receivers {
		c.g.wake(&s.waiter)
	}
	c.senders, c.receivers = nil, nil
}

// accept takes the value of the sender that has waited longest.
func (c *Chan[T]) accept() T {
	s := take(&c.senders)
	s.ok = true
	c.g.wake(&s.waiter)
	return s.value
}

// firstRing is how many places a ring begins with.
const firstRing = 8

func (c *Chan[T]) push(v T) {
	if c.n == len(c.ring) {
		bigger := make([]T, min(c.limit, max(firstRing, 2*c.n)))
		k := copy(bigger, c.ring[c.head:])
		copy(bigger[k:], c.ring[:c.head])
		c.ring, c.head = bigger, 0
	}
	c.ring[(c.head+c.n)%len(c.ring)] = v
	c.n++
}

func (c *Chan[T]) pop() T {
	v := c.ring[c.head]
	var none T
	c.ring[c.head] = none
	c.head = (c.head + 1) % len(c.ring)
	c.n--
	return v
}

// take removes the first of a queue.
func take[T any](queue *[]*T) *T {
	q := *queue
	first := q[0]
	q[0] = nil
	*queue = q[1:]
	return first
}

// without removes x from a queue.
func without[T any](queue []*T, x *T) []*T {
	if i := slices.Index(queue, x); i >= 0 {
		return slices.Delete(queue, i, i+1)
	}
	return queue
}
